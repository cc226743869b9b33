package story

import (
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
)

// QA turns the release's flag on in staging, and nowhere beyond; sees through the door of programs that those who are
// meant get the new variant there and all others the old one; and says so. Nobody else can say it, and before it is
// said no visitor gets the release, even when all else is done.
//
// req: FF-24
func TestNoReleaseGoesOutBeforeQATriedItsFlag(t *testing.T) {
	o := options{idle: true, edit: []string{"load: off, flags: off", "load: off, flags: tested"}}
	each(t, o, func(t *testing.T, w *world) {
		qa := w.by("quinn")
		_, err := w.by("pia").CreateFlag(w.ctx, api.CreateFlag{Key: "checkout"})
		w.ok(err)
		r := w.start("v2")
		w.gates(r)
		r = w.reaches(r.ID, "wait for its flags", func(r api.Release) bool {
			return r.Sentence == "v2 waits. The flags have been tested: nothing reported yet."
		})

		put := api.PutFlagConfig{On: true, Off: "off", Default: api.FlagServe{Variant: "off"}, Rules: []api.FlagRule{{
			If:    []api.FlagCondition{{Attribute: "plan", Op: "equals", Values: []any{"pro"}}},
			Serve: api.FlagServe{Variant: "on"},
		}}}
		_, err = qa.PutFlagConfig(w.ctx, "checkout", "production", put)
		w.refused(err, "permission_missing")
		_, err = qa.PutFlagConfig(w.ctx, "checkout", "staging", put)
		w.ok(err)
		key, err := w.admin().CreateFlagKey(w.ctx, api.CreateFlagKey{Environment: "staging", Kind: "server", Name: "qa"})
		w.ok(err)
		program, err := client.New(w.url, client.Options{Token: key.Secret, HTTP: w.http})
		w.ok(err)
		for plan, want := range map[string]string{"pro": "on", "free": "off"} {
			w.until("staging serves "+want, func() bool {
				out, err := program.EvaluateFlag(w.ctx, "checkout", "", map[string]any{"targetingKey": "u", "plan": plan})
				return err == nil && out.Variant == want
			})
		}

		for who, why := range map[string]string{"pia": "role_missing", "ada": "role_missing", "dora": "permission_missing"} {
			_, err := w.by(who).ReportCheck(w.ctx, api.ReportCheck{Version: "v2", Commit: "c-v2", Name: "flags_tested",
				Status: "passed", Summary: "it looked fine"})
			w.refused(err, why)
		}
		if r = w.release(r.ID); r.Share != 0 || r.Stage != "staging" {
			t.Fatalf("it went to %s at %g %% although nobody tried its flag", r.Stage, r.Share)
		}
		w.report("quinn", "v2", "flags_tested", "passed")
		w.exposed(r.ID, 50)
	})
}
