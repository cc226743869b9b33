package judge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// traffic makes ticks of two versions.
type traffic struct {
	rng            *rand.Rand
	rate           float64
	share          func(i int) float64 // meant
	real           func(i int) float64 // that requests follow; nil: as meant
	canary, stable func(i int) float64 // chance to fail
	slow           func(i int) (canary, stable float64)
	durations      bool
}

func steady(p float64) func(int) float64 { return func(int) float64 { return p } }

func newTraffic(seed uint64) *traffic {
	return &traffic{
		rng: rand.New(rand.NewPCG(seed, 11)), rate: 100, share: steady(0.05),
		canary: steady(0.01), stable: steady(0.01),
		slow: func(int) (float64, float64) { return 1, 1 },
	}
}

func (w *traffic) tick(i int) OldTick {
	t := OldTick{Second: int64(i), Share: w.share(i)}
	v := t.Share
	if w.real != nil {
		v = w.real(i)
	}
	sc, ss := w.slow(i)
	w.arm(&t.Canary, w.rate*v, w.canary(i), sc)
	w.arm(&t.Stable, w.rate*(1-v), w.stable(i), ss)
	return t
}

func (w *traffic) arm(a *OldArm, mean, fails, slow float64) {
	for left := mean; left > 0; left -= 50 { // Poisson, in parts that do not underflow
		p := math.Exp(-min(left, 50))
		for u, s, n := w.rng.Float64(), p, 0; u > s && n < 500; {
			n++
			p *= min(left, 50) / float64(n)
			s += p
			a.Requests++
		}
	}
	for range a.Requests {
		if w.rng.Float64() < fails {
			a.Errors++
		}
		if w.durations {
			a.Latency.Add(time.Duration(80 * slow * math.Exp(w.rng.NormFloat64()*0.6) * float64(time.Millisecond)))
		}
	}
}

func (w *traffic) ticks(n int) []OldTick {
	out := make([]OldTick, n)
	for i := range out {
		out[i] = w.tick(i)
	}
	return out
}

func config() OldConfig {
	return OldConfig{Alpha: 0.01, WorseErrors: 0.25, WorseLatency: 0.10}
}

// req: N-04 CD-16
func TestNullWorldsAreRarelyCalledWorse(t *testing.T) {
	t.Parallel()
	changes := func(i int) float64 { return []float64{0.05, 0.10, 0.25, 0.50}[min(i/150, 3)] }
	drift := func(i int) float64 { return 0.01 * (1 + 0.8*math.Sin(float64(i)/60)) }
	incident := func(i int) float64 {
		if i >= 150 && i < 330 { // begins with a change of the share
			return 0.3
		}
		return 0.01
	}
	tests := []struct {
		name  string
		world func(w *traffic)
	}{
		{"equal", func(*traffic) {}},
		{"worst accepted", func(w *traffic) { w.canary = steady(0.0125) }},
		{"worst accepted, rare errors", func(w *traffic) { w.canary, w.stable = steady(0.00125), steady(0.001) }},
		{"worst accepted, most fail", func(w *traffic) { w.canary, w.stable = steady(0.75), steady(0.6) }},
		{"drift and shares", func(w *traffic) { w.share, w.canary, w.stable = changes, drift, drift }},
		{"incident and shares", func(w *traffic) { w.share, w.canary, w.stable = changes, incident, incident }},
		{"low traffic", func(w *traffic) { w.rate, w.canary, w.stable = 10, steady(0.0625), steady(0.05) }},
		{"share is double", func(w *traffic) { w.real, w.canary, w.stable = steady(0.10), incident, incident }},
	}
	const runs, seconds = 400, 600
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			wrong := 0
			for seed := range uint64(runs) {
				w := newTraffic(seed + 1000)
				test.world(w)
				c := config()
				c.WorseLatency = 0
				if Compare(w.ticks(seconds), c).MaxLogE >= math.Log(1/c.Alpha) {
					wrong++
				}
			}
			// 1 % of 400 is 4; ten or more would come by chance in less than 1 of 100 suites.
			if wrong >= 10 {
				t.Errorf("%d of %d healthy canaries are called worse, with looks every second", wrong, runs)
			}
			t.Logf("%d of %d", wrong, runs)
		})
	}
}

// req: N-04 CD-03
func TestNullLatencyIsRarelyCalledWorse(t *testing.T) {
	t.Parallel()
	shock := func(i int) (float64, float64) {
		if i >= 100 && i < 180 {
			return 4, 4
		}
		return 1, 1
	}
	tests := []struct {
		name string
		slow func(int) (float64, float64)
	}{
		{"equal", func(int) (float64, float64) { return 1, 1 }},
		{"worst accepted", func(int) (float64, float64) { return 1.1, 1 }},
		{"shock for both", shock},
	}
	const runs = 150
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			wrong := 0
			for seed := range uint64(runs) {
				w := newTraffic(seed + 5000)
				w.durations, w.slow = true, test.slow
				w.share = func(i int) float64 { return []float64{0.05, 0.25}[min(i/100, 1)] }
				if Compare(w.ticks(240), config()).MaxLogE >= math.Log(100) {
					wrong++
				}
			}
			if wrong >= 6 { // 1.5 expected at the very most
				t.Errorf("%d of %d healthy canaries are called slow", wrong, runs)
			}
			t.Logf("%d of %d", wrong, runs)
		})
	}
}

// found returns how many canary requests it took, 0 when it was not found.
func found(w *traffic, c OldConfig, most int) (requests, seconds uint64) {
	ticks := make([]OldTick, 0, most)
	for i := range most {
		ticks = append(ticks, w.tick(i))
		requests += ticks[i].Canary.Requests
		if i%5 != 0 && i > 20 && most > 100 {
			continue // looks are dear in a test: every second first, then every fifth
		}
		if Compare(ticks, c).MaxLogE >= math.Log(1/c.Alpha) {
			return requests, uint64(i + 1)
		}
	}
	return 0, 0
}

// req: RB-01
func TestRegressionsAreFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		p0, p1    float64
		atMost    float64 // canary requests on average
		inSeconds int
	}{
		{"ten times", 0.01, 0.10, 120, 120},
		{"five times", 0.01, 0.05, 400, 300},
		{"a crash", 0.01, 0.95, 15, 20},
		{"half fail", 0.01, 0.51, 15, 20},
	}
	const runs = 40
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var sum, took, missed float64
			for seed := range uint64(runs) {
				w := newTraffic(seed + 9000)
				w.canary, w.stable = steady(test.p1), steady(test.p0)
				n, s := found(w, config(), test.inSeconds)
				if n == 0 {
					missed++
				}
				sum += float64(n)
				took += float64(s)
			}
			limit := WaldLimit(test.p0, test.p1, 0.05, 0.01)
			if missed > 0 || sum/runs > test.atMost {
				t.Errorf("%.0f canary requests on average, %.0f of %d missed; want at most %.0f",
					sum/runs, missed, runs, test.atMost)
			}
			t.Logf("%.0f canary requests, %.1f s; no test can do with less than %.0f", sum/runs, took/runs, limit)
		})
	}
}

func TestSlownessIsFound(t *testing.T) {
	t.Parallel()
	var before Sketch
	w := newTraffic(1)
	w.durations = true
	for _, tick := range w.ticks(20) {
		before.Merge(tick.Stable.Latency)
	}
	for _, factor := range []float64{1.5, 3} {
		var sum, missed float64
		for seed := range uint64(20) {
			w := newTraffic(seed + 100)
			w.durations = true
			w.slow = func(int) (float64, float64) { return factor, 1 }
			c := config()
			c.Before = before
			n, _ := found(w, c, 100)
			if n == 0 {
				missed++
			}
			sum += float64(n)
		}
		if missed > 0 || sum/20 > 250 {
			t.Errorf("%g times as slow: %.0f canary requests on average, %.0f of 20 missed", factor, sum/20, missed)
		}
		t.Logf("%g times as slow: %.0f canary requests", factor, sum/20)
	}
}

func TestALateRegressionIsFound(t *testing.T) {
	t.Parallel()
	w := newTraffic(3)
	w.canary = func(i int) float64 {
		if i < 1500 {
			return 0.01
		}
		return 0.10
	}
	quiet := w.ticks(1500)
	if c := Compare(quiet, config()); c.MaxLogE > math.Log(20) {
		t.Errorf("after 25 quiet minutes the e-value was %g", math.Exp(c.MaxLogE))
	}
	for i := 1500; i < 1590; i++ {
		quiet = append(quiet, w.tick(i))
	}
	if c := Compare(quiet, config()); c.MaxLogE < math.Log(100) {
		t.Errorf("90 s after it began the e-value is %g", math.Exp(c.MaxLogE))
	}
}

func TestColdStartIsMaskedForLatencyOnly(t *testing.T) {
	t.Parallel()
	w := newTraffic(5)
	w.durations = true
	w.slow = func(i int) (float64, float64) {
		if i < 60 {
			return 3, 1
		}
		return 1, 1
	}
	ticks := w.ticks(200)
	c := config()
	if got := Compare(ticks, c); got.Latency.MaxLogE < math.Log(100) {
		t.Errorf("without a mask a cold start gives an e-value of %g", math.Exp(got.Latency.MaxLogE))
	}
	c.ColdStart = 75 * time.Second
	if got := Compare(ticks, c); got.Latency.MaxLogE > math.Log(10) || got.Latency.Judged == 0 {
		t.Errorf("with a mask the e-value is %g on %d requests", math.Exp(got.Latency.MaxLogE), got.Latency.Judged)
	}
	if got := Compare(ticks[:50], c); got.WarmUntil != 75 || got.Latency.Judged != 0 {
		t.Errorf("in the cold start: warm from %d, %d judged; want 75 and 0", got.WarmUntil, got.Latency.Judged)
	}
	w.canary = steady(0.9)
	if got := Compare(w.ticks(20), c); got.Errors.MaxLogE < math.Log(100) {
		t.Error("errors must count in a cold start")
	}
}

func TestIntervalHoldsTheRatio(t *testing.T) {
	t.Parallel()
	for _, ratio := range []float64{0.5, 1, 3} {
		missed := 0
		for seed := range uint64(60) {
			w := newTraffic(seed + 40)
			w.share = steady(0.25)
			w.canary, w.stable = steady(0.02*ratio), steady(0.02)
			ticks := w.ticks(300)
			for _, n := range []int{30, 100, 300} {
				if i := Compare(ticks[:n], config()).Ratio; i.Known && (i.Low > ratio || !i.Open && i.High < ratio) {
					missed++
					break
				}
			}
		}
		if missed > 6 { // 5 % of 60 is 3
			t.Errorf("ratio %g: the 95 %% interval misses it in %d of 60 runs", ratio, missed)
		}
	}
	w := newTraffic(9)
	w.share = steady(0.5)
	w.canary = steady(0.04)
	got := Compare(w.ticks(600), config()).Ratio
	if !got.Known || got.Low < 2 || got.High > 7 || math.Abs(got.Value-4) > 1 {
		t.Errorf("30,000 requests each, 4 times the errors: %+v", got)
	}
}

func TestNothingIsKnownOfNothing(t *testing.T) {
	t.Parallel()
	want := Comparison{Errors: Account{On: true}, Latency: Account{On: true}}
	if diff := cmp.Diff(want, Compare(nil, config())); diff != "" {
		t.Error(diff)
	}
	w := newTraffic(5)
	w.canary, w.stable = steady(0), steady(0)
	got := Compare(w.ticks(100), config())
	if got.MaxLogE > 1e-9 || got.Ratio.Known {
		t.Errorf("without any error: %+v", got)
	}
}

func TestCompareIsDeterministicAndOrderFree(t *testing.T) {
	t.Parallel()
	w := newTraffic(5)
	w.durations = true
	ticks := w.ticks(100)
	want := fmt.Sprintf("%v", Compare(ticks, config()))
	shuffled := append([]OldTick(nil), ticks...)
	w.rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for range 5 {
		if got := fmt.Sprintf("%v", Compare(shuffled, config())); got != want {
			t.Fatalf("the same ticks give\n%s\nand\n%s", got, want)
		}
	}
}
