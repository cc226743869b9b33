package ruleform_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

func TestVariantsSurviveTheirText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind string
		all  []api.FlagVariant
	}{
		{"boolean", []api.FlagVariant{{Name: "on", Value: json.RawMessage(`true`)}, {Name: "off",
			Value:       json.RawMessage(`false`),
			Description: "as before"}}},
		{"string", []api.FlagVariant{{Name: "a", Value: json.RawMessage(`"http://x // y"`), Description: "z // w"},
			{Name: "b b",
				Value: json.RawMessage(`"="`)}}},
		{"number", []api.FlagVariant{{Name: "low", Value: json.RawMessage(`-1.5e3`)}}},
		{"object", []api.FlagVariant{{Name: "o", Value: json.RawMessage(`{"a":["//",1],"b":"="}`), Description: "="}}},
	} {
		got, bad := ruleform.Variants(ruleform.VariantsText(test.all), test.kind)
		if diff := cmp.Diff(test.all, got); diff != "" || len(bad) > 0 {
			t.Errorf("%s: %v (-want +got):\n%s", test.kind, bad, diff)
		}
	}
	got, bad := ruleform.Variants("red\nblue = sky // the second\nn = 5", "string")
	want := []api.FlagVariant{{Name: "red", Value: json.RawMessage(`"red"`)},
		{Name: "blue", Value: json.RawMessage(`"sky"`), Description: "the second"}, {Name: "n",
			Value: json.RawMessage(`"5"`)}}
	if diff := cmp.Diff(want, got); diff != "" || len(bad) > 0 {
		t.Errorf("%v (-want +got):\n%s", bad, diff)
	}
	for kind, text := range map[string]string{"boolean": "on = 1", "number": "a = b", "object": "a = [1]", "string": "= x",
		"": "on = true"} {
		if _, bad := ruleform.Variants(text, kind); len(bad) == 0 || bad[0].Path != "variants" {
			t.Errorf("%q is not complained about: %v", text, bad)
		}
	}
	if _, bad := ruleform.Variants("a\na", "string"); len(bad) == 0 {
		t.Error("a doubled name is not complained about")
	}
}

func TestASegmentThatIsSentBackChangesNothing(t *testing.T) {
	t.Parallel()
	s := api.Segment{Key: "staff", Environment: "production", Description: "ours", By: "org", Excluded: []string{"a",
		"b"}, Revision: 4,
		Any: [][]api.FlagCondition{{{Attribute: "email", Op: "ends_with", Values: []any{"@x.com"}, Not: true}},
			{{Attribute: "n", Op: "less", Values: []any{3.0}}, {Attribute: "z", Op: "missing"}}}}
	got, bad := ruleform.OfSegment(s).Put()
	want := api.PutSegment{Description: s.Description, Any: s.Any, By: s.By, Excluded: s.Excluded, Revision: 4}
	if diff := cmp.Diff(want, got); diff != "" || len(bad) > 0 {
		t.Errorf("%v (-want +got):\n%s", bad, diff)
	}
	f := ruleform.OfSegment(s)
	for _, test := range []struct {
		do   string
		want []int
	}{
		{"add:any", []int{1, 2, 1}}, {"remove:any[0]", []int{2}}, {"add:any[1]", []int{1, 3}}, {"remove:any[1][0]", []int{1,
			1}},
		{"remove:any[7]", []int{1, 2}}, {"add:any[x]", []int{1, 2}}, {"add:rules", []int{1, 2}},
	} {
		next, ok := f.Do(test.do)
		var got []int
		for _, g := range next.Any {
			got = append(got, len(g))
		}
		if diff := cmp.Diff(test.want, got); diff != "" || !ok {
			t.Errorf("%s: %v", test.do, got)
		}
	}
	if _, bad := (ruleform.Segment{Any: [][]ruleform.Condition{{}}}).Put(); len(bad) == 0 {
		t.Error("an empty group, which would hold everybody, is let through")
	}
	nested := ruleform.Segment{Any: [][]ruleform.Condition{{{Op: "segment", Values: "x"}}}}
	if _, bad := nested.Put(); len(bad) == 0 {
		t.Error("a segment within a segment is let through")
	}
}
