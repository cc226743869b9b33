package guard

import (
	"fmt"
	"math"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// After a change of the share new requests follow at once, but sessions that began
// before stay where they are: for sessionLag a share that is still on its way to
// the intended one is no alarm, and for shareGrace nothing is.
const (
	shareGrace = 5
	sessionLag = 60
	shareSpan  = 300 // seconds that are looked at
)

// shareDoubt is how unlikely a wrong share must be by chance. Requests of one
// visitor come together, so they are counted in visitors: measured ones when the
// source counts new visitors, otherwise perVisitor requests each.
const (
	shareDoubt     = 1e-4
	perVisitor     = 5
	mostPerVisitor = 25 // visitors who returned are not counted as new: without a bound nothing would be noticed
)

// measuredShare returns the canary's percent of the requests since the share was
// set, -1 when there were none.
func (x *exam) measuredShare() float64 {
	c, s := x.pass.here[0], x.pass.here[1]
	if c.requests+s.requests == 0 {
		return -1
	}
	return 100 * float64(c.requests) / float64(c.requests+s.requests)
}

// share compares the measured with the intended share: none, too little, too much
// or swinging. It answers false when the share is right or not known yet.
func (x *exam) share() (Finding, bool) {
	f := Finding{Rule: "share", Arm: "both", Level: Info, Limit: 100 * x.part(), Unit: "percent", To: x.end}
	rising := true
	if n := len(x.shares); n > 1 {
		rising = x.shares[n-1].Share > x.shares[n-2].Share
	}
	late := max(x.step+sessionLag, x.end-shareSpan)
	soon := max(x.step+shareGrace, x.end-shareSpan)
	f.From = soon
	f.Sentence = "The measured share is not known yet."
	for _, look := range []struct {
		from      int64
		low, high bool
	}{{late, true, true}, {soon, !rising, rising}} {
		c, s := x.canary.count(look.from, x.end), x.stable.count(look.from, x.end)
		n := c.requests + s.requests
		if n == 0 {
			continue
		}
		f.Known, f.Value, f.From = true, 100*float64(c.requests)/float64(n), look.from
		f.Requests, f.Errors = n, 0
		f.Sentence = x.capital(canary) + " gets " + percent(f.Value/100) + " of the requests; " + percent(x.part()) +
			" is intended."
		if word := x.offShare(c.requests, n, look.low, look.high); word != "" {
			f.Level = Critical
			f.Sentence = fmt.Sprintf("%s gets %s: %s of %s in the last %s; %s is intended.", x.capital(canary),
				word, percent(f.Value/100), requests(n), span(x.end-look.from), percent(x.part()))
			return f, true
		}
	}
	if x.swings(late) {
		f.Level = Critical
		f.Sentence = fmt.Sprintf("The share of %s swings from minute to minute; %s is intended.",
			x.name(canary), percent(x.part()))
		return f, true
	}
	return f, false
}

// offShare names how c of n requests miss the intended share, "" when they do not.
func (x *exam) offShare(c, n uint64, low, high bool) string {
	v := x.part()
	if !(v > 0 && v < 1) || n == 0 {
		return ""
	}
	slack := x.rules.ShareSlack
	got := float64(c) / float64(n)
	tooMuch := high && got > min(v*(1+slack), 1-(1-v)/(1+slack))
	tooLittle := low && (got < v*(1-slack) || c == 0)
	if !tooMuch && !tooLittle {
		return ""
	}
	each := x.requestsPerVisitor()
	if judge.BinomialTail(uint64(float64(c)/each), uint64(float64(n)/each), v) > shareDoubt {
		return ""
	}
	switch {
	case c == 0:
		return "no requests"
	case tooMuch:
		return "too many requests"
	}
	return "too few requests"
}

// requestsPerVisitor estimates how many requests belong together, doubled because
// some visitors ask much more than others.
func (x *exam) requestsPerVisitor() float64 {
	t := x.pass.total
	requests, visitors := float64(t[0].Requests+t[1].Requests), float64(t[0].Visitors+t[1].Visitors)
	if visitors == 0 {
		return 2 * perVisitor
	}
	return 2 * min(max(requests/visitors, 1), mostPerVisitor)
}

// swings says whether in most half minutes the share is off although it is right
// on the whole.
func (x *exam) swings(from int64) bool {
	looked, off := 0, 0
	half := x.windows(30*time.Second, 1)
	for at := x.end - half; at >= from && looked < shareSpan/30; at -= half {
		c, s := x.canary.count(at, at+half), x.stable.count(at, at+half)
		looked++
		if x.offShare(c.requests, c.requests+s.requests, true, true) != "" {
			off++
		}
	}
	return looked >= 4 && 2*off >= looked
}

// blind says whether the measurement is broken: the seconds are not complete any
// more, or a version that must have had requests had none.
func (x *exam) blind() (Finding, bool) {
	limit := seconds(x.rules.Blind)
	if x.width > 1 {
		limit = max(limit, 3*x.width) // a bucket is known when it is over and has arrived
	}
	f := Finding{
		Rule: "blind", Arm: "both", Level: Info, Limit: float64(limit), Unit: "s", Known: true,
		From: x.start, To: x.end, Sentence: "Measurements arrive.",
	}
	critical := func(arm string, silent int64, sentence string) (Finding, bool) {
		f.Level, f.Arm, f.Value, f.Sentence = Critical, arm, float64(silent), sentence
		return f, true
	}
	if !(x.ev.Share > 0) {
		return f, false
	}
	up := x.ev.Now.Unix() - x.start
	if lag := min(seconds(x.lag), up); lag >= limit {
		return critical("both", lag, x.unmeasured(lag))
	}
	if f, silent := x.unheard(f, limit); silent {
		return f, true
	}
	if f, silent := x.unspoken(f, limit); silent {
		return f, true
	}
	lastCanary, lastStable := x.pass.asked[0], x.pass.asked[1]
	silentCanary, silentStable := x.end-lastCanary, x.end-lastStable
	switch {
	case silentCanary >= limit && (x.alone() || silentStable >= limit):
		return critical("both", silentCanary, metric.Silence(x.rules.Source, span(silentCanary), x.ev.Aside))
	case x.alone():
	case silentCanary >= limit && x.surprising(x.stable, lastCanary, x.part()):
		return critical(canary, silentCanary,
			fmt.Sprintf("No requests on %s for %s, although %s had some.", x.name(canary), span(silentCanary), x.name(stable)))
	case silentStable >= limit && x.surprising(x.canary, lastStable, 1-x.part()):
		return critical(stable, silentStable,
			fmt.Sprintf("No requests on %s for %s, although %s had some.", x.name(stable), span(silentStable), x.name(canary)))
	}
	f.Value = float64(max(silentCanary, 0))
	return f, false
}

// unheard says whether a version's own exporter is silent, where each version reports for itself: nobody says then that
// it had no requests.
func (x *exam) unheard(f Finding, limit int64) (Finding, bool) {
	if x.rules.Source != metric.OTLP {
		return f, false
	}
	for arm, name := range []string{canary, stable} {
		silent := x.end - x.pass.heard[arm]
		if silent >= limit && !(x.alone() && name == stable) {
			f.Level, f.Arm, f.Value = Critical, name, float64(silent)
			f.Sentence = fmt.Sprintf("%s has sent no measurement for %s.", x.capital(name), span(silent))
			return f, true
		}
	}
	return f, false
}

// surprising says whether a silence since a second cannot be chance, given what
// the other version got and the share of the silent one.
func (x *exam) surprising(other *side, since int64, v float64) bool {
	n := float64(other.count(max(since, x.end-x.reach()), x.end).requests) / x.requestsPerVisitor()
	return math.Exp(-n*v/max(1-v, 1e-9)) < shareDoubt
}
