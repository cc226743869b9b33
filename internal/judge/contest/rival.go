package contest

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/judge/anytime"
)

// A rival is another way to decide, as it is published, on the same ticks: it says whether it would roll back now. All
// are held to a one-sided error of 1 %. The statistics that they rest on are those of the room anytime, which
// reproduces the published values of each.
type rival interface {
	tick(t *judge.Tick) bool
}

// level is the one-sided error that every rival promises.
const level = 0.01

// rivals are all but the oracle, by name: J1 to J5, J7 and J8 of the statistics, section 1.2.
func rivals() map[string]func() rival {
	return map[string]func() rival{
		"thresholds":       func() rival { return &thresholds{} },
		"mann-whitney":     func() rival { return &mannWhitney{} },
		"peeking z":        func() rival { return &peeking{} },
		"multinomial":      func() rival { return &multinomial{} },
		"multinomial grid": func() rival { return newGrid() },
		"sequential KS":    func() rival { return &smirnov{} },
		"mSPRT":            func() rival { return &msprt{} },
		"asymptotic":       func() rival { return &asymptotic{} },
	}
}

// side is one version's sums: of requests and failures, and of durations.
type side struct {
	n, bad float64
	lat    anytime.Arm
	bins   [88]float64
}

func (x *side) add(a *judge.Arm) {
	x.n += float64(a.Requests)
	x.bad += float64(a.Errors)
	b := bins()
	for i, k := range a.Latency {
		if k == 0 {
			continue
		}
		ms := b.Low * math.Pow(b.Ratio, float64(i)+0.5)
		x.lat.N += float64(k)
		x.lat.Sum += ms * float64(k)
		x.lat.SumSq += ms * ms * float64(k)
		x.bins[i] += float64(k)
	}
}

// errors are the failures as the values 0 and 1.
func (x *side) errors() anytime.Arm { return anytime.Arm{N: x.n, Sum: x.bad, SumSq: x.bad} }

// both are sums since the start, which is what most rivals look at.
type both struct{ canary, stable side }

func (x *both) add(t *judge.Tick) {
	x.canary.add(&t.Canary)
	x.stable.add(&t.Stable)
}

// enough says whether a normal approximation may be asked.
func (x *both) enough() bool { return x.canary.n >= 30 && x.stable.n >= 30 }

// every says whether a look is due at the end of a tick.
func every(seconds int64, t *judge.Tick) bool { return (t.Second+1)%seconds == 0 }

// thresholds is J1, the judge of Flagger's examples: each minute the canary's success rate must be 99 % and its p99 at
// most 500 ms; a failed check of either is counted and never forgotten, and five roll back. No traffic is a failed
// check.
type thresholds struct {
	minute side
	failed int
}

func (x *thresholds) tick(t *judge.Tick) bool {
	x.minute.add(&t.Canary)
	if every(60, t) {
		m := &x.minute
		if m.n == 0 || m.bad/m.n > 0.01 || m.quantile(0.99) > 500 {
			x.failed++
		}
		x.minute = side{}
	}
	return x.failed >= 5
}

// quantile is the middle of the bin in which it lies; 0 when there are no durations.
func (x *side) quantile(q float64) float64 {
	b, left := bins(), q*x.lat.N
	for i, k := range x.bins {
		if left -= k; k > 0 && left <= 0 {
			return b.Low * math.Pow(b.Ratio, float64(i)+0.5)
		}
	}
	return 0
}

// mannWhitney is J2, the judge of Kayenta: every ten minutes the minutes' error rates and mean durations of both
// versions, as its Netflix judge compares them.
type mannWhitney struct {
	minute both
	series [2][2][]float64 // errors, durations; canary, stable
}

func (x *mannWhitney) tick(t *judge.Tick) bool {
	x.minute.add(t)
	if every(60, t) {
		c, s := &x.minute.canary, &x.minute.stable
		if c.n > 0 && s.n > 0 {
			x.note(0, c.bad/c.n, s.bad/s.n)
		}
		if c.lat.N > 0 && s.lat.N > 0 {
			x.note(1, c.lat.Mean(), s.lat.Mean())
		}
		x.minute = both{}
	}
	if !every(600, t) {
		return false
	}
	for _, m := range x.series {
		if anytime.MannWhitney(m[0], m[1], 1-2*level, 0.25) == anytime.High {
			return true
		}
	}
	return false
}

func (x *mannWhitney) note(metric int, c, s float64) {
	x.series[metric][0] = append(x.series[metric][0], c)
	x.series[metric][1] = append(x.series[metric][1], s)
}

// peeking is J3: one-sided z tests of the error rate and the mean duration since the start, every ten seconds.
type peeking struct{ both }

func (x *peeking) tick(t *judge.Tick) bool {
	x.add(t)
	if !every(10, t) || !x.enough() {
		return false
	}
	c, s := &x.canary, &x.stable
	p := (c.bad + s.bad) / (c.n + s.n)
	z := (c.bad/c.n - s.bad/s.n) / math.Sqrt(p*(1-p)*(1/c.n+1/s.n))
	slow := anytime.Absolute(s.lat, c.lat)
	return z > 2.326 || slow.Value > 2.326*slow.Error
}

// multinomial is J4, the sequential test of Lindon and Malek: where each failure falls, under shares drawn from the
// uniform distribution against the intended ones. It begins anew with each share, and the evidence is multiplied.
type multinomial struct{ v, c, k, kept float64 }

func (x *multinomial) tick(t *judge.Tick) bool {
	if t.Share != x.v {
		x.kept, x.v, x.c, x.k = x.kept+x.now(), t.Share, 0, 0
	}
	x.c += float64(t.Canary.Errors)
	x.k += float64(t.Canary.Errors + t.Stable.Errors)
	return x.c > x.k*x.v && x.kept+x.now() > -math.Log(level)
}

func (x *multinomial) now() float64 {
	if x.k == 0 {
		return 0
	}
	free, fixed := anytime.Multinomial([]float64{x.c, x.k - x.c}, []float64{x.v, 1 - x.v}, []float64{1, 1})
	return free - fixed
}

// grid is J4r: the same test with a grid of ratios in the place of the drawn shares.
type grid struct{ log [9]float64 }

func gridRatios() [9]float64 { return [9]float64{1.15, 1.3, 1.6, 2, 3, 5, 10, 30, 100} }

func newGrid() *grid {
	x := &grid{}
	for i, q := range [9]float64{.05, .08, .14, .18, .18, .14, .11, .07, .05} {
		x.log[i] = math.Log(q)
	}
	return x
}

func (x *grid) tick(t *judge.Tick) bool {
	c, k, sum := float64(t.Canary.Errors), float64(t.Canary.Errors+t.Stable.Errors), 0.0
	for i, r := range gridRatios() {
		x.log[i] += c*math.Log(r) - k*math.Log1p(t.Share*(r-1))
		sum += math.Exp(x.log[i])
	}
	return sum > 1/level
}

// smirnov is J5, the sequential test of Kolmogorov and Smirnov by Howard and Ramdas: rolls back when the band around
// the canary's durations lies beyond that around the stable ones' anywhere. Each band takes half of the error.
type smirnov struct {
	both
	c float64 // of the band
}

func (x *smirnov) tick(t *judge.Tick) bool {
	x.add(t)
	const from = 100
	c, s := &x.canary, &x.stable
	if !every(5, t) || c.lat.N < from || s.lat.N < from {
		return false
	}
	if x.c == 0 {
		x.c = anytime.EmpiricalConstant(level, 0.85)
	}
	apart := anytime.EmpiricalBand(c.lat.N, from, 0.85, x.c) + anytime.EmpiricalBand(s.lat.N, from, 0.85, x.c)
	var fc, fs float64
	for i := range c.bins {
		fc, fs = fc+c.bins[i]/c.lat.N, fs+s.bins[i]/s.lat.N
		if fs-fc > apart {
			return true
		}
	}
	return false
}

// msprt is J7, the sequential test of Statsig's documentation: a normal mixture over the difference of means with the
// variance z²(var+var)/(N+N).
type msprt struct{ both }

func (x *msprt) tick(t *judge.Tick) bool {
	x.add(t)
	if !every(10, t) || !x.enough() {
		return false
	}
	c, s := x.canary.errors(), x.stable.errors()
	e := anytime.Absolute(s, c)
	const z = 2.326 // of a one-sided 1 %
	tau := z * z * (c.Variance() + s.Variance()) / (c.N + s.N)
	return e.Value > 0 && e.Error > 0 && e.MixtureRatio(tau) > -math.Log(level)
}

// asymptotic is J8, GrowthBook's one-sided asymptotic confidence sequence with N* = 5000.
type asymptotic struct{ both }

func (x *asymptotic) tick(t *judge.Tick) bool {
	x.add(t)
	if !every(10, t) || !x.enough() {
		return false
	}
	e := anytime.Absolute(x.stable.errors(), x.canary.errors())
	return e.Error > 0 && e.Value > e.OneSided(level, 5000)
}

// oracle is J0: it knows the true ratio and nothing else. The likelihood ratio of one effect.
type oracle struct{ ratio, log float64 }

func (x *oracle) tick(t *judge.Tick) bool {
	c, k := float64(t.Canary.Errors), float64(t.Canary.Errors+t.Stable.Errors)
	x.log = x.log + c*math.Log(x.ratio) - k*math.Log1p(t.Share*(x.ratio-1))
	return x.log > -math.Log(level)
}
