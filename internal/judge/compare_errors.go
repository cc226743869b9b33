package judge

import "math"

// blockRequests closes a block of the account that goes by the requests seen:
// below it the share of so few requests says nothing.
const blockRequests = 50

// errorBets compares error rates. Two bettors watch the same failures: one trusts
// the intended share of each tick, the other the share of the requests that really
// came. Each is honest when its share is right, so the smaller of the two is honest
// when either is. With the intended share alone, forty sticky visitors of whom four
// instead of two are on the canary would be a regression; with the measured share
// alone a version that attracts retries could hide.
type errorBets struct {
	rho      float64
	intended wealth
	seen     wealth
	block    block
	byMeant  cells
	bySeen   cells

	share float64 // that the cached logarithms belong to
	up    [accounts]float64
	down  [accounts]float64
}

// block sums ticks of one share until there are enough requests.
type block struct {
	share  float64
	nc, ns uint64
	c, s   uint64
}

func newErrorBets(c OldConfig) *errorBets {
	return &errorBets{rho: 1 + min(max(c.WorseErrors, 0), 1e6), intended: newWealth(), seen: newWealth()}
}

func (e *errorBets) payIn() {
	e.intended.payIn()
	e.seen.payIn()
}

// tick bets on one tick and renews the account.
func (e *errorBets) tick(t OldTick, a *Account) {
	c, k := t.Canary.Errors, t.Canary.Errors+t.Stable.Errors
	a.Judged += t.Canary.Requests
	a.Units += c
	if c > 0 {
		a.Seconds++
	}
	if k > 0 {
		e.prepare(t.Share)
		var gain [accounts]float64
		for i := range gain {
			gain[i] = float64(c)*e.up[i] - float64(k)*e.down[i]
		}
		e.intended.betLog(&gain)
		e.byMeant.add(t.Share, c, k)
	}
	if e.block.share != t.Share {
		e.close()
		e.block.share = t.Share
	}
	e.block.nc += t.Canary.Requests
	e.block.ns += t.Stable.Requests
	e.block.c += c
	e.block.s += t.Stable.Errors
	if e.block.nc+e.block.ns >= blockRequests {
		e.close()
	}
	a.LogE = math.Log(min(e.intended.total, e.seen.total))
	a.MaxLogE = max(a.MaxLogE, a.LogE)
}

// close bets on the block by the share of the requests that came.
func (e *errorBets) close() {
	b := e.block
	e.block = block{share: b.share}
	k := b.c + b.s
	if k == 0 || b.nc == 0 || b.ns == 0 {
		return // a block of one version alone says nothing about the other
	}
	v := float64(b.nc) / float64(b.nc+b.ns)
	var gain [accounts]float64
	likelihood(&gain, float64(b.c), float64(k), null(v, e.rho))
	e.seen.betLog(&gain)
	e.bySeen.add(math.Round(v*1000)/1000, b.c, k)
}

// prepare caches the logarithms of an intended share.
func (e *errorBets) prepare(share float64) {
	if e.share == share {
		return
	}
	e.share = share
	likelihood(&e.up, 1, 0, 0)
	likelihood(&e.down, 0, -1, null(share, e.rho))
}

// growth is the mean gain of the log wealth for each canary request when the
// rates are pc and ps.
func (e *errorBets) growth(v, pc, ps float64) float64 {
	w := null(v, e.rho)
	failures := pc + ps*(1-v)/v // of both versions, for each canary request
	best := 0.0
	for _, r := range ratios() {
		best = max(best, pc*math.Log(r)-failures*math.Log1p(w*(r-1)))
	}
	return best
}
