package flag_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// four are the flags that the peers were measured with: F1 is static, F2 gives 25 % of the users on, F3 gives paying
// users of ten countries B and splits the others in four, F4 has 20 rules of which the last knows 1,000 ids.
func four() *flag.Document {
	off := "off"
	boolean := map[string]json.RawMessage{"on": json.RawMessage("true"), "off": json.RawMessage("false")}
	letters := map[string]json.RawMessage{}
	for _, l := range []string{"a", "b", "c", "d"} {
		letters[l] = json.RawMessage(`"` + l + `"`)
	}
	a := "a"
	rules := []any{}
	for i := range 19 {
		attribute := []string{"plan", "country", "device", "email"}[i%4]
		rules = append(rules, dict{"==": list{dict{"var": attribute}, fmt.Sprintf("none-%d", i)}}, "off")
	}
	rules = append(rules, dict{"$ref": "segment/large"}, "on", "off")
	return &flag.Document{
		Flags: map[string]flag.Definition{
			"f1": {State: flag.Enabled, Variants: boolean, DefaultVariant: &off},
			"f2": {State: flag.Enabled, Variants: boolean, DefaultVariant: &off,
				Targeting: encode(dict{"fractional": list{list{"on", 25}, list{"off", 75}}})},
			"f3": {State: flag.Enabled, Variants: letters, DefaultVariant: &a,
				Targeting: encode(dict{"if": list{
					dict{"and": list{
						dict{"==": list{dict{"var": "plan"}, "pro"}},
						dict{"in": list{dict{"var": "country"}, list{"DE", "FR", "IT", "ES", "NL", "BE", "AT", "PL", "SE", "DK"}}},
					}},
					"b",
					dict{"fractional": list{list{"a", 25}, list{"b", 25}, list{"c", 25}, list{"d", 25}}},
				}})},
			"f4": {State: flag.Enabled, Variants: boolean, DefaultVariant: &off, Targeting: encode(dict{"if": rules})},
		},
		Evaluators: map[string]json.RawMessage{"segment/large": segment(1000)},
	}
}

type (
	list = []any
	dict = map[string]any
)

// segment is a rule that names n ids.
func segment(n int) json.RawMessage {
	ids := make(list, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("member-%07d", i)
	}
	return encode(dict{"in": list{dict{"var": "targetingKey"}, ids}})
}

func encode(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only literals come here
	}
	return text
}

func compiled(t testing.TB, d *flag.Document) *flag.Snapshot {
	t.Helper()
	s, err := flag.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// users are like those that the peers were measured with; every second is in F4's segment.
func users() []*flag.Context {
	var all []*flag.Context
	for i := range 256 {
		key := fmt.Sprintf("user-%07d", i)
		if i%2 == 0 {
			key = fmt.Sprintf("member-%07d", i)
		}
		all = append(all, flag.NewContext(key, map[string]any{
			"plan": []string{"free", "pro"}[i/2%2], "country": []string{"DE", "US", "SE", "JP"}[i/4%4],
			"email": "somebody@example.com", "age": 42.0,
		}))
	}
	return all
}

func BenchmarkEvaluate(b *testing.B) {
	s := compiled(b, four())
	all, now := users(), time.Unix(1_800_000_000, 0)
	for _, key := range []string{"f1", "f2", "f3", "f4"} {
		b.Run(key, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Evaluate(key, all[i&255], now)
			}
		})
	}
}

// BenchmarkLargeSegment prints what 1,000,000 ids take, and what finding one among them costs.
func BenchmarkLargeSegment(b *testing.B) {
	heap := func() uint64 {
		for range 3 { // what pools keep, too
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	d := four()
	d.Evaluators["segment/large"] = segment(1_000_000)
	before := heap()
	start := time.Now()
	s := compiled(b, d)
	took := time.Since(start)
	size := heap() - before
	all, now := users(), time.Unix(1_800_000_000, 0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Evaluate("f4", all[i&255], now)
	}
	b.ReportMetric(float64(size)/(1<<20), "MiB")
	b.ReportMetric(took.Seconds(), "s-to-compile")
	runtime.KeepAlive(d)
}

func BenchmarkContext(b *testing.B) {
	b.ReportAllocs()
	attributes := map[string]any{"plan": "pro", "country": "DE"}
	s, now := compiled(b, four()), time.Unix(1_800_000_000, 0)
	for b.Loop() {
		s.Evaluate("f3", flag.NewContext("user-1", attributes), now)
	}
}
