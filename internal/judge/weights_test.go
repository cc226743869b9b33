package judge

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// anyWeights draws weights, some of them very small.
func anyWeights(r *rand.Rand) Weights {
	one := func() float64 { return math.Exp(4 * r.NormFloat64()) }
	return Weights{Errors: one(), Latency: one(), Metrics: one()}
}

// nullTick is a second of two equal versions at a share of a quarter.
func nullTick(r *rand.Rand, second int64, x *Tick) {
	x.Second, x.Share = second, 0.25
	clear(x.Canary.Latency)
	clear(x.Stable.Latency)
	x.Canary = Arm{Latency: x.Canary.Latency}
	x.Stable = Arm{Latency: x.Stable.Latency}
	*x.SliceUnits = [Slices]uint32{}
	for range 20 {
		a := &x.Stable
		if r.IntN(4) == 0 {
			a = &x.Canary
		}
		a.Requests++
		a.Latency[30+int(4*r.ExpFloat64())]++
		if r.IntN(12) == 0 {
			a.Errors++
			a.Units++
			if a == &x.Stable {
				x.SliceUnits[r.IntN(Slices)]++
			}
		}
	}
}

func nullValue(r *rand.Rand, second int64) Value {
	c, s := uint64(5), uint64(15)
	v := Value{Metric: "sold", Second: second, Share: 0.25, Canary: Sums{N: c}, Stable: Sums{N: s}}
	for range c {
		v.Canary.Bad += r.Uint64N(8) / 7
	}
	for range s {
		v.Stable.Bad += r.Uint64N(8) / 7
	}
	return v
}

// Whatever fixed weights a team gives: the total is at every tick the mean of the metrics' e-values with just these
// weights, and a mean of e-values is an e-value; equal versions are taken back as seldom as Alpha says.
//
// req: CD-03
func TestAnyFixedWeightsKeepTheBound(t *testing.T) {
	t.Parallel()
	const worlds, alpha = 300, 0.1
	rng := rand.New(rand.NewPCG(5, 55))
	x := Tick{SliceUnits: &[Slices]uint32{}, Visitors: true}
	n := ProductBins().Count
	x.Canary.Latency, x.Stable.Latency = make([]uint32, n), make([]uint32, n)
	back := 0
	for range worlds {
		w := anyWeights(rng)
		j := New(Settings{
			Alpha: alpha, Weights: w, ColdStart: -1, Metrics: []Metric{{Name: "sold", Kind: Rate}},
			Background: Background{Seconds: 7200, Sliced: true, Mode: Calm},
		})
		all := w.Errors + w.Latency + w.Metrics
		for second := range int64(200) {
			nullTick(rng, second, &x)
			j.Tick(&x)
			v := nullValue(rng, second)
			j.Value(&v)
			ranks, slow := j.lat.rankLog, j.lat.slowLog
			want := (w.Errors*math.Exp(j.errors.logE) + w.Latency*(0.8*math.Exp(ranks)+0.2*math.Exp(slow)) +
				w.Metrics*math.Exp(j.custom[0].logE)) / all
			if got := num.Exp(j.logE); math.Abs(got/want-1) > 1e-9 {
				t.Fatalf("%+v: the total is %g, the mean %g", w, got, want)
			}
		}
		for _, m := range j.Report().Metrics {
			if is := map[string]float64{"errors": w.Errors, "latency": w.Latency, "sold": w.Metrics}[m.Name] / all; math.Abs(
				m.Weight-is) > 1e-12 {
				t.Errorf("%+v: %s has %g of the total, not %g", w, m.Name, m.Weight, is)
			}
		}
		if j.maxLogE >= math.Log(1/alpha) {
			back++
		}
	}
	if most := alpha*worlds + 2.5*math.Sqrt(alpha*(1-alpha)*worlds); float64(back) > most {
		t.Errorf("%d of %d equal versions reached 1/alpha: at most %.0f may", back, worlds, most)
	}
}

// Weights are in any unit and divided among what is compared; what can't be meant is as if nothing was said.
func TestWeightsAreDividedAmongWhatIsCompared(t *testing.T) {
	t.Parallel()
	sold := []Metric{{Name: "sold", Weight: 3}, {Name: "seen", Signal: true}, {Name: "left", Weight: 1}}
	usual := New(Settings{Metrics: sold}).pi
	for _, tt := range []struct {
		s    Settings
		want [3]float64
		sold float64
	}{
		{Settings{Weights: Weights{7, 2, 1}}, [3]float64{7.0 / 9, 0.8 * 2 / 9, 0.2 * 2 / 9}, 0},
		{Settings{Weights: Weights{700, 200, 100}, Metrics: sold}, [3]float64{0.7, 0.16, 0.04}, 0.075},
		{Settings{Weights: Weights{7, 2, 1}, WorseLatency: -1, Metrics: sold}, [3]float64{0.875, 0, 0}, 0.75 / 8},
		{Settings{Weights: Weights{7, 2, 1}, WorseErrors: -1}, [3]float64{0, 0.8, 0.2}, 0},
		{Settings{Weights: Weights{-1, 2, 1}, Metrics: sold}, usual, 0.225},
		{Settings{Weights: Weights{math.NaN(), 2, 1}, Metrics: sold}, usual, 0.225},
		{Settings{Weights: Weights{math.Inf(1), 2, 1}, Metrics: sold}, usual, 0.225},
		{Settings{Weights: Weights{0, 0, 5}, WorseErrors: -1}, [3]float64{0, 0.8, 0.2}, 0},
	} {
		j := New(tt.s)
		got := 0.0
		if len(j.custom) > 0 {
			got = j.custom[0].weight
		}
		for i := range j.pi {
			if math.Abs(j.pi[i]-tt.want[i]) > 1e-12 || math.Abs(got-tt.sold) > 1e-12 {
				t.Errorf("%+v: %v and %g, not %v and %g", tt.s.Weights, j.pi, got, tt.want, tt.sold)
				break
			}
		}
	}
}
