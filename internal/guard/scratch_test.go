package guard

import (
	"encoding/json"
	"testing"

	"github.com/slipwayhq/slipway/internal/judge"
)

// What a look said, and what it was asked about, stay what they were while the pass uses its room again for the next
// looks: verdicts are stored, and read by others meanwhile.
func TestAVerdictKeepsWhatItSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(11)
	w.share = func(s int64) float64 { return []float64{5, 25}[min(s/75, 1)] }
	w.fails = func(s int64) (float64, float64) {
		return []float64{0.01, 0.3, 0.05}[s/50], []float64{0.01, 0.3, 0.01}[s/50]
	}
	ev, rules := w.evidence(150), DefaultRules()
	rules.Metrics = []MetricRule{Vital("lcp", 0, 0, false)}
	for i := range int64(150) {
		v := judge.Value{Metric: "lcp", Second: w.t0 + i, Share: 0.05}
		for _, sums := range []*judge.Sums{&v.Canary, &v.Stable} {
			sums.N = 1
			sums.Hist.AddCount(900, 1)
		}
		ev.Values = append(ev.Values, v)
	}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	w.at(&ev, 150)
	asked := text(ev)
	var (
		p    Pass
		told []Verdict
		said []string
	)
	for n := int64(1); n <= 150; n++ {
		w.at(&ev, n)
		told = append(told, p.Evaluate(rules, ev))
		said = append(said, text(told[n-1]))
	}
	for i, v := range told {
		if is := text(v); is != said[i] {
			t.Fatalf("after %d s it said\n%s\nand now that was\n%s", i+1, said[i], is)
		}
	}
	if text(ev) != asked {
		t.Error("the evidence has changed")
	}
}
