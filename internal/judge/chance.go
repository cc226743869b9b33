package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// blockRequests closes a block of Odds: below it the share of so few requests says nothing.
const blockRequests = 50

// Odds bounds how likely it is, if both versions fail alike, that of all failures as many as were added or more fall
// on the canary. It is for a single look at a span of time, e.g. the window of a limit. Begin makes it ready, and uses
// its room again.
//
// Failures are counted in blocks of one share and at least blockRequests requests, each block by its own requests: a
// window's totals would blame a version whose share was raised as an outage began, because most of its requests fell
// into it.
type Odds struct {
	blocks []cell
	had    float64 // failures of the canary
	due    float64 // as many would be its part
	open   block
	share  float64 // of the open block
}

// cell is what fell on both versions in a block in which the canary had the part v of the requests.
type cell struct{ v, k float64 }

// block sums what was added at one share until there are enough requests.
type block struct{ canary, stable Failures }

// Failures are how many of a version's requests failed, or were slow.
type Failures struct{ Of, Failed uint64 }

// Begin forgets what was added.
func (o *Odds) Begin() { *o = Odds{blocks: o.blocks[:0], share: math.NaN()} }

// Add takes a span in which the canary was meant to have a share of the requests.
func (o *Odds) Add(share float64, canary, stable Failures) {
	if share != o.share {
		o.close()
		o.share = share
	}
	o.open.canary.add(canary)
	o.open.stable.add(stable)
	if o.open.canary.Of+o.open.stable.Of >= blockRequests {
		o.close()
	}
}

func (f *Failures) add(o Failures) {
	a := Arm{Requests: o.Of, Errors: o.Failed}.sane()
	f.Of += a.Requests
	f.Failed += a.Errors
}

func (o *Odds) close() {
	c, s := o.open.canary, o.open.stable
	if k := float64(c.Failed + s.Failed); k > 0 && c.Of > 0 && s.Of > 0 {
		v := float64(c.Of) / float64(c.Of+s.Of)
		o.blocks = append(o.blocks, cell{v, k})
		o.had += float64(c.Failed)
		o.due += float64(k * v)
	}
	o.open = block{}
}

// Chance is the bound; 1 means that nothing speaks against the canary. It is Chernoff's: the smallest mean of
// r^(c - C) over r, C being what the canary had and c hypergeometric in each block.
func (o *Odds) Chance() float64 {
	o.close()
	if o.had <= float64(o.due*(1-1e-6)) {
		return 1 // it had no more than its part: the gain falls from 0 on, by far more than it can be off by rounding
	}
	return o.least()
}

// least is the smallest mean; 1 at r = 1.
func (o *Odds) least() float64 {
	low, high := 0.0, 15.0
	for range 40 {
		a, b := low+(high-low)/3, high-(high-low)/3
		if o.gain(a) < o.gain(b) {
			low = a
		} else {
			high = b
		}
	}
	return num.Exp(-min(max(o.gain(low), 0), maxLog))
}

// gain is ln of 1 / the mean, at r = e^x; concave.
func (o *Odds) gain(x float64) float64 {
	g, r := float64(o.had*x), num.Expm1(x)
	for _, b := range o.blocks {
		g -= float64(b.k * num.Log1p(float64(b.v*r)))
	}
	return g
}
