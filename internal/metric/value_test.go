package metric

import (
	"fmt"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
)

// What is over makes room: a process that lives through more than 64 versions still knows their custom metrics.
func TestTimelineForgetsValuesOfVersionsThatAreGone(t *testing.T) {
	t.Parallel()
	tl := NewTimeline(time.Hour, time.Minute)
	for v := range int64(3 * maxDeployments) {
		second := v * 3600
		value := Value{Deployment: fmt.Sprintf("dep-%d", v), Metric: "conversion", Second: t0 + second,
			Sums: judge.Sums{N: 10, Bad: 1}}
		tl.Add(at(second), Batch{Source: "app", Kind: App, Sequence: uint64(v + 1), Complete: t0 + second,
			Values: []Value{value}})
		if got := tl.Of(App).Value(value.Deployment, "conversion", t0+second, t0+second+1); got.N != 10 {
			t.Fatalf("version %d has %d values, want 10: nothing else is younger than an hour", v, got.N)
		}
	}
}

// However many values a sender makes of a second, one sum is kept: memory does not grow with them.
func TestTimelineAddsUpValuesOfASecond(t *testing.T) {
	t.Parallel()
	tl := NewTimeline(time.Hour, time.Minute)
	b := Batch{Source: "app", Kind: App, Sequence: 1, Complete: t0}
	for range 1000 {
		v := Value{Deployment: "v2", Metric: "lcp", Second: t0 + 5, Sums: judge.Sums{N: 1, Bad: 1, Sum: 2, SumSq: 4}}
		v.Sums.Hist.AddCount(100, 1)
		b.Values = append(b.Values, v)
	}
	b.Values = append(b.Values, Value{Deployment: "v2", Metric: "lcp", Second: t0 + 5, Width: 5, Sums: judge.Sums{N: 7}})
	tl.Add(at(10), b)
	got := tl.Of(App).Value("v2", "lcp", t0, t0+10)
	if got.N != 1007 || got.Bad != 1000 || got.Sum != 2000 || got.SumSq != 4000 || got.Hist.Count() != 1000 {
		t.Errorf("the sums are %+v", got)
	}
	if kept := len(tl.Of(App).values["v2"]["lcp"]); kept != 2 {
		t.Errorf("%d values are kept of one second, want one of each width", kept)
	}
	if b.Values[0].Sums.N != 1 || b.Values[0].Sums.Hist.Count() != 1 {
		t.Error("the batch was changed: it is stored afterwards")
	}
}
