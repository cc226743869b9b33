package ruleform_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

// fields writes a form as its page does, so that it can be read back.
func fields(f ruleform.Form) ruleform.Fields {
	v := ruleform.Fields{"revision": {fmt.Sprint(f.Revision)}, "on": {fmt.Sprint(f.On)}, "off": {f.Off},
		"targeting": {f.Targeting}, "reason": {f.Reason}, "samples": {f.Samples}}
	serve := func(path string, s ruleform.Serve) {
		v[path+".variant"], v[path+".raw"] = []string{s.Variant}, []string{fmt.Sprint(s.Raw)}
		v[path+".by"], v[path+".salt"] = []string{s.By}, []string{s.Salt}
		for i, p := range s.Parts {
			at := fmt.Sprintf("%s.split[%d]", path, i)
			v[at+".variant"], v[at+".weight"] = []string{p.Variant}, []string{p.Weight}
		}
	}
	for i, n := range f.Needs {
		at := fmt.Sprintf("needs[%d]", i)
		v[at+".flag"], v[at+".variants"] = []string{n.Flag}, []string{n.Variants}
	}
	for i, r := range f.Rules {
		at := fmt.Sprintf("rules[%d]", i)
		v[at+".id"], v[at+".description"] = []string{r.ID}, []string{r.Description}
		for j, c := range r.If {
			q := fmt.Sprintf("%s.if[%d]", at, j)
			v[q+".attribute"], v[q+".op"], v[q+".values"] = []string{c.Attribute}, []string{c.Op}, []string{c.Values}
		}
		serve(at+".serve", r.Serve)
	}
	serve("default", f.Default)
	return v
}

func sample() api.FlagConfig {
	return api.FlagConfig{
		On: true, Off: "off", Revision: 7, Needs: []api.FlagPrerequisite{{Flag: "a", Variants: []string{"on", "x, y"}}},
		Rules: []api.FlagRule{
			{ID: "r1", Description: "ours", If: []api.FlagCondition{{Segment: "staff", Not: true}},
				Serve: api.FlagServe{Variant: "on"}},
			{ID: "r2", If: []api.FlagCondition{
				{Attribute: "plan", Op: "equals", Values: []any{"pro", "5", "true", " x ", "", "a,b", `say "hi"`, "null", "<b>"}},
				{Attribute: "age", Op: "at_least", Values: []any{18.0}},
				{Attribute: "a.b", Op: "equals", Values: []any{true, 5.5, nil}},
				{Attribute: "v", Op: "version", Values: []any{">= 2"}}, {Attribute: "p", Op: "starts_with", Values: []any{"4"}},
				{Attribute: "z", Op: "missing"}, {Op: "after", Values: []any{"2026-12-01T00:00:00Z"}},
			}, Serve: api.FlagServe{Split: []api.FlagPortion{{Variant: "c", Weight: 1}, {Variant: "on", Weight: 2}}, By: "org",
				Salt: "s"}},
		},
		Default: api.FlagServe{Split: []api.FlagPortion{{Variant: "on", Weight: 0}, {Variant: "off", Weight: 10000}}},
	}
}

// A form that is sent back as it was changes nothing: not a type, not an order, not a weight.
func TestAFormThatIsSentBackChangesNothing(t *testing.T) {
	t.Parallel()
	c := sample()
	variants := []string{"on", "off", "c"}
	f := ruleform.Read(fields(ruleform.Of(c, variants)), variants)
	got, bad := f.Config()
	if len(bad) > 0 {
		t.Errorf("complaints: %v", bad)
	}
	want := api.PutFlagConfig{On: c.On, Off: c.Off, Revision: c.Revision, Needs: c.Needs, Rules: c.Rules,
		Default: c.Default}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-saved +sent back):\n%s", diff)
	}
}

func FuzzValuesSurviveTheirText(f *testing.F) {
	for _, s := range []string{"a", "5", `"`, `a"b`, "\\", "a, b", "\u2028", "[1]", `{"a":1}`, " ", "true", "\x00", "-0",
		"1e3"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?")
		c := api.FlagConfig{Rules: []api.FlagRule{{ID: "r", If: []api.FlagCondition{{Attribute: "x", Op: "equals",
			Values: []any{a, b}}}}},
			Default: api.FlagServe{Variant: "on"}}
		got, _ := ruleform.Read(fields(ruleform.Of(c, nil)), nil).Config()
		if diff := cmp.Diff([]any{a, b}, got.Rules[0].If[0].Values); diff != "" {
			t.Errorf("(-value +read): %s", diff)
		}
	})
}

func TestWhatIsWrongIsSaidAtItsField(t *testing.T) {
	t.Parallel()
	rule := func(c ruleform.Condition) ruleform.Form {
		return ruleform.Form{Rules: []ruleform.Rule{{If: []ruleform.Condition{c}, Serve: ruleform.Serve{Variant: "on"}}},
			Default: ruleform.Serve{Variant: "on"}}
	}
	parts := func(raw bool, weights ...string) ruleform.Form {
		s := ruleform.Serve{Raw: raw}
		for _, w := range weights {
			s.Parts = append(s.Parts, ruleform.Part{Variant: "v", Weight: w})
		}
		return ruleform.Form{Default: s}
	}
	for _, test := range []struct {
		name string
		form ruleform.Form
		want string
	}{
		{"no attribute", rule(ruleform.Condition{Op: "equals", Values: "a"}), "rules[0].if[0].attribute"},
		{"no value", rule(ruleform.Condition{Attribute: "a", Op: "equals", Values: " , "}), "rules[0].if[0].values"},
		{"no number", rule(ruleform.Condition{Attribute: "a", Op: "less", Values: "x"}), "rules[0].if[0].values"},
		{"open quotes", rule(ruleform.Condition{Attribute: "a", Op: "equals", Values: `"x`}), "rules[0].if[0].values"},
		{"no segment", rule(ruleform.Condition{Op: "!segment"}), "rules[0].if[0].values"},
		{"nothing served", parts(false), "default.variant"},
		{"90 %", parts(false, "40", "50"), "default.split"},
		{"no percent", parts(false, "x", "50"), "default.split[0].weight"},
		{"NaN", parts(false, "NaN", "50"), "default.split[0].weight"},
		{"too fine", parts(false, "0.001", "99.999"), "default.split[0].weight"},
		{"no weight", parts(true, "0", "0"), "default.split"},
		{"no flag", ruleform.Form{Default: ruleform.Serve{Variant: "on"}, Needs: []ruleform.Need{{Variants: "on"}}},
			"needs[0].flag"},
		{"no variants", ruleform.Form{Default: ruleform.Serve{Variant: "on"}, Needs: []ruleform.Need{{Flag: "a"}}},
			"needs[0].variants"},
	} {
		_, bad := test.form.Config()
		if len(bad) == 0 || bad[0].Path != test.want {
			t.Errorf("%s: complaints %v, want one at %s", test.name, bad, test.want)
		}
	}
	if _, bad := parts(false, "33,33", "66.67 %").Config(); len(bad) > 0 {
		t.Errorf("a comma and a sign of percent are refused: %v", bad)
	}
}

func TestButtonsOfTheEditor(t *testing.T) {
	t.Parallel()
	ids := func(f ruleform.Form) string {
		var s []string
		for _, r := range f.Rules {
			s = append(s, fmt.Sprintf("%s/%d", r.ID, len(r.If)))
		}
		return strings.Join(s, " ")
	}
	f := ruleform.Of(sample(), []string{"on", "off"})
	for _, test := range []struct{ do, want string }{
		{"add:rules", "r1/1 r2/7 /1"}, {"remove:rules[0]", "r2/7"}, {"up:rules[1]", "r2/7 r1/1"}, {"down:rules[0]",
			"r2/7 r1/1"},
		{"up:rules[0]", "r1/1 r2/7"}, {"down:rules[1]", "r1/1 r2/7"}, {"add:rules[0].if", "r1/2 r2/7"},
		{"remove:rules[1].if[6]", "r1/1 r2/6"}, {"remove:rules[9]", "r1/1 r2/7"}, {"remove:rules[-1]", "r1/1 r2/7"},
		{"remove:rules[1].if[99]", "r1/1 r2/7"}, {"add:rules[9].if", "r1/1 r2/7 /1"}, {"remove:rules[x]", "r1/1 r2/7"},
	} {
		got, ok := f.Do(test.do)
		if !ok || ids(got) != test.want {
			t.Errorf("%s: %q, want %q", test.do, ids(got), test.want)
		}
	}
	if _, ok := f.Do("save"); ok {
		t.Error("save is taken for a button of the form")
	}
	if ids(f) != "r1/1 r2/7" {
		t.Errorf("the form itself was changed: %s", ids(f))
	}
	if got, _ := f.Do("remove:needs[0]"); len(got.Needs) != 0 {
		t.Error("a need stays")
	}
}

func TestSampleUsers(t *testing.T) {
	t.Parallel()
	got, bad := ruleform.Users("ada plan=pro age=31 address.country=DE name=\"A L\" " +
		"ok=true\n\n{\"targetingKey\":\"x\",\"n\":1}\nid=\"5\"")
	want := []map[string]any{
		{"targetingKey": "ada", "plan": "pro", "age": 31.0, "address": map[string]any{"country": "DE"}, "name": "A L",
			"ok": true},
		{"targetingKey": "x", "n": 1.0}, {"id": "5"},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(bad) > 0 {
		t.Errorf("%v (-want +got):\n%s", bad, diff)
	}
	for _, text := range []string{"", "ada b", "{x", "a=1 a.b=2", "a.b=1 a=2", `a="x`, "=5", strings.Repeat("a\n", 60)} {
		if _, bad := ruleform.Users(text); len(bad) == 0 {
			t.Errorf("%.20q is not complained about", text)
		}
	}
	c := sample()
	users, bad := ruleform.Users(ruleform.Samples(c))
	if len(bad) > 0 || len(users) != 3 {
		t.Fatalf("%v %v from %q", users, bad, ruleform.Samples(c))
	}
	b, err := json.Marshal(users[0])
	if err != nil || !maps.Equal(map[string]bool{"pro": strings.Contains(string(b), `"plan":"pro"`)},
		map[string]bool{"pro": true}) {
		t.Errorf("the first sample is %s", b)
	}
}

func FuzzAnyFormCanBeShownAgain(f *testing.F) {
	f.Add("rules[0].id", "x", "up:rules[0]", "a=1")
	f.Add("default.split[0].variant", "\x00", "add:rules[0].if[0]", "{}")
	f.Fuzz(func(_ *testing.T, name, value, do, samples string) {
		form := ruleform.Read(ruleform.Fields{name: {value}, "rules[0].id": {""}, "rules[0].if[0].op": {value},
			"rules[0].if[0].values": {value}, "default.split[0].weight": {value}, "default.split[0].variant": {name}},
			[]string{"on"})
		form, _ = form.Do(do)
		_, _ = form.Config()
		_, _ = ruleform.Users(samples)
	})
}
