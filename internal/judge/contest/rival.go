package contest

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge"
)

// A rival is another way to decide, as it is published, on the same ticks: it says whether it would roll back now.
type rival interface {
	tick(t *judge.Tick) bool
}

// sums are what most rivals look at: totals since the start.
type sums struct{ nc, ns, c, s float64 }

func (x *sums) add(t *judge.Tick) {
	x.nc += float64(t.Canary.Requests)
	x.ns += float64(t.Stable.Requests)
	x.c += float64(t.Canary.Errors)
	x.s += float64(t.Stable.Errors)
}

// z is the pooled two-sample statistic.
func (x *sums) z() float64 {
	if x.nc < 30 || x.ns < 30 {
		return 0
	}
	p := (x.c + x.s) / (x.nc + x.ns)
	se := math.Sqrt(p * (1 - p) * (1/x.nc + 1/x.ns))
	if !(se > 0) {
		return 0
	}
	return (x.c/x.nc - x.s/x.ns) / se
}

// thresholds is the judge of Flagger's examples: each minute the canary's success rate must be 99 %; five failed
// checks, never forgotten, roll back.
type thresholds struct {
	n, c   float64
	failed int
}

func (x *thresholds) tick(t *judge.Tick) bool {
	x.n += float64(t.Canary.Requests)
	x.c += float64(t.Canary.Errors)
	if (t.Second+1)%60 == 0 {
		if x.n == 0 || x.c/x.n > 0.01 {
			x.failed++
		}
		x.n, x.c = 0, 0
	}
	return x.failed >= 5
}

// peeking is a one-sided z test at 1 %, looked at every ten seconds.
type peeking struct{ sums }

func (x *peeking) tick(t *judge.Tick) bool {
	x.add(t)
	return (t.Second+1)%10 == 0 && x.z() > 2.326
}

// mannWhitney is the judge of Kayenta: every ten minutes a two-sided test at 98 % between the error rates of the
// minutes of both versions.
type mannWhitney struct {
	sums
	canary, stable []float64
}

func (x *mannWhitney) tick(t *judge.Tick) bool {
	x.add(t)
	if (t.Second+1)%60 == 0 {
		if x.nc > 0 && x.ns > 0 {
			x.canary, x.stable = append(x.canary, x.c/x.nc), append(x.stable, x.s/x.ns)
		}
		x.sums = sums{}
	}
	return (t.Second+1)%600 == 0 && x.higher()
}

// higher is the normal approximation with the correction for ties.
func (x *mannWhitney) higher() bool {
	n, m := float64(len(x.canary)), float64(len(x.stable))
	u := 0.0
	ties := map[float64]float64{}
	for _, a := range x.canary {
		ties[a]++
		for _, b := range x.stable {
			switch {
			case a > b:
				u++
			case a == b:
				u += 0.5
			}
		}
	}
	for _, b := range x.stable {
		ties[b]++
	}
	tied := 0.0
	for _, k := range ties {
		tied += k*k*k - k
	}
	all := n + m
	se := math.Sqrt(n * m / 12 * (all + 1 - tied/(all*(all-1))))
	return se > 0 && (u-n*m/2-0.5)/se > 2.326
}

// beta is the sequential multinomial test of Lindon and Malek: a Dirichlet (of two: a beta) mixture around the
// intended share against that share, where each failure falls; anew for each share, the evidence multiplied.
type beta struct{ v, c, k, kept float64 }

func (x *beta) tick(t *judge.Tick) bool {
	if t.Share != x.v {
		x.kept, x.v, x.c, x.k = x.kept+x.now(), t.Share, 0, 0
	}
	x.c += float64(t.Canary.Errors)
	x.k += float64(t.Canary.Errors + t.Stable.Errors)
	return x.c > x.k*x.v && x.kept+x.now() > math.Log(100)
}

func (x *beta) now() float64 {
	if x.k == 0 {
		return 0
	}
	const a0 = 20.0
	a, b := a0*x.v, a0*(1-x.v)
	l := func(y float64) float64 { g, _ := math.Lgamma(y); return g }
	return l(a+x.c) - l(a) + l(b+x.k-x.c) - l(b) - l(a+b+x.k) + l(a+b) - x.c*math.Log(x.v) - (x.k-x.c)*math.Log1p(-x.v)
}

// msprt is the sequential test of Statsig's documentation: a normal mixture over the difference of means, 5 %
// two-sided.
type msprt struct{ sums }

func (x *msprt) tick(t *judge.Tick) bool {
	x.add(t)
	if (t.Second+1)%10 != 0 || x.nc < 30 || x.c+x.s == 0 {
		return false
	}
	pc, ps := x.c/x.nc, x.s/x.ns
	variance := pc*(1-pc)/x.nc + ps*(1-ps)/x.ns
	tau := 1.96 * 1.96 * (pc*(1-pc) + ps*(1-ps)) / (x.nc + x.ns)
	d := pc - ps
	log := 0.5*math.Log(variance/(variance+tau)) + 0.5*d*d*tau/(variance*(variance+tau))
	return d > 0 && variance > 0 && log > math.Log(100)
}

// asymptotic is GrowthBook's one-sided asymptotic confidence sequence with N* = 5000 at 1 %.
type asymptotic struct{ sums }

func (x *asymptotic) tick(t *judge.Tick) bool {
	x.add(t)
	if (t.Second+1)%10 != 0 || x.nc < 30 || x.c+x.s < 5 {
		return false
	}
	pc, ps := x.c/x.nc, x.s/x.ns
	n := x.nc + x.ns
	se := math.Sqrt(pc*(1-pc)/x.nc + ps*(1-ps)/x.ns)
	const alpha = 0.02
	q := (-2*math.Log(alpha) + math.Log(1-2*math.Log(alpha))) / 5000
	half := se * math.Sqrt(n) * math.Sqrt(2*(n*q+1)/(n*n*q)*math.Log(1+math.Sqrt(n*q+1)/alpha))
	return pc-ps > half
}

// oracle knows the true ratio and nothing else: the likelihood ratio of one effect.
type oracle struct{ ratio, log float64 }

func (x *oracle) tick(t *judge.Tick) bool {
	c, k := float64(t.Canary.Errors), float64(t.Canary.Errors+t.Stable.Errors)
	x.log = x.log + c*math.Log(x.ratio) - k*math.Log1p(t.Share*(x.ratio-1))
	return x.log > math.Log(100)
}

// rivals are all but the oracle, by name.
func rivals() map[string]func() rival {
	return map[string]func() rival{
		"thresholds":   func() rival { return &thresholds{} },
		"mann-whitney": func() rival { return &mannWhitney{} },
		"peeking z":    func() rival { return &peeking{} },
		"multinomial":  func() rival { return &beta{} },
		"mSPRT":        func() rival { return &msprt{} },
		"asymptotic":   func() rival { return &asymptotic{} },
	}
}
