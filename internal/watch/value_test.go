package watch

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
)

// A span of a custom metric is judged at the share that was in force then, once nothing can come to it any more: a node
// that starts later finds the same.
func TestCustomMetricsAreJudgedAtTheShareOfTheirTime(t *testing.T) {
	t.Parallel()
	const zero = 1_800_000_000
	at := func(s int64) time.Time { return time.Unix(zero+s, 0) }
	r := release.Release{
		Deployment: "v2", Previous: "v1", Exposed: at(0), Share: 50,
		Shares: []release.Shift{{At: at(-1), Share: 5}, {At: at(44), Share: 50}},
	}
	rules := guard.Rules{Metrics: []guard.MetricRule{{Metric: judge.Metric{Name: "basket", Kind: judge.Mean},
		From: metric.App}}}
	w := New(nil, metric.NewTimeline(time.Hour, time.Minute), nil)
	push := func(sequence uint64, second, complete int64) {
		var b metric.Batch
		for _, d := range []string{"v1", "v2"} {
			b.Values = append(b.Values, metric.Value{Deployment: d, Metric: "basket", Second: zero + second,
				Sums: judge.Sums{N: 2, Sum: 80, SumSq: 3200}})
		}
		b.Source, b.Kind, b.Sequence, b.Complete = "app-1", metric.App, sequence, zero+complete
		w.Timeline.Add(at(200), b)
	}
	for i := range int64(10) {
		push(uint64(i+1), i*10+3, 79)
	}
	want := map[int64]float64{0: 0.05, 10: 0.05, 20: 0.05, 30: 0.05, 50: 0.5, 60: 0.5} // 40 had both, 70 may still grow
	for _, look := range []string{"first", "later"} {
		now := &standing{values: map[string]int64{}}
		got := w.values(now, r, rules, guard.Evidence{}, at(200))
		if again := w.values(now, r, rules, guard.Evidence{}, at(200)); len(again) > 0 {
			t.Errorf("%s look: %d spans are judged twice", look, len(again))
		}
		for _, v := range got {
			if share, ok := want[v.Second-zero]; !ok || v.Share != share || v.Canary.N != 2 || v.Stable.N != 2 {
				t.Errorf("%s look: span %d at %g with %d and %d values, want %v", look, v.Second-zero, v.Share, v.Canary.N,
					v.Stable.N, want)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s look: %d spans, want %d", look, len(got), len(want))
		}
		push(99, 5, 79) // too late: its span was judged
	}
	if n := w.Timeline.Of(metric.App).Counters(at(200)).Late; n != 4 {
		t.Errorf("%d values were late, want 4", n)
	}
}
