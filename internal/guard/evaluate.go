package guard

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// meaning is what an answer says about the change, in rising order of weight.
type meaning int

const (
	fine    meaning = iota
	waiting         // more data must come before this rule can be passed
	doubt           // something speaks against it, not enough to take it back
	lame            // the stable version alone is broken
	shared          // both versions are broken
	blindly         // the measurement is broken
	spent           // its budget of user-minutes is used up
	worse           // the changed version alone is broken, or the comparison says so
)

// answer is a finding with what it means.
type answer struct {
	Finding
	means meaning
}

// blame is how unlikely it must be that two equal versions differ so much, before
// a broken limit is held against the changed version. Small, because it is asked
// every second: a shared outage must not look like a fault of the version on which
// it happened to be counted first.
const blame = 1e-5

// Evaluate says what the evidence means under the rules. It is pure and total: the
// same evidence gives the same verdict, and no evidence makes it fail.
//
// The order of weight: a changed version that alone breaks a limit, or that the
// comparison calls worse, is taken back, also while the measurement is broken
// elsewhere; then a change whose budget of user-minutes is spent; then a broken measurement;
// then what hits both versions; then a stable version that is broken alone; then doubts and
// warnings; then too little data. Only when none of these holds may the change go on.
func Evaluate(rules Rules, ev Evidence) Verdict { return new(Pass).Evaluate(rules, ev) }

// Evaluate says the same as the function of this name, of all that the pass was ever given. The evidence needs to hold
// what came since the last look only: seconds that an earlier look has taken are left out.
func (p *Pass) Evaluate(rules Rules, ev Evidence) Verdict {
	x := p.exam(rules, ev)
	x.limits()
	x.healthRules()
	x.comparison()
	x.againstHistory()
	x.exposure()
	for _, look := range []func() (Finding, bool){x.blind, x.share} {
		f, alarm := look()
		switch {
		case alarm:
			x.say(blindly, f)
		case f.Rule == "blind" || !x.alone():
			x.say(fine, f)
		}
	}
	v := x.verdict()
	p.answers = x.answers
	return v
}

func (x *exam) say(m meaning, f Finding) { x.answers = append(x.answers, answer{f, m}) }

// limits answers the absolute rules on errors and durations for both versions.
func (x *exam) limits() {
	if x.rules.ErrorRate.Warn > 0 || x.rules.ErrorRate.Critical > 0 {
		f := x.errorRate(canary, x.canary)
		x.pair(f, x.errorRate(stable, x.stable), x.chanceOfErrors)
	}
	if x.rules.ErrorRate.Spike > 0 {
		f := x.errorSpike(canary, x.canary)
		x.pair(f, x.errorSpike(stable, x.stable), x.chanceOfErrors)
	}
	if l := x.rules.LatencyP95; l.Warn > 0 || l.Critical > 0 || l.Spike > 0 {
		f := x.latencyP95(canary, x.canary)
		x.pair(f, x.latencyP95(stable, x.stable), x.chanceOfSlow)
		if !f.Known {
			x.answers[len(x.answers)-1].means = max(waiting, x.answers[len(x.answers)-1].means)
		}
	}
}

// pair weighs one rule's findings on both versions against each other. The
// changed version's answer is said last.
func (x *exam) pair(c, s Finding, chance func(Finding) float64) {
	if x.alone() {
		m := alone(c.Level)
		if m != fine && x.normally(c) {
			m = fine // a warning is its normal state
			if c.Level == Critical {
				m = doubt // and a broken limit was broken before: nothing to take back, nothing to be glad of
			}
			c.Sentence += fmt.Sprintf(" %s was beyond it as well.", x.capital(stable))
		}
		x.say(m, c)
		return
	}
	m, ms := fine, fine
	if c.Level != Info {
		c.Chance = chance(c)
	}
	switch {
	case c.Level == Critical && s.Level == Critical:
		m, ms = shared, shared
		c.Arm = "both"
		c.Sentence += " " + s.Sentence
	case c.Level == Critical && c.Rule == "error_spike" && c.Chance <= blame && x.mayBeBurst(c):
		m = doubt
		c.Sentence += fmt.Sprintf(" A burst among a few visitors, as this app may have, would look the same so far: %s is "+
			"held.", x.name(canary))
	case c.Level == Critical && c.Chance <= blame:
		m = worse
	case c.Level == Critical:
		m = doubt
		c.Sentence += fmt.Sprintf(" %s is not clearly better, so it is not held against %s alone.",
			x.capital(stable), x.name(canary))
	case s.Level == Critical && x.mode != BrokenStable:
		ms = lame
	case c.Level == Warn && s.Level == Info && c.Chance < 0.05:
		m = doubt
	}
	x.say(ms, s)
	x.say(m, c)
}

// normally says whether what the stable version usually did breaks the same limit, so
// that the changed version is no worse for breaking it.
func (x *exam) normally(f Finding) bool {
	switch base := x.usual(); f.Rule {
	case "error_rate":
		c := count{}
		c.add(base)
		return c.requests >= normalRequests && c.rate() > f.Limit
	case "latency_p95":
		return base.Latency.Count() >= normalRequests && base.Latency.Quantile(0.95) > f.Limit
	}
	return false
}

// alone is what a level means when there is no stable version to share it with.
func alone(l Level) meaning {
	switch l {
	case Critical:
		return worse
	case Warn:
		return doubt
	}
	return fine
}

// healthRules answers the health rule. Probes are few, so what excuses the changed
// version is any sign that the stable one is ill as well.
func (x *exam) healthRules() {
	if x.rules.Health.Path == "" || x.rules.Health.Critical <= 0 && x.rules.Health.Warn <= 0 {
		return
	}
	c := x.health(canary, x.ev.CanaryHealth)
	if !c.Known {
		m := waiting
		if x.ev.Share > 0 && x.ev.Now.Unix()-x.start >= seconds(x.rules.Blind) {
			c.Level, m = Critical, blindly
		}
		x.say(m, c)
	}
	if x.alone() {
		if c.Known {
			x.say(alone(c.Level), c)
		}
		return
	}
	s := x.health(stable, x.ev.StableHealth)
	m, ms := alone(c.Level), fine
	switch {
	case m == fine:
	case s.Level == Critical:
		m, ms, c.Arm = shared, shared, "both"
	case x.stableIll() || x.stableFailedToo(c):
		m, c.Arm = shared, "both"
		c.Sentence += fmt.Sprintf(" %s has failures too.", x.capital(stable))
	}
	if c.Level != Critical {
		m = min(m, doubt)
	}
	if s.Level == Critical && ms == fine && x.mode != BrokenStable {
		ms = lame
	}
	x.say(ms, s)
	if c.Known {
		x.say(m, c)
	}
}

// stableIll says whether the stable version breaks a limit right now.
func (x *exam) stableIll() bool {
	return slices.ContainsFunc(x.answers, func(a answer) bool { return a.Arm == stable && a.Level == Critical })
}

// edgeLag is how long the edges' seconds take at most while edges are heard. What is later has not been measured, and
// the time until the measurement counts as broken must pass no bake.
const edgeLag = 10 * time.Second

// verdict takes the weightiest answer and puts it into words.
func (x *exam) verdict() Verdict {
	now := x.pass.here[0]
	v := Verdict{
		At: x.ev.Now, Word: BetterOrEqual, Action: Continue, Requests: now.requests,
		MeasuredShare: x.measuredShare(), Report: x.report, ClearedTo: x.cleared, Next: x.next,
		Lacks: x.lacks, Exposure: x.exposed(), From: x.ev.From, Silent: x.ev.Silent,
	}
	if x.report != nil {
		v.Sureness, v.State = x.report.Sureness, x.report.State
	}
	if x.rules.Source != "" || x.lag > edgeLag {
		v.Behind = x.lag
	}
	top := x.top()
	v.Findings = x.findings()
	x.missing(&v, top)
	switch {
	case top.means == worse:
		v.Word, v.Action = Worse, Undo
		v.Sentence = fmt.Sprintf("%s is worse. %s", x.capital(canary), top.Sentence)
	case top.means == spent:
		v.Word, v.Action = NotEnough, Undo
		v.Sentence = fmt.Sprintf("%s did not prove itself within its budget. %s", x.capital(canary), top.Sentence)
	case top.means == blindly:
		x.sayBlind(&v, top)
	case top.means == shared:
		v.Word, v.Action = NotEnough, Hold
		v.Sentence = fmt.Sprintf("Both versions are in trouble%s: not held against %s. %s",
			x.sinceWhen(top), x.name(canary), top.Sentence)
	case top.means == lame:
		v.Action = Hold
		if v.MoreRequests > 0 || x.waits() {
			v.Word = NotEnough
		}
		v.Sentence = fmt.Sprintf("%s is broken, %s is not. %s", x.capital(stable), x.name(canary), top.Sentence)
	case top.means == doubt:
		v.Word, v.Action = NotEnough, Hold
		v.Sentence = x.capital(canary) + " must not go further yet. " + top.Sentence
	case !(x.ev.Share > 0):
		v.Word, v.Action = NotEnough, Hold
		v.Sentence = fmt.Sprintf("%s gets no visitors, so nothing is known of it.", x.capital(canary))
	case v.MoreRequests > 0:
		v.Word, v.Action = NotEnough, Hold
		v.Sentence = x.tooFew(v)
	case top.means == waiting:
		v.Word, v.Action = NotEnough, Hold
		v.Sentence = "Not enough is known yet. " + top.Sentence
	case x.alone():
		v.Sentence = x.capital(canary) + " keeps all its limits after " + requests(v.Requests) + "."
	case x.mode == BrokenStable:
		v.Sentence = fmt.Sprintf("%s is no worse than that. %s", x.capital(canary), x.better())
	default:
		v.Sentence = x.capital(canary) + " is no worse than " + x.name(stable) + " so far."
		if x.report != nil {
			v.Sentence += " " + ruledOut(x.report)
		}
	}
	x.sayMode(&v)
	v.Sentence = strings.TrimSpace(v.Sentence + " " + x.standIn())
	v.Cause = cause(v, top)
	return v
}

// cause names what the verdict rests on.
func cause(v Verdict, top answer) Cause {
	switch {
	case top.means == worse:
		return Proven
	case top.means == spent:
		return Spent
	case top.means == blindly:
		return Unseen
	case top.means == shared, top.means == lame:
		return Incident
	case top.means == doubt:
		return Doubtful
	case v.Word == NotEnough:
		return Few
	}
	return Sound
}

// missing fills how much data is lacking for a pass, and how long it will take.
func (x *exam) missing(v *Verdict, top answer) {
	need := max(x.rules.MinRequests, 1)
	took := x.end - x.step
	if v.Requests < need {
		v.MoreRequests = need - v.Requests
		if took > 0 && v.Requests > 0 {
			s := float64(v.MoreRequests) * float64(took) / float64(v.Requests)
			v.MoreTime = time.Duration(min(math.Ceil(s), 1e9)) * time.Second
		}
	}
	if warm := x.warmFrom() + 1 - x.end; top.means == waiting && top.Rule == "latency_p95" && warm > 0 {
		v.MoreTime = max(v.MoreTime, time.Duration(min(warm, 1e9))*time.Second)
	}
}

func (x *exam) tooFew(v Verdict) string {
	s := fmt.Sprintf("Not enough is known yet: %s had %s of %s %s.", x.name(canary), thousands(v.Requests),
		requests(v.Requests+v.MoreRequests), map[bool]string{false: "at this share", true: "so far"}[x.ev.Share >= 100])
	if v.MoreTime > 0 {
		s += fmt.Sprintf(" About %s more.", about(v.MoreTime))
	}
	return s
}

// sinceWhen names the time from which the stable version breaks the limit as well: the first bad second of the earliest
// ten seconds, without a gap from there, that break it. They are cut from the first visitor on, so that the time named
// stays while the trouble lasts.
func (x *exam) sinceWhen(top answer) string {
	const longest = 3600
	step := x.windows(10*time.Second, 1)
	begin := max(x.end-step, x.start)
	if !x.breaks(top.Finding, begin, x.end) {
		return ""
	}
	from := x.start + (begin-x.start)/step*step
	if !x.breaks(top.Finding, from, from+step) {
		from = begin
	}
	for from-step >= max(x.start, x.end-longest) && x.breaks(top.Finding, from-step, from) {
		from -= step
	}
	for _, b := range x.stable.between(from, x.end) {
		if b.Errors > 0 && top.Unit != "ms" || top.Unit == "ms" && b.Latency.CountAbove(top.Limit) > 0 {
			from = b.Second
			break
		}
	}
	return " since " + time.Unix(from, 0).UTC().Format("15:04:05") + " UTC"
}

// breaks says whether the stable version is beyond an error or latency limit in a span.
func (x *exam) breaks(f Finding, from, to int64) bool {
	switch f.Rule {
	case "error_rate":
		return x.stable.count(from, to).rate() > f.Limit
	case "error_spike":
		normal, _ := x.normal(stable, count{})
		return normal > 0 && x.stable.count(from, to).rate() >= f.Limit*normal
	case "latency_p95":
		s := x.stable.durations(from, to)
		return s.Quantile(0.95) > f.Limit
	}
	return false
}

func (x *exam) waits() bool {
	return slices.ContainsFunc(x.answers, func(a answer) bool { return a.means == waiting })
}

// top is the weightiest answer; of equals the one that speaks of both versions, or
// the first.
func (x *exam) top() answer {
	var top answer
	for _, a := range x.answers {
		both := a.means == top.means && a.Arm == "both" && top.Arm != "both"
		if a.means > top.means || both && a.means == shared || top.Rule == "" {
			top = a
		}
	}
	return top
}

// findings returns every rule's finding, the weightiest first, fit for JSON.
func (x *exam) findings() []Finding {
	list := x.answers
	slices.SortStableFunc(list, func(a, b answer) int {
		if a.means != b.means {
			return int(b.means) - int(a.means)
		}
		return rank(b.Level) - rank(a.Level)
	})
	out := make([]Finding, 0, len(list))
	for _, a := range list {
		for _, f := range []*float64{&a.Value, &a.Limit, &a.Chance} {
			if math.IsNaN(*f) || math.IsInf(*f, 0) {
				*f = 0
			}
		}
		out = append(out, a.Finding)
	}
	return out
}

func rank(l Level) int {
	switch l {
	case Critical:
		return 2
	case Warn:
		return 1
	}
	return 0
}
