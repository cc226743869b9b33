package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
)

// Hash returns the hex SHA-256 of the plan's JSON.
func (p Plan) Hash() string {
	b, err := json.Marshal(p)
	if err != nil {
		return "" // durations, strings and finite numbers always marshal; strategy refuses others
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// New returns a release at the first step of its plan.
func New(r Release, now time.Time) Release {
	r.Phase, r.Cursor, r.Created, r.Updated = Running, 0, now, now
	r.States = make([]State, len(r.Plan.Steps))
	for i := range r.States {
		r.States[i].Status = StepPending
	}
	if len(r.Plan.Steps) > 0 {
		r.Sentence = r.Plan.Steps[0].Title
	}
	return r
}

// command does what a person asks, or says why not.
func (x *decider) command(c Command) {
	if x.r.Phase.Final() {
		x.refuse("release_ended", "%s has ended (%s); nothing can be done to it any more.", x.r.Version, x.r.Phase)
		return
	}
	if x.r.Phase == Undoing {
		x.refuse("release_undoing", "%s is being taken back already.", x.r.Version)
		return
	}
	if !x.roomFor(c) {
		return
	}
	switch c.Kind {
	case Pause:
		x.pause(c)
	case Resume:
		x.resume(c)
	case Promote:
		x.goOn(c)
	case Abort:
		x.abort(c)
	case SetTo:
		x.lower(c)
	case Skip:
		x.skip(c)
	case Retry:
		x.retry(c)
	default:
		x.d.Err = fault.New(fault.Invalid, "command_unknown", "There is no command %q for a release.", c.Kind)
	}
}

func (x *decider) refuse(reason, format string, args ...any) {
	x.d.Err = fault.New(fault.Refused, reason, format, args...)
}

// refuseFor is refuse with what to do instead, which the command line does with a command.
func (x *decider) refuseFor(reason, instead, command, format string, args ...any) {
	x.d.Err = fault.New(fault.Refused, reason, format, args...).At(fault.Page, "%s.", instead).
		At(fault.API, "%s.", instead).At(fault.Command, "%s: %s.", instead, command)
}

func (x *decider) pause(c Command) {
	if x.r.Phase == Paused {
		x.refuse("already_paused", "%s is paused already.", x.r.Version)
		return
	}
	x.r.Phase = Paused
	x.r.Sentence = fmt.Sprintf("Paused by %s at %s%s. The guard still watches.", c.Name, percent(x.r.Share),
		because(c.Reason))
	x.event("release.paused", c.Actor, x.r.Sentence, map[string]any{"reason": c.Reason})
}

func (x *decider) resume(c Command) {
	if x.r.Phase != Paused {
		x.refuse("not_paused", "%s is not paused.", x.r.Version)
		return
	}
	x.r.Phase = Running
	s := x.state(x.r.Cursor)
	if step := x.r.Step(); step.Kind == KindShare && x.r.Share != step.Share {
		s.Set, x.r.Effect = time.Time{}, ""
	}
	x.r.Sentence = x.r.Step().Title
	x.event("release.resumed", c.Actor, fmt.Sprintf("Resumed by %s%s.", c.Name, because(c.Reason)), nil)
}

// goOn ends a bake early, or gives the reason that a window waits for. Against the
// evidence it needs the permission to skip.
func (x *decider) goOn(c Command) {
	step := x.r.Step()
	switch {
	case x.r.Phase == Paused:
		x.refuse("release_paused", "%s is paused: resume it first.", x.r.Version)
	case step.Kind == KindWindow && x.r.Scheduled.IsZero() && x.r.Unscheduled == "":
		if c.Reason == "" {
			x.d.Err = fault.ReasonRequired("Say why it goes out unscheduled")
			return
		}
		x.r.Unscheduled = c.Reason
		x.event("release.unscheduled", c.Actor, fmt.Sprintf("%s lets it go out unscheduled: %s", c.Name, c.Reason), nil)
	case step.Kind == KindShare && !x.r.State().Set.IsZero():
		x.endBake(c)
	default:
		x.refuse("not_waiting_for_this", "%s cannot be promoted at this step: %s", x.r.Version, x.r.Sentence)
	}
}

func (x *decider) endBake(c Command) {
	v := x.f.Verdict
	proven := v != nil && v.Word == guard.BetterOrEqual && v.Action == guard.Continue
	switch {
	case c.Reason == "":
		x.d.Err = fault.ReasonRequired("Say why the bake ends early")
	case !proven && !c.Bypass:
		words := "nothing was measured yet."
		if v != nil {
			words = v.Sentence
		}
		x.refuse("evidence_missing", "The evidence does not allow it yet: %s Going on all the same needs release:skip.",
			words)
	default:
		x.pass(c.Actor, fmt.Sprintf("%s ended the bake early: %s", c.Name, c.Reason))
	}
}

func (x *decider) abort(c Command) {
	if !x.r.Promoted.IsZero() {
		x.refuseFor("in_production", "Request a rollback instead", "slipway rollback request", "%s is in production.",
			x.r.Version)
		return
	}
	if c.Reason == "" {
		x.d.Err = fault.ReasonRequired("Say why it is aborted")
		return
	}
	x.undo(c.Actor, "aborted by "+c.Name+": "+c.Reason, nil)
}

// lower sets a smaller share by hand and pauses there.
func (x *decider) lower(c Command) {
	switch {
	case !x.r.Promoted.IsZero():
		x.refuse("in_production", "%s is in production; its share is no longer the canary's.", x.r.Version)
		return
	case x.r.Share <= 0:
		x.refuse("not_exposed", "%s has no %s yet.", x.r.Version, x.r.People())
		return
	case x.r.Plan.OneWay && c.Share > 0:
		x.refuseFor("share_impossible", "Abort "+x.r.Version+" to take it back", "slipway release abort "+x.r.Version,
			"Shares on this target only rise.")
		return
	case c.Share >= x.r.Share:
		x.refuse("share_not_lower", "The share can only be lowered by hand; it is at %s. To raise it, promote.",
			percent(x.r.Share))
		return
	case c.Share < 0:
		x.d.Err = fault.New(fault.Invalid, "share_invalid", "A share lies between 0 and 100 percent.")
		return
	}
	for x.r.Cursor > 0 && (x.r.Step().Kind != KindShare || x.r.Step().Share > c.Share) && x.hasShareBefore() {
		*x.state(x.r.Cursor) = State{Status: StepPending}
		x.r.Cursor--
	}
	s := x.state(x.r.Cursor)
	s.Status, s.Set, s.Ended = StepRunning, time.Time{}, time.Time{}
	x.voidRequest("the share was lowered by hand")
	x.r.Phase = Paused
	x.r.Sentence = fmt.Sprintf("Lowered to %s by %s%s, and paused there. The guard still watches.", percent(c.Share),
		c.Name, because(c.Reason))
	x.event("release.lowered", c.Actor, x.r.Sentence, map[string]any{"from": x.r.Share, "to": c.Share})
	x.route(RouteArgs{Stable: x.r.Previous, Canary: x.r.Deployment, Share: c.Share, Salt: x.r.ID}, x.r.Plan.Timing.Tries)
}

func (x *decider) hasShareBefore() bool {
	for _, s := range x.r.Plan.Steps[:x.r.Cursor] {
		if s.Kind == KindShare {
			return true
		}
	}
	return false
}

// skip leaves a step out: a named person who may, with a reason, and never the
// author for a gate.
func (x *decider) skip(c Command) {
	step := x.r.Step()
	if c.Step != "" && c.Step != step.ID {
		x.refuse("not_at_step", "%s is at %s, not at %s.", x.r.Version, step.ID, c.Step)
		return
	}
	if c.Reason == "" {
		x.d.Err = fault.ReasonRequired("Say why the step is skipped")
		return
	}
	if x.d.Err = x.r.MaySkip(c.User); x.d.Err != nil {
		return
	}
	x.leave(StepSkipped, c.Actor, fmt.Sprintf("skipped by %s: %s", c.Name, c.Reason))
}

// MaySkip says why a user cannot leave out the step under the cursor; nil when that
// is possible. Refused is for everybody, Denied for this user.
func (r Release) MaySkip(user string) error {
	step := r.Step()
	switch {
	case step.Kind == KindApproval:
		return fault.New(fault.Refused, "not_skippable", "An approval cannot be skipped: people approve or reject it.")
	case step.Kind == KindPromote || step.Kind == KindDeploy || step.Production &&
		(step.Kind == KindWatch || step.Kind == KindSmoke):
		return fault.New(fault.Refused, "not_skippable",
			"%s cannot be skipped: without it nothing is known of production.", step.Title)
	case user == r.Author:
		return fault.New(fault.Denied, "own_release", "The author of a release cannot skip its steps. Ask somebody else.")
	}
	return nil
}

func (x *decider) retry(c Command) {
	if !x.r.Displaced.IsZero() {
		x.routeAgain(c)
		return
	}
	s := x.state(x.r.Cursor)
	if s.Status != StepFailed {
		x.refuse("nothing_failed", "Nothing failed at this step: %s", x.r.Sentence)
		return
	}
	attempt := s.Attempt + 1
	*s = State{Status: StepRunning, Started: x.f.Now, Attempt: attempt}
	x.r.Effect, x.r.Suspect = "", false
	x.r.Sentence = x.r.Step().Title
	x.event("release.retried", c.Actor, fmt.Sprintf("%s tries %s again.", c.Name, x.r.Step().ID), nil)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}
