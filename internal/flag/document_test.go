package flag_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
)

func TestParseDocument(t *testing.T) {
	byKey := `{"flags":{"a":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on","State":"DISABLED"}},"metadata":{"n":1}}`
	asList := `{"flags":[{"key":"a","state":"ENABLED","variants":{"on":true},"defaultVariant":"on"}],"metadata":{"n":1}}`
	var texts []string
	for _, text := range []string{byKey, asList} {
		d, err := flag.ParseDocument([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(d.JSON()))
	}
	want := `{"flags":{"a":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"}},"metadata":{"n":1}}`
	if texts[0] != want || texts[1] != want {
		t.Errorf("the forms differ: %s, and %s", texts[0], texts[1])
	}
	if d, err := flag.ParseDocument([]byte(`{"flags":{}}`)); err != nil || string(d.JSON()) != `{"flags":{}}` {
		t.Errorf("an empty document: %v", err)
	}
}

// What flagd refuses as a whole is refused here, and the fault names the place.
func TestRefusedDocuments(t *testing.T) {
	deep := strings.Repeat(`{"!":`, 200) + `1` + strings.Repeat(`}`, 200)
	wide := `{"and":[` + strings.Repeat(`{"var":"x"},`, 200_001) + `1]}`
	f := func(s string) string { return `{"flags":{"pay":` + s + `}}` }
	ruled := func(rule string) string { return f(`{"state":"ENABLED","variants":{"a":1},"targeting":` + rule + `}`) }
	// Each name stands for two of the next: 2^20 expressions in 20 lines.
	var laughs []string
	for i := range 20 {
		laughs = append(laughs, fmt.Sprintf(`"l%02d":{"and":[{"$ref":"l%02d"},{"$ref":"l%02d"}]}`, i, i+1, i+1))
	}
	for _, tt := range []struct{ text, names string }{
		{`{`, "no JSON"}, {`[]`, "document"}, {`{}`, "flags"}, {`{"flags":1}`, "flags"}, {`{"flags":[{}]}`, "no key"},
		{f(`1`), "flags.pay"}, {f(`{"variants":{"a":1}}`), "state"}, {f(`{"state":"on","variants":{"a":1}}`), "state"},
		{f(`{"state":"ENABLED"}`), "variants"}, {f(`{"state":"ENABLED","variants":[]}`), "flags.pay.variants"},
		{f(`{"state":"ENABLED","variants":{"a":1},"defaultVariant":"b"}`), `"b"`},
		{f(`{"state":"ENABLED","variants":{"a":1},"defaultVariant":5}`), "flags.pay.defaultVariant"},
		{f(`{"state":"ENABLED","variants":{"a":1},"metadata":{"bucketing":4}}`), "bucketing"},
		{ruled(deep), "targeting is nested"}, {ruled(wide), "expressions"},
		{`{"flags":{},"$evaluators":{"x":` + deep + `}}`, "$evaluators.x"},
		{`{"flags":{},"$evaluators":{` + strings.Join(laughs, ",") + `,"l20":{"var":"x"}}}`, "$evaluators.l"},
	} {
		d, err := flag.ParseDocument([]byte(tt.text))
		if err == nil {
			_, err = flag.Compile(d)
		}
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.MessageOf(err), tt.names) {
			t.Errorf("%.80s: %v, which doesn't name %s", tt.text, err, tt.names)
		}
	}
}

// A rule that can't be understood spoils its own flag only, and the snapshot tells where it is.
func TestRefusedRules(t *testing.T) {
	s := read(t, dict{"flags": dict{
		"good": dict{"state": "ENABLED", "variants": dict{"a": 1}, "defaultVariant": "a"},
		"bad": dict{"state": "ENABLED", "variants": dict{"a": 1}, "defaultVariant": "a",
			"targeting": dict{"if": list{dict{"like": list{1}}, "a"}}},
	}})
	refused := s.Refused()
	if len(refused) != 1 || refused[0].Path != "flags.bad" || !strings.Contains(refused[0].Message,
		"targeting.if has the unknown operator like") {
		t.Errorf("%+v", refused)
	}
	if got := s.Evaluate("bad", flag.NewContext("u", nil),
		time.Time{}); got.Code != flag.ParseError || got.Value != nil {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{"bad", "good"}, s.Keys()); diff != "" {
		t.Error(diff)
	}
}

// What a rule without an answer, one that is off and one without a default come to.
func TestReasons(t *testing.T) {
	on := func(more dict) dict {
		f := dict{"state": "ENABLED", "variants": dict{"a": dict{"x": list{1, 2}}, "b": nil}, "defaultVariant": "a"}
		maps.Copy(f, more)
		return f
	}
	s := read(t, dict{
		"metadata": dict{"owner": "set", "team": "pay"},
		"flags": dict{
			"static":    on(dict{}),
			"none":      on(dict{"defaultVariant": nil}),
			"blank":     on(dict{"defaultVariant": ""}),
			"default":   on(dict{"targeting": dict{"var": "missing"}}),
			"undefined": on(dict{"targeting": dict{"var": "missing"}, "defaultVariant": nil}),
			"match":     on(dict{"targeting": dict{"if": list{true, "b"}}}),
			"unknown":   on(dict{"targeting": dict{"if": list{true, "c"}}}),
			"off":       on(dict{"state": "DISABLED"}),
			"meta":      on(dict{"metadata": dict{"owner": "flag", "client": true}}),
		},
	})
	want := map[string]string{
		"static": `a {"x":[1,2]} STATIC `, "none": `  DEFAULT `, "blank": `  DEFAULT `, "default": `a {"x":[1,2]} DEFAULT `,
		"undefined": `  DEFAULT `, "match": `b null TARGETING_MATCH `, "unknown": `  ERROR GENERAL`, "off": `  DISABLED `,
		"meta": `a {"x":[1,2]} STATIC `, "nowhere": `  ERROR FLAG_NOT_FOUND`,
	}
	for key, want := range want {
		e := s.Evaluate(key, flag.NewContext("u", nil), time.Time{})
		if got := fmt.Sprintf("%s %s %s %s", e.Variant, e.Value, e.Reason, e.Code); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
		owner := "set"
		if key == "meta" {
			owner = "flag"
		}
		if e.Metadata["owner"] != owner || e.Metadata["team"] != "pay" {
			t.Errorf("%s: %v", key, e.Metadata)
		}
		if s.Client(key) != (key == "meta") {
			t.Errorf("%s: client is %v", key, s.Client(key))
		}
	}
}

// A named rule may use those after it, in the order of the document, which JSON keeps.
func TestOrderOfEvaluators(t *testing.T) {
	for _, tt := range []struct {
		evaluators string
		want       flag.Reason
	}{
		{`{"z":{"$ref":"a"},"a":{"var":"plan"}}`, flag.TargetingMatch},
		{`{"a":{"var":"plan"},"z":{"$ref":"a"}}`, flag.ErrorReason},
		{`{"z":{"$ref":"z"}}`, flag.ErrorReason},
		{`{"z":{"$ref":"1"},"1":"pro"}`, flag.ErrorReason}, // indexes come first
	} {
		d,
			err := flag.ParseDocument([]byte(`{"flags":{"f":{"state":"ENABLED","variants":{"pro":1},"targeting":{"$ref":"z"}}},` +
			`"$evaluators":` + tt.evaluators + `}`))
		if err != nil {
			t.Fatal(err)
		}
		again, err := flag.ParseDocument(d.JSON())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []*flag.Document{d, again} {
			got := compiled(t, d).Evaluate("f", flag.NewContext("u", map[string]any{"plan": "pro"}), time.Time{})
			if got.Reason != tt.want {
				t.Errorf("%s: %s, want %s", tt.evaluators, got.Reason, tt.want)
			}
		}
	}
}

// req: FF-02 FF-09
// Raising the first share keeps everybody in who is, and every share is true to 1.5 points.
func TestSplits(t *testing.T) {
	const people = 20_000
	for _, edition := range []int{2, 3} {
		for _, rule := range []string{`{"fractional":[["on",%d],["off",%d]]}`,
			`{"fractional":[{"cat":["salt",{"var":"email"}]},["on",%d],["off",%d]]}`} {
			before := make([]bool, people)
			for _, weight := range []int{0, 1, 100, 500, 2500, 5000, 9999, 10_000} {
				s := read(t, dict{"flags": dict{"f": dict{
					"state": "ENABLED", "variants": dict{"on": true, "off": false}, "metadata": dict{"bucketing": edition},
					"targeting": json.RawMessage(fmt.Sprintf(rule, weight, 10_000-weight)),
				}}})
				in := 0
				for i := range before {
					who := flag.NewContext(fmt.Sprintf("user-%d", i), map[string]any{"email": fmt.Sprintf("u%d@example.com", i)})
					now := s.Evaluate("f", who, time.Time{}).Variant == "on"
					if before[i] && !now {
						t.Fatalf("%s, edition %d: user %d is out at %d", rule, edition, i, weight)
					}
					before[i] = now
					if now {
						in++
					}
				}
				if got, want := 100*float64(in)/people, float64(weight)/100; got < want-1.5 || got > want+1.5 {
					t.Errorf("%s, edition %d: %.2f %% get what %.2f %% should", rule, edition, got, want)
				}
			}
		}
	}
}

// req: FF-21
// One snapshot and one context serve many goroutines: all see what one sees.
func TestConcurrentEvaluation(t *testing.T) {
	s, people, now := compiled(t, four()), users(), time.Unix(1_800_000_000, 0)
	see := func() []string {
		var all []string
		for _, who := range people {
			for _, key := range s.Keys() {
				all = append(all, s.Evaluate(key, who, now).Variant)
			}
		}
		return all
	}
	want := see()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if !slices.Equal(want, see()) {
				t.Error("a goroutine sees something else")
			}
		})
	}
	group.Wait()
}

// req: FF-21
// No context makes a rule run long: what would take forever fails.
func TestEvaluationIsBounded(t *testing.T) {
	big := make(list, 2000)
	for i := range big {
		big[i] = i
	}
	nested := any(dict{"var": ""})
	for range 6 {
		nested = dict{"map": list{dict{"var": "../../big"}, nested}}
	}
	product := any(1)
	for range 6 {
		product = dict{"some": list{big, product}}
	}
	product = dict{"some": list{dict{"var": "big"}, dict{"all": list{big, dict{"none": list{big,
		dict{">": list{dict{"var": ""}, 1e9}}}}}}}}
	for name, rule := range map[string]any{
		"nested":  dict{"map": list{dict{"var": "big"}, nested}},
		"product": product,
		"doubling": dict{"reduce": list{dict{"var": "big"}, dict{"cat": list{dict{"var": "accumulator"},
			dict{"var": "accumulator"}}}, "x"}},
		"merging": dict{"reduce": list{dict{"var": "big"}, dict{"merge": list{dict{"var": "accumulator"},
			dict{"var": "accumulator"}}},
			list{1}}},
		"encoded": dict{"if": list{
			dict{"some": list{dict{"var": "big"}, dict{"===": list{dict{"cat": list{dict{"var": "../../big"}, "x"}},
				""}}}}, "a", "a"}},
		"folded": dict{"reduce": list{big, dict{"cat": list{dict{"var": "accumulator"}, dict{"var": "accumulator"}}}, "x"}},
	} {
		start := time.Now()
		s := read(t, dict{"flags": dict{"f": dict{"state": "ENABLED", "variants": dict{"a": 1}, "targeting": rule}}})
		got := s.Evaluate("f", flag.NewContext("u", decoded(t, dict{"big": big})), time.Time{})
		if took := time.Since(start); got.Code != flag.General || took > 5*time.Second {
			t.Errorf("%s: %v after %v", name, got, took)
		} else {
			t.Logf("%s fails after %v", name, took)
		}
	}
}

// FuzzDocument reads anything, and what it reads it prints so that it reads the same again, and compiles or refuses it.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"flags":{"a":{"state":"ENABLED","variants":{"on":true},"targeting":{"$ref":"x"}}},"$evaluators":{"x":{"var":"a"}}}`))
	f.Add([]byte(`{"flags":[{"key":"a","state":"DISABLED","variants":{"on":{}},"metadata":{"bucketing":3}}],"metadata":{"a":"b"}}`))
	f.Add(four().JSON()[:2000])
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := flag.ParseDocument(text)
		if err != nil {
			return
		}
		again, err := flag.ParseDocument(d.JSON())
		if err != nil || string(again.JSON()) != string(d.JSON()) {
			t.Fatalf("%v\n%s\n%s", err, d.JSON(), again.JSON())
		}
		s, err := flag.Compile(d)
		if err != nil {
			return
		}
		for _, key := range s.Keys() {
			if s.Evaluate(key, flag.NewContext("u", nil), time.Unix(1, 0)).Reason == "" {
				t.Fatalf("%s has no reason", key)
			}
		}
	})
}
