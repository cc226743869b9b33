package story

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// What a canary's page says in words, in tables and in pictures is counted here from the same intervals, so that no
// story says two things of one release.

// failing hands out failures by a rate: what is less than one waits for the next interval.
type failing struct{ due float64 }

func (f *failing) of(requests, rate float64) uint64 {
	f.due += requests * max(rate, 0)
	n := max(math.Floor(f.due+0.5), 0)
	f.due -= n
	return uint64(n)
}

// point returns one interval with its 95 % intervals.
func point(at time.Time, requests float64, errors uint64, p95 float64) api.CanaryPoint {
	requests = math.Round(requests)
	rate := float64(errors) / requests
	const z = 1.96
	mid := (rate + z*z/(2*requests)) / (1 + z*z/requests)
	half := z / (1 + z*z/requests) * math.Sqrt(rate*(1-rate)/requests+z*z/(4*requests*requests))
	return api.CanaryPoint{
		At: at, Requests: uint64(requests), Errors: errors, Rate: rate, RateLow: max(mid-half, 0), RateHigh: mid + half,
		P50: p95 / 3, P95: p95, P95Low: p95 * (1 - 2/math.Sqrt(requests)), P95High: p95 * (1 + 3/math.Sqrt(requests)),
	}
}

// arms adds up what was compared until a time: intervals in which both versions had requests, without those of trouble
// that is not the new one's.
func arms(c api.Canary, until time.Time) (canary, stable api.ArmTotals) {
	beside := map[time.Time]api.CanaryPoint{}
	for _, p := range c.Stable {
		beside[p.At] = p
	}
	apart := func(at time.Time) bool {
		return slices.ContainsFunc(append(slices.Clone(c.Shared), c.Broken...), func(s api.Stretch) bool {
			return !at.Before(s.From) && at.Before(s.To)
		})
	}
	var slow, usual float64
	for _, p := range c.Canary {
		if q, ok := beside[p.At]; ok && !p.At.After(until) && !apart(p.At) {
			count(&canary, p)
			count(&stable, q)
			slow, usual = slow+p.P95*float64(p.Requests), usual+q.P95*float64(q.Requests)
		}
	}
	for arm, sum := range map[*api.ArmTotals]float64{&canary: slow, &stable: usual} {
		arm.Units = arm.Errors - arm.Errors/8 // some visitors fail twice
		arm.P95 = math.Round(sum / max(float64(arm.Requests), 1))
		arm.P50, arm.P99 = arm.P95/3, arm.P95*2
	}
	return canary, stable
}

func count(arm *api.ArmTotals, p api.CanaryPoint) {
	arm.Requests += p.Requests
	arm.Errors += p.Errors
}

const tolerated, weight = 1.25, 0.72 // of the error rate

// against weighs failed visitors as a judge would: their ratio, and the evidence that the new version is worse.
func against(canary, stable api.ArmTotals) (r api.Ratio, logE float64) {
	if stable.Units == 0 || canary.Requests == 0 {
		return r, 0
	}
	own, expected := float64(canary.Units), float64(stable.Units)/float64(stable.Requests)*float64(canary.Requests)
	some := max(own, 0.5)
	value, wide := own/expected, math.Exp(2.7*math.Sqrt(1/some+1/float64(stable.Units)))
	r = api.Ratio{Known: own > 0, Value: value, Low: value / wide, High: max(value, 1/expected) * wide, Open: own < 2,
		Anytime: true}
	logE = own*math.Log(max(value, 0.01)/tolerated) - own + expected*tolerated
	if value < tolerated {
		logE = -min(logE/4, 1)
	}
	return r, logE - 0.2*math.Log(1+own)
}

// total is the evidence of both metrics together.
func total(errors float64) float64 {
	return math.Log(weight*math.Exp(errors) + (1-weight)*calmLatency)
}

// calmLatency is the e-value of response times that say little.
const calmLatency = 0.9

// harm is how many requests failed beyond the stable version's rate, and how many of them no method could have spared.
func harm(canary, stable api.ArmTotals) (extra, least float64) {
	if stable.Errors == 0 {
		return 0, 0
	}
	expected := float64(stable.Errors) / float64(stable.Requests) * float64(canary.Requests)
	extra = max(float64(canary.Errors)-expected, 0)
	if ratio := float64(canary.Errors) / expected; ratio > tolerated {
		least = math.Log(100) * (ratio - 1) / (ratio*math.Log(ratio) - ratio + 1)
	}
	return extra, least
}

// lately is the error rate of the newest minute, and the 95th percentile of the newest interval.
func lately(points []api.CanaryPoint) (rate, p95 float64) {
	var arm api.ArmTotals
	for _, p := range points[max(len(points)-2, 0):] {
		count(&arm, p)
		p95 = p.P95
	}
	return float64(arm.Errors) / float64(max(arm.Requests, 1)), p95
}

// found is what the guard's limits say of the newest minute.
func found(c api.Canary) []api.Finding {
	rate, p95 := lately(c.Canary)
	level := func(v, warn, critical float64) (string, string, float64) {
		switch {
		case v >= critical:
			return "critical", "above", critical
		case v >= warn:
			return "warn", "above", warn
		}
		return "info", "below", warn
	}
	of, side, limit := level(rate, c.Limits.ErrorWarn, c.Limits.ErrorCritical)
	errors := api.Finding{Rule: "error_rate", Arm: "canary", Level: of, Value: rate, Limit: limit, Unit: "fraction",
		Sentence: fmt.Sprintf("Error rate %s, %s %s.", part(rate), side, part(limit))}
	of, side, limit = level(p95, c.Limits.LatencyWarn, c.Limits.LatencyCritical)
	slow := api.Finding{Rule: "latency_p95", Arm: "canary", Level: of, Value: p95, Limit: limit, Unit: "ms",
		Sentence: fmt.Sprintf("p95 is %.0f ms, %s %.0f ms.", p95, side, limit)}
	return []api.Finding{errors, slow, {Rule: "health", Arm: "canary", Level: "info", Limit: 3, Unit: "failures",
		Sentence: "Health is answered."}}
}

// part writes a fraction in percent.
func part(v float64) string {
	return strconv.FormatFloat(math.Round(v*1000)/10, 'g', -1, 64) + " %"
}

// thousands writes a number with its thousands apart.
func thousands(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10)
	}
	return thousands(n/1000) + fmt.Sprintf(",%03d", n%1000)
}

// failedOf writes "0.4 % of 4,610 requests".
func failedOf(points []api.CanaryPoint, since, until time.Time) string {
	var arm api.ArmTotals
	for _, p := range points {
		if !p.At.Before(since) && p.At.Before(until) {
			count(&arm, p)
		}
	}
	return part(float64(arm.Errors)/float64(max(arm.Requests, 1))) + " of " + thousands(arm.Requests)
}

// until leaves of a canary what was known at a time.
func until(c api.Canary, at time.Time) api.Canary {
	later := func(p api.CanaryPoint) bool { return p.At.After(at) }
	c.Canary = slices.DeleteFunc(slices.Clone(c.Canary), later)
	c.Measured = slices.DeleteFunc(slices.Clone(c.Measured), func(p api.SharePoint) bool { return p.At.After(at) })
	c.Evidence = slices.DeleteFunc(slices.Clone(c.Evidence), func(p api.EvidencePoint) bool { return p.At.After(at) })
	return c
}

// earlier moves a canary into the past.
func earlier(c api.Canary, by time.Duration) api.Canary {
	c.From, c.To = c.From.Add(-by), c.To.Add(-by)
	for _, list := range []*[]api.CanaryPoint{&c.Stable, &c.Canary} {
		*list = slices.Clone(*list)
		for i := range *list {
			(*list)[i].At = (*list)[i].At.Add(-by)
		}
	}
	for i := range c.Measured {
		c.Measured[i].At = c.Measured[i].At.Add(-by)
	}
	for i := range c.Health {
		c.Health[i].At = c.Health[i].At.Add(-by)
	}
	for i := range c.Shares {
		c.Shares[i].At = c.Shares[i].At.Add(-by)
	}
	for i := range c.Verdicts {
		c.Verdicts[i].At = c.Verdicts[i].At.Add(-by)
	}
	return c
}

// clock writes a time as sentences of the server have it.
func clock(at time.Time) string { return at.UTC().Format("15:04:05 UTC") }
