package anytime

import (
	"math"
	"slices"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// Verdict is what a fixed-look rank test calls a metric.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass"
	High Verdict = "high"
	Low  Verdict = "low"
)

// MannWhitney is the verdict of Kayenta's Netflix judge on a metric's points, at one look: High when the lower limit of
// the confidence interval of the shift is above effect times the shift itself (Hodges and Lehmann), Low likewise. The
// interval is that of Wilcoxon's test with the normal approximation, ties and the correction for continuity. Points
// that are alike, or without any difference, pass.
func MannWhitney(canary, stable []float64, confidence, effect float64) Verdict {
	if len(canary) == 0 || len(stable) == 0 || slices.Equal(canary, stable) {
		return Pass
	}
	x, y := slices.Sorted(slices.Values(canary)), slices.Sorted(slices.Values(stable))
	z := num.Quantile(1 - (1-confidence)/2)
	low, high, shift := shiftAt(x, y, z), shiftAt(x, y, -z), shiftAt(x, y, 0)
	switch bound := effect * math.Abs(shift); {
	case math.IsNaN(shift) || math.IsNaN(low) || math.IsNaN(high):
		return Pass
	case low > bound:
		return High
	case high < -bound:
		return Low
	}
	return Pass
}

// shiftAt is the shift of x against y at which the standardized rank statistic is z: it falls as the shift grows.
func shiftAt(x, y []float64, z float64) float64 {
	least, most := x[0]-y[len(y)-1], x[len(x)-1]-y[0]
	above := func(shift float64) float64 { return rankStatistic(x, y, shift) - z }
	switch {
	case !(above(least) > 0):
		return least
	case !(above(most) < 0):
		return most
	}
	return root(least, most, func(shift float64) float64 { return -above(shift) })
}

// rankStatistic is Wilcoxon's, of x less shift against y, as a multiple of its standard deviation.
func rankStatistic(x, y []float64, shift float64) float64 {
	n, m := float64(len(x)), float64(len(y))
	u, ties := 0.0, 0.0
	count := func(list []float64, v, less float64) (below, same float64) {
		i, found := slices.BinarySearchFunc(list, v, func(e, v float64) int {
			switch e -= less; {
			case e < v:
				return -1
			case e > v:
				return 1
			}
			return 0
		})
		for j := i; found && j < len(list) && list[j]-less == v; j++ {
			same++
		}
		return float64(i), same
	}
	tied := func(v, k float64) { ties += (k*k*k - k) / k } // once for each of the k
	for _, v := range x {
		below, same := count(y, v-shift, 0)
		u += below + same/2
		_, own := count(x, v-shift, shift)
		tied(v, own+same)
	}
	for _, v := range y {
		_, own := count(y, v, 0)
		_, same := count(x, v, shift)
		tied(v, own+same)
	}
	d := u - n*m/2
	switch {
	case d > 0:
		d -= 0.5
	case d < 0:
		d += 0.5
	}
	all := n + m
	return d / math.Sqrt(n*m/12*(all+1-ties/(all*(all-1))))
}
