package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/incidents"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/rollback"
	"github.com/slipwayhq/slipway/internal/store"
)

// adoption is the routing of a deployment that ran before Slipway did.
func adoption(d deployment.Deployment, o routeOrder, now time.Time) []effect.Effect {
	return []effect.Effect{{
		Key: d.ID + "/adopt", Subject: d.ID, Lane: "route/" + d.App, Kind: effect.Route, Args: marshal(o.RouteArgs),
		State: effect.Pending,
		Retry: time.Second, Created: now,
	}}
}

// openRollback is what a rollback is opened with.
type openRollback struct {
	environment string
	release     release.Release // that it takes back; zero for none
	author      string          // who never counts as its approver
	actor       string          // as the log names who asked
	to          string          // deployment id; empty: the last known good one
	ask         release.Ask
	now         time.Time
}

// PlanRollback returns what a rollback of production would do now.
func (e *Engine) PlanRollback(ctx context.Context, environment string) (rollback.Plan, error) {
	var p rollback.Plan
	states, err := e.DB.EnvironmentStates(ctx, e.app())
	if err != nil {
		return p, err
	}
	all, _, err := e.DB.Deployments(ctx, e.app(), store.DeploymentFilter{Limit: 1000})
	if err != nil {
		return p, err
	}
	open, _, err := e.DB.Incidents(ctx, store.IncidentFilter{App: e.app(), State: string(incident.Open), Limit: 1000})
	if err != nil {
		return p, err
	}
	return e.planRollback(environment, states, all, open, "")
}

func (e *Engine) planRollback(
	environment string, states []store.EnvironmentState, all []deployment.Deployment, open []incident.Incident, to string,
) (rollback.Plan, error) {
	if environment != "production" {
		return rollback.Plan{}, fault.New(fault.Refused, "environment_not_routed",
			"Only production has visitors that can be sent back. %s is given back by itself when a release fails there.",
			environment)
	}
	policy := e.Strategy.RollbackPolicy(environment)
	p := rollback.Plan{
		App: e.app(), Environment: environment, Approve: policy.Approve, AuthorToo: e.Strategy.Approvals().AuthorCounts,
		Expires: policy.Expires,
		Suite:   policy.Suite, Watch: policy.Watch, Rules: policy.Rules, Tries: policy.Tries, Retry: policy.Retry,
	}
	current := ""
	for _, s := range states {
		if s.Name == environment {
			current = s.Deployment
		}
	}
	byID := map[string]deployment.Deployment{}
	for _, d := range all {
		byID[d.ID] = d
	}
	from, ok := byID[current]
	if !ok {
		return p, fault.New(fault.Refused, "nothing_deployed",
			"Nothing is known to run in %s, so there is nothing to take back.", environment)
	}
	p.From = from
	troubled := map[string]string{}
	for _, i := range open {
		troubled[i.Deployment] = i.Title
	}
	p.To, p.Candidates = deployment.LastKnownGood(all, current, troubled)
	if len(p.Candidates) > 20 {
		p.Candidates = p.Candidates[:20]
	}
	if p.To != nil {
		p.Why = p.To.Version + ": " + p.Candidates[0].Why
	}
	if to != "" {
		d, ok := byID[to]
		if !ok || d.ID == current || d.Unfit() != "" {
			return p, fault.New(fault.Refused, "target_unfit",
				"%s cannot be gone back to: see the candidates of slipway rollback plan.", to)
		}
		p.To, p.Why = &d, d.Version+": chosen by hand"
	}
	return p, nil
}

// openRollback records a rollback request with its plan, and the incident that
// every rollback has.
func (e *Engine) openRollback(ctx context.Context, tx *store.Tx, o openRollback) (rollback.Rollback, error) {
	states, err := tx.EnvironmentStates(ctx, e.app())
	if err != nil {
		return rollback.Rollback{}, err
	}
	all, _, err := tx.Deployments(ctx, e.app(), store.DeploymentFilter{Limit: 1000})
	if err != nil {
		return rollback.Rollback{}, err
	}
	open, _, err := tx.Incidents(ctx, store.IncidentFilter{App: e.app(), State: string(incident.Open), Limit: 1000})
	if err != nil {
		return rollback.Rollback{}, err
	}
	p, err := e.planRollback(o.environment, states, all, open, o.to)
	if err != nil {
		return rollback.Rollback{}, err
	}
	b := rollback.Rollback{
		ID: ident.New("rbk", o.now), App: e.app(), Environment: o.environment, Release: o.release.ID, Trigger: o.ask.Trigger,
		Author: o.author, Plan: p, Phase: rollback.Requested, Detected: o.ask.Detected, Created: o.now, Updated: o.now,
		Sentence: "Requested.", Evidence: []rollback.Proof{},
	}
	for _, f := range o.ask.Findings {
		if f.Level != guard.Info {
			b.Evidence = append(b.Evidence, rollback.Proof{Name: f.Rule + "/" + f.Arm, Says: f.Sentence})
		}
	}
	cause := incident.Cause{Version: p.From.Version, Asked: true, Why: o.ask.Trigger, Finding: o.ask.Finding}
	if p.To != nil {
		cause.Back = p.To.Version
	}
	b.Incident, err = e.Incidents.Open(ctx, tx, incidents.Opening{
		Title: o.ask.Title, Environment: o.environment, Release: o.release.ID, Rollback: b.ID, Deployment: p.From.ID,
		Cause: cause, Signs: e.signs(o.now, o.ask.Detected, p.From.ID), Now: o.now,
	})
	if err != nil {
		return b, err
	}
	if err := tx.InsertRollback(ctx, &b); err != nil {
		return b, err
	}
	to := "no known good deployment"
	if p.To != nil {
		to = p.To.Version
	}
	d := e.system("rollback.requested", o.environment, b.ID, fmt.Sprintf("A rollback of %s from %s to %s is requested: %s",
		o.environment, p.From.Version, to, b.Trigger),
		map[string]any{"plan": p.Hash(), "release": b.Release, "evidence": b.Evidence})
	d.Actor = o.actor
	if _, err := e.append(ctx, tx, d); err != nil {
		return b, err
	}
	return b, tx.Schedule(ctx, b.ID, workRollback, o.now)
}

// RequestRollback opens a rollback that a person asks for. Only one may be under way.
func (e *Engine) RequestRollback(ctx context.Context, who access.Actor, environment, reason,
	to string) (rollback.Rollback, error) {
	var out rollback.Rollback
	err := e.DB.Write(ctx, func(tx *store.Tx) error {
		active, err := tx.ActiveRollbacks(ctx, e.app())
		if err != nil {
			return err
		}
		for _, b := range active {
			if b.Environment == environment {
				return fault.New(fault.Conflict, "rollback_under_way", "A rollback of %s is under way already: %s", environment,
					b.ID)
			}
		}
		running, err := e.promotedRelease(ctx, tx)
		if err != nil {
			return err
		}
		now := tx.Now()
		out, err = e.openRollback(ctx, tx, openRollback{
			environment: environment, release: running, author: who.User, actor: who.ID, to: to, now: now,
			ask: release.Ask{Title: "A rollback of " + environment + " was requested",
				Trigger: fmt.Sprintf("requested by %s: %s", who.Name, reason), Detected: now},
		})
		return err
	})
	return out, err
}

// promotedRelease returns the release under way that production runs already, if
// there is one.
func (e *Engine) promotedRelease(ctx context.Context, tx *store.Tx) (release.Release, error) {
	active, err := tx.ActiveReleases(ctx, e.app())
	if err != nil {
		return release.Release{}, err
	}
	for _, r := range active {
		if !r.Promoted.IsZero() {
			return r, nil
		}
	}
	return release.Release{}, nil
}

// CommandRollback does what a person asks of a rollback.
func (e *Engine) CommandRollback(ctx context.Context, id string, c rollback.Command, to string, revision int64) error {
	if to != "" {
		d, err := e.DB.Deployment(ctx, to)
		if err != nil {
			return err
		}
		b, err := e.DB.Rollback(ctx, id)
		if err != nil {
			return err
		}
		why := d.Unfit()
		if d.ID == b.Plan.From.ID {
			why = "it is what production is taken back from"
		}
		if why != "" {
			return fault.New(fault.Refused, "target_unfit", "%s cannot be gone back to: %s.", d.Version, why)
		}
		c.Target = &d
	}
	return retryConflict(ctx, func() error {
		_, err := e.decideRollback(ctx, id, &c, revision)
		return err
	})
}

// lookAtRollback decides until nothing changes.
func (e *Engine) lookAtRollback(ctx context.Context, id string) (time.Time, error) {
	for range 100 {
		var d rollback.Decision
		err := retryConflict(ctx, func() error {
			var err error
			d, err = e.decideRollback(ctx, id, nil, 0)
			return err
		})
		if err != nil || !d.Changed {
			return e.stillWorse(ctx, d, err)
		}
	}
	return time.Time{}, fault.New(fault.Internal, "rollback_restless", "Rollback %s does not come to rest.", id)
}

// stillWorse raises the severity of the incident while visitors are on the version
// that is to be taken back: a rollback is asked for at the first sign, and what
// follows while people decide is often worse.
func (e *Engine) stillWorse(ctx context.Context, d rollback.Decision, err error) (time.Time, error) {
	b := d.Rollback
	waits := b.Phase == rollback.Requested || b.Phase == rollback.Approved || b.Phase == rollback.Failed
	if err != nil || b.Incident == "" || !b.Executed.IsZero() || !waits {
		return d.Next, err
	}
	now, err := e.now(ctx)
	if err == nil {
		err = e.Incidents.Raise(ctx, b.Incident, e.signs(now, now, b.Plan.From.ID))
	}
	return d.Next, err
}

func (e *Engine) decideRollback(ctx context.Context, id string, c *rollback.Command,
	revision int64) (rollback.Decision, error) {
	b, err := e.DB.Rollback(ctx, id)
	if err != nil {
		return rollback.Decision{}, err
	}
	if revision != 0 && b.Row != revision {
		return rollback.Decision{}, fault.New(fault.Conflict, "changed_since",
			"The rollback has changed since you looked: %s", b.Sentence)
	}
	now, err := e.now(ctx)
	if err != nil {
		return rollback.Decision{}, err
	}
	f := rollback.Facts{Now: now, NewID: ident.New("apr", now), Command: c}
	if f.Effects, err = e.effectsOf(ctx, b.ID); err != nil {
		return rollback.Decision{}, err
	}
	if b.Request != "" {
		q, err := e.DB.Approval(ctx, b.Request)
		if err != nil {
			return rollback.Decision{}, err
		}
		f.Request = &q
	}
	if b.Phase == rollback.Approved && b.Plan.To != nil {
		to, err := e.DB.Deployment(ctx, b.Plan.To.ID)
		if err != nil {
			return rollback.Decision{}, err
		}
		f.Gone = !to.Gone.IsZero()
	}
	if !b.Executed.IsZero() && b.Plan.To != nil {
		v := e.after(b, now)
		f.Verdict = &v
	}
	d := rollback.Decide(b, f)
	if d.Err != nil || !d.Changed {
		return d, d.Err
	}
	err = e.DB.Write(ctx, func(tx *store.Tx) error { return e.recordRollback(ctx, tx, &d, f) })
	return d, stale(err)
}

// after judges the deployment that production went back to.
func (e *Engine) after(b rollback.Rollback, now time.Time) guard.Verdict {
	return e.since(b.Plan.Rules, *b.Plan.To, b.Executed, now)
}

// since judges a deployment by itself, by what was measured since a moment.
func (e *Engine) since(rules guard.Rules, d deployment.Deployment, since, now time.Time) guard.Verdict {
	by := e.Timeline.Standing(now, since, rules.Source, rules.Fallback, rules.Blind)
	source, complete, from := by.Timeline, by.Final, since.Unix()+1
	width := source.Grid(from, complete, d.ID)
	complete = complete / width * width
	rules.Health.Path, rules.ColdStart = "", 0 // its smoke checks look at health; it is warm: it served before
	return guard.Evaluate(rules, guard.Evidence{
		Version: d.Version, Now: now, Complete: complete, Since: since, ShareSince: since, Share: 100,
		Canary: source.Spans(d.ID, from, complete, width, metric.Compared()...), Width: width,
		From: by.From, Silent: by.Silent,
	})
}

func (e *Engine) recordRollback(ctx context.Context, tx *store.Tx, d *rollback.Decision, f rollback.Facts) error {
	b := &d.Rollback
	if err := tx.UpdateRollback(ctx, b); err != nil {
		return err
	}
	if err := e.recordDecided(ctx, tx, d.Events, d.Request, d.Effects, b.Environment); err != nil {
		return err
	}
	if b.Phase == rollback.Executing {
		if err := e.stopCanary(ctx, tx, *b, f.Now); err != nil {
			return err
		}
	}
	if d.Switched {
		if err := e.switched(ctx, tx, *b, f.Now); err != nil {
			return err
		}
	}
	if b.Phase.Final() && b.Release != "" {
		if err := tx.Schedule(ctx, b.Release, workRelease, f.Now); err != nil {
			return err
		}
	}
	if d.Next.IsZero() {
		return nil
	}
	return tx.Schedule(ctx, b.ID, workRollback, d.Next)
}

// stopCanary ends a canary in the commit that asks for the rollback's routing, so
// that it cannot ask for another one after it.
func (e *Engine) stopCanary(ctx context.Context, tx *store.Tx, b rollback.Rollback, now time.Time) error {
	active, err := tx.ActiveReleases(ctx, b.App)
	if err != nil {
		return err
	}
	for _, r := range active {
		if !r.Promoted.IsZero() || r.Routes == 0 || r.Flag != nil {
			continue
		}
		r.Reason = "production was rolled back while it was on trial"
		if err := e.takenBack(ctx, tx, r, b, release.Aborted, now, now); err != nil {
			return err
		}
		if err := tx.SetEnvironment(ctx, store.EnvironmentState{App: b.App, Name: "canary", Since: now}); err != nil {
			return err
		}
	}
	return nil
}

// takenBack ends a release because of a rollback.
func (e *Engine) takenBack(
	ctx context.Context, tx *store.Tx, r release.Release, b rollback.Rollback, phase release.Phase,
	restored, now time.Time,
) error {
	r.Phase, r.Ended, r.Updated, r.Share, r.Restored = phase, now, now, 0, restored
	r.Shares = append(r.Shares, release.Shift{At: restored, Share: 0, By: "system:engine"})
	r.Sentence = fmt.Sprintf("%s was taken back: %s", r.Version, r.Reason)
	if r.Request != "" {
		q, err := tx.Approval(ctx, r.Request)
		if err != nil {
			return err
		}
		if q.State == approval.Open {
			q = q.Void("the release was taken back", now)
			if err := tx.UpdateApproval(ctx, &q); err != nil {
				return err
			}
		}
		r.Request = ""
	}
	if err := tx.UpdateRelease(ctx, &r); err != nil {
		return err
	}
	if _, err := e.append(ctx, tx, e.system("release."+string(phase), b.Environment, r.ID, r.Sentence,
		map[string]any{"rollback": b.ID})); err != nil {
		return err
	}
	return e.Forge.Changed(ctx, tx, r)
}

// switched records that production runs the target: the deployment that it was
// taken from is bad, and its release is rolled back.
func (e *Engine) switched(ctx context.Context, tx *store.Tx, b rollback.Rollback, now time.Time) error {
	if err := tx.SetEnvironment(ctx, store.EnvironmentState{App: b.App, Name: b.Environment, Deployment: b.Plan.To.ID,
		Since: now}); err != nil {
		return err
	}
	if err := e.judge(ctx, tx, release.Judgement{Deployment: b.Plan.From.ID, Verdict: deployment.Bad, Why: b.Trigger},
		now); err != nil {
		return err
	}
	if err := e.replaced(ctx, tx, b, now); err != nil {
		return err
	}
	active, err := tx.ActiveReleases(ctx, b.App)
	if err != nil {
		return err
	}
	for _, r := range active {
		if r.Promoted.IsZero() {
			continue
		}
		r.Reason = b.Trigger
		if err := e.takenBack(ctx, tx, r, b, release.RolledBack, b.Executed, now); err != nil {
			return err
		}
	}
	return e.markRolledBack(ctx, tx, b, now)
}

func (e *Engine) replaced(ctx context.Context, tx *store.Tx, b rollback.Rollback, now time.Time) error {
	from, err := tx.Deployment(ctx, b.Plan.From.ID)
	if err != nil {
		return err
	}
	from.Replaced = now
	if err := tx.UpdateDeployment(ctx, &from); err != nil {
		return err
	}
	to, err := tx.Deployment(ctx, b.Plan.To.ID)
	if err != nil {
		return err
	}
	to.Replaced, to.Promoted, to.Environment = time.Time{}, now, b.Environment
	return tx.UpdateDeployment(ctx, &to)
}

// markRolledBack marks the completed release whose deployment production left.
func (e *Engine) markRolledBack(ctx context.Context, tx *store.Tx, b rollback.Rollback, now time.Time) error {
	list, _, err := tx.Releases(ctx, store.ReleaseFilter{App: b.App, Phase: []string{string(release.Completed)},
		Version: b.Plan.From.Version, Limit: 10})
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.Deployment != b.Plan.From.ID {
			continue
		}
		r.Phase, r.Reason, r.Updated, r.Restored, r.Share = release.RolledBack, b.Trigger, now, b.Executed, 0
		r.Sentence = fmt.Sprintf("%s was in production and was rolled back: %s", r.Version, b.Trigger)
		if err := tx.UpdateRelease(ctx, &r); err != nil {
			return err
		}
		if _, err := e.append(ctx, tx, e.system("release.rolled_back", b.Environment, r.ID, r.Sentence,
			map[string]any{"rollback": b.ID})); err != nil {
			return err
		}
		if err := e.Forge.Changed(ctx, tx, r); err != nil {
			return err
		}
	}
	return nil
}
