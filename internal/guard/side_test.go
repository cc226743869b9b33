package guard

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Running sums and windows say what adding the buckets up says, whatever is asked in whatever order.
func TestASideSaysWhatItsBucketsSay(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		width := 1 + int64(seed%3)*7
		var s side
		second := int64(1000)
		for range 600 {
			second += width * (1 + max(r.Int64N(12)-10, 0))
			b := metric.Bucket{Second: second, Width: width, Requests: uint64(r.IntN(20)), Errors: uint64(max(r.IntN(8)-5, 0))}
			for range r.IntN(5) {
				b.Latency.Add(time.Duration(r.IntN(300)+1) * time.Millisecond)
			}
			s.add(b)
			if r.IntN(100) == 0 && len(s.list) > 50 {
				s.forget(r.IntN(50))
			}
			to := second + width - r.Int64N(4)*r.Int64N(100)
			checkSpan(t, &s, to-r.Int64N(3)*60-r.Int64N(2)*r.Int64N(400), to)
			checkSpan(t, &s, second+width-60*width, second+width)
		}
	}
}

func checkSpan(t *testing.T, s *side, from, to int64) {
	t.Helper()
	want := countIn(s.list, from, to)
	var all judge.Sketch
	for _, b := range between(s.list, from, to) {
		all.Merge(b.Latency)
	}
	if got := s.count(from, to); got != want {
		t.Fatalf("from %d to %d it counts %+v, want %+v", from, to, got, want)
	}
	got := s.durations(from, to)
	if got.Count() != all.Count() || all.Count() > 0 && (got.Quantile(0.95) != all.Quantile(0.95) ||
		got.CountAbove(100) != all.CountAbove(100)) {
		t.Fatalf("from %d to %d it has %d durations with p95 %g, want %d with %g", from, to, got.Count(), got.Quantile(0.95),
			all.Count(), all.Quantile(0.95))
	}
}

// countIn adds up what a side has sums for.
func countIn(bs []metric.Bucket, from, to int64) count {
	c := count{from: from, to: to}
	for _, b := range between(bs, from, to) {
		c.add(b)
	}
	return c
}

// A pass that has looked every second says the same as one that looks for the first time, to the last digit.
func TestLookingOftenChangesNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		w := newWorld(seed)
		w.fails = func(s int64) (float64, float64) {
			if s%400 > 300 {
				return 0.08, 0.02 + 0.04*float64(seed%2)
			}
			return 0.01, 0.01
		}
		ev := w.evidence(1200)
		var often Pass
		for n := int64(1); n <= 1200; n++ {
			now := ev
			w.at(&now, n)
			said := often.Evaluate(DefaultRules(), now)
			if n%50 != 0 {
				continue
			}
			if diff := cmp.Diff(text(t, Evaluate(DefaultRules(), now)), text(t, said)); diff != "" {
				t.Fatalf("seed %d, after %d s: %s", seed, n, diff)
			}
		}
	}
}

func text(t *testing.T, v Verdict) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// One visitor who fails ten times a second is one piece of bad luck: a broken limit is not held against the version
// that he happens to visit. Ten visitors are.
//
// req: CD-03
func TestOneVisitorIsNoSpike(t *testing.T) {
	t.Parallel()
	rules := Rules{ErrorRate: Limits{Spike: 10}, MinRequests: 10}
	for _, test := range []struct {
		units uint64
		want  Action
	}{{1, Hold}, {10, Undo}} {
		w := newWorld(3)
		w.fails = func(int64) (float64, float64) { return 0.01, 0.01 }
		ev := w.evidence(120)
		ev.Baseline = metric.Bucket{Requests: 10000, Errors: 100}
		for i := range ev.Stable {
			ev.Stable[i].Units = ev.Stable[i].Errors
		}
		for i := range ev.Canary {
			b := &ev.Canary[i]
			b.Errors, b.Units = 0, 0
			if b.Second >= w.t0+114 {
				b.Requests, b.Errors = max(b.Requests, 10), 10
				if b.Units = test.units; b.Second > w.t0+114 && test.units == 1 {
					b.Units = 0 // he was counted in the minute before
				}
			}
		}
		if v := Evaluate(rules, ev); v.Action != test.want {
			t.Errorf("with %d visitors a second it says %s: %s", test.units, v.Action, v.Sentence)
		}
	}
}
