package judge

import (
	"cmp"
	"math"
	"slices"
)

// cells sums failures by the share under which they fell: with the likelihood
// ratio of independent failures the sums of each share are all that counts.
// Kept in the order of the share, so that the same counts give the same last digit.
type cells []cell

type cell struct {
	v    float64
	c, k uint64
}

func (m *cells) add(v float64, c, k uint64) {
	i, found := slices.BinarySearchFunc(*m, v, func(x cell, v float64) int { return cmp.Compare(x.v, v) })
	if !found {
		*m = slices.Insert(*m, i, cell{v: v})
	}
	(*m)[i].c += c
	(*m)[i].k += k
}

// The effects that a limit of the interval bets on, above and below it.
func above() [4]float64 { return [4]float64{1.3, 2, 4, 10} }
func below() [4]float64 { return [4]float64{0.85, 0.6, 0.3, 0.1} }

// intervalMiss is the chance that the interval ever misses the ratio, both sides.
const intervalMiss = 0.05

// interval is a confidence sequence for the ratio of the error rates: the ratios
// that neither a bettor on "more" nor one on "less" has won 2/intervalMiss against.
// It holds at every look (Ville). Its limits are the wider ones of the two ways to
// take the share.
func (e *errorBets) interval(canary, stable OldTotals) Interval {
	e.close()
	if canary.Requests == 0 || stable.Requests == 0 || canary.Errors+stable.Errors == 0 {
		return Interval{}
	}
	const lowest, highest = -7, 7 // natural logarithms: 1/1000 to 1000
	low, high := float64(highest), float64(lowest)
	for _, m := range []cells{e.byMeant, e.bySeen} {
		low = min(low, limit(lowest, highest, func(x float64) bool { return !m.refutes(math.Exp(x), above()) }))
		high = max(high, limit(lowest, highest, func(x float64) bool { return m.refutes(math.Exp(x), below()) }))
	}
	out := Interval{Known: true, Low: math.Exp(low), High: math.Exp(high), Open: high >= highest-0.01}
	if low <= lowest+0.01 {
		out.Low = 0
	}
	pc, ps := float64(canary.Errors)/float64(canary.Requests), float64(stable.Errors)/float64(stable.Requests)
	out.Value = out.Low
	if ps > 0 {
		out.Value = pc / ps
	} else {
		out.Open = true
	}
	return out
}

// refutes says whether the bets on the given multiples of ratio have won enough
// to give the ratio up.
func (m cells) refutes(ratio float64, multiples [4]float64) bool {
	sum := math.Inf(-1)
	for _, s := range multiples {
		var l float64
		for _, x := range m {
			l += float64(x.c)*math.Log(s) - float64(x.k)*math.Log1p(null(x.v, ratio)*(s-1))
		}
		sum = logAdd(sum, l)
	}
	return sum-math.Log(float64(len(multiples))) >= math.Log(2/intervalMiss)
}

// limit bisects for the point from which on the monotone ok holds.
func limit(low, high float64, ok func(float64) bool) float64 {
	if !ok(high) {
		return high
	}
	for range 24 {
		mid := (low + high) / 2
		if ok(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}
