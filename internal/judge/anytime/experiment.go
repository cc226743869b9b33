package anytime

import (
	"math"

	"github.com/slipwayhq/slipway/internal/judge/num"
)

// Arm are the sums of a metric over the units of one arm of an experiment.
type Arm struct {
	N, Sum, SumSq float64
	raw           float64 // the mean before it was adjusted; 0: it was not
}

// Mean of the units.
func (a Arm) Mean() float64 { return a.Sum / a.N }

// scale is the mean that a lift is a part of: what was measured, not what was adjusted.
func (a Arm) scale() float64 {
	if a.raw != 0 {
		return a.raw
	}
	return a.Mean()
}

// Variance of the units, with n - 1.
func (a Arm) Variance() float64 { return (a.SumSq - a.Sum*a.Sum/a.N) / (a.N - 1) }

// Proportion is an arm in which good of n units did it.
func Proportion(good, n float64) Arm {
	p := good / n
	return Arm{N: n, Sum: good, SumSq: good*p + n*p*(1-p)*(n-1)/n} // so that the variance is p(1-p)
}

// Adjusted is an arm with, of each unit, the same metric from before the experiment (CUPED), and the sum of products.
type Adjusted struct {
	Arm
	Before Arm
	Cross  float64
}

func (a Adjusted) covariance() float64 { return (a.Cross - a.Sum*a.Before.Sum/a.N) / (a.N - 1) }

// Adjust takes from both arms what the time before explains: y - theta·x with the theta of both arms together (Deng,
// Xu, Kohavi and Walker, 2013).
func Adjust(a, b Adjusted) (Arm, Arm) {
	theta := (a.covariance()*a.N + b.covariance()*b.N) / (a.Before.Variance()*a.N + b.Before.Variance()*b.N)
	take := func(x Adjusted) Arm {
		mean := x.Mean() - theta*x.Before.Mean()
		variance := x.Variance() + theta*theta*x.Before.Variance() - 2*theta*x.covariance()
		return Arm{N: x.N, Sum: mean * x.N, SumSq: variance*(x.N-1) + mean*mean*x.N, raw: x.Mean()}
	}
	return take(a), take(b)
}

// Effect is a difference of b to a with its standard error.
type Effect struct {
	Value, Error float64
	N            float64 // units of both arms
	Freedom      float64 // degrees of freedom by Welch and Satterthwaite
}

// Absolute is the difference of the means.
func Absolute(a, b Arm) Effect {
	va, vb := a.Variance()/a.N, b.Variance()/b.N
	return Effect{
		Value: b.Mean() - a.Mean(), Error: math.Sqrt(va + vb), N: a.N + b.N,
		Freedom: (va + vb) * (va + vb) / (va*va/(a.N-1) + vb*vb/(b.N-1)),
	}
}

// Relative is the difference as a part of a's mean, with the error by the delta method.
func Relative(a, b Arm) Effect {
	e := Absolute(a, b)
	m, r := a.scale(), b.scale()/a.scale()
	e.Value /= m
	e.Error = math.Sqrt(b.Variance()/b.N+r*r*a.Variance()/a.N) / math.Abs(m)
	return e
}

// Tuning is the parameter of an asymptotic confidence sequence that is narrowest at n units (Waudby-Smith et al.:
// Time-uniform central limit theory, 2021, section 2 and appendix).
func Tuning(n, alpha float64) float64 {
	l := -2 * math.Log(alpha)
	return (l + math.Log1p(l)) / n
}

// Sequence is half the width of the two-sided asymptotic confidence sequence of an effect.
func (e Effect) Sequence(alpha, best float64) float64 {
	q := Tuning(best, alpha)
	k := e.N*q + 1
	return e.Error * math.Sqrt(e.N) * math.Sqrt(2*k/(e.N*e.N*q)*math.Log(math.Sqrt(k)/alpha))
}

// OneSided is the distance of the one-sided sequence's limit.
func (e Effect) OneSided(alpha, best float64) float64 {
	q := Tuning(best, 2*alpha)
	k := e.N*q + 1
	return e.Error * math.Sqrt(e.N) * math.Sqrt(2*k/(e.N*e.N*q)*math.Log1p(math.Sqrt(k)/(2*alpha)))
}

// SequenceP is the p-value of no effect that belongs to the two-sided sequence, at this look.
func (e Effect) SequenceP(alpha, best float64) float64 {
	q := Tuning(best, alpha)
	k := e.N*q + 1
	t := e.N * (e.Value / e.Error) * (e.Value / e.Error)
	return min(1, math.Sqrt(k)*math.Exp(-q*t/(2*k)))
}

// Greater is the one-sided t test at one look: the lower limit at 1 - alpha, and the p-value of no increase.
func (e Effect) Greater(alpha float64) (low, p float64) {
	return e.Value - studentQuantile(1-alpha, e.Freedom)*e.Error, student(-e.Value/e.Error, e.Freedom)
}

// MixtureRatio is the logarithm of the normal mixture likelihood ratio of an effect against none, with the variance
// tau of the mixture (Johari, Koomen, Pekelis and Walsh, 2017; Zhao et al., 2019).
func (e Effect) MixtureRatio(tau float64) float64 {
	v := e.Error * e.Error
	return math.Log(v/(v+tau))/2 + e.Value*e.Value*tau/(2*v*(v+tau))
}

// Multinomial are the log marginals of counts that came one by one: under fixed shares, and under shares that are
// drawn from a Dirichlet distribution. Their difference is the evidence against the shares (Lindon and Malek:
// Anytime-valid inference for multinomial count data, 2022).
func Multinomial(counts, shares, dirichlet []float64) (free, fixed float64) {
	var n, a float64
	for i, k := range counts {
		if k > 0 {
			fixed += k * num.Log(shares[i])
		}
		free += num.Lgamma(dirichlet[i]+k) - num.Lgamma(dirichlet[i])
		n, a = n+k, a+dirichlet[i]
	}
	return free + num.Lgamma(a) - num.Lgamma(a+n), fixed
}
