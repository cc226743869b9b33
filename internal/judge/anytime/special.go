package anytime

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// normal is the distribution function of the normal distribution.
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// lowerGamma and upperGamma are the logarithms of the regularized incomplete gamma functions P and Q of a > 0 at
// x >= 0: by the power series of P below a+1, by the continued fraction of Q (Lentz's way) above, and as one minus the
// other where that loses nothing.
func lowerGamma(a, x float64) float64 {
	if x < a+1 {
		return gammaSeries(a, x)
	}
	return math.Log1p(-math.Exp(gammaFraction(a, x)))
}

func upperGamma(a, x float64) float64 {
	if x < a+1 {
		return math.Log1p(-math.Exp(gammaSeries(a, x)))
	}
	return gammaFraction(a, x)
}

func gammaSeries(a, x float64) float64 {
	if x <= 0 {
		return math.Inf(-1)
	}
	term := 1 / a
	sum := term
	for k := 1; k < 100_000 && term > sum*1e-17; k++ {
		term *= x / (a + float64(k))
		sum += term
	}
	return a*math.Log(x) - x - num.Lgamma(a) + math.Log(sum)
}

func gammaFraction(a, x float64) float64 {
	const tiny = 1e-300
	b := x + 1 - a
	c, d := 1/tiny, 1/b
	h := d
	for i := 1; i < 100_000; i++ {
		an := float64(i) * (a - float64(i))
		b += 2
		d = 1 / away(an*d+b, tiny)
		c = away(b+an/c, tiny)
		h *= c * d
		if math.Abs(c*d-1) < 1e-16 {
			break
		}
	}
	return a*math.Log(x) - x - num.Lgamma(a) + math.Log(h)
}

// away keeps a divisor from 0.
func away(x, tiny float64) float64 {
	if math.Abs(x) < tiny {
		return tiny
	}
	return x
}

// logBeta is the logarithm of the beta function.
func logBeta(a, b float64) float64 { return num.Lgamma(a) + num.Lgamma(b) - num.Lgamma(a+b) }

// logIncompleteBeta is the logarithm of the incomplete beta function (not divided by the whole) at x of 0 to 1.
func logIncompleteBeta(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return math.Inf(-1)
	case x >= 1:
		return logBeta(a, b)
	case x > (a+1)/(a+b+2): // the other end's fraction is the one that converges
		whole := logBeta(a, b)
		return whole + math.Log1p(-math.Exp(betaFraction(b, a, 1-x)-whole))
	}
	return betaFraction(a, b, x)
}

func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	c, d := 1.0, 1/away(1-(a+b)*x/(a+1), tiny)
	h := d
	for m := 1.0; m < 100_000; m++ {
		for _, n := range [2]float64{
			m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)),
		} {
			d = 1 / away(1+n*d, tiny)
			c = away(1+n/c, tiny)
			h *= c * d
		}
		if math.Abs(c*d-1) < 1e-16 {
			break
		}
	}
	return a*math.Log(x) + b*math.Log1p(-x) - math.Log(a) + math.Log(h)
}

// student is the distribution function of Student's t with a number of degrees of freedom.
func student(t, freedom float64) float64 {
	tail := math.Exp(logIncompleteBeta(freedom/2, 0.5, freedom/(freedom+t*t))-logBeta(freedom/2, 0.5)) / 2
	if t < 0 {
		return tail
	}
	return 1 - tail
}

// studentQuantile is the point below which the part u lies.
func studentQuantile(u, freedom float64) float64 {
	return root(-1e3, 1e3, func(t float64) float64 { return student(t, freedom) - u })
}

// zeta is Riemann's zeta function of s > 1: a sum, and the rest by Euler and Maclaurin.
func zeta(s float64) float64 {
	const n = 20.0
	sum := 0.0
	for k := 1.0; k < n; k++ {
		sum += math.Pow(k, -s)
	}
	rest := math.Pow(n, 1-s)/(s-1) + math.Pow(n, -s)/2
	rest += s / 12 * math.Pow(n, -s-1)
	rest -= s * (s + 1) * (s + 2) / 720 * math.Pow(n, -s-3)
	rest += s * (s + 1) * (s + 2) * (s + 3) * (s + 4) / 30240 * math.Pow(n, -s-5)
	return sum + rest
}

// root bisects for where f changes its sign from negative to positive between low and high.
func root(low, high float64, f func(float64) float64) float64 {
	for range 200 {
		mid := low + (high-low)/2
		if f(mid) < 0 {
			low = mid
		} else {
			high = mid
		}
	}
	return low + (high-low)/2
}

// lowest finds where f, which falls and then rises, is smallest between low and high: by the golden section.
func lowest(low, high float64, f func(float64) float64) float64 {
	const golden = 0.6180339887498949
	a, b := high-golden*(high-low), low+golden*(high-low)
	fa, fb := f(a), f(b)
	for range 120 {
		if fa <= fb {
			high, b, fb = b, a, fa
			a = high - golden*(high-low)
			fa = f(a)
		} else {
			low, a, fa = a, b, fb
			b = low + golden*(high-low)
			fb = f(b)
		}
	}
	return low + (high-low)/2
}
