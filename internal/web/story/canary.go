package story

import (
	"math"
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/web/page"
)

// canary returns twenty minutes of both versions. bad is how much worse the new one becomes in so many half minutes at
// the end, 0 for not at all.
func canary(bad float64, last int) api.Canary {
	const n, step = 40, 30 * time.Second
	from := before(n * step)
	c := api.Canary{
		Release: longID, From: from, To: Now(), StepSecs: step.Seconds(), Exposed: 1204,
		Limits: api.CanaryLimits{ErrorWarn: 0.02, ErrorCritical: 0.05, LatencyWarn: 500, LatencyCritical: 1000},
		Shares: []api.Shift{{At: from.Add(4 * time.Minute), Share: 5, By: "engine"},
			{At: from.Add(14 * time.Minute), Share: 10, By: "engine"}},
	}
	var old, own failing
	for i := range n {
		at := from.Add(time.Duration(i) * step)
		share := 0.0
		for _, s := range c.Shares {
			if !at.Before(s.At) {
				share = s.Share
			}
		}
		worse := bad * max(0, float64(i+1+last-n)/float64(max(last, 1)))
		total := 2100 + 300*wave(i, 7)
		requests := math.Round(total * (1 - share/100))
		c.Stable = append(c.Stable, point(at, requests, old.of(requests, 0.0049+0.001*wave(i, 3)), 208+10*wave(i, 5)))
		if share > 0 && i != 20 && i != 21 {
			requests = math.Round(total * share / 100)
			c.Canary = append(c.Canary, point(at, requests, own.of(requests, 0.0041+0.002*wave(i, 4)+worse*0.06),
				214+18*wave(i, 6)+worse*260))
			off := share * 0.08 * wave(i, 9)
			c.Measured = append(c.Measured, api.SharePoint{At: at, Share: share + off, Low: share + off - 0.9,
				High: share + off + 0.9, Intended: share})
		}
		c.Health = append(c.Health, api.HealthPoint{At: at, Arm: "stable", OK: true, Millis: 4})
		if share > 0 {
			ok := worse < 0.5 || i%2 == 0
			c.Health = append(c.Health, api.HealthPoint{At: at, Arm: "canary", OK: ok, Millis: 5,
				Problem: map[bool]string{false: "HTTP 503"}[ok]})
		}
	}
	c.HarmExtra, _ = harm(arms(c, Now()))
	c.Verdicts = []api.VerdictMark{
		{At: from.Add(4 * time.Minute), Word: "not_enough_evidence", Action: "hold",
			Sentence: "v2 is at 5 %. Not enough evidence yet: about 1,900 more requests, 9 minutes."},
		{At: from.Add(13*time.Minute + 50*time.Second), Word: "better_or_equal", Action: "continue",
			Sentence: "Better or equal at 5 %: error rate 0.4 % against 0.5 %, p95 212 ms against 208 ms."},
		{At: from.Add(14*time.Minute + 20*time.Second), Word: "not_enough_evidence", Action: "hold", Sentence: baking},
	}
	return c
}

// wave is a fixed irregular line between −1 and 1.
func wave(i, speed int) float64 {
	x := float64(i*speed) / 10
	return (math.Sin(x) + math.Sin(x*2.7+1) + math.Sin(x*6.1+2)) / 3
}

// places is where a version failed: so many requests in all.
func places(errors, usual uint64) []api.HurtPlace {
	place := func(class, route, region string, of float64, stable uint64, where string) api.HurtPlace {
		n := uint64(math.Round(float64(errors) * of))
		return api.HurtPlace{Class: class, Route: route, Region: region, Errors: n, Part: of, Stable: stable,
			Sentence: part(of) + " of the errors: " + where + "."}
	}
	return []api.HurtPlace{
		place("document", "GET /checkout", "fra1", 0.79, 2, "GET /checkout, region fra1"),
		place("action", "POST /orders/[id]", "iad1", 0.14, 0, "POST /orders/[id], region iad1"),
		place("", "", "", 0.07, usual-2, "elsewhere, or nobody knows where"),
	}
}

// silentSince is when the drain of a story stopped.
func silentSince() time.Time { return before(7*time.Minute + 30*time.Second) }

// silent is as much as is known when the newest minute is not.
func silent() time.Time { return before(62 * time.Second) }

func insteadOfADrain(c api.Canary) *api.Verdict {
	v, at := compared(c, "watching", "not_enough_evidence", "hold", baking+" The drain is silent since "+
		clock(silentSince())+": judged from Vercel's own counts, 62 s late."), silentSince()
	v.From, v.Silent = "observability", &at
	return v
}

func stoodIn(c api.Canary) api.Canary {
	c.StoodIn = []api.Stretch{{From: silentSince(), To: Now(), Why: "Vercel's own counts stood in for a silent source"}}
	return c
}

// suspected is a canary that looks worse, without being certain.
func suspected() api.Canary { return evidence(canary(0.36, 10)) }

// takenBack is the canary of the release that the guard took back.
func takenBack() api.Canary {
	c := earlier(canary(1.6, 2), backSince)
	c.Verdicts = append(c.Verdicts, api.VerdictMark{At: c.To, Word: "worse", Action: "undo", Sentence: worseSays(c)})
	return c
}

// backSince is how long ago that was.
const backSince = 12*time.Minute + 2*time.Second

func worseSays(c api.Canary) string {
	return "v2 is worse. " + failedOf(c.Canary, c.To.Add(-time.Minute), c.To) +
		" requests to v2 failed in the last 60 s; the limit is 5 %."
}

// suspicion is what the guard says of a version that looks worse.
func suspicion(c api.Canary) string {
	own, old := arms(c, Now())
	return "v2 must not go further yet. " + thousands(own.Errors) + " of " + thousands(own.Requests) +
		" requests failed on v2, " + thousands(old.Errors) + " of " + thousands(old.Requests) +
		" on v1. It looks worse, but that is not certain yet. About 640 requests more would make it certain."
}

// young is a canary of a few seconds.
func young() api.Canary {
	c := canary(0, 0)
	c.Shares = []api.Shift{{At: before(13 * time.Second), Share: 5, By: "engine"}}
	c.Exposed, c.HarmExtra = 19, 0
	c.Verdicts = []api.VerdictMark{{At: before(11 * time.Second), Word: "not_enough_evidence", Action: "hold",
		Sentence: "Not enough is known yet: v2 had 7 of 100 requests at this share. About 27 s more."}}
	at := before(15 * time.Second)
	c.Stable = append(c.Stable, point(at, 870, 4, 209))
	c.Canary = []api.CanaryPoint{point(at, 46, 0, 390)}
	c.Measured = []api.SharePoint{{At: at, Share: 5, Low: 3.8, High: 6.6, Intended: 5}}
	c.Health = slices.DeleteFunc(c.Health, func(p api.HealthPoint) bool { return p.Arm == "canary" })
	c.Health = append(c.Health, api.HealthPoint{At: before(10 * time.Second), Arm: "canary", OK: true, Millis: 6})
	return evidence(c)
}

// measured is a release with the share that its canary was last measured at.
func measured(r api.Release, c api.Canary) api.Release {
	if n := len(c.Measured); n > 0 && r.Ended == nil {
		r.Measured = c.Measured[n-1].Share
	}
	return r
}

func canaryStories() []Story {
	show := func(name string, r api.Release, c api.Canary) Story {
		return Story{Name: "canary/" + name, Page: func(f page.Frame) templ.Component {
			f.Path = "/releases/" + r.ID + "/canary"
			return page.Canary(f, measured(r, c), c)
		}}
	}
	at := func(r api.Release, v *api.Verdict) api.Release {
		r.Verdict = v
		return r
	}
	running := release("canary/share-10", "running", baking)
	calm := evidence(canary(0, 0))
	worst := evidence(takenBack())
	own, old := arms(worst, Now())
	worst.Hurt = places(own.Errors, old.Errors)
	bad := compared(worst, "bad", "worse", "undo", worseSays(worst))
	bad.At = worst.To
	doubtful := suspected()
	doubt := compared(doubtful, "suspicious", "not_enough_evidence", "hold", suspicion(doubtful))
	late := until(calm, silent())
	blind := compared(late, "blind", "broken_measurement", "hold",
		"Measurement is broken: no observation of v2 for 62 seconds although it should have 10 % of visitors.")
	restless := doubtful
	restless.Verdicts = nil
	for i := range 200 {
		mark := doubtful.Verdicts[1+i%2]
		mark.At = before(time.Duration(200-i) * 4 * time.Second)
		restless.Verdicts = append(restless.Verdicts, mark)
	}
	early := release("canary/share-5", "running", "v2 is at 5 % since 2 seconds. No visitor has been on it yet.")
	fresh := young()
	none := api.Canary{From: before(10 * time.Minute), To: Now(), StepSecs: 15}
	storm := evidence(shared(canary(0, 0)))
	since := storm.Shared[0].From
	outage := compared(storm, "watching", "not_enough_evidence", "hold", "Both versions are in trouble since "+
		clock(since)+": not held against v2. "+failedOf(storm.Canary, since, Now())+" requests fail on v2, "+
		failedOf(storm.Stable, since, Now())+" on v1.")
	outage.Comparison.Shared = storm.Shared
	halved := evidence(stableBreaks(canary(0, 0)))
	since = halved.Broken[0].From
	broken := compared(halved, "watching", "better_or_equal", "continue", "v1 itself is broken since "+clock(since)+
		": v2 is held to the limits and to what v1 did until "+clock(since.Add(-time.Minute))+". v2 is no worse than "+
		"that. "+failedOf(halved.Canary, since, Now())+" requests failed on v2 since then, "+
		failedOf(halved.Stable, halved.From, since)+" on v1 when it was well.")
	return []Story{
		show("stand-in", at(running, insteadOfADrain(late)), stoodIn(late)),
		show("broken-stable", at(running, brokenStable(broken, halved)), halved),
		show("running", at(running, compared(calm, "watching", "not_enough_evidence", "hold", baking)), calm),
		show("worse", at(aborted(), bad), worst),
		show("suspicious", at(running, doubt), doubtful),
		show("blind", at(running, blind), late),
		show("warming", at(release("canary/share-5", "running", baking), compared(fresh, "warming", "not_enough_evidence",
			"hold", "Not enough is known yet: v2 had 46 of 100 requests at this share. About 15 s more.")), fresh),
		show("shared", at(running, outage), storm),
		show("signals", at(running, signals(compared(calm, "safe", "better_or_equal", "continue", "v2 is no worse than v1 "+
			"so far. Ruled out: 2 times as many errors or more, all that must be."))), calm),
		show("restless", at(running, doubt), restless),
		show("early", early, none),
		show("hostile", at(named(hostile), compared(calm, "watching", "not_enough_evidence", "hold", hostile)), calm),
	}
}
