package judge

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestWaldLimitReference(t *testing.T) {
	t.Parallel()
	tests := []struct {
		p0, p1 float64
		want   float64
	}{
		{0.01, 0.02, 1256}, {0.01, 0.05, 123}, {0.01, 0.10, 36}, {0.001, 0.002, 12715},
		{0.05, 0.10, 238}, {0.01, 0.015, 4462},
	}
	for _, test := range tests {
		if got := WaldLimit(test.p0, test.p1, 0.05, 0.01); math.Abs(got-test.want) > 0.5 {
			t.Errorf("%g to %g: %.1f canary requests, want %g", test.p0, test.p1, got, test.want)
		}
	}
}

func TestExactTests(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		got, want float64
	}{
		{"binomial above", BinomialTail(9, 10, 0.5), 11.0 / 1024},
		{"binomial below", BinomialTail(1, 10, 0.5), 11.0 / 1024},
		{"none of 1000 at 5 %", BinomialTail(0, 1000, 0.05), math.Pow(0.95, 1000)},
		{"no chance", BinomialTail(3, 10, math.NaN()), 1},
	}
	for _, test := range tests {
		if math.Abs(test.got-test.want) > 1e-9*max(test.want, 1e-9) {
			t.Errorf("%s: %g, want %g", test.name, test.got, test.want)
		}
	}
	for _, x := range []uint64{0, 1 << 40, math.MaxUint64} {
		if p := BinomialTail(x, math.MaxUint64, 0.5); !(p >= 0 && p <= 1) {
			t.Errorf("%d of very many: %g", x, p)
		}
	}
}

// fallen is what fell on both versions in a span.
type fallen struct {
	share          float64
	canary, stable Failures
}

func chance(list []fallen) float64 {
	var o Odds
	o.Begin()
	for _, x := range list {
		o.Add(x.share, x.canary, x.stable)
	}
	return o.Chance()
}

func TestChance(t *testing.T) {
	t.Parallel()
	one := func(nc, c, ns, s uint64, share float64) fallen {
		return fallen{share, Failures{nc, c}, Failures{ns, s}}
	}
	tests := []struct {
		name     string
		list     []fallen
		from, to float64
	}{
		{"nothing", nil, 1, 1},
		{"no failure", []fallen{one(10, 0, 90, 0, 0.1)}, 1, 1},
		{"its part", []fallen{one(10, 1, 90, 9, 0.1)}, 1, 1},
		{"all ten on a tenth", []fallen{one(10, 10, 90, 0, 0.1)}, 1e-10, 1.01e-10},
		{"no stable side", []fallen{one(100, 100, 0, 0, 0.1)}, 1, 1},
		{"some more", []fallen{one(50, 8, 50, 2, 0.5)}, 56.0 / 1024, 0.2}, // the exact binomial tail, and no more than loose
	}
	for _, test := range tests {
		if got := chance(test.list); got < test.from*(1-1e-9) || got > test.to*(1+1e-9) {
			t.Errorf("%s: %g, want %g to %g", test.name, got, test.from, test.to)
		}
	}
	// The share is raised from 5 to 25 % as an outage begins: in sum 250 of 1,300 against 760 of 6,700.
	var outage []fallen
	for range 20 {
		outage = append(outage, one(5, 0, 95, 1, 0.05))
	}
	for range 20 {
		outage = append(outage, one(25, 10, 75, 30, 0.25))
	}
	if got := chance(outage); got != 1 {
		t.Errorf("an outage at a change of the share has the chance %g, want 1", got)
	}
}

// Where the canary had no more than its part nothing is looked for, and what is looked for would say the same.
func TestChanceOfNoMoreThanItsPartIsOne(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	var o Odds
	ones := 0
	for range 1500 {
		share, fails := []float64{0.01, 0.05, 0.1, 0.5, 0.99}[rng.IntN(5)], math.Pow(10, -4*rng.Float64())
		worse := 1.2 * rng.Float64()
		o.Begin()
		for range 1 + rng.IntN(400) {
			fall := func(n, p float64) Failures { return Failures{uint64(n), uint64(n*p + rng.Float64())} }
			n := 400 * rng.Float64()
			o.Add(share, fall(n*share, min(worse*fails, 1)), fall(n*(1-share), fails))
		}
		got, want := o.Chance(), o.least()
		if got != want {
			t.Fatalf("%g, want %g: the canary had %g, its part is %g", got, want, o.had, o.due)
		}
		if got == 1 {
			ones++
		}
	}
	if ones < 500 || ones > 1450 {
		t.Errorf("%d of 1500 are 1: too one-sided a test", ones)
	}
}

func TestBinomialUpper(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		k, n int
		want float64
	}{{0, 300, 0.00994}, {5, 300, 0.03468}, {15, 1500, 0.01538}, {3, 3, 1}} {
		if got := BinomialUpper(test.k, test.n); got < test.want-2e-4 || got > test.want+2e-4 {
			t.Errorf("%d of %d: %.5f, want %.5f", test.k, test.n, got, test.want)
		}
	}
}
