package flag_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// sets makes random environments as people edit them.
type sets struct{ *rand.Rand }

func one[T any](g sets, from ...T) T { return from[g.IntN(len(from))] }

func (g sets) attribute() string {
	return one(g, "plan", "age", "version", "email", "tags", "targetingKey", "address.country", "born", "vip", "nowhere")
}

func (g sets) condition(segments bool) flag.Condition {
	c := flag.Condition{Attribute: g.attribute(), Not: g.IntN(4) == 0}
	if segments && g.IntN(4) == 0 {
		return flag.Condition{Segment: one(g, "staff", "large", "beta"), Not: c.Not}
	}
	text := func() any { return one(g, "pro", "free", "a", "user-1", "DE", "@ab.ef", "u1", "1.2.3") }
	for range 1 + g.IntN(3)*g.IntN(2) {
		switch c.Op = one(g, flag.Ops()...); c.Op {
		case flag.Missing:
			c.Values = nil
			return c
		case flag.Less, flag.AtMost, flag.More, flag.AtLeast:
			c.Values = []any{one[any](g, 0.0, 1.0, 25.0, 42.5, -3.0)}
		case flag.Before, flag.After:
			if g.IntN(2) == 0 {
				c.Attribute = ""
			}
			c.Values = []any{one[any](g, "2027-01-15T08:00:00Z", "2020-01-01T00:00:00Z")}
		case flag.Version:
			c.Attribute = "version"
			c.Values = []any{one[any](g, ">= 1.2.3", "< 2", "^ 1.2", "~ 1.2.0", "!= 1.2.3-rc.1")}
		case flag.StartsWith, flag.EndsWith:
			c.Values = []any{text(), text()}
		default:
			for range 1 + g.IntN(8) {
				c.Values = append(c.Values, one[any](g, text(), text(), 1.0, 25.0, true, false))
			}
		}
		return c
	}
	return c
}

func (g sets) conditions(segments bool) []flag.Condition {
	var l []flag.Condition
	for range 1 + g.IntN(3) {
		l = append(l, g.condition(segments))
	}
	return l
}

func (g sets) serve() flag.Serve {
	if g.IntN(2) == 0 {
		return flag.Serve{Variant: one(g, "on", "off", "third")}
	}
	return flag.Serve{
		Split: []flag.Portion{{Variant: "on", Weight: 1 + g.IntN(9999)}, {Variant: "off", Weight: 1 + g.IntN(9999)},
			{Variant: "third", Weight: g.IntN(2) * 5000}},
		By: one(g, "", "", "email", "age", "address.country", "nowhere"), Salt: one(g, "", "", "salt", "other"),
	}
}

// make is an environment of n flags. Half of them may need those before them.
func (g sets) make(n int) *flag.Set {
	s := &flag.Set{App: "shop", Environment: "production", Generation: 3, Lists: map[string][]string{}}
	variants := []flag.Variant{{Name: "on", Value: json.RawMessage(`"on"`)},
		{Name: "off", Value: json.RawMessage(`"off"`)}, {Name: "third", Value: json.RawMessage(`"3"`)}}
	for i := range n {
		key := fmt.Sprintf("flag-%d", i)
		s.Flags = append(s.Flags, flag.Flag{App: "shop", Key: key, Kind: flag.String, Variants: variants, Bucketing: 2})
		c := flag.Config{App: "shop", Flag: key, Environment: "production", On: g.IntN(8) > 0,
			Off: one(g, "", "off", "third"), Default: g.serve()}
		rules := g.IntN(5)
		if i == n-1 {
			rules = 150 // flagd's core takes other ways in large rules
		}
		for r := range rules {
			c.Rules = append(c.Rules, flag.Rule{ID: fmt.Sprintf("r%d", r), If: g.conditions(true), Serve: g.serve()})
		}
		if i > 1 && i < n/2 {
			c.Needs = []flag.Prerequisite{{Flag: fmt.Sprintf("flag-%d", g.IntN(2)), Variants: []string{one(g, "on", "off")}}}
		}
		s.Configs = append(s.Configs, c)
	}
	for _, key := range []string{"staff", "large", "beta"} {
		segment := flag.Segment{App: "shop", Key: key, Environment: "production", By: one(g, "", "email")}
		if g.IntN(2) == 0 {
			segment.Any = [][]flag.Condition{g.conditions(false)}
		}
		if g.IntN(2) == 0 {
			segment.Excluded = []string{"user-2", "u3@ab.ef"}
		}
		for i := range one(g, 0, 3, 200) {
			s.Lists[key] = append(s.Lists[key], fmt.Sprintf("user-%d", i), fmt.Sprintf("u%d@ab.ef", i))
		}
		s.Segments = append(s.Segments, segment)
	}
	return s
}

// user has some of the attributes, and now and then one of a type that rules don't expect.
func (g sets) user() dict {
	c := dict{}
	put := func(name string, from ...any) {
		if g.IntN(4) > 0 {
			c[name] = one(g, from...)
		}
	}
	put("targetingKey", fmt.Sprintf("user-%d", g.IntN(300)), fmt.Sprintf("user-%d", g.IntN(4)), "пользователь-7",
		"", 7, "a")
	put("plan", "pro", "free", "a", 1, nil, true, "", list{"pro"})
	put("age", 25, 42.5, 0, "25", nil, true, -3, dict{})
	put("version", "1.2.3", "v2", "1.2.3-rc.1", 2, "none", nil)
	put("email", fmt.Sprintf("u%d@ab.ef", g.IntN(300)), "u1@ab.ef", 5, "", nil, list{})
	put("tags", list{"a", "pro"}, list{}, list{1, true}, "a", nil)
	put("address", dict{"country": "DE"}, dict{"country": nil}, dict{}, "DE", nil)
	put("born", 1600000000, "1600000000", 1900000000, nil)
	put("vip", true, false, nil, "true")
	return c
}

// req: FF-21
//
// TestSetsAllocateNothing evaluates environments as people edit them: the forms that rules take must cost no memory.
func TestSetsAllocateNothing(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for seed := range uint64(20) {
		g := sets{rand.New(rand.NewPCG(seed, 0))}
		s := g.make(20)
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		d, err := s.Document()
		if err != nil {
			t.Fatal(err)
		}
		snapshot := compiled(t, d)
		for range 10 {
			attributes := decoded(t, g.user())
			if v, ok := attributes["version"]; ok {
				attributes["version"] = fmt.Sprint(v) // what is no text must be made one to be a version
			}
			who := flag.NewContext("user-1", attributes)
			for _, key := range snapshot.Keys() {
				if n := testing.AllocsPerRun(5, func() { snapshot.Evaluate(key, who, now) }); n > 0 {
					t.Errorf("%g allocations for %s over %s", n, d.Flags[key].Targeting, encode(attributes))
				}
			}
		}
	}
}

// The third version of fractional hashes an encoding, which is made on the stack.
func TestThirdEditionAllocatesNothing(t *testing.T) {
	for _, rule := range []string{
		`{"fractional":[["a",1],["b",1]]}`, `{"fractional":[{"var":"age"},["a",1],["b",1]]}`,
		`{"fractional":[{"var":"email"},["a",1],["b",1]]}`,
	} {
		s := read(t, dict{"flags": dict{"f": dict{"state": "ENABLED", "variants": dict{"a": 1, "b": 2},
			"metadata": dict{"bucketing": 3}, "targeting": json.RawMessage(rule)}}})
		who := flag.NewContext("user-1", decoded(t, somebody()))
		n := testing.AllocsPerRun(10, func() { s.Evaluate("f", who, time.Time{}) })
		if got := s.Evaluate("f", who, time.Time{}); n > 0 || got.Reason != flag.TargetingMatch {
			t.Errorf("%g allocations for %s, which is %v", n, rule, got)
		}
	}
}
