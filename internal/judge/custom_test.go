package judge

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestCustomMetrics(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 4))
	settings := Settings{Metrics: []Metric{
		{Name: "conversion", Kind: Rate, Higher: true, WorseBy: 0.1}, {Name: "abandoned", Kind: Rate, WorseBy: 0.1},
		{Name: "basket", Kind: Mean, Higher: true, WorseBy: 0.02}, {Name: "hint", Kind: Rate, Signal: true},
	}}
	sums := func(n uint64, p float64) Sums {
		s := Sums{N: n}
		for range n {
			if rng.Float64() < p {
				s.Bad++
			}
		}
		return s
	}
	bad := func(p float64) func(n uint64) Sums { return func(n uint64) Sums { return sums(n, p) } }
	for _, test := range []struct {
		metric string
		canary func(n uint64) Sums
		stable func(n uint64) Sums
		want   State
	}{
		{"conversion", bad(0.985), bad(0.97), Bad}, // 1.5 % instead of 3 % buy
		{"conversion", bad(0.97), bad(0.97), Watching},
		{"abandoned", bad(0.4), bad(0.2), Bad},
		{"abandoned", bad(0.1), bad(0.2), Watching},
		{"basket", mean(rng, 40), mean(rng, 50), Bad},
		{"basket", mean(rng, 50), mean(rng, 50), Watching},
		{"hint", bad(0.9), bad(0.2), Watching},
	} {
		j := New(settings)
		for i := range int64(1600) {
			j.Tick(tick(i, uint64(i%20/19), 1))
			j.Value(&Value{Metric: test.metric, Second: i, Share: 0.05, Canary: test.canary(5), Stable: test.stable(95)})
		}
		if a := j.Answer(); a.State == Safe && test.want == Watching {
			continue
		} else if a.State != test.want {
			t.Errorf("%s: %+v, want %s", test.metric, a, test.want)
		}
	}
}

// At a thousandth of the visitors, too, the share of the values is what it is.
func TestCustomRatesAtSmallShares(t *testing.T) {
	t.Parallel()
	for _, higher := range []bool{false, true} {
		rng := rand.New(rand.NewPCG(5, 5))
		j := New(Settings{Metrics: []Metric{{Name: "m", Kind: Rate, Higher: higher}}})
		for i := range int64(1000) {
			v := Value{Metric: "m", Second: i, Share: 0.001}
			for range 2000 {
				a := &v.Stable
				if rng.Float64() < v.Share {
					a = &v.Canary
				}
				a.N++
				a.Bad += rng.Uint64N(2)
			}
			j.Value(&v)
		}
		if a := j.Answer(); a.State == Bad {
			t.Errorf("higher %v: a healthy version is taken back: %+v", higher, a)
		}
	}
}

func mean(rng *rand.Rand, m float64) func(n uint64) Sums {
	return func(n uint64) Sums {
		s := Sums{N: n}
		for range n {
			x := m * (0.5 + rng.Float64())
			s.Sum += x
			s.SumSq += x * x
		}
		return s
	}
}

// How long durations are is said from the first values on, when there are far too few to judge; while caches are cold
// nothing is.
func TestFewDurationsAreSaid(t *testing.T) {
	t.Parallel()
	j := New(Settings{Metrics: []Metric{{Name: "lcp", Kind: Durations}}, ColdStart: 10 * time.Second})
	report := func() MetricReport {
		r := j.Report()
		return r.Metrics[len(r.Metrics)-1]
	}
	for i := range int64(30) {
		v := Value{Metric: "lcp", Second: i, Share: 0.5}
		v.Canary.N, v.Stable.N = 1, 1
		v.Canary.Hist.AddCount(float64(1000+10*i), 1)
		v.Stable.Hist.AddCount(float64(400+10*i), 1)
		j.Tick(tick(i, 0, 0))
		j.Value(&v)
		if m := report(); i < 9 && (m.Judged > 0 || m.Canary != 0 || m.Ratio.Known) {
			t.Errorf("second %d of a cold version: %+v", i, m)
		}
	}
	m := report()
	if m.Judged != 20 || m.MaxLogE != 0 || math.Abs(m.Canary/1250-1) > 0.05 || math.Abs(m.Stable/650-1) > 0.05 {
		t.Errorf("of 20 values each: %+v, want 1250 and 650 ms", m)
	}
	if want := m.Canary / m.Stable; m.Ratio.Value != want {
		t.Errorf("the ratio is %g, want %g", m.Ratio.Value, want)
	}
}
