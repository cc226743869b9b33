package judge

import (
	"math"
	"testing"
)

// The reference: section 1.12 of the statistics, "ours, exact".
func TestBetsAreFair(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{0.01, 0.05, 0.25, 0.5, 0.9} {
		for _, rho := range []float64{1, 1.05, 1.25} {
			w := null(v, rho)
			for _, k := range []int{1, 2, 7, 40} {
				var mean, meanLinear [accounts]float64
				for c := range k + 1 {
					p := math.Exp(choose(uint64(k), uint64(c)) + float64(c)*math.Log(w) + float64(k-c)*math.Log1p(-w))
					var gain [accounts]float64
					likelihood(&gain, float64(c), float64(k), w)
					for i, g := range gain {
						mean[i] += p * math.Exp(g)
					}
					linear(&gain, float64(c), float64(k), w)
					for i, g := range gain {
						meanLinear[i] += p * g
					}
				}
				for i := range mean {
					if mean[i] > 1+1e-9 || meanLinear[i] > 1+1e-9 {
						t.Errorf("v %g rho %g k %d account %d: means %.12f and %.12f exceed 1", v, rho, k, i, mean[i], meanLinear[i])
					}
				}
			}
		}
	}
}

func TestLinearBetIsFairForOneCluster(t *testing.T) {
	t.Parallel()
	const w, k = 0.05, 20.0 // all failures on one version: the canary with chance w
	var on, off [accounts]float64
	linear(&on, k, k, w)
	linear(&off, 0, k, w)
	for i := range on {
		if mean := w*on[i] + (1-w)*off[i]; math.Abs(mean-1) > 1e-12 {
			t.Errorf("account %d: mean %.15f, want 1", i, mean)
		}
	}
}

func TestOneFailureBetsAlikeBothWays(t *testing.T) {
	t.Parallel()
	var a, b [accounts]float64
	for _, c := range []float64{0, 1} {
		likelihood(&a, c, 1, 0.06)
		linear(&b, c, 1, 0.06)
		for i := range a {
			if math.Abs(math.Exp(a[i])-b[i]) > 1e-12 {
				t.Errorf("c %g account %d: %g and %g", c, i, a[i], b[i])
			}
		}
	}
}

func TestWealthNeverComesFromNowhere(t *testing.T) {
	t.Parallel()
	w := newWealth()
	w.settle()
	if math.Abs(w.total-1) > 1e-12 {
		t.Errorf("the wealth begins with %g, want 1", w.total)
	}
	for range payments + 5 {
		w.payIn()
		if math.Abs(w.total-1) > 1e-9 {
			t.Fatalf("paying in changed the wealth to %g", w.total)
		}
	}
	if w.reserve != 0 {
		t.Errorf("the reserve is %g after all instalments", w.reserve)
	}
	for range 3 {
		w.betLog(&[accounts]float64{1e300, 500, -1e300})
		if !(w.total > 0 && w.total <= richest) {
			t.Errorf("the wealth is %g", w.total)
		}
	}
}

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

func TestChance(t *testing.T) {
	t.Parallel()
	one := func(nc, c, ns, s uint64, share float64) OldTick {
		return OldTick{Share: share, Canary: OldArm{Requests: nc, Errors: c}, Stable: OldArm{Requests: ns, Errors: s}}
	}
	tests := []struct {
		name     string
		ticks    []OldTick
		from, to float64
	}{
		{"nothing", nil, 1, 1},
		{"no failure", []OldTick{one(10, 0, 90, 0, 0.1)}, 1, 1},
		{"its part", []OldTick{one(10, 1, 90, 9, 0.1)}, 1, 1},
		{"all ten on a tenth", []OldTick{one(10, 10, 90, 0, 0.1)}, 1e-10, 1.01e-10},
		{"no stable side", []OldTick{one(100, 100, 0, 0, 0.1)}, 1, 1},
		{"some more", []OldTick{one(50, 8, 50, 2, 0.5)}, 56.0 / 1024, 0.2}, // the exact binomial tail, and no more than loose
	}
	for _, test := range tests {
		if got := Chance(test.ticks); got < test.from*(1-1e-9) || got > test.to*(1+1e-9) {
			t.Errorf("%s: %g, want %g to %g", test.name, got, test.from, test.to)
		}
	}
	// The share is raised from 5 to 25 % as an outage begins: in sum 250 of 1,300 against 760 of 6,700.
	var outage []OldTick
	for range 20 {
		outage = append(outage, one(5, 0, 95, 1, 0.05))
	}
	for range 20 {
		outage = append(outage, one(25, 10, 75, 30, 0.25))
	}
	if got := Chance(outage); got != 1 {
		t.Errorf("an outage at a change of the share has the chance %g, want 1", got)
	}
}

func TestLogRatios(t *testing.T) {
	t.Parallel()
	for i, r := range ratios() {
		if got := logRatios()[i]; math.Abs(got-math.Log(r)) > 1e-15 {
			t.Errorf("ln %g is %v, want %v", r, got, math.Log(r))
		}
	}
}
