package foreign

import (
	"encoding/json"
	goflag "flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/words"
)

var update = goflag.Bool("update", false, "write what imports should be")

// told is an import in words: each configuration with its sentence, each segment, and each entry.
func told(m *Import) []string {
	var out []string
	for i := range m.Configs {
		c := &m.Configs[i]
		for j := range m.Flags {
			if m.Flags[j].Key == c.Flag {
				out = append(out, fmt.Sprintf("%s in %s: %s", c.Flag, c.Environment, words.Config(&m.Flags[j], c)))
			}
		}
	}
	for i := range m.Segments {
		g := &m.Segments[i]
		out = append(out, fmt.Sprintf("%s in %s: %s", g.Key, g.Environment, words.Segment(g)))
	}
	for _, e := range m.Entries {
		mark := "note"
		if e.Lost {
			mark = "LOST"
		}
		out = append(out, fmt.Sprintf("%s %s%s %s: %s → %s", mark, e.Flag, e.Segment, e.Environment, e.What, e.Done))
	}
	return out
}

func read(t *testing.T, source Source, text string, o Options) *Import {
	t.Helper()
	if got := Detect([]byte(text)); got != source {
		t.Errorf("it looks like an export of %q", got)
	}
	m, err := Read(source, []byte(text), o)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, m)
	return m
}

// valid holds an import to what Read promises.
func valid(t *testing.T, m *Import) {
	t.Helper()
	environments := map[string]bool{"": true}
	for _, c := range m.Configs {
		environments[c.Environment] = true
	}
	for _, g := range m.Segments {
		environments[g.Environment] = true
	}
	for environment := range environments {
		s := m.Set(environment)
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", environment, err)
		}
		if _, err := s.Document(); err != nil {
			t.Errorf("%s: %v", environment, err)
		}
	}
}

// export is a file that was made by hand in the form of a system's exports.
func export(t testing.TB, source Source) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + string(source) + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// compare holds an import to the file of what it should be in words, or with -update writes that.
func compare(t *testing.T, m *Import) {
	t.Helper()
	file := "testdata/" + string(m.Source) + ".txt"
	got := strings.Join(told(m), "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestLaunchDarkly(t *testing.T) {
	m := read(t, LaunchDarkly, export(t, LaunchDarkly),
		Options{App: "shop", Environments: map[string]string{"test": "staging"}})
	compare(t, m)
	f, c := m.Flags[0], m.Configs[0]
	if f.Owner != "ada@example.com" || !f.Client || f.Permanent || f.Description != "New checkout" ||
		f.Created.Year() != 2023 {
		t.Errorf("%+v", f)
	}
	c.On = true
	var got []string
	for i := range c.Rules {
		got = append(got, words.Rule(&f, &c.Rules[i]))
	}
	want := []string{
		"Off for users whose org.key is acme.", "On for users whose id is ada or bob.",
		"On for users whose email ends with @example.com.",
		"Off for users whose country is not DE or FR and whose country is there.",
		"On for beta whose app.version is a version > 1.2.0.", "On for friends whose app.version is a version > 1.2.0.",
		`On for 10 % of users whose name starts with "Dr. ", by account; off for the rest of them.`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]flag.Prerequisite{{Flag: "search", Variants: []string{"b"}}}, c.Needs); diff != "" {
		t.Error(diff)
	}
}

func TestUnleash(t *testing.T) {
	m := read(t, Unleash, export(t, Unleash), Options{App: "shop"})
	compare(t, m)
}

func TestGrowthBook(t *testing.T) {
	m := read(t, GrowthBook, export(t, GrowthBook), Options{App: "shop"})
	compare(t, m)
}

func TestFlagsmith(t *testing.T) {
	m := read(t, Flagsmith, export(t, Flagsmith), Options{App: "shop"})
	compare(t, m)
}

func TestVercel(t *testing.T) {
	m := read(t, Vercel, export(t, Vercel), Options{
		App: "shop", Environments: map[string]string{"production": "production", "development": "dev"}, Only: true})
	compare(t, m)
}

func TestFlagdRoundTrip(t *testing.T) {
	on, off := flag.Serve{Variant: "on"}, flag.Serve{Variant: "off"}
	var conditions []flag.Condition
	for _, n := range []flag.Condition{
		{Attribute: "plan", Op: flag.Equals, Values: []any{"pro"}},
		{Attribute: "plan", Op: flag.Equals, Values: []any{"pro", 5.0}},
		{Attribute: "a.b", Op: flag.Equals, Values: []any{true}},
		{Attribute: "x", Op: flag.StartsWith, Values: []any{"a", "b"}},
		{Attribute: "x", Op: flag.EndsWith, Values: []any{"a"}}, {Attribute: "x", Op: flag.Contains, Values: []any{"a"}},
		{Attribute: "x", Op: flag.Contains, Values: []any{5.0}}, {Attribute: "x", Op: flag.Contains, Values: []any{"a", 5.0}},
		{Attribute: "x", Op: flag.Less, Values: []any{5.0}}, {Attribute: "x", Op: flag.AtMost, Values: []any{-5.5}},
		{Attribute: "x", Op: flag.More, Values: []any{5.0}}, {Attribute: "x", Op: flag.AtLeast, Values: []any{5.0}},
		{Attribute: "v", Op: flag.Version, Values: []any{">= 1.4.0", "^ 2"}}, {Attribute: "x", Op: flag.Missing},
		{Op: flag.Before, Values: []any{"2026-12-01T09:00:00Z"}}, {Op: flag.After, Values: []any{"2026-12-01T09:00:00Z"}},
		{Segment: "staff"},
	} {
		not := n
		not.Not = true
		conditions = append(conditions, n, not)
	}
	half := flag.Serve{Split: []flag.Portion{{Variant: "on", Weight: 1}, {Variant: "off", Weight: 3}}}
	salted, by := half, half
	salted.Salt, by.By = "nest", "account"
	s := &flag.Set{App: "shop", Environment: "production", Generation: 1,
		Segments: []flag.Segment{{
			Key: "staff", Excluded: []string{"eve"}, Any: [][]flag.Condition{conditions[:2], {conditions[3]}}}},
		Lists: map[string][]string{"staff": {"ada"}},
	}
	add := func(c flag.Config) {
		f := flag.Flag{Key: fmt.Sprint("f", len(s.Flags)), Kind: flag.Boolean, Bucketing: 2, Variants: []flag.Variant{
			{Name: "off", Value: json.RawMessage("false")}, {Name: "on", Value: json.RawMessage("true")}}}
		c.Flag, c.On = f.Key, true
		s.Flags, s.Configs = append(s.Flags, f), append(s.Configs, c)
	}
	for _, n := range conditions {
		add(flag.Config{Default: off, Rules: []flag.Rule{{ID: "a", If: []flag.Condition{n, conditions[0]}, Serve: on}}})
	}
	for _, serve := range []flag.Serve{half, salted, by} {
		add(flag.Config{Default: off, Rules: []flag.Rule{{ID: "a", If: conditions[:1], Serve: serve}}})
		add(flag.Config{Default: off, Rules: []flag.Rule{{ID: "a", If: conditions[:1], Serve: on}, {ID: "b", Serve: serve}}})
	}
	add(flag.Config{Default: half})
	add(flag.Config{Default: on})
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	d, err := s.Document()
	if err != nil {
		t.Fatal(err)
	}
	m := read(t, Flagd, string(d.JSON()), Options{})
	if len(m.Entries) > 0 {
		t.Errorf("%+v", m.Entries)
	}
	again, err := m.Set("production").Document()
	if err != nil {
		t.Fatal(err)
	}
	d.Metadata, again.Metadata = nil, nil
	var want, got any
	_, _ = json.Unmarshal(d.JSON(), &want), json.Unmarshal(again.JSON(), &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, c := range m.Configs {
		if c.Targeting != nil {
			t.Errorf("%s stays in flagd's language: %s", c.Flag, c.Targeting)
		}
	}
}

func TestFlagd(t *testing.T) {
	m := read(t, Flagd, export(t, Flagd), Options{Environment: "staging"})
	compare(t, m)
}

func TestWhatIsNoExport(t *testing.T) {
	for _, source := range Sources() {
		for _, text := range []string{"", "[", "null", "{}", `"x"`, `{"flags":5,"features":5,"items":{}}`} {
			m, err := Read(source, []byte(text), Options{})
			if err == nil && len(m.Flags) == 0 && len(m.Entries) == 0 {
				t.Errorf("%s took %q for an export", source, text)
			}
		}
	}
	if _, err := Read("toggles", []byte("{}"), Options{}); err == nil || !strings.Contains(err.Error(), "launchdarkly") {
		t.Errorf("%v does not name the sources", err)
	}
}

// FuzzRead holds any text to what Read promises: it ends with an error, or with an import that is valid.
func FuzzRead(f *testing.F) {
	for _, source := range Sources() {
		f.Add(string(source), export(f, source))
	}
	f.Add("growthbook", `{"features":{"x":{"defaultValue":1,"rules":[
		{"condition":{"$nor":[{"a":1}],"id":{"$in":[]}},"force":2}]}}}`)
	f.Add("launchdarkly", `{"flags":{"a":{"key":"a","on":true,"variations":[1,2],
		"fallthrough":{"variation":0}}},"segments":{}}`)
	f.Fuzz(func(t *testing.T, source, text string) {
		m, err := Read(Source(source), []byte(text), Options{App: "shop"})
		if err != nil {
			return
		}
		valid(t, m)
		lost := map[string]bool{}
		for _, e := range m.Entries {
			if e.Lost {
				lost[e.Flag+" "+e.Environment] = true
			}
			if e.What == "" || e.Done == "" {
				t.Errorf("%+v says nothing", e)
			}
		}
		for _, c := range m.Configs {
			if c.On && lost[c.Flag+" "+c.Environment] {
				t.Errorf("%s lost a part and is on", c.Flag)
			}
		}
	})
}

// wild makes random definitions of the forms that people write by hand, and of some that nobody should.
type wild struct{ *rand.Rand }

func (d wild) one(of ...any) any { return of[d.IntN(len(of))] }

func (d wild) condition(depth int) any {
	v := map[string]any{"var": d.one("plan", "n", "email", "targetingKey", "a.b")}
	call := func(op string, args ...any) any { return map[string]any{op: args} }
	if depth < 3 && d.IntN(3) == 0 {
		switch d.IntN(4) {
		case 0:
			return call("!", d.condition(depth+1))
		case 1:
			return map[string]any{"$ref": d.one("mail", "staff", "other")}
		}
		return call(d.one("and", "or").(string), d.condition(depth+1), d.condition(depth+1))
	}
	switch d.IntN(9) {
	case 0:
		return call(d.one("===", "!==").(string), v, d.one("pro", 5, true, nil))
	case 1:
		return call("in", v, []any{"pro", "free"})
	case 2:
		return call("in", d.one("o", "pro"), v)
	case 3:
		return call(d.one("starts_with", "ends_with").(string), v, d.one("p", "o", ""))
	case 4:
		return call(d.one("<", ">", "<=", ">=").(string), v, d.one(3, 5, "5"))
	case 5:
		return call("sem_ver", v, d.one("=", ">", "^"), d.one("1.2.3", "2"))
	case 6:
		return d.one(true, false, v, "text")
	case 7:
		return call("<", map[string]any{"var": "$flagd.timestamp"}, d.one(1_700_000_000, 1_900_000_000))
	}
	return call("===", v, d.one("pro", "free"))
}

func (d wild) result() any {
	return d.one("on", "off", nil, "gone", true,
		map[string]any{"fractional": []any{[]any{"on", 1}, []any{"off", 3}}},
		map[string]any{"fractional": []any{[]any{"on"}, []any{"off"}}},
		map[string]any{"fractional": []any{map[string]any{"cat": []any{"salt", map[string]any{"var": "email"}}},
			[]any{"on", 50}, []any{"off", 50}}})
}

func (d wild) document() map[string]any {
	flags := map[string]any{}
	for i := range 5 {
		args := []any{}
		for range d.IntN(3) {
			args = append(args, d.condition(0), d.result())
		}
		if d.IntN(2) == 0 {
			args = append(args, d.result())
		}
		flags[fmt.Sprint("f", i)] = map[string]any{"state": d.one("ENABLED", "ENABLED", "ENABLED", "DISABLED"),
			"variants": map[string]any{"on": true, "off": false}, "defaultVariant": d.one("off", "on", "off", nil),
			"targeting": map[string]any{"if": args}}
	}
	return map[string]any{"flags": flags, "$evaluators": map[string]any{"mail": d.condition(3), "staff": d.condition(3),
		"other": d.condition(3)}}
}

// TestFlagdKeepsItsMeaning imports random definitions and evaluates both: what comes in switched on serves the same.
func TestFlagdKeepsItsMeaning(t *testing.T) {
	compared, rules := 0, 0
	for seed := range uint64(1000) {
		d := wild{rand.New(rand.NewPCG(seed, 4))}
		text, err := json.Marshal(d.document())
		if err != nil {
			t.Fatal(err)
		}
		before := compiled(t, text)
		m, err := Read(Flagd, text, Options{Environment: "e"})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		valid(t, m)
		document, err := m.Set("e").Document()
		if err != nil {
			t.Fatal(err)
		}
		after := compiled(t, document.JSON())
		for _, c := range m.Configs {
			if !c.On {
				continue
			}
			rules += len(c.Rules)
			for range 10 {
				user := map[string]any{"plan": d.one("pro", "free", "x", nil), "n": d.one(5, 3, nil),
					"email": d.one("pro", "", "po@x", nil), "a": map[string]any{"b": d.one("pro", "2.0.0")}}
				context := flag.NewContext(d.one("", "ada", "pro", "u1").(string), user)
				now := time.Unix(1_800_000_000, 0)
				want, got := before.Evaluate(c.Flag, context, now), after.Evaluate(c.Flag, context, now)
				if string(want.Value) != string(got.Value) {
					t.Fatalf("seed %d, %s for %v: %+v, and imported %+v\n%s\n%+v", seed, c.Flag, user, want, got, text, c)
				}
				compared++
			}
		}
	}
	if t.Logf("%d compared, %d rules", compared, rules); compared < 20_000 || rules < 500 {
		t.Error("too little was compared")
	}
}

func compiled(t *testing.T, text []byte) *flag.Snapshot {
	t.Helper()
	d, err := flag.ParseDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := flag.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
