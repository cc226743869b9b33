package release

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
)

// How long a share is held at least before evidence may raise it, and before it may raise it beyond half of the
// visitors. The judge asks for as much; it is asked again here because the share is this room's.
const (
	leastHeld = 20 * time.Second
	leastLast = 2 * time.Minute
)

// share sets the step's share and bakes it under the guard.
func (x *decider) share() {
	step := x.r.Step()
	if x.r.State().Set.IsZero() {
		x.setting(step)
		return
	}
	v, at := x.f.Verdict, measured(x.f.Verdict, x.f.Now.Sub(x.r.ShareSince))
	why := x.overspends(v)
	switch {
	case v == nil:
		x.say(StepRunning, fmt.Sprintf("%s is at %s. Nothing was measured yet.", x.r.Version, percent(x.r.Share)))
	case why != "" && (x.baked(step, at) && fine(v) || x.cleared(step, v, at) == ""):
		x.wait(why)
	case x.baked(step, at) && fine(v):
		x.pass(guardActor, fmt.Sprintf("baked for %s: %s", round(at), v.Sentence))
	case x.cleared(step, v, at) == "":
		x.pass(guardActor, fmt.Sprintf("the evidence permits %s after %s: %s", percent(x.nextShare()), round(at),
			v.Sentence))
	case step.MaxBake > 0 && at >= step.MaxBake:
		x.longEnough(step, v)
	default:
		x.baking(step, v, at)
	}
}

// measured is how much of a time the verdict knows: what a Prometheus or exporter has not delivered passes no bake.
func measured(v *guard.Verdict, at time.Duration) time.Duration {
	if v == nil {
		return at
	}
	return max(at-v.Behind, 0)
}

// How long a step back may take before it is an undoing after all, and the share that it goes back to at most: half of
// the visitors tell two versions apart soonest.
const (
	stepBackWithin = 30 * time.Second
	stepBackTo     = 50
)

// comparesAgain goes back to a share with a stable side, once, when a limit is broken while everybody has the version:
// without one nobody can tell a fault of the version from trouble that would hit the stable one as well. Within
// seconds of comparison it is taken back, or it is held until the trouble is over.
func (x *decider) comparesAgain(v *guard.Verdict) bool {
	if v.Mode != guard.Alone || x.r.Share < 100 || x.r.Previous == "" || x.r.Phase != Running || !x.autoUndo() ||
		x.r.Plan.OneWay {
		return false
	}
	if !x.r.SteppedBack.IsZero() {
		return x.r.State().Set.IsZero() && x.f.Now.Sub(x.r.SteppedBack) < stepBackWithin
	}
	to := -1
	for i, s := range x.r.Plan.Steps[:x.r.Cursor] {
		if s.Kind == KindShare && s.Share < 100 && (to < 0 || s.Share <= stepBackTo) {
			to = i
		}
	}
	if to < 0 {
		return false
	}
	for ; x.r.Cursor > to; x.r.Cursor-- {
		*x.state(x.r.Cursor) = State{Status: StepPending}
	}
	s := x.state(to)
	s.Status, s.Set, s.Ended, s.Compared = StepRunning, time.Time{}, time.Time{}, ""
	x.r.SteppedBack, x.r.Effect = x.f.Now, ""
	x.voidRequest("everybody had it and a limit was broken")
	x.r.Sentence = fmt.Sprintf("Back to %s, to see whether it is %s or something behind both versions: %s",
		percent(x.r.Plan.Steps[to].Share), x.r.Version, v.Sentence)
	x.event("release.stepped_back", guardActor, x.r.Sentence, map[string]any{"from": x.r.Share,
		"to": x.r.Plan.Steps[to].Share, "findings": v.Findings})
	return true
}

// fine says that nothing stands against a rise.
func fine(v *guard.Verdict) bool {
	return v.Action == guard.Continue && v.Word == guard.BetterOrEqual && v.State != judge.Suspicious &&
		v.State != judge.Blind && v.State != judge.Bad
}

// baked says whether the share was held as long as the strategy asks, where time alone and a good verdict suffice: at
// fixed steps, and where no stable side is left to compare with.
func (x *decider) baked(step Step, at time.Duration) bool {
	return at >= step.Bake && (!step.Adaptive || x.nextShare() == 0)
}

// nextShare is the share of the next share step, 0 after the last.
func (x *decider) nextShare() float64 {
	if i := x.r.Cursor + 1; i < len(x.r.Plan.Steps) && x.r.Plan.Steps[i].Kind == KindShare {
		return x.r.Plan.Steps[i].Share
	}
	return 0
}

// cleared says why evidence alone may not raise the share to the next; nothing when it may. It never leaves a step
// out.
func (x *decider) cleared(step Step, v *guard.Verdict, at time.Duration) string {
	next := x.nextShare()
	least := leastHeld
	if next > 50 {
		least = leastLast
	}
	switch {
	case !step.Adaptive && !step.Shorten || next == 0:
		return bakesFor(step)
	case !fine(v):
		return "Nothing rises on such evidence."
	case at < least:
		return fmt.Sprintf("Stays for at least %s.", least)
	case v.ClearedTo < next:
		return x.lacks(v, next)
	case next >= 100 && step.Adaptive && x.f.Now.Sub(x.r.Exposed) < step.Bake:
		return fmt.Sprintf("Before everybody gets it, it bakes for at least %s in all.", step.Bake)
	case next >= 100 && !step.Adaptive && at < step.Bake:
		return fmt.Sprintf("Before everybody gets it, it bakes for at least %s.", step.Bake)
	case step.Adaptive && step.HarmBudget > 0 && !(x.harm(step, v, next) <= step.HarmBudget):
		return fmt.Sprintf("At %s a version as bad as can't be excluded yet might cost more than %g failed requests.",
			percent(next), step.HarmBudget)
	}
	return ""
}

func bakesFor(step Step) string { return "Bakes for at least " + step.Bake.String() + "." }

// lacks says what is missing for the next share, without numbers that move from look to look: the log is not written
// every second.
func (x *decider) lacks(v *guard.Verdict, next float64) string {
	what, _, _ := strings.Cut(v.Lacks, ":")
	if what == "" || strings.Contains(what, "another") {
		return fmt.Sprintf("More must be known before %s.", percent(next))
	}
	return strings.TrimSuffix(what, ".") + "."
}

// longEnough does what the strategy says of a share that proved nothing in the longest time.
func (x *decider) longEnough(step Step, v *guard.Verdict) {
	excluded := excluded(v)
	switch {
	case step.AtMax == GoBack && v.Word != guard.Broken:
		x.undo(guardActor, fmt.Sprintf("it did not prove itself at %s in %s, the longest time the strategy allows: %s",
			percent(x.r.Share), step.MaxBake, v.Sentence), v.Findings)
	case step.AtMax == GoOn && excluded != "" && nothingAgainst(v) && x.overspends(v) == "":
		x.pass(guardActor, fmt.Sprintf("held for %s, the longest time the strategy allows, without proof: %s", step.MaxBake,
			excluded))
	default:
		why := ""
		if step.AtMax == GoOn {
			why = "The strategy would let it go on, but something speaks against it or nothing is excluded. "
		}
		x.wait(fmt.Sprintf("%s has been at %s for the longest time the strategy allows and may not go on by itself: %s "+
			"%sWaits for a person: promote with a reason, or abort.", x.r.Version, percent(x.r.Share), v.Sentence, why))
	}
}

// nothingAgainst says that the verdict lacks data and nothing else: no warning, no doubt, and it was measured.
func nothingAgainst(v *guard.Verdict) bool {
	for _, f := range v.Findings {
		if f.Level != guard.Info {
			return false
		}
	}
	return v.Requests > 0 && (v.Word == guard.NotEnough || v.Word == guard.BetterOrEqual) &&
		v.State != judge.Suspicious && v.State != judge.Blind && v.State != judge.Bad
}

// excluded says how much worse the version cannot be; nothing when nothing is excluded: silence is never a pass.
func excluded(v *guard.Verdict) string {
	if v.Report == nil {
		return ""
	}
	least := v.Report.RuledOut
	for _, m := range v.Report.Metrics {
		if m.Name == "errors" && m.Ratio.Known && !m.Ratio.Open && (least == 0 || m.Ratio.High < least) {
			least = m.Ratio.High
		}
	}
	if least <= 0 {
		return ""
	}
	return fmt.Sprintf("more than %.2g times as many errors are excluded.", max(least, 1))
}

// harm is about how many requests the release will have cost at the next share when it is as bad as can't be excluded
// yet: what it cost already; what fails beyond the stable version's rate while it is being taken back (rate·share·
// excess·reaction); and what fails until that can be known, for a doubling at least, because less lies within what is
// tolerated (Wald's bound: the judge's own overhead is a matter of factor 1.6). NaN when nothing is known of it.
func (x *decider) harm(step Step, v *guard.Verdict, next float64) float64 {
	seconds := v.At.Sub(x.r.ShareSince).Seconds()
	rate := float64(v.Requests) / seconds / (x.r.Share / 100)
	pc, ps, spent, ok := worst(v)
	if !ok || !(seconds > 0) || !(x.r.Share > 0) || v.Requests == 0 {
		return math.NaN()
	}
	excess := max(pc-ps, 0)
	reacting := rate * next / 100 * excess * step.Reaction.Seconds()
	if next >= 100 { // nothing is compared any more
		return spent + reacting
	}
	p0 := max(ps, 1e-5)
	p1 := min(max(pc, 2*p0), 0.99)
	return spent + reacting + (p1-p0)*judge.WaldLimit(p0, p1, next/100, alpha(step.Rules))
}

// worst is the highest failure rate of the changed version that can't be excluded, the stable one's, and what was
// lost so far.
func worst(v *guard.Verdict) (pc, ps, spent float64, ok bool) {
	if v.Report == nil {
		return 0, 0, 0, false
	}
	n := float64(v.Report.Canary.Requests)
	for _, m := range v.Report.Metrics {
		if m.Name != "errors" || n == 0 {
			continue
		}
		ps, spent = m.Stable, max(v.Report.Harm, 0)
		// Poisson's upper limit for the canary's own failures, and the comparison's where it knows more.
		k := float64(m.Units)
		pc = min((k+3+2*math.Sqrt(k+0.5))/n, 1)
		if m.Ratio.Known && !m.Ratio.Open && m.Stable > 0 {
			pc = min(pc, m.Ratio.High*m.Stable)
		}
		return pc, ps, spent, true
	}
	return 0, 0, 0, false
}

func alpha(r guard.Rules) float64 {
	if r.Alpha > 0 && r.Alpha < 1 {
		return r.Alpha
	}
	return guard.DefaultRules().Alpha
}

// setting routes the step's share and takes note when the edge confirms it.
func (x *decider) setting(step Step) {
	e, ok := x.f.Effects[x.r.Effect]
	a, isRoute := routeArgs(e)
	switch {
	case !ok || !isRoute || a.Share != step.Share || e.State == effect.Superseded:
		x.route(RouteArgs{Stable: x.r.Previous, Canary: x.r.Deployment, Share: step.Share, Salt: x.r.ID},
			x.r.Plan.Timing.Tries)
		x.say(StepRunning, sending(x.r, step.Share))
	case e.State == effect.Failed:
		x.fail("The share could not be set: " + e.Result.Sentence)
	case e.State == effect.Done:
		x.setShare(step.Share, e.Ended, engineActor)
		x.state(x.r.Cursor).Set = x.r.ShareSince
		x.r.Effect = ""
	default:
		x.sayHeld(sending(x.r, step.Share), e)
	}
}

// sayHeld says what is being done, and why it is not done yet where a try has failed.
func (x *decider) sayHeld(doing string, e effect.Effect) {
	if why := e.Result.Sentence; why != "" {
		x.say(StepRunning, doing+" Not done yet: "+why)
	}
}

// sending says that the share is on its way.
func sending(r Release, share float64) string {
	if r.Flag != nil {
		return fmt.Sprintf("Gives %s to %s of users.", r.Version, percent(share))
	}
	return fmt.Sprintf("Sends %s of visitors to %s.", percent(share), r.Version)
}

// baking words the wait; the sentence changes with the verdict's word and with what is missing only, so that the log
// is not written every second. Numbers that move are in the verdict.
func (x *decider) baking(step Step, v *guard.Verdict, at time.Duration) {
	stable, word := x.r.Stable("the stable version"), ""
	switch {
	case v.Word == guard.BetterOrEqual && x.r.Share >= 100:
		word = "Everybody has it; it is held to its limits and to what " + stable + " did before."
	case v.Word == guard.BetterOrEqual:
		word = "So far no worse than " + stable + "."
	case v.Word == guard.NotEnough:
		word = "Not enough evidence yet."
	case v.Word == guard.Worse:
		word = "It looks worse than " + stable + "."
	case v.Word == guard.Broken:
		word = "The measurement is broken: nothing can be said, so nothing advances."
	}
	why := x.cleared(step, v, at)
	if !fine(v) {
		why = bakesFor(step)
	}
	x.say(StepRunning, x.r.Version+" is at "+percent(x.r.Share)+". "+word+" "+why)
}

func routeArgs(e effect.Effect) (RouteArgs, bool) {
	var a RouteArgs
	if e.Kind != effect.Route || json.Unmarshal(e.Args, &a) != nil {
		return a, false
	}
	return a, true
}
