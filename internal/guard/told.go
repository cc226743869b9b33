package guard

import (
	"fmt"
	"math"
	"strings"

	"github.com/slipwayhq/slipway/internal/judge"
)

// Told is what people are told of a comparison, sentence by sentence: the same words on the page, in the terminal, in
// the API and in what an approver signs. A sentence that has nothing to say is empty.
type Told struct {
	Compared string // how much was compared
	Sure     string // how sure it is that the change is worse
	RuledOut string // which regressions are excluded and which are not
	Needs    string // what is missing, and how long that takes
	Harm     string // what it cost, beside what nobody could have avoided
}

// Told puts the numbers of the verdict into words. The versions are named as sentences name them; empty names are
// replaced.
func (v Verdict) Told(changed, stable string) Told {
	r := v.Report
	if r == nil {
		return Told{}
	}
	n := names{named(changed, "the new version"), named(stable, "the stable version")}
	t := Told{
		Compared: fmt.Sprintf("%s of %s are compared with %s of %s.", capital(requests(r.Canary.Requests)), n.changed,
			thousands(r.Stable.Requests), n.stable),
		Sure: n.sure(r.MaxLogE), RuledOut: n.bounds(r), Needs: v.needs(n), Harm: n.harm(r),
	}
	if v.State == judge.Blind && r.MaxLogE < math.Log(judge.Suspicion) { // silence must not read like praise
		t.Sure = fmt.Sprintf("While the measurement is broken nothing new is known of %s.", n.changed)
	}
	if against := v.against(); against != "" && r.MaxLogE < math.Log(little) {
		t.Sure = fmt.Sprintf("The comparison with %s does not show it yet, but this speaks against %s: %s", n.stable,
			n.changed, against)
	}
	if r.Canary.Requests == 1 {
		t.Compared = strings.Replace(t.Compared, " are ", " is ", 1)
	}
	return t
}

// against returns the first thing beside the comparison that speaks against the change alone; empty when nothing does.
// A comparison that knows little must not say of a version whose process is gone that nothing speaks against it.
func (v Verdict) against() string {
	for _, f := range v.Findings {
		if f.Arm == canary && (f.Level == Warn || f.Level == Critical) {
			return f.Sentence
		}
	}
	return ""
}

// Summary is what is known of a change, in a few sentences for those who decide about it.
func (v Verdict) Summary(changed, stable string) string {
	t := v.Told(changed, stable)
	var all []string
	for _, s := range []string{t.Compared, t.RuledOut, t.Sure, t.Harm} {
		if s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, " ")
}

// names are what sentences call the versions.
type names struct{ changed, stable string }

func named(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return short(name)
}

// little is the e-value from which on something speaks against a change.
const little = 2

// sure says how sure it is that the change is worse: what Ville's inequality makes of the largest e-value.
func (n names) sure(maxLogE float64) string {
	chance := math.Exp(-max(maxLogE, 0))
	looks := fmt.Sprintf("a healthy version would look this bad in at most %s releases, however often we look.",
		outOf(chance))
	switch {
	case 1/chance < little:
		return fmt.Sprintf("Nothing speaks against %s.", n.changed)
	case 1/chance < judge.Suspicion:
		return fmt.Sprintf("Little speaks against %s: %s", n.changed, looks)
	case chance < 0.001:
		return fmt.Sprintf("More than 99.9 %% sure that %s is worse: %s", n.changed, looks)
	}
	return fmt.Sprintf("%s %% sure that %s is worse: %s", surely(1-chance), n.changed, looks)
}

// surely writes a probability in percent, rounded down: nobody is surer than the evidence.
func surely(p float64) string {
	if p >= 0.99 {
		return trim(fmt.Sprintf("%.1f", math.Floor(p*1000+1e-9)/10))
	}
	return fmt.Sprintf("%.0f", math.Floor(p*100+1e-9))
}

// outOf writes a chance as so many of a round number, rounded up.
func outOf(chance float64) string {
	whole := 100.0
	for whole < 1e6 && chance*whole < 1-1e-9 {
		whole *= 10
	}
	return fmt.Sprintf("%.0f of %s", max(math.Ceil(chance*whole-1e-9), 1), thousands(uint64(whole)))
}

// bounds says how bad it is at least, when it is worse beyond doubt, and how bad it is not.
func (n names) bounds(r *judge.Report) string {
	worse := ""
	for _, m := range r.Metrics {
		if m.Name == "errors" && m.Ratio.Known && m.Ratio.Low >= 1.05 { // less is written as once as many
			worse = fmt.Sprintf("At least %s times as many errors as %s.", times(m.Ratio.Low), n.stable)
		}
	}
	if worse == "" {
		return ruledOut(r)
	}
	if r.RuledOut > 0 {
		worse += " " + ruledOut(r)
	}
	return worse
}

// ruledOut says which rungs of the ladder are excluded.
func ruledOut(r *judge.Report) string {
	switch {
	case r.RuledOut > 0 && r.Open > 0:
		return "Ruled out: " + moreErrors(r.RuledOut) + " errors or more. Not yet ruled out: " + times(r.Open) + " times."
	case r.RuledOut > 0:
		return "Ruled out: " + moreErrors(r.RuledOut) + " errors or more, all that must be."
	case r.Open > 0:
		return "Nothing is ruled out yet, not even " + moreErrors(r.Open) + " errors."
	}
	return ""
}

// needs says what would settle it: for a suspicion, that it is certain; otherwise, that the share may rise.
func (v Verdict) needs(n names) string {
	r := v.Report
	switch {
	case r.State == judge.Bad:
		return "Nothing more is needed: the evidence suffices, and it stays so."
	case v.Action == Undo && v.Cause != Unseen:
		return "Nothing more is needed: what was found suffices."
	case v.State == judge.Blind:
		return "Needs a measurement that works: while it is broken nothing is known."
	case r.State == judge.Suspicious && r.MoreRequests > 0:
		return fmt.Sprintf("Needs %s to be certain, if nothing changes.",
			moreOf(r.MoreRequests, n.changed, r.MoreSeconds))
	case v.Lacks != "":
		return v.Lacks
	case v.MoreRequests > 0:
		return fmt.Sprintf("Needs %s before it can be judged.",
			moreOf(v.MoreRequests, n.changed, seconds(v.MoreTime)))
	}
	return ""
}

// moreOf reads "about 1,400 more requests of v2 (4 min at this share)".
func moreOf(n uint64, of string, seconds int64) string {
	s := fmt.Sprintf("about %s more requests", thousands(roundly(n)))
	if n == 1 {
		s = "about 1 more request"
	}
	s += " of " + of
	if seconds > 0 {
		s += fmt.Sprintf(" (%s at this share)", span(seconds))
	}
	return s
}

// roundly keeps two digits: an estimate that changes at every look is not read.
func roundly(n uint64) uint64 {
	unit := uint64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// harm says what it cost beside what nobody could have avoided.
func (n names) harm(r *judge.Report) string {
	if r.Harm < 0.5 {
		return fmt.Sprintf("No request failed beyond the rate of %s.", n.stable)
	}
	s := fmt.Sprintf("About %s failed that would not have failed on %s", requests(uint64(min(r.Harm+0.5, 1e12))), n.stable)
	if r.HarmFloor > 0 {
		s += fmt.Sprintf("; to know of a fault of this size costs about %s at least, by any method",
			times(max(r.HarmFloor, 1)))
	}
	return s + "."
}
