package judge

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// intervalMiss is the chance that the interval ever misses the ratio, both sides.
const intervalMiss = 0.05

// The logarithms of the ratios that are looked through for the interval's limits, and into how many equal parts they
// are divided: a limit is the first of the points between where the bets are lost or won.
const (
	lowest, highest = -5.0, 5.0
	points          = 1 << 24
)

// bounds are the limits that were found last, as points: the next ones are not far from them.
type bounds struct {
	low, high int
	old       bool // there were failures since
}

// bet is an effect that a limit of the interval bets on.
type bet struct{ times, log float64 }

// above and below are the effects that are bet on above and below a ratio.
func above() [4]bet { return bets([4]float64{1.3, 2, 4, 10}) }
func below() [4]bet { return bets([4]float64{0.85, 0.6, 0.3, 0.1}) }

func bets(times [4]float64) (out [4]bet) {
	for i, m := range times {
		out[i] = bet{m, num.Log(m)}
	}
	return out
}

// interval is a confidence sequence for the ratio of the rates of failed visitors: the ratios that neither a bettor
// on "more" nor one on "less" has won 2/intervalMiss against. It holds at every look (Ville).
func (e *errorEvidence) interval(tot [2]armTotals) Interval {
	c, s := tot[0], tot[1]
	if c.requests == 0 || s.requests == 0 || c.units+s.units == 0 {
		return Interval{}
	}
	if e.known.old || e.known.high == 0 {
		up, down := above(), below()
		e.known.low = firstPoint(e.known.low, func(x float64) float64 { return -e.won(num.Exp(x), &up) })
		e.known.high = firstPoint(e.known.high, func(x float64) float64 { return e.won(num.Exp(x), &down) })
		e.known.old = false
	}
	low, high := point(e.known.low), point(e.known.high)
	out := Interval{Known: true, Low: num.Exp(low), High: num.Exp(high), Open: high >= highest-0.01}
	if low <= lowest+0.01 {
		out.Low = 0
	}
	if ps := over(s.units, s.requests); ps > 0 {
		out.Value = over(c.units, c.requests) / ps
	} else {
		out.Value, out.Open = out.Low, true
	}
	return out
}

// won is the logarithm of what the bets on multiples of a ratio have won, beyond what it takes to give the ratio up.
func (e *errorEvidence) won(ratio float64, on *[4]bet) float64 {
	sum := math.Inf(-1)
	for _, b := range on {
		l := 0.0
		for _, x := range e.cells[:e.used] {
			l += float64(x.c*b.log) - float64(x.k*num.Log1p(share(x.v, ratio)*(b.times-1)))
		}
		sum = num.LogAdd(sum, l)
	}
	return sum - num.Log(float64(len(on))) - num.Log(2/intervalMiss)
}

func point(i int) float64 { return lowest + float64(float64(i)*((highest-lowest)/points)) }

// firstPoint returns the first point from 1 on at which the rising f is not negative, the last one when there is none.
// It is the same wherever the search begins: between a point where f is negative and the next, where it is not. The
// secant through the ends of what is left comes near it, and halving keeps it from creeping.
func firstPoint(from int, f func(float64) float64) int {
	low, high := 0, points
	fLow, fHigh := math.NaN(), f(point(points))
	if fHigh < 0 || math.IsNaN(fHigh) {
		return points
	}
	try := func(i int) {
		if y := f(point(i)); y < 0 {
			low, fLow = i, y
		} else {
			high, fHigh = i, y
		}
	}
	if from <= 0 || from >= points {
		from = points / 2
	}
	for step := 1 << 10; high-low > 1 && (low == 0 || high == points); step <<= 3 { // bracket it, beginning nearby
		if try(min(max(from, low+1), high-1)); low == 0 {
			from = high - step
		} else {
			from = low + step
		}
		if step >= points {
			break
		}
	}
	for n := 0; high-low > 1; n++ {
		i := (low + high) / 2
		if n%3 != 2 && !math.IsNaN(fLow) {
			i = low + int(math.Ceil(float64(high-low)*(-fLow/(fHigh-fLow))))
		}
		try(min(max(i, low+1), high-1))
	}
	return high
}
