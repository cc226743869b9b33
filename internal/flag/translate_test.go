package flag

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocument shows how each kind of configuration is said in flagd's language.
func TestDocument(t *testing.T) {
	s := shop()
	s.Flags[0].Client, s.Flags[2].Bucketing = true, 3
	s.Configs[0].Needs = []Prerequisite{{"search", []string{"on"}}}
	s.Flags = append(s.Flags, Flag{Key: "none", Variants: s.Flags[0].Variants, Bucketing: 2})
	s.Segments = append(s.Segments, Segment{Key: "unused"})
	d, err := s.Document()
	if err != nil {
		t.Fatal(err)
	}
	onOff := map[string]any{"on": true, "off": false}
	want := map[string]any{
		"metadata": map[string]any{"flagSetId": "shop/production", "version": "7"},
		"$evaluators": map[string]any{"segment/staff": parse(t, `{"or":[
			{"in":[{"var":"targetingKey"},["ada","grace"]]}, {"ends_with":[{"var":"email"},"@example.com"]}]}`)},
		"flags": map[string]any{
			"checkout": map[string]any{
				"state": "ENABLED", "variants": onOff, "defaultVariant": "off", "metadata": map[string]any{"client": true},
				"targeting": parse(t, `{"if":[
					{"in":[{"if":[
						{"and":[{"starts_with":[{"var":"targetingKey"},""]},{"!==":[{"var":"targetingKey"},""]}]},
						{"fractional":[{"cat":["search",{"var":"targetingKey"}]},["on",2500],["off",7500]]},
						null]}, ["on"]]},
					{"if":[{"$ref":"segment/staff"},"on",null]},
					"off"]}`),
			},
			"search": map[string]any{
				"state": "ENABLED", "variants": onOff, "defaultVariant": nil,
				"targeting": parse(t, `{"fractional":[["on",2500],["off",7500]]}`),
			},
			"color": map[string]any{
				"state": "DISABLED", "variants": map[string]any{"red": "#f00", "blue": "#00f"}, "defaultVariant": nil,
				"metadata": map[string]any{"bucketing": 3.0},
			},
			"none": map[string]any{"state": "DISABLED", "variants": onOff, "defaultVariant": nil},
		},
	}
	if diff := cmp.Diff(want, parse(t, string(d.JSON()))); diff != "" {
		t.Error(diff)
	}
	again, err := ParseDocument(d.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(d.JSON()), string(again.JSON())); diff != "" {
		t.Errorf("the document is another one after a round: %s", diff)
	}
}

// TestOffWithVariant shows that every client serves the variant for off.
func TestOffWithVariant(t *testing.T) {
	s := shop()
	s.Configs[0].On = false
	d, err := s.Document()
	if err != nil {
		t.Fatal(err)
	}
	got := d.Flags["checkout"]
	if got.State != Enabled || got.DefaultVariant == nil || *got.DefaultVariant != "off" || got.Targeting != nil {
		t.Errorf("%+v", got)
	}
	if len(d.Evaluators) != 0 {
		t.Errorf("no flag asks for a segment, and the document has %v", d.Evaluators)
	}
}

func TestDocumentOfCircle(t *testing.T) {
	s := chained(2)
	s.Configs[1].Needs = []Prerequisite{{"f0", []string{"on"}}}
	if d, err := s.Document(); err == nil {
		t.Errorf("a circle became %s", d.JSON())
	}
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// BenchmarkDocument translates 1,000 flags, which a change of any of them does, and a segment of a million members.
func BenchmarkDocument(b *testing.B) {
	thousand := shop()
	thousand.Flags, thousand.Configs = nil, nil
	for i := range 1000 {
		f, c := shop().Flags[0], shop().Configs[0]
		f.Key = fmt.Sprint("f", i)
		c.Flag = f.Key
		thousand.Flags, thousand.Configs = append(thousand.Flags, f), append(thousand.Configs, c)
	}
	million := shop()
	members := make([]string, 1_000_000)
	for i := range members {
		members[i] = fmt.Sprintf("user-%07d", i)
	}
	million.Lists = map[string][]string{"staff": members}
	for name, s := range map[string]*Set{"1000 flags": thousand, "1000000 members": million} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Document(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
