package guard

import (
	"fmt"
	"math"

	"github.com/slipwayhq/slipway/internal/judge"
)

// What the comparison needs beside its e-value before it takes a version back:
// failed or slow requests of the changed version, in different seconds.
const (
	fewestUnits     = 5
	fewestSlow      = 20
	fewestUnitTimes = 2
)

// suspicious is the e-value from which the share may not rise: at ten to one.
const suspicious = 10

// judgeBoth lets the judge compare the versions; it answers false when there is
// nothing to compare with.
func (x *exam) judgeBoth() (judge.Comparison, bool) {
	if x.alone() || x.rules.ErrorRate.WorseBy <= 0 && x.rules.LatencyP95.WorseBy <= 0 {
		return judge.Comparison{}, false
	}
	c := judge.Compare(x.ticksIn(x.start, x.end), judge.OldConfig{
		Alpha:        x.rules.Alpha,
		WorseErrors:  x.rules.ErrorRate.WorseBy,
		WorseLatency: x.rules.LatencyP95.WorseBy,
		ColdStart:    x.rules.ColdStart,
		Before:       x.ev.Baseline.Latency,
	})
	x.compare = &c
	return c, true
}

// comparison adds the findings of the judge.
func (x *exam) comparison() {
	c, ok := x.judgeBoth()
	if !ok {
		return
	}
	lead := "error_compare" // the metric that carries the total
	if c.Latency.On && (!c.Errors.On || c.Latency.MaxLogE > c.Errors.MaxLogE+math.Log(1.5)) {
		lead = "latency_compare"
	}
	if c.Errors.On {
		f := x.errorCompare(c)
		x.weigh(f, c, lead == f.Rule, c.Errors.Units >= fewestUnits && c.Errors.Seconds >= fewestUnitTimes)
	}
	if c.Latency.On {
		f := x.latencyCompare(c)
		// High traffic shows differences that nobody would go back for: the p95 itself must be beyond the tolerance.
		size := c.Stable.P95 > 0 && c.Canary.P95 > c.Stable.P95*(1+x.rules.LatencyP95.WorseBy)
		x.weigh(f, c, lead == f.Rule, size && c.Latency.Units >= fewestSlow && c.Latency.Seconds >= fewestUnitTimes)
	}
}

// weigh gives the leading finding its level by the total e-value.
func (x *exam) weigh(f Finding, c judge.Comparison, leads, enough bool) {
	if leads {
		f.Chance = math.Exp(-max(c.MaxLogE, 0))
	}
	switch {
	case leads && enough && c.MaxLogE >= math.Log(1/x.rules.Alpha):
		f.Level = Critical
		f.Sentence += fmt.Sprintf(" An equally good version looks so bad in less than 1 of %s releases.",
			thousands(uint64(min(math.Exp(c.MaxLogE), 1e6))))
		x.say(worse, f)
	case leads && c.LogE >= math.Log(suspicious):
		f.Level = Warn
		f.Sentence += " It looks worse, but that is not certain yet."
		if c.MoreToBeSure > 0 {
			f.Sentence += fmt.Sprintf(" About %s more would make it certain.", requests(c.MoreToBeSure))
		}
		x.say(doubt, f)
	default:
		x.say(fine, f)
	}
}

func (x *exam) errorCompare(c judge.Comparison) Finding {
	f := Finding{
		Rule: "error_compare", Arm: "both", Level: Info, Limit: 1 + x.rules.ErrorRate.WorseBy, Unit: "x",
		Known: c.Ratio.Known, Value: c.Ratio.Value, Requests: c.Canary.Requests, Errors: c.Canary.Errors,
		From: x.start, To: x.end,
	}
	f.Sentence = fmt.Sprintf("%s of %s failed on %s, %s of %s on %s.",
		thousands(c.Canary.Errors), requests(c.Canary.Requests), x.name(canary),
		thousands(c.Stable.Errors), thousands(c.Stable.Requests), x.name(stable))
	if c.Ratio.Known && c.Ratio.Low > 1 {
		f.Sentence += fmt.Sprintf(" That is at least %s times as often.", times(c.Ratio.Low))
	}
	return f
}

func (x *exam) latencyCompare(c judge.Comparison) Finding {
	f := Finding{
		Rule: "latency_compare", Arm: "both", Level: Info, Limit: 1 + x.rules.LatencyP95.WorseBy, Unit: "x",
		Requests: c.Latency.Judged, Errors: c.Latency.Units, From: x.start, To: x.end,
	}
	if c.Latency.Judged == 0 || c.Stable.P95 <= 0 {
		f.Sentence = "Response times were not compared yet."
		return f
	}
	f.Known, f.Value = true, c.Canary.P95/c.Stable.P95
	f.Sentence = fmt.Sprintf("1 in 20 requests takes longer than %s on %s, longer than %s on %s.",
		millis(c.Canary.P95), x.name(canary), millis(c.Stable.P95), x.name(stable))
	return f
}

// ruledOut says in words which regressions of the error rate the comparison has
// excluded and which it has not.
func (x *exam) ruledOut() string {
	c := x.compare
	if c == nil || !c.Errors.On {
		return ""
	}
	if c.Canary.Errors+c.Stable.Errors == 0 {
		if c.Canary.Requests == 0 {
			return ""
		}
		// No failure among n: a rate of 3/n or more would have shown one with 95 %.
		return fmt.Sprintf("No request failed on either version; an error rate of %s or more is ruled out.",
			percent(min(-math.Log(0.05)/float64(c.Canary.Requests), 1)))
	}
	if !c.Ratio.Known || c.Ratio.Open {
		return "How its error rate compares is not known yet."
	}
	steps := []float64{1.25, 1.5, 2, 3, 5, 10, 30, 100}
	for i, s := range steps {
		switch {
		case c.Ratio.High > s:
			continue
		case i == 0:
			return "25 % more errors or worse are ruled out."
		default:
			return fmt.Sprintf("%s errors or more are ruled out, %s are not.", moreErrors(s), moreErrors(steps[i-1]))
		}
	}
	return "How its error rate compares is not known yet."
}

func moreErrors(ratio float64) string {
	if ratio < 2 {
		return fmt.Sprintf("%.0f %% more", (ratio-1)*100)
	}
	return fmt.Sprintf("%s times as many", times(ratio))
}
