package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// Slowness is bet on in two ways (statistics: section 2.3): by the ranks of durations among those of both versions,
// and by how many exceed what was slow for both in the minute before.

// cells of ranks: durations are put together by their rank in the pooled histogram, finer in the slow tail.
const (
	rankCells = 48
	// The cells from which the slowest tenth and the slowest hundredth of all durations are put together.
	slowestTenth     = 28
	slowestHundredth = 40
	tilts            = 10
	firstTail        = 6 // the tilts before it are shifts of the normal scores
	levels           = 4
	slowBets         = 9
	refresh          = 60.0  // seconds between two renewals of what the ranks and "slow" refer to
	memory           = 120.0 // seconds that the pooled histogram remembers
	slowBlock        = 5     // seconds of a block of the exceedance bets
	unsureBlock      = 30    // likewise where nobody counts slow visitors by slices
	rankBlock        = 200.0 // durations that a pool needs before anything is judged by it
)

// The exceedance bets' effects, beyond the tolerance.
func slowEffects() [slowBets]float64 {
	return [slowBets]float64{1.04, 1.1, 1.3, 1.8, 3, 6, 15, 50, 300}
}
func slowLevels() [levels]float64 { return [levels]float64{0.5, 0.9, 0.95, 0.99} }

// latencyEvidence is the evidence on durations of one pair of versions.
type latencyEvidence struct {
	bins     Bins
	tol      tolerance
	block    int64 // seconds of a block of the exceedance bets
	ranksOff bool  // durations depend on each other too much: only the block bets are fair
	pool     [MaxBins]float64
	poolN    float64
	age      float64 // seconds since the last renewal
	ready    bool
	cell     [MaxBins]uint8
	lnTilt   [tilts][rankCells]float64
	tilt     [tilts][rankCells]float64
	lnStake  [tilts]float64 // of tiltStakes
	rank     [tilts]float64 // ln of the wealth of each tilt
	rankLog  float64
	held     float64 // not paid in yet
	seconds  float64 // that were judged by ranks
	spells   spells
	bound    [levels]int // first bin that is beyond the level
	slowFrom [levels]step
	lateFrom step // for the canary, what is beyond the third level by its milliseconds
	wealth   [levels][slowBets]float64
	slowLog  float64
	blk      struct {
		from   int64
		open   bool
		nc, ns float64
		c, k   [levels]float64
		v      float64
	}
	safe   float64 // ln of the evidence that 1.5 times as many slow requests are ruled out
	slow   uint64  // slow requests of the canary that were judged
	judged uint64
	sumC   [MaxBins]float64 // judged since the last change of the share: for the size of the difference
	sumS   [MaxBins]float64
	nC, nS float64
}

// newLatencyEvidence begins a comparison in which the canary may be slower by a part worse of the stable version's
// duration, and by slack milliseconds where that is more.
func newLatencyEvidence(b Bins, worse, slack float64, bg Background) latencyEvidence {
	l := latencyEvidence{bins: b, tol: newTolerance(b, worse, slack), block: unsureBlock, held: heldBack}
	l.spells = spells{rate: spellsAnHour, calm: 1}
	if bg.SlowSliced { // then it is known whether there are such instances: see below
		l.spells.rate, l.block = 0, slowBlock
	}
	for t, q := range tiltStakes() {
		l.lnStake[t], l.rank[t] = num.Log(q), num.Log(1-heldBack)
	}
	for i := range l.wealth {
		for j := range l.wealth[i] {
			l.wealth[i][j] = 1.0 / slowBets
		}
	}
	// Where single instances are slow at times, durations of neighbors come together: only bets that are fair under any
	// dependence within a block are left, and a block is several such stretches long.
	if bg.Mode == Linear || bg.SlowBursts >= 2 { // one may be chance
		l.ranksOff = true
		l.block = max(int64(min(max(3*bg.SlowSeconds, 60), 180)), min(bg.Block, 600))
	}
	return l
}

// tail is a tilt that makes the ranks from a cell on so many times as likely.
type tail struct {
	from  int
	times float64
}

// tails are two heights of the slowest tenth, and two of the slowest hundredth.
func tails() [tilts - firstTail]tail {
	return [tilts - firstTail]tail{{slowestTenth, 1.6}, {slowestTenth, 3}, {slowestHundredth, 3}, {slowestHundredth, 8}}
}

// tiltStakes is what each tilt is given at the start: the shifts, then the tails.
func tiltStakes() [tilts]float64 {
	return [tilts]float64{.03, .35, .16, .10, .05, .03, .08, .07, .07, .06}
}

// cellOf is the cell of a rank, and cellMiddle the rank in the middle of a cell: half of the cells for the fastest
// nine tenths, a quarter for the next nine hundredths, the rest for the slowest hundredth.
func cellOf(u float64) int {
	switch {
	case u < 0.9:
		return int(u / 0.9 * slowestTenth)
	case u < 0.99:
		return slowestTenth + int((u-0.9)/0.09*12)
	}
	return min(slowestHundredth+int((u-0.99)/0.01*8), rankCells-1)
}

func cellMiddle(i int) float64 {
	x := float64(i) + 0.5
	switch {
	case i < slowestTenth:
		return x / slowestTenth * 0.9
	case i < slowestHundredth:
		return 0.9 + float64((x-slowestTenth)/12*0.09)
	}
	return 0.99 + float64((x-slowestHundredth)/8*0.01)
}

// learn adds a tick to the pool; both versions count, judged or not. The canary's durations count without the
// milliseconds that it may take longer: else what is slow for both would be what only the canary takes.
func (l *latencyEvidence) learn(c, s []uint32, width float64) {
	keep := num.Exp(-width / memory)
	n := 0.0
	for i := range l.bins.Count {
		x := float64(l.pool[i] * keep)
		if i < len(c) && l.tol.slack == 0 {
			x += float64(c[i])
		}
		if i < len(s) {
			x += float64(s[i])
		}
		l.pool[i] = x
		n += x
	}
	for i := 0; i < len(c) && i < l.bins.Count && l.tol.slack > 0; i++ {
		by := l.tol.down[i]
		l.pool[max(i-by.whole, 0)] += float64(float64(c[i]) * (1 - by.part))
		l.pool[max(i-by.whole-1, 0)] += float64(float64(c[i]) * by.part)
		n += float64(c[i])
	}
	l.poolN = n
	l.age += width
	if n >= rankBlock && (!l.ready || l.age >= refresh) {
		l.renew()
	}
}

// renew takes the pool as what ranks and "slow" refer to from the next tick on.
func (l *latencyEvidence) renew() {
	l.age, l.ready = 0, true
	below := 0.0
	want := slowLevels()
	next := 0
	for i := range l.bins.Count {
		u := (below + float64(l.pool[i]/2)) / l.poolN
		l.cell[i] = uint8(min(max(cellOf(u), 0), rankCells-1))
		below += l.pool[i]
		for next < levels && below >= float64(want[next]*l.poolN) {
			l.bound[next] = i + 1
			next++
		}
	}
	for i, from := range l.bound {
		l.slowFrom[i] = l.tol.up(from)
	}
	l.lateFrom = l.tol.later(l.bound[2])
	if l.lnTilt[0][0] != 0 {
		return // the tilts themselves never change
	}
	shifts := [firstTail]float64{.07, .13, .25, .5, 1, 2.2}
	for i := range rankCells {
		u := cellMiddle(i)
		z := num.Quantile(u)
		for t, d := range shifts {
			l.lnTilt[t][i] = float64(d*z) - float64(d*d/2)
		}
		for t, tail := range tails() {
			h := 1.0
			if i >= tail.from {
				h = tail.times
			}
			l.lnTilt[firstTail+t][i] = num.Log(h)
		}
	}
	for t := range tilts {
		for i := range rankCells {
			l.tilt[t][i] = num.Exp(l.lnTilt[t][i])
		}
	}
}

// changed forgets what belongs to one share only.
func (l *latencyEvidence) changed() {
	l.close()
	l.sumC, l.sumS, l.nC, l.nS = [MaxBins]float64{}, [MaxBins]float64{}, 0, 0
}

// tick judges one tick. Nothing is judged before there is a pool.
func (l *latencyEvidence) tick(second int64, width float64, c, s []uint32) {
	if !l.ready {
		return
	}
	var nc, ns float64
	var shifted, both [rankCells]float64
	n := min(l.bins.Count, max(len(c), len(s)))
	for i := range n {
		var x, y float64
		if i < len(c) {
			x = float64(c[i])
		}
		if i < len(s) {
			y = float64(s[i])
		}
		if x == 0 && y == 0 {
			continue
		}
		nc += x
		ns += y
		l.sumC[i] += x
		l.sumS[i] += y
		both[l.cell[i]] += y
		if x > 0 {
			by := l.tol.down[i]
			a, b := max(i-by.whole, 0), max(i-by.whole-1, 0)
			shifted[l.cell[a]] += float64(x * (1 - by.part))
			shifted[l.cell[b]] += float64(x * by.part)
		}
	}
	l.nC += nc
	l.nS += ns
	if l.nC > 5000 { // what begins late must not drown in what was before
		for i := range l.bins.Count {
			l.sumC[i], l.sumS[i] = float64(l.sumC[i]/2), float64(l.sumS[i]/2)
		}
		l.nC, l.nS = float64(l.nC/2), float64(l.nS/2)
	}
	l.judged += uint64(nc)
	if nc == 0 || ns == 0 {
		return
	}
	if !l.ranksOff {
		l.ranks(&shifted, &both, nc/(nc+ns), width)
	}
	l.exceed(second, c, s, nc, ns)
	l.total()
}

// ranks multiplies each tilt's account by the likelihood of which version the ranks fell on, given the ranks and how
// many requests each version had in this very tick, beside how likely it was when an instance is slow for a while.
func (l *latencyEvidence) ranks(c, s *[rankCells]float64, w, width float64) {
	gain := l.gains(c, s, w)
	part := float64(l.held * min(1, width/max(payIn-l.seconds, width)))
	if l.seconds += width; part > 0 {
		l.held -= part
		in := num.Log(part)
		for t := range l.rank {
			l.rank[t] = num.LogAdd(l.rank[t], in)
		}
	}
	if l.seconds == width { // a spell may have begun while durations were not judged
		l.spells.move(w, spellSeconds)
	}
	l.spells.move(w, width)
	null := l.spells.see(&gain)
	for t, g := range gain {
		l.rank[t] = bounded(l.rank[t] + g - null)
	}
}

// gains are the logarithms of those likelihoods, beside the one under no tilt.
func (l *latencyEvidence) gains(c, s *[rankCells]float64, w float64) (gain [tilts]float64) {
	for i := range rankCells {
		k := c[i] + s[i]
		if k == 0 {
			continue
		}
		for t := range firstTail {
			gain[t] += float64(c[i]*l.lnTilt[t][i]) - float64(k*num.Log(1+float64(w*(l.tilt[t][i]-1))))
		}
	}
	for t, tail := range tails() { // these tilt by one height from a cell on, and nothing below
		lnTilt, each := l.lnTilt[firstTail+t][rankCells-1], num.Log(1+float64(w*(l.tilt[firstTail+t][rankCells-1]-1)))
		for i := tail.from; i < rankCells; i++ {
			gain[firstTail+t] += float64(c[i]*lnTilt) - float64((c[i]+s[i])*each)
		}
	}
	return gain
}

// A slow instance is in the null hypothesis of the ranks as a burst is in that of failures, where nobody counts slow
// visitors by slices: the canary's may be slower by one of the larger tilts for a minute or so. Where they are
// counted, and there were such spells, ranks are not judged at all.
const (
	spellsAnHour = 2.0 // among all visitors, where they are not counted
	spellSeconds = 60.0
	heldBack     = 0.15 // of what is bet on ranks is paid in by the second, for what begins late
	payIn        = 2700 // seconds
	firstSpell   = 2    // the least tilt that is one
)

// spells says how likely it is that all is calm, and that the canary's visitors are slower by each tilt for a while.
type spells struct {
	rate float64 // an hour, among all visitors
	calm float64
	slow [tilts]float64
}

func (p *spells) move(share, seconds float64) {
	begin := min(float64(share*seconds*p.rate)/3600, 0.3)
	end := -num.Expm1(-seconds / spellSeconds)
	calm := p.calm
	p.calm = float64(calm * (1 - begin))
	for t := firstSpell; t < tilts; t++ {
		over := float64(p.slow[t] * end)
		p.calm += over
		p.slow[t] += float64(calm*begin/(tilts-firstSpell)) - over
	}
}

// see learns what each tilt gained beside a calm tick, and returns the logarithm of the mean.
func (p *spells) see(gain *[tilts]float64) float64 {
	top := 0.0
	for _, g := range gain[firstSpell:] {
		top = max(top, g)
	}
	p.calm = float64(p.calm * num.Exp(-top))
	sum := p.calm
	for t := firstSpell; t < tilts; t++ {
		p.slow[t] = float64(p.slow[t] * num.Exp(gain[t]-top))
		sum += p.slow[t]
	}
	if !(sum > 1e-300) {
		*p = spells{rate: p.rate, calm: 1}
		return 0
	}
	p.calm /= sum
	for t := range p.slow {
		p.slow[t] /= sum
	}
	return top + num.Log(sum)
}

// exceed collects a block of slow requests and bets when it is full.
func (l *latencyEvidence) exceed(second int64, c, s []uint32, nc, ns float64) {
	b := &l.blk
	if b.open && second >= b.from+l.block {
		l.close()
	}
	if !b.open {
		b.open, b.from = true, second
		b.nc, b.ns, b.c, b.k = 0, 0, [levels]float64{}, [levels]float64{}
	}
	b.nc += nc
	b.ns += ns
	for i, from := range l.bound {
		x := beyond(c, l.slowFrom[i].whole, l.slowFrom[i].part)
		b.c[i] += x
		b.k[i] += x + beyond(s, from, 0)
	}
	l.slow += uint64(beyond(c, l.bound[1], 0))
	l.ruleOut(beyond(c, l.lateFrom.whole, l.lateFrom.part), beyond(s, l.bound[2], 0), nc/(nc+ns))
}

// ruleOut weighs "no more slow requests" against "half as many again": by their likelihoods, or, where durations
// depend on each other, by a bet that is linear in the canary's.
func (l *latencyEvidence) ruleOut(c, s, w float64) {
	if c+s == 0 {
		return
	}
	wb := share(w, 1.5)
	if l.ranksOff {
		g := 0.95 * min(1, wb/(1-wb))
		l.safe = bounded(l.safe + num.Log1p(float64(g*(1-c/float64((c+s)*wb)))))
		return
	}
	l.safe = bounded(l.safe + float64(c*num.Log(w/wb)) + float64(s*num.Log((1-w)/(1-wb))))
}

// beyond counts what lies in bin from or above, of bin from only the part that is above the fraction.
func beyond(counts []uint32, from int, fraction float64) float64 {
	sum := 0.0
	for i := from; i < len(counts); i++ {
		sum += float64(counts[i])
	}
	if from < len(counts) {
		sum -= float64(float64(counts[from]) * fraction)
	}
	return sum
}

// close bets on the block.
func (l *latencyEvidence) close() {
	b := &l.blk
	if !b.open {
		return
	}
	b.open = false
	if b.nc == 0 || b.ns == 0 {
		return
	}
	w := b.nc / (b.nc + b.ns)
	for i := range l.wealth {
		if b.k[i] == 0 {
			continue
		}
		x := b.c[i]/float64(b.k[i]*w) - 1
		for j, r := range slowEffects() {
			f := w * (r - 1) / (1 + float64(w*(r-1)))
			l.wealth[i][j] = scaled(l.wealth[i][j], num.Log1p(float64(f*x)))
		}
	}
	l.total()
}

// total renews the logarithms of both ways.
func (l *latencyEvidence) total() {
	l.rankLog = num.Log(max(l.held, poorest))
	for t, q := range l.lnStake {
		l.rankLog = num.LogAdd(l.rankLog, l.rank[t]+q)
	}
	sum := 0.0
	for i := range l.wealth {
		for _, w := range l.wealth[i] {
			sum += float64(w / levels)
		}
	}
	l.slowLog = num.Log(min(max(sum, poorest), richest))
}

// slower says whether p50, p95 or p99 are slower by more than worth, sure to about one in twenty each, over what was
// judged at this share, and by more than the milliseconds that are tolerated.
func (l *latencyEvidence) slower(worth float64) bool {
	if l.nC < 20 || l.nS < 20 {
		return false
	}
	for _, q := range [3]float64{0.5, 0.95, 0.99} {
		half := float64(1.0 * math.Sqrt(q*(1-q)/l.nC))
		if q-half <= 0 {
			continue
		}
		low := l.bins.quantile(l.sumC[:l.bins.Count], l.nC, q-half)
		if stable := l.bins.quantile(l.sumS[:l.bins.Count], l.nS, q); stable > 0 &&
			low > max(stable*(1+worth), stable+l.tol.slack) {
			return true
		}
	}
	return false
}
