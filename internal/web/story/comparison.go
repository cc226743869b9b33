package story

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// compared returns a verdict in a state of the comparison; its numbers are those of the canary.
func compared(of api.Canary, state, word, action, sentence string) *api.Verdict {
	v := verdict(word, action, sentence)
	v.State, v.Findings = state, found(of)
	own, old := arms(of, Now())
	c := &api.Comparison{
		Alpha: 0.01, Mode: "calm", ModeWhy: "Failures of this app scatter like independent events.",
		Canary: own, Stable: old, Shared: []api.Stretch{},
	}
	c.Says.Compared = thousands(own.Requests) + " requests of v2 are compared with " + thousands(old.Requests) + " of v1."
	ratio, logE := against(own, old)
	slower := own.P95 / max(old.P95, 1)
	c.Metrics = []api.MetricEvidence{
		{Name: "errors", Role: "decide", Leads: true, Weight: weight, Tolerated: tolerated, Unit: "fraction",
			Canary: share(own), Stable: share(old), Units: own.Units, Judged: own.Requests, Ratio: ratio, LogE: logE,
			E: math.Exp(logE)},
		{Name: "latency", Role: "decide", Weight: 1 - weight, Tolerated: 1.1, Unit: "ms", Canary: own.P95, Stable: old.P95,
			Judged: own.Requests - own.Errors, Ratio: api.Ratio{Known: true, Value: slower, Low: slower * 0.95,
				High: slower * 1.06}, RuledOut: 1.5, LogE: math.Log(calmLatency), E: calmLatency},
	}
	v.Requests, v.More = own.Requests, 0
	if n := len(of.Evidence); n > 0 {
		c.LogE, c.MaxLogE = of.Evidence[n-1].LogE, of.Evidence[n-1].MaxLogE
	}
	c.E, v.Sureness = math.Exp(c.LogE), 1-math.Exp(-max(c.MaxLogE, 0))
	c.Harm, c.HarmFloor = harm(own, old)
	c.Says.Sure, c.Says.Harm = sure(c.MaxLogE), harmed(c.Harm, c.HarmFloor)
	v.Comparison = c
	v.Exposure = &api.UserMinutes{Spent: 2140, Budget: 3000, Rate: 212}
	inState(v, state)
	return v
}

// inState adds what a state alone says.
func inState(v *api.Verdict, state string) {
	c := v.Comparison
	switch state {
	case "warming":
		warming(v)
	case "watching":
		excluded(c)
		c.Next = &api.NextShare{Share: 100, Excluded: 2, Have: 7.1, Need: 60, More: 1400, MoreSecs: 200, Decides: true}
		v.Lacks = "Before 100 %, 2 times as many errors must be ruled out: the evidence for that is 7.1 of 60, which takes " +
			"about 1,400 more requests of v2 (3 min at this share) if it is no worse."
		c.Says.Needs, v.ClearedTo = v.Lacks, 50
	case "safe":
		c.RuledOut = 2
		c.Says.RuledOut = "Ruled out: 2 times as many errors or more, all that must be."
		v.ClearedTo = 100
	case "suspicious":
		excluded(c)
		c.More, c.MoreSecs = 640, 91
		c.Says.RuledOut = atLeast(c) + " " + c.Says.RuledOut
		c.Says.Needs = "Needs about 640 more requests of v2 (91 s at this share) to be certain, if nothing changes."
	case "bad":
		c.RuledOut, c.Open = 0, 10
		c.Says.RuledOut = atLeast(c)
		c.Says.Needs = "Nothing more is needed: the evidence suffices, and it stays so."
	case "blind":
		c.RuledOut, c.Open = 10, 5
		c.Says.Sure = "While the measurement is broken nothing new is known of v2."
		c.Says.RuledOut = "Ruled out: 10 times as many errors or more. Not yet ruled out: 5 times."
		c.Says.Needs = "Needs a measurement that works: while it is broken nothing is known."
	}
}

// excluded says which effects are ruled out: what the ratio does not reach, and never all of them.
func excluded(c *api.Comparison) {
	c.Open = 2
	for _, x := range []float64{3, 5, 10} {
		if c.RuledOut = x; c.Metrics[0].Ratio.High < x {
			break
		}
		c.Open = x
	}
	c.Says.RuledOut = fmt.Sprintf("Ruled out: %g times as many errors or more. Not yet ruled out: %g times.", c.RuledOut,
		c.Open)
}

func share(arm api.ArmTotals) float64 { return float64(arm.Units) / float64(max(arm.Requests, 1)) }

// atLeast says how bad it is beyond doubt.
func atLeast(c *api.Comparison) string {
	return fmt.Sprintf("At least %.1f times as many errors as v1.", c.Metrics[0].Ratio.Low)
}

// sure says how sure it is that a version is worse, as the guard does.
func sure(maxLogE float64) string {
	chance := math.Exp(-max(maxLogE, 0))
	if chance > 0.5 {
		return "Nothing speaks against v2."
	}
	whole, how := 100.0, fmt.Sprintf("%.0f %%", math.Floor(100-100*chance))
	for chance*whole < 1 {
		whole *= 10
	}
	if chance < 0.01 {
		how = fmt.Sprintf("%.1f %%", math.Floor(1000-1000*chance)/10)
	}
	if chance < 0.001 {
		how = "More than 99.9 %"
	}
	return fmt.Sprintf("%s sure that v2 is worse: a healthy version would look this bad in at most %.0f of %s releases, "+
		"however often we look.", how, math.Ceil(chance*whole), thousands(uint64(whole)))
}

// harmed says what a version cost, as the guard does.
func harmed(extra, least float64) string {
	if extra < 0.5 {
		return "No request failed beyond the rate of v1."
	}
	return fmt.Sprintf("About %.0f requests failed that would not have failed on v1; to know of a fault of this size "+
		"costs about %.0f at least, by any method.", extra, max(least, 1))
}

// warming is a canary of a few seconds: little is known, and caches are cold.
func warming(v *api.Verdict) {
	c := v.Comparison
	c.Metrics[0].Ratio = api.Ratio{Known: true, Low: 0, High: 88, Open: true, Anytime: true}
	c.Metrics[1].Canary, c.Metrics[1].Judged, c.Metrics[1].Ratio = 0, 0, api.Ratio{}
	c.WarmUntil = ptr(Now().Add(62 * time.Second))
	c.Open = 10
	c.Next = &api.NextShare{Share: 10, Excluded: 10, Have: 1.2, Need: 10, More: 380, MoreSecs: 109, Decides: true}
	v.Sureness = 0
	v.Lacks = "Before 10 %, 10 times as many errors must be ruled out: the evidence for that is 1.2 of 10, which takes " +
		"about 380 more requests of v2 (109 s at this share) if it is no worse."
	c.Says.RuledOut, c.Says.Needs = "Nothing is ruled out yet, not even 10 times as many errors.", v.Lacks
}

// signals adds custom metrics of every role and unit.
func signals(v *api.Verdict) *api.Verdict {
	c := v.Comparison
	c.Metrics[0].Weight, c.Metrics[1].Weight = 0.45, 0.25
	add := func(m api.MetricEvidence, e float64) {
		m.E, m.LogE = e, math.Log(e)
		c.Metrics = append(c.Metrics, m)
	}
	ratio := func(v, low, high float64) api.Ratio { return api.Ratio{Known: true, Value: v, Low: low, High: high} }
	add(api.MetricEvidence{Name: "conversion", Role: "decide", Weight: 0.2, Tolerated: 0.9, Higher: true,
		Unit: "fraction", Judged: 900, Canary: 0.031, Stable: 0.032, Ratio: ratio(0.97, 0.61, 1.54)}, 0.8)
	add(api.MetricEvidence{Name: "largest_contentful_paint", Role: "decide", Weight: 0.1, Tolerated: 1.1, Unit: "ms",
		Judged: 810, Canary: 1840, Stable: 1790, Ratio: ratio(1.03, 1.03, 1.03)}, 1.3)
	add(api.MetricEvidence{Name: "basket", Role: "signal", Tolerated: 1, Higher: true, Unit: "€", Judged: 28,
		Canary: 41.2, Stable: 47.9, Ratio: ratio(0.86, 0.86, 0.86)}, 24)
	add(api.MetricEvidence{Name: "session_abandonment", Role: "signal", Unit: "fraction"}, 1)
	return v
}

// evidence adds how the comparison stood over time.
func evidence(c api.Canary) api.Canary {
	high := 0.0
	for _, p := range c.Canary {
		own, old := arms(c, p.At)
		ratio, errors := against(own, old)
		e := total(errors)
		high = max(high, e)
		c.Evidence = append(c.Evidence, api.EvidencePoint{At: p.At, State: "watching", LogE: e, MaxLogE: high, Ratio: ratio})
	}
	c.Limits.Suspicious, c.Limits.TakeBack, c.Limits.Tolerated = 10, 100, tolerated
	for _, s := range c.Shares {
		c.Warming = append(c.Warming, api.Stretch{From: s.At, To: s.At.Add(75 * time.Second), Why: "cold caches"})
	}
	return c
}

// shared lets both versions be in trouble from four minutes ago on.
func shared(c api.Canary) api.Canary {
	c.Stable, c.Canary = slices.Clone(c.Stable), slices.Clone(c.Canary)
	s := api.Stretch{From: before(4 * time.Minute), To: Now(),
		Why: "both versions failed more often than usual"}
	c.Shared = []api.Stretch{s}
	for _, list := range [][]api.CanaryPoint{c.Stable, c.Canary} {
		for i, p := range list {
			if !p.At.Before(s.From) && p.At.Before(s.To) {
				list[i] = point(p.At, float64(p.Requests), p.Errors*6+p.Requests*45/1000, p.P95*2.2)
			}
		}
	}
	return c
}

// outlook is what a canary of the stories can know before it begins.
func outlook() *api.Outlook {
	effects := func(scale float64, bake float64) []api.OutlookEffect {
		var out []api.OutlookEffect
		for _, e := range []api.OutlookEffect{
			{Name: "2 times as many errors", Ratio: 2, Requests: 4230, Seconds: 483, Harm: 21},
			{Name: "3 times as many errors", Ratio: 3, Requests: 1360, Seconds: 155, Harm: 14},
			{Name: "5 times as many errors", Ratio: 5, Requests: 436, Seconds: 50, Harm: 9},
			{Name: "10 times as many errors", Ratio: 10, Requests: 138, Seconds: 16, Harm: 6},
			{Name: "half of all requests fail", Ratio: 101, Requests: 10, Seconds: 2, Harm: 5},
		} {
			e.Seconds = math.Ceil(e.Seconds / scale)
			e.Within = e.Seconds <= bake
			out = append(out, e)
		}
		return out
	}
	o := &api.Outlook{
		Known: true, Rate: 175.3, Errors: 0.005,
		Sentence: "At 175 requests a second and 0.5 % errors, a canary of 5 % over 5 min sees 3 times as many errors " +
			"(after about 3 min), but not 2 times as many errors: that needs about 9 min.",
	}
	o.Shares = []api.OutlookShare{
		{Share: 5, BakeSeconds: 300, Sentence: o.Sentence, Effects: effects(1, 300)},
		{Share: 10, BakeSeconds: 600, Sentence: o.Sentence, Effects: effects(2, 600)},
		{Share: 25, BakeSeconds: 600, Sentence: o.Sentence, Effects: effects(5, 600)},
	}
	return o
}

// brokenStable is v2 held to the past of v1, which is broken itself.
func brokenStable(v *api.Verdict, of api.Canary) *api.Verdict {
	since := of.Broken[0].From
	v.Mode, v.StableBroken, v.StableHealthy = "broken_stable", ptr(since), ptr(since.Add(-time.Minute))
	c := v.Comparison
	v.Lacks = "Before 25 %, more must be known: v1 is broken, and v2 is held to its past."
	c.Says.Needs, c.Next, v.ClearedTo = v.Lacks, nil, 0
	v.Findings = append([]api.Finding{{Rule: "error_history", Arm: "canary", Level: "info",
		Sentence: failedOf(of.Canary, since, Now()) + " requests failed on v2 since " + clock(since) + ", " +
			failedOf(of.Stable, of.From, since) + " on v1 when it was well."}}, v.Findings...)
	return v
}

// stableBreaks lets the stable version alone fail from eight minutes ago on.
func stableBreaks(c api.Canary) api.Canary {
	from := before(8 * time.Minute)
	c.Stable = slices.Clone(c.Stable)
	for i, p := range c.Stable {
		if !p.At.Before(from) {
			c.Stable[i] = point(p.At, float64(p.Requests), p.Errors*4+p.Requests*24/100, p.P95)
		}
	}
	c.Broken = []api.Stretch{{From: from, To: Now(), Why: "the stable version itself was broken"}}
	return c
}
