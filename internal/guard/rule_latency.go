package guard

import (
	"fmt"

	"github.com/slipwayhq/slipway/internal/guard/past"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// fewestDurations is what a p95 needs: three requests above it. A strategy that
// asks for fewer requests gets by with so many, but not with less than a p95 has.
const (
	fewestDurations = past.FewestDurations
	leastDurations  = 20
)

// enoughDurations is how many durations a p95 must rest on.
func (x *exam) enoughDurations() uint64 {
	return min(max(x.rules.MinRequests, leastDurations), fewestDurations)
}

// latencyP95 answers the limits on the 95th percentile for one version.
func (x *exam) latencyP95(arm string, bs *side) Finding {
	limits := x.rules.LatencyP95
	f := Finding{Rule: "latency_p95", Arm: arm, Level: Info, Limit: limits.Warn, Unit: "ms"}
	if f.Limit <= 0 {
		f.Limit = limits.Critical
	}
	window := x.windows(x.rules.Window, 1)
	from, warm := x.since(), x.warmFrom()
	if arm == canary {
		from = max(from, warm)
	}
	var s judge.Sketch
	for _, n := range []int64{window, 5 * window, x.reach()} { // with little traffic, as far back as it takes
		f.From, f.To = max(x.end-n, from), x.end
		if s = bs.durations(f.From, f.To); s.Count() >= x.enoughDurations() {
			break
		}
	}
	f.Requests = s.Count()
	switch {
	case arm == canary && x.end <= warm:
		f.Sentence = fmt.Sprintf("%s is warming up: response times count in %s.", x.capital(arm), span(warm-x.end+1))
		return f
	case s.Count() < x.enoughDurations():
		f.Sentence = fmt.Sprintf("%s had %s in the last %s, too few for response times.",
			x.capital(arm), requests(s.Count()), span(f.To-f.From))
		return f
	}
	f.Known, f.Value = true, s.Quantile(0.95)
	f.Sentence = "95 % of the requests of " + x.name(arm) + " were answered within " + millis(f.Value) + "."
	critical := x.criticalLatency()
	switch {
	case critical > 0 && f.Value > critical && x.slowFor(bs, from, critical):
		f.Level, f.Limit = Critical, critical
	case limits.Warn > 0 && f.Value > limits.Warn:
		f.Level, f.Limit = Warn, limits.Warn
	default:
		return f
	}
	f.Errors = s.CountAbove(f.Limit)
	f.Sentence = fmt.Sprintf("%s is slow: 1 in 20 requests takes longer than %s; the limit is %s.",
		x.capital(arm), millis(f.Value), millis(f.Limit))
	return f
}

// criticalLatency is the limit against the normal period.
func (x *exam) criticalLatency() float64 { return slowLimit(x.rules.LatencyP95, x.usual()) }

// slowLimit is the lower of the limit and the spike against a normal period.
func slowLimit(limits Limits, normal metric.Bucket) float64 {
	if base := normal.Latency; limits.Spike > 0 && base.Count() >= 200 {
		if spike := limits.Spike * base.Quantile(0.95); limits.Critical <= 0 || spike < limits.Critical {
			return spike
		}
	}
	return limits.Critical
}

// slowFor says whether the p95 was above critical for all of For, over the whole
// and over each half, like the error rate.
func (x *exam) slowFor(bs *side, from int64, critical float64) bool {
	if seconds(x.rules.LatencyP95.For) == 0 {
		return true
	}
	length := x.windows(x.rules.LatencyP95.For, 2) // each half needs a whole bucket
	begin, middle := x.end-length, x.end-length/2
	if begin < from || tenthsWithRequests(bs, begin, x.end) < 8 {
		return false
	}
	for _, s := range []judge.Sketch{bs.durations(begin, middle), bs.durations(middle, x.end)} {
		if s.Count() == 0 || !(s.Quantile(0.95) > critical) {
			return false
		}
	}
	return true
}

// warmFrom is the second from which durations of the changed version count: some
// time after the last rise of the share.
func (x *exam) warmFrom() int64 {
	rise, last := x.start, 0.0
	for _, c := range x.shares {
		if c.Share > last {
			rise = max(rise, ceilSecond(c.At))
		}
		last = c.Share
	}
	return rise + seconds(max(x.rules.ColdStart, 0))
}

// chanceOfSlow is the same for requests that took longer than the limit.
func (x *exam) chanceOfSlow(f Finding) float64 {
	return x.chance(f, func(b *metric.Bucket) (uint64, uint64) {
		return b.Latency.Count(), b.Latency.CountAbove(f.Limit)
	})
}
