package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// blockRequests closes a block of Chance: below it the share of so few requests says nothing.
const blockRequests = 50

// cell is what fell on the canary, and on both versions, in a block in which it had the share v of the requests.
type cell struct {
	v    float64
	c, k uint64
}

// block sums ticks of one share until there are enough requests.
type block struct {
	nc, ns uint64
	c, s   uint64
}

// Chance bounds how likely it is, if both versions fail alike, that of all failures
// as many as here or more fall on the canary. It is for a single look at a span of
// time, e.g. the window of a limit; 1 means that nothing speaks against the canary.
//
// Failures are counted in blocks of one share and at least blockRequests requests,
// each block by its own requests: a window's totals would blame a version whose
// share was raised as an outage began, because most of its requests fell into it.
// The bound is Chernoff's: the smallest mean of r^(c - C) over r, C being what the
// canary had and c hypergeometric in each block.
func Chance(ticks []Tick) float64 {
	var (
		blocks []cell
		total  float64
		b      block
	)
	flush := func() {
		if k := b.c + b.s; k > 0 && b.nc > 0 && b.ns > 0 {
			blocks = append(blocks, cell{v: float64(b.nc) / float64(b.nc+b.ns), c: b.c, k: k})
			total += float64(b.c)
		}
		b = block{}
	}
	share := math.NaN()
	for _, t := range ticks {
		t.Canary, t.Stable = t.Canary.sane(), t.Stable.sane()
		if t.Share != share {
			flush()
			share = t.Share
		}
		b.nc += t.Canary.Requests
		b.ns += t.Stable.Requests
		b.c += t.Canary.Errors
		b.s += t.Stable.Errors
		if b.nc+b.ns >= blockRequests {
			flush()
		}
	}
	flush()
	gain := func(x float64) float64 { // ln of 1 / the mean, at r = e^x; concave
		g := float64(total * x)
		for _, b := range blocks {
			g -= float64(float64(b.k) * num.Log1p(float64(b.v*num.Expm1(x))))
		}
		return g
	}
	low, high := 0.0, 15.0
	for range 40 {
		a, b := low+(high-low)/3, high-(high-low)/3
		if gain(a) < gain(b) {
			low = a
		} else {
			high = b
		}
	}
	return num.Exp(-min(max(gain(low), 0), maxLog))
}
