package judge

import (
	"math"
	"math/rand/v2"
	"testing"
)

// However much one tick brings, as much on both versions says nothing against one of them: an outage of a large site
// in one wide window, or a sender that exaggerates.
//
// req: N-04
func TestMassesThatAreEqualBlameNobody(t *testing.T) {
	t.Parallel()
	bins := Bins{Low: 8, Ratio: 1.09, Count: 4}
	for n := 1e3; n <= 1e12; n *= 3 {
		for _, of := range [][2]float64{
			{0.01, 1}, {0.05, 1}, {0.25, 1}, {0.5, 1}, {0.75, 1}, {0.95, 1}, {0.05, 0.7}, {0.25, 0.95}, {0.5, 0.9}, {0.5, 1.02},
		} {
			v, ratio := of[0], of[1]
			j := New(Settings{Bins: bins, ColdStart: -1, Metrics: []Metric{
				{Name: "rate", Kind: Rate}, {Name: "mean", Kind: Mean},
			}})
			c, s := math.Round(n*v), math.Round(n*(1-v))
			bad := uint64(c * ratio / 2)
			latency := func(x float64) []uint32 {
				k := uint32(min(x/4, math.MaxUint32))
				return []uint32{k, k, k, k}
			}
			for i := range int64(5) {
				j.Tick(&Tick{Second: 120 * i, Width: 120, Share: v,
					Canary: Arm{Requests: uint64(c), Errors: bad, Units: bad, Latency: latency(c)},
					Stable: Arm{Requests: uint64(s), Errors: uint64(s / 2), Units: uint64(s / 2), Latency: latency(s)}})
				for _, name := range []string{"rate", "mean"} {
					sums := func(x float64) Sums {
						return Sums{N: uint64(x), Bad: uint64(x / 2), Sum: x, SumSq: 2 * x}
					}
					j.Value(&Value{Metric: name, Second: 120 * i, Width: 120, Share: v, Canary: sums(c), Stable: sums(s)})
				}
			}
			r := j.Report()
			for _, m := range r.Metrics {
				if m.MaxLogE > math.Log(3) {
					t.Errorf("%g units at the share %g, %g times as many failures: %s has the evidence %g", n, v, ratio,
						m.Name, math.Exp(m.MaxLogE))
				}
			}
			if r.State == Bad {
				t.Errorf("%g units at the share %g, %g times as many failures: %s", n, v, ratio, r.State)
			}
		}
	}
}

// A visitor who makes a third of all requests of the canary, or a canary that got a fifth of the sticky visitors it was
// meant to have, is no regression, however many failures there are to see it by: where no more of them fall on the
// canary than on a tolerated one, nothing is won (decision 16).
//
// req: N-04
func TestFewerFailuresThanTheirShareAreNeverEvidence(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 16))
		j := New(Settings{Bins: Bins{Low: 8, Ratio: 1.09, Count: 4}})
		got := [3]float64{0.01, 0.02, 0.03}[seed%3] // of the visitors, instead of 0.05
		for second := range int64(900) {
			x := &Tick{Second: second, Share: 0.05, SliceUnits: &[Slices]uint32{}}
			for range 1000 {
				a := &x.Stable
				if rng.Float64() < got {
					a = &x.Canary
				}
				a.Requests++
				if rng.Float64() < 0.05 {
					a.Errors++
					a.Units++
				}
			}
			j.Tick(x)
		}
		if a := j.Answer(); a.MaxLogE > math.Log(3) {
			t.Errorf("seed %d: %.3f of the visitors instead of 0.05: evidence %.3g", seed, got, math.Exp(a.MaxLogE))
		}
	}
}
