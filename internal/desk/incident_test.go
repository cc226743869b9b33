package desk

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
)

// incident reports a problem in production and returns its id.
func (w *world) incident() string {
	w.t.Helper()
	i, err := w.ReportIssue(w.ctx, access.System("test"), api.ReportIssue{Title: "orders fail"})
	w.ok(err)
	return i.ID
}

// What is on and changed lately is suspected first, the newest before the others; what is off or archived is not.
//
// req: FF-25
func TestFlagsThatChangedLatelyAreSuspectedFirst(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		who := access.System("test")
		for _, key := range []string{"banner", "cart", "draw", "exit", "gone"} {
			_, err := w.Flags.Create(w.ctx, who, api.CreateFlag{Key: key})
			w.ok(err)
		}
		for _, key := range []string{"exit", "banner", "draw"} {
			_, err := w.Flags.Switch(w.ctx, who, key, "production", true, api.SwitchFlag{Reason: "launch of " + key})
			w.ok(err)
		}
		_, err := w.Flags.Archive(w.ctx, who, "gone", "", true)
		w.ok(err)
		id := w.incident()
		got, err := w.FlagSuspects(w.ctx, w.as("incident"), id, "")
		w.ok(err)
		var keys []string
		for _, s := range got.Items {
			word := s.Flag
			if s.Recent {
				word += "!"
				if !strings.Contains(s.Sentence, "launch of "+s.Flag) {
					t.Errorf("%s: %s", s.Flag, s.Sentence)
				}
			}
			keys = append(keys, word)
		}
		if s := strings.Join(keys, " "); s != "draw! banner! exit! cart" || got.Environment != "production" {
			t.Errorf("in %s: %s", got.Environment, s)
		}
		elsewhere, err := w.FlagSuspects(w.ctx, who, id, "staging") // where new flags start on
		w.ok(err)
		if len(elsewhere.Items) != 4 || !elsewhere.Items[3].Recent {
			t.Errorf("in staging: %+v", elsewhere.Items)
		}
	})
}

// The incident tells what was turned off, why and what came of it; a reason is asked for.
//
// req: FF-25 RB-47
func TestAFlagIsTurnedOffFromItsIncident(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		who := access.System("test")
		_, err := w.Flags.Create(w.ctx, who, api.CreateFlag{Key: "checkout"})
		w.ok(err)
		_, err = w.Flags.Switch(w.ctx, who, "checkout", "production", true, api.SwitchFlag{})
		w.ok(err)
		id := w.incident()
		if _, err := w.TurnFlagOff(w.ctx, w.as("incident"), id, api.TurnFlagOff{Flag: "checkout"}); !fault.Is(err,
			fault.Invalid) {
			t.Errorf("without a reason: %v", err)
		}
		i, err := w.TurnFlagOff(w.ctx, w.as("incident"), id, api.TurnFlagOff{Flag: "checkout", Reason: "orders fail"})
		w.ok(err)
		if len(i.FlagsOff) != 1 || i.FlagsOff[0].Environment != "production" || i.FlagsOff[0].Until == nil {
			t.Fatalf("%+v", i.FlagsOff)
		}
		said := ""
		for _, e := range i.Timeline {
			said += e.Kind + ": " + e.Sentence + "\n"
		}
		if !strings.Contains(said, "incident.flag_off: incident turns checkout off in production because of this incident: "+
			"orders fail") {
			t.Errorf("the timeline says\n%s", said)
		}
		c, err := w.Flags.Config(w.ctx, who, "checkout", "production")
		w.ok(err)
		if c.On || c.Reason != "orders fail" {
			t.Errorf("the flag: %+v", c)
		}
	})
}
