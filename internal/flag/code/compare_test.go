package code

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/flag"
)

func parsed(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("flags.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// plan is what is to be done, in short.
func plan(t *testing.T, want, have *File, o Options) []string {
	t.Helper()
	steps, err := Compare(want, have, o)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, s := range steps {
		held := ""
		if s.Held != "" {
			held = " held"
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s%s %s", s.Do, s.Flag, s.Segment, s.Environment))+held)
	}
	return out
}

func TestNothingIsDoneTwice(t *testing.T) {
	want := parsed(t, example)
	if got := plan(t, want, want, Options{Prune: true}); len(got) != 0 {
		t.Errorf("%q", got)
	}
	all := []string{"segment beta production", "create checkout", "create payments", "create color",
		"configure checkout production", "configure color staging"}
	if diff := cmp.Diff(all, plan(t, want, &File{}, Options{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"create checkout", "create payments", "create color", "configure color staging"},
		plan(t, want, &File{}, Options{Environments: []string{"staging"}})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCompare(t *testing.T) {
	have := parsed(t, example)
	have.flag("checkout").Configs[0].Rules[0].ID = "rule_1"
	for i := range have.Flags {
		have.Flags[i].Row = 7
	}
	for _, test := range []struct {
		name string
		edit func(string) string
		o    Options
		want []string
	}{
		{"rules in another order", func(s string) string {
			return strings.Replace(s, "{if: segment beta, serve: on}", "{if: segment beta, serve: off}", 1)
		}, Options{}, []string{"configure checkout production"}},
		{"a description", func(s string) string { return strings.Replace(s, "The new", "Our new", 1) }, Options{},
			[]string{"change checkout"}},
		{"who is left out", func(s string) string { return strings.Replace(s, "[ada]", "[ada, bob]", 1) }, Options{},
			[]string{"segment beta production"}},
		{"on is not spoken of", func(s string) string { return strings.Replace(s, "        on: true\n", "", 1) }, Options{}, []string{}},
		{"elsewhere", func(s string) string { return strings.Replace(s, "{default: red}", "{default: five}", 1) },
			Options{Environments: []string{"production"}}, []string{}},
		{"a variant for another", func(s string) string {
			return strings.Replace(strings.Replace(s, "{red: \"#f00\", five: \"5\"}", "{blue: \"#00f\", five: \"5\"}", 1),
				"{default: red}", "{default: blue}", 1)
		}, Options{}, []string{"change color", "configure color staging", "change color"}},
		{"what is not named stays", func(s string) string { return strings.Replace(s, "  payments: {permanent: true}\n", "", 1) },
			Options{}, []string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, plan(t, parsed(t, test.edit(example)), have, test.o)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff([]string{"archive checkout", "archive payments", "archive color", "delete beta production"},
		plan(t, &File{}, have, Options{Prune: true})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"delete beta production"},
		plan(t, &File{}, have, Options{Prune: true, Environments: []string{"production"}})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What a person turned off with a reason is not turned on by a pipeline, and what a release raises is left to it.
func TestWhatIsHeld(t *testing.T) {
	want, have := parsed(t, example), parsed(t, example)
	c := &have.flag("checkout").Configs[0]
	c.On, c.Reason = false, "orders fail"
	steps, err := Compare(want, have, Options{})
	if err != nil || len(steps) != 1 || !steps[0].Idle || !strings.Contains(steps[0].Held, "orders fail") {
		t.Errorf("%+v %v", steps, err)
	}
	steps, err = Compare(want, have, Options{TurnOn: true})
	if err != nil || len(steps) != 1 || steps[0].Idle || !steps[0].Config.On {
		t.Errorf("%+v %v", steps, err)
	}
	c.On, c.Ramp, c.Default = true, "rel_1", flag.Serve{Variant: "on"}
	steps, err = Compare(want, have, Options{})
	if err != nil || len(steps) != 1 || !steps[0].Idle || !strings.Contains(steps[0].Held, "rel_1") {
		t.Errorf("%+v %v", steps, err)
	}
}

func TestWhatWouldNotHoldIsRefused(t *testing.T) {
	have := parsed(t, example)
	for name, text := range map[string]string{
		"kind":    "flags: {checkout: {kind: string, variants: {a: b}}}",
		"variant": "flags: {x: {environments: {production: {default: blue}}}}",
		"segment": "flags: {x: {environments: {production: {rules: [{if: segment nobody, serve: on}], default: off}}}}",
		"needs":   "flags: {x: {environments: {production: {needs: {nothing: on}, default: off}}}}",
	} {
		if steps, err := Compare(parsed(t, text), have, Options{}); err == nil {
			t.Errorf("%s: %+v", name, steps)
		}
	}
	ok := "flags: {x: {environments: {production: {rules: [{if: segment beta, serve: on}], needs: {checkout: on}, default: off}}}}"
	if _, err := Compare(parsed(t, ok), have, Options{}); err != nil {
		t.Error(err)
	}
}
