package anytime

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/slipwayhq/slipway/internal/judge"
)

// near compares to the digits that a published number has.
func near(t *testing.T, what string, got, want, half float64) {
	t.Helper()
	if !(math.Abs(got-want) <= half) {
		t.Errorf("%s is %.9g, published is %.9g", what, got, want)
	}
}

// The numbers of the statistics, section 1.12, with exactly their inputs: confidence sequences of the confseq package.
//
// req: CD-03
func TestConfidenceSequencesAgreeWithConfseq(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	two, one := Rho(100, 0.05), Rho(100, 0.10)
	// The exact solution is 0.0820477877: the published one has a constant C of 8.122697 that errs with a chance of
	// 0.0500015 instead of 0.05, because its solver stopped there. Six digits agree, and ours is the wider one.
	near(t, "the bound of the empirical process", EmpiricalProcess(1000, 0.05, 100, 0.85), 0.08204769, 1e-7)
	near(t, "rho", two, 12.60056, 5e-6)
	for _, test := range []struct {
		name       string
		m          Mixture
		limit      float64
		log, bound float64
	}{
		{"two-sided normal", TwoSidedNormal(two), inf, -0.6510052, 30.35209},
		{"one-sided normal", OneSidedNormal(one), inf, -0.06502391, 27.66071},
		{"gamma-exponential", GammaExponential(one, 2), inf, -0.2490165, 33.02017},
		{"gamma-Poisson", GammaPoisson(one, 2), inf, -0.06991219, 30.1949},
		{"two-sided beta-binomial", BetaBinomial(100, 0.05, 0.2, 0.8, false), 500, -0.6941012, 31.4308},
		{"one-sided beta-binomial", BetaBinomial(100, 0.05, 0.2, 0.8, true), 500, -0.07134019, 28.41238},
	} {
		near(t, test.name+" log mixture", test.m(10, 100), test.log, 5e-8*math.Pow(10, math.Ceil(math.Log10(-test.log))+0))
		near(t, test.name+" bound", test.m.Bound(100, 0.05, test.limit), test.bound, 5e-5)
	}
	near(t, "poly-stitching", PolyStitching(100, 0.05, 10, 3), 64.48755, 5e-6)
	near(t, "poly-stitching of a negative scale", PolyStitching(100, 0.05, 10, -1), 28.99389, 5e-6)
	for _, test := range []struct{ p, want float64 }{{0.5, 68.62803}, {0.9, 43.72119}, {0.1, 59.96521}} {
		near(t, "double stitching", QuantileStitching(test.p, 1000, 0.05, 100), test.want, 5e-6)
	}
	for _, test := range []struct{ p, d, want, half float64 }{
		{0.5, 70, 0.814704, 5e-7}, {0.5, 85, 0.0838055, 5e-8}, {0.5, 100, 0.0054947, 5e-8}, {0.9, 55, 0.0340463, 5e-8},
	} {
		var a, b []float64
		for i := range 1000 {
			a, b = append(a, float64(i+1)), append(b, float64(i+1)+test.d)
		}
		near(t, "the p-value of a quantile", QuantileTest(test.p, a, b, 100, 0.05), test.want, test.half)
	}
	// These are published cut off, not rounded.
	low, high := BernoulliInterval(700, 1000, 0.05, 100)
	near(t, "the lower limit of 700 of 1000", low, 0.6516295, 5e-7)
	near(t, "the upper limit of 700 of 1000", high, 0.7459495, 5e-7)
	low, high = BernoulliInterval(15, 50, 0.05, 50)
	near(t, "the lower limit of 15 of 50", low, 0.1295565, 5e-7)
	near(t, "the upper limit of 15 of 50", high, 0.5118965, 5e-7)
}

// Likewise GrowthBook's sequential and one-sided tests.
//
// req: CD-03
func TestExperimentsAgreeWithGrowthBook(t *testing.T) {
	t.Parallel()
	a, b := Arm{N: 3000, Sum: 1396.87, SumSq: 52377.9767}, Arm{N: 3461, Sum: 2422.7, SumSq: 134698.29}
	interval := func(name string, e Effect, best, value, low, high, half float64) {
		t.Helper()
		w := e.Sequence(0.05, best)
		near(t, name, e.Value, value, half)
		near(t, name+", lower limit", e.Value-w, low, half)
		near(t, name+", upper limit", e.Value+w, high, half)
	}
	e := Relative(a, b)
	interval("relative lift", e, 1000, 0.50336, -0.55844, 1.56516, 5e-6)
	near(t, "its error", e.Error, 0.33341, 5e-6)
	near(t, "its p-value", e.SequenceP(0.05, 1000), 1, 0)
	low, p := e.Greater(0.05)
	near(t, "one-sided, relative", e.Value, 0.503361, 5e-7)
	near(t, "its lower limit", low, -0.0451367, 5e-8)
	near(t, "its p-value", p, 0.0655826, 5e-8)
	e = Absolute(a, b)
	low, p = e.Greater(0.05)
	near(t, "one-sided, absolute", e.Value, 0.2343767, 5e-8)
	near(t, "its lower limit", low, 0.0207915, 5e-8)
	near(t, "its p-value", p, 0.0355427, 5e-8)
	e = Relative(Proportion(1396, 3000), Proportion(2422, 3461))
	interval("proportions", e, 5000, 0.50386, 0.40098, 0.60675, 5e-6)
	near(t, "its error", e.Error, 0.03386, 5e-6)
	adjusted := Relative(Adjust(
		Adjusted{a, Arm{N: 3000, Sum: 16.87, SumSq: 527.9767}, 1},
		Adjusted{b, Arm{N: 3461, Sum: 22.7, SumSq: 1348.29}, 1},
	))
	interval("CUPED", adjusted, 5000, 0.50338, -0.50969, 1.51646, 5e-6)
}

// Likewise the sample ratio test of ssrm, and the Wald limit.
//
// req: CD-03
func TestCountsAgreeWithSSRM(t *testing.T) {
	t.Parallel()
	free, fixed := Multinomial([]float64{2, 2, 1}, []float64{0.4, 0.4, 0.2}, []float64{1, 1, 1})
	near(t, "the marginal of free shares", free, -6.4457198, 5e-8)
	near(t, "the marginal of the given shares", fixed, -5.2746008, 5e-8)
	near(t, "the Wald limit", math.Round(judge.WaldLimit(0.01, 0.02, 0.05, 0.01)), 1256, 0)
}

// Likewise the verdicts of Kayenta that are in its issues and in its tests.
//
// req: CD-03
func TestRanksAgreeWithKayenta(t *testing.T) {
	t.Parallel()
	many := func(n int, of float64, m int, other float64) []float64 {
		return append(slices.Repeat([]float64{of}, n), slices.Repeat([]float64{other}, m)...)
	}
	for _, test := range []struct {
		name           string
		canary, stable []float64
		want           Verdict
	}{
		{"spinnaker#6278, seven of ten", many(7, 100, 3, 1), many(10, 1, 0, 0), Pass},
		{"spinnaker#6278, eight of ten", many(8, 100, 2, 1), many(10, 1, 0, 0), High},
		{"kayenta#426", []float64{0, 1, 2, 1, 0, 0}, many(6, 0, 0, 0), Pass},
		{"the suite", []float64{20, 22, 21, 25, 30}, []float64{1, 2.2, 1.1, 2.5, 3}, High},
		{"the suite, turned", []float64{1, 2.2, 1.1, 2.5, 3}, []float64{20, 22, 21, 25, 30}, Low},
	} {
		if got := MannWhitney(test.canary, test.stable, 0.98, 0.25); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// What is promised holds in a small world: neither Above nor Below ever reaches 20 more often than once in twenty, and
// both find what is there.
func TestOneVersionAgainstAKnownRate(t *testing.T) {
	t.Parallel()
	const runs = 400
	for _, test := range []struct {
		rate   float64
		above  bool
		most   int // of the runs in which it ever reaches 20
		atMost bool
	}{{0.02, true, 34, true}, {0.02, false, 34, true}, {0.06, true, 390, false}, {0.005, false, 390, false}} {
		reached := 0
		for seed := range uint64(runs) {
			rng := rand.New(rand.NewPCG(seed, 3))
			bad := uint64(0)
			for n := uint64(1); n <= 2000; n++ {
				if rng.Float64() < test.rate {
					bad++
				}
				l := Below(n, bad, 0.02)
				if test.above {
					l = Above(n, bad, 0.02)
				}
				if l >= math.Log(20) {
					reached++
					break
				}
			}
		}
		if test.atMost && reached > test.most || !test.atMost && reached < test.most {
			t.Errorf("at %g, above %t: %d of %d reach it, the line is %d", test.rate, test.above, reached, runs, test.most)
		}
	}
	if Above(0, 0, 0.1) != 0 || Below(0, 0, 0.1) != 0 || Below(10, 0, 0) != 0 || Below(10, 0, math.NaN()) != 0 {
		t.Error("evidence from nothing")
	}
	if n := MoreTrials(0, math.Log(20), 0.01, 0.022); n < 600 || n > 900 {
		t.Errorf("%d trials", n)
	}
}

// What is written as a special function is one: against closed forms and each other.
func TestSpecialFunctions(t *testing.T) {
	t.Parallel()
	for _, x := range []float64{0.1, 0.7, 1.5, 4, 30} {
		near(t, "P(1,x)", math.Exp(lowerGamma(1, x)), -math.Expm1(-x), 1e-14)
		near(t, "Q(2,x)", math.Exp(upperGamma(2, x)), (1+x)*math.Exp(-x), 1e-14)
		near(t, "P(1/2,x)", math.Exp(lowerGamma(0.5, x)), math.Erf(math.Sqrt(x)), 1e-14)
	}
	for _, x := range []float64{0.02, 0.3, 0.5, 0.81, 0.99} {
		near(t, "B(1,3)", math.Exp(logIncompleteBeta(1, 3, x)), (1-math.Pow(1-x, 3))/3, 1e-14)
		near(t, "B(3,1)", math.Exp(logIncompleteBeta(3, 1, x)), x*x*x/3, 1e-14)
	}
	near(t, "zeta(2)", zeta(2), math.Pi*math.Pi/6, 1e-13)
	near(t, "zeta(1.4)", zeta(1.4), 3.1055472779775815, 1e-12)
	near(t, "Student's t, one degree", student(1, 1), 0.75, 1e-14)
	near(t, "Student's t, many degrees", studentQuantile(0.975, 1e7), 1.95996, 1e-5)
}
