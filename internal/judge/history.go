package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// History learns from the stable version's placebo slices how failures scatter when no version is to blame: whether
// there are bursts, how many and how long, and whether the rest scatters like independent events (statistics: section
// 2.2). It is of bounded size. The zero value is not ready: see NewHistory.
type History struct {
	bins    Bins
	seconds float64
	sliced  bool

	slowSliced bool
	units      float64
	seen       uint64 // requests
	failed     uint64

	failing burstWatch
	slowing burstWatch

	held   [heldTicks]heldTick // the last ticks, until it is known whether there was a burst in them
	holds  int
	oldest int

	fine   scatter    // at one tick
	blocks [4]scatter // at 5, 15, 30 and 60 seconds
	inBlk  [4]float64
	sum    [4][Slices]float64

	pool  [MaxBins]float64
	poolN float64
}

// heldTick waits for the windows that it is in.
type heldTick struct {
	x     [Slices]uint32
	width float32
	burst bool
}

// heldTicks is how many ticks wait: those of a window of thirty seconds and of the ten seconds beside it.
const heldTicks = 40

// scatter says how a slice's failures differ from its equal part of them.
type scatter struct {
	looks     float64 // spans with failures
	spread    float64 // sum of the index of dispersion's terms: 1 on average when failures are independent
	noise     float64 // its variance
	product   float64 // of residuals of neighboring spans
	square    float64
	pairs     float64
	last      [Slices]float64
	lastKnown bool
}

func blockSeconds() [4]float64 { return [4]float64{5, 15, 30, 60} }

// NewHistory returns a History for latencies in the layout b.
func NewHistory(b Bins) *History { return &History{bins: b.sane()} }

// Add takes a tick of the stable version from before the comparison, in order. Ticks of up to ten seconds say
// something of bursts; longer ones only what is slow.
func (h *History) Add(t *Tick) {
	width := tickWidth(t)
	h.seconds += width
	stable := t.Stable.sane()
	h.seen += stable.Requests
	if h.failed += stable.Units; t.SliceUnits == nil {
		h.failed += max(stable.Errors, stable.Units) - stable.Units
	}
	for i := range min(len(t.Stable.Latency), h.bins.Count) {
		x := float64(t.Stable.Latency[i])
		h.pool[i] += x
		h.poolN += x
	}
	if h.poolN > 1e9 {
		h.poolN = 0
		for i := range h.pool {
			h.pool[i] = float64(h.pool[i] / 2)
			h.poolN += h.pool[i]
		}
	}
	if width > 10 {
		return
	}
	if t.SliceUnits != nil {
		h.slices(t.SliceUnits, width)
	}
	if t.SliceSlow != nil {
		var x [Slices]float64
		for i, n := range t.SliceSlow {
			x[i] = float64(min(n, 1<<24))
		}
		h.slowing.add(&x, width)
		h.slowSliced = true
	}
}

func (h *History) slices(u *[Slices]uint32, width float64) {
	h.sliced = true
	var x [Slices]float64
	total := 0.0
	for i, n := range u {
		x[i] = float64(min(n, 1<<24))
		total += x[i]
	}
	h.units += total
	h.hold(&x, width)
	if h.failing.add(&x, width) {
		h.mark()
	}
}

// hold keeps a tick back, and lets the oldest one go on when it is its time.
func (h *History) hold(x *[Slices]float64, width float64) {
	if h.holds == heldTicks {
		h.release(&h.held[h.oldest])
		h.oldest = (h.oldest + 1) % heldTicks
		h.holds--
	}
	t := &h.held[(h.oldest+h.holds)%heldTicks]
	h.holds++
	t.width, t.burst = float32(width), false
	for i, v := range x {
		t.x[i] = uint32(v)
	}
}

// release adds a tick without a burst to what says how the rest scatters.
func (h *History) release(t *heldTick) {
	var x [Slices]float64
	total := 0.0
	for i, v := range t.x {
		x[i] = float64(v)
		total += x[i]
	}
	width := float64(t.width)
	if t.burst {
		h.fine.lastKnown = false
		for b := range h.blocks {
			h.blocks[b].lastKnown, h.sum[b], h.inBlk[b] = false, [Slices]float64{}, 0
		}
		return
	}
	if width <= 1 {
		h.fine.add(&x, total)
	}
	for b, length := range blockSeconds() {
		for i := range x {
			h.sum[b][i] += x[i]
		}
		if h.inBlk[b] += width; h.inBlk[b] >= length {
			h.blocks[b].add(&h.sum[b], sum(&h.sum[b]))
			h.sum[b], h.inBlk[b] = [Slices]float64{}, 0
		}
	}
}

// mark says of the ticks of the last forty seconds that there was a burst.
func (h *History) mark() {
	for i := range h.holds {
		h.held[(h.oldest+i)%heldTicks].burst = true
	}
}

func sum(x *[Slices]float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s
}

// burstWatch looks for bursts: thirty seconds in which one slice has far more than the others.
type burstWatch struct {
	part           [3][Slices]float64 // the last three spans of ten seconds
	filled         int
	inPart         float64
	running        [Slices]int // windows in a row in which the slice was in a burst
	windows        float64
	burstWindows   float64
	bursts         float64
	length, height float64 // sums
}

// add takes a tick and says whether there was a burst in the last thirty seconds.
func (b *burstWatch) add(x *[Slices]float64, width float64) bool {
	for i := range x {
		b.part[0][i] += x[i]
	}
	if b.inPart += width; b.inPart < 10 {
		return false
	}
	found := false
	b.filled = min(b.filled+1, 3)
	if b.filled == 3 {
		found = b.window()
	}
	b.part[2], b.part[1], b.part[0], b.inPart = b.part[1], b.part[0], [Slices]float64{}, 0
	return found
}

// window looks at the last thirty seconds.
func (b *burstWatch) window() (found bool) {
	var k [Slices]float64
	for i := range k {
		k[i] = b.part[0][i] + b.part[1][i] + b.part[2][i]
	}
	total := sum(&k)
	for i := range k {
		mu := max((total-k[i])/(Slices-1), 1e-3)
		b.windows++
		if k[i] >= 3 && k[i] >= 2*mu && mu-k[i]+float64(k[i]*num.Log(k[i]/mu)) > 12 {
			found = true
			b.burstWindows++
			b.running[i]++
			b.height += k[i] / mu
			continue
		}
		if n := b.running[i]; n > 0 { // it is over: a window of thirty seconds sees it twenty seconds longer
			b.bursts++
			b.length += max(float64(n*10-20), 5)
			b.running[i] = 0
		}
	}
	return found
}

// count is how many there were, those that last included, and how many seconds one lasts.
func (b *burstWatch) count() (n uint64, seconds float64) {
	n = uint64(b.bursts)
	for _, r := range b.running {
		if r > 0 {
			n++
		}
	}
	if b.bursts > 0 {
		seconds = b.length / b.bursts
	}
	return n, seconds
}

// add takes one span.
func (s *scatter) add(x *[Slices]float64, k float64) {
	if k == 0 {
		s.lastKnown = false
		return
	}
	mean, spread := k/Slices, 0.0
	product, square := 0.0, 0.0
	for i, v := range x {
		r := v - mean
		spread += float64(r * r)
		if s.lastKnown {
			product += float64(r * s.last[i])
			square += float64((float64(r*r) + float64(s.last[i]*s.last[i])) / 2)
		}
		s.last[i] = r
	}
	if s.lastKnown {
		s.product += product
		s.square += square
		s.pairs++
	}
	s.lastKnown = true
	s.looks++
	s.spread += spread / mean / (Slices - 1)
	s.noise += 2 * (k - 1) / k / (Slices - 1)
}

// dispersion is 1 when failures are independent; se its standard error.
func (s *scatter) dispersion() (d, se float64) {
	if s.looks < 10 {
		return 1, 1
	}
	return s.spread / s.looks, math.Sqrt(max(s.noise, 1)) / s.looks
}

func (s *scatter) correlation() (r, se float64) {
	if s.pairs < 10 || !(s.square > 0) {
		return 0, 1
	}
	return s.product / s.square, 1 / math.Sqrt(s.pairs*(Slices-1))
}

// Background sums up what was learned.
func (h *History) Background() Background {
	b := Background{
		Seconds: int64(h.seconds), Sliced: h.sliced, Mode: Calm, Units: uint64(h.units), Requests: h.seen, Failed: h.failed,
		BurstWindows: uint64(h.failing.burstWindows), SliceWindows: uint64(h.failing.windows), Dispersion: 1,
	}
	b.Bursts, b.BurstSeconds = h.failing.count()
	b.SlowSliced = h.slowSliced
	b.SlowBursts, b.SlowSeconds = h.slowing.count()
	if h.failing.burstWindows > 0 {
		b.BurstRatio = h.failing.height / h.failing.burstWindows
	}
	if b.Bursts > 0 {
		b.Mode = Bursty
	}
	if h.poolN >= rankBlock {
		for i, q := range [4]float64{0.5, 0.9, 0.95, 0.99} {
			b.Slow[i] = h.bins.quantile(h.pool[:h.bins.Count], h.poolN, q)
		}
	}
	if h.units < 20 {
		return b
	}
	r, rse := h.fine.correlation()
	d, dse := h.fine.dispersion()
	d15, dse15 := h.blocks[1].dispersion()
	b.Dispersion = d15
	if r >= max(0.01, 2.5*rse) && h.fine.pairs >= 10 || d >= 1.03+float64(3*dse) || d15 >= 1.06+float64(3*dse15) {
		b.Mode, b.Block = Linear, 60
		for i, length := range blockSeconds() {
			if r, _ := h.blocks[i].correlation(); r < 0.06 {
				b.Block = int64(length)
				break
			}
		}
	}
	return b
}

func tickWidth(t *Tick) float64 { return float64(min(max(t.Width, 1), 3600)) }
