package code

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/flag"
)

func TestConditions(t *testing.T) {
	for text, want := range map[string]flag.Condition{
		"plan equals pro, team":  {Attribute: "plan", Op: flag.Equals, Values: []any{"pro", "team"}},
		"plan = pro":             {Attribute: "plan", Op: flag.Equals, Values: []any{"pro"}},
		"plan != pro":            {Attribute: "plan", Op: flag.Equals, Values: []any{"pro"}, Not: true},
		"not plan in pro":        {Attribute: "plan", Op: flag.Equals, Values: []any{"pro"}, Not: true},
		`age equals 5, "5"`:      {Attribute: "age", Op: flag.Equals, Values: []any{5.0, "5"}},
		"age >= 18":              {Attribute: "age", Op: flag.AtLeast, Values: []any{18.0}},
		"beta equals true":       {Attribute: "beta", Op: flag.Equals, Values: []any{true}},
		`city equals "a, b", ""`: {Attribute: "city", Op: flag.Equals, Values: []any{"a, b", ""}},
		"app version >= 1.4.0":   {Attribute: "app", Op: flag.Version, Values: []any{">= 1.4.0"}},
		"email missing":          {Attribute: "email", Op: flag.Missing},
		"not segment staff":      {Segment: "staff", Not: true},
		`"segment" equals a`:     {Attribute: "segment", Op: flag.Equals, Values: []any{"a"}},
		"now before 2027-01-31T00:00:00Z": {
			Op: flag.Before, Values: []any{"2027-01-31T00:00:00Z"}},
	} {
		got, err := ParseCondition(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
	for _, bad := range []string{
		"", "not", "plan", "plan like pro", "plan equals", "plan equals a,", "plan equals ,a", `plan equals "a`,
		`plan equals "a" b`, "email missing yes", "segment", "segment a b", `"plan`, `plan equals "\x"`,
	} {
		if got, err := ParseCondition(bad); err == nil {
			t.Errorf("%q is taken as %+v", bad, got)
		}
	}
}

func TestRules(t *testing.T) {
	got, err := ParseRule(`plan equals pro, "rock and roll" and not segment staff -> on:1,off:3`)
	want := flag.Rule{
		If: []flag.Condition{
			{Attribute: "plan", Op: flag.Equals, Values: []any{"pro", "rock and roll"}}, {Segment: "staff", Not: true},
		},
		Serve: flag.Serve{Split: []flag.Portion{{Variant: "on", Weight: 1}, {Variant: "off", Weight: 3}}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := ParseRule("everybody -> on"); err != nil || len(got.If) != 0 || got.Serve.Variant != "on" {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"", "plan equals pro", "plan equals pro ->", "-> on", "plan equals pro -> on:x",
		"a -> :1"} {
		if got, err := ParseRule(bad); err == nil {
			t.Errorf("%q is taken as %+v", bad, got)
		}
	}
}

// FuzzCondition: whatever is read is written so that it reads the same.
func FuzzCondition(f *testing.F) {
	for _, seed := range []string{"plan equals pro, team", "not segment a", `x = "5", 5, true`, "now after x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseCondition(text)
		if err != nil {
			return
		}
		again, err := ParseCondition(ConditionText(n))
		if diff := cmp.Diff(n, again); err != nil || diff != "" {
			t.Errorf("%q is written %q: %v (-first +again):\n%s", text, ConditionText(n), err, diff)
		}
	})
}

// Conditions of the model, whatever their values, survive being written.
func TestWrittenConditionsReadTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	texts := []string{
		"\n", "", "a", "a b", "5", "true", "null", `"`, `\`, ",", " x ", "->", "and", "not", "segment", "now", "é",
	}
	for range 20_000 {
		n := flag.Condition{Attribute: texts[1+r.IntN(len(texts)-1)], Op: flag.Ops()[r.IntN(11)], Not: r.IntN(2) == 0}
		for range 1 + r.IntN(3) {
			one := []any{texts[r.IntN(len(texts))], r.NormFloat64(), float64(r.IntN(1e9)), true}
			n.Values = append(n.Values, one[r.IntN(4)])
		}
		got, err := ParseCondition(ConditionText(n))
		if diff := cmp.Diff(n, got); err != nil || diff != "" {
			t.Fatalf("%q: %v (-want +got):\n%s", ConditionText(n), err, diff)
		}
	}
}
