package guard

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/guard/past"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// What an absolute rule on errors needs before it may say critical: so many
// requests, errors and different seconds with an error. One error of three
// requests takes nothing back, nor does one second of bad luck.
const (
	fewestRequests = past.FewestRequests
	fewestErrors   = past.FewestErrors
	fewestSeconds  = past.FewestSeconds
)

// crowd is how many times the mean of a wide bucket may have come in one of its seconds, and oneVisitor how many
// requests one visitor may bring in a second: where few come, that is far more than crowd.
const (
	crowd      = 4
	oneVisitor = 20
)

// burstLongest is how many seconds a spike may be taken for a burst: one instance in trouble is noticed, and gets no
// visitors any more, within half of it.
const burstLongest = 60

// What counts as normal for a spike: a measured rate rests on at least
// normalRequests, and a normal of less than normalFloor is taken as that, because
// ten times nothing is nothing.
const (
	normalRequests = 100
	normalFloor    = 0.001
)

// errorRate answers the limits on the error rate for one version.
func (x *exam) errorRate(arm string, bs *side) Finding {
	limits := x.rules.ErrorRate
	f := x.warnRate(arm, bs)
	if limits.Critical <= 0 {
		return f
	}
	length := x.rules.Window
	if limits.For > 0 {
		length = limits.For
	}
	c, held := x.heldAbove(bs, x.windows(length, x.fewestBuckets()), limits) // a shorter one could never be broken
	if !held {
		return f
	}
	f = rateFinding(arm, Critical, c, limits.Critical)
	f.Sentence = fmt.Sprintf("%s failed on %s in the last %s; the limit is %s.",
		x.percentOf(c), x.name(arm), span(c.to-c.from), percent(limits.Critical))
	return f
}

// warnRate takes the rate over the window.
func (x *exam) warnRate(arm string, bs *side) Finding {
	limits := x.rules.ErrorRate
	c := bs.count(max(x.end-x.windows(x.rules.Window, 1), x.since()), x.end)
	limit := limits.Warn
	if limit <= 0 {
		limit = limits.Critical
	}
	f := rateFinding(arm, Info, c, limit)
	if c.requests < fewestRequests {
		f.Known, f.Value = false, 0
		f.Sentence = x.capital(arm) + " had " + requests(c.requests) + " in the last " + span(c.to-c.from) +
			", too few for a rate."
		return f
	}
	f.Sentence = x.percentOf(c) + " failed on " + x.name(arm) + " in the last " + span(c.to-c.from) + "."
	if limits.Warn > 0 && c.rate() > limits.Warn {
		f.Level = Warn
		f.Sentence = fmt.Sprintf("%s failed on %s in the last %s; a warning begins at %s.",
			x.percentOf(c), x.name(arm), span(c.to-c.from), percent(limits.Warn))
	}
	return f
}

// heldAbove says whether the rate was above critical for the whole length. With a
// For it must exceed over the whole and over each half, on complete seconds, with
// requests in eight tenths of it: a burst that is over, or a version that has not
// been up for so long, does not break the rule.
func (x *exam) heldAbove(bs *side, length int64, limits Limits) (count, bool) {
	from := x.end - length
	if limits.For == 0 {
		from = max(from, x.since())
	}
	whole := bs.count(from, x.end)
	if from < x.since() || !x.enough(whole) || whole.rate() <= limits.Critical {
		return whole, false
	}
	if limits.For == 0 {
		return whole, true
	}
	middle := from + (x.end-from)/2
	for _, half := range []count{bs.count(from, middle), bs.count(middle, x.end)} {
		if half.rate() <= limits.Critical {
			return whole, false
		}
	}
	return whole, tenthsWithRequests(bs, from, x.end) >= 8
}

// enough says whether a span has what a critical limit needs. How many seconds of a wide bucket had an error nobody
// told; where each request is in the bucket in which it came, so many errors can't have come in fewer.
func (x *exam) enough(c count) bool {
	failing := int64(c.failing)
	if x.exact && c.requests > 0 {
		most := max(crowd*float64(c.requests)/float64(max(c.to-c.from, 1)), oneVisitor) // in one second
		failing = max(failing, int64(math.Ceil(float64(c.errors)/most)))
	}
	return c.requests >= fewestRequests && c.errors >= fewestErrors && failing >= fewestSeconds
}

// fewestBuckets is how many buckets a critical limit looks at: those of which each may be the only second with an error
// that it has.
func (x *exam) fewestBuckets() int64 {
	if x.exact {
		return 1
	}
	return fewestSeconds
}

// mayBeBurst says that the comparison, which knows how often a few visitors of this app are in trouble together,
// finds nothing against the changed version yet, and that the spike is too young and too low to be more than that: a
// burst is among a slice of the visitors, so where the changed version has many slices most of it still answers.
func (x *exam) mayBeBurst(f Finding) bool {
	if float64(f.Errors) > 2*float64(f.Requests)/(judge.Slices*x.part()) {
		return false
	}
	if !x.pass.knows || x.pass.j == nil || x.rules.ErrorRate.WorseBy <= 0 || x.mode == BrokenStable ||
		x.pass.j.Answer().LogE >= math.Log(judge.Suspicion) {
		return false
	}
	half := int64(burstLongest / 2)
	if x.exact {
		half = x.windows(burstLongest/2*time.Second, 1)
	}
	before := x.canary.count(x.end-2*half, x.end-half)
	normal, from := x.normal(canary, before)
	return from == "" || before.rate() < x.rules.ErrorRate.Spike*normal
}

func tenthsWithRequests(bs *side, from, to int64) int {
	n := 0
	for i := range int64(10) {
		low, high := from+(to-from)*i/10, from+(to-from)*(i+1)/10
		some := func(b metric.Bucket) bool { return b.Requests > 0 && b.Second < high && b.Second+b.Covers() > low }
		if to-from < 10 || slices.ContainsFunc(bs.between(from, to), some) {
			n++
		}
	}
	return n
}

// errorSpike answers the spike rule for one version: its rate over the shortest of
// ten seconds, thirty seconds and the window that holds enough requests, against
// the normal rate.
func (x *exam) errorSpike(arm string, bs *side) Finding {
	limit := x.rules.ErrorRate.Spike
	f := Finding{Rule: "error_spike", Arm: arm, Level: Info, Limit: limit, Unit: "x"}
	var c count
	for i, d := range []time.Duration{10 * time.Second, 30 * time.Second, x.rules.Window} {
		least := int64(1)
		if x.smears || x.exact && i == 2 {
			least = fewestSeconds
		}
		c = bs.count(max(x.end-x.windows(d, least), x.since()), x.end)
		if c.requests >= fewestRequests && (!x.exact || x.enough(c)) {
			break
		}
	}
	normal, from := x.normal(arm, c)
	f.Requests, f.Errors, f.From, f.To = c.requests, c.errors, c.from, c.to
	if from == "" || c.requests < fewestRequests {
		f.Sentence = "Whether errors of " + x.name(arm) + " rise above normal is not known: too few requests."
		return f
	}
	f.Known, f.Value = true, c.rate()/normal
	f.Sentence = "The error rate of " + x.name(arm) + " is " + percent(c.rate()) + "; " + percent(normal) +
		" is normal (" + from + ")."
	if f.Value >= limit && x.enough(c) {
		f.Level = Critical
		f.Sentence = fmt.Sprintf("%s failed on %s in the last %s: %s times the normal %s (%s).",
			x.percentOf(c), x.name(arm), span(c.to-c.from), times(f.Value), percent(normal), from)
	}
	return f
}

// normal returns the normal error rate and where it comes from: the stable
// version's last normal period, or else, for the changed version, the stable side
// over the same seconds. From is empty when it is not known.
func (x *exam) normal(arm string, c count) (rate float64, from string) {
	b := count{}
	b.add(x.usual())
	if b.requests >= normalRequests {
		return max(b.rate(), normalFloor), "last normal period"
	}
	if s := x.stable.count(c.from, c.to); arm == canary && !x.alone() && s.requests >= normalRequests {
		return max(s.rate(), normalFloor), x.name(stable) + " at the same time"
	}
	return 0, ""
}

func rateFinding(arm string, level Level, c count, limit float64) Finding {
	return Finding{
		Rule: "error_rate", Arm: arm, Level: level, Value: c.rate(), Limit: limit, Known: true,
		Requests: c.requests, Errors: c.errors, From: c.from, To: c.to,
	}
}

// visitorMemory is for how many seconds a visitor who failed is not counted again.
const visitorMemory = 60

// chanceOfErrors bounds how likely equal versions differ as much over the finding's
// span; 0 when the stable side says nothing to the contrary. Failures are counted in
// visitors where the source knows them: one who tries ten times in vain is one piece
// of bad luck, not ten. Then the span is a minute at least: those who fail in it for
// the second time were counted before a shorter one began.
func (x *exam) chanceOfErrors(f Finding) float64 {
	if !x.pass.knows {
		return x.chance(f, func(b *metric.Bucket) (uint64, uint64) { return b.Requests, b.Errors })
	}
	f.From = min(f.From, max(f.To-visitorMemory, x.since()))
	return x.chance(f, func(b *metric.Bucket) (uint64, uint64) { return b.Requests, min(b.Units, b.Requests) })
}

// chance is how likely equal versions differ as much over the finding's span. Buckets that smear are not filled at the
// same moments: what hits both versions may be counted on one of them a bucket earlier. So the difference must stand
// whichever of the two is taken a bucket later.
func (x *exam) chance(f Finding, count func(b *metric.Bucket) (n, bad uint64)) float64 {
	pairs := x.pairsIn(f.From, f.To)
	of := func(b *metric.Bucket) (out judge.Failures) {
		if b != nil {
			out.Of, out.Failed = count(b)
		}
		return out
	}
	if !slices.ContainsFunc(pairs, func(p pair) bool { return of(p.stable).Of > 0 }) {
		return 0
	}
	odds := &x.pass.odds
	chance := func(canary, stable []pair) float64 {
		odds.Begin()
		for i, p := range canary {
			odds.Add(p.share, of(p.canary), of(stable[i].stable))
		}
		return odds.Chance()
	}
	c := chance(pairs, pairs)
	if !x.smears {
		return c
	}
	for i := range len(pairs) - 1 {
		if pairs[i+1].second != pairs[i].second+x.width { // something is missing between
			return 1
		}
	}
	n := len(pairs) - 1
	return max(c, chance(pairs[:n], pairs[1:]), chance(pairs[1:], pairs[:n]))
}
