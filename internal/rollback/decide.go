package rollback

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
)

// CommandKind is what a person asks for.
type CommandKind string

// The commands.
const (
	Run      CommandKind = "run"      // where the policy leaves the start to a person, or after a failure
	Cancel   CommandKind = "cancel"   // before anything was done
	Retry    CommandKind = "retry"    // after a failure
	Retarget CommandKind = "retarget" // go to another deployment; votes are void
)

// Command is what a person asks of the rollback.
type Command struct {
	Kind   CommandKind
	Actor  string
	Name   string
	Reason string
	Target *deployment.Deployment // retarget
}

// Facts are everything Decide may know beside the rollback itself.
type Facts struct {
	Now     time.Time
	Effects map[string]effect.Effect
	Request *approval.Request
	NewID   string
	Verdict *guard.Verdict // of the target, since traffic is on it
	Gone    bool           // the target was deleted on its platform
	Command *Command
}

// RouteArgs are the arguments of the Route effect, as release.RouteArgs.
type RouteArgs struct {
	Stable string  `json:"stable"`
	Share  float64 `json:"share"`
	Salt   string  `json:"salt"`
	Ban    string  `json:"ban,omitempty"`
}

// SmokeArgs are the arguments of the Smoke effect, as release.TargetArgs.
type SmokeArgs struct {
	Deployment string `json:"deployment"`
	URL        string `json:"url"`
	Suite      string `json:"suite"`
	Health     string `json:"health,omitempty"` // path, for the look before
}

// Decision is what Decide says. When Err is set nothing else is.
type Decision struct {
	Rollback Rollback
	Changed  bool
	Events   []event.Draft
	Effects  []effect.Effect
	Request  *approval.Request
	Switched bool // traffic is confirmed on the target: production runs it now, the other is bad
	Next     time.Time
	Err      error
}

type decider struct {
	r Rollback
	f Facts
	d Decision
}

const engineActor = "system:engine"

// Decide moves a rollback by at most one step. It is pure and total.
func Decide(r Rollback, f Facts) Decision {
	x := &decider{r: r, f: f}
	switch {
	case f.Command != nil:
		x.command(*f.Command)
		if x.d.Err != nil {
			return Decision{Rollback: r, Err: x.d.Err}
		}
	case r.Phase == Requested:
		x.requested()
	case r.Plan.To == nil && r.Phase != Failed && !r.Phase.Final():
		// No plan of ours gets here. A record that does must not stop the loop for everybody else.
		x.failed("There is no known good deployment to go back to.")
	case r.Phase == Approved:
		x.execute()
	case r.Phase == Executing:
		x.executing()
	case r.Phase == Verifying:
		x.verifying()
	}
	if x.d.Changed {
		x.r.Updated = f.Now
		x.d.Next = f.Now
	} else if !x.r.Phase.Final() && x.d.Next.IsZero() {
		x.d.Next = f.Now.Add(time.Second)
	}
	if x.r.Phase.Final() {
		x.d.Next = time.Time{}
	}
	x.d.Rollback = x.r
	return x.d
}

func (x *decider) event(kind, actor, sentence string, data any) {
	x.d.Changed = true
	x.d.Events = append(x.d.Events, event.Draft{
		Kind: kind, Actor: actor, App: x.r.App, Environment: x.r.Environment, Subject: x.r.ID, Sentence: sentence, Data: data,
	})
}

// Hash returns the hex SHA-256 of the plan's JSON.
func (p Plan) Hash() string {
	b, err := json.Marshal(p)
	if err != nil {
		return "" // plans hold strings, durations and finite numbers
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Steps says in words what the plan does, in order.
func (p Plan) Steps() []string {
	if p.To == nil {
		return []string{"There is no known good deployment to go back to. Deploy an earlier version by hand, or fix forward."}
	}
	return []string{
		fmt.Sprintf("Look whether %s answers. Nobody is moved when it does not, unless a person insists.", p.To.Version),
		fmt.Sprintf("Send all visitors of %s to %s (%s).", p.Environment, p.To.Version, p.To.URL),
		fmt.Sprintf("Stop honoring sessions that are pinned to %s.", p.From.Version),
		fmt.Sprintf("Run the smoke checks %q against %s.", p.Suite, p.To.Version),
		fmt.Sprintf("Watch health and error rate for %s.", p.Watch),
		fmt.Sprintf("Record %s as bad, so that nothing goes back to it.", p.From.Version),
	}
}

// Subject returns what an approval of the rollback is about.
func (r Rollback) Subject(expires time.Time) approval.Subject {
	s := approval.Subject{
		Kind: "rollback", ID: r.ID, App: r.App, Environment: r.Environment, Plan: r.Plan.Hash(), Evidence: map[string]string{
			"trigger": r.Trigger, "from": r.Plan.From.Version,
		}, Expires: expires,
	}
	for _, p := range r.Evidence {
		s.Evidence[p.Name] = p.Says
	}
	if to := r.Plan.To; to != nil {
		s.Action = fmt.Sprintf("Take %s back from %s to %s", r.Environment, r.Plan.From.Version, to.Version)
		s.Version, s.Commit, s.Deployment, s.URL = to.Version, to.Commit, to.ID, to.URL
		s.Evidence["target"] = r.Plan.Why
	}
	return s
}

// requested asks people, and waits; without a rule the policy is automatic.
func (x *decider) requested() {
	q := x.f.Request
	switch {
	case x.r.Plan.To == nil:
		x.failed("There is no known good deployment to go back to.")
	case len(x.r.Plan.Approve) == 0:
		x.r.Phase, x.r.Allowed = Approved, x.f.Now
		x.r.Sentence = "It goes back by itself: the strategy asks nobody here."
		x.event("rollback.approved", engineActor, x.r.Sentence, nil)
	case x.r.Request == "" || q == nil:
		x.ask("")
	case q.State == approval.Approved:
		x.r.Phase, x.r.Request, x.r.Allowed = Approved, "", x.f.Now
		x.r.Sentence = "Approved."
		x.event("rollback.approved", q.Votes[len(q.Votes)-1].Actor, "The rollback is approved.",
			map[string]any{"request": q.ID, "hash": q.Hash})
	case q.State == approval.Rejected:
		last := q.Votes[len(q.Votes)-1]
		x.r.Phase, x.r.Request, x.r.Ended = Rejected, "", x.f.Now
		x.r.Sentence = fmt.Sprintf("Rejected by %s: %s. It is tracked as an incident.", last.Name, last.Reason)
		x.event("rollback.rejected", last.Actor, x.r.Sentence, map[string]any{"request": q.ID})
	case q.State != approval.Open:
		x.ask(q.Why)
	case !x.f.Now.Before(q.Subject.Expires):
		next := q.Expire(x.f.Now)
		x.d.Request, x.r.Request = &next, ""
		x.event("approval.expired", engineActor, "Nobody decided in time; people are asked again.",
			map[string]any{"request": q.ID})
	case x.r.Subject(q.Subject.Expires).Hash() != q.Hash:
		next := q.Void("what it was about has changed", x.f.Now)
		x.d.Request, x.r.Request = &next, ""
		x.event("approval.voided", engineActor, "The plan has changed; earlier votes are void.",
			map[string]any{"request": q.ID})
	default:
		x.d.Next = q.Subject.Expires
		x.waits("Waits for approval: " + approval.Describe(q.Missing()) + ".")
	}
}

// waits sets the sentence when it says something new.
func (x *decider) waits(sentence string) {
	if x.r.Sentence != sentence {
		x.r.Sentence, x.d.Changed = sentence, true
	}
}

func (x *decider) ask(why string) {
	author := x.r.Author
	if x.r.Plan.AuthorToo {
		author = ""
	}
	q := approval.New(x.f.NewID, x.r.Subject(x.f.Now.Add(x.r.Plan.Expires)), x.r.Plan.Approve, author, x.f.Now)
	x.d.Request, x.r.Request = &q, q.ID
	if x.r.Asked.IsZero() {
		x.r.Asked = x.f.Now
	}
	x.r.Sentence = "Waits for approval: " + approval.Describe(q.Missing()) + "."
	sentence := fmt.Sprintf("Approval is asked for: %s (%s).", q.Subject.Action, approval.Describe(q.Rules))
	if why != "" {
		sentence += " Asked again because " + why + "."
	}
	x.event("approval.opened", engineActor, sentence, map[string]any{"request": q.ID, "hash": q.Hash})
}

func (x *decider) effect(kind effect.Kind, what string, args any) {
	b, err := json.Marshal(args)
	if err != nil {
		return // the argument types above always marshal
	}
	x.d.Changed = true
	x.r.Effect = fmt.Sprintf("%s/%s/%d", x.r.ID, what, x.r.Attempt)
	x.d.Effects = append(x.d.Effects, effect.Effect{
		Key: x.r.Effect, Subject: x.r.ID, Lane: what + "/" + x.r.App, Kind: kind, Args: b, State: effect.Pending,
		Tries: x.r.Plan.Tries, Retry: x.r.Plan.Retry, Created: x.f.Now,
	})
}

// execute looks whether the target answers, and then asks for the routing: taking
// visitors from a version that fails to one that is down helps nobody. A person may
// insist. A rollback is exempt from freezes and windows.
func (x *decider) execute() {
	to := x.r.Plan.To
	e, looked := x.f.Effects[fmt.Sprintf("%s/look/%d", x.r.ID, x.r.Attempt)]
	switch {
	case x.f.Gone:
		x.failed(fmt.Sprintf("No visitor was moved: %s was deleted on the platform. Choose another: "+
			"slipway rollback plan names them.", to.Version))
	case x.r.Insist || e.State == effect.Done && e.Result.OK:
		x.r.Phase = Executing
		x.r.Sentence = "Sends all visitors to " + to.Version + "."
		x.effect(effect.Route, "route", RouteArgs{Stable: to.ID, Salt: x.r.ID, Ban: x.r.Plan.From.ID})
		x.event("rollback.started", engineActor, x.r.Sentence, nil)
	case !looked:
		x.effect(effect.Deploy, "look", SmokeArgs{Deployment: to.ID, URL: to.URL, Health: x.r.Plan.Rules.Health.Path})
		x.r.Sentence = "Looks whether " + to.Version + " answers."
	case e.State != effect.Pending:
		x.failed(fmt.Sprintf("No visitor was moved: %s does not answer well. %s", to.Version, e.Result.Sentence))
	}
}

func (x *decider) executing() {
	e, ok := x.f.Effects[x.r.Effect]
	switch {
	case !ok:
		x.effect(effect.Route, "route", RouteArgs{Stable: x.r.Plan.To.ID, Salt: x.r.ID, Ban: x.r.Plan.From.ID})
	case e.State == effect.Failed || e.State == effect.Superseded:
		x.failed("Traffic could not be moved: " + e.Result.Sentence)
	case e.State == effect.Done:
		x.r.Executed, x.r.Phase = e.Ended, Verifying
		x.d.Switched = true
		x.r.Sentence = "All visitors are on " + x.r.Plan.To.Version + "; verifying."
		x.event("rollback.executed", engineActor, x.r.Sentence, map[string]any{"seconds_from_detection": x.seconds()})
		x.effect(effect.Smoke, "smoke", SmokeArgs{Deployment: x.r.Plan.To.ID, URL: x.r.Plan.To.URL, Suite: x.r.Plan.Suite})
	}
}

func (x *decider) seconds() float64 {
	if x.r.Detected.IsZero() {
		return x.r.Executed.Sub(x.r.Created).Seconds()
	}
	return x.r.Executed.Sub(x.r.Detected).Seconds()
}

// verifying proves the recovery: smoke, then health and error rate for a while.
func (x *decider) verifying() {
	if x.r.Smoked.IsZero() {
		x.smoked()
		return
	}
	v := x.f.Verdict
	since := x.f.Now.Sub(x.r.Executed)
	switch {
	case v != nil && v.Action == guard.Undo:
		x.failed("Traffic is on " + x.r.Plan.To.Version + ", but production is not well: " + v.Sentence)
	case since < x.r.Plan.Watch:
		x.waits(fmt.Sprintf("Watches %s for %s.", x.r.Plan.To.Version, x.r.Plan.Watch))
	case v == nil || v.Word == guard.Broken:
		x.done("nothing could be measured since; only the smoke checks speak for it")
	default:
		x.done(v.Sentence)
	}
}

func (x *decider) smoked() {
	e, ok := x.f.Effects[x.r.Effect]
	switch {
	case !ok:
		x.effect(effect.Smoke, "smoke", SmokeArgs{Deployment: x.r.Plan.To.ID, URL: x.r.Plan.To.URL, Suite: x.r.Plan.Suite})
	case e.State == effect.Failed || e.State == effect.Done && !e.Result.OK:
		x.failed("Traffic is on " + x.r.Plan.To.Version + ", but its smoke checks fail: " + e.Result.Sentence)
	case e.State == effect.Done:
		x.r.Smoked = x.f.Now
		x.event("rollback.smoke_passed", engineActor, e.Result.Sentence, nil)
	}
}

func (x *decider) done(said string) {
	x.r.Phase, x.r.Ended = Done, x.f.Now
	x.r.Sentence = fmt.Sprintf("%s runs %s again, verified: %s.", x.r.Environment, x.r.Plan.To.Version,
		strings.TrimSuffix(said, "."))
	x.event("rollback.done", engineActor, x.r.Sentence, map[string]any{"seconds_from_detection": x.seconds()})
}

// failed is a state with next actions: see Next.
func (x *decider) failed(why string) {
	x.r.Phase, x.r.Sentence = Failed, why+" Waits for a person."
	x.event("rollback.failed", engineActor, x.r.Sentence, map[string]any{"next": x.r.Next()})
}

// Next lists what can be done when the rollback has failed.
func (r Rollback) Next() []string {
	if r.Phase != Failed {
		return []string{}
	}
	next := []string{}
	if r.Plan.To != nil {
		next = append(next, "Try it again: slipway rollback retry "+r.ID)
		if r.Executed.IsZero() {
			next = append(next, "Move the visitors without looking first: slipway rollback run "+r.ID+" --reason …")
		}
	}
	for _, c := range r.Plan.Candidates {
		if c.Eligible && (r.Plan.To == nil || c.Deployment.ID != r.Plan.To.ID) {
			next = append(next, fmt.Sprintf("Go to %s instead: slipway rollback retarget %s %s --reason …",
				c.Deployment.Version, r.ID, c.Deployment.ID))
		}
	}
	return append(next,
		"Deploy an earlier version by hand and start it as a release: slipway release start --version … --deployment …",
		"Ask the platform's support, with the log of this rollback: slipway log show --subject "+r.ID)
}

func (x *decider) command(c Command) {
	switch {
	case (c.Kind == Cancel || c.Kind == Retarget) && c.Reason == "":
		x.d.Err = fault.ReasonRequired("Say why")
	case c.Kind == Cancel && (x.r.Phase == Requested || x.r.Phase == Approved || x.r.Phase == Failed):
		x.r.Phase, x.r.Ended = Canceled, x.f.Now
		x.r.Sentence = fmt.Sprintf("Canceled by %s: %s", c.Name, c.Reason)
		x.void("the rollback was canceled")
		x.event("rollback.canceled", c.Actor, x.r.Sentence, nil)
	case c.Kind == Run && x.r.Phase == Requested && len(x.r.Plan.Approve) > 0:
		x.d.Err = fault.New(fault.Refused, "approval_missing", "A rollback of %s runs only after approval: %s",
			x.r.Environment, x.r.Sentence)
	case (c.Kind == Run || c.Kind == Retry) && x.r.Phase == Failed && x.r.Plan.To != nil:
		x.r.Insist = c.Kind == Run && c.Reason != ""
		x.r.Phase, x.r.Smoked = Approved, time.Time{}
		x.r.Attempt++
		x.r.Effect = ""
		x.r.Sentence = c.Name + " tries it again."
		x.event("rollback.retried", c.Actor, x.r.Sentence, nil)
	case c.Kind == Run && (x.r.Phase == Approved || x.r.Phase == Executing || x.r.Phase == Verifying):
		x.d.Changed = true // it runs already: nothing to refuse
	case c.Kind == Retarget && (x.r.Phase == Failed || x.r.Phase == Requested) && c.Target != nil:
		x.r.Plan.To, x.r.Plan.Why = c.Target, fmt.Sprintf("chosen by %s: %s", c.Name, c.Reason)
		x.r.Phase, x.r.Effect, x.r.Smoked = Requested, "", time.Time{}
		x.r.Attempt++
		x.void("another target was chosen")
		x.r.Sentence = fmt.Sprintf("%s chose %s as the target; people are asked again.", c.Name, c.Target.Version)
		x.event("rollback.retargeted", c.Actor, x.r.Sentence, map[string]any{"to": c.Target.ID, "reason": c.Reason})
	default:
		x.d.Err = fault.New(fault.Refused, "rollback_"+string(x.r.Phase), "This rollback is %s; %s is not possible now.",
			x.r.Phase, c.Kind)
	}
}

func (x *decider) void(why string) {
	if x.r.Request != "" && x.f.Request != nil && x.f.Request.State == approval.Open {
		q := x.f.Request.Void(why, x.f.Now)
		x.d.Request = &q
	}
	x.r.Request = ""
}
