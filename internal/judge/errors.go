package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// The effects that errors are bet on beyond the tolerance, and what each is given at the start: chosen so that a
// doubled rate costs least, measured with the contest's worlds on seeds of its own.
func effects() [accounts]float64 { return [accounts]float64{1.15, 1.3, 1.6, 2, 3, 5, 10, 30, 100} }
func stakes() [accounts]float64 {
	return [accounts]float64{.02, .04, .10, .25, .20, .16, .15, .05, .03}
}

// staked is bet from the start; the rest is paid in by the minute: the mixture over the times at which a regression
// may begin.
const (
	accounts = 9
	payments = 45
	staked   = 0.82
	// Accounts from this one on are withdrawn when there are too few failures for them, not before so much speaks for
	// that (a natural logarithm).
	firstGross = 6
	patience   = 2
)

// What is asked whether it is ruled out: so many times as many errors (statistics: section 2.6), and how much the
// linear bets stake on each.
func ladder() [4]float64   { return [4]float64{10, 5, 3, 2} }
func boldness() [4]float64 { return [4]float64{.15, .35, .65, .95} }

// A burst is a bad instance, or a bad moment of a few visitors: for some seconds a part of the visitors as large as
// one slice fails so many times as often. States of a filter: calm, a burst of some height among the canary's
// visitors, or among those of the stable version.
const (
	heights = 7
	states  = 1 + 2*heights
	patch   = 1.0 / Slices // the part of all visitors that a burst hits
)

func height() [heights]float64 { return [heights]float64{3, 6, 12, 25, 60, 150, 500} }

// The versions of the world that are weighed against each other: the tolerated one (no worse than the tolerance), one
// for each effect, equal versions, and one for each rung of the ladder.
const (
	tolerated = 0
	firstBet  = 1
	equal     = firstBet + accounts
	firstRung = equal + 1
	worlds    = firstRung + 4
)

// filter says how likely each state is, given what was seen, in one world.
type filter [states]float64

// errorEvidence bets on the version on which failed visitors land (statistics: section 2.2), with a null hypothesis
// that knows bursts: in each world a small hidden Markov model says how likely c of k failures are on the canary, and
// an account grows by the ratio of its world's answer to the tolerated world's. Each answer is a probability over c
// given k and the past, so under the tolerated world no account grows on average.
type errorEvidence struct {
	rho     float64 // tolerated ratio
	slack   float64
	linear  bool
	block   int64   // seconds of a block in linear mode
	hazard  float64 // bursts a second in one slice
	leave   float64 // chance a second that a burst ends
	filters [worlds]filter
	ratio   [worlds]float64

	share   float64                 // that the tables belong to
	up      [worlds][states]float64 // ln of the ratio of failure rates, by world and state
	down    [worlds][states]float64 // ln(1 + v (ratio - 1))
	wealth  [accounts]float64
	reserve float64
	paid    int
	trust   [accounts]float64 // how much longer an account of a gross effect may stay without it
	each    float64           // seconds between two payments
	since   float64           // seconds since the start

	safety [4]float64 // ln of the evidence that the rung is ruled out
	quiet  float64    // likewise that the canary fails less often than the slack, whatever the stable version does

	blk struct {
		c, k, v float64
		from    int64
		open    bool
	}
	logE, maxLogE float64

	cells [shareCells]shareCell // failures by share, for the interval
	used  int
	known bounds
}

// shareCell sums failures under one share: all that counts for the interval of the ratio.
type shareCell struct{ v, c, k float64 }

const shareCells = 24

func newErrorEvidence(s Settings) errorEvidence {
	e := errorEvidence{
		rho: 1 + max(s.WorseErrors, 0), slack: s.Slack, reserve: 1 - staked,
		each: max(s.Horizon.Seconds()*0.75/payments, 1), share: math.NaN(),
	}
	for i, q := range stakes() {
		e.wealth[i] = staked * q
		e.trust[i] = patience
	}
	for i := range e.filters {
		e.filters[i][0] = 1
	}
	e.ratio[tolerated], e.ratio[equal] = e.rho, 1
	for i, r := range effects() {
		e.ratio[firstBet+i] = e.rho * r
	}
	for i, r := range ladder() {
		e.ratio[firstRung+i] = r
	}
	e.learn(s.Background)
	return e
}

// learn takes what the placebo slices say. Two bursts more than were seen are supposed, so that the first one ever
// fools nobody.
func (e *errorEvidence) learn(b Background) {
	hours := float64(b.Seconds) / 3600
	if !b.Sliced {
		hours = 3
	}
	// An hour, among all visitors; doubled, because there were few to learn from.
	rate := 2 * (float64(b.Bursts) + 1) / (hours + 1)
	e.hazard = min(rate, 60) / 3600 / Slices
	mean := 20.0
	if b.Bursts >= 3 && b.BurstSeconds > 0 {
		mean = min(max(b.BurstSeconds, 25), 60)
	}
	e.leave = -num.Expm1(-1 / mean)
	e.linear, e.block = b.Mode == Linear, min(max(b.Block, 5), 600)
}

// prepare fills the tables for a share.
func (e *errorEvidence) prepare(v float64) {
	if v == e.share {
		return
	}
	e.share = v
	for i := range e.ratio {
		e.prepareWorld(i)
	}
}

func (e *errorEvidence) prepareWorld(i int) {
	v, r := e.share, e.ratio[i]
	set := func(s int, x float64) {
		e.up[i][s], e.down[i][s] = num.Log(x), num.Log1p(float64(v*(x-1)))
	}
	set(0, r)
	for h, b := range height() {
		set(1+h, r+float64((b-1)*min(1, patch/v)))
		set(1+heights+h, r/(1+float64((b-1)*min(1, patch/(1-v)))))
	}
}

// move lets seconds pass in a filter.
func (e *errorEvidence) move(f *filter, seconds float64) {
	out := e.leave
	hc, hs := float64(e.hazard*e.share*Slices), float64(e.hazard*(1-e.share)*Slices)
	if seconds != 1 {
		out = -num.Expm1(seconds * num.Log1p(-e.leave))
		hc, hs = min(hc*seconds, 0.3), min(hs*seconds, 0.3)
	}
	calm, back := f[0], 0.0
	for s := 1; s < states; s++ {
		gone := float64(f[s] * out)
		back += gone
		f[s] -= gone
	}
	f[0] = float64(calm*(1-hc-hs)) + back
	for h := range heights {
		f[1+h] += float64(calm * hc / heights)
		f[1+heights+h] += float64(calm * hs / heights)
	}
}

// likely updates a filter with c of k failures and returns the logarithm of how likely they were, up to what all
// worlds share.
func (e *errorEvidence) likely(i int, c, k float64) float64 {
	f := &e.filters[i]
	var l [states]float64
	top := math.Inf(-1)
	for s := range l {
		l[s] = float64(c*e.up[i][s]) - float64(k*e.down[i][s])
		if f[s] > 0 {
			top = max(top, l[s])
		}
	}
	sum := 0.0
	for s := range l {
		f[s] = float64(f[s] * num.Exp(l[s]-top))
		sum += f[s]
	}
	if !(sum > 0) || math.IsInf(top, 0) {
		*f = filter{1}
		return l[0]
	}
	for s := range f {
		f[s] /= sum
	}
	return top + num.Log(sum)
}

// pass lets time go by and pays in.
func (e *errorEvidence) pass(seconds float64) {
	e.since += seconds
	for e.paid < payments && e.since >= float64(float64(e.paid+1)*e.each) {
		part := e.reserve / float64(payments-e.paid)
		e.paid++
		e.reserve -= part
		for i, q := range stakes() {
			e.wealth[i] += float64(part * q)
		}
	}
}

// tick bets on c failures on the canary of k on both, its share of visitors being v, nc its requests, n those of both
// and ps the stable version's rate, known beforehand. Off says that the visitors are not split as intended: nothing
// is held in the canary's favor then.
func (e *errorEvidence) tick(second int64, width float64, v float64, off bool, c, k, nc, n, ps float64) {
	e.pass(width)
	e.prepare(v)
	e.rungs(ps)
	before := e.safety
	if e.linear {
		e.linearTick(second, v, c, k)
	} else {
		e.filteredTick(width, c, k)
	}
	e.quietly(c, nc)
	e.withdraw(k, n, ps)
	if k > 0 {
		e.note(v, c, k)
	}
	if off {
		for i := range e.safety {
			e.safety[i] = min(e.safety[i], before[i])
		}
	}
	e.renew()
}

// withdraw takes back what is bet on gross effects when failures are too few for them: where hardly anything fails,
// whom the failures fall on says nothing for long, but that there are hardly any does. A failing canary would have
// shown more of them. Moving money between accounts wins and loses nothing, so the bets stay fair whatever ps is;
// what is taken back is bet again later.
func (e *errorEvidence) withdraw(k, n, ps float64) {
	if e.linear || !(ps > 0) || e.share != e.share {
		return
	}
	for i := firstGross; i < accounts; i++ {
		more := float64(e.share * (e.ratio[firstBet+i] - 1))
		e.trust[i] = min(e.trust[i]+float64(k*num.Log1p(more))-float64(n*ps*more), patience)
		if e.trust[i] < 0 {
			kept := float64(e.wealth[i] * num.Exp(e.trust[i]))
			e.reserve += e.wealth[i] - kept
			e.wealth[i], e.trust[i] = kept, 0
		}
	}
}

func (e *errorEvidence) filteredTick(width, c, k float64) {
	for i := range e.filters {
		e.move(&e.filters[i], width)
	}
	if k == 0 {
		return
	}
	null := e.likely(tolerated, c, k)
	for i := range e.wealth {
		e.wealth[i] = scaled(e.wealth[i], e.likely(firstBet+i, c, k)-null)
	}
	same := e.likely(equal, c, k)
	for i := range e.safety {
		e.safety[i] = bounded(e.safety[i] + same - e.likely(firstRung+i, c, k))
	}
}

// linearTick collects a block, and bets when it is full: 1 - f + f (c/k)/w is fair under any dependence within the
// block, because it is linear in c and the mean of c is at most k w.
func (e *errorEvidence) linearTick(second int64, v, c, k float64) {
	b := &e.blk
	if b.open && (second >= b.from+e.block || v != b.v) {
		e.closeBlock()
	}
	if !b.open {
		b.open, b.from, b.v, b.c, b.k = true, second, v, 0, 0
	}
	b.c += c
	b.k += k
}

func (e *errorEvidence) closeBlock() {
	b := &e.blk
	b.open = false
	if b.k == 0 {
		return
	}
	w := share(b.v, e.rho)
	x := b.c/float64(b.k*w) - 1
	for i, r := range effects() {
		f := w * (r - 1) / (1 + float64(w*(r-1)))
		e.wealth[i] = scaled(e.wealth[i], num.Log1p(float64(f*x)))
	}
	bold := boldness()
	for i := range e.safety {
		wb := share(b.v, e.ratio[firstRung+i])
		g := bold[i] * min(1, wb/(1-wb))
		e.safety[i] = bounded(e.safety[i] + num.Log1p(float64(g*(1-b.c/float64(b.k*wb)))))
	}
}

// share is the part of the failures that falls on a canary with the part v of the visitors and the ratio r.
func share(v, r float64) float64 { return v * r / (float64(v*r) + 1 - v) }

// rungs moves the ladder's worlds with the stable version's rate: the slack counts for more where errors are rare.
func (e *errorEvidence) rungs(ps float64) {
	for i, r := range ladder() {
		want := r + e.slack/max(ps, 1e-5)
		if have := e.ratio[firstRung+i]; want > have*1.02 || want < have/1.02 {
			e.ratio[firstRung+i] = want
			e.prepareWorld(firstRung + i)
		}
	}
}

// quietly weighs "the canary fails at the slack or more" against "at a tenth of it": what can be said where nothing
// fails.
func (e *errorEvidence) quietly(c, nc float64) {
	if e.slack <= 0 {
		return
	}
	q, a := e.slack, e.slack/10
	e.quiet = bounded(e.quiet + float64(max(nc-c, 0)*(num.Log1p(-a)-num.Log1p(-q))) + float64(c*num.Log(a/q)))
}

func (e *errorEvidence) renew() {
	sum := e.reserve
	for _, w := range e.wealth {
		sum += w
	}
	e.logE = num.Log(min(max(sum, poorest), richest))
	e.maxLogE = max(e.maxLogE, e.logE)
}

// note keeps the sums for the interval.
func (e *errorEvidence) note(v, c, k float64) {
	e.known.old = true
	for i := range e.used {
		if e.cells[i].v == v {
			e.cells[i].c += c
			e.cells[i].k += k
			return
		}
	}
	i := e.used
	if i == shareCells {
		i-- // more shares than a ladder has: the last cell takes the mean
		x := &e.cells[i]
		x.v = (float64(x.v*x.k) + float64(v*k)) / (x.k + k)
		x.c += c
		x.k += k
		return
	}
	e.cells[i] = shareCell{v, c, k}
	e.used++
}

// best is the effect that the accounts hold most likely, as a ratio of rates: the mean under the wealth.
func (e *errorEvidence) best() float64 {
	sum, at := 0.0, 0.0
	for i, r := range effects() {
		sum += e.wealth[i]
		at += float64(e.wealth[i] * num.Log(r))
	}
	if !(sum > 0) {
		return e.rho
	}
	return e.rho * num.Exp(at/sum)
}

// maxLog bounds every logarithm, and richest every wealth: enough for any decision, far from overflow. What falls
// below poorest is given up, which is always fair.
const (
	maxLog  = 600
	richest = 1e260
	poorest = 1e-290
)

// scaled is wealth times e^gain, bounded.
func scaled(w, gain float64) float64 {
	w = min(w*num.Exp(min(max(gain, -maxLog), maxLog)), richest)
	if !(w > poorest) {
		return 0
	}
	return w
}

func bounded(l float64) float64 {
	if math.IsNaN(l) {
		return 0
	}
	return min(max(l, -maxLog), maxLog)
}
