package judge

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/judge/num"
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
		middle := b.Low * num.Pow(b.Ratio, float64(b.bin(ms))+0.5)
		if low, high := middle/b.Ratio, middle*b.Ratio; ms > 0.5 && (ms < low || ms > high) {
			t.Errorf("%g ms is told as %g to %g", ms, low, high)
		}
	}
}

// What is known of the layouts beforehand is what would be computed, to the last bit.
func TestTheLayoutsAreWhatFollowsFromTheirRatio(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name      string
		got, want float64
	}{
		{"the ratio's logarithm", lnSketchRatio, num.Log(sketchRatio)},
		{"the first bin's edge", foldLow, binEdge(foldFrom)},
		{"the product's ratio", foldRatio, num.Pow(sketchRatio, foldWidth)},
	} {
		if x.got != x.want {
			t.Errorf("%s is %v, want %v", x.name, x.got, x.want)
		}
	}
}

// A version that always fails is told of without an exponent.
func TestAPartIsReadable(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{1: "100 %", 0.996: "100 %", 0.125: "12 %", 0.001: "0.1 %", 0: "0 %"} {
		if got := percent(x); got != want {
			t.Errorf("%g is %q, want %q", x, got, want)
		}
	}
}
