package flag

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
)

// shop is a small valid environment that tests change.
func shop() *Set {
	onOff := []Variant{{Name: "on", Value: json.RawMessage("true")}, {Name: "off", Value: json.RawMessage("false")}}
	return &Set{
		App: "shop", Environment: "production", Generation: 7,
		Flags: []Flag{
			{Key: "checkout", Kind: Boolean, Variants: onOff, Bucketing: 2},
			{Key: "search", Kind: Boolean, Variants: onOff, Bucketing: 2},
			{Key: "color", Kind: String, Bucketing: 2, Variants: []Variant{
				{Name: "red", Value: json.RawMessage(`"#f00"`)}, {Name: "blue", Value: json.RawMessage(`"#00f"`)}}},
		},
		Configs: []Config{
			{Flag: "checkout", On: true, Off: "off", Default: Serve{Variant: "off"}, Rules: []Rule{{
				ID: "staff", If: []Condition{{Segment: "staff"}}, Serve: Serve{Variant: "on"},
			}}},
			{Flag: "search", On: true, Default: Serve{Split: []Portion{{"on", 2500}, {"off", 7500}}}},
			{Flag: "color", Default: Serve{Variant: "red"}},
		},
		Segments: []Segment{{Key: "staff", Any: [][]Condition{
			{{Attribute: "email", Op: EndsWith, Values: []any{"@example.com"}}}}}},
		Lists: map[string][]string{"staff": {"ada", "grace"}},
	}
}

// pathsOf returns the places of a fault's complaints.
func pathsOf(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid {
		t.Fatalf("%v is no fault of kind invalid", err)
	}
	var paths []string
	for _, field := range f.Fields {
		if !strings.ContainsAny(field.Message, ":%;,") && len(field.Message) < 12 {
			t.Errorf("%s: %q says no remedy", field.Path, field.Message)
		}
		paths = append(paths, field.Path)
	}
	return paths
}

func TestValidSet(t *testing.T) {
	if err := shop().Validate(); err != nil {
		t.Fatal(err)
	}
}

// req: FF-19
func TestFlagValidate(t *testing.T) {
	long := strings.Repeat("x", MaxText+1)
	deep := strings.Repeat(`{"a":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1)
	many := make([]Variant, MaxVariants+1)
	for i := range many {
		many[i] = Variant{Name: fmt.Sprint("v", i), Value: json.RawMessage("true")}
	}
	tests := []struct {
		name   string
		change func(*Flag)
		want   []string
	}{
		{"good", func(*Flag) {}, nil},
		{"no key", func(f *Flag) { f.Key = "" }, []string{"key"}},
		{"slash", func(f *Flag) { f.Key = "a/b" }, []string{"key"}},
		{"dots", func(f *Flag) { f.Key = ".." }, []string{"key"}},
		{"umlaut", func(f *Flag) { f.Key = "größe" }, []string{"key"}},
		{"long key", func(f *Flag) { f.Key = strings.Repeat("k", 129) }, []string{"key"}},
		{"kind", func(f *Flag) { f.Kind = "date" }, []string{"kind", "variants[0].value", "variants[1].value"}},
		{"texts", func(f *Flag) { f.Description, f.Owner, f.Tags = long, long, []string{"a", " b"} },
			[]string{"description", "owner", "tags[1]"}},
		{"bucketing", func(f *Flag) { f.Bucketing = 1 }, []string{"bucketing"}},
		{"no variants", func(f *Flag) { f.Variants = nil }, []string{"variants"}},
		{"many variants", func(f *Flag) { f.Variants = many }, []string{"variants"}},
		{"twice", func(f *Flag) { f.Variants[1].Name = "on" }, []string{"variants[1].name"}},
		{"mixed", func(f *Flag) { f.Variants[1].Value = json.RawMessage(`"no"`) }, []string{"variants[1].value"}},
		{"null", func(f *Flag) { f.Variants[1].Value = json.RawMessage(`null`) }, []string{"variants[1].value"}},
		{"array", func(f *Flag) {
			f.Kind = Object
			f.Variants = []Variant{{Name: "a", Value: json.RawMessage("[1]")}}
		}, []string{"variants[0].value"}},
		{"no JSON", func(f *Flag) { f.Variants[0].Value = json.RawMessage(`tru`) }, []string{"variants[0].value"}},
		{"no value", func(f *Flag) { f.Variants[0].Value = nil }, []string{"variants[0].value"}},
		{"not UTF-8", func(f *Flag) {
			f.Kind = String
			f.Variants = []Variant{{Name: "a", Value: json.RawMessage("\"\xff\"")}}
		}, []string{"variants[0].value"}},
		{"huge number", func(f *Flag) {
			f.Kind = Number
			f.Variants = []Variant{{Name: "a", Value: json.RawMessage("1e999")}}
		}, []string{"variants[0].value"}},
		{"deep", func(f *Flag) { f.Kind = Object; f.Variants = []Variant{{Name: "a", Value: json.RawMessage(deep)}} },
			[]string{"variants[0].value"}},
		{"large", func(f *Flag) {
			f.Kind = String
			f.Variants = []Variant{{Name: "a", Value: json.RawMessage(`"` + strings.Repeat("x", MaxValue) + `"`)}}
		}, []string{"variants[0].value"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := shop().Flags[0]
			tt.change(&f)
			if diff := cmp.Diff(tt.want, pathsOf(t, f.Validate())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// req: FF-19
func TestConditionValidate(t *testing.T) {
	tests := []struct {
		condition Condition
		want      []string
	}{
		{Condition{Attribute: "plan", Op: Equals, Values: []any{"pro", 5.0, true}}, nil},
		{Condition{Attribute: "plan", Op: Equals, Values: []any{nil}}, []string{".values[0]"}},
		{Condition{Attribute: "plan", Op: Equals, Values: []any{[]any{}}}, []string{".values[0]"}},
		{Condition{Attribute: "plan", Op: Equals}, []string{".values"}},
		{Condition{Attribute: "plan", Op: "is"}, []string{".op"}},
		{Condition{Attribute: "plan"}, []string{".op"}},
		{Condition{Op: Equals, Values: []any{1}}, []string{".attribute"}},
		{Condition{Attribute: "a..b", Op: Equals, Values: []any{1}}, []string{".attribute"}},
		{Condition{Attribute: "../a", Op: Equals, Values: []any{1}}, []string{".attribute"}},
		{Condition{Attribute: "a.constructor", Op: Equals, Values: []any{1}}, []string{".attribute"}},
		{Condition{Attribute: "$flagd.timestamp", Op: Less, Values: []any{1}}, []string{".attribute"}},
		{Condition{Attribute: "age", Op: Less, Values: []any{18}}, nil},
		{Condition{Attribute: "age", Op: Less, Values: []any{"18"}}, []string{".values[0]"}},
		{Condition{Attribute: "age", Op: AtLeast, Values: []any{18, 21}}, []string{".values"}},
		{Condition{Attribute: "name", Op: StartsWith, Values: []any{"a", 1}}, []string{".values[1]"}},
		{Condition{Attribute: "name", Op: Contains, Values: []any{strings.Repeat("x", MaxWord+1)}}, []string{".values[0]"}},
		{Condition{Attribute: "app", Op: Version, Values: []any{">= 1.4.0", "^2", "~ v1.2", "!=1.0.0-rc.1+b"}}, nil},
		{Condition{Attribute: "app", Op: Version, Values: []any{"1.4.0", ">= x", "=> 1", ">= 1.2.3.4", 2, ">= 01.2.3"}},
			[]string{".values[0]", ".values[1]", ".values[2]", ".values[3]", ".values[4]", ".values[5]"}},
		{Condition{Op: After, Values: []any{"2026-12-01T09:00:00Z"}}, nil},
		{Condition{Op: Before, Values: []any{"tomorrow"}}, []string{".values[0]"}},
		{Condition{Op: Before, Values: []any{"2026-12-01T09:00:00.5Z"}}, []string{".values[0]"}},
		{Condition{Attribute: "since", Op: Before, Values: []any{"2026-12-01T09:00:00+01:00"}}, nil},
		{Condition{Attribute: "plan", Op: Missing}, nil},
		{Condition{Attribute: "plan", Op: Missing, Values: []any{1}}, []string{".values"}},
		{Condition{Segment: "staff"}, nil},
		{Condition{Segment: "nobody"}, []string{".segment"}},
		{Condition{Segment: "staff", Attribute: "plan", Op: Missing}, []string{""}},
	}
	for _, tt := range tests {
		s := shop()
		c := s.Configs[0]
		c.Rules = []Rule{{ID: "r", If: []Condition{tt.condition}, Serve: Serve{Variant: "on"}}}
		var want []string
		for _, w := range tt.want {
			want = append(want, "rules[0].if[0]"+w)
		}
		if diff := cmp.Diff(want, pathsOf(t, c.Validate(s))); diff != "" {
			t.Errorf("%+v: %s", tt.condition, diff)
		}
	}
}

// req: FF-19
func TestUnknownAttributeIsRefused(t *testing.T) {
	s := shop()
	s.Attributes = []string{"plan"}
	c := s.Configs[0]
	c.Rules = []Rule{{ID: "r", Serve: Serve{Variant: "on"}, If: []Condition{
		{Attribute: "plan", Op: Missing}, {Attribute: "plann", Op: Missing}, {Attribute: "targetingKey", Op: Missing}}}}
	if diff := cmp.Diff([]string{"rules[0].if[1].attribute"}, pathsOf(t, c.Validate(s))); diff != "" {
		t.Error(diff)
	}
	g := s.Segments[0]
	if diff := cmp.Diff([]string{"any[0][0].attribute"}, pathsOf(t, g.Validate("plan"))); diff != "" {
		t.Error(diff)
	}
	if err := g.Validate("email"); err != nil {
		t.Error(err)
	}
}

// req: FF-19
func TestConfigValidate(t *testing.T) {
	rules := make([]Rule, MaxRules+1)
	for i := range rules {
		rules[i] = Rule{ID: fmt.Sprint("r", i), Serve: Serve{Variant: "on"}}
	}
	tests := []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"good", func(*Config) {}, nil},
		{"no flag", func(c *Config) { c.Flag = "none" }, []string{"flag"}},
		{"off", func(c *Config) { c.Off = "none" }, []string{"off"}},
		{"nothing served", func(c *Config) { c.Default = Serve{} }, []string{"default"}},
		{"both", func(c *Config) { c.Default.Split = []Portion{{"on", 1}} }, []string{"default"}},
		{"unknown variant", func(c *Config) { c.Default.Variant = "none" }, []string{"default.variant"}},
		{"weights", func(c *Config) { c.Default = Serve{Split: []Portion{{"on", 0}, {"off", 0}}} },
			[]string{"default.split"}},
		{"large weights", func(c *Config) { c.Default = Serve{Split: []Portion{{"on", 1 << 30}, {"off", 1 << 30}}} },
			[]string{"default.split"}},
		{"negative weight", func(c *Config) { c.Default = Serve{Split: []Portion{{"on", -1}}} },
			[]string{"default.split[0].weight"}},
		{"twice in a split", func(c *Config) { c.Default = Serve{Split: []Portion{{"on", 1}, {"on", 1}}} },
			[]string{"default.split[1].variant"}},
		{"salt without split", func(c *Config) { c.Default.Salt = "x" }, []string{"default"}},
		{"rules", func(c *Config) { c.Rules = rules }, []string{"rules"}},
		{"ids", func(c *Config) { c.Rules = append(c.Rules, c.Rules[0]) }, []string{"rules[1].id"}},
		{"needs itself", func(c *Config) { c.Needs = []Prerequisite{{"checkout", []string{"on"}}} },
			[]string{"needs[0].flag", "needs"}},
		{"needs nothing", func(c *Config) { c.Needs = []Prerequisite{{"none", []string{"on"}}} }, []string{"needs[0].flag"}},
		{"needs no variant", func(c *Config) { c.Needs = []Prerequisite{{"search", nil}} }, []string{"needs[0].variants"}},
		{"needs unknown variant", func(c *Config) { c.Needs = []Prerequisite{{"search", []string{"x"}}} },
			[]string{"needs[0].variants[0]"}},
		{"needs twice", func(c *Config) {
			c.Needs = []Prerequisite{{"search", []string{"on"}}, {"search", []string{"off"}}}
		}, []string{"needs[1].flag"}},
		{"raw beside rules", func(c *Config) { c.Targeting = json.RawMessage(`{"var":"a"}`) }, []string{"targeting"}},
		{"raw no object", func(c *Config) { c.Rules, c.Targeting = nil, json.RawMessage(`[1]`) }, []string{"targeting"}},
		{"raw unknown operator", func(c *Config) { c.Rules, c.Targeting = nil, json.RawMessage(`{"matches":["a","b"]}`) },
			[]string{"targeting"}},
		{"raw", func(c *Config) { c.Rules, c.Targeting = nil, json.RawMessage(`{"if":[{"$ref":"segment/staff"},"on"]}`) },
			nil},
		{"raw reference", func(c *Config) {
			c.Rules, c.Targeting = nil, json.RawMessage(`{"if":[{"$ref":"segment/staff"},"on",{"$ref":"other"}]}`)
		}, []string{"targeting"}},
		{"everything at once", func(c *Config) { c.Off, c.Default, c.Rules[0].ID = "x", Serve{}, "" },
			[]string{"off", "default", "rules[0].id"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := shop()
			c := s.Configs[0]
			tt.change(&c)
			if diff := cmp.Diff(tt.want, pathsOf(t, c.Validate(s))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// chained is an environment of n flags in which each needs the next one given times.
func chained(n int) *Set {
	s := shop()
	s.Flags, s.Configs = nil, nil
	for i := range n {
		s.Flags = append(s.Flags, shop().Flags[0])
		s.Flags[i].Key = fmt.Sprint("f", i)
		c := Config{Flag: s.Flags[i].Key, On: true, Default: Serve{Variant: "on"}}
		if i < n-1 {
			c.Needs = []Prerequisite{{fmt.Sprint("f", i+1), []string{"on"}}}
		}
		s.Configs = append(s.Configs, c)
	}
	return s
}

// req: FF-19
func TestNeedsValidate(t *testing.T) {
	s := chained(3)
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	last := s.Configs[2]
	last.Needs = []Prerequisite{{"f0", []string{"on"}}}
	err := last.Validate(s)
	if diff := cmp.Diff([]string{"needs"}, pathsOf(t, err)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(err.Error(), "f2 → f0 → f1 → f2") {
		t.Errorf("%v does not name the circle", err)
	}

	long := chained(MaxChain + 2)
	if diff := cmp.Diff([]string{"configs/f0.needs"}, pathsOf(t, long.Validate())[:1]); diff != "" {
		t.Error(diff)
	}
	// The last flag of a chain that is as long as it may be can't need one more: the first would be too long.
	full := chained(MaxChain + 1)
	end := full.Configs[MaxChain]
	full.Flags = append(full.Flags, full.Flags[0])
	full.Flags[MaxChain+1].Key = "more"
	end.Needs = []Prerequisite{{"more", []string{"on"}}}
	if diff := cmp.Diff([]string{"needs"}, pathsOf(t, end.Validate(full))); diff != "" {
		t.Error(diff)
	}
}

// TestLadderIsRefusedAtOnce needs every flag twice over two ways: written out it would be 2^60 flags.
func TestLadderIsRefusedAtOnce(t *testing.T) {
	s := chained(60)
	for i := range s.Configs {
		for _, far := range []int{2, 3} {
			if i+far < len(s.Configs) {
				need := Prerequisite{s.Configs[i+far].Flag, []string{"on"}}
				s.Configs[i].Needs = append(s.Configs[i].Needs, need)
			}
		}
	}
	if err := s.Validate(); err == nil {
		t.Error("a ladder of needs was accepted")
	}
	if d, err := s.Document(); err == nil {
		t.Errorf("a ladder of needs became %d bytes", len(d.JSON()))
	}
}

func TestNeededFlagsAnswerAlike(t *testing.T) {
	s := shop()
	s.Configs[0].Needs = []Prerequisite{{"search", []string{"on"}}}
	raw := s.Configs[1]
	raw.Default, raw.Targeting = Serve{Variant: "on"}, json.RawMessage(`{"fractional":[["on",1],["off",1]]}`)
	if diff := cmp.Diff([]string{"flag"}, pathsOf(t, raw.Validate(s))); diff != "" {
		t.Errorf("a needed flag got a raw rule: %s", diff)
	}
	s.Flags[1].Bucketing = 3
	c := s.Configs[0]
	if diff := cmp.Diff([]string{"needs[0].flag"}, pathsOf(t, c.Validate(s))); diff != "" {
		t.Errorf("another bucketing: %s", diff)
	}
}

func TestSegmentValidate(t *testing.T) {
	g := Segment{Key: "a b", By: "x..y", Excluded: []string{""}, Any: [][]Condition{
		{}, {{Segment: "staff"}}, {{Attribute: "a", Op: "?"}}}}
	want := []string{"key", "by", "any[0]", "any[1][0].segment", "any[2][0].op", "excluded[0]"}
	if diff := cmp.Diff(want, pathsOf(t, g.Validate())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"members[1]"}, pathsOf(t, ValidateMembers([]string{"ada", ""}))); diff != "" {
		t.Error(diff)
	}
}

func TestUses(t *testing.T) {
	s := shop()
	s.Configs[2].Needs = []Prerequisite{{"checkout", []string{"on"}}}
	s.Configs[1].Targeting = json.RawMessage(`{"if":[{"$ref":"segment/staff"},"on"]}`)
	if diff := cmp.Diff([]string{"checkout", "search"}, s.SegmentUses("staff")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"color"}, s.FlagUses("checkout")); diff != "" {
		t.Error(diff)
	}
}
