package anytime

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// Mixture is the logarithm of a test supermartingale of a sum s at the intrinsic time v: its mean is at most 1 at any
// time, so it ever exceeds 1/alpha with a chance of at most alpha (Howard, Ramdas, McAuliffe and Sekhon: Time-uniform,
// nonparametric, nonasymptotic confidence sequences, 2021; sections 3.2 to 3.4).
type Mixture func(s, v float64) float64

// Rho is the parameter of a two-sided mixture whose bound of level alpha is about as narrow as it can be at the
// intrinsic time v (there: proposition 3). A one-sided one asks with twice alpha.
func Rho(v, alpha float64) float64 {
	l := 2 * math.Log(1/alpha)
	return v / (l + math.Log1p(l))
}

// Bound is what the sum exceeds at no time with a chance of more than alpha: where the mixture reaches 1/alpha, at
// most limit.
func (m Mixture) Bound(v, alpha, limit float64) float64 {
	threshold := -math.Log(alpha)
	high := v
	for i := 0; math.IsInf(limit, 1) && i < 60 && m(high, v) < threshold; i++ {
		high *= 2
	}
	if !math.IsInf(limit, 1) {
		high = limit
	}
	if m(high, v) < threshold {
		return high
	}
	return root(0, high, func(s float64) float64 { return m(s, v) - threshold })
}

// TwoSidedNormal mixes over N(0, 1/rho): for sub-Gaussian sums.
func TwoSidedNormal(rho float64) Mixture {
	return func(s, v float64) float64 { return math.Log(rho/(v+rho))/2 + s*s/(2*(v+rho)) }
}

// OneSidedNormal mixes over the positive half of N(0, 1/rho).
func OneSidedNormal(rho float64) Mixture {
	two := TwoSidedNormal(rho)
	return func(s, v float64) float64 { return math.Ln2 + two(s, v) + math.Log(normal(s/math.Sqrt(v+rho))) }
}

// GammaExponential mixes over a gamma distribution cut at 1/c: for sub-exponential sums of scale c, one-sided.
func GammaExponential(rho, c float64) Mixture {
	a := rho / (c * c)
	constant := a*math.Log(a) - num.Lgamma(a) - lowerGamma(a, a)
	return func(s, v float64) float64 {
		t, k := (c*s+v)/(c*c), (v+rho)/(c*c)
		return constant + num.Lgamma(k) + lowerGamma(k, t+a) - k*math.Log(t+a) + t
	}
}

// GammaPoisson does so for sub-Poisson sums of scale c.
func GammaPoisson(rho, c float64) Mixture {
	a := rho / (c * c)
	constant := a*math.Log(a) - num.Lgamma(a) - upperGamma(a, a)
	return func(s, v float64) float64 {
		k := (v + rho) / (c * c)
		t := s/c + k
		return constant + num.Lgamma(t) + upperGamma(t, k) - t*math.Log(k) + v/(c*c)
	}
}

// BetaBinomial mixes over a beta distribution: for sums of values between -g and h with mean at most 0, which count
// g·h of intrinsic time each; one-sided it is cut at the null. A sum is at most v/g.
func BetaBinomial(vBest, alphaBest, g, h float64, oneSided bool) Mixture {
	alpha, x := alphaBest, 1.0
	if oneSided {
		alpha, x = 2*alphaBest, h/(g+h)
	}
	r := max(Rho(vBest, alpha)-g*h, 1e-3*g*h)
	whole := logIncompleteBeta(r/(g*(g+h)), r/(h*(g+h)), x)
	return func(s, v float64) float64 {
		up, down := (v+h*s)/(h*(g+h)), (v-g*s)/(g*(g+h)) // trials at h and at -g
		null := v/(g*h)*math.Log(g+h) - up*math.Log(g) - down*math.Log(h)
		return null + logIncompleteBeta(down+r/(g*(g+h)), up+r/(h*(g+h)), x) - whole
	}
}

// BernoulliInterval is a confidence sequence for the rate of good of n trials: what no two-sided beta-binomial mixture,
// best at tBest trials, refutes.
func BernoulliInterval(good, n uint64, alpha, tBest float64) (low, high float64) {
	seen, trials := float64(good)/float64(n), float64(n)
	against := func(p float64) float64 {
		m := BetaBinomial(p*(1-p)*tBest, 0.05, p, 1-p, false)
		return m((seen-p)*trials, p*(1-p)*trials) + math.Log(alpha)
	}
	low, high = 0, 1
	const edge = 1e-12
	if good > 0 {
		low = root(edge, seen, func(p float64) float64 { return -against(p) })
	}
	if good < n {
		high = root(seen, 1-edge, against)
	}
	return low, high
}
