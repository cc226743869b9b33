package judge

import "github.com/slipwayhq/slipway/internal/judge/num"

// mostTrials bounds the work of an exact test; beyond it counts are halved, which
// makes a difference look less sure.
const mostTrials = 1 << 30

// BinomialTail returns how likely it is that x of n trials with the chance p turn
// out as far from the mean as x, on the side of x.
func BinomialTail(x, n uint64, p float64) float64 {
	x = min(x, n)
	for n > mostTrials {
		x, n = x/2, n/2
	}
	if !(p > 0 && p < 1) || n == 0 {
		return 1
	}
	q := num.Exp(num.Choose(n, x) + float64(float64(x)*num.Log(p)) + float64(float64(n-x)*num.Log1p(-p)))
	sum := q
	if float64(x) > float64(n)*p {
		for i := x; i < n && q > sum*1e-12; i++ {
			q = float64(q * (float64(n-i) / float64(i+1) * p / (1 - p)))
			sum += q
		}
		return min(sum, 1)
	}
	for i := x; i > 0 && q > sum*1e-12; i-- {
		q = float64(q * (float64(i) / float64(n-i+1) * (1 - p) / p))
		sum += q
	}
	return min(sum, 1)
}

// BinomialUpper returns the one-sided 95 % limit of a chance by which k of n happened (Clopper and Pearson).
func BinomialUpper(k, n int) float64 { return BinomialLimit(k, n, 0.05) }

// BinomialLimit is the one-sided limit of a chance by which k of n happened that is missed with the given chance.
func BinomialLimit(k, n int, miss float64) float64 {
	if k >= n {
		return 1
	}
	low, high := float64(k)/float64(n), 1.0
	for range 60 {
		p := (low + high) / 2
		if atMost(k, n, p) > miss {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// atMost is the chance of at most k of n.
func atMost(k, n int, p float64) float64 {
	sum := 0.0
	for i := range k + 1 {
		sum += num.Exp(num.Choose(uint64(n), uint64(i)) + float64(float64(i)*num.Log(p)) +
			float64(float64(n-i)*num.Log1p(-p)))
	}
	return sum
}

// WaldLimit returns how many canary requests any test of level alpha needs on
// average to see the error rate p1 against the stable rate p0 at the share v
// (statistics: section 1.7).
func WaldLimit(p0, p1, v, alpha float64) float64 {
	m := float64(v*p1) + float64((1-v)*p0)
	return num.Log(1/alpha) / (kl(p1, m) + float64((1-v)/v*kl(p0, m)))
}

// kl is the Kullback-Leibler divergence of two coins.
func kl(p, q float64) float64 {
	out := 0.0
	if p > 0 {
		out += float64(p * num.Log(p/q))
	}
	if p < 1 {
		out += float64((1 - p) * num.Log((1-p)/(1-q)))
	}
	return out
}
