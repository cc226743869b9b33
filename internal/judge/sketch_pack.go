package judge

import "math"

// Packed is a sketch folded up to be kept: four bytes for each bin in use.
type Packed struct {
	bins []uint32 // bin in the upper 10 bits, count in the lower 22; a large count takes several
	n    uint64
	sum  float64
}

const packedCount = 1<<22 - 1

// Pack folds the sketch up.
func (s Sketch) Pack() Packed {
	p := Packed{n: s.n, sum: s.sum}
	used := 0
	for _, c := range s.counts {
		used += int((uint64(c) + packedCount - 1) / packedCount)
	}
	p.bins = make([]uint32, 0, used)
	for i, c := range s.counts {
		for ; c > 0; c -= min(c, packedCount) {
			p.bins = append(p.bins, uint32(i)<<22|min(c, packedCount))
		}
	}
	return p
}

// Count returns how many durations the sketch holds.
func (p Packed) Count() uint64 { return p.n }

// Unpack returns the sketch as it was.
func (p Packed) Unpack() Sketch {
	var s Sketch
	p.AddTo(&s)
	return s
}

// AddTo merges the packed sketch into s.
func (p Packed) AddTo(s *Sketch) {
	if n := len(p.bins); n > 0 {
		s.reach(int(p.bins[n-1]>>22)+1, int(p.bins[0]>>22))
	}
	for _, b := range p.bins {
		s.counts[b>>22] += b & packedCount
	}
	s.n += p.n
	if sum := s.sum + p.sum; !math.IsNaN(sum) {
		s.sum = sum
	}
}
