package mirror_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/mirror"
)

// checkout is a set of one flag with variants on and off.
func checkout(edit func(*flag.Set, *flag.Config)) *flag.Set {
	f := func(key string) flag.Flag {
		return flag.Flag{App: "shop", Key: key, Kind: flag.Boolean, Bucketing: 2, Variants: []flag.Variant{
			{Name: "on", Value: json.RawMessage("true")}, {Name: "off", Value: json.RawMessage("false")}}}
	}
	s := &flag.Set{App: "shop", Environment: "production", Flags: []flag.Flag{f("checkout"), f("other")}}
	c := flag.Config{Flag: "checkout", Environment: "production", On: true, Default: flag.Serve{Variant: "on"}}
	edit(s, &c)
	s.Configs = append(s.Configs, c)
	return s
}

func rule(serve string, n ...flag.Condition) flag.Rule {
	return flag.Rule{ID: "r1", If: n, Serve: flag.Serve{Variant: serve}}
}

// What cannot be said alike is named with its reason and its remedy, and is not said otherwise.
func TestWhatCannotBeSaidIsNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, why string
		edit      func(*flag.Set, *flag.Config)
	}{
		{"off without a variant", "own fallback", func(_ *flag.Set, c *flag.Config) { c.On = false }},
		{"prerequisite", "needs other", func(s *flag.Set, c *flag.Config) {
			c.Needs = []flag.Prerequisite{{Flag: "other", Variants: []string{"on"}}}
			s.Configs = append(s.Configs, flag.Config{Flag: "other", On: true, Default: flag.Serve{Variant: "off"},
				Rules: []flag.Rule{rule("on", flag.Condition{Attribute: "plan", Op: flag.Equals, Values: []any{"pro"}})}})
		}},
		{"own targeting", "flagd's own language", func(_ *flag.Set, c *flag.Config) {
			c.Targeting = json.RawMessage(`{"if":[true,"on"]}`)
		}},
		{"big segment", "too many users", func(s *flag.Set, c *flag.Config) {
			s.Segments = []flag.Segment{{Key: "many", Listed: 501}}
			c.Rules = []flag.Rule{rule("off", flag.Condition{Segment: "many"})}
		}},
		{"percentages", "other users", func(_ *flag.Set, c *flag.Config) {
			c.Default = flag.Serve{Split: []flag.Portion{{Variant: "on", Weight: 1}, {Variant: "off", Weight: 1}}}
		}},
		{"versions", "no versions", func(_ *flag.Set, c *flag.Config) {
			c.Rules = []flag.Rule{rule("off", flag.Condition{Attribute: "app", Op: flag.Version, Values: []any{">= 2"}})}
		}},
		{"time", "no time", func(_ *flag.Set, c *flag.Config) {
			c.Rules = []flag.Rule{rule("off", flag.Condition{Op: flag.After, Values: []any{"2027-01-01T00:00:00Z"}})}
		}},
		{"long path", "two parts", func(_ *flag.Set, c *flag.Config) {
			c.Rules = []flag.Rule{rule("off", flag.Condition{Attribute: "a.b.c", Op: flag.Equals, Values: []any{"x"}})}
		}},
		{"two names", "same name", func(_ *flag.Set, c *flag.Config) {
			c.Rules = []flag.Rule{rule("off", flag.Condition{Attribute: "plan", Op: flag.Equals, Values: []any{"x"}},
				flag.Condition{Attribute: "user.plan", Op: flag.Equals, Values: []any{"y"}})}
		}},
		{"two types", "as text and as a number", func(_ *flag.Set, c *flag.Config) {
			c.Rules = []flag.Rule{rule("off", flag.Condition{Attribute: "age", Op: flag.More, Values: []any{1.0}},
				flag.Condition{Attribute: "age", Op: flag.StartsWith, Values: []any{"y"}, Not: true})}
		}},
		{"does not contain", "does not contain", func(_ *flag.Set, c *flag.Config) {
			c.Rules = []flag.Rule{rule("off", flag.Condition{Attribute: "tags", Op: flag.Contains, Values: []any{"x"},
				Not: true})}
		}},
	} {
		s := checkout(test.edit)
		if is := mirror.Say(s, &s.Flags[0], mirror.Options{}); is.Config != nil || !strings.Contains(is.Why, test.why) ||
			is.Remedy == "" {
			t.Errorf("%s: %+v", test.name, is)
		}
	}
}

// Where everybody gets the same whatever is asked, that is said, and said to be so.
func TestWhatIsTheSameForEverybodyIsSaid(t *testing.T) {
	t.Parallel()
	late := flag.Condition{Op: flag.After, Values: []any{"2027-01-01T00:00:00Z"}}
	for _, test := range []struct {
		name, want string
		edit       func(*flag.Set, *flag.Config)
	}{
		{"all rules serve it", "on", func(_ *flag.Set, c *flag.Config) { c.Rules = []flag.Rule{rule("on", late)} }},
		{"a need that is met", "on", func(s *flag.Set, c *flag.Config) {
			c.Needs = []flag.Prerequisite{{Flag: "other", Variants: []string{"off"}}}
			s.Configs = append(s.Configs, flag.Config{Flag: "other", Off: "off"})
		}},
		{"a need that is not", "off", func(_ *flag.Set, c *flag.Config) {
			c.Off, c.Needs = "off", []flag.Prerequisite{{Flag: "other", Variants: []string{"on"}}}
		}},
	} {
		s := checkout(test.edit)
		is := mirror.Say(s, &s.Flags[0], mirror.Options{})
		if is.Config == nil || !is.Static || is.Config.Fallthrough.Variant != test.want || len(is.Config.Rules) > 0 {
			t.Errorf("%s: %+v", test.name, is)
		}
	}
}

// A plan names what differs; what it writes is the same afterwards, and nothing that is only there is touched.
func TestAPlanIsWhatDiffers(t *testing.T) {
	t.Parallel()
	s := checkout(func(_ *flag.Set, c *flag.Config) {
		c.Rules = []flag.Rule{rule("off", flag.Condition{Attribute: "plan", Op: flag.Equals, Values: []any{"pro", "team"}})}
	})
	there := mirror.There{Environment: "production", Environments: []string{"production", "preview"}}
	var legacy mirror.Flag
	ok(t, json.Unmarshal([]byte(`{"slug":"legacy","revision":4,"kind":"boolean","environments":{}}`), &legacy))
	there.Flags = []mirror.Flag{legacy}
	steps := compare(t, s, there)
	if diff := cmp.Diff([]mirror.Action{mirror.Create, mirror.Theirs, mirror.Absent}, actions(steps)); diff != "" {
		t.Fatal(diff)
	}
	var made mirror.Flag
	ok(t, json.Unmarshal(steps[0].Body, &made))
	if made.Revision = 1; !strings.Contains(string(made.Environments["preview"]), `"active":false`) {
		t.Errorf("in preview: %s", made.Environments["preview"])
	}
	there.Flags = []mirror.Flag{made}
	if steps = compare(t, s, there); steps[0].Action != mirror.Same {
		t.Fatalf("after it was made: %+v", steps[0])
	}
	for _, test := range []struct{ was, is, want string }{
		{`"active":true`, `"active":false`, "paused → on"},
		{`"cmp":"oneOf"`, `"cmp":"!oneOf"`, "1 rule, which say otherwise"},
		{`"value":"team"`, `"value":"team","note":"us"`, ""},
		{`"targets":{}`, `"targets":{"on":{"user":{"id":[{"value":"u1"}]}}}`, "users who are named there"},
		{`"fallthrough":{"type":"variant","variantId":"on"}`, `"fallthrough":{"type":"experiment"}`,
			"everybody else: experiment → on"},
		{`"reuse":{"active":false,"environment":""}`, `"reuse":{"active":true,"environment":"preview"}`,
			"it follows preview no longer"},
	} {
		other := made
		other.Environments = map[string]json.RawMessage{"production": json.RawMessage(strings.Replace(
			string(made.Environments["production"]), test.was, test.is, 1))}
		there.Flags = []mirror.Flag{other}
		step := compare(t, s, there)[0]
		if test.want == "" {
			if step.Action != mirror.Same {
				t.Errorf("%s: %+v", test.is, step)
			}
			continue
		}
		if step.Action != mirror.Change || !strings.Contains(strings.Join(step.Differs, "; "), test.want) {
			t.Errorf("%s: %+v", test.is, step)
		}
	}
}

// Variants that people made there keep their names, labels and what uses them elsewhere.
func TestVariantsThereAreKept(t *testing.T) {
	t.Parallel()
	s := checkout(func(*flag.Set, *flag.Config) {})
	var have mirror.Flag
	ok(t, json.Unmarshal([]byte(`{"slug":"checkout","kind":"boolean","variants":[
		{"id":"v_yes","value":true,"label":"Yes"},{"id":"off","value":null}],
		"environments":{"production":{"revision":6,"active":true,"pausedOutcome":{"type":"variant","variantId":"off"},
		"rules":[],"fallthrough":{"type":"variant","variantId":"off"}}}}`), &have))
	step := compare(t, s, mirror.There{Environment: "production", Flags: []mirror.Flag{have}})[0]
	if step.Action != mirror.Change || !slices.Contains(step.Differs, "everybody else: off → v_yes") {
		t.Fatalf("%+v", step)
	}
	for _, want := range []string{`"id":"v_yes","value":true,"label":"Yes"`, `{"id":"off","value":false}`, `"revision":6`} {
		if !strings.Contains(string(step.Body), want) {
			t.Errorf("%s is not in %s", want, step.Body)
		}
	}
}

// Whatever flags are, what is written is the same when it is looked at again.
func TestWhatWasWrittenIsTheSame(t *testing.T) {
	t.Parallel()
	for n := range 100 {
		set := generator{rand.New(rand.NewPCG(uint64(n), 9))}.set(3)
		there := mirror.There{Environment: "production", Environments: []string{"production"}}
		for _, step := range compare(t, set, there) {
			if step.Action == mirror.Create {
				var f mirror.Flag
				ok(t, json.Unmarshal(step.Body, &f))
				there.Flags = append(there.Flags, f)
			}
		}
		for _, step := range compare(t, set, there) {
			if step.Action == mirror.Create || step.Action == mirror.Change {
				t.Fatalf("seed %d: %+v", n, step)
			}
		}
	}
}

func compare(t *testing.T, s *flag.Set, there mirror.There) []mirror.Step {
	t.Helper()
	steps, err := mirror.Compare(s, there, mirror.Options{Splits: true})
	ok(t, err)
	return steps
}

func actions(steps []mirror.Step) []mirror.Action {
	var out []mirror.Action
	for _, s := range steps {
		out = append(out, s.Action)
	}
	return out
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What all environments there share is changed only when that is said; a new variant touches nobody.
func TestASharedValueIsChangedOnlyWhenThatIsSaid(t *testing.T) {
	t.Parallel()
	set := checkout(func(s *flag.Set, _ *flag.Config) {
		s.Flags = s.Flags[:1]
		s.Flags[0].Kind = flag.String
		s.Flags[0].Variants = []flag.Variant{{Name: "on", Value: json.RawMessage(`"new"`)},
			{Name: "off", Value: json.RawMessage(`"none"`)}}
	})
	have := mirror.Flag{Slug: "checkout", Kind: "string", Revision: 3, Variants: []json.RawMessage{
		json.RawMessage(`{"id":"on","value":"old"}`), json.RawMessage(`{"id":"off","value":"none"}`)},
		Environments: map[string]json.RawMessage{}}
	both := []string{"production", "preview"}
	for _, tt := range []struct {
		name         string
		value        string // of on, there
		environments []string
		shared       bool
		want         mirror.Action
	}{
		{"another value", `{"id":"on","value":"old"}`, both, false, mirror.Unsaid},
		{"said", `{"id":"on","value":"old"}`, both, true, mirror.Change},
		{"nobody shares it", `{"id":"on","value":"old"}`, both[:1], false, mirror.Change},
		{"a new variant", `{"id":"other","value":"old"}`, both, false, mirror.Change},
	} {
		have.Variants[0] = json.RawMessage(tt.value)
		steps, err := mirror.Compare(set, mirror.There{Environment: "production", Environments: tt.environments,
			Flags: []mirror.Flag{have}, Shared: tt.shared}, mirror.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := steps[0]
		if refused := s.Action == mirror.Unsaid; s.Action != tt.want || refused != (len(s.Body) == 0) ||
			refused != strings.Contains(s.Command, "--shared") {
			t.Errorf("%s: %+v", tt.name, s)
		}
	}
}
