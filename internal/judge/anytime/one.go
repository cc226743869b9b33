// Package anytime holds statistics that keep their promise however often one looks, each written from its paper.
//
// They are here for two reasons. Methods of others are measured beside the judge, and must be the methods and not a
// caricature: every function reproduces published reference values to the digits given. And the guard asks what one
// version did against a rate that is known from before, where there is nothing to compare with at the same time.
//
// Everything is a function of sums: no state, no data, no clock. Logarithms are natural, and an e-value is returned
// as its logarithm.
package anytime

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// The effects that Above and Below bet on in equal parts, as multiples of the odds and of the rate.
func worse() [5]float64  { return [5]float64{1.3, 2, 4, 10, 40} }
func better() [5]float64 { return [5]float64{0.8, 0.6, 0.4, 0.2, 0} }

// Above is the evidence of bad of n trials that their rate is above limit: the logarithm of a mixture of likelihood
// ratios. While the rate of each trial, given what came before, is at most limit, its mean is at most 1, so that it
// ever exceeds 1/alpha with a chance of at most alpha (Ville). 0 without trials, and where limit is no rate.
func Above(n, bad uint64, limit float64) float64 {
	multiples := worse()
	return mixture(n, bad, limit, func(i int) float64 {
		odds := multiples[i] * limit / (1 - limit)
		return odds / (1 + odds)
	})
}

// Below is the evidence that the rate is below limit, likewise: its mean is at most 1 while the rate of each trial is
// at least limit.
func Below(n, bad uint64, limit float64) float64 {
	multiples := better()
	return mixture(n, bad, limit, func(i int) float64 { return multiples[i] * limit })
}

func mixture(n, bad uint64, limit float64, rate func(i int) float64) float64 {
	bad = min(bad, n)
	if n == 0 || !(limit > 0 && limit < 1) {
		return 0
	}
	sum := math.Inf(-1)
	for i := range 5 {
		q, l := rate(i), 0.0
		if bad > 0 {
			l += float64(float64(bad) * num.Log(q/limit)) // -Inf for a rate of 0: that bet is lost
		}
		l += float64(float64(n-bad) * (num.Log1p(-q) - num.Log1p(-limit)))
		sum = num.LogAdd(sum, l)
	}
	return sum - num.Log(5)
}

// MoreTrials is about how many trials more bring Below from have to need, if the rate is as it was when healthy; 0
// when it never does.
func MoreTrials(have, need, rate, limit float64) uint64 {
	if !(rate >= 0 && rate < limit && limit < 1) || have >= need {
		return 0
	}
	gain := float64((1 - rate) * (num.Log1p(-rate) - num.Log1p(-limit)))
	if rate > 0 {
		gain += float64(rate * num.Log(rate/limit))
	}
	return uint64(math.Ceil(min((need-have)/gain, 1e12)))
}
