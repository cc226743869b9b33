package plot

import (
	"math"
	"strconv"
	"strings"
)

// scale maps values to 0 (bottom) … 1 (top).
type scale struct {
	low, high float64 // finite, low < high; positive when log
	log       bool
	ticks     []float64
	step      float64 // between ticks, 0 when log
}

// at returns the place of v, which may lie outside of 0 … 1.
func (s scale) at(v float64) float64 {
	if s.log {
		return math.Log(max(v, s.low/1e6)/s.low) / math.Log(s.high/s.low)
	}
	return (v - s.low) / (s.high - s.low)
}

// linear returns a scale that holds low and high and ends on ticks.
func linear(low, high float64, ticks int) scale {
	if least := max(math.Abs(low), math.Abs(high)) * 1e-9; !(high-low > least) {
		high = low + max(math.Abs(low)*0.1, 1e-9)
	}
	step := nice((high - low) / float64(max(ticks, 1)))
	s := scale{low: math.Floor(low/step+1e-9) * step, high: math.Ceil(high/step-1e-9) * step, step: step}
	if !(s.high > s.low) { // the step is below the precision of the values
		s.high = s.low + step
	}
	for i := range 20 {
		v := s.low + float64(i)*step
		if v > s.high+step/2 {
			break
		}
		if math.Abs(v) < step/1e6 {
			v = 0
		}
		s.ticks = append(s.ticks, v)
	}
	return s
}

// logarithmic returns a scale that holds low and high, which must be positive, with
// ticks at 1, 2 and 5 times powers of ten, or at the powers alone over many decades.
func logarithmic(low, high float64) scale {
	low = max(low, 1e-12)
	high = max(high, low*1.5)
	s := scale{low: low / 1.05, high: high * 1.05, log: true}
	first, last := math.Floor(math.Log10(s.low)), math.Ceil(math.Log10(s.high))
	multiples := []float64{1, 2, 5}
	if last-first > 3 {
		multiples = multiples[:1]
	}
	stride := max(1, math.Ceil((last-first)/8))
	for e := first; e <= last; e += stride {
		for _, m := range multiples {
			if v := m * math.Pow(10, e); v >= s.low && v <= s.high {
				s.ticks = append(s.ticks, v)
			}
		}
	}
	if len(s.ticks) < 2 { // a narrow range between two such ticks
		s.ticks = nil
		for _, v := range linear(low, high, 3).ticks {
			if v >= s.low && v <= s.high {
				s.ticks = append(s.ticks, v)
			}
		}
	}
	return s
}

// nice rounds a step up to 1, 2, 2.5 or 5 times a power of ten.
func nice(step float64) float64 {
	if !(step > 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if step <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// write returns a value with its unit, to two or three significant digits; step, when it
// is not 0, is the distance of the ticks, which share their decimals.
func (u Unit) write(v, step float64) string {
	const space = "\u00a0"
	switch u {
	case Fraction:
		return number(v*100, step*100) + space + "%"
	case Percent:
		return number(v, step) + space + "%"
	case Milliseconds:
		if math.Abs(v) >= 1000 || step >= 1000 {
			return number(v/1000, step/1000) + space + "s"
		}
		return number(v, step) + space + "ms"
	case Times:
		return number(v, step) + "×"
	default:
		return number(v, step)
	}
}

// number writes v with a comma between thousands.
func number(v, step float64) string {
	decimals := 0
	if a := math.Abs(v); step > 0 {
		for decimals < 9 && math.Abs(step*math.Pow10(decimals)-math.Round(step*math.Pow10(decimals))) > 1e-6 {
			decimals++
		}
	} else if a > 0 && a < 100 {
		decimals = 2 - int(math.Floor(math.Log10(a)))
		if a < 1 {
			decimals = min(decimals-1, 6)
		}
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if step <= 0 && decimals > 0 {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	if strings.Trim(s, "-0.") == "" {
		return "0"
	}
	whole, rest, dotted := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dotted {
		whole += "." + rest
	}
	if s[0] == '-' {
		return "−" + whole
	}
	return whole
}
