package num

import (
	"math"
	"math/rand/v2"
	"testing"
)

// off says how far got is from want, as a part of it.
func off(got, want float64) float64 {
	if got == want || got != got && want != want {
		return 0
	}
	return math.Abs(got-want) / math.Abs(want)
}

func TestTheyAreRight(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 8))
	worst := map[string]float64{}
	try := func(name string, got, want float64) { worst[name] = max(worst[name], off(got, want)) }
	for range 200_000 {
		x := math.Exp(1400*rng.Float64() - 700)
		try("log", Log(x), math.Log(x))
		x = 0.5 + rng.Float64()
		try("log", Log(x), math.Log(x))
		x = math.Exp(-40 * rng.Float64())
		try("log1p", Log1p(x), math.Log1p(x))
		try("log1p", Log1p(-x*0.999), math.Log1p(-x*0.999))
		try("expm1", Expm1(x), math.Expm1(x))
		try("expm1", Expm1(-x), math.Expm1(-x))
		x = 1410*rng.Float64() - 700
		try("exp", Exp(x), math.Exp(x))
		x = math.Exp(30 * rng.Float64())
		want, _ := math.Lgamma(x)
		worst["lgamma"] = max(worst["lgamma"], math.Abs(Lgamma(x)-want)/max(math.Abs(want), 1))
	}
	for name, most := range map[string]float64{
		"log": 5e-16, "log1p": 5e-16, "expm1": 1e-15, "exp": 5e-16, "lgamma": 2e-14,
	} {
		if worst[name] > most {
			t.Errorf("%s is off by %.2g, at most %.2g", name, worst[name], most)
		}
	}
	for i := 1; i < 2000; i++ {
		u := float64(i) / 2000
		if want := math.Sqrt2 * math.Erfinv(2*u-1); math.Abs(Quantile(u)-want) > 2e-13 {
			t.Errorf("the quantile at %g is %.17g, want %.17g", u, Quantile(u), want)
		}
	}
}

func TestTheEndsOfTheScale(t *testing.T) {
	t.Parallel()
	inf, nan := math.Inf(1), math.NaN()
	for _, test := range []struct {
		name      string
		got, want float64
	}{
		{"log 0", Log(0), -inf}, {"log -1", Log(-1), nan}, {"log inf", Log(inf), inf}, {"log nan", Log(nan), nan},
		{"log least", Log(5e-324), -744.4400719213812}, {"log 1", Log(1), 0}, {"log1p -1", Log1p(-1), -inf},
		{"log1p -2", Log1p(-2), nan}, {"exp 0", Exp(0), 1}, {"exp inf", Exp(inf), inf}, {"exp -inf", Exp(-inf), 0},
		{"exp nan", Exp(nan), nan}, {"exp 1e9", Exp(1e9), inf}, {"exp -1e9", Exp(-1e9), 0},
		{"expm1 -inf", Expm1(-inf), -1}, {"logadd", LogAdd(-inf, -inf), -inf}, {"logadd 0", LogAdd(0, -inf), 0},
		{"lgamma 0", Lgamma(0), inf}, {"quantile", Quantile(0.5), 0}, {"choose", Choose(5, 5), 0},
	} {
		if off(test.got, test.want) > 1e-13 && math.Abs(test.got-test.want) > 1e-14 {
			t.Errorf("%s: %g, want %g", test.name, test.got, test.want)
		}
	}
	for _, x := range []float64{709.7, -708.3, -720, -744} { // near what can be told from 0 and from infinity
		if off(Exp(x), math.Exp(x)) > 0.2 || x > -709 && off(Exp(x), math.Exp(x)) > 1e-15 {
			t.Errorf("exp %g is %g, want %g", x, Exp(x), math.Exp(x))
		}
	}
}

func BenchmarkExp(b *testing.B) {
	x, s := 0.0, 0.0
	for b.Loop() {
		x += 0.001
		if x > 50 {
			x = -50
		}
		s += Exp(x)
	}
	_ = s
}

func BenchmarkLog(b *testing.B) {
	x, s := 0.5, 0.0
	for b.Loop() {
		x += 0.001
		s += Log(x)
	}
	_ = s
}
