package judge

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// What is not bet beyond enough is bet elsewhere, and nothing is won by that: under the tolerated world the mean of all
// money after a tick is never more than before, whatever the filters have seen (less by what is not won where no more
// failures than tolerated fell on the canary); all who are trimmed have just enough.
func TestWhatIsTrimmedIsFair(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	trimmed := 0
	for range 300 {
		e := newErrorEvidence(Settings{Background: Background{Seconds: 10800, Sliced: true, Bursts: rng.Uint64N(9)}}.sane())
		v := []float64{0.01, 0.05, 0.25, 0.5}[rng.IntN(4)]
		for range rng.IntN(60) {
			k := float64(rng.IntN(3))
			e.filteredStep(v, math.Floor(k*rng.Float64()+0.2), k)
		}
		e.enough = e.money() * math.Exp(4*rng.Float64())
		for k := 1; k <= mostTrimmed; k++ {
			before, after := e.money(), 0.0
			for c := 0; c <= k; c++ {
				try := e
				p := math.Exp(num.Choose(uint64(k), uint64(c)) + float64(c)*math.Log(v) + float64(k-c)*math.Log1p(-v) +
					try.worlds[tolerated].Weigh(float64(c), float64(k)))
				try = e
				try.filteredTick(0, float64(c), float64(k))
				after += p * try.money()
				if m := try.money(); e.seen+float64(c) >= fewestUnits && math.Abs(m/e.enough-1) < 1e-9 {
					trimmed++
				} else if e.seen+float64(c) >= fewestUnits && before < e.enough && m > e.enough {
					t.Errorf("share %g: %d of %d win %g, %g is enough", v, c, k, m, e.enough)
				}
			}
			if after/before > 1+1e-9 {
				t.Errorf("share %g, %d failures: %.12f of what was there", v, k, after/before)
			}
		}
	}
	if trimmed < 300 {
		t.Errorf("only %d were trimmed", trimmed)
	}
}

func TestMoneyThatIsLentIsNotMade(t *testing.T) {
	t.Parallel()
	j := New(Settings{Bins: Bins{Low: 8, Ratio: 1.09, Count: 88}})
	total := func() float64 {
		return j.pi[0]*j.errors.money() + j.pi[1]*math.Exp(j.lat.rankLog) + j.pi[2]*math.Exp(j.lat.slowLog)
	}
	if math.Abs(total()-1) > 1e-12 {
		t.Fatalf("it begins with %g", total())
	}
	for i := range int64(70) {
		j.Tick(tick(i, 0, 1))
	}
	before, bet := total(), j.pi[1]+j.pi[2]
	j.stakeDurations()
	if math.Abs(total()/before-1) > 1e-12 || j.pi[1]+j.pi[2] <= bet || math.Abs(j.pi[0]+j.pi[1]+j.pi[2]-1) > 1e-12 {
		t.Errorf("%g became %g, weights %v", before, total(), j.pi)
	}
}

// A slow instance that serves the canary's visitors for a minute is no regression, though nobody counts slow visitors
// by slices; a version that stays so slow is.
//
// req: CD-16
func TestASlowInstanceIsNotHeldAgainstTheCanary(t *testing.T) {
	t.Parallel()
	back := func(seed uint64, from, to int64) (int64, bool) {
		rng := rand.New(rand.NewPCG(seed, 8))
		j := New(Settings{Bins: Bins{Low: 8, Ratio: 1.09, Count: 88}})
		x := tick(0, 0, 0)
		x.Canary.Latency, x.Stable.Latency = make([]uint32, 88), make([]uint32, 88)
		for second := range int64(600) {
			clear(x.Canary.Latency)
			clear(x.Stable.Latency)
			x.Second = second
			for i := range 100 {
				counts, at := x.Stable.Latency, 26+7*rng.NormFloat64()
				if i < 5 {
					if counts = x.Canary.Latency; second >= from && second < to {
						at += 13 // three times
					}
				}
				counts[min(max(int(at), 0), 87)]++
			}
			j.Tick(x)
			if j.Answer().State == Bad {
				return second, true
			}
		}
		return 600, false
	}
	wrong := 0
	for seed := range uint64(40) {
		if _, bad := back(seed, 200, 260); bad {
			wrong++
		}
		if at, bad := back(seed, 100, 600); !bad || at > 240 {
			t.Errorf("seed %d: three times as slow from second 100 on: %v at %d", seed, bad, at)
		}
	}
	if wrong > 3 {
		t.Errorf("%d of 40 were taken back because an instance was slow for a minute", wrong)
	}
}

// req: N-04
func TestVisitorsAreCountedWithoutSlices(t *testing.T) {
	t.Parallel()
	for _, counted := range []bool{true, false} {
		j := New(Settings{})
		for i := range int64(60) {
			x := tick(i, 0, 1)
			x.SliceUnits, x.Visitors = nil, counted
			if i >= 2 { // one visitor of the canary reloads
				x.Canary.Errors, x.Canary.Units = 4, uint64(2/i)
			}
			j.Tick(x)
		}
		if a := j.Answer(); (a.State == Bad) == counted {
			t.Errorf("visitors counted: %v: %+v", counted, a)
		}
	}
	j := New(Settings{})
	j.Doubt()
	if a := j.Answer(); a.Mode != Linear {
		t.Errorf("where nobody counts visitors: %+v", a)
	}
}
