package judge

import "math"

// accounts is how many effects a wealth bets on at once.
const accounts = 9

// maxLog bounds every logarithm, and richest every wealth: enough for any decision,
// far from overflow. What falls below poorest is given up, which is always fair.
const (
	maxLog  = 600
	richest = 1e260
	poorest = 1e-290
)

// ratios are the effects that errors and slow requests are bet on, beyond the
// tolerance.
func ratios() [accounts]float64 { return [accounts]float64{1.15, 1.3, 1.6, 2, 3, 5, 10, 30, 100} }

// logRatios are the logarithms of ratios, written out because they are used at
// every block.
func logRatios() [accounts]float64 {
	return [accounts]float64{
		0.13976194237515868, 0.26236426446749106, 0.47000362924573563, 0.6931471805599453, 1.0986122886681098,
		1.6094379124341003, 2.302585092994046, 3.4011973816621555, 4.605170185988092,
	}
}

// prior is what each account starts with.
func prior() [accounts]float64 {
	return [accounts]float64{.05, .08, .14, .18, .18, .14, .11, .07, .05}
}

// A quarter of the wealth stays in reserve and is paid in by the minute: the
// mixture over the times at which a regression may begin.
const (
	invested = 0.75
	payments = 45
)

// wealth is a bettor's money: one account for each ratio, and the reserve. Its
// expectation never rises when the version is not worse.
type wealth struct {
	account [accounts]float64
	reserve float64
	paid    int
	total   float64
}

func newWealth() wealth {
	w := wealth{reserve: 1 - invested, total: 1}
	for i, q := range prior() {
		w.account[i] = invested * q
	}
	return w
}

// payIn moves one instalment from the reserve into the accounts.
func (w *wealth) payIn() {
	if w.paid == payments {
		return
	}
	w.paid++
	w.reserve = (1 - invested) * float64(payments-w.paid) / payments
	for i, q := range prior() {
		w.account[i] += (1 - invested) / payments * q
	}
	w.settle()
}

// bet multiplies each account by its factor.
func (w *wealth) bet(factor *[accounts]float64) {
	for i, f := range factor {
		a := min(w.account[i]*f, richest)
		if !(a > poorest) {
			a = 0
		}
		w.account[i] = a
	}
	w.settle()
}

// betLog is bet for factors given by their logarithms.
func (w *wealth) betLog(gain *[accounts]float64) {
	var factor [accounts]float64
	for i, g := range gain {
		factor[i] = math.Exp(min(g, maxLog))
	}
	w.bet(&factor)
}

func (w *wealth) settle() {
	w.total = w.reserve
	for _, a := range w.account {
		w.total += a
	}
	w.total = min(max(w.total, poorest), richest)
}

// instalments tells when a minute has passed.
type instalments struct {
	started bool
	next    int64
}

func (m *instalments) due(second int64) bool {
	if !m.started {
		m.started, m.next = true, second+60
		return false
	}
	if second < m.next {
		return false
	}
	m.next = second + 60
	return true
}

// null returns the share of failures that a version with the share v of the
// requests has when it is exactly rho times as bad as the other.
func null(v, rho float64) float64 { return v * rho / (v*rho + 1 - v) }

// likelihood fills gain with ln(r^c/d^k), d = w r + 1 - w: the likelihood ratio of
// "r times beyond the tolerance" against "at the tolerance" for c of k failures.
//
// Why it is fair: let requests fail independently, with p on the stable version
// and at most rho p on the canary, whatever p is in this second. A request
// multiplies the wealth on average by 1 - p + p/d on the stable version and by at
// most 1 - rho p + rho p r/d on the canary; weighted by v that is
// 1 + (p/d)(v rho (r - d) + (1 - v)(1 - d)) = 1, as w = v rho/(v rho + 1 - v).
// For given numbers of requests, v being their share, 1 + x <= e^x gives <= 1.
func likelihood(gain *[accounts]float64, c, k, w float64) {
	logs := logRatios()
	for i, r := range ratios() {
		gain[i] = c*logs[i] - k*math.Log1p(w*(r-1))
	}
}

// linear fills factor with 1 - f + f (c/k)/w, f = w (r-1)/d: the bet that is fair
// for any dependence inside the block, because it is linear in c and the mean of c
// is at most k w.
func linear(factor *[accounts]float64, c, k, w float64) {
	x := c/(k*w) - 1
	for i, r := range ratios() {
		f := w * (r - 1) / (1 + w*(r-1))
		factor[i] = 1 + f*x
	}
}

// logAdd returns ln(e^a + e^b).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	return a + math.Log1p(math.Exp(b-a))
}
