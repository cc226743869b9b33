package guard

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// minute are rules whose limits count after a minute.
func minute() Rules {
	r := DefaultRules()
	r.ErrorRate.For, r.ColdStart = time.Minute, 0
	return r
}

// breaks is a world at half and half in which the stable version fails at 30 % from the second 120 on.
func breaks(seed uint64, canary func(i int64) float64) *world {
	w := newWorld(seed)
	w.share = func(int64) float64 { return 50 }
	w.fails = func(i int64) (float64, float64) {
		if i >= 120 {
			return canary(i), 0.3
		}
		return 0.01, 0.01
	}
	return w
}

func always(p float64) func(int64) float64 { return func(int64) float64 { return p } }

// req: N-04 CD-03
func TestWhileTheStableVersionIsBrokenItsPastIsTheMeasure(t *testing.T) {
	t.Parallel()
	const itself = "v1 itself is broken since 08:02 UTC: v2 is held to the limits and to what v1 did until "
	tests := []struct {
		name string
		w    *world
		edit func(w *world)
		n    int64
		want want
		mode Mode
	}{
		{"a fix goes on", breaks(1, always(0.01)), nil, 400,
			want{BetterOrEqual, Continue, "error_rate", Critical, itself}, BrokenStable},
		{"as broken is held, not blamed", breaks(2, always(0.3)), nil, 400,
			want{NotEnough, Hold, "error_rate", Critical, "in trouble since 08:02"}, BrokenStable},
		{"worse than the broken one is taken back", breaks(3, always(0.9)), nil, 400,
			want{Worse, Undo, "error_history", Critical, "v1 at the same time does not explain that."}, BrokenStable},
		{"half a fix is held, not blamed", breaks(4, always(0.04)), nil, 400,
			want{NotEnough, Hold, "error_history", Warn, "not held against v2"}, BrokenStable},
		{"nothing rises while it may pass", breaks(5, always(0.01)), nil, 160,
			want{BetterOrEqual, Hold, "error_rate", Critical, "v1 is broken, v2 is not"}, Comparison},
		{"a slow fix is not taken back for what fails fast", breaks(6, always(0.01)), func(w *world) {
			w.slow = func(i int64) (float64, float64) {
				if i >= 120 {
					return 1, 0.3
				}
				return 1, 1
			}
		}, 400, want{BetterOrEqual, Continue, "error_rate", Critical, itself}, BrokenStable},
		{"a fix that is slower than v1 ever was is taken back", breaks(7, always(0.01)), func(w *world) {
			w.slow = func(i int64) (float64, float64) {
				if i >= 120 {
					return 1.6, 1
				}
				return 1, 1
			}
		}, 400, want{Worse, Undo, "latency_history", Critical, "v1 at the same time does not"}, BrokenStable},
		{"well again for a while, it is compared", breaks(8, always(0.01)), func(w *world) {
			w.fails = func(i int64) (float64, float64) {
				if i >= 120 && i < 300 {
					return 0.01, 0.3
				}
				return 0.01, 0.01
			}
		}, 700, want{BetterOrEqual, Continue, "", "", "v2 is no worse than v1 so far"}, Comparison},
		{"well again for a moment, it is not", breaks(8, always(0.01)), func(w *world) {
			w.fails = func(i int64) (float64, float64) {
				if i >= 120 && i < 300 {
					return 0.01, 0.3
				}
				return 0.01, 0.01
			}
		}, 400, want{BetterOrEqual, Continue, "", "", itself}, BrokenStable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.edit != nil {
				test.edit(test.w)
			}
			v := Evaluate(minute(), test.w.evidence(test.n))
			check(t, v, test.want)
			if v.Mode != test.mode || v.StableBroken.IsZero() != (test.mode != BrokenStable) {
				t.Errorf("the mode is %s since %s, want %s", v.Mode, v.StableBroken, test.mode)
			}
			t.Log(v.Sentence)
		})
	}
}

// A version that was broken before the release began is held against from its first second, and a past that nobody saw
// leaves the limits alone.
//
// req: N-04 CD-03
func TestAVersionThatWasBrokenBeforeTheReleaseIsNoMeasure(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		healthy int // seconds of the time before in which v1 was well, of 600
		says    string
	}{
		{"it was well once", 400, "and to what v1 did until 07:55 UTC. v2 is no worse"},
		{"nobody saw it well", 0, "v2 is held to the limits. v2 is no worse"},
	} {
		w := newWorld(20)
		w.share = func(int64) float64 { return 50 }
		w.fails = func(int64) (float64, float64) { return 0.005, 0.3 }
		ev := w.evidence(200)
		ev.Baseline = metric.Bucket{}
		var before []metric.Bucket
		for i := range int64(600) {
			fails := 0.3
			if i < int64(test.healthy) {
				fails = 0.01
			}
			before = append(before, w.bucket("v1", w.t0-600+i, 50, fails, 1))
			ev.Baseline.Add(before[i])
		}
		ev.Before = LastHealthy(minute(), ev.Baseline, before)
		v := Evaluate(minute(), ev)
		check(t, v, want{BetterOrEqual, Continue, "error_rate", Critical, test.says})
		if v.Mode != BrokenStable || !v.StableBroken.Before(ev.Since) {
			t.Errorf("%s: %s since %s: %s", test.name, v.Mode, v.StableBroken, v.Sentence)
		}
	}
}

// Whatever is missing, nothing goes on by it: not while requests are few, not without any, not without a past.
//
// req: N-04 CD-03
func TestNothingGoesOnBySilenceWhileTheStableVersionIsBroken(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		w := breaks(seed+50, always(0.01))
		ev := w.evidence(420)
		cut := int64(120 + 20*seed)
		for i := range ev.Canary {
			if i >= int(cut) {
				ev.Canary[i].Requests = min(ev.Canary[i].Requests, seed%3)
				ev.Canary[i].Errors = 0
				ev.Canary[i].Latency = judge.Sketch{}
			}
		}
		r := minute()
		r.Blind = time.Hour
		look := func(at int64) Verdict {
			part := ev
			w.at(&part, at)
			return Evaluate(r, part)
		}
		for at := int64(250); at <= 420; at += 17 {
			v := look(at)
			n := countIn(ev.Canary, w.t0+120, w.t0+at).requests
			if v.Mode == BrokenStable && v.Action == Continue && n < 700 {
				t.Errorf("seed %d, second %d: it goes on by %d requests: %s", seed, at, n, v.Sentence)
			}
		}
	}
}

// The mode does not flap while the stable version is now beyond its limit and now below.
//
// req: N-04 CD-03
func TestTheModeDoesNotFlap(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		w := newWorld(seed + 70)
		w.share = func(int64) float64 { return 50 }
		w.fails = func(i int64) (float64, float64) {
			if i < 100 {
				return 0.01, 0.01
			}
			return 0.01, 0.02 + 0.1*float64((i/(20+7*int64(seed)))%2) // around the limit of 5 %
		}
		changes, last := 0, Comparison
		var p Pass
		ev := w.evidence(1200)
		r := minute()
		r.ErrorRate.Spike = 0
		for at := int64(1); at <= 1200; at += 5 {
			part := ev
			w.at(&part, at)
			if v := p.Evaluate(r, part); v.Mode != last {
				changes, last = changes+1, v.Mode
			}
		}
		if changes > 2 {
			t.Errorf("seed %d: the mode changed %d times", seed, changes)
		}
	}
}

// A verdict is the same from stored evidence, and for a pass that came step by step.
//
// req: N-04 CD-03
func TestTheModeIsReplayedFromItsEvidence(t *testing.T) {
	t.Parallel()
	w := breaks(9, func(i int64) float64 { return 0.01 + 0.2*float64(i/300%2) })
	ev := w.evidence(600)
	ev.Ladder = []float64{75, 100}
	var before []metric.Bucket
	for i := range int64(120) {
		before = append(before, w.bucket("v1", w.t0-120+i, 50, 0.01, 1))
	}
	ev.Before = LastHealthy(minute(), ev.Baseline, before)
	stored, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	var read Evidence
	if err := json.Unmarshal(stored, &read); err != nil {
		t.Fatal(err)
	}
	var p Pass
	for at := int64(1); at <= 600; at += 1 + int64(w.rng.IntN(20)) {
		a, b := ev, read
		w.at(&a, at)
		w.at(&b, at)
		if diff := cmp.Diff(Evaluate(minute(), b), p.Evaluate(minute(), a)); diff != "" {
			t.Fatalf("second %d: %s", at, diff)
		}
	}
}

// Adaptive steps climb by what is ruled out against the past.
//
// req: N-04 CD-03
func TestEvidenceAgainstThePastClearsShares(t *testing.T) {
	t.Parallel()
	w := breaks(10, always(0.01))
	ev := w.evidence(400)
	ev.Ladder = []float64{75, 100}
	if v := Evaluate(minute(), ev); v.ClearedTo != 100 {
		t.Errorf("a fix is cleared to %g %%: %s", v.ClearedTo, v.Lacks)
	}
	w.at(&ev, 150)
	if v := Evaluate(minute(), ev); v.ClearedTo != 0 || !strings.Contains(v.Lacks, "v1 is b") {
		t.Errorf("after half a minute it is cleared to %g %%: %s", v.ClearedTo, v.Lacks)
	}
}

// While both are slower than before, because there is more to do, a version that answers is not taken back because the
// broken one fails at once.
//
// req: N-04 CD-03
func TestWhatFailsAtOnceDoesNotMakeAFixSlow(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		w := newWorld(seed + 90)
		w.share = func(int64) float64 { return 50 }
		w.slow = func(i int64) (float64, float64) {
			if i >= 120 {
				return 1.4, 1.4
			}
			return 1, 1
		}
		ev := w.evidence(500)
		for i := 120; i < len(ev.Stable); i++ {
			for range ev.Stable[i].Requests / 2 { // beside those that are answered
				ev.Stable[i].Requests++
				ev.Stable[i].Errors++
				ev.Stable[i].Latency.Add(time.Millisecond)
			}
		}
		for at := int64(130); at <= 500; at += 10 {
			w.at(&ev, at)
			if v := Evaluate(minute(), ev); v.Action == Undo {
				t.Fatalf("seed %d, second %d: %s", seed, at, v.Sentence)
			}
		}
	}
}

// What was broken of late is no normal: neither an excuse once everybody has the new version, nor a spike's measure.
//
// req: N-04 CD-03
func TestABrokenPastIsNoExcuse(t *testing.T) {
	t.Parallel()
	r := absolute()
	r.ErrorRate.For = time.Minute
	ev := flat{n: 120, share: 100, canary: 50, canaryErrors: 4, baseErrors: 3000}.evidence()
	check(t, Evaluate(r, ev), want{NotEnough, Hold, "error_rate", Critical, "v1 was beyond it as well"})
	ev.Before = Before{Healthy: metric.Bucket{Requests: 5000, Errors: 50}, Until: zero - 600, Ill: zero - 590}
	check(t, Evaluate(r, ev), want{Worse, Undo, "error_rate", Critical, "v2 is worse. 8 % of"})
}
