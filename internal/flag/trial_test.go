package flag

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// contextOf is a user as programs send it.
func contextOf(user map[string]any) *Context {
	key, _ := user["targetingKey"].(string)
	return NewContext(key, maps.Clone(user))
}

// TestDocumentMeansTheModel evaluates random environments for random users in two ways: as the comments of the model
// say, and through flagd's language. It also holds trials to both.
// req: FF-02
// req: FF-03
// req: FF-04
// req: FF-06
// req: FF-18
func TestDocumentMeansTheModel(t *testing.T) {
	now := time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)
	seen := map[string]int{}
	for seed := range uint64(400) {
		d := dice{rand.New(rand.NewPCG(seed, 1))}
		s := d.environment()
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		document, err := s.Document()
		if err != nil {
			t.Fatal(err)
		}
		snapshot, err := Compile(document)
		if err != nil {
			t.Fatal(err)
		}
		slow := interpreter{s, now}
		for i := range s.Flags {
			key := s.Flags[i].Key
			trial, err := s.Try(key)
			if err != nil {
				t.Fatal(err)
			}
			for range 100 {
				user := d.user()
				want, by := slow.decide(key, user)
				context := contextOf(user)
				got := snapshot.Evaluate(key, context, now)
				tried := trial.For(context, now)
				if served(got) != want || served(tried.Evaluation) != want || tried.Rule != by || tried.Sentence == "" {
					text, _ := json.Marshal(user)
					t.Fatalf("seed %d, %s for %s: %s by %q, the snapshot says %+v, the trial %+v\n%s\n%s", seed, key, text, want, by,
						got, tried, document.Flags[key].Targeting, document.Evaluators)
				}
				seen[want]++
				seen["rule "+by]++
			}
		}
	}
	for _, what := range []string{none, "v0", "v1", "v2", "rule ", "rule r0", "rule r1", "rule r2"} {
		if seen[what] < 500 {
			t.Errorf("%s was seen %d times only: the dice must be thrown otherwise", what, seen[what])
		}
	}
}

// served is the variant of an evaluation.
func served(e Evaluation) string {
	switch {
	case e.Reason == ErrorReason:
		return "error: " + e.Detail
	case e.Variant == "":
		return none
	}
	return e.Variant
}

func TestTrialSentences(t *testing.T) {
	now := time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)
	s := shop()
	s.Configs[0].Needs = []Prerequisite{{"search", []string{"on"}}}
	s.Configs[1].Default = Serve{Variant: "on"}
	half := Serve{Split: []Portion{{"on", 1}, {"off", 1}}, By: "account"}
	s.Configs[0].Rules = append(s.Configs[0].Rules, Rule{
		ID: "half", If: []Condition{{Attribute: "plan", Op: Equals, Values: []any{"pro"}}}, Serve: half})
	ada := NewContext("ada", map[string]any{})
	pro := NewContext("x", map[string]any{"plan": "pro"})
	tests := []struct {
		change func(*Set)
		user   *Context
		rule   string
		want   string
	}{
		{func(*Set) {}, ada, "staff", `"on" by rule 1 of 2.`},
		{func(*Set) {}, NewContext("", nil), "", `"off" by the default: no rule holds.`},
		{func(*Set) {}, pro, "",
			`"off" by the default: rule 2 holds, but the user has no account to be put into a part of its split.`},
		{func(s *Set) { s.Configs[1].Default.Variant = "off" }, ada, "", `"off": search does not serve on.`},
		{func(s *Set) { s.Configs[0].On, s.Configs[0].Off = false, "" }, ada, "",
			"The program's own fallback: the flag is off."},
		{func(s *Set) { s.Configs = s.Configs[1:] }, ada, "", "The program's own fallback: the flag is off."},
		{func(s *Set) {
			s.Configs[0].Rules, s.Configs[0].Targeting = nil, json.RawMessage(`{"if":[{"===":[{"var":"plan"},"pro"]},"on"]}`)
		}, pro, "", `"on" by the rule in flagd's language.`},
		{func(s *Set) { s.Configs[0].Rules, s.Configs[0].Default = nil, half }, pro, "",
			"The program's own fallback: the user has no account to be put into a part of the split."},
	}
	for _, tt := range tests {
		changed := *s
		changed.Configs = append([]Config{}, s.Configs...)
		tt.change(&changed)
		trial, err := changed.Try("checkout")
		if err != nil {
			t.Fatal(err)
		}
		got := trial.For(tt.user, now)
		if got.Sentence != tt.want || got.Rule != tt.rule {
			t.Errorf("got  %q %s\nwant %q %s", got.Rule, got.Sentence, tt.rule, tt.want)
		}
	}
	if _, err := s.Try("none"); err != nil {
		t.Error(err)
	}
	unknown, _ := s.Try("none")
	if o := unknown.For(ada, now); o.Code != NotFound || !strings.Contains(o.Sentence, "no such flag") {
		t.Errorf("%+v", o)
	}
}
