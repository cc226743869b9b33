package judge

// longest bounds one duration in milliseconds, four months: so the sum of any number of them is finite.
const longest = 1e10

// AddCount counts n durations of so many milliseconds at once, for sources that have histograms of their own. What
// is negative or no number counts as 0.
func (s *Sketch) AddCount(ms float64, n uint32) {
	if n == 0 {
		return
	}
	if !(ms > 0) {
		ms = 0
	}
	ms = min(ms, longest)
	s.addBin(sketchBin(ms), n)
	s.sum += float64(ms * float64(n))
}

// SketchBins is the layout of every Sketch, for sources that count by bins themselves: see SketchOf.
func SketchBins() Bins {
	return Bins{Low: sketchLow / sketchRatio, Ratio: sketchRatio, Count: sketchBins}
}

// SketchOf makes a sketch of counts in the layout SketchBins. They belong to the sketch from then on.
func SketchOf(counts []uint32) Sketch {
	counts = counts[:min(len(counts), sketchBins)]
	s := Sketch{}
	for len(counts) > 0 && counts[len(counts)-1] == 0 {
		counts = counts[:len(counts)-1]
	}
	for s.from < len(counts) && counts[s.from] == 0 {
		s.from++
	}
	if s.counts = counts; len(counts) == 0 {
		return Sketch{}
	}
	ms := binValue(s.from)
	for _, c := range counts[s.from:] {
		s.n += uint64(c)
		s.sum += float64(float64(c) * ms)
		ms = float64(ms * sketchRatio)
	}
	return s
}
