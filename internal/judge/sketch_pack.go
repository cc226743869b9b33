package judge

import (
	"encoding/binary"
	"math"

	"github.com/slipwayhq/slipway/internal/fault"
)

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

// AppendPacked appends the sketch as bytes: the sum, how many bins are in use, and for each how far it is from the one
// before and its count.
func (s Sketch) AppendPacked(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(s.sum))
	used := 0
	for _, c := range s.counts {
		if c > 0 {
			used++
		}
	}
	b = binary.AppendUvarint(b, uint64(used))
	last := -1
	for i, c := range s.counts {
		if c > 0 {
			b = binary.AppendUvarint(b, uint64(i-last))
			b = binary.AppendUvarint(b, uint64(c))
			last = i
		}
	}
	return b
}

// ReadPacked reads what AppendPacked wrote, and returns what comes after it.
func ReadPacked(b []byte) (Sketch, []byte, error) {
	bad := fault.New(fault.Invalid, "sketch_malformed", "a packed sketch is cut off or out of range")
	if len(b) < 8 {
		return Sketch{}, nil, bad
	}
	s := Sketch{sum: math.Float64frombits(binary.BigEndian.Uint64(b))}
	b = b[8:]
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			b = nil
			return math.MaxUint64
		}
		b = b[n:]
		return v
	}
	bin := -1
	used := next()
	if used > sketchBins || !(math.Abs(s.sum) <= mostSum) {
		return Sketch{}, nil, bad
	}
	for range used {
		step, count := next(), next()
		if step == 0 || step > sketchBins || count == 0 || count > math.MaxUint32 || bin+int(step) >= sketchBins {
			return Sketch{}, nil, bad
		}
		bin += int(step)
		s.addBin(bin, uint32(count))
	}
	return s, b, nil
}
