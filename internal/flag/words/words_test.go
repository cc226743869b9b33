package words

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/flag"
)

// truth is a boolean flag; colors is one of strings.
func truth() *flag.Flag {
	return &flag.Flag{Key: "checkout", Kind: flag.Boolean, Variants: []flag.Variant{{Name: "on"}, {Name: "off"}}}
}

func colors() *flag.Flag {
	return &flag.Flag{Key: "color", Kind: flag.String,
		Variants: []flag.Variant{{Name: "red"}, {Name: "blue"}, {Name: "green"}}}
}

func part(variant string, weight int, more ...flag.Portion) flag.Serve {
	return flag.Serve{Split: append([]flag.Portion{{Variant: variant, Weight: weight}}, more...)}
}

func TestConfig(t *testing.T) {
	on, off := flag.Serve{Variant: "on"}, flag.Serve{Variant: "off"}
	staff := []flag.Condition{{Segment: "staff"}}
	pro := []flag.Condition{{Attribute: "plan", Op: flag.Equals, Values: []any{"pro", "team"}}}
	quarter := part("on", 2500, flag.Portion{Variant: "off", Weight: 7500})
	rules := make([]flag.Rule, 9)
	for i := range rules {
		rules[i] = flag.Rule{If: staff, Serve: on}
	}
	tests := []struct {
		flag *flag.Flag
		c    flag.Config
		want string
	}{
		{truth(), flag.Config{}, "Off: programs use their own fallback."},
		{truth(), flag.Config{Off: "off"}, "Off: everybody gets off."},
		{truth(), flag.Config{On: true, Default: on}, "On for everybody."},
		{truth(), flag.Config{On: true, Default: quarter}, "On for 25 % of everybody; off for the rest."},
		{truth(), flag.Config{On: true, Default: part("on", 10000, flag.Portion{Variant: "off"})}, "On for everybody."},
		{truth(), flag.Config{On: true, Default: quarter, Rules: []flag.Rule{{If: staff, Serve: on}}},
			"On for staff and 25 % of everybody else; off for the rest."},
		{truth(), flag.Config{On: true, Default: off, Rules: []flag.Rule{{If: staff, Serve: on}, {If: pro, Serve: on}}},
			"On for staff and users whose plan is pro or team; off for everybody else."},
		{truth(), flag.Config{On: true, Default: off, Rules: []flag.Rule{{If: staff, Serve: quarter}}},
			"On for 25 % of staff; off for the rest of them; off for everybody else."},
		{truth(), flag.Config{On: true, Default: off, Rules: []flag.Rule{{Serve: on}, {If: pro, Serve: off}}},
			"On for everybody."},
		{truth(), flag.Config{On: true, Default: off, Rules: rules}, "On for staff, staff, staff and staff; " +
			"then 5 more rules; off for everybody else."},
		{truth(), flag.Config{On: true, Default: on, Needs: []flag.Prerequisite{{Flag: "search", Variants: []string{"on"}}}},
			"Only where search serves on: on for everybody."},
		{colors(), flag.Config{On: true, Default: part("red", 1, flag.Portion{Variant: "blue", Weight: 1},
			flag.Portion{Variant: "green", Weight: 1})},
			`"red" for 33.33 %, "blue" for 33.33 % and "green" for 33.33 % of everybody.`},
		{colors(), flag.Config{On: true, Default: flag.Serve{Variant: "red"}, Targeting: []byte(`{}`)},
			`A rule in flagd's language decides; "red" for whom it leaves.`},
		{colors(), flag.Config{On: true, Default: flag.Serve{By: "account", Split: []flag.Portion{{Variant: "red", Weight: 1},
			{Variant: "blue", Weight: 3}}}}, `"red" for 25 % of everybody, by account; "blue" for the rest.`},
	}
	for _, tt := range tests {
		if got := Config(tt.flag, &tt.c); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestWho(t *testing.T) {
	tests := []struct {
		conditions []flag.Condition
		want       string
	}{
		{nil, "everybody"},
		{[]flag.Condition{{Segment: "staff", Not: true}}, "everybody but staff"},
		{[]flag.Condition{{Segment: "a"}, {Segment: "b"}, {Segment: "c", Not: true}}, "users in a and b not in c"},
		{[]flag.Condition{{Segment: "staff"}, {Attribute: "age", Op: flag.AtLeast, Values: []any{18.0}},
			{Attribute: "plan", Op: flag.Missing, Not: true}}, "staff whose age is at least 18 and whose plan is there"},
		{[]flag.Condition{{Op: flag.After, Values: []any{"2026-12-01T10:00:00+01:00"}}},
			"everybody from 1 Dec 2026 09:00 UTC on"},
		{[]flag.Condition{{Attribute: "targetingKey", Op: flag.StartsWith, Values: []any{"a", "b"}}},
			"users whose id starts with a or b"},
		{[]flag.Condition{{Attribute: "n", Op: flag.Equals, Values: []any{"5", 5.0, "true", "a b"}, Not: true}},
			`users whose n is not "5", 5, "true" or "a b"`},
		{[]flag.Condition{{Attribute: "app", Op: flag.Version, Values: []any{">= 1.4.0"}}},
			"users whose app is a version >= 1.4.0"},
		{[]flag.Condition{{Attribute: "n", Op: flag.Equals, Values: []any{1, 2, 3, 4, 5, 6, 7}}},
			"users whose n is 1, 2, 3, 4 or 3 others"},
	}
	for _, tt := range tests {
		if got := Who(tt.conditions); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestEveryOperatorHasWords(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range flag.Ops() {
		for _, not := range []bool{false, true} {
			text := Condition(&flag.Condition{Attribute: "a", Op: op, Values: []any{"1"}, Not: not})
			if seen[text] || strings.Contains(text, "_") {
				t.Errorf("%s, not %v: %q is not said, or said of another too", op, not, text)
			}
			seen[text] = true
		}
	}
}

func TestSegment(t *testing.T) {
	g := flag.Segment{Listed: 1234567, Excluded: []string{"x"}, By: "account",
		Any: [][]flag.Condition{{{Attribute: "email", Op: flag.EndsWith, Values: []any{"@example.com"}}}}}
	want := "1,234,567 listed users by account and users whose email ends with @example.com, " +
		"but for 1 excluded user by account."
	if got := Segment(&g); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := Segment(&flag.Segment{}); got != "Nobody." {
		t.Error(got)
	}
}
