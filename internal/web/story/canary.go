package story

import (
	"math"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

// canary returns twenty minutes of both versions. bad is how much worse the new one is
// in its last minutes, 0 for not at all.
func canary(bad float64) api.Canary {
	const n, step = 80, 15 * time.Second
	from := before(n * step)
	c := api.Canary{
		Release: longID, From: from, To: Now(), StepSecs: step.Seconds(), Exposed: 1204, HarmExtra: bad * 220,
		Limits: api.CanaryLimits{ErrorWarn: 0.02, ErrorCritical: 0.05, LatencyWarn: 500, LatencyCritical: 1000},
		Shares: []api.Shift{{At: from.Add(4 * time.Minute), Share: 5, By: "engine"},
			{At: from.Add(14 * time.Minute), Share: 10, By: "engine"}},
	}
	for i := range n {
		at := from.Add(time.Duration(i) * step)
		share := 0.0
		for _, s := range c.Shares {
			if !at.Before(s.At) {
				share = s.Share
			}
		}
		worse := bad * max(0, float64(i-60)/20)
		total := 2600 + 500*wave(i, 7)
		c.Stable = append(c.Stable, point(at, total*(1-share/100), 0.0049+0.001*wave(i, 3), 208+10*wave(i, 5)))
		if share > 0 && i != 40 && i != 41 && i != 42 {
			c.Canary = append(c.Canary, point(at, total*share/100, 0.0041+0.002*wave(i, 4)+worse*0.06,
				214+18*wave(i, 6)+worse*260))
			off := share * 0.08 * wave(i, 9)
			c.Measured = append(c.Measured, api.SharePoint{At: at, Share: share + off, Low: share + off - 0.9,
				High: share + off + 0.9, Intended: share})
		}
		if i%2 == 0 {
			c.Health = append(c.Health, api.HealthPoint{At: at, Arm: "stable", OK: true, Millis: 4})
			if share > 0 {
				ok := worse < 0.5 || i%4 == 0
				c.Health = append(c.Health, api.HealthPoint{At: at, Arm: "canary", OK: ok, Millis: 5,
					Problem: map[bool]string{false: "HTTP 503"}[ok]})
			}
		}
	}
	c.Verdicts = []api.VerdictMark{
		{At: from.Add(4 * time.Minute), Word: "not_enough_evidence", Action: "hold",
			Sentence: "v2 is at 5 %. Not enough evidence yet: about 3,000 more requests, 9 minutes."},
		{At: from.Add(13*time.Minute + 50*time.Second), Word: "better_or_equal", Action: "continue",
			Sentence: "Better or equal at 5 %: error rate 0.4 % against 0.5 %, p95 212 ms against 208 ms."},
		{At: from.Add(14*time.Minute + 20*time.Second), Word: "not_enough_evidence", Action: "hold", Sentence: baking},
	}
	return c
}

// point returns one interval with its 95 % intervals.
func point(at time.Time, requests, rate, p95 float64) api.CanaryPoint {
	rate = max(rate, 0)
	half := 1.96 * math.Sqrt(rate*(1-rate)/requests)
	return api.CanaryPoint{
		At: at, Requests: uint64(requests), Errors: uint64(requests * rate), Rate: rate, RateLow: max(rate-half, 0),
		RateHigh: rate + half,
		P50:      p95 / 3, P95: p95, P95Low: p95 * (1 - 2/math.Sqrt(requests)), P95High: p95 * (1 + 3/math.Sqrt(requests)),
	}
}

// wave is a fixed irregular line between −1 and 1.
func wave(i, speed int) float64 {
	x := float64(i*speed) / 10
	return (math.Sin(x) + math.Sin(x*2.7+1) + math.Sin(x*6.1+2)) / 3
}

// places is where a version failed.
func places() []api.HurtPlace {
	return []api.HurtPlace{
		{Class: "document", Route: "GET /checkout", Region: "fra1", Errors: 171, Part: 0.79, Stable: 2,
			Sentence: "79 % of the errors: GET /checkout, region fra1."},
		{Class: "action", Route: "POST /orders/[id]", Region: "iad1", Errors: 31, Part: 0.14,
			Sentence: "14 % of the errors: POST /orders/[id], region iad1."},
		{Errors: 15, Part: 0.07, Stable: 640, Sentence: "7 % of the errors: elsewhere, or nobody knows where."},
	}
}

// silentSince is when the drain of a story stopped.
func silentSince() time.Time { return before(7*time.Minute + 30*time.Second) }

func insteadOfADrain() *api.Verdict {
	v, at := compared("watching", "not_enough_evidence", "hold", baking+" The drain is silent since 13:52:30 UTC: "+
		"judged from Vercel's own counts, 62 s late."), silentSince()
	v.From, v.Silent = "observability", &at
	return v
}

func stoodIn(c api.Canary) api.Canary {
	c.StoodIn = []api.Stretch{{From: silentSince(), To: Now(), Why: "Vercel's own counts stood in for a silent source"}}
	return c
}

func canaryStories() []Story {
	show := func(name string, r api.Release, c api.Canary) Story {
		return Story{Name: "canary/" + name, Page: func(f page.Frame) templ.Component {
			f.Path = "/releases/" + r.ID + "/canary"
			return page.Canary(f, r, c)
		}}
	}
	at := func(r api.Release, v *api.Verdict) api.Release {
		r.Verdict = v
		return r
	}
	running := release("canary/share-10", "running", baking)
	calm := evidence(canary(0), 0)
	worst := evidence(canary(1), 4100)
	worst.Verdicts = append(worst.Verdicts, api.VerdictMark{
		At: before(12 * time.Second), Word: "worse", Action: "undo",
		Sentence: "v2 is worse: error rate 6.2 % (5.1 % to 7.4 %) against 0.5 % on v1.",
	})
	worst.Hurt = places()
	doubt := compared("suspicious", "not_enough_evidence", "hold", "v2 must not go further yet. 168 of 18,420 requests "+
		"failed on v2, 805 of 163,200 on v1. It looks worse, but that is not certain yet. About 640 requests more would "+
		"make it certain.")
	blind := compared("blind", "broken_measurement", "hold",
		"Measurement is broken: no observation of v2 for 62 seconds although it should have 10 % of visitors.")
	restless := evidence(canary(0.06), 37)
	for i := range 200 {
		restless.Verdicts = append(restless.Verdicts, restless.Verdicts[i%2])
	}
	early := release("canary/share-5", "running", "v2 is at 5 % since 2 seconds. No visitor has been on it yet.")
	young := canary(0)
	young.Shares = []api.Shift{{At: before(13 * time.Second), Share: 5, By: "engine"}}
	young.Exposed, young.HarmExtra, young.Verdicts, young.Measured = 19, 0, nil, nil
	young.Canary = young.Canary[len(young.Canary)-1:]
	young.Canary[0] = point(young.Canary[0].At, 61, 0, 390)
	young = evidence(young, 0)
	none := api.Canary{From: before(10 * time.Minute), To: Now(), StepSecs: 15}
	outage := compared("watching", "not_enough_evidence", "hold", "Both versions are in trouble since 13:55:12 UTC: not "+
		"held against v2. 7.1 % of 1,840 requests fail on v2, 7.3 % of 16,320 on v1.")
	outage.Comparison.Shared = shared(canary(0)).Shared
	broken := compared("watching", "better_or_equal", "continue", "v1 itself is broken since 13:55:12 UTC: v2 is held to "+
		"the limits and to what v1 did until 13:54 UTC. v2 is no worse than that. 0.5 % of 1,840 requests failed on v2 "+
		"since 13:55:12 UTC, 0.5 % on v1 when it was well.")
	return []Story{
		show("stand-in", at(running, insteadOfADrain()), stoodIn(calm)),
		show("broken-stable", at(running, brokenStable(broken)), stableBreaks(calm)),
		show("running", at(running, compared("watching", "not_enough_evidence", "hold", baking)), calm),
		show("worse", at(aborted(), compared("bad", "worse", "undo", aborted().Verdict.Sentence)), worst),
		show("suspicious", at(running, doubt), evidence(canary(0.06), 37)),
		show("blind", at(running, blind), calm),
		show("warming", at(release("canary/share-5", "running", baking), compared("warming", "not_enough_evidence", "hold",
			"Not enough is known yet: v2 had 61 of 100 requests at this share. About 9 s more.")), young),
		show("shared", at(running, outage), shared(calm)),
		show("signals", at(running, signals(compared("safe", "better_or_equal", "continue", "v2 is no worse than v1 so "+
			"far. Ruled out: 2 times as many errors or more, all that must be."))), calm),
		show("restless", at(running, doubt), restless),
		show("early", early, none),
		show("hostile", at(named(hostile), compared("watching", "not_enough_evidence", "hold", hostile)), calm),
	}
}
