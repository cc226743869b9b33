package release

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// displaced acts on somebody else's change of what production serves. While the release has visitors it waits for a
// person or goes back, as the strategy says: whatever the evidence, it is not of what was routed. In production there
// is nothing left to watch, and the release ends. Where what everybody gets was deleted there is nothing to go back to:
// a canary waits whatever the strategy says, and in production the guard finds the fault and a rollback is asked for.
func (x *decider) displaced() bool {
	exposed := x.r.Share > 0 && x.r.Flag == nil && !x.r.Routing()
	switch {
	case x.f.Foreign == "" || !exposed || x.f.Lost && !x.r.Promoted.IsZero():
		if !x.r.Displaced.IsZero() {
			x.r.Displaced = time.Time{}
			x.event("release.rejoined", engineActor, x.r.Version+" is served as it was routed again.", nil)
		}
		return false
	case !x.r.Promoted.IsZero():
		x.replaced()
		return true
	case x.r.Plan.Drift == DriftUndo && !x.f.Lost:
		x.undo(engineActor, x.f.Foreign, nil)
		return true
	}
	first := x.r.Displaced.IsZero()
	if first {
		x.r.Displaced = x.f.Now
	}
	what := "abort takes it back, retry routes it again as planned."
	if x.f.Lost {
		what = "what production can go back to is listed by slipway rollback plan."
	}
	x.say(StepWaiting, x.f.Foreign+" Waits for a person: "+what)
	if first {
		x.event("release.displaced", engineActor, x.r.Sentence, nil)
	}
	return true
}

// replaced ends a release that was in production and is so no longer: what is served now was put there by others.
func (x *decider) replaced() {
	s := x.state(x.r.Cursor)
	s.Status, s.Ended, s.Sentence = StepFailed, x.f.Now, x.f.Foreign
	x.setShare(0, x.f.Now, engineActor)
	x.r.Phase, x.r.Reason, x.r.Ended = RolledBack, x.f.Foreign, x.f.Now
	x.r.Sentence = x.r.Version + " is not in production any more. " + x.f.Foreign
	x.event("release.rolled_back", engineActor, x.r.Sentence, map[string]any{"by": "another hand"})
}

// Named replaces what a release was taken back for by the same with who did it, which was not known then. It reports
// false where it was taken back for something else.
func (r Release) Named(was, is string) (Release, bool) {
	if r.Reason != was {
		return r, false
	}
	r.States = slices.Clone(r.States)
	s := &r.States[r.Cursor]
	r.Reason, r.Sentence = is, strings.Replace(r.Sentence, was, is, 1)
	s.Sentence = strings.Replace(s.Sentence, was, is, 1)
	return r, true
}

// Routing reports whether a routing of this release is under way: what is served is not what was asked for yet.
func (r Release) Routing() bool {
	step, s := r.Step(), r.State()
	return step.Kind == KindShare && s.Set.IsZero() || step.Kind == KindPromote
}

// routeAgain goes back to the share that the release had, and has it routed once more.
func (x *decider) routeAgain(c Command) {
	for x.r.Cursor > 0 && x.r.Step().Kind != KindShare {
		*x.state(x.r.Cursor) = State{Status: StepPending}
		x.r.Cursor--
	}
	s := x.state(x.r.Cursor)
	s.Status, s.Set, s.Ended, x.r.Effect, x.r.Displaced = StepRunning, time.Time{}, time.Time{}, "", time.Time{}
	x.voidRequest("it is routed again")
	x.r.Sentence = x.r.Step().Title
	x.event("release.routed_again", c.Actor, fmt.Sprintf("%s has it routed again%s.", c.Name, because(c.Reason)), nil)
}
