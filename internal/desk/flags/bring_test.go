package flags_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
)

// What people wrote here and flagd's format has no word for stays when its export comes back: the ids and the
// descriptions of rules, and what segments are for.
func TestAnExportToFlagdComesBackAsAnEmptyPlan(t *testing.T) {
	each(t, plain+"flags: {attributes: [plan, country]}\n", func(t *testing.T, w *world) {
		root := w.as("admin")
		f := file(t)
		there := f.Flags[0].Environments["staging"]
		there.Rules[0].ID, there.Rules[0].Description = "staff", "We see it first."
		there.Rules[1].ID, there.Rules[1].Description = "paying", "They asked for it."
		there.Rules = append(there.Rules, api.FlagRule{ID: "half", If: []api.FlagCondition{{Attribute: "country",
			Op: "equals", Values: []any{"NL", "DE"}}}, Serve: api.FlagServe{Split: []api.FlagPortion{
			{Variant: "on", Weight: 5000}, {Variant: "off", Weight: 5000}}}})
		f.Flags[0].Environments["staging"] = there
		beta := api.SegmentSpec{Description: "Who asked.", Excluded: []string{"eve"},
			Any: [][]api.FlagCondition{{{Attribute: "plan", Op: "equals", Values: []any{"pro"}}}}}
		f.Segments = append(f.Segments, api.SegmentEntry{Key: "beta",
			Environments: map[string]api.SegmentSpec{"staging": beta}})
		_, err := w.Apply(w.ctx, root, api.ApplyFlags{File: f})
		w.ok(err)
		before, err := w.Config(w.ctx, root, "checkout", "staging")
		w.ok(err)
		doc, err := w.Document(w.ctx, root, "staging")
		w.ok(err)
		in := api.ImportFlags{Source: "flagd", Environment: "staging", Export: doc}
		got, err := w.Import(w.ctx, root, in)
		w.ok(err)
		if got.Plan.Drift {
			t.Errorf("it is not as it was:\n%s", plan(got.Plan))
			for _, s := range got.Plan.Steps {
				t.Logf("%+v", s.Sentence)
			}
		}
		after, err := w.Config(w.ctx, root, "checkout", "staging")
		w.ok(err)
		if d := cmp.Diff(before, after); d != "" {
			t.Error(d)
		}
	})
}

// req: FF-04
func TestEveryExportIsImportedOnce(t *testing.T) {
	for _, source := range []string{"flagd", "flagsmith", "growthbook", "launchdarkly", "unleash", "vercel"} {
		t.Run(source, func(t *testing.T) {
			export, err := os.ReadFile("../../flag/foreign/testdata/" + source + ".json")
			if err != nil {
				t.Fatal(err)
			}
			each(t, plain, func(t *testing.T, w *world) {
				root := w.as("admin")
				in := api.ImportFlags{Source: source, Export: export, Environment: "staging", Only: true,
					Environments: map[string]string{"production": "production", "prod": "production", "test": "staging",
						"staging": "staging", "": "staging", "dev": "staging", "development": "staging",
						"preview": "development"}}
				done, err := w.Import(w.ctx, root, in)
				w.ok(err)
				if !done.Plan.Done || !done.Plan.Drift {
					t.Fatalf("%s: %s", done.Plan.Sentence, plan(done.Plan))
				}
				before, err := w.Export(w.ctx, root, "")
				w.ok(err)
				again, err := w.Import(w.ctx, root, in)
				w.ok(err)
				if again.Plan.Drift {
					t.Errorf("imported again:\n%s", plan(again.Plan))
				}
				after, err := w.Export(w.ctx, root, "")
				w.ok(err)
				if d := cmp.Diff(before, after); d != "" {
					t.Error(d)
				}
			})
		})
	}
}
