package flags_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/desk/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

func TestTheListSaysWhatWasSeenAndWhatCouldGo(t *testing.T) {
	each(t, plain, func(_ *testing.T, w *world) {
		root := w.as("admin")
		now, err := w.DB.Now(w.ctx)
		w.ok(err)
		past := now.Add(-48 * time.Hour)
		for _, in := range []api.CreateFlag{{Key: "used"}, {Key: "due", Expires: &past}, {Key: "old", Expires: &past}} {
			in.Kind = "boolean"
			_, err := w.Create(w.ctx, root, in)
			w.ok(err)
		}
		_, err = w.Archive(w.ctx, root, "old", "", true)
		w.ok(err)
		w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
			return tx.AddFlagUsage(w.ctx, []store.FlagUsage{
				{App: "shop", Environment: "staging", Flag: "used", Variant: "on", At: now.Unix() - 600, Span: 60, Evaluations: 3},
				{App: "shop", Environment: "production", Flag: "used", Variant: "on", At: now.Unix() - 10, Span: 3600,
					Evaluations: 1},
			})
		}))
		page, err := w.Flags(w.ctx, root, flags.Query{})
		w.ok(err)
		if page.Sentence != "2 flags; 1 could go." {
			w.t.Errorf("the list says %q", page.Sentence)
		}
		stale, err := w.Flags(w.ctx, root, flags.Query{State: "stale"})
		w.ok(err)
		if len(stale.Items) != 1 || stale.Items[0].Key != "due" || stale.Items[0].Stale == "" || stale.Sentence != "" {
			w.t.Errorf("stale: %+v", stale)
		}
		x, err := w.Flag(w.ctx, root, "used")
		w.ok(err)
		for _, c := range x.Environments {
			switch at := c.Evaluated; c.Environment {
			case "staging":
				if at == nil || now.Unix()-at.Unix() != 540 {
					w.t.Errorf("staging was seen %v, now is %v", at, now)
				}
			case "production":
				if at == nil || at.After(now.Add(time.Minute)) {
					w.t.Errorf("production was seen %v, which lies ahead of %v", at, now)
				}
			default:
				if at != nil {
					w.t.Errorf("%s was seen %v", c.Environment, at)
				}
			}
		}
		for hours, want := range map[int]string{
			1:  "It was evaluated 3 times in staging in the last hour",
			24: "It was evaluated 3 times in staging in the last 24 hours",
		} {
			usage, err := w.Usage(w.ctx, root, "used", "staging", hours)
			w.ok(err)
			if !strings.HasPrefix(usage.Sentence, want) {
				w.t.Errorf("%d hours: %q", hours, usage.Sentence)
			}
		}
		if _, err := w.Usage(w.ctx, root, "used", "nowhere", 1); fault.ReasonOf(err) != "environment_unknown" {
			w.t.Errorf("an environment that there is not: %v", err)
		}
	})
}
