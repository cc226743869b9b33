package flags_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
)

const asking = plain + "flags: {approve: {production: [product]}, attributes: [plan]}\n"

const code = `{
	"flags": [
		{"key": "checkout", "owner": "product", "tags": ["shop"], "environments": {
			"staging": {"on": true, "off": "off", "default": {"variant": "off"}, "rules": [
				{"if": [{"segment": "staff"}], "serve": {"variant": "on"}},
				{"if": [{"attribute": "plan", "op": "equals", "values": ["pro"]}], "serve": {"variant": "on"}}
			]},
			"production": {"off": "off", "default": {"split": [
				{"variant": "on", "weight": 500}, {"variant": "off", "weight": 9500}]}}
		}},
		{"key": "color", "kind": "string", "variants": [{"name": "red", "value": "#f00"}, {"name": "blue", "value": "#00f"}]}
	],
	"segments": [{"key": "staff", "environments": {"staging": {"description": "Us.", "members": ["u2", "u1"]}}}]
}`

func file(t *testing.T) api.FlagFile {
	t.Helper()
	var f api.FlagFile
	if err := json.Unmarshal([]byte(code), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func plan(p api.FlagPlan) string {
	var out []string
	for _, s := range p.Steps {
		name := s.Flag
		if s.Segment != "" {
			name = "segment " + s.Segment
		}
		out = append(out, strings.TrimSpace(s.What+" "+name+" "+s.Environment))
	}
	return strings.Join(out, "\n")
}

// req: FF-04
func TestAFileIsAppliedOnceAndThenThereIsNoDrift(t *testing.T) {
	each(t, asking, func(t *testing.T, w *world) {
		root := w.as("admin")
		_, err := w.Create(w.ctx, root, api.CreateFlag{Key: "old"})
		w.ok(err)
		in := api.ApplyFlags{File: file(t), DryRun: true, Prune: true}
		dry, err := w.Apply(w.ctx, root, in)
		w.ok(err)
		const want = "create checkout\ncreate color\ncreate segment staff staging\nchange segment staff staging\n" +
			"change checkout production\nchange checkout staging\narchive old"
		if diff := cmp.Diff(want, plan(dry)); diff != "" || dry.Done || !dry.Drift ||
			dry.Sentence != "3 to create, 3 to change, 1 to archive." { // what it does not do is not counted
			t.Fatalf("plan (-want +got):\n%s\n%s", diff, dry.Sentence)
		}
		if _, err := w.DB.Flag(w.ctx, "shop", "checkout"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a dry run did something: %v", err)
		}
		in.DryRun = false
		got, err := w.Apply(w.ctx, root, in)
		w.ok(err)
		if !got.Done || got.Steps[4].Draft == "" {
			t.Fatalf("applied: %+v", got)
		}
		again, err := w.Apply(w.ctx, root, in)
		w.ok(err)
		for _, s := range again.Steps {
			waits := s.Flag == "checkout" && s.Environment == "production"
			if (s.What == "unchanged") == waits || waits && s.Draft != got.Steps[4].Draft {
				t.Errorf("the second time: %+v", s)
			}
		}
		staging, err := w.Config(w.ctx, root, "checkout", "staging")
		w.ok(err)
		if len(staging.Rules) != 2 || !staging.On {
			t.Errorf("staging: %+v", staging)
		}
		_, err = w.Switch(w.ctx, root, "checkout", "staging", false, api.SwitchFlag{Reason: "broken"})
		w.ok(err)
		in.DryRun, in.Environments = true, []string{"staging"}
		drift, err := w.Apply(w.ctx, root, in)
		w.ok(err)
		if !drift.Drift || !strings.Contains(plan(drift), "change checkout staging") {
			t.Errorf("drift:\n%s", plan(drift))
		}
	})
}

// req: FF-19
func TestAFileIsRefusedAsAWhole(t *testing.T) {
	each(t, asking, func(t *testing.T, w *world) {
		root := w.as("admin")
		for name, change := range map[string]func(*api.FlagFile){
			"flag_file_invalid": func(f *api.FlagFile) { f.Segments = nil },
			"flag_twice":        func(f *api.FlagFile) { f.Flags = append(f.Flags, f.Flags[0]) },
			"flag_invalid":      func(f *api.FlagFile) { f.Flags[1].Variants = nil },
		} {
			f := file(t)
			change(&f)
			_, err := w.Apply(w.ctx, root, api.ApplyFlags{File: f})
			if fault.ReasonOf(err) != name {
				t.Errorf("%v, want %s", err, name)
			}
		}
		f := file(t)
		f.Flags[0].Environments["staging"].Rules[1].If[0].Attribute = "salary"
		_, err := w.Apply(w.ctx, root, api.ApplyFlags{File: f})
		w.refused(err, fault.Invalid, "flag_file_invalid")
		if list, err := w.DB.Flags(w.ctx, "shop"); err != nil || len(list) != 0 {
			t.Errorf("%d flags of files that were refused, %v", len(list), err)
		}
		got, err := w.Apply(w.ctx, w.as("development"), api.ApplyFlags{File: file(t), Environments: []string{"staging"}})
		w.ok(err)
		if !got.Done {
			t.Errorf("development applies to staging: %+v", got)
		}
		f = file(t)
		f.Flags[0].Environments["production"] = api.ConfigEntry{Off: "off", Default: api.FlagServe{Variant: "off"}}
		got, err = w.Apply(w.ctx, w.as("development"), api.ApplyFlags{File: f, Environments: []string{"production"}})
		w.ok(err)
		last := got.Steps[len(got.Steps)-1]
		if got.Done || !strings.Contains(last.Problem, "flag:edit") {
			t.Errorf("development applies to production: %+v", got)
		}
	})
}

func TestAnExportIsAFileWithoutDrift(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		root := w.as("admin")
		_, err := w.Apply(w.ctx, root, api.ApplyFlags{File: file(t)})
		w.ok(err)
		f, err := w.Export(w.ctx, root, "")
		w.ok(err)
		got, err := w.Apply(w.ctx, root, api.ApplyFlags{File: f, Prune: true, DryRun: true})
		w.ok(err)
		if got.Drift || len(f.Segments) != 1 || len(f.Flags) != 2 {
			t.Errorf("exported and compared:\n%s", plan(got))
		}
		doc, err := w.Document(w.ctx, root, "staging")
		w.ok(err)
		if !strings.Contains(string(doc), `"u1"`) || !json.Valid(doc) {
			t.Errorf("document: %s", doc)
		}
		_, err = w.Document(w.ctx, w.as("devops"), "production")
		w.refused(err, fault.Denied, "permission_missing")
	})
}

// req: FF-18 FF-20 FF-26
func TestSampleUsersGetWhatTheyWouldGet(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		root := w.as("admin")
		_, err := w.Apply(w.ctx, root, api.ApplyFlags{File: file(t)})
		w.ok(err)
		c, err := w.Config(w.ctx, root, "checkout", "staging")
		w.ok(err)
		got, err := w.Try(w.ctx, w.as("qa"), "checkout", "staging", api.TryFlag{Contexts: []map[string]any{
			{"targetingKey": "u1"}, {"targetingKey": "u3", "plan": "pro"}, {"targetingKey": "u3"}, {},
		}})
		w.ok(err)
		for i, want := range []struct{ variant, rule string }{
			{"on", c.Rules[0].ID}, {"on", c.Rules[1].ID}, {"off", ""}, {"off", ""},
		} {
			if r := got.Items[i]; r.Variant != want.variant || r.Rule != want.rule || r.Sentence == "" || r.Error != "" {
				t.Errorf("user %d: %+v, want %+v", i, r, want)
			}
		}
		if got.Nanos < 1 || got.Nanos > 1e7 {
			t.Errorf("one evaluation takes %g ns", got.Nanos)
		}
		tried := api.PutFlagConfig{On: true, Default: api.FlagServe{Variant: "on"}}
		got, err = w.Try(w.ctx, root, "checkout", "staging", api.TryFlag{Config: &tried,
			Contexts: []map[string]any{{"targetingKey": "u3"}}})
		w.ok(err)
		if got.Items[0].Variant != "on" {
			t.Errorf("unsaved: %+v", got.Items[0])
		}
		// A configuration of one's own can ask for any segment: whoever may not see its list gets no answer from it.
		tried.Rules = []api.FlagRule{{If: []api.FlagCondition{{Segment: "staff"}}, Serve: api.FlagServe{Variant: "on"}}}
		_, err = w.Try(w.ctx, w.as("devops"), "checkout", "production", api.TryFlag{Config: &tried,
			Contexts: []map[string]any{{"targetingKey": "u1"}}})
		w.refused(err, fault.Denied, "permission_missing")
		_, err = w.Try(w.ctx, w.as("devops"), "checkout", "production", api.TryFlag{
			Contexts: []map[string]any{{"targetingKey": "u1"}}})
		w.ok(err)
		if again, err := w.Config(w.ctx, root, "checkout", "staging"); err != nil || again.Revision != c.Revision {
			t.Errorf("trying saved something: %+v, %v", again, err)
		}
	})
}

// flagd's format has no word for an owner, or for what a flag serves while it is off: bringing an export back in keeps
// them.
func TestAnImportOfFlagdKeepsWhatItCannotSay(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		root := w.as("admin")
		f, err := w.Create(w.ctx, root, api.CreateFlag{Key: "perm", Kind: "boolean", Description: "A switch", Owner: "ops",
			Permanent: true})
		w.ok(err)
		export := []byte(`{"flags":{"perm":{"state":"DISABLED","variants":{"off":false,"on":true},"defaultVariant":"on"}}}`)
		_, err = w.Import(w.ctx, root, api.ImportFlags{Source: "flagd", Environment: "production", Export: export})
		w.ok(err)
		got, err := w.Flag(w.ctx, root, "perm")
		w.ok(err)
		if got.Description != "A switch" || got.Owner != "ops" || !got.Permanent || got.Revision != f.Revision {
			t.Errorf("kept: %+v", got)
		}
		for _, c := range got.Environments {
			if c.Environment == "production" && c.Off != "off" {
				t.Errorf("while off it serves %q", c.Off)
			}
		}
	})
}

func TestAnImportSaysWhatDidNotMapAndIsDoneOnce(t *testing.T) {
	export, err := os.ReadFile("../../flag/foreign/testdata/launchdarkly.json")
	if err != nil {
		t.Fatal(err)
	}
	each(t, plain, func(t *testing.T, w *world) {
		root := w.as("admin")
		in := api.ImportFlags{Export: export, DryRun: true, Only: true, Environments: map[string]string{
			"production": "production", "prod": "production", "test": "staging", "staging": "staging"}}
		dry, err := w.Import(w.ctx, root, in)
		w.ok(err)
		if dry.Plan.Done || !dry.Plan.Drift || len(dry.Remarks) == 0 || dry.Sentence == "" {
			t.Fatalf("dry run: %+v", dry)
		}
		in.DryRun = false
		done, err := w.Import(w.ctx, root, in)
		w.ok(err)
		if !done.Plan.Done {
			t.Fatalf("imported: %+v", done.Plan)
		}
		again, err := w.Import(w.ctx, root, in)
		w.ok(err)
		if again.Plan.Drift {
			t.Errorf("imported again:\n%s", plan(again.Plan))
		}
		_, err = w.Import(w.ctx, root, api.ImportFlags{Source: "abacus", Export: []byte(`{}`)})
		w.refused(err, fault.Invalid, "unknown_source")
	})
}

// A file that turns on what somebody turned off says so in its plan, and is refused as a whole unless that is meant.
//
// req: FF-08
func TestAFileDoesNotUndoAKillSwitch(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		who := access.System("test")
		f := file(t)
		yes := true
		e := f.Flags[0].Environments["staging"]
		e.On = &yes
		f.Flags[0].Environments["staging"] = e
		key := f.Flags[0].Key
		_, err := w.Apply(w.ctx, who, api.ApplyFlags{File: f})
		w.ok(err)
		_, err = w.Switch(w.ctx, who, key, "staging", false, api.SwitchFlag{Reason: "orders fail"})
		w.ok(err)
		got, err := w.Apply(w.ctx, who, api.ApplyFlags{File: f, DryRun: true})
		w.ok(err)
		said := ""
		for _, s := range got.Steps {
			if s.TurnsOn {
				said += s.Sentence
			}
		}
		if !got.Drift || !strings.Contains(said, "(orders fail): this turns it on again") {
			t.Errorf("the plan: %+v", got)
		}
		f.Flags[0].Description = "another" // nothing of the file is done
		_, err = w.Apply(w.ctx, who, api.ApplyFlags{File: f, Reason: "commit 1a2b3c"})
		w.refused(err, fault.Refused, "turned_off")
		_, err = w.Apply(w.ctx, who, api.ApplyFlags{File: f, TurnOn: true})
		w.refused(err, fault.Invalid, "reason_required")
		is, err := w.Flag(w.ctx, who, key)
		w.ok(err)
		c, err := w.Config(w.ctx, who, key, "staging")
		w.ok(err)
		if c.On || is.Description == "another" {
			t.Errorf("done by half: on %t, %q", c.On, is.Description)
		}
		got, err = w.Apply(w.ctx, who, api.ApplyFlags{File: f, TurnOn: true, Reason: "mended"})
		w.ok(err)
		c, err = w.Config(w.ctx, who, key, "staging")
		w.ok(err)
		if !got.Done || !c.On || c.Reason != "mended" {
			t.Errorf("on %t (%s): %+v", c.On, c.Reason, got)
		}
	})
}
