package story

import (
	"testing"

	"github.com/slipwayhq/slipway/api"
)

// Orders fail since a flag is on. Incident response reports it, sees the flag offered first, turns it off from the
// incident, and reads there that it is served off, that the shop passes its smoke suite, and that the guard is calm.
//
// req: FF-25 RB-47
func TestAFlagIsTurnedOffFromAnIncident(t *testing.T) {
	each(t, options{edit: []string{"watch: 500ms", "watch: 5s"}}, func(t *testing.T, w *world) {
		for _, key := range []string{"banner", "checkout"} {
			_, err := w.by("pia").CreateFlag(w.ctx, api.CreateFlag{Key: key})
			w.ok(err)
		}
		_, err := w.by("pia").TurnFlagOn(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "launch"})
		w.ok(err)
		i, err := w.by("inez").ReportIssue(w.ctx, api.ReportIssue{Title: "orders fail"})
		w.ok(err)
		all, err := w.by("inez").FlagSuspects(w.ctx, i.ID, "")
		w.ok(err)
		if len(all.Items) != 2 || all.Items[0].Flag != "checkout" || !all.Items[0].Recent || all.Items[1].Recent {
			t.Errorf("suspected: %+v", all.Items)
		}
		off := api.TurnFlagOff{Flag: "checkout", Reason: "orders fail since its launch"}
		_, err = w.by("ada").TurnFlagOffFor(w.ctx, i.ID, off)
		w.refused(err, "permission_missing")
		_, err = w.by("inez").TurnFlagOffFor(w.ctx, i.ID, off)
		w.ok(err)
		w.until("it is looked at", func() bool {
			i, err = w.by("inez").Incident(w.ctx, i.ID)
			return err == nil && len(i.FlagsOff) == 1 && i.FlagsOff[0].Phase == "done"
		})
		f := i.FlagsOff[0]
		for what, x := range map[string]*api.FlagOffFound{"served": f.Confirmed, "smoke": f.Smoked, "guard": f.Watched} {
			if x == nil || x.Finding != "good" {
				t.Errorf("%s: %+v", what, x)
			}
		}
		seen := map[string]int{}
		for _, e := range i.Timeline {
			seen[e.Kind]++
		}
		for _, kind := range []string{"opened", "flag_off", "flag_served", "flag_checked", "flag_watched"} {
			if seen["incident."+kind] != 1 {
				t.Errorf("the timeline has %v", seen)
			}
		}
	})
}
