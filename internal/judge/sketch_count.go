package judge

import "math"

// AddCount counts n durations of so many milliseconds at once, for sources that have histograms of their own. What
// is negative or no number counts as 0.
func (s *Sketch) AddCount(ms float64, n uint32) {
	if n == 0 {
		return
	}
	if !(ms > 0) || math.IsInf(ms, 0) {
		ms = 0
	}
	s.addBin(sketchBin(ms), n)
	s.sum += float64(ms * float64(n))
}
