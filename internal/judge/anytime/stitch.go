package anytime

import (
	"math"
	"slices"
)

// PolyStitching is the stitched bound of a sub-gamma sum of scale c at the intrinsic time v, tight from vMin on: it
// grows like the law of the iterated logarithm (Howard et al. 2021, theorem 1, with h(k) = k^1.4·zeta(1.4) and steps of
// factor 2).
func PolyStitching(v, alpha, vMin, c float64) float64 {
	const power, step = 1.4, 2.0
	v = max(v, vMin)
	k1, k2 := stitchConstants(step)
	l := power*math.Log(math.Log(step*v/vMin)) + math.Log(zeta(power)/(alpha*math.Pow(math.Log(step), power)))
	linear := k2 * c * l
	return math.Sqrt(k1*k1*v*l+linear*linear) + linear
}

func stitchConstants(step float64) (k1, k2 float64) {
	return (math.Pow(step, 0.25) + math.Pow(step, -0.25)) / math.Sqrt2, (math.Sqrt(step) + 1) / 2
}

// QuantileStitching bounds how far the number of t values below the p quantile is from p·t, at all times and for all p
// at once: stitching over time and over quantiles (Howard and Ramdas: Sequential estimation of quantiles, 2022, theorem
// 3, with the grid of logits 2·delta = 1 apart at tBest).
func QuantileStitching(p, t, alpha, tBest float64) float64 {
	const delta, power, step = 0.5, 1.4, 2.0
	t = max(t, tBest)
	logit := math.Log(p / (1 - p))
	r := p
	if p < 0.5 {
		r = min(0.5, 1/(1+math.Exp(-logit-2*delta*math.Sqrt(tBest*step/t))))
	}
	k1, k2 := stitchConstants(step)
	z := zeta(power)
	variance := r * (1 - r)
	grid := math.Sqrt(t/tBest)*math.Abs(logit)/(2*delta) + 1
	l := power*math.Log(math.Log(step*t/tBest)) + power*math.Log(grid) +
		math.Log(2*z*(2*z+1)/(alpha*math.Pow(math.Log(step), power)))
	linear := k2 * (1 - 2*p) / 3 * l
	return delta*math.Sqrt(step*t*variance/tBest) + math.Sqrt(k1*k1*variance*t*l+linear*linear) + linear
}

// EmpiricalProcess is how far the empirical distribution function of t values is from the true one anywhere, at any
// time from tMin on, with a chance of at most alpha: a·sqrt((ln ln(e·t/tMin) + C)/t) (there: theorem 2).
func EmpiricalProcess(t, alpha, tMin, a float64) float64 {
	if t < tMin {
		return math.Inf(1)
	}
	return EmpiricalBand(t, tMin, a, EmpiricalConstant(alpha, a))
}

// EmpiricalBand is EmpiricalProcess with a constant that is known.
func EmpiricalBand(t, tMin, a, c float64) float64 {
	return a * math.Sqrt((math.Log1p(math.Log(t/tMin))+c)/t)
}

// EmpiricalConstant is the smallest C of that band whose chance of an error is alpha.
func EmpiricalConstant(alpha, a float64) float64 {
	return root(1, 100, func(c float64) float64 {
		gamma := func(eta float64) float64 { return math.Sqrt(2/eta) * (a - math.Sqrt(2*(eta-1)/c)) }
		widest := root(1, 2*a*a, func(eta float64) float64 { return 1 - gamma(eta) })
		miss := func(eta float64) float64 {
			g := gamma(eta)
			if !(g > 1) {
				return math.Inf(1)
			}
			return 4 * math.Exp(-g*g*c) * (1 + 1/((g*g-1)*math.Log(eta)))
		}
		return alpha - miss(lowest(1, widest, miss))
	})
}

// QuantileTest is the p-value, valid at any time, of the hypothesis that two arms have the same p quantile (there:
// section 6): for each value that it might have, both arms' evidence against it multiplied; the least of them counts. A
// two-sided beta-binomial mixture, best at tBest values, is the evidence of an arm. Both lists are ordered.
func QuantileTest(p float64, a, b []float64, tBest, alphaBest float64) float64 {
	m := BetaBinomial(tBest*p*(1-p), alphaBest, p, 1-p, false)
	least := math.Inf(1)
	for _, at := range [2][]float64{a, b} {
		for _, x := range at {
			least = min(least, againstQuantile(m, p, a, x)+againstQuantile(m, p, b, x))
		}
	}
	return min(1, math.Exp(-least))
}

// againstQuantile is the evidence against x being the p quantile: of the parts between those below and those not above
// x the one that speaks least.
func againstQuantile(m Mixture, p float64, values []float64, x float64) float64 {
	n := float64(len(values))
	from, found := slices.BinarySearch(values, x)
	to := from
	for found && to < len(values) && values[to] == x {
		to++
	}
	part := func(f float64) float64 { return m((f-p)*n, p*(1-p)*n) }
	low, high := float64(from)/n, float64(to)/n
	least := lowest(0, 1, part)
	return part(min(max(least, low), high))
}
