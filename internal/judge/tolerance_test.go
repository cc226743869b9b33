package judge

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A small service whose fresh version is a little colder: some milliseconds nobody feels are no reason to go back, to
// hold, or to say that it is not known to be as fast, though they are a third of what the stable version takes. Many of
// them are, and so is a third where a request takes long.
func TestMillisecondsThatNobodyFeelsAreTolerated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                 string
		stable, more, atMost float64
		want                 State
		late                 bool // it is ruled out that half as many again are slow
	}{
		{"a third, nothing tolerated", 8, 2.6, 0, Bad, false},
		{"a third, 10 ms tolerated", 8, 2.6, 10, Watching, true},
		{"9 ms of 8, 10 ms tolerated", 8, 9, 10, Watching, true},
		{"25 ms of 8, 10 ms tolerated", 8, 25, 10, Bad, false},
		{"a third of 400, 10 ms tolerated", 400, 133, 10, Bad, false},
		{"nothing of 400, 10 ms tolerated", 400, 0, 10, Watching, true},
	} {
		rng := rand.New(rand.NewPCG(9, 9))
		j := New(Settings{ColdStart: -1, WorseLatency: 0.1, WorthLatency: 0.1, SlackLatency: c.atMost})
		bins := ProductBins()
		for second := range int64(1200) {
			x := &Tick{Second: second, Share: 0.25}
			draw := func(a *Arm, n uint64, more float64) {
				a.Requests, a.Latency = n, make([]uint32, bins.Count)
				for range n {
					ms := c.stable*(1+0.2*rng.ExpFloat64()) + more
					a.Latency[bins.bin(ms)]++
				}
			}
			draw(&x.Canary, 10, c.more)
			draw(&x.Stable, 30, 0)
			j.Tick(x)
		}
		a := j.Answer()
		if a.State != c.want && !(a.State == Safe && c.want == Watching) {
			t.Errorf("%s: %s, want %s: %+v", c.name, a.State, c.want, a)
		}
		if late := j.notSlow() > 3; late != c.late {
			t.Errorf("%s: that it is no slower has the evidence e^%.1f", c.name, j.notSlow())
		}
	}
}

// Without milliseconds the tolerance is the ratio everywhere. With them what is tolerated never counts as slower, in
// either way of counting, and the order of durations stays.
func TestWhatIsToleratedIsNotSlower(t *testing.T) {
	t.Parallel()
	b := ProductBins()
	plain := newTolerance(b, 0.1, 0)
	for i := range b.Count {
		if plain.down[i] != plain.ratio || plain.up(i) != (step{i + plain.ratio.whole, plain.ratio.part}) ||
			plain.later(i) != (step{i, 0}) {
			t.Fatalf("bin %d: down %v, up %v, later %v", i, plain.down[i], plain.up(i), plain.later(i))
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, slack := range []float64{0.1, 1, 10, 250, 5000} {
		tol := newTolerance(b, 0.1, slack)
		for i := 1; i < b.Count; i++ {
			if now, before := tol.down[i], tol.down[i-1]; i-now.whole < i-1-before.whole-1 {
				t.Errorf("%g ms: bin %d comes before bin %d", slack, i, i-1)
			}
		}
		for range 20000 {
			stable := b.Low * math.Pow(b.Ratio, 1+rng.Float64()*float64(b.Count-10))
			canary := stable + slack // the ratio alone is as it was
			if canary < 1.1*stable {
				continue
			}
			at := b.bin(canary)
			if got := at - tol.down[at].whole; got > b.bin(stable) && at < b.Count-1 {
				t.Fatalf("%g ms: %g ms beside %g ms counts as bin %d, beyond %d", slack, canary, stable, got, b.bin(stable))
			}
			if up := tol.up(b.bin(stable) + 1); up.whole < at && at < b.Count-1 {
				t.Fatalf("%g ms: %g ms beside %g ms is slow from %v", slack, canary, stable, up)
			}
		}
	}
}
