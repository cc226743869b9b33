// Package num has the functions of analysis that the judge needs, so that they give the same bits on every machine.
//
// The standard library's differ in their last digits from processor to processor: some are written in assembly, one
// asks at run time what the processor can do, and where a processor can multiply and add in one step the compiler
// makes use of that. A verdict that is recomputed elsewhere would then differ from the one that was stored. These
// functions use additions, multiplications and divisions only, and round after each: a product is converted to
// float64 before anything is added to it, which forbids the single step. They are right to about fifteen digits.
package num

import "math"

// ln 2 in two parts: the first has so few digits that its small multiples are exact.
const (
	ln2High = 6.93147180136293172836e-01
	ln2Low  = 4.2365213658092841052e-10
)

// Log returns the natural logarithm of x: -Inf at 0, NaN below.
func Log(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	bits := math.Float64bits(x)
	m, e := math.Float64frombits(bits&^(0x7ff<<52)|1022<<52), int(bits>>52)-1022
	if bits>>52 == 0 { // too small for the usual form
		m, e = math.Frexp(x)
	}
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	return float64(float64(e)*ln2High) + (ratio(m-1) + float64(float64(e)*ln2Low))
}

// Log1p returns ln(1+x), also of x near 0.
func Log1p(x float64) float64 {
	if x > -0.29 && x < 0.41 {
		return ratio(x)
	}
	return Log(1 + x)
}

// ratio is ln(1+x) = 2 artanh(x/(2+x)) for x of -0.293 to 0.415: the polynomial is the best one for what follows the
// first term, in the square.
func ratio(x float64) float64 {
	s := x / (2 + x)
	z := float64(s * s)
	y := float64(z * z)
	even := 0.33333333333333348477 + float64(y*(0.14285714313047945769+
		float64(y*(0.090914452783478017639+float64(y*0.073085187743958250731)))))
	odd := 0.19999999999949619489 + float64(y*(0.11111105557572080752+float64(y*0.076658370150839309258)))
	p := float64(z * (even + float64(z*odd)))
	return 2 * (s + float64(s*p))
}

// Exp returns e^x: 0 far below, +Inf far above.
func Exp(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 710:
		return math.Inf(1)
	case x < -746:
		return 0
	}
	n, r := halves(x)
	m := 1 + tail(r)
	switch {
	case n > 1023:
		return float64(m*power(1023)) * power(n-1023)
	case n < -1022:
		return float64(m*power(n+100)) * power(-100)
	}
	return m * power(n)
}

// Expm1 returns e^x - 1, also of x near 0.
func Expm1(x float64) float64 {
	if x > -0.34 && x < 0.34 {
		return tail(x)
	}
	return Exp(x) - 1
}

// halves splits x in n ln 2 + r with r as near to 0 as can be.
func halves(x float64) (n int, r float64) {
	n = int(float64(x*(1/math.Ln2)) + math.Copysign(0.5, x))
	return n, (x - float64(float64(n)*ln2High)) - float64(float64(n)*ln2Low)
}

// power is 2^n for n of -1022 to 1023.
func power(n int) float64 { return math.Float64frombits(uint64(n+1023) << 52) }

// tail is e^r - 1 for r of -0.347 to 0.347: the polynomial is the best one for what follows r.
func tail(r float64) float64 {
	y := float64(r * r)
	even := 0.5 + float64(y*(0.041666666666623741555+float64(y*(0.0013888888917406445626+
		float64(y*(0.000024801520996825695798+float64(y*2.7620230567506897894e-7)))))))
	odd := 0.16666666666666667462 + float64(y*(0.0083333333333300321239+float64(y*(0.00019841269863201828392+
		float64(y*(2.7557268229963225661e-6+float64(y*2.5100494788905040488e-8)))))))
	return r + float64(y*(even+float64(r*odd)))
}

// Pow returns x^y of a positive x.
func Pow(x, y float64) float64 { return Exp(float64(y * Log(x))) }

// LogAdd returns ln(e^a + e^b).
func LogAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(a, -1) {
		return a
	}
	return a + Log1p(Exp(b-a))
}

// Lgamma returns the logarithm of the gamma function of a positive x, by Stirling's series.
func Lgamma(x float64) float64 {
	if !(x > 0) || x > math.MaxFloat64 {
		return math.Inf(1)
	}
	product := 1.0
	for x < 12 {
		product *= x
		x++
	}
	z := 1 / float64(x*x)
	series := 1.0/12 - float64(z*(1.0/360-float64(z*(1.0/1260-float64(z*(1.0/1680-float64(z*(1.0/1188))))))))
	const half = 0.91893853320467274178 // ln(2 pi) / 2
	return (float64((x-0.5)*Log(x)) - x) + half + series/x - Log(product)
}

// Choose returns the logarithm of the binomial coefficient.
func Choose(n, k uint64) float64 {
	return Lgamma(float64(n)+1) - Lgamma(float64(k)+1) - Lgamma(float64(n-k)+1)
}

// Quantile returns the point below which the part u of the normal distribution lies, for u of 1e-6 to 1 - 1e-6: by
// Newton's steps, from the series of the distribution function.
func Quantile(u float64) float64 {
	if u < 0.5 {
		return -Quantile(1 - u)
	}
	u = min(u, 1-1e-6)
	z := 0.0
	for range 40 {
		density := Exp(-float64(z*z)/2) / math.Sqrt(2*math.Pi)
		term, sum := z, z
		for k := 3.0; term > float64(sum*1e-17); k += 2 {
			term = float64(term*float64(z*z)) / k
			sum += term
		}
		z += (u - 0.5 - float64(density*sum)) / density
	}
	return z
}
