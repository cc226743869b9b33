package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// ProductBins is the layout in which Slipway's own sketches are judged: four sketch bins to one, from half a
// millisecond to about a minute.
func ProductBins() Bins {
	return Bins{Low: foldLow, Ratio: foldRatio, Count: foldCount}
}

// The product's layout on top of a Sketch's: where the first bin ends, how many sketch bins make one, and how many
// there are; and the edge and the ratio that follow from that, which are asked for every second.
const (
	foldFrom  = 116
	foldWidth = 4
	foldCount = 152
	foldLow   = 0.49726733147885094
	foldRatio = 1.08243216
)

// MaxBins bounds a layout, so that the state of a Judge is bounded.
const MaxBins = 160

// Fold adds a sketch's counts to into, which has one count for each bin of b, and returns it; a nil into is made.
// Each sketch bin goes into the bin that holds its middle, so with ProductBins nothing is split.
func (b Bins) Fold(s Sketch, into []uint32) []uint32 {
	if into == nil {
		into = make([]uint32, b.Count)
	}
	if s.n == 0 || b.Count == 0 {
		return into
	}
	if b == ProductBins() {
		s.foldProduct(into)
		return into
	}
	for i := s.from; i < len(s.counts); i++ {
		if n := s.counts[i]; n > 0 {
			addCount(&into[b.bin(binValue(i))], uint64(n))
		}
	}
	return into
}

// foldProduct folds into ProductBins, one of them after the other.
func (s *Sketch) foldProduct(into []uint32) {
	for i := s.from; i < len(s.counts); {
		at := min(max((i-foldFrom-1)/foldWidth, 0), foldCount-1) // sketch bin foldFrom+1 is the first above Low
		end := len(s.counts)
		if at < foldCount-1 {
			end = min(foldFrom+1+(at+1)*foldWidth, end)
		}
		n := uint64(0)
		for _, c := range s.counts[i:end] {
			n += uint64(c)
		}
		addCount(&into[at], n)
		i = end
	}
}

// addCount adds without wrapping around.
func addCount(to *uint32, n uint64) { *to = uint32(min(uint64(*to)+n, math.MaxUint32)) }

// bin is the bin of a duration in milliseconds.
func (b Bins) bin(ms float64) int {
	if !(ms > b.Low) || !(b.Ratio > 1) {
		return 0
	}
	return min(int(num.Log(ms/b.Low)/num.Log(b.Ratio)), b.Count-1)
}

// sane replaces a layout that can't be.
func (b Bins) sane() Bins {
	if !(b.Low > 0) || !(b.Ratio > 1.0001) || b.Ratio > 10 || b.Count < 2 || b.Count > MaxBins || math.IsInf(b.Low, 0) {
		return ProductBins()
	}
	return b
}

// quantile is the duration in milliseconds below which the fraction q of the counts lies; 0 when there are none.
// Within a bin it is interpolated along the logarithm.
func (b Bins) quantile(counts []float64, total, q float64) float64 {
	if !(total > 0) {
		return 0
	}
	rank, seen := float64(q*total), 0.0
	for i, n := range counts {
		if seen+n >= rank && n > 0 {
			return b.Low * num.Pow(b.Ratio, float64(i)+float64((rank-seen)/n))
		}
		seen += n
	}
	return b.Low * num.Pow(b.Ratio, float64(len(counts)))
}
