package guard

import (
	"fmt"
	"math"
	"time"

	"github.com/slipwayhq/slipway/internal/guard/past"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/judge/anytime"
	"github.com/slipwayhq/slipway/internal/metric"
)

// What a version must rule out while the stable one is broken: by the evidence historyPass (20 to 1), that it fails
// twice as often as the stable version did when healthy, and historySlack on top; and that half as many of its
// requests again are beyond that version's p95.
const (
	historyPass  = 20.0
	historyTimes = 2.0
	historySlack = 0.002
	slowTimes    = 1.5
)

// measure is one of the changed version since the stable one became ill, and of the stable one when healthy.
type measure struct {
	rule       string
	n, bad     uint64
	rate       float64 // of the stable version when healthy; only when known
	known      bool
	tolerated  float64 // evidence that the changed version's rate is above this is held against it; 0 asks nothing
	least      float64 // that it is at least this must be ruled out
	ladder     func(times float64) float64
	chance     func(Finding) float64
	says       string
	needs      uint64
	worse, yes bool
}

// pastSums are what the changed version did since the stable one became ill: sums, because an illness may last longer
// than seconds are kept.
type pastSums struct {
	from, fed int64
	all       count
	units     uint64
	bound     float64 // of slow, in milliseconds; 0 when nothing is asked of durations
	durations uint64
	slow      uint64
}

// take adds the seconds that are new, and begins anew with each illness.
func (p *pastSums) take(x *exam, bs []metric.Bucket) {
	w := x.pass.stable
	if since := max(w.Ill, x.start); w.Ill == 0 || p.from != since {
		*p = pastSums{from: since, fed: since, bound: x.slowBound()}
	}
	if w.Ill == 0 {
		return
	}
	for _, b := range between(bs, p.fed, x.end) {
		p.all.add(b)
		p.units += min(b.Units, most)
		if p.bound > 0 && !x.coldIn(b.Second) {
			p.durations += b.Latency.Count()
			p.slow += b.Latency.CountAbove(p.bound)
		}
	}
	p.fed = max(p.fed, x.end)
}

// slowBound is what the p95 of a version may be, as the healthy past of the stable one says; without a past the lower
// limit of the strategy, and 0 where that asks nothing of durations.
func (x *exam) slowBound() float64 {
	limits, h := x.rules.LatencyP95, x.pass.stable.Healthy.Latency
	bound := max(limits.Warn, limits.Critical)
	if limits.Warn > 0 && limits.Critical > 0 {
		bound = min(limits.Warn, limits.Critical)
	}
	if h.Count() >= normalRequests && (bound > 0 || limits.WorseBy > 0 || limits.Spike > 0) {
		p95 := h.Quantile(0.95)
		return max(p95*(1+limits.WorseBy), p95+limits.AtLeast)
	}
	return bound
}

// coldIn says whether durations of the changed version do not count in a second, because its share had just risen.
func (x *exam) coldIn(second int64) bool {
	last := 0.0
	for _, c := range x.shares {
		rise := max(x.start, ceilSecond(c.At))
		if c.Share > last && second >= rise && second < rise+seconds(x.rules.ColdStart) {
			return true
		}
		last = c.Share
	}
	return false
}

// againstHistory judges the changed version by what the stable one did while it was well. While the stable version is
// ill the comparison with it is worth nothing: a version that fixes the fault would always win, and one that is as
// bad would always pass.
//
// A version that is beyond the healthy past is taken back only if the stable version at the same time does not
// explain it. While it is not known yet whether the illness passes, nothing rises.
func (x *exam) againstHistory() {
	w := x.pass.stable
	if x.mode == Alone || w.Ill == 0 {
		return
	}
	if x.mode == Comparison {
		f := Finding{Rule: "stable", Arm: stable, Level: Warn, Unit: "s", Known: true, From: w.Ill, To: x.end,
			Value: float64(x.end - w.Ill)}
		f.Sentence = fmt.Sprintf("%s is beyond its limits since %s: nothing is compared and nothing rises meanwhile.",
			x.capital(stable), clock(w.Ill))
		x.say(doubt, f)
		x.cleared, x.lacks = 0, f.Sentence
	}
	measures := []measure{x.pastErrors()}
	if x.pass.since.bound > 0 {
		measures = append(measures, x.pastSlow())
	}
	for i := range measures {
		x.weighPast(&measures[i])
	}
	if x.mode == BrokenStable {
		x.clear(measures)
	}
}

// pastErrors counts visitors with a failure where both times know visitors, and requests otherwise.
func (x *exam) pastErrors() measure {
	h, sums := x.pass.stable.Healthy, &x.pass.since
	c := sums.all
	p := measure{rule: "error_history", n: c.requests, bad: c.errors, chance: x.chanceOfErrors}
	bad := h.Errors
	if (sums.units > 0 || c.errors == 0) && (h.Units > 0 || h.Errors == 0) {
		p.bad, bad = min(sums.units, p.n), min(h.Units, h.Requests)
	}
	limits := x.rules.ErrorRate
	least := limits.Critical
	if limits.Warn > 0 {
		least = limits.Warn
	}
	p.least = least
	p.says = fmt.Sprintf("%s failed on %s since %s", x.percentOf(c), x.name(canary), clock(sums.from))
	if h.Requests >= normalRequests {
		p.known, p.rate = true, float64(bad)/float64(h.Requests)
		p.least = historyTimes*p.rate + historySlack
		if limits.Critical > 0 {
			p.least = min(p.least, limits.Critical)
		}
		upper := (float64(bad) + 3 + 2*math.Sqrt(float64(bad)+0.5)) / float64(h.Requests) // 99 of 100 histories
		p.tolerated = min(upper*(1+limits.WorseBy), 0.9)
		p.says += fmt.Sprintf(", %s on %s when it was well", percent(float64(h.Errors)/float64(h.Requests)), x.name(stable))
		p.ladder = func(times float64) float64 { return times*p.rate + historySlack }
	}
	p.says += "."
	return p
}

// pastSlow counts requests beyond what was slow when the stable version was well.
func (x *exam) pastSlow() measure {
	h, sums := x.pass.stable.Healthy.Latency, &x.pass.since
	p := measure{rule: "latency_history", known: h.Count() >= normalRequests, rate: past.SlowPart, least: past.SlowPart,
		n: sums.durations, bad: sums.slow}
	p.chance = func(f Finding) float64 {
		return x.chance(f, func(b *metric.Bucket) (n, slow uint64) {
			n, slow = b.Latency.Count(), b.Latency.CountAbove(sums.bound)
			return max(slow, n-min(n, b.Errors)), slow // what fails at once excuses nobody who takes time to answer
		})
	}
	p.says = fmt.Sprintf("%s of the requests on %s took longer than %s since %s", percent(over(p.bad, p.n)),
		x.name(canary), millis(sums.bound), clock(sums.from))
	if p.known {
		p.rate = over(h.CountAbove(sums.bound), h.Count())
		p.least, p.tolerated = slowTimes*past.SlowPart, 1.2*past.SlowPart
		p.says += fmt.Sprintf(", %s on %s when it was well", percent(p.rate), x.name(stable))
	}
	p.says += "."
	return p
}

// weighPast says what a measure means. Both questions are asked of sums since the illness began, by e-values, so that
// they may be asked at every look.
func (x *exam) weighPast(p *measure) {
	f := Finding{Rule: p.rule, Arm: canary, Level: Info, Value: over(p.bad, p.n), Limit: p.least, Known: p.n > 0,
		Requests: p.n, Errors: p.bad, From: x.pass.since.from, To: x.end, Sentence: p.says}
	if p.tolerated > 0 && anytime.Above(p.n, p.bad, p.tolerated) >= -math.Log(x.rules.Alpha) {
		f.Level, f.Chance = Critical, p.chance(f)
		if f.Chance <= blame {
			p.worse = true
			f.Sentence += fmt.Sprintf(" %s at the same time does not explain that.", x.capital(stable))
			x.say(worse, f)
			return
		}
		f.Level = Warn
		f.Sentence += fmt.Sprintf(" %s is no better at the same time, so it is not held against %s.",
			x.capital(stable), x.name(canary))
		x.say(doubt, f)
		return
	}
	have, need := anytime.Below(p.n, p.bad, p.least), math.Log(historyPass)
	p.yes = have >= need || p.least <= 0 // without a limit and a past nothing is asked
	if p.yes || x.mode != BrokenStable {
		x.say(fine, f)
		return
	}
	rate := p.rate
	if !p.known {
		rate = p.least / 4
	}
	p.needs = anytime.MoreTrials(have, need, min(rate, p.least/2), p.least)
	f.Sentence += fmt.Sprintf(" Whether it is below %s is not sure yet.", percent(p.least))
	if p.needs > 0 && p.needs < 1e9 {
		f.Sentence = fmt.Sprintf("%s About %s more would show it.", f.Sentence, requests(p.needs))
	}
	x.say(waiting, f)
}

// clear says which share the evidence against the past permits, by the rungs of the judge, and all of it before
// everybody is sent.
func (x *exam) clear(measures []measure) {
	x.cleared, x.lacks = 0, ""
	errors := &measures[0]
	for _, to := range x.ev.Ladder {
		times, need, held := judge.Rung(to / 100)
		ok := errors.known && anytime.Below(errors.n, errors.bad, errors.ladder(times)) >= math.Log(need)
		if to > 50 || !errors.known {
			ok = errors.yes
			for i := range measures {
				ok = ok && measures[i].yes
			}
		}
		if !ok || x.end-x.step < held {
			x.lacks = fmt.Sprintf("Before %g %%, more must be known: %s is broken, and %s is held to its past.", to,
				x.name(stable), x.name(canary))
			return
		}
		x.cleared = to
	}
}

// better says in what respect the changed version passes while the stable one is broken.
func (x *exam) better() string {
	for _, a := range x.answers {
		if a.Rule == "error_history" {
			return a.Sentence
		}
	}
	return ""
}

// sayMode puts the mode into the verdict, and into words when it is not the usual one.
func (x *exam) sayMode(v *Verdict) {
	v.Mode = x.mode
	if x.mode != BrokenStable {
		return
	}
	w := x.pass.stable
	v.StableBroken = time.Unix(w.Ill, 0).UTC()
	if w.Healthy.Requests >= normalRequests {
		v.StableHealthy = time.Unix(w.Until, 0).UTC()
	}
	v.Sentence = x.instead() + " " + v.Sentence
}

func over(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
