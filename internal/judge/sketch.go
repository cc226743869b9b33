package judge

import (
	"encoding/json"
	"math"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge/num"
)

// The layout of every Sketch: logarithmic bins, so that the bins of two versions
// compare one to one. Bin 0 holds everything up to sketchLow, the last bin
// everything above about two minutes.
const (
	sketchLow   = 0.05 // milliseconds
	sketchRatio = 1.02 // a quantile is off by less than 1 %
	sketchBins  = 744

	lnSketchRatio = 0.01980262729617973 // ln of sketchRatio

	mostSum = 1e30 // milliseconds in one sketch, far beyond what durations can add up to
)

// Sketch is a mergeable histogram of durations in logarithmic bins, in the manner
// of DDSketch (Masson, Rim, Lee 2019) with a fixed layout: a quantile is off by
// at most 1 %, merging is addition, and its size is bounded. The zero value is
// empty and ready.
type Sketch struct {
	counts []uint32 // by bin, as long as the highest bin in use
	from   int      // no bin below is in use
	n      uint64
	sum    float64 // milliseconds
}

// Add counts one duration.
func (s *Sketch) Add(d time.Duration) {
	ms := float64(d) / float64(time.Millisecond)
	s.addBin(sketchBin(ms), 1)
	s.sum += ms
}

// Merge adds all that o counted.
func (s *Sketch) Merge(o Sketch) {
	s.reach(len(o.counts), o.from)
	into := s.counts[:len(o.counts)]
	for i := o.from; i < len(o.counts); i++ {
		into[i] += o.counts[i]
	}
	s.n += o.n
	s.sum += o.sum
}

// Remove takes away all that o counted. It must have been merged before.
func (s *Sketch) Remove(o Sketch) {
	for i := o.from; i < len(o.counts); i++ {
		s.counts[i] -= o.counts[i]
	}
	s.n -= o.n
	s.sum -= o.sum
}

// Clone returns a copy that shares nothing with s.
func (s Sketch) Clone() Sketch {
	s.counts = append([]uint32(nil), s.counts...)
	return s
}

// Count returns how many durations were added.
func (s Sketch) Count() uint64 { return s.n }

// Mean returns the arithmetic mean in milliseconds, NaN when empty.
func (s Sketch) Mean() float64 { return s.sum / float64(s.n) }

// Quantile returns the value in milliseconds below which the fraction q of the
// durations lies, NaN when the sketch is empty: no data is never 0.
func (s Sketch) Quantile(q float64) float64 {
	if s.n == 0 {
		return math.NaN()
	}
	rank := uint64(math.Ceil(min(max(q, 0), 1) * float64(s.n)))
	return s.atRank(max(rank, 1))
}

// QuantileBand returns a distribution-free confidence interval, in milliseconds,
// of the q quantile: the order statistics z standard errors of the binomial rank
// around it (Hollander, Wolfe: Nonparametric Statistical Methods, 3.6). It is NaN,
// NaN when empty.
func (s Sketch) QuantileBand(q, z float64) (low, high float64) {
	if s.n == 0 {
		return math.NaN(), math.NaN()
	}
	n := float64(s.n)
	mid, half := float64(q*n), float64(z*math.Sqrt(n*q*(1-q)))
	at := func(r float64) float64 { return s.atRank(uint64(min(max(math.Round(r), 1), n))) }
	return at(mid - half), at(mid + half + 1)
}

// CountAbove returns how many durations lie in bins above the one of ms.
func (s Sketch) CountAbove(ms float64) uint64 {
	var c uint64
	for i := sketchBin(ms) + 1; i < len(s.counts); i++ {
		c += uint64(s.counts[i])
	}
	return c
}

// Each calls f for each bin in use with the bin's middle in milliseconds.
func (s Sketch) Each(f func(ms float64, count uint64)) {
	for i, c := range s.counts {
		if c > 0 {
			f(binValue(i), uint64(c))
		}
	}
}

// atRank returns the middle of the bin that holds the rank-th smallest value.
func (s Sketch) atRank(rank uint64) float64 {
	var seen uint64
	for i := s.from; i < len(s.counts); i++ {
		if seen += uint64(s.counts[i]); seen >= rank {
			return binValue(i)
		}
	}
	return binValue(len(s.counts) - 1)
}

func (s *Sketch) addBin(i int, c uint32) {
	s.reach(i+1, i)
	s.counts[i] += c
	s.n += uint64(c)
}

// reach makes room for bins from one up to before another.
func (s *Sketch) reach(to, from int) {
	if len(s.counts) == 0 {
		s.from = from
	}
	s.from = min(s.from, from)
	if to > len(s.counts) {
		s.counts = append(s.counts, make([]uint32, to-len(s.counts))...)
	}
}

func sketchBin(ms float64) int {
	if !(ms > sketchLow) { // also NaN
		return 0
	}
	return min(int(math.Ceil(num.Log(ms/sketchLow)/lnSketchRatio)), sketchBins-1)
}

// binValue is the point of a bin that is off from both edges by the same ratio.
func binValue(i int) float64 {
	if i == 0 {
		return sketchLow
	}
	return binEdge(i) * (2 / (1 + sketchRatio))
}

// binEdge is the upper edge of a bin in milliseconds.
func binEdge(i int) float64 {
	return sketchLow * num.Exp(float64(float64(i)*lnSketchRatio))
}

// sketchWire is a sketch in JSON: the sum in milliseconds and, for each bin in
// use, its index and its count, one after the other.
type sketchWire struct {
	Sum  float64  `json:"sum"`
	Bins []uint32 `json:"bins"`
}

// MarshalJSON writes the bins in use as [index, count, index, count, …].
func (s Sketch) MarshalJSON() ([]byte, error) {
	w := sketchWire{Sum: s.sum, Bins: []uint32{}}
	for i, c := range s.counts {
		if c > 0 {
			w.Bins = append(w.Bins, uint32(i), c)
		}
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON wrote and refuses anything else.
func (s *Sketch) UnmarshalJSON(b []byte) error {
	var w sketchWire
	if err := json.Unmarshal(b, &w); err != nil {
		return fault.Wrap(err, fault.Invalid, "sketch_malformed", "a sketch is an object with sum and bins")
	}
	if len(w.Bins)%2 != 0 || !(w.Sum >= 0 && w.Sum <= mostSum) {
		return fault.New(fault.Invalid, "sketch_malformed", "a sketch's bins are pairs of index and count")
	}
	*s = Sketch{sum: w.Sum}
	last := -1
	for i := 0; i < len(w.Bins); i += 2 {
		bin := int(w.Bins[i])
		if bin <= last || bin >= sketchBins {
			return fault.New(fault.Invalid, "sketch_malformed", "sketch bin %d is out of order or range", bin)
		}
		s.addBin(bin, w.Bins[i+1])
		last = bin
	}
	return nil
}
