package guard

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// TestOneVisitorWhoTriesAgainTakesNothingBack has visitors counted on both versions. At five requests a second
// eight failures of one visitor are ten times the normal rate; of eight visitors they are a fault.
func TestOneVisitorWhoTriesAgainTakesNothingBack(t *testing.T) {
	t.Parallel()
	rules := DefaultRules()
	rules.Health = HealthRule{}
	for _, test := range []struct {
		name  string
		lasts int64                     // seconds in all; the failures begin at 40
		units func(second int64) uint64 // of the canary's one failure a second
		want  Action
	}{
		{"one visitor", 60, func(second int64) uint64 {
			if second == 40 {
				return 1
			}
			return 0
		}, Hold},
		{"visitors of a burst", 60, func(int64) uint64 { return 1 }, Hold},
		{"a visitor each", 110, func(int64) uint64 { return 1 }, Undo},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(3)
			ev := w.evidence(test.lasts)
			for i := range ev.Stable {
				b := &ev.Stable[i]
				b.Units, b.Slices = b.Errors, &metric.Slices{}
				b.Slices.Units[i%len(b.Slices.Units)] = uint32(b.Errors)
			}
			for i := range ev.Canary {
				b := &ev.Canary[i]
				b.Errors, b.Units = 0, 0
				if second := b.Second - w.t0; second >= 40 {
					b.Requests, b.Errors, b.Units = max(b.Requests, 1), 1, test.units(second)
				}
			}
			ev.ShareSince = time.Unix(w.t0, 0)
			v := Evaluate(rules, ev)
			if v.Action != test.want {
				t.Errorf("%s: %s: %s", v.Action, v.Word, v.Sentence)
			}
		})
	}
}

// TestVisitorsWhoComeAgainAreHeardInEachSpan has two dozen visitors on the canary, who come again and again and fail
// one time in five. After a minute nearly all have failed and were counted, so that the last ten seconds alone hold
// nobody new: what they failed in the minute before still counts against the canary.
func TestVisitorsWhoComeAgainAreHeardInEachSpan(t *testing.T) {
	t.Parallel()
	rules := Rules{Source: metric.Drain, ErrorRate: Limits{Spike: 10, WorseBy: 0.25}, MinRequests: 40}
	for seed := range uint64(20) {
		w := newWorld(seed)
		w.rate, w.share = 24, func(int64) float64 { return 25 }
		w.fails = func(int64) (float64, float64) { return 0, 0 }
		ev := w.evidence(100)
		ev.Baseline = metric.Bucket{Requests: 10_000, Errors: 10}
		counted := map[int]int64{}
		for i := range ev.Canary {
			b := &ev.Canary[i]
			for range b.Requests {
				who := w.rng.IntN(24)
				if w.rng.Float64() >= 0.2 {
					continue
				}
				b.Errors++
				if last, before := counted[who]; !before || b.Second-last >= 60 {
					counted[who] = b.Second
					b.Units++
				}
			}
		}
		if v := Evaluate(rules, ev); v.Action != Undo {
			t.Errorf("seed %d: %s: %s", seed, v.Action, v.Sentence)
		}
	}
}
