package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// tolerance is how much slower the canary may be: by a ratio, and by some milliseconds where that is more. A canary's
// durations are compared as if they were so much shorter, and what is slow for it begins so much later.
type tolerance struct {
	bins  Bins
	ratio step
	slack float64 // milliseconds
	ends  float64 // the ratio is the larger one beyond these milliseconds
	down  [MaxBins]step
}

// step is a way in bins: whole ones and the rest.
type step struct {
	whole int
	part  float64
}

func stepOf(bins float64) step {
	whole := int(bins)
	return step{whole, bins - float64(whole)}
}

func newTolerance(b Bins, worse, slack float64) tolerance {
	rho := 1 + max(worse, 0)
	t := tolerance{bins: b, ratio: stepOf(num.Log(rho) / num.Log(b.Ratio)), slack: max(slack, 0)}
	t.ends = math.Inf(1)
	if rho > 1 {
		t.ends = t.slack / (rho - 1)
	}
	for i := range t.down {
		t.down[i] = t.ratio
		// A bin becomes several where much is taken off: all of it counts as its fastest, in the canary's favor.
		if ms := float64(b.Low * num.Pow(b.Ratio, float64(i))); t.slack > 0 && ms < float64(t.ends*rho) {
			t.down[i] = step{i, 0}
			if less := ms - t.slack; less > b.Low {
				t.down[i].whole -= int(num.Log(less/b.Low) / num.Log(b.Ratio))
			}
		}
	}
	return t
}

// up is where the canary's durations begin that count like the stable version's from a bin on.
func (t *tolerance) up(bin int) step {
	edge := float64(t.bins.Low * num.Pow(t.bins.Ratio, float64(bin)))
	if t.slack > 0 && edge < t.ends {
		return t.later(bin)
	}
	return step{bin + t.ratio.whole, t.ratio.part}
}

// later is up by the milliseconds alone.
func (t *tolerance) later(bin int) step {
	if t.slack == 0 {
		return step{bin, 0}
	}
	edge := float64(t.bins.Low * num.Pow(t.bins.Ratio, float64(bin)))
	return stepOf(num.Log((edge+t.slack)/t.bins.Low) / num.Log(t.bins.Ratio))
}
