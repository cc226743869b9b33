package story

import (
	"math"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// compared returns a verdict in a state of the comparison, with numbers that belong together.
func compared(state, word, action, sentence string) *api.Verdict {
	v := verdict(word, action, sentence)
	v.State = state
	c := &api.Comparison{
		Alpha: 0.01, Mode: "calm", ModeWhy: "Failures of this app scatter like independent events.",
		Canary: api.ArmTotals{Requests: 18420, Errors: 92, Units: 81, P50: 71, P95: 214, P99: 420},
		Stable: api.ArmTotals{Requests: 163200, Errors: 805, Units: 722, P50: 70, P95: 208, P99: 411},
		Shared: []api.Stretch{},
		Metrics: []api.MetricEvidence{
			{Name: "errors", Role: "decide", Leads: true, Weight: 0.72, Tolerated: 1.25, Unit: "fraction", Canary: 0.0044,
				Stable: 0.0044, Units: 81, Judged: 18420, Ratio: api.Ratio{Known: true, Value: 0.99, Low: 0.66, High: 1.52,
					Anytime: true}},
			{Name: "latency", Role: "decide", Weight: 0.28, Tolerated: 1.1, Unit: "ms", Canary: 214, Stable: 208,
				Judged: 17900, Ratio: api.Ratio{Known: true, Value: 1.03, Low: 0.98, High: 1.09}, RuledOut: 1.5},
		},
		Says: api.Says{
			Compared: "18,420 requests of v2 are compared with 163,200 of v1.", Sure: "Nothing speaks against v2.",
			Harm: "No request failed beyond the rate of v1.",
		},
	}
	weigh(c, 0.31, 1.4)
	v.Comparison, v.Sureness, v.More = c, 0.28, 0
	v.Exposure = &api.UserMinutes{Spent: 2140, Budget: 3000, Rate: 212}
	switch state {
	case "warming":
		warming(v)
	case "watching":
		c.RuledOut, c.Open = 3, 2
		c.Says.RuledOut = "Ruled out: 3 times as many errors or more. Not yet ruled out: 2 times."
		c.Next = &api.NextShare{Share: 100, Excluded: 2, Have: 7.1, Need: 60, More: 1400, MoreSecs: 240, Decides: true}
		v.Lacks = "Before 100 %, 2 times as many errors must be ruled out: the evidence for that is 7.1 of 60, which takes " +
			"about 1,400 more requests of v2 (4 min at this share) if it is no worse."
		c.Says.Needs, v.ClearedTo = v.Lacks, 50
	case "safe":
		c.RuledOut = 2
		c.Says.RuledOut = "Ruled out: 2 times as many errors or more, all that must be."
		v.ClearedTo = 100
	case "suspicious":
		worse(v, 22, 37, 13, 12.1)
		c.More, c.MoreSecs = 640, 110
		c.Says.Sure = "97 % sure that v2 is worse: a healthy version would look this bad in at most 3 of 100 releases, " +
			"however often we look."
		c.Says.Needs = "Needs about 640 more requests of v2 (110 s at this share) to be certain, if nothing changes."
	case "bad":
		worse(v, 4100, 4100, 31, 5)
		c.Says.Sure = "More than 99.9 % sure that v2 is worse: a healthy version would look this bad in at most 3 of " +
			"10,000 releases, however often we look."
		c.Says.Needs = "Nothing more is needed: the evidence suffices, and it stays so."
	case "blind":
		c.RuledOut, c.Open = 10, 5
		c.Says.Sure = "While the measurement is broken nothing new is known of v2."
		c.Says.RuledOut = "Ruled out: 10 times as many errors or more. Not yet ruled out: 5 times."
		c.Says.Needs = "Needs a measurement that works: while it is broken nothing is known."
	}
	return v
}

func weigh(c *api.Comparison, e, most float64) {
	c.E, c.LogE, c.MaxLogE = e, math.Log(e), math.Log(most)
	for i := range c.Metrics {
		c.Metrics[i].E, c.Metrics[i].LogE, c.Metrics[i].MaxLogE = e, math.Log(e), math.Log(most)
	}
}

// warming is a canary of a few seconds: little is known, and caches are cold.
func warming(v *api.Verdict) {
	c := v.Comparison
	weigh(c, 0.98, 1)
	c.Canary = api.ArmTotals{Requests: 61, P50: 96, P95: 390, P99: 610}
	c.Stable = api.ArmTotals{Requests: 1180, Errors: 5, Units: 5, P50: 70, P95: 208, P99: 411}
	c.Metrics[0].Canary, c.Metrics[0].Units, c.Metrics[0].Judged = 0, 0, 61
	c.Metrics[0].Ratio = api.Ratio{Known: true, Low: 0, High: 88, Open: true, Anytime: true}
	c.Metrics[1].Canary, c.Metrics[1].Judged, c.Metrics[1].Ratio = 0, 0, api.Ratio{}
	c.WarmUntil = ptr(Now().Add(62 * time.Second))
	c.Open = 10
	c.Next = &api.NextShare{Share: 10, Excluded: 10, Have: 1.2, Need: 10, More: 380, MoreSecs: 74, Decides: true}
	v.Sureness, v.Requests = 0, 61
	v.Lacks = "Before 10 %, 10 times as many errors must be ruled out: the evidence for that is 1.2 of 10, which takes " +
		"about 380 more requests of v2 (74 s at this share) if it is no worse."
	c.Says = api.Says{
		Compared: "61 requests of v2 are compared with 1,180 of v1.", Sure: "Nothing speaks against v2.",
		RuledOut: "Nothing is ruled out yet, not even 10 times as many errors.", Needs: v.Lacks,
		Harm: "No request failed beyond the rate of v1.",
	}
}

// worse puts evidence against v2 into a verdict.
func worse(v *api.Verdict, e, most, harm, floor float64) {
	c := v.Comparison
	weigh(c, e, most)
	c.Metrics[1].E, c.Metrics[1].LogE, c.Metrics[1].MaxLogE = 0.9, math.Log(0.9), 0
	v.Sureness = 1 - 1/most
	c.RuledOut, c.Open, c.Harm, c.HarmFloor = 10, 5, harm, floor
	c.Metrics[0].Canary, c.Metrics[0].Units = 0.0091, 168
	c.Metrics[0].Ratio = api.Ratio{Known: true, Value: 2.1, Low: 1.3, High: 3.6, Anytime: true}
	c.Says.RuledOut = "At least 1.3 times as many errors as v1. Ruled out: 10 times as many errors or more. Not yet " +
		"ruled out: 5 times."
	c.Says.Harm = "About 13 requests failed that would not have failed on v1; to know of a fault of this size costs " +
		"about 12 at least, by any method."
	if most > 1000 {
		c.Metrics[0].Canary = 0.062
		c.Metrics[0].Ratio = api.Ratio{Known: true, Value: 12, Low: 6.1, High: 24, Anytime: true}
		c.RuledOut, c.Open = 0, 10
		c.Says.RuledOut = "At least 6.1 times as many errors as v1."
		c.Says.Harm = "About 31 requests failed that would not have failed on v1; to know of a fault of this size costs " +
			"about 5 at least, by any method."
	}
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
		Unit: "fraction", Judged: 9000, Canary: 0.031, Stable: 0.032, Ratio: ratio(0.97, 0.81, 1.16)}, 0.8)
	add(api.MetricEvidence{Name: "largest_contentful_paint", Role: "decide", Weight: 0.1, Tolerated: 1.1, Unit: "ms",
		Judged: 8100, Canary: 1840, Stable: 1790, Ratio: ratio(1.03, 1.03, 1.03)}, 1.3)
	add(api.MetricEvidence{Name: "basket", Role: "signal", Tolerated: 1, Higher: true, Unit: "€", Judged: 270,
		Canary: 41.2, Stable: 47.9, Ratio: ratio(0.86, 0.86, 0.86)}, 24)
	add(api.MetricEvidence{Name: "session_abandonment", Role: "signal", Unit: "fraction"}, 1)
	return v
}

// evidence adds how the comparison stood over time, towards an e-value in the last minutes.
func evidence(c api.Canary, to float64) api.Canary {
	first := c.Shares[0].At
	high := 0.0
	for i, p := range c.Canary {
		n := p.At.Sub(first).Minutes() + 0.2
		e := -0.9*(1-math.Exp(-n/6)) + 0.25*wave(i, 11)
		if late := float64(i-45) / float64(len(c.Canary)-46); to > 1 && late > 0 {
			e = math.Log(to)*late + 0.3*wave(i, 11)
		}
		high = max(high, e)
		mid := 1 + 0.12*wave(i, 4)
		if to > 1 && i > 53 {
			mid *= 1 + float64(i-53)/18*math.Log10(to)/2
		}
		wide := math.Exp(2.3 / math.Sqrt(n))
		out := api.EvidencePoint{At: p.At, State: "watching", LogE: e, MaxLogE: high,
			Ratio: api.Ratio{Known: n > 0.6, Value: mid, Low: mid / wide, High: mid * wide, Open: n < 1.2, Anytime: true}}
		for _, x := range []float64{10, 5, 3, 2} {
			if mid*wide < x {
				out.RuledOut = x
			}
		}
		c.Evidence = append(c.Evidence, out)
	}
	c.Limits.Suspicious, c.Limits.TakeBack, c.Limits.Tolerated = 10, 100, 1.25
	for _, s := range c.Shares {
		c.Warming = append(c.Warming, api.Stretch{From: s.At, To: s.At.Add(75 * time.Second), Why: "cold caches"})
	}
	return c
}

// shared adds four minutes in which both versions were in trouble.
func shared(c api.Canary) api.Canary {
	c.Stable, c.Canary = slices.Clone(c.Stable), slices.Clone(c.Canary)
	s := api.Stretch{From: before(8 * time.Minute), To: before(4 * time.Minute),
		Why: "both versions failed more often than usual"}
	c.Shared = []api.Stretch{s}
	for _, list := range [][]api.CanaryPoint{c.Stable, c.Canary} {
		for i, p := range list {
			if !p.At.Before(s.From) && p.At.Before(s.To) {
				list[i] = point(p.At, float64(p.Requests), p.Rate*8+0.03, p.P95*2.2)
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
func brokenStable(v *api.Verdict) *api.Verdict {
	v.Mode, v.StableBroken, v.StableHealthy = "broken_stable", ptr(before(8*time.Minute)), ptr(before(9*time.Minute))
	c := v.Comparison
	v.Lacks = "Before 25 %, more must be known: v1 is broken, and v2 is held to its past."
	c.Says.Needs, c.Next, v.ClearedTo = v.Lacks, nil, 0
	v.Findings = append([]api.Finding{{Rule: "error_history", Arm: "canary", Level: "info", Sentence: "0.5 % of 1,840 " +
		"requests failed on v2 since 13:55:12 UTC, 0.5 % on v1 when it was well."}}, v.Findings...)
	return v
}

// stableBreaks lets the stable version alone fail from eight minutes ago on.
func stableBreaks(c api.Canary) api.Canary {
	from := before(8 * time.Minute)
	c.Stable = slices.Clone(c.Stable)
	for i, p := range c.Stable {
		if !p.At.Before(from) {
			c.Stable[i] = point(p.At, float64(p.Requests), p.Rate*4+0.24, p.P95)
		}
	}
	c.Broken = []api.Stretch{{From: from, To: Now(), Why: "the stable version itself was broken"}}
	return c
}
