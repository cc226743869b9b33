package guard

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
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

// TestWhoIsCounted says what the judge is given of a second: visitors at the edge, also while nobody asks the other
// version; addresses of a drain that told them apart before; each failure for itself where nobody knows more, which the
// judge is told when a drain stops telling.
func TestWhoIsCounted(t *testing.T) {
	t.Parallel()
	sliced := judge.Background{Seconds: 7200, Requests: 10_000, Failed: 100, Units: 100, Sliced: true}
	old, none := judge.Background{}, judge.Linear
	bucket := func(id string, slices bool) []metric.Bucket {
		b := metric.Bucket{Deployment: id, Second: 1_800_000_000, Requests: 9, Errors: 6, Units: 4}
		if slices {
			b.Slices = &metric.Slices{}
			b.Slices.Units[3], b.Slices.Units[7] = 1, 2
		}
		return []metric.Bucket{b}
	}
	for name, test := range map[string]struct {
		source         metric.Kind
		before         judge.Background
		canary, stable []metric.Bucket
		units          uint64 // of the canary, as it is judged
		parts          bool   // the stable version's slices are known
		mode           judge.Mode
	}{
		"an edge":               {"", sliced, bucket("v2", true), bucket("v1", true), 4, true, judge.Calm},
		"an edge's canary only": {"", sliced, bucket("v2", true), nil, 4, false, judge.Calm},
		"a drain":               {metric.Drain, sliced, bucket("v2", true), bucket("v1", true), 3, true, judge.Calm},
		"a drain's canary only": {metric.Drain, sliced, bucket("v2", true), nil, 3, false, judge.Calm},
		"a drain before slices": {metric.Drain, old, bucket("v2", false), bucket("v1", false), 6, false, none},
		"a drain of nobody":     {metric.Drain, old, bucket("v2", true), bucket("v1", true), 6, false, none},
		"a drain that stops":    {metric.Drain, sliced, bucket("v2", true), bucket("v1", false), 6, false, none},
		"an exporter":           {metric.Prometheus, sliced, bucket("v2", true), bucket("v1", true), 6, false, none},
	} {
		at := time.Unix(1_800_000_000, 0)
		rules := Rules{Source: test.source, ErrorRate: Limits{WorseBy: 0.25}}
		p, ticks := new(Pass), 0
		p.Ticks(rules, Evidence{
			Now: at.Add(time.Second), Complete: at.Unix() + 1, Since: at, ShareSince: at, Share: 10, Background: test.before,
			Shares: []ShareChange{{At: at, Share: 10}}, Canary: test.canary, Stable: test.stable,
		}, func(x *judge.Tick) {
			units := x.Canary.Units
			if ticks++; !x.Visitors && x.SliceUnits == nil {
				units = max(units, x.Canary.Errors)
			}
			slow := test.parts && test.source == ""
			if units != test.units || (x.SliceUnits != nil) != test.parts || (x.SliceSlow != nil) != slow {
				t.Errorf("%s: %d units, %+v", name, units, x)
			}
		})
		if mode := p.j.Answer().Mode; ticks != 1 || mode != test.mode {
			t.Errorf("%s: %d ticks, %s", name, ticks, mode)
		}
	}
}
