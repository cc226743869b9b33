package code

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipwayhq/slipway/internal/flag"
)

const example = `app: shop
segments:
  beta:
    environments:
      production:
        description: Who asked for it
        any: [["plan equals pro", "not country equals DE"], "email ends_with @example.com"]
        excluded: [ada]
flags:
  checkout:
    description: The new checkout
    owner: core
    tags: [shop]
    client: true
    expires: 2027-01-31
    environments:
      production:
        on: true
        off: off
        needs: {payments: on}
        rules:
          - {if: segment beta, serve: on}
          - {if: ["plan equals pro", "age at_least 18"], serve: {split: {on: 25, off: 75}, by: company}}
        default: off
  payments: {permanent: true}
  color:
    kind: string
    variants: {red: "#f00", five: "5"}
    about: {red: Like a tomato}
    environments:
      staging: {default: red}
`

func TestParse(t *testing.T) {
	f, err := Parse("flags.yaml", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	checkout := f.flag("checkout")
	want := flag.Config{
		Flag: "checkout", Environment: "production", On: true, Off: "off",
		Needs: []flag.Prerequisite{{Flag: "payments", Variants: []string{"on"}}},
		Rules: []flag.Rule{
			{If: []flag.Condition{{Segment: "beta"}}, Serve: flag.Serve{Variant: "on"}},
			{If: []flag.Condition{
				{Attribute: "plan", Op: flag.Equals, Values: []any{"pro"}}, {Attribute: "age", Op: flag.AtLeast,
					Values: []any{18.0}},
			}, Serve: flag.Serve{By: "company", Split: []flag.Portion{{Variant: "on", Weight: 25}, {Variant: "off",
				Weight: 75}}}},
		}, Default: flag.Serve{Variant: "off"},
	}
	if diff := cmp.Diff(want, checkout.Configs[0].Config); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !checkout.Configs[0].Switched || f.flag("color").Configs[0].Switched || f.App != "shop" ||
		len(checkout.Variants) != 2 ||
		!checkout.Expires.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", f)
	}
	if five := f.flag("color").Variants[1]; string(five.Value) != `"5"` {
		t.Errorf("%+v", five)
	}
	if g := f.Segments[0]; len(g.Any) != 2 || len(g.Any[0]) != 2 || len(g.Any[1]) != 1 {
		t.Errorf("%+v", g)
	}
}

// Everything that is wrong is said at once, with its place.
func TestWhatIsWrongHasItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"flags: {a: {knd: boolean}}":  "did you mean \"kind\"?",
		"flags: {a: {kind: bool}}":    "boolean",
		"flags: {a: {kind: string}}":  "there is none",
		"flags: {a b: {}}":            "use letters, digits",
		"flags: {a: {expires: soon}}": "2027-01-31",
		"flags: {a: {environments: {x: {rules: [{if: a like b, serve: on}]}}}}": "no operator",
		"flags: {a: {environments: {x: {default: {split: {on: much}}}}}}":       "a whole number",
		"flags: [a]":            "want names with values",
		"flags: {a: {}, a: {}}": "second time",
		"segments: {b: {environments: {x: {any: [[segment c]]}}}}": "segment",
		"": "flags:",
		"flags:\n  a:\n    environments:\n      x: {on: maybe}\n": "want true or false",
	} {
		_, err := Parse("flags.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "flags.yaml:") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// any file that the model can hold.
func anyFile(r *rand.Rand) *File {
	word := func() string { return []string{"on", "off", "a", "true", "x.y", "A-1", "null", "5"}[r.IntN(8)] }
	free := func() string {
		return []string{"", "a, b", "é \"x\"", "on", "5", "a: b", "- x", "#1", "line\nline"}[r.IntN(9)]
	}
	conditions := func() []flag.Condition {
		var out []flag.Condition
		for range 1 + r.IntN(3) {
			n := flag.Condition{Attribute: word(), Op: flag.Ops()[r.IntN(4)], Not: r.IntN(2) == 0, Values: []any{free() + "x"}}
			if n.Op == flag.Equals {
				n.Values = append(n.Values, float64(r.IntN(100))-50.5, true)
			}
			out = append(out, n)
		}
		return out
	}
	serves := func() flag.Serve {
		if r.IntN(2) == 0 {
			return flag.Serve{Variant: word()}
		}
		return flag.Serve{By: "x.y", Salt: free(), Split: []flag.Portion{{Variant: "on", Weight: r.IntN(9)},
			{Variant: "off", Weight: 1}}}
	}
	f := &File{App: "shop"}
	for i := range r.IntN(4) {
		one := Flag{Flag: flag.Flag{
			Key: fmt.Sprintf("%s%d", word(), i), Kind: flag.Object, Description: free(), Owner: word(), Client: r.IntN(2) == 0,
			Permanent: r.IntN(2) == 0, Bucketing: 2 + r.IntN(2), Expires: time.Unix(r.Int64N(1e9), 0).UTC(),
			Variants: []flag.Variant{{Name: word(), Description: free(), Value: json.RawMessage(`{"a":[1,-2.5,"x",null,true,{}],"b":""}`)}},
		}}
		for _, e := range []string{"staging", "production"}[:r.IntN(3)] {
			c := flag.Config{Flag: one.Key, Environment: e, On: r.IntN(2) == 0, Off: word(), Default: serves()}
			for range r.IntN(3) {
				c.Rules = append(c.Rules, flag.Rule{Description: free(), If: conditions(), Serve: serves()})
			}
			if r.IntN(3) == 0 {
				c.Needs = []flag.Prerequisite{{Flag: word(), Variants: []string{word(), "b"}}}
			}
			if r.IntN(4) == 0 {
				c.Targeting = json.RawMessage(`{"if":[{"in":[{"var":"x"},["a",-1]]},"on",null]}`)
			}
			one.Configs = append(one.Configs, Config{Config: c, Switched: true})
		}
		f.Flags = append(f.Flags, one)
	}
	for i := range r.IntN(3) {
		f.Segments = append(f.Segments, Segment{Members: &[]string{"u-1", "5"}, Segment: flag.Segment{
			Key: fmt.Sprintf("s%d", i), Environment: "staging", Description: free(), By: "x.y", Excluded: []string{"u", "5"},
			Any: [][]flag.Condition{conditions(), conditions()}}})
	}
	return f
}

// What is written reads the same, and says that nothing is to be done.
func TestAFileThatIsWrittenReadsTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		f := anyFile(r)
		got, err := Parse("flags.yaml", []byte(f.YAML()))
		if err != nil {
			t.Fatalf("%v\n%s", err, f.YAML())
		}
		diff := cmp.Diff(f, got, cmpopts.EquateEmpty(), cmp.FilterValues(
			func(a, b json.RawMessage) bool { return len(a)+len(b) > 0 },
			cmp.Comparer(func(a, b json.RawMessage) bool { return string(normal(a)) == string(normal(b)) }),
		))
		if diff != "" {
			t.Fatalf("(-want +got):\n%s\n%s", diff, f.YAML())
		}
	}
}

func (f *File) flag(key string) *Flag {
	for i := range f.Flags {
		if f.Flags[i].Key == key {
			return &f.Flags[i]
		}
	}
	return nil
}

// FuzzParse: whatever is read is written so that it reads the same.
func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add("flags: {a: {}}")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := Parse("flags.yaml", []byte(text))
		if err != nil {
			return
		}
		again, err := Parse("flags.yaml", []byte(first.YAML()))
		if err != nil {
			t.Fatalf("%v\n%s", err, first.YAML())
		}
		if a, b := first.YAML(), again.YAML(); a != b {
			t.Errorf("%s\n%s", a, b)
		}
	})
}

// normal is a JSON text in the form that only its meaning decides.
func normal(raw json.RawMessage) []byte {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return raw
	}
	out, _ := json.Marshal(v) // it came from JSON
	return out
}
