package judge

import (
	"math"
	"time"
)

// The levels at which a request counts as slow: quantiles of both versions
// together, taken from the period before the one that is judged.
func oldSlowLevels() [4]float64 { return [4]float64{0.5, 0.9, 0.95, 0.99} }

// A period ends after so many seconds and requests; then "slow" is taken anew.
const (
	periodSeconds  = 10
	periodRequests = 200
)

// latencyBets compares durations by counting slow requests. The bound of "slow"
// is known before the requests come, and the canary's is higher by the tolerance,
// so that if the canary's durations are at most so much longer, a slow request is
// no likelier on the canary than its share of the requests of this very block:
// given how many came to each version the labels are exchangeable, whatever
// slowed both. The bets are linear, hence fair for any dependence in a block.
type latencyBets struct {
	shift int // bins that the tolerance is wide
	mask  int64
	level [4]wealth
	bound [4]int // bin above which a request is slow, stable side
	ready bool

	period, before struct{ canary, stable Sketch } // before: all earlier periods
	periodSince    int64
	share          float64
	warm           int64 // Unix second from which durations are judged
	block          latencyBlock
	logE           float64
}

type latencyBlock struct {
	nc, ns uint64
	c, s   [4]uint64
}

func newLatencyBets(c OldConfig) *latencyBets {
	tolerance := min(max(c.WorseLatency, 0), 1e6)
	l := &latencyBets{
		shift: int(math.Ceil(math.Log1p(tolerance)/math.Log(sketchRatio) - 1e-9)),
		mask:  int64(max(c.ColdStart, 0) / time.Second),
	}
	for i := range l.level {
		l.level[i] = newWealth()
	}
	if c.Before.Count() >= periodRequests {
		l.setBounds(c.Before)
	}
	return l
}

func (l *latencyBets) payIn() {
	for i := range l.level {
		l.level[i].payIn()
	}
}

// watch notes a change of the share and the end of a period, before the tick is
// judged: what it decides rests on earlier ticks only.
func (l *latencyBets) watch(t OldTick) {
	switch {
	case !(t.Share > 0 && t.Share < 1): // no share is meant here
	case t.Share > l.share:
		l.warm = t.Second + l.mask
		fallthrough
	case t.Share < l.share:
		l.close()
		l.share = t.Share
	}
	switch n := l.period.canary.n + l.period.stable.n; {
	case n == 0:
		l.periodSince = t.Second
	case n >= periodRequests && t.Second-l.periodSince >= periodSeconds:
		l.close()
		pool := l.period.canary.Clone()
		pool.Merge(l.period.stable)
		l.setBounds(pool)
		l.before.canary.Merge(l.period.canary)
		l.before.stable.Merge(l.period.stable)
		l.period.canary, l.period.stable, l.periodSince = Sketch{}, Sketch{}, t.Second
	}
	l.period.canary.Merge(t.Canary.Latency)
	l.period.stable.Merge(t.Stable.Latency)
}

// totals are the durations of all ticks so far.
func (l *latencyBets) totals() (canary, stable Sketch) {
	canary, stable = l.before.canary.Clone(), l.before.stable.Clone()
	canary.Merge(l.period.canary)
	stable.Merge(l.period.stable)
	return canary, stable
}

func (l *latencyBets) setBounds(s Sketch) {
	for i, q := range oldSlowLevels() {
		l.bound[i] = sketchBin(s.Quantile(q))
	}
	l.ready = true
}

// tick adds one tick to the block and renews the account.
func (l *latencyBets) tick(t OldTick, a *Account) {
	if !l.ready || t.Second < l.warm {
		return
	}
	l.block.nc += t.Canary.Latency.n
	l.block.ns += t.Stable.Latency.n
	for i, b := range l.bound {
		c := t.Canary.Latency.above(b + l.shift)
		l.block.c[i] += c
		l.block.s[i] += t.Stable.Latency.above(b)
		if i == 1 { // above the ninth tenth: what people would call slow
			a.Units += c
			if c > 0 {
				a.Seconds++
			}
		}
	}
	a.Judged += t.Canary.Latency.n
	if l.block.nc+l.block.ns >= blockRequests {
		l.close()
	}
	a.LogE = l.logE
	a.MaxLogE = max(a.MaxLogE, a.LogE)
}

// close bets on the block.
func (l *latencyBets) close() {
	b := l.block
	l.block = latencyBlock{}
	if b.nc == 0 || b.ns == 0 {
		return
	}
	v := float64(b.nc) / float64(b.nc+b.ns)
	var factor [accounts]float64
	sum := 0.0
	for i := range l.level {
		if k := b.c[i] + b.s[i]; k > 0 {
			linear(&factor, float64(b.c[i]), float64(k), v)
			l.level[i].bet(&factor)
		}
		sum += l.level[i].total
	}
	l.logE = math.Log(sum / float64(len(l.level)))
}

// warmUntil says until when durations are not judged yet; 0 when they are.
func (l *latencyBets) warmUntil(ticks []OldTick) int64 {
	if len(ticks) == 0 || ticks[len(ticks)-1].Second >= l.warm {
		return 0
	}
	return l.warm
}

// above returns how many durations lie in bins above bin.
func (s Sketch) above(bin int) uint64 {
	var c uint64
	for _, n := range s.counts[min(max(bin+1, 0), len(s.counts)):] {
		c += uint64(n)
	}
	return c
}
