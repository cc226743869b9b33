package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/burst"
	"github.com/slipwayhq/slipway/internal/judge/num"
)

// The effects that errors are bet on beyond the tolerance, and what each is given at the start: chosen so that a
// doubled rate costs least, measured with the contest's worlds on seeds of its own.
func effects() [accounts]float64 {
	return [accounts]float64{1.15, 1.35, 1.7, 2.1, 3, 5, 10, 24, 57, 143, 476}
}
func stakes() [accounts]float64 {
	return [accounts]float64{.01, .02, .14, .18, .08, .15, .34, .05, .02, .005, .005}
}

// later is likewise what each is given of what is paid in by the minute: what begins late has to be seen soon.
func later() [accounts]float64 { return [accounts]float64{.01, .02, .05, .24, .52, .12, .04} }

// sudden is likewise of what is paid in all the time: bets on gross effects are lost within seconds where there are
// none, so there must be new ones every second. Else the first burst that the null knows would explain them better.
func sudden() [accounts]float64 { return [accounts]float64{6: .2, .25, .25, .15, .15} }

// staked is bet from the start; the rest is paid in by the minute: the mixture over the times at which a regression
// may begin.
const (
	accounts = 11
	payments = 45
	staked   = 0.84
	trickle  = 0.07 // paid in all the time
	// Accounts from this one on are withdrawn when there are too few failures for them, not before so much speaks for
	// that (a natural logarithm).
	firstGross  = 6
	patience    = 2
	mostTrimmed = 12 // failures in a tick up to which no more than enough is bet on
	// Failures a second that are bet on; of more, as large a part of both versions. The heights of bursts are a few, and
	// the tolerated ratio is one: of enough failures any small step between them is seen, and the world that happens to
	// have one nearer is no better evidence. Part of what fell is less sure than all of it, never more; twenty a second
	// tell a doubled rate in half a minute.
	mostAtOnce = 20
	mostValues = 5000 // likewise of the values of a metric, which come from many visitors and in spans
)

// What is asked whether it is ruled out: so many times as many errors (statistics: section 2.6), and how much the
// linear bets stake on each.
func ladder() [4]float64   { return [4]float64{10, 5, 3, 2} }
func boldness() [4]float64 { return [4]float64{.15, .35, .65, .95} }

// The versions of the world that are weighed against each other: the tolerated one (no worse than the tolerance), one
// for each effect, equal versions, and one for each rung of the ladder.
const (
	tolerated = 0
	firstBet  = 1
	equal     = firstBet + accounts
	firstRung = equal + 1
	worlds    = firstRung + 4
)

// errorEvidence bets on the version on which failed visitors land (statistics: section 2.2), with a null hypothesis
// that knows bursts: in each world a small hidden Markov model says how likely c of k failures are on the canary, and
// an account grows by the ratio of its world's answer to the tolerated world's. Each answer is a probability over c
// given k and the past, so under the tolerated world no account grows on average.
type errorEvidence struct {
	rho     float64 // tolerated ratio
	slack   float64
	linear  bool
	block   int64 // seconds of a block in linear mode
	apart   int64 // seconds between two of them, in which nothing is bet
	pace    burst.Pace
	atOnce  float64 // failures a second that are bet on at most
	turned  bool    // fewer are worse: what is counted is good
	enough  float64 // wealth at which all is decided; 0: there is none
	worlds  [worlds]burst.World
	share   float64 // that they are set to
	wealth  [accounts]float64
	reserve float64 // paid in by the minute
	drops   float64 // paid in by the second
	paid    int
	trust   [accounts]float64 // how much longer an account of a gross effect may stay without it
	each    float64           // seconds between two payments
	since   float64           // seconds since the start

	seen   float64    // failures of the canary
	safety [4]float64 // ln of the evidence that the rung is ruled out
	quiet  float64    // likewise that the canary fails less often than the slack, whatever the stable version does

	blk struct {
		c, k, v float64
		from    int64
		next    int64 // the first second in which another may begin
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
		rho: 1 + max(s.WorseErrors, 0), slack: s.Slack, reserve: 1 - staked - trickle, drops: trickle,
		each: max(s.Horizon.Seconds()*0.75/payments, 1), share: math.NaN(), atOnce: mostAtOnce,
	}
	for i, q := range stakes() {
		e.wealth[i] = staked * q
		e.trust[i] = patience
	}
	e.worlds[tolerated], e.worlds[equal] = burst.New(e.rho), burst.New(1)
	for i, r := range effects() {
		e.worlds[firstBet+i] = burst.New(e.rho * r)
	}
	for i, r := range ladder() {
		e.worlds[firstRung+i] = burst.New(r)
	}
	e.learn(s.Background)
	return e
}

// learn takes what the placebo slices say. Four times as many are supposed, and one and a half beside them, because few
// can be learned from, and where traffic is low half of them are too small to be seen; who has seen nothing yet expects
// six an hour.
func (e *errorEvidence) learn(b Background) {
	hours := 0.0
	if b.Sliced {
		hours = float64(b.Seconds) / 3600
	}
	rate := (float64(4*float64(b.Bursts)) + 1.5) / (hours + 0.25) // an hour, among all visitors
	mean := 20.0
	if b.Bursts >= 3 && b.BurstSeconds > 0 {
		mean = min(max(b.BurstSeconds, 25), 60)
	}
	e.pace = burst.Of(min(rate, 60), mean)
	least := int64(5)
	if b.Bursts > 0 {
		least = burstBlock // a bad instance that lasts as long fills a block, and not three of them
	}
	e.linear, e.block, e.apart = b.Mode == Linear, min(max(b.Block, least), 60), b.Apart
}

// prepare sets the worlds to a share.
func (e *errorEvidence) prepare(v float64) {
	if v == e.share {
		return
	}
	e.share = v
	for i := range e.worlds {
		e.worlds[i].At(v)
	}
}

// trimmed is by what all that is bet is multiplied after c of k failures, because nobody needs more than enough: what
// would be won beyond it pays for losing less otherwise. Had is how many failures the canary had before; where they
// would still be too few to decide nothing is enough. It is fair: under the tolerated world the mean of what is had
// afterwards is what is had now.
func (e *errorEvidence) trimmed(c, k, had float64) float64 {
	weigh := func(i int, x float64) float64 { return e.worlds[i].Weigh(x, k) }
	have := e.money()
	v, w := num.Log(e.share), num.Log1p(-e.share)
	if !(have < e.enough) || have*num.Exp(-weigh(tolerated, k)-float64(k*v)) <= e.enough {
		return 1 // it is decided, or can't be by this tick
	}
	var gets, chance [mostTrimmed + 1]float64
	rest := 0.0
	for x := 0.0; x <= k; x++ {
		null := weigh(tolerated, x)
		sum := e.reserve + e.drops
		for i, m := range e.wealth {
			sum += float64(m * num.Exp(weigh(firstBet+i, x)-null))
		}
		p := num.Exp(num.Choose(uint64(k), uint64(x)) + null + float64(x*v) + float64((k-x)*w))
		gets[int(x)], chance[int(x)] = sum, p
		rest += float64(p * sum)
	}
	more := 1.0
	var cut [mostTrimmed + 1]bool
	for again := true; again; {
		again = false
		for x := range int(k) + 1 {
			if !cut[x] && had+float64(x) >= fewestUnits && float64(more*gets[x]) > e.enough {
				cut[x], again = true, true
				have -= float64(chance[x] * e.enough)
				rest -= float64(chance[x] * gets[x])
			}
		}
		if !(rest > 0) || !(have > 0) {
			return 1
		}
		more = max(have/rest, 1)
	}
	if cut[int(c)] {
		return e.enough / gets[int(c)]
	}
	return more
}

// pass lets time go by and pays in.
func (e *errorEvidence) pass(seconds float64) {
	drop := float64(e.drops * min(1, seconds/max(float64(payments*e.each)-e.since, seconds)))
	e.drops -= drop
	e.pay(drop, sudden())
	e.since += seconds
	for e.paid < payments && e.since >= float64(float64(e.paid+1)*e.each) {
		part := e.reserve / float64(payments-e.paid)
		e.paid++
		e.reserve -= part
		e.pay(part, later())
	}
}

func (e *errorEvidence) pay(part float64, to [accounts]float64) {
	for i, q := range to {
		e.wealth[i] += float64(part * q)
	}
}

// tick bets on c failures on the canary of k on both, its share of visitors being v, told how many of its nc requests
// are known to have failed, n those of both and ps the stable version's rate, known beforehand. Off says that the
// visitors are not split as intended: nothing is held in the canary's favor then.
func (e *errorEvidence) tick(second int64, width, v float64, off bool, c, k, told, nc, n, ps, most float64) {
	e.pass(width)
	e.prepare(v)
	e.rungs(most)
	before := e.safety
	if e.linear {
		e.linearTick(second, v, c, k)
	} else {
		e.filteredTick(width, c, k)
		e.seen += c
	}
	e.quietly(told, nc)
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
		more := float64(e.share * (e.worlds[firstBet+i].Ratio - 1))
		e.trust[i] = min(e.trust[i]+float64(k*num.Log1p(more))-float64(n*ps*more), patience)
		if e.trust[i] < 0 {
			kept := float64(e.wealth[i] * num.Exp(e.trust[i]))
			e.reserve += e.wealth[i] - kept
			e.wealth[i], e.trust[i] = kept, 0
		}
	}
}

// filteredTick bets on the failures of a tick. Where no more of them fell on the canary than on a tolerated one, nobody
// wins: a world in which a worse canary meets a burst on the stable side may fit better than any in which neither is
// the case, because the heights of bursts are a few, and of many failures every misfit is seen. Winning less than what
// is fair is fair.
func (e *errorEvidence) filteredTick(width, c, k float64) {
	for i := range e.worlds {
		e.worlds[i].Move(&e.pace, width)
	}
	if k == 0 {
		return
	}
	if at := float64(e.atOnce * max(width, 1)); k > at {
		c, k = float64(c*at/k), at
	}
	factor := 1.0
	if e.enough > 0 && k <= mostTrimmed {
		factor = e.trimmed(c, k, e.seen)
	}
	null, most := e.worlds[tolerated].See(c, k), maxLog
	if usual := float64(k * share(e.share, e.worlds[tolerated].Ratio)); e.turned && c >= usual || !e.turned && c <= usual {
		most = 0
	}
	for i := range e.wealth {
		e.wealth[i] = float64(factor * scaled(e.wealth[i], min(e.worlds[firstBet+i].See(c, k)-null, most)))
	}
	e.reserve *= factor
	e.drops *= factor
	same := e.worlds[equal].See(c, k)
	for i := range e.safety {
		e.safety[i] = bounded(e.safety[i] + same - e.worlds[firstRung+i].See(c, k))
	}
}

// linearTick collects a block, and bets when it is full: 1 - f + f (c/k)/w is fair under any dependence within the
// block, because it is linear in c and the mean of c is at most k w. Who tries again and again fails on one version
// in the next block as well, so two of them are apart where such a visitor is not known.
func (e *errorEvidence) linearTick(second int64, v, c, k float64) {
	b := &e.blk
	if b.open && (second >= b.from+e.block || v != b.v) {
		e.closeBlock()
		b.next = second + e.apart
	}
	if !b.open && second < b.next {
		return
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
		wb := share(b.v, e.worlds[firstRung+i].Ratio)
		g := bold[i] * min(1, wb/(1-wb))
		e.safety[i] = bounded(e.safety[i] + num.Log1p(float64(g*(1-b.c/float64(b.k*wb)))))
	}
}

// share is the part of the failures that falls on a canary with the part v of the visitors and the ratio r.
func share(v, r float64) float64 { return v * r / (float64(v*r) + 1 - v) }

// rungs moves the ladder's worlds with what the stable version's rate may be at most: the slack counts for more where
// errors are rare, but that nothing is known of the rate yet does not make it small.
func (e *errorEvidence) rungs(ps float64) {
	for i, r := range ladder() {
		want := r + e.slack/max(ps, 1e-5)
		if w := &e.worlds[firstRung+i]; want > w.Ratio*1.02 || want < w.Ratio/1.02 {
			w.Ratio = want
			w.At(e.share)
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

// money is all there is.
func (e *errorEvidence) money() float64 {
	sum := e.reserve + e.drops
	for _, w := range e.wealth {
		sum += w
	}
	return sum
}

// give takes the part of all money at most, and no more than half of what is bet, for another metric, and returns what
// it was. What is left counts as the whole.
func (e *errorEvidence) give(part float64) float64 {
	bet := e.money() - e.reserve - e.drops
	part = min(part, bet/2)
	if !(part > 0) {
		return 0
	}
	for i := range e.wealth {
		e.wealth[i] = float64(e.wealth[i] * ((1 - part/bet) / (1 - part)))
	}
	e.reserve /= 1 - part
	e.drops /= 1 - part
	e.renew()
	return part
}

func (e *errorEvidence) renew() {
	e.logE = num.Log(min(max(e.money(), poorest), richest))
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
	maxLog  = 600.0
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
