package judge

import (
	"testing"
	"time"
)

// A sketch is judged in the bins that its durations belong to: what is told of them is not off by a bin.
func TestASketchFoldsIntoTheBinsOfItsDurations(t *testing.T) {
	t.Parallel()
	b := ProductBins()
	for _, ms := range []float64{0.2, 0.51, 0.55, 1, 7.7, 80, 217, 1000, 30000} {
		var s Sketch
		s.Add(time.Duration(ms * float64(time.Millisecond)))
		counts := b.Fold(s, nil)
		if counts[b.bin(ms)] != 1 {
			t.Errorf("%g ms is not in bin %d: %v", ms, b.bin(ms), counts)
		}
		if low, high := b.value(b.bin(ms))/b.Ratio, b.value(b.bin(ms))*b.Ratio; ms > 0.5 && (ms < low || ms > high) {
			t.Errorf("%g ms is told as %g to %g", ms, low, high)
		}
	}
}
