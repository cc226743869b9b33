package release

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/guard"
)

// actor of what nobody asked for.
const engineActor, guardActor = "system:engine", "system:guard"

// Decide moves a release by at most one step of the state machine. It is pure and
// total: every release, facts and command give a decision. Called again with its
// own result and the same facts it ends in a decision that changes nothing.
func Decide(r Release, f Facts) Decision {
	x := &decider{r: r, f: f}
	switch {
	case len(r.Plan.Steps) == 0 || len(r.States) != len(r.Plan.Steps) || r.Cursor < 0 || r.Cursor >= len(r.States):
		return x.broken()
	case f.Command != nil:
		x.command(*f.Command)
		if x.d.Err != nil {
			return Decision{Release: r, Err: x.d.Err}
		}
	case r.Phase.Final():
	case r.Phase == Undoing:
		x.undoing()
	case x.switchedOff():
	case x.guarded():
	case x.displaced():
	case r.Phase == Paused:
		x.paused()
	case x.short():
	default:
		x.step()
	}
	if f.Command == nil {
		x.unseen()
		x.troubled()
	}
	if x.d.Changed {
		x.r.Updated = f.Now
	}
	x.d.Release = x.r
	x.d.Next = x.next()
	return x.d
}

// broken ends a release whose document cannot be: only a defect or a hand in the
// database makes one, and traffic must not stay on it.
func (x *decider) broken() Decision {
	if !x.r.Phase.Final() {
		x.r.Phase, x.r.Reason, x.r.Sentence = Failed, "its record is damaged", "The record of this release is damaged; it "+
			"cannot go on."
		x.r.Plan.Steps, x.r.States, x.r.Cursor = []Step{{ID: "damaged"}}, []State{{Status: StepFailed}}, 0
		x.event("release.failed", engineActor, x.r.Sentence, nil)
	}
	x.d.Release = x.r
	return x.d
}

// next says when to look again.
func (x *decider) next() time.Time {
	switch {
	case x.r.Phase.Final():
		return time.Time{}
	case x.d.Changed:
		return x.f.Now
	case x.r.Share > 0 || x.r.Phase == Undoing:
		return x.f.Now.Add(x.r.Plan.Timing.Look)
	case x.d.Next.IsZero():
		return x.f.Now.Add(time.Minute) // nothing is due: look all the same, in case a wake was lost
	}
	return x.d.Next
}

// Rules returns the limits that watch the release now, and false while nobody is
// exposed to it.
func (r Release) Rules() (guard.Rules, bool) {
	if r.Share <= 0 || r.Phase.Final() || len(r.Plan.Steps) == 0 {
		return guard.Rules{}, false
	}
	for i := min(r.Cursor, len(r.Plan.Steps)-1); i >= 0; i-- {
		if s := r.Plan.Steps[i]; s.Kind == KindShare || s.Kind == KindWatch {
			return s.Rules, true
		}
	}
	for _, s := range r.Plan.Steps {
		if s.Kind == KindShare || s.Kind == KindWatch {
			return s.Rules, true
		}
	}
	return guard.Rules{}, false
}

// guarded acts on the guard's verdict wherever the release stands: absolute limits
// fire while it bakes, while it is paused and while people are being asked.
func (x *decider) guarded() bool {
	v := x.f.Verdict
	if v == nil || v.Action != guard.Undo || x.r.Share <= 0 {
		return false
	}
	if !x.r.Promoted.IsZero() {
		return x.askRollback(v)
	}
	if x.comparesAgain(v) {
		return false // the step sets its share
	}
	if !x.autoUndo() {
		if x.r.Suspect {
			return false
		}
		x.r.Suspect = true
		x.say(StepWaiting,
			"The guard asks to take it back: "+v.Sentence+" Waits for a person: abort, or promote with a reason.")
		x.event("release.suspect", guardActor, x.r.Sentence, v)
		return true
	}
	x.undo(guardActor, v.Sentence, v.Findings)
	return true
}

// blindLong is how long nothing may be known of a version with visitors before people are told.
const blindLong = 5 * time.Minute

// unseen notes since when the measurement is broken, and tells people once when that lasts: the share is frozen, and
// nobody would otherwise look. It neither takes anything back nor lets anything pass.
func (x *decider) unseen() {
	v := x.f.Verdict
	blind := v != nil && v.Word == guard.Broken && x.r.Share > 0 && !x.r.Phase.Final()
	switch {
	case blind && x.r.Blind.IsZero():
		x.r.Blind, x.r.BlindTold, x.d.Changed = x.f.Now, false, true
	case blind && !x.r.BlindTold && x.f.Now.Sub(x.r.Blind) >= blindLong:
		x.r.BlindTold = true
		x.event("release.blind", guardActor, fmt.Sprintf("Nothing is known of %s for %s; it stays at %s until something "+
			"is. %s", x.r.Version, round(blindLong), percent(x.r.Share), v.Sentence), v)
	case !blind && !x.r.Blind.IsZero() && (v != nil || x.r.Share == 0):
		if x.r.BlindTold && v != nil {
			x.event("release.seen", guardActor, "Something is known of "+x.r.Version+" again. "+v.Sentence, nil)
		}
		x.r.Blind, x.r.BlindTold, x.d.Changed = time.Time{}, false, true
	}
}

// troubled tells people once when the stable version counts as broken while another one has visitors, and once when
// they are compared again: production is in trouble, and nobody would otherwise look at a release that waits.
func (x *decider) troubled() {
	v := x.f.Verdict
	if v == nil || x.r.Share <= 0 || x.r.Phase.Final() {
		return
	}
	switch broken := v.Mode == guard.BrokenStable; {
	case broken && !x.r.Troubled:
		x.r.Troubled, x.d.Changed = true, true
		x.event("release.troubled", guardActor, fmt.Sprintf("The stable version is broken while %s is at %s. %s",
			x.r.Version, percent(x.r.Share), v.Sentence), v)
	case !broken && x.r.Troubled && v.Word != guard.Broken:
		x.r.Troubled, x.d.Changed = false, true
		x.event("release.calm", guardActor, "The stable version is well again. "+v.Sentence, nil)
	}
}

// autoUndo reads the nearest share step's policy.
func (x *decider) autoUndo() bool {
	for i := x.r.Cursor; i >= 0; i-- {
		if s := x.r.Plan.Steps[i]; s.Kind == KindShare {
			return s.AutoUndo
		}
	}
	return true
}

// askRollback asks people to take production back; once.
func (x *decider) askRollback(v *guard.Verdict) bool {
	if x.r.Suspect || x.f.Rollback {
		return false
	}
	x.r.Suspect = true
	if x.r.Detected.IsZero() {
		x.r.Detected = x.f.Now
	}
	x.d.Rollback = &Ask{Title: "Production is worse with " + x.r.Version, Trigger: v.Sentence, Findings: v.Findings,
		Finding: decisive(v.Sentence, v.Findings), Detected: x.f.Now}
	x.event("release.suspect", guardActor, "The guard asks for a rollback of production: "+v.Sentence, v)
	return true
}

// undo takes the release back before production: all traffic to the stable
// version, and no way back for sessions that are pinned to this one.
func (x *decider) undo(actor, reason string, findings []guard.Finding) {
	x.r.Phase, x.r.Reason, x.r.Detected = Undoing, reason, x.f.Now
	x.r.Against = decisive(reason, findings)
	s := x.state(x.r.Cursor)
	s.Status, s.Ended, s.Sentence = StepFailed, x.f.Now, reason
	if actor != guardActor && actor != engineActor {
		s.Actor = actor
	}
	x.voidRequest("the release was taken back")
	x.r.Sentence = "Taking " + x.r.Version + " back: " + reason
	x.event("release.undoing", actor, x.r.Sentence, map[string]any{"share": x.r.Share, "findings": findings})
	if x.exposable() {
		x.route(RouteArgs{Stable: x.r.Previous, Share: 0, Salt: x.r.ID, Ban: x.r.Deployment}, 0)
		return
	}
	x.ended(Aborted)
}

// decisive returns the finding that a reason tells of: the incident that follows is about the same thing.
func decisive(reason string, findings []guard.Finding) *guard.Finding {
	for _, f := range findings {
		if f.Level != guard.Info && f.Sentence != "" && strings.Contains(reason, f.Sentence) {
			return &f
		}
	}
	return nil
}

// exposable reports whether any routing was ever asked for.
func (x *decider) exposable() bool { return x.r.Routes > 0 }

// route asks for a routing. tries 0 means: until it succeeds.
func (x *decider) route(a RouteArgs, tries int) {
	x.r.Routes++
	a.Flag = x.r.Flag
	x.effect(effect.Route, fmt.Sprintf("%s/route/%d", x.r.ID, x.r.Routes), x.lane(), a, tries)
}

// undoing waits until the edge has confirmed that traffic is back.
func (x *decider) undoing() {
	e, ok := x.f.Effects[x.r.Effect]
	if !ok || e.State == effect.Failed || e.State == effect.Superseded {
		x.route(RouteArgs{Stable: x.r.Previous, Share: 0, Salt: x.r.ID, Ban: x.r.Deployment}, 0)
		return
	}
	if e.State != effect.Done {
		x.stuck(e)
		return
	}
	x.setShare(0, e.Ended, engineActor)
	x.r.Restored = e.Ended
	back := "All traffic is back on the stable version"
	if x.r.Flag != nil {
		back = x.r.Flag.Key + " serves what it did before the ramp"
	}
	x.event("release.restored", engineActor, fmt.Sprintf("%s, %s after the decision.", back,
		round(x.r.Restored.Sub(x.r.Detected))), map[string]any{"seconds": x.r.Restored.Sub(x.r.Detected).Seconds()})
	x.ended(Aborted)
}

// stuck tells people, once, that visitors are still on what is being taken back, and why.
func (x *decider) stuck(e effect.Effect) {
	why := e.Result.Sentence
	if why == "" {
		return
	}
	first := !strings.Contains(x.r.Sentence, notBack)
	sentence := fmt.Sprintf("Taking %s back: %s%s%s It is tried until it succeeds.", x.r.Version,
		strings.TrimRight(x.r.Reason, "."), notBack, why)
	if sentence != x.r.Sentence {
		x.r.Sentence, x.d.Changed = sentence, true
	}
	if first {
		x.event("release.stuck", engineActor, sentence, map[string]any{"why": why})
	}
}

// notBack says, in the sentence of a release, that its way back is not done yet.
const notBack = ". Visitors are not back yet: "

// ended closes the release. A version that was taken back by evidence is recorded
// as bad; one that a person ended before anybody saw it is not judged.
func (x *decider) ended(p Phase) {
	x.r.Phase, x.r.Ended, x.r.Effect = p, x.f.Now, ""
	switch {
	case x.r.Flag != nil:
		x.flagEnded(p)
	case p == Completed:
		x.r.Sentence = x.r.Version + " is in production, verified and watched."
		x.d.Judgements = append(x.d.Judgements, Judgement{Deployment: x.r.Deployment, Verdict: deployment.Good,
			Why: "watched in production without a finding"})
	case p == Aborted:
		x.r.Sentence = x.r.Version + " was taken back: " + x.r.Reason
		if x.r.Reached == 0 {
			x.r.Sentence = x.r.Version + " ended before anybody saw it: " + x.r.Reason
		}
		x.giveBack()
		if x.r.Reached > 0 {
			x.d.Judgements = append(x.d.Judgements, Judgement{Deployment: x.r.Deployment, Verdict: deployment.Bad,
				Why: x.r.Reason})
			x.d.Incident = &Ask{Title: "Canary of " + x.r.Version + " was taken back", Trigger: x.r.Reason,
				Finding: x.r.Against, Detected: x.r.Detected}
		}
	}
	x.event("release."+string(p), engineActor, x.r.Sentence, map[string]any{
		"reason": x.r.Reason, "share_reached": x.r.Reached, "seconds": x.f.Now.Sub(x.r.Created).Seconds(),
	})
}

// giveBack puts what ran before the release back into the environment where it
// failed, and takes it out of the canary.
func (x *decider) giveBack() {
	here := x.r.Step().Environment
	if before, placed := x.r.Before[here]; placed && here != "canary" {
		x.d.Placements = append(x.d.Placements, Placement{Environment: here, Deployment: before})
	}
	if _, placed := x.r.Before["canary"]; placed {
		x.d.Placements = append(x.d.Placements, Placement{Environment: "canary"})
	}
}

// paused keeps looking, nothing more: effects that were under way are taken note of.
func (x *decider) paused() { x.confirmed() }

// setShare takes note of a share that the edge confirmed.
func (x *decider) setShare(share float64, at time.Time, by string) {
	if at.IsZero() {
		at = x.f.Now
	}
	if share > 0 && x.r.Exposed.IsZero() {
		x.r.Exposed = at
	}
	x.r.Share, x.r.ShareSince = share, at
	x.r.Reached = max(x.r.Reached, share)
	x.r.Shares = append(slices.Clip(x.r.Shares), Shift{At: at, Share: share, By: by})
	x.event("release.share_set", by, fmt.Sprintf("%s has %s of %s.", x.r.Version, percent(share), x.r.People()),
		map[string]any{"share": share})
}

// pass ends the step at the cursor and goes to the next.
func (x *decider) pass(actor, sentence string) { x.leave(StepPassed, actor, sentence) }

func (x *decider) leave(status Status, actor, sentence string) {
	step := x.r.Step()
	s := x.state(x.r.Cursor)
	s.Status, s.Ended, s.Sentence, s.Actor = status, x.f.Now, sentence, actor
	if v := x.f.Verdict; v != nil && step.Kind == KindShare {
		s.Compared = v.Summary(x.r.Version, "")
	}
	x.r.Effect, x.r.Suspect = "", false
	kind := "release.step_passed"
	if status == StepSkipped {
		kind = "release.step_skipped"
	}
	x.event(kind, actor, step.Title+": "+sentence, map[string]any{"step": step.ID,
		"seconds": x.f.Now.Sub(s.Started).Seconds()})
	if x.r.Cursor == len(x.r.Plan.Steps)-1 {
		x.ended(Completed)
		return
	}
	x.r.Cursor++
	x.r.Sentence = x.r.Step().Title
}

// fail stops at the step: a person retries, skips or aborts.
func (x *decider) fail(sentence string) {
	if s := x.r.State(); s.Status == StepFailed && s.Sentence == sentence {
		return
	}
	s := x.state(x.r.Cursor)
	s.Status, s.Ended, s.Sentence = StepFailed, x.f.Now, sentence
	x.r.Sentence = sentence + " Waits for a person: retry or abort."
	x.event("release.step_failed", engineActor, x.r.Step().Title+": "+sentence, map[string]any{"step": x.r.Step().ID})
}

func percent(share float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(share, 'f', 2, 64), "0"), ".") + " %"
}

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
