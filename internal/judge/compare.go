package judge

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Arm is what one version did in one tick.
type OldArm struct {
	Requests uint64
	Errors   uint64
	Latency  Sketch
}

// Tick is one second of both versions. The intended share of the changed version
// holds for the whole tick: a second in which it changed is left out by giving a
// share that is no share (NaN, 0 or 1), which bets nothing.
type OldTick struct {
	Second int64
	Share  float64 // 0 to 1
	Canary OldArm
	Stable OldArm
}

// Config says what a comparison looks for.
type OldConfig struct {
	Alpha        float64       // bound on the chance of ever calling a healthy version worse
	WorseErrors  float64       // 0.25: a rate up to 25 % higher is accepted; 0 or less: errors are not compared
	WorseLatency float64       // likewise for durations
	ColdStart    time.Duration // after each rise of the share latency is not judged for this long
	Before       Sketch        // durations before the comparison: where "slow" begins at first
}

// Account is one metric's evidence that the changed version is worse.
type Account struct {
	On      bool    `json:"on"`        // the metric is compared
	LogE    float64 `json:"log_e"`     // natural logarithm of the e-value now
	MaxLogE float64 `json:"max_log_e"` // of the largest one so far
	Units   uint64  `json:"units"`     // what the canary's evidence rests on: failed or slow requests
	Seconds uint64  `json:"seconds"`   // in so many different seconds
	Judged  uint64  `json:"judged"`    // requests of the canary that were compared
}

// Comparison is the answer of Compare. Every number is finite.
type Comparison struct {
	Errors  Account `json:"errors"`
	Latency Account `json:"latency"`
	LogE    float64 `json:"log_e"`     // of the weighted mean of the accounts
	MaxLogE float64 `json:"max_log_e"` // the largest so far: what Ville's inequality bounds

	Canary        OldTotals `json:"canary"`
	Stable        OldTotals `json:"stable"`
	Ratio         Interval  `json:"ratio"`           // error rate of the canary divided by that of the stable version
	WarmUntil     int64     `json:"warm_until"`      // Unix second from which latency is judged; 0 when it is
	MoreToBeSure  uint64    `json:"more_to_be_sure"` // canary requests until the evidence suffices; 0 unknown
	ExcessFailed  float64   `json:"excess_failed"`   // failed canary requests beyond the stable version's rate
	ExpectedShare float64   `json:"expected_share"`  // of the last judged tick
}

// Totals are sums over the compared ticks.
type OldTotals struct {
	Requests uint64  `json:"requests"`
	Errors   uint64  `json:"errors"`
	P95      float64 `json:"p95"` // milliseconds; 0 when there is none
	P95Low   float64 `json:"p95_low"`
	P95High  float64 `json:"p95_high"`
}

// Interval is an estimate with its limits. Known is false when there is nothing
// to estimate from; an open upper limit is Open.
type Interval struct {
	Known bool    `json:"known"`
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Open  bool    `json:"open"` // there is no upper limit yet
}

// The weights of the metrics in the total: fixed beforehand, so that their mean
// is an e-value whatever ties the metrics together (statistics: section 2.4).
const (
	oldWeightErrors  = 0.6
	oldWeightLatency = 0.4
)

// Sureness turns the largest e-value into what people read: 1 - 1/E, from 0 to 1.
func (c Comparison) Sureness() float64 { return 1 - math.Exp(-max(c.MaxLogE, 0)) }

// Compare judges the ticks, which must begin where the changed version first got
// traffic and be passed whole each time: over a sliding window the bound on false
// alarms would not hold. Ticks out of order are sorted.
//
// The bound: if requests fail independently of each other and the changed version
// is at most WorseErrors and WorseLatency worse, then the chance that MaxLogE ever
// reaches ln(1/Alpha), however often one looks, is at most Alpha. Shocks that hit
// both versions, drift and changes of the share cancel, because each tick is judged
// on where its errors fell and not on how many there were.
func Compare(ticks []OldTick, c OldConfig) Comparison {
	ticks = inOrder(ticks)
	var (
		out     Comparison
		errs    = newErrorBets(c)
		lat     = newLatencyBets(c)
		minutes instalments
	)
	out.Errors.On, out.Latency.On = c.WorseErrors > 0, c.WorseLatency > 0
	for _, t := range ticks {
		if out.Errors.On || out.Latency.On {
			if minutes.due(t.Second) {
				errs.payIn()
				lat.payIn()
			}
		}
		t = t.sane()
		lat.watch(t) // also of ticks that are not judged: they say what is slow
		if !(t.Share > 0 && t.Share < 1) {
			continue
		}
		out.ExpectedShare = t.Share
		out.Canary.add(t.Canary)
		out.Stable.add(t.Stable)
		if out.Errors.On {
			errs.tick(t, &out.Errors)
		}
		if out.Latency.On {
			lat.tick(t, &out.Latency)
		}
		out.combine()
	}
	canary, stable := lat.totals()
	out.Canary.p95(canary)
	out.Stable.p95(stable)
	out.Ratio = errs.interval(out.Canary, out.Stable)
	out.WarmUntil = lat.warmUntil(ticks)
	out.forecast(c, errs)
	return out
}

// combine renews the total from the accounts.
func (o *Comparison) combine() {
	switch {
	case o.Errors.On && o.Latency.On:
		o.LogE = logAdd(math.Log(oldWeightErrors)+o.Errors.LogE, math.Log(oldWeightLatency)+o.Latency.LogE)
	case o.Errors.On:
		o.LogE = o.Errors.LogE
	case o.Latency.On:
		o.LogE = o.Latency.LogE
	}
	o.MaxLogE = max(o.MaxLogE, o.LogE)
}

// forecast fills what follows from the sums: the harm so far, and how many more
// canary requests the evidence needs if the rates stay as they are.
func (o *Comparison) forecast(c OldConfig, errs *errorBets) {
	if o.Canary.Requests == 0 || o.Stable.Requests == 0 {
		return
	}
	ps := float64(o.Stable.Errors) / float64(o.Stable.Requests)
	o.ExcessFailed = float64(o.Canary.Errors) - ps*float64(o.Canary.Requests)
	missing := math.Log(1/validAlpha(c.Alpha)) - o.LogE
	if !o.Errors.On || missing <= 0 || !o.Ratio.Known {
		return
	}
	gain := errs.growth(o.ExpectedShare, float64(o.Canary.Errors)/float64(o.Canary.Requests), ps)
	if n := missing / gain; gain > 0 && n < 1e9 {
		o.MoreToBeSure = uint64(math.Ceil(n))
	}
}

func (t *OldTotals) add(a OldArm) {
	t.Requests += a.Requests
	t.Errors += a.Errors
}

// p95 fills the quantile with its 95 % band; nothing is known of no durations.
func (t *OldTotals) p95(s Sketch) {
	if s.Count() == 0 {
		return
	}
	t.P95 = s.Quantile(0.95)
	t.P95Low, t.P95High = s.QuantileBand(0.95, 1.96)
}

// sane bounds what a hostile source may claim: no more errors than requests, no
// count that could overflow a sum.
func (t OldTick) sane() OldTick {
	const most = 1 << 40
	for _, a := range []*OldArm{&t.Canary, &t.Stable} {
		a.Requests = min(a.Requests, most)
		a.Errors = min(a.Errors, a.Requests)
	}
	return t
}

func inOrder(ticks []OldTick) []OldTick {
	bySecond := func(a, b OldTick) int { return cmp.Compare(a.Second, b.Second) }
	if slices.IsSortedFunc(ticks, bySecond) {
		return ticks
	}
	ticks = slices.Clone(ticks)
	slices.SortStableFunc(ticks, bySecond)
	return ticks
}

func validAlpha(a float64) float64 {
	if !(a > 0 && a < 1) {
		return 0.01
	}
	return a
}
