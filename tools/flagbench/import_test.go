package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	growthbook "github.com/growthbook/growthbook-golang"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	evaluation "github.com/launchdarkly/go-server-sdk-evaluation/v3"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"

	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/foreign"
)

// dice makes random exports and users of the same few values, so that conditions hold often.
type dice struct{ *rand.Rand }

func (d dice) one(of ...any) any { return of[d.IntN(len(of))] }

func (d dice) some(make func() any) list {
	var out list
	for range 1 + d.IntN(2) {
		out = append(out, make())
	}
	return out
}

func (d dice) word() any { return d.one("a", "ab", "b", "pro", "free", "5") }

// user has attributes of one type each, as users of a real application have, and often lacks some.
func (d dice) user() user {
	u := user{fmt.Sprint("u", d.IntN(6)), map[string]any{}}
	for name, value := range map[string]any{
		"plan": d.word(), "email": d.one("a@example.com", "b@x.org"), "age": float64(d.IntN(5)), "staff": d.IntN(2) == 0,
		"app": d.one("1.2.3", "2.0.0", "1.10.0"),
	} {
		if d.IntN(4) > 0 {
			u.attributes[name] = value
		}
	}
	return u
}

// tally counts what was compared, so that a test that compares nothing fails.
type tally struct {
	compared, off int
	seen          map[string]int
}

func (n *tally) enough(t *testing.T) {
	t.Helper()
	t.Logf("%d compared, %d configurations came in switched off, values %v", n.compared, n.off, n.seen)
	if n.compared < 20_000 || len(n.seen) < 3 {
		t.Error("too little was compared")
	}
}

// value is what an imported flag is for a user.
func value(s *flag.Snapshot, key string, u user) string {
	return string(s.Evaluate(key, flag.NewContext(u.id, u.attributes), time.Unix(1_800_000_000, 0)).Value)
}

func imported(t *testing.T, source foreign.Source, text []byte) (*foreign.Import, *flag.Snapshot) {
	t.Helper()
	m, err := foreign.Read(source, text, foreign.Options{App: "shop"})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	d, err := m.Set("production").Document()
	if err != nil {
		t.Fatal(err)
	}
	s, err := flag.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return m, s
}

func on(m *foreign.Import, key string) bool {
	for _, c := range m.Configs {
		if c.Flag == key {
			return c.On
		}
	}
	return false
}

func (d dice) ldClause(segments bool) any {
	c := dict{"attribute": "plan", "op": "in", "values": d.some(d.word), "negate": d.IntN(4) == 0, "contextKind": "user"}
	switch d.IntN(12) {
	case 0:
		c["attribute"], c["values"] = "key", list{"u1", "u2"}
	case 1:
		c["op"] = d.one("startsWith", "endsWith", "contains")
	case 2:
		c["attribute"], c["op"], c["values"] = "email", "endsWith", list{"@example.com"}
	case 3:
		c["attribute"], c["values"] = "age", list{d.IntN(5), d.IntN(5)}
		if d.IntN(2) == 0 {
			c["op"] = d.one("lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual")
			c["values"] = list{d.IntN(5)}
		}
	case 4:
		c["attribute"], c["values"] = "staff", list{d.IntN(2) == 0}
	case 5:
		c["attribute"], c["op"] = "app", d.one("semVerEqual", "semVerLessThan", "semVerGreaterThan")
		c["values"] = list{d.one("1.2.3", "1.9.0", "2")}
	case 6:
		c["attribute"], c["op"] = "email", "matches"
		c["values"] = list{d.one("^a", `example\.com$`, "x", "^a.*", "a.b", "(a|b)", `^b@x\.org$`)}
	case 7, 8:
		if segments {
			c["attribute"], c["op"], c["values"] = "", "segmentMatch", list{d.one("s0", "s1")}
			if d.IntN(3) == 0 {
				c["values"] = list{"s0", "s1"}
			}
		}
	case 9:
		c["values"] = list{}
	}
	return c
}

func (d dice) ldRules(make func() dict, segments bool) list {
	out := list{}
	for range d.IntN(4) {
		rule := make()
		rule["id"], rule["clauses"] = "r", d.some(func() any { return d.ldClause(segments) })
		out = append(out, rule)
	}
	return out
}

// models hands flags and segments to LaunchDarkly's evaluator.
type models struct {
	flags    map[string]*ldmodel.FeatureFlag
	segments map[string]*ldmodel.Segment
}

func (m models) GetFeatureFlag(key string) *ldmodel.FeatureFlag { return m.flags[key] }
func (m models) GetSegment(key string) *ldmodel.Segment         { return m.segments[key] }

// TestImportLaunchDarkly evaluates random flags with LaunchDarkly's own evaluator, imports them, and evaluates them here.
// Splits are left out: they assign anew, and the report says so. What comes in switched off is not compared.
func TestImportLaunchDarkly(t *testing.T) {
	n := &tally{seen: map[string]int{}}
	for seed := range uint64(1500) {
		d := dice{rand.New(rand.NewPCG(seed, 2))}
		variation := func() dict { return dict{"variation": d.IntN(3)} }
		flags, segments := dict{}, list{}
		for i := range 2 {
			segments = append(segments, dict{"key": fmt.Sprint("s", i), "version": 1, "salt": "x",
				"included": list{"u1", d.one("u2", "u3")}, "excluded": list{d.one("u1", "u4")},
				"rules": d.ldRules(func() dict { return dict{} }, false)})
		}
		for i := range 3 {
			f := dict{"key": fmt.Sprint("f", i), "version": 1, "on": d.IntN(8) > 0, "salt": "x", "variations": list{"x", "y", "z"},
				"targets": list{dict{"values": list{d.one("u0", "u5")}, "variation": d.IntN(3)}},
				"rules":   d.ldRules(variation, true), "fallthrough": variation(), "prerequisites": list{}}
			if d.IntN(2) == 0 {
				f["offVariation"] = d.IntN(3)
			}
			if i > 0 && d.IntN(3) == 0 {
				f["prerequisites"] = list{dict{"key": fmt.Sprint("f", i-1), "variation": d.IntN(3)}}
			}
			flags[f["key"].(string)] = f
		}
		text, err := json.Marshal(dict{"flags": flags, "segments": segments})
		if err != nil {
			t.Fatal(err)
		}
		m, snapshot := imported(t, foreign.LaunchDarkly, text)
		theirs := models{map[string]*ldmodel.FeatureFlag{}, map[string]*ldmodel.Segment{}}
		serialization := ldmodel.NewJSONDataModelSerialization()
		for key, f := range flags {
			raw, _ := json.Marshal(f)
			model, err := serialization.UnmarshalFeatureFlag(raw)
			if err != nil {
				t.Fatal(err)
			}
			theirs.flags[key] = &model
		}
		for _, g := range segments {
			raw, _ := json.Marshal(g)
			model, err := serialization.UnmarshalSegment(raw)
			if err != nil {
				t.Fatal(err)
			}
			theirs.segments[model.Key] = &model
		}
		compareLaunchDarkly(t, d, m, snapshot, theirs, text, n)
	}
	n.enough(t)
}

func compareLaunchDarkly(
	t *testing.T, d dice, m *foreign.Import, snapshot *flag.Snapshot, theirs models, text []byte, n *tally,
) {
	t.Helper()
	evaluator := evaluation.NewEvaluator(theirs)
	for key, f := range theirs.flags {
		if f.On && !on(m, key) {
			n.off++
			continue
		}
		if len(f.Prerequisites) > 0 && theirs.flags[f.Prerequisites[0].Key].On && !on(m, f.Prerequisites[0].Key) {
			continue
		}
		for range 20 {
			u := d.user()
			builder := ldcontext.NewBuilder(u.id)
			for name, v := range u.attributes {
				builder.SetValue(name, ldvalue.CopyArbitraryValue(v))
			}
			want := evaluator.Evaluate(f, builder.Build(), nil).Detail.Value.JSONString()
			if want == "null" {
				want = ""
			}
			n.compared++
			n.seen[want]++
			if got := value(snapshot, key, u); got != want {
				attributes, _ := json.Marshal(u.attributes)
				t.Fatalf("%s for %s %s: %s there, %s here\n%s\n%+v", key, u.id, attributes, want, got, text, m.Configs)
			}
		}
	}
}

func (d dice) gbCondition(depth int) dict {
	switch k := d.IntN(10); {
	case k == 0 && depth < 2:
		return dict{"$or": d.some(func() any { return d.gbCondition(depth + 1) })}
	case k == 1 && depth < 2:
		return dict{"$and": d.some(func() any { return d.gbCondition(depth + 1) })}
	case k == 2 && depth < 2:
		return dict{"$not": d.gbCondition(depth + 1)}
	case k == 3 && depth < 2:
		return dict{"$nor": d.some(func() any { return d.gbCondition(depth + 1) })}
	case k == 4:
		return dict{"email": dict{"$regex": d.one("^a", `example\.com$`, "x", "a.b", ".*b@.*")}}
	case k == 5:
		return dict{"age": dict{d.one("$lt", "$lte", "$gt", "$gte", "$eq", "$ne").(string): d.IntN(5)}}
	case k == 6:
		return dict{d.one("plan", "id", "age").(string): dict{"$exists": d.IntN(2) == 0}}
	case k == 7:
		return dict{"app": dict{d.one("$vgt", "$vlt", "$veq", "$vgte", "$vlte", "$vne").(string): d.one("1.2.3", "1.9.0")}}
	case k == 8:
		return dict{"id": d.one("u1", "u2"), "staff": d.IntN(2) == 0}
	}
	return dict{"plan": d.one("a", "pro", dict{"$in": list{"a", "ab"}}, dict{"$nin": list{"a", "pro"}}, dict{"$ne": "b"},
		dict{"$not": dict{"$eq": "pro"}})}
}

// TestImportGrowthBook does the same with GrowthBook's own SDK.
func TestImportGrowthBook(t *testing.T) {
	n := &tally{seen: map[string]int{}}
	for seed := range uint64(1500) {
		d := dice{rand.New(rand.NewPCG(seed, 3))}
		rules := list{}
		for range d.IntN(4) {
			rules = append(rules, dict{"condition": d.gbCondition(0), "force": d.one("x", "y", "z")})
		}
		text, err := json.Marshal(dict{"features": dict{"f0": dict{"defaultValue": d.one("x", "y", "z"), "rules": rules}}})
		if err != nil {
			t.Fatal(err)
		}
		m, snapshot := imported(t, foreign.GrowthBook, text)
		if !on(m, "f0") {
			n.off++
			continue
		}
		var file struct{ Features json.RawMessage }
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		client, err := growthbook.NewClient(context.Background(), growthbook.WithJsonFeatures(string(file.Features)))
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			u := d.user()
			attributes := growthbook.Attributes{"id": u.id}
			for name, v := range u.attributes {
				attributes[name] = v
			}
			theirs, err := client.WithAttributes(attributes)
			if err != nil {
				t.Fatal(err)
			}
			want, _ := json.Marshal(theirs.EvalFeature(context.Background(), "f0").Value)
			n.compared++
			n.seen[string(want)]++
			if got := value(snapshot, "f0", u); got != string(want) {
				told, _ := json.Marshal(u.attributes)
				t.Fatalf("%s %s: %s there, %s here\n%s\n%+v", u.id, told, want, got, text, m.Configs)
			}
		}
	}
	n.enough(t)
}
