package release

import (
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/guard"
)

// step works at the step under the cursor.
func (x *decider) step() {
	if x.begin() {
		return
	}
	switch x.r.Step().Kind {
	case KindChecks, KindSignOff:
		if !x.enable() {
			x.checks()
		}
	case KindDeploy:
		x.deploy()
	case KindSmoke:
		x.smoke()
	case KindWindow:
		x.window()
	case KindApproval:
		x.approval()
	case KindShare:
		x.share()
	case KindPromote:
		x.promote()
	case KindWatch:
		x.watch()
	default:
		x.fail(fmt.Sprintf("Slipway does not know the step kind %q.", x.r.Step().Kind))
	}
}

// begin takes note of the time the step is first looked at, and waits while another
// release has the canary.
func (x *decider) begin() bool {
	step := x.r.Step()
	if x.f.Busy != "" && x.r.Routes == 0 && (step.Stage == "canary" || step.Kind == KindShare ||
		step.Kind == KindPromote) {
		x.say(StepWaiting, x.f.Busy)
		return true
	}
	if !x.r.State().Started.IsZero() {
		return false
	}
	s := x.state(x.r.Cursor)
	s.Started, s.Status = x.f.Now, StepRunning
	x.r.Sentence = step.Title
	if x.r.Cursor == 0 || x.r.Plan.Steps[x.r.Cursor-1].Stage != step.Stage {
		x.event("release.stage_entered", engineActor, fmt.Sprintf("%s enters %s.", x.r.Version, step.Stage),
			map[string]any{"stage": step.Stage})
	} else {
		x.d.Changed = true
	}
	return true
}

// checks opens when every item it needs is satisfied.
func (x *decider) checks() {
	open, failed := x.open()
	if len(open) == 0 {
		x.pass(engineActor, x.checksSaid())
		return
	}
	sentence := x.r.Version + " waits. " + strings.Join(open, "; ") + "."
	if failed {
		sentence = x.r.Version + " goes back for a fix. " + strings.Join(open, "; ") + "."
	}
	if x.r.Sentence != sentence {
		x.say(StepWaiting, sentence)
		x.event("release.waiting", engineActor, sentence, map[string]any{"step": x.r.Step().ID, "open": open})
	}
}

// open says what the step's items lack, and whether one of them failed.
func (x *decider) open() (open []string, failed bool) {
	for _, name := range x.r.Step().Checks {
		item, ok := x.f.Items[name]
		if !ok {
			item = checklist.Item{Name: name, Title: name}
		}
		var result *checklist.Result
		if res, ok := x.f.Results[name]; ok {
			result = &res
			failed = failed || res.Status == checklist.Failed
		}
		if why := item.Open(result, x.r.Commit); why != "" {
			open = append(open, why)
		}
	}
	return open, failed
}

func (x *decider) checksSaid() string {
	names := x.r.Step().Checks
	if len(names) == 0 {
		return "nothing is asked for"
	}
	if len(names) == 1 {
		res := x.f.Results[names[0]]
		return strings.TrimSuffix(fmt.Sprintf("%s by %s: %s", strings.ReplaceAll(string(res.Status), "_", " "),
			event.Who(res.Actor), res.Summary), ": ")
	}
	return fmt.Sprintf("all %d items are satisfied", len(names))
}

// key names an effect of the step; a retry makes another.
func (x *decider) key(what string) string {
	return fmt.Sprintf("%s/%s/%s/%d", x.r.ID, x.r.Step().ID, what, x.r.State().Attempt)
}

// await returns the finished effect with the key, asking for it first when it does
// not exist yet.
func (x *decider) await(kind effect.Kind, key string, args any, doing string) (effect.Effect, bool) {
	e, ok := x.f.Effects[key]
	if !ok {
		x.effect(kind, key, x.r.ID+"/"+string(kind), args, x.r.Plan.Timing.Tries)
		x.say(StepRunning, doing)
		return e, false
	}
	over := e.State == effect.Done || e.State == effect.Failed || e.State == effect.Superseded
	if !over {
		x.sayHeld(doing, e)
	}
	return e, over
}

func (x *decider) target() TargetArgs {
	a := TargetArgs{Deployment: x.r.Deployment, URL: x.r.URL, Suite: x.r.Step().Suite}
	for _, s := range x.r.Plan.Steps {
		if a.Health = s.Rules.Health.Path; a.Health != "" {
			break
		}
	}
	return a
}

// deploy puts the deployment into the environment once it answers as itself.
func (x *decider) deploy() {
	e, done := x.await(effect.Deploy, x.key("deploy"), x.target(), "Looks whether "+x.r.Version+" answers at "+x.r.URL+".")
	switch {
	case !done:
	case !e.Result.OK:
		x.fail(e.Result.Sentence)
	default:
		x.place(x.r.Step().Environment)
		x.pass(engineActor, e.Result.Sentence)
	}
}

// place puts the deployment into an environment, and keeps in mind what ran there.
func (x *decider) place(environment string) {
	before := map[string]string{environment: x.f.Running[environment]}
	for name, id := range x.r.Before {
		before[name] = id
	}
	x.r.Before = before
	x.d.Placements = append(x.d.Placements, Placement{Environment: environment, Deployment: x.r.Deployment})
}

// smoke runs the suite. A failure ends the release, or asks for a rollback when it
// is in production already.
func (x *decider) smoke() {
	e, done := x.await(effect.Smoke, x.key("smoke"), x.target(), "Runs the smoke checks against "+x.r.Version+".")
	switch {
	case !done:
	case e.Result.OK:
		x.pass(engineActor, e.Result.Sentence)
	case !x.r.Promoted.IsZero():
		v := guard.Verdict{At: x.f.Now, Word: guard.Worse, Action: guard.Undo,
			Sentence: "Verification in production failed: " + e.Result.Sentence}
		x.askRollback(&v)
		x.say(StepFailed, v.Sentence+" A rollback is asked for; people decide.")
	case x.r.Step().AutoUndo:
		x.undo(engineActor, "smoke checks failed in "+x.r.Step().Environment+": "+e.Result.Sentence, nil)
	default:
		x.fail(e.Result.Sentence)
	}
}

// window opens at the scheduled time, outside freezes, and with a reason when
// nothing was scheduled.
func (x *decider) window() {
	switch {
	case x.r.Scheduled.IsZero() && x.r.Unscheduled == "":
		x.wait(x.r.Version + " waits. Nothing is scheduled: an unscheduled production release needs a recorded reason. " +
			"Promote it with a reason, or schedule it.")
	case x.f.Now.Before(x.r.Scheduled):
		x.d.Next = x.r.Scheduled
		x.wait(x.r.Version + " is scheduled for " + x.r.Scheduled.UTC().Format("2006-01-02 15:04 UTC") + ".")
	case !x.f.Calendar.Open:
		x.d.Next = x.f.Calendar.Until
		x.wait(x.f.Calendar.Sentence)
	case x.r.Scheduled.IsZero():
		x.pass(engineActor, "unscheduled: "+x.r.Unscheduled)
	default:
		x.pass(engineActor, "scheduled for "+x.r.Scheduled.UTC().Format("2006-01-02 15:04 UTC"))
	}
}

// wait says what is waited for, and logs it when it is new.
func (x *decider) wait(sentence string) {
	if x.r.Sentence == sentence {
		return
	}
	x.say(StepWaiting, sentence)
	x.event("release.waiting", engineActor, sentence, map[string]any{"step": x.r.Step().ID})
}

// Subject returns what an approval at the cursor is about. Evidence is what was frozen when earlier steps ended, and
// what the checklist says now. It names actors in their raw form: another wording would void what is asked for while
// Slipway is upgraded, and with nodes of both versions again and again.
func (r Release) Subject(f Facts, expires time.Time) approval.Subject {
	evidence := map[string]string{}
	for i, s := range r.States[:r.Cursor] {
		if s.Status == StepPassed || s.Status == StepSkipped {
			evidence[r.Plan.Steps[i].ID] = strings.TrimSpace(string(s.Status) + " " + s.Actor + ": " + s.Sentence)
		}
		if s.Compared != "" { // the last one knows what those before it knew
			evidence["comparison"] = fmt.Sprintf("At %s: %s", percent(r.Plan.Steps[i].Share), s.Compared)
		}
	}
	for name, res := range f.Results {
		evidence["check/"+name] = fmt.Sprintf("%s by %s (%s) %s", res.Status, res.Actor, res.Commit, res.Summary)
	}
	if r.Note != "" {
		evidence["note"] = r.Note
	}
	return approval.Subject{
		Kind: "release", ID: r.ID, Action: r.action(),
		App: r.App, Environment: r.Step().Environment, Version: r.Version, Commit: r.Commit, Deployment: r.Deployment,
		URL:  r.URL,
		Plan: r.Plan.Hash(), Evidence: evidence, Expires: expires,
	}
}

// approval asks people and waits for their decision. When anything that they were
// shown changes, the request is void and they are asked again.
func (x *decider) approval() {
	q := x.f.Request
	if x.r.Request == "" || q == nil {
		x.openRequest("")
		return
	}
	switch q.State {
	case approval.Approved:
		x.r.Request = ""
		if x.r.Subject(x.f, q.Subject.Expires).Hash() != q.Hash { // since the last vote
			x.openRequest("what was approved has changed")
			return
		}
		x.pass(lastVoter(*q), "approved by "+voters(*q))
	case approval.Rejected:
		last := q.Votes[len(q.Votes)-1]
		x.r.Request = ""
		x.undo(last.Actor, "rejected by "+last.Name+": "+last.Reason, nil)
	case approval.Voided, approval.Expired:
		x.openRequest(q.Why)
	default:
		x.openStill(*q)
	}
}

func (x *decider) openStill(q approval.Request) {
	switch {
	case !x.f.Now.Before(q.Subject.Expires):
		q = q.Expire(x.f.Now)
		x.d.Request, x.r.Request = &q, ""
		x.event("approval.expired", engineActor, "Nobody decided in time; people are asked again.",
			map[string]any{"request": q.ID})
	case x.r.Subject(x.f, q.Subject.Expires).Hash() != q.Hash:
		q = q.Void("what it was about has changed", x.f.Now)
		x.d.Request, x.r.Request = &q, ""
		x.event("approval.voided", engineActor, "What people were asked about has changed; earlier votes are void.",
			map[string]any{"request": q.ID})
	default:
		x.d.Next = q.Subject.Expires
		x.say(StepWaiting, x.r.Version+" waits for approval: "+approval.Describe(q.Missing())+".")
	}
}

func (x *decider) openRequest(why string) {
	step := x.r.Step()
	if len(step.Approve) == 0 {
		x.pass(engineActor, "the strategy asks for no approval here")
		return
	}
	author := x.r.Author
	if step.AuthorToo {
		author = ""
	}
	q := approval.New(x.f.NewID, x.r.Subject(x.f, x.f.Now.Add(step.Expires)), step.Approve, author, x.f.Now)
	x.d.Request, x.r.Request = &q, q.ID
	x.say(StepWaiting, x.r.Version+" waits for approval: "+approval.Describe(q.Missing())+".")
	sentence := fmt.Sprintf("Approval is asked for: %s (%s).", q.Subject.Action, approval.Describe(q.Rules))
	if why != "" {
		sentence += " Asked again because " + why + "."
	}
	x.event("approval.opened", engineActor, sentence, map[string]any{"request": q.ID, "hash": q.Hash})
}

// voidRequest closes an open request because its release ended.
func (x *decider) voidRequest(why string) {
	if x.r.Request == "" || x.f.Request == nil || x.f.Request.State != approval.Open {
		return
	}
	q := x.f.Request.Void(why, x.f.Now)
	x.d.Request, x.r.Request = &q, ""
}

func voters(q approval.Request) string {
	var names []string
	for _, v := range q.Votes {
		if v.Approve {
			names = append(names, v.Name+" ("+v.Role+")")
		}
	}
	return strings.Join(names, ", ")
}

func lastVoter(q approval.Request) string { return q.Votes[len(q.Votes)-1].Actor }

// promote makes the deployment the stable one.
func (x *decider) promote() {
	doing := "Makes " + x.r.Version + " the stable version."
	e, ok := x.f.Effects[x.r.Effect]
	a, isRoute := routeArgs(e)
	switch {
	case !ok || !isRoute || a.Stable != x.r.Deployment || e.State == effect.Superseded:
		x.route(RouteArgs{Stable: x.r.Deployment, Share: 0, Salt: x.r.ID}, x.r.Plan.Timing.Tries)
		x.say(StepRunning, doing)
	case e.State == effect.Failed:
		x.fail("It could not be made stable: " + e.Result.Sentence)
	case e.State == effect.Done:
		if x.r.Share != 100 {
			x.setShare(100, e.Ended, engineActor)
		}
		x.r.Promoted = e.Ended
		x.d.Judgements = append(x.d.Judgements, Judgement{Deployment: x.r.Deployment, Promoted: true, Replaces: x.r.Previous})
		x.d.Placements = append(x.d.Placements, Placement{Environment: x.r.Step().Environment, Deployment: x.r.Deployment},
			Placement{Environment: "canary"})
		x.pass(engineActor, x.r.Version+" is the stable version")
	default:
		x.sayHeld(doing, e)
	}
}

// watch lets the guard look at production for the step's time.
func (x *decider) watch() {
	step, v := x.r.Step(), x.f.Verdict
	since := measured(v, x.f.Now.Sub(x.r.State().Started))
	switch {
	case x.r.Suspect && !x.f.Rollback && v != nil && v.Action == guard.Continue:
		x.r.Suspect = false
		x.event("release.cleared", guardActor, "The guard no longer asks for a rollback: "+v.Sentence, nil)
	case x.r.Suspect && !x.f.Rollback:
		x.say(StepWaiting, x.r.Version+
			" is still in production: a rollback was asked for and not made. It cannot complete while the guard objects.")
	case x.f.Rollback:
		x.say(StepWaiting, "A rollback of "+x.r.Version+" is under way. Until then it stays in production and is watched.")
	case v == nil:
		x.say(StepRunning, "Watches "+step.Environment+"; nothing was measured yet.")
	case since >= step.Bake && v.Action == guard.Continue && v.Word == guard.BetterOrEqual:
		x.pass(guardActor, fmt.Sprintf("watched for %s: %s", round(since), v.Sentence))
	default:
		x.say(StepRunning, fmt.Sprintf("Watches %s in %s for %s. Nothing is left to compare it with: it is held to "+
			"its limits and to what %s did.", x.r.Version, step.Environment, step.Bake, x.r.Stable("the version before it")))
	}
}
