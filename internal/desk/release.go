package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/verdict"
)

// ReleaseQuery selects releases.
type ReleaseQuery struct {
	Phase   string // of one phase; "active" for all that are under way
	Version string
	Cursor  string // of the page, from the page before
	Limit   int    // 50 when 0, at most 200
}

// Releases returns a page of releases, newest first.
func (d *Desk) Releases(ctx context.Context, who access.Actor, q ReleaseQuery) (api.ReleasePage, error) {
	page := api.ReleasePage{Items: []api.Release{}}
	if err := d.seeAny(ctx, who); err != nil {
		return page, err
	}
	f := store.ReleaseFilter{App: d.Strategy.App, Version: q.Version, Before: q.Cursor, Limit: limited(q.Limit)}
	switch q.Phase {
	case "":
	case "active":
		f.Phase = []string{string(release.Running), string(release.Paused), string(release.Undoing)}
	default:
		f.Phase = []string{q.Phase}
	}
	list, next, err := d.DB.Releases(ctx, f)
	if err != nil {
		return page, err
	}
	names := map[string]string{}
	for _, r := range list {
		if !who.May(access.ViewEnvironment, r.Step().Environment) {
			continue
		}
		if _, known := names[r.Author]; !known {
			names[r.Author] = d.nameOf(ctx, r.Author)
		}
		item := d.brief(r)
		item.Author = names[r.Author]
		page.Items = append(page.Items, item)
	}
	page.Next = next
	return page, nil
}

// Release returns a release by its id, or the newest of a version.
func (d *Desk) Release(ctx context.Context, who access.Actor, id string) (api.Release, error) {
	r, err := d.find(ctx, id)
	if err != nil {
		return api.Release{}, err
	}
	if err := d.see(ctx, who, r.Step().Environment); err != nil {
		return api.Release{}, err
	}
	return d.release(ctx, who, r)
}

// find reads a release by id or version.
func (d *Desk) find(ctx context.Context, id string) (release.Release, error) {
	if ident.Valid("rel", id) {
		return d.DB.Release(ctx, id)
	}
	list, _, err := d.DB.Releases(ctx, store.ReleaseFilter{App: d.Strategy.App, Version: id, Limit: 1})
	if err != nil {
		return release.Release{}, err
	}
	if len(list) == 0 {
		return release.Release{}, fault.New(fault.NotFound, "release_not_found",
			"There is no release %s. List them: slipway release list.", id)
	}
	return list[0], nil
}

// brief is a release as lists show it.
func (d *Desk) brief(r release.Release) api.Release {
	out := api.Release{
		ID: r.ID, App: r.App, Version: r.Version, Commit: r.Commit, Author: r.Author, Note: r.Note, Deployment: r.Deployment,
		URL:      r.URL,
		Previous: r.Previous, Phase: string(r.Phase), Stage: r.Stage(), Step: r.Step().ID, Sentence: r.Sentence,
		Reason: r.Reason,
		Share:  r.Share, Reached: r.Reached, Measured: -1, Scheduled: instant(r.Scheduled), Unscheduled: r.Unscheduled,
		Created: r.Created.UTC(),
		Updated: r.Updated.UTC(), Ended: instant(r.Ended), Detected: instant(r.Detected), Restored: instant(r.Restored),
		Revision: r.Row, Flag: lever(r.Flag),
		Steps: []api.Step{}, Shares: []api.Shift{}, Actions: []api.Action{},
	}
	for i, s := range r.States {
		p := r.Plan.Steps[i]
		out.Steps = append(out.Steps, api.Step{
			ID: p.ID, Stage: p.Stage, Environment: p.Environment, Kind: string(p.Kind), Title: p.Title, Status: string(s.Status),
			Sentence: s.Sentence, Actor: s.Actor, Started: instant(s.Started), Ended: instant(s.Ended), Share: p.Share,
			BakeSeconds: p.Bake.Seconds(),
		})
	}
	for _, s := range r.Shares {
		out.Shares = append(out.Shares, api.Shift{At: s.At.UTC(), Share: s.Share, By: s.By})
	}
	return out
}

// release is a release with everything that belongs to it.
func (d *Desk) release(ctx context.Context, who access.Actor, r release.Release) (api.Release, error) {
	out := d.brief(r)
	if r.Flag != nil {
		out.Previous = r.Stable("")
	} else if dep, err := d.DB.Deployment(ctx, r.Previous); err == nil {
		out.Previous = dep.Version
	} else if _, err = ifFound(err); err != nil {
		return out, err
	}
	out.Author = d.nameOf(ctx, r.Author)
	var err error
	if out.Config, err = d.Configs.OfRelease(ctx, r.Deployment, r.Previous); err != nil {
		return out, err
	}
	latest, err := d.DB.LatestVerdict(ctx, r.ID)
	if err != nil {
		return out, err
	}
	if latest != nil {
		v := verdict.Wire(latest.Verdict, verdict.Context{Changed: r.Version, Stable: out.Previous, Step: judgedAt(r)})
		out.Verdict = &v
		if r.Share > 0 && !r.Phase.Final() {
			out.Measured = latest.Verdict.MeasuredShare
			out.Sentence = d.sentence(r, latest.Verdict)
		}
	}
	if out.Outlook, err = d.outlook(ctx, r); err != nil {
		return out, err
	}
	if out.Hurt, err = d.hurtOf(ctx, r); err != nil {
		return out, err
	}
	if r.Request != "" {
		q, err := d.DB.Approval(ctx, r.Request)
		if err != nil {
			return out, err
		}
		if who.May(access.ViewEnvironment, q.Subject.Environment) {
			a, err := d.approval(ctx, who, q)
			if err != nil {
				return out, err
			}
			out.Approval = &a
		}
	}
	out.Actions = d.releaseActions(who, r)
	if err := d.refuseSecond(ctx, r, out.Actions); err != nil {
		return out, err
	}
	return out, nil
}

// sentence is the state in words: what the release recorded, and while it bakes or
// is watched, where it stands and what the guard says now.
func (d *Desk) sentence(r release.Release, v guard.Verdict) string {
	baking := r.Phase == release.Running && r.State().Status == release.StepRunning
	switch {
	case baking && r.Step().Kind == release.KindShare && !r.State().Set.IsZero():
		return fmt.Sprintf("%s is at %g %%. %s", r.Version, r.Share, v.Sentence)
	case baking && r.Step().Kind == release.KindWatch:
		return fmt.Sprintf("%s is in %s and watched. %s", r.Version, r.Step().Environment, v.Sentence)
	case r.Phase == release.Paused:
		return r.Sentence + " " + v.Sentence
	}
	return r.Sentence
}

// judgedAt is the step whose rules the newest verdict was made by: the present one, or the last share before it.
func judgedAt(r release.Release) release.Step {
	for i := min(r.Cursor, len(r.Plan.Steps)-1); i >= 0; i-- {
		if s := r.Plan.Steps[i]; s.Kind == release.KindShare {
			return s
		}
	}
	return r.Step()
}

// nameOf returns the shown name of a user's id, or the id itself.
func (d *Desk) nameOf(ctx context.Context, user string) string {
	u, err := d.DB.User(ctx, user)
	switch {
	case err != nil:
		return user
	case u.Title != "":
		return u.Title
	}
	return u.Name
}

// refuseSecond says of a rollback that one is under way already: what is needed then
// is a decision on that one.
func (d *Desk) refuseSecond(ctx context.Context, r release.Release, actions []api.Action) error {
	i := slices.IndexFunc(actions, func(a api.Action) bool { return a.Name == "rollback" && a.Disabled == "" })
	if i < 0 {
		return nil
	}
	active, err := d.DB.ActiveRollbacks(ctx, r.App)
	for _, b := range active {
		if b.Environment == r.Step().Environment {
			actions[i].Disabled = "One is under way, under Rollbacks: " + b.Sentence
		}
	}
	return err
}

// releaseActions lists what can be done to a release by somebody, with its effect.
func (d *Desk) releaseActions(who access.Actor, r release.Release) []api.Action {
	out := []api.Action{}
	if r.Phase.Final() || r.Phase == release.Undoing {
		return out
	}
	env := r.Step().Environment
	add := func(p access.Permission, a api.Action) {
		if err := who.Check(p, env); err != nil {
			a.Disabled = fault.MessageOf(err)
		}
		out = append(out, a)
	}
	step, state := r.Step(), r.State()
	people := d.people(r)
	if step.Kind == release.KindSignOff && state.Status == release.StepWaiting {
		sign := api.Action{Name: "sign", Title: "Record your verdict", Primary: true,
			Effect: step.Title + ": your name and verdict are recorded. When it passed, the release goes on; when it failed, " +
				"it waits.",
			Undo: "Record another verdict."}
		if !maySign(who, step.Role) {
			sign.Disabled = fmt.Sprintf("%q is signed by the role %s.", step.Title, step.Role)
		}
		add(access.SignCheck, sign)
	}
	switch {
	case r.Phase == release.Paused:
		add(steers(r), api.Action{Name: "resume", Title: "Resume", Effect: "It goes on with " + step.Title + ".",
			Undo: "Pause it again.", Primary: true})
	default:
		if state.Status == release.StepFailed {
			add(steers(r), api.Action{Name: "retry", Title: "Try again", Effect: step.Title + " is tried once more.",
				Undo: "Abort.", Primary: true})
		} else if !r.Displaced.IsZero() {
			add(steers(r), api.Action{Name: "retry", Title: "Route it again", Effect: "Visitors are sent where the release " +
				"had them, over what somebody else changed.", Undo: "Abort.", Primary: true})
		}
		if step.Kind == release.KindShare && !state.Set.IsZero() || step.Kind == release.KindWindow && r.Scheduled.IsZero() &&
			r.Unscheduled == "" {
			add(steers(r), api.Action{Name: "promote", Title: "Go on now", Reason: true,
				Effect: "It goes on to the next step without waiting for the rest of this one.", Undo: "Lower the share or abort."})
		}
		add(steers(r), api.Action{Name: "pause", Title: "Pause",
			Effect: fmt.Sprintf("It stays at %g %% and nothing advances. The guard keeps watching.", r.Share), Undo: "Resume."})
	}
	if r.Share > 0 && r.Promoted.IsZero() && !r.Plan.OneWay {
		add(steers(r), api.Action{Name: "share", Title: "Lower the share", Effect: "Fewer " + r.People() + " see " +
			r.Version + "; it is paused there.", Undo: "Resume."})
	}
	if err := r.MaySkip(who.User); !fault.Is(err, fault.Refused) {
		skip := api.Action{Name: "skip", Title: "Skip this step", Reason: true, Dangers: true,
			Effect: step.Title + " is left out, under your name.", Undo: "None: the log keeps who skipped it and why."}
		if err != nil {
			skip.Disabled = fault.MessageOf(err)
		}
		add(access.SkipStep, skip)
	}
	if r.Promoted.IsZero() {
		add(steers(r), api.Action{Name: "abort", Title: "Abort", Reason: true, Dangers: true,
			Effect: people, Undo: "Start a new release."})
	} else {
		add(access.RequestRollback, api.Action{Name: "rollback", Title: "Request a rollback", Reason: true, Dangers: true,
			Effect: "Asks for approval to take production back to the last known good deployment.",
			Undo:   "Cancel it before it is approved."})
	}
	return d.withoutRoom(out)
}

// withoutRoom says of what lets a release go on that it can't be done while there is no room.
func (d *Desk) withoutRoom(actions []api.Action) []api.Action {
	room := d.DB.Room()
	for i, a := range actions {
		holds := slices.Contains([]string{"pause", "share", "abort", "rollback"}, a.Name)
		if room.Full() && !holds && a.Disabled == "" {
			actions[i].Disabled = room.Cause() + " " + release.NoRoom
		}
	}
	return actions
}

// people says in words who is sent back when a release is aborted.
func (d *Desk) people(r release.Release) string {
	if r.Share <= 0 {
		return "Nobody sees " + r.Version + " yet: the release ends here."
	}
	who := fmt.Sprintf("%g %% of %s", r.Share, r.People())
	now := time.Now()
	b := d.measured().Sum(r.Deployment, now.Add(-time.Minute).Unix(), now.Unix()+1, metric.Compared()...)
	if b.Requests > 0 {
		who += fmt.Sprintf(", of whom about %d requests came in the last minute,", roughly(b.Requests))
	}
	return "Sends " + who + " back to " + r.Stable("the stable version") + " now."
}

// roughly rounds to one digit, so that a page that states an effect does not change
// while it is read.
func roughly(n uint64) uint64 {
	unit := uint64(1)
	for n/unit >= 10 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// StartRelease begins a release.
func (d *Desk) StartRelease(ctx context.Context, who access.Actor, in api.StartRelease) (api.Release, error) {
	first := "staging"
	if plan := d.Strategy.ReleasePlan(); len(plan.Steps) > 0 {
		first = plan.Steps[0].Environment
	}
	if err := d.check(ctx, who, access.StartRelease, first); err != nil {
		return api.Release{}, err
	}
	if err := wellFormed(in); err != nil {
		return api.Release{}, err
	}
	r := release.Release{
		Version: in.Version, Commit: in.Commit, Note: in.Note, URL: in.Deployment, Flags: in.Flags,
		Unscheduled: event.Line(in.Unscheduled), Urgent: in.Urgent,
	}
	if in.Urgent {
		if in.Unscheduled == "" {
			return api.Release{}, fault.New(fault.Invalid, "reason_required",
				"An urgent release needs unscheduled_reason: it goes into the log.")
		}
		if err := d.check(ctx, who, access.SkipStep, "production"); err != nil {
			return api.Release{}, err
		}
	}
	if in.Scheduled != "" {
		at, err := time.Parse(time.RFC3339, in.Scheduled)
		if err != nil {
			return api.Release{}, fault.New(fault.Invalid, "scheduled_invalid",
				"scheduled is a time such as 2026-03-02T09:00:00Z, not %q.", in.Scheduled)
		}
		r.Scheduled = at
	}
	r, err := d.Engine.Start(ctx, who, r, in.BuildIDs)
	if err != nil {
		return api.Release{}, err
	}
	return d.release(ctx, who, r)
}

// Act does what somebody asks of a release: pause, resume, promote, abort, share,
// skip, retry or sign.
func (d *Desk) Act(ctx context.Context, who access.Actor, id, action string, in api.ReleaseAction) (api.Release,
	error) {
	r, err := d.find(ctx, id)
	if err != nil {
		return api.Release{}, err
	}
	env := r.Step().Environment
	if action == "sign" {
		return d.sign(ctx, who, r, in)
	}
	p := steers(r)
	if action == "skip" {
		p = access.SkipStep
	}
	if err := d.check(ctx, who, p, env); err != nil {
		return api.Release{}, err
	}
	if err := wellFormed(in); err != nil {
		return api.Release{}, err
	}
	c := release.Command{
		Kind: release.CommandKind(action), Actor: who.ID, User: who.User, Name: who.Name,
		Reason: event.Line(strings.TrimSpace(in.Reason)),
		Step:   in.Step, Share: in.Share, Bypass: who.May(access.SkipStep, env),
	}
	if err := d.Engine.Command(ctx, r.ID, c, in.Revision); err != nil {
		return api.Release{}, err
	}
	if r, err = d.DB.Release(ctx, r.ID); err != nil {
		return api.Release{}, err
	}
	return d.release(ctx, who, r)
}

// sign records a person's verdict on the items of a sign-off step.
func (d *Desk) sign(ctx context.Context, who access.Actor, r release.Release, in api.ReleaseAction) (api.Release,
	error) {
	step := r.Step()
	if in.Step != "" {
		found := false
		for _, s := range r.Plan.Steps {
			if s.ID == in.Step {
				step, found = s, true
			}
		}
		if !found {
			return api.Release{}, fault.New(fault.NotFound, "step_not_found", "The release has no step %s.", in.Step).
				At(fault.Command, "Its steps: slipway release status %s.", r.Version)
		}
	}
	if step.Kind != release.KindSignOff {
		return api.Release{}, fault.New(fault.Refused, "not_a_sign_off", "%q is no step that a person signs: "+
			"name one that is, and not before the release waits at it.", step.Title)
	}
	status := "failed"
	if in.Passed {
		status = "passed"
	}
	for _, name := range step.Checks {
		if _, err := d.ReportCheck(ctx, who, api.ReportCheck{
			Version: r.Version, Commit: r.Commit, Name: name, Status: status, Summary: in.Reason,
		}); err != nil {
			return api.Release{}, err
		}
	}
	if step.ID == r.Step().ID {
		d.Engine.Look(ctx, r.ID)
	}
	r, err := d.DB.Release(ctx, r.ID)
	if err != nil {
		return api.Release{}, err
	}
	return d.release(ctx, who, r)
}
