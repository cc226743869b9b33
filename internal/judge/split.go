package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// splitEvidence is a sequential test of whether new visitors are split as intended (statistics: section 2.8):
// beta-binomial mixtures of four concentrations around the intended share, averaged. It goes on across shares,
// because each share's visitors have their own.
type splitEvidence struct {
	v    float64
	c, n float64
	kept [4]float64
	now  [4]float64
}

func concentrations() [4]float64 { return [4]float64{1e2, 1e3, 1e4, 1e5} }

func newSplit() splitEvidence { return splitEvidence{v: math.NaN()} }

// add takes c new visitors of the canary of n new ones at share v.
func (s *splitEvidence) add(c, n, v float64) {
	if v != s.v {
		for i := range s.kept {
			s.kept[i] = bounded(s.kept[i] + s.now[i])
		}
		s.v, s.c, s.n, s.now = v, 0, 0, [4]float64{}
	}
	if n == 0 {
		return
	}
	s.c += c
	s.n += n
	for i, k := range concentrations() {
		s.now[i] = bounded(betaBinomial(s.c, s.n, v, k))
	}
}

// betaBinomial is the logarithm of the likelihood of c of n under a beta mixture around v of the given concentration,
// beside the one under v itself.
func betaBinomial(c, n, v, concentration float64) float64 {
	a, b := float64(v*concentration), float64((1-v)*concentration)
	return num.Lgamma(a+c) - num.Lgamma(a) + num.Lgamma(b+n-c) - num.Lgamma(b) - num.Lgamma(a+b+n) + num.Lgamma(a+b) -
		float64(c*num.Log(v)) - float64((n-c)*num.Log1p(-v))
}

// logE is the logarithm of the evidence against the intended split.
func (s *splitEvidence) logE() float64 {
	l := math.Inf(-1)
	for i := range s.now {
		l = num.LogAdd(l, s.kept[i]+s.now[i])
	}
	return bounded(l - num.Log(float64(len(s.now))))
}

// alarm says whether the split is wrong, sure to the level.
func (s *splitEvidence) alarm(level float64) bool { return s.logE() >= -num.Log(level) }

// troubles finds spans in which both versions were in trouble together: failures or slow answers of each at least
// three times their usual level for twenty seconds.
type troubles struct {
	long, short [2]struct{ k, n float64 } // decayed over ten minutes and over twenty seconds
	from        int64
	on          bool
	seconds     float64
	list        [maxSpans]Span
	used        int
}

const maxSpans = 12

func (x *troubles) tick(second int64, width float64, c, s Arm) {
	ks, kl := num.Exp(-width/20), num.Exp(-width/600)
	both := true
	for i, a := range [2]Arm{c, s} {
		sh, lo := &x.short[i], &x.long[i]
		sh.k = float64(sh.k*ks) + float64(a.Units)
		sh.n = float64(sh.n*ks) + float64(a.Requests)
		usual := 0.005
		if lo.n > 0 {
			usual = max(lo.k/lo.n, 0.001)
		}
		if !(sh.n > 0) || sh.k < 2 || sh.k/sh.n < 3*usual {
			both = false
		}
		if !x.on { // trouble does not become usual while it lasts
			lo.k = float64(lo.k*kl) + float64(a.Units)
			lo.n = float64(lo.n*kl) + float64(a.Requests)
		}
	}
	switch {
	case both && !x.on:
		x.on, x.from, x.seconds = true, second, 0
	case both:
		x.seconds += width
		if x.seconds >= 20 {
			x.keep(Span{From: x.from, To: second + int64(width), Why: "both versions failed more often than usual"})
		}
	case x.on:
		x.on = false
	}
}

// keep adds a span, or lengthens the last one.
func (x *troubles) keep(s Span) {
	if x.used > 0 && x.list[x.used-1].From == s.From {
		x.list[x.used-1].To = s.To
		return
	}
	if x.used == maxSpans {
		copy(x.list[:], x.list[1:])
		x.used--
	}
	x.list[x.used] = s
	x.used++
}
