package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/incidents"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/rollback"
	"github.com/slipwayhq/slipway/internal/store"
)

// lookAtRelease decides, step by step, until nothing changes.
func (e *Engine) lookAtRelease(ctx context.Context, id string) (time.Time, error) {
	for range 100 {
		var d release.Decision
		err := retryConflict(ctx, func() error {
			var err error
			d, err = e.decideRelease(ctx, id, nil, 0)
			return err
		})
		if err != nil {
			return time.Time{}, err
		}
		if !d.Changed {
			return d.Next, nil
		}
	}
	return time.Time{}, fault.New(fault.Internal, "release_restless", "Release %s does not come to rest.", id)
}

// decideRelease reads, gathers, decides and records once. A revision other than 0
// must be the one that is read.
func (e *Engine) decideRelease(ctx context.Context, id string, c *release.Command, revision int64) (release.Decision,
	error) {
	r, err := e.DB.Release(ctx, id)
	if err != nil {
		return release.Decision{}, err
	}
	if revision != 0 && r.Row != revision {
		return release.Decision{}, fault.New(fault.Conflict, "changed_since",
			"%s has changed since you looked: %s Read it again, then decide.", r.Version, r.Sentence)
	}
	f, err := e.releaseFacts(ctx, r, c == nil)
	if err != nil {
		return release.Decision{}, fmt.Errorf("gather facts of %s: %w", id, err)
	}
	f.Command = c
	if r, err = e.besideProduction(ctx, r, f); err != nil {
		return release.Decision{}, err
	}
	d := release.Decide(r, f)
	if fault.ReasonOf(d.Err) == "disk_full" {
		return d, e.DB.Room().Refuse(release.NoRoom) // which knows where to make some
	}
	if d.Err != nil || !d.Changed {
		return d, d.Err
	}
	err = e.DB.Write(ctx, func(tx *store.Tx) error { return e.recordRelease(ctx, tx, &d, f) })
	return d, stale(err)
}

// besideProduction sets a release that was not routed yet beside what production runs
// now: other releases and rollbacks may have changed that since it was started.
func (e *Engine) besideProduction(ctx context.Context, r release.Release, f release.Facts) (release.Release, error) {
	now := f.Running["production"]
	if r.Flag != nil || r.Routes > 0 || now == "" || now == r.Previous || now == r.Deployment {
		return r, nil
	}
	d, err := e.DB.Deployment(ctx, now)
	if err != nil {
		return r, fmt.Errorf("read what production runs: %w", err)
	}
	r.Previous, r.PreviousURL = d.ID, d.URL
	return r, nil
}

// releaseFacts gathers everything that Decide may know. A look lets the guard judge.
func (e *Engine) releaseFacts(ctx context.Context, r release.Release, look bool) (release.Facts, error) {
	now, err := e.now(ctx)
	if err != nil {
		return release.Facts{}, err
	}
	f := release.Facts{Now: now, Items: map[string]checklist.Item{}, Results: map[string]checklist.Result{},
		NewID: ident.New("apr", now)}
	if r.Phase.Final() {
		return f, nil
	}
	for _, i := range e.Strategy.Checklist() {
		f.Items[i.Name] = i
	}
	results, err := e.DB.Checks(ctx, r.App, r.Version)
	if err != nil {
		return f, err
	}
	for _, c := range results {
		f.Results[c.Name] = c
	}
	if f.Effects, err = e.effectsOf(ctx, r.ID); err != nil {
		return f, err
	}
	if r.Request != "" {
		q, err := e.DB.Approval(ctx, r.Request)
		if err != nil {
			return f, err
		}
		f.Request = &q
	}
	state := e.Strategy.Calendar().Check(now)
	f.Calendar = release.Calendar{Open: state.Open || r.Urgent, Sentence: state.Sentence, Until: state.Until}
	if f.Busy, err = e.busy(ctx, r); err != nil {
		return f, err
	}
	if f.Rollback, err = e.rollbackUnderWay(ctx, r); err != nil {
		return f, err
	}
	states, err := e.DB.EnvironmentStates(ctx, r.App)
	if err != nil {
		return f, err
	}
	f.Running = map[string]string{}
	for _, s := range states {
		f.Running[s.Name] = s.Deployment
	}
	if f.Busy == "" && r.Flag == nil && r.Routes == 0 && r.Deployment != "" && f.Running["production"] == r.Deployment {
		f.Busy = r.Version + " is in production already, and not through this release: somebody else put it there. " +
			"It waits until production runs something else; abort ends it."
	}
	if room := e.DB.Room(); room.Full() {
		f.Disk = room.Cause()
	}
	if f.Enable, err = e.Flags.Enabling(ctx, r); err != nil {
		return f, err
	}
	if f.Switched, err = e.rampOff(ctx, r); err != nil {
		return f, err
	}
	if f.Foreign, f.Lost, err = e.Target.Foreign(ctx, r); err != nil {
		return f, err
	}
	f.Verdict, err = e.verdict(ctx, r, f, look)
	return f, err
}

func (e *Engine) effectsOf(ctx context.Context, subject string) (map[string]effect.Effect, error) {
	list, err := e.DB.EffectsOf(ctx, subject)
	if err != nil {
		return nil, err
	}
	out := make(map[string]effect.Effect, len(list))
	for _, x := range list {
		out[x.Key] = x
	}
	return out, nil
}

// busy says why a release that was not routed yet has to wait: another has the canary,
// or production is being taken back. Who is routed first keeps the canary.
func (e *Engine) busy(ctx context.Context, r release.Release) (string, error) {
	if r.Flag != nil {
		return "", nil // flags ramp beside each other, and beside a canary
	}
	active, err := e.DB.ActiveReleases(ctx, r.App)
	if err != nil {
		return "", err
	}
	for _, o := range active {
		if o.ID != r.ID && o.Flag == nil && o.Routes > 0 && r.Routes == 0 {
			return fmt.Sprintf("Waits for %s, which has the canary: only one version is tried at a time.", o.Version), nil
		}
	}
	back, err := e.DB.ActiveRollbacks(ctx, r.App)
	if err != nil {
		return "", err
	}
	if len(back) > 0 && r.Routes == 0 {
		return "Waits until the rollback of " + back[0].Environment + " has ended.", nil
	}
	return "", nil
}

func (e *Engine) rollbackUnderWay(ctx context.Context, r release.Release) (bool, error) {
	back, err := e.DB.ActiveRollbacks(ctx, r.App)
	for _, b := range back {
		if b.Release == r.ID {
			return true, err
		}
	}
	return false, err
}

// recordDecided writes what every decision may bring: events, a request for approval, and effects.
func (e *Engine) recordDecided(ctx context.Context, tx *store.Tx, events []event.Draft, ask *approval.Request,
	effects []effect.Effect, environment string) error {
	for _, ev := range events {
		if _, err := e.append(ctx, tx, ev); err != nil {
			return err
		}
	}
	if err := e.recordRequest(ctx, tx, ask); err != nil {
		return err
	}
	return e.recordEffects(ctx, tx, effects, environment)
}

// recordRelease writes a decision: row, events, effects, requests and what follows
// from it, in one commit.
func (e *Engine) recordRelease(ctx context.Context, tx *store.Tx, d *release.Decision, f release.Facts) error {
	r := &d.Release
	if err := e.takeCanary(ctx, tx, *d); err != nil {
		return err
	}
	if err := tx.UpdateRelease(ctx, r); err != nil {
		return err
	}
	if err := e.recordDecided(ctx, tx, d.Events, d.Request, d.Effects, r.Step().Environment); err != nil {
		return err
	}
	if err := e.recordOutcome(ctx, tx, d, f); err != nil {
		return err
	}
	if err := e.Flags.After(ctx, tx, *r); err != nil {
		return err
	}
	if err := e.endRamp(ctx, tx, *r); err != nil {
		return err
	}
	if err := e.Forge.Changed(ctx, tx, *r); err != nil {
		return err
	}
	if _, watched := r.Rules(); watched {
		if err := tx.Schedule(ctx, "health/"+r.ID, workHealth, f.Now); err != nil {
			return err
		}
	}
	if d.Next.IsZero() {
		return nil
	}
	return tx.Schedule(ctx, r.ID, workRelease, d.Next)
}

// takeCanary makes sure, inside the commit that asks for a release's first routing,
// that no other release has the canary, that no rollback is under way and that
// production still runs what the routing calls stable: two that looked at the same
// moment must not both get it, and none may undo what happened since it looked.
func (e *Engine) takeCanary(ctx context.Context, tx *store.Tx, d release.Decision) error {
	r := d.Release
	first := slices.ContainsFunc(d.Effects, func(x effect.Effect) bool { return x.Kind == effect.Route }) && r.Routes == 1
	if !first || r.Flag != nil {
		return nil
	}
	active, err := tx.ActiveReleases(ctx, r.App)
	if err != nil {
		return err
	}
	for _, o := range active {
		if o.ID != r.ID && o.Flag == nil && o.Routes > 0 {
			return fmt.Errorf("%w: %s has the canary", errStale, o.ID)
		}
	}
	back, err := tx.ActiveRollbacks(ctx, r.App)
	if err != nil {
		return err
	}
	if len(back) > 0 {
		return fmt.Errorf("%w: %s is under way", errStale, back[0].ID)
	}
	stable, err := e.stable(ctx, tx)
	if err == nil && stable.ID != r.Previous {
		err = fmt.Errorf("%w: production runs %s by now", errStale, stable.ID)
	}
	return err
}

// recordOutcome writes what a decision means for deployments, environments,
// rollbacks and incidents.
func (e *Engine) recordOutcome(ctx context.Context, tx *store.Tx, d *release.Decision, f release.Facts) error {
	r := d.Release
	for _, p := range d.Placements {
		s := store.EnvironmentState{App: r.App, Name: p.Environment, Deployment: p.Deployment, Since: f.Now}
		if p.Deployment == r.Deployment {
			s.Release = r.ID
		}
		if err := tx.SetEnvironment(ctx, s); err != nil {
			return err
		}
	}
	for _, c := range d.Reports {
		if err := tx.PutCheck(ctx, c); err != nil {
			return err
		}
		if _, err := e.append(ctx, tx, event.Draft{Kind: "check.reported", Actor: c.Actor, App: r.App,
			Environment: r.Step().Environment, Subject: c.Version,
			Sentence: fmt.Sprintf("Slipway reports %s of %s: passed%s", c.Name, c.Version, because(c.Summary)), Data: c,
		}); err != nil {
			return err
		}
	}
	for _, j := range d.Judgements {
		if err := e.judge(ctx, tx, j, f.Now); err != nil {
			return err
		}
	}
	if d.Rollback != nil {
		if err := e.askRollback(ctx, tx, r, *d.Rollback, f.Now); err != nil {
			return err
		}
	}
	if d.Incident != nil {
		cause, err := e.causeOf(ctx, tx, r, *d.Incident)
		if err != nil {
			return err
		}
		_, err = e.Incidents.Open(ctx, tx, incidents.Opening{
			Title: d.Incident.Title, Environment: incidentAt(r), Release: r.ID, Deployment: r.Deployment, Cause: cause,
			Signs: e.signs(f.Now, r.Detected, r.Deployment, r.Previous), Now: f.Now,
		})
		return err
	}
	return nil
}

// askRollback opens the rollback that the guard asks for, unless somebody was faster.
func (e *Engine) askRollback(ctx context.Context, tx *store.Tx, r release.Release, ask release.Ask,
	now time.Time) error {
	environment := r.Step().Environment
	active, err := tx.ActiveRollbacks(ctx, r.App)
	if err != nil || slices.ContainsFunc(active, func(b rollback.Rollback) bool { return b.Environment == environment }) {
		return err
	}
	_, err = e.openRollback(ctx, tx, openRollback{environment: environment, release: r, author: "system:guard", ask: ask,
		now: now})
	return err
}

// judge records a verdict on a deployment.
func (e *Engine) judge(ctx context.Context, tx *store.Tx, j release.Judgement, now time.Time) error {
	d, err := tx.Deployment(ctx, j.Deployment)
	if err != nil {
		return err
	}
	if j.Promoted {
		d.Promoted, d.Environment, d.Replaced = now, "production", time.Time{}
	}
	if j.Verdict != "" {
		d.Verdict, d.Why = j.Verdict, j.Why
		if j.Verdict == deployment.Good {
			d.Verified = now
		}
		if _, err := e.append(ctx, tx, e.system("deployment.judged", d.Environment, d.ID,
			fmt.Sprintf("%s is recorded as %s: %s", d.Version, d.Verdict, d.Why), j)); err != nil {
			return err
		}
	}
	if err := tx.UpdateDeployment(ctx, &d); err != nil || j.Replaces == "" || j.Replaces == j.Deployment {
		return err
	}
	old, err := tx.Deployment(ctx, j.Replaces)
	if err != nil {
		return err
	}
	old.Replaced = now
	return tx.UpdateDeployment(ctx, &old)
}

// signs reads how bad it is from the minute before at: of all requests, whichever
// of the deployments served them.
func (e *Engine) signs(now, at time.Time, deployments ...string) incident.Signs {
	if at.IsZero() {
		at = now
	}
	var worst incident.Signs
	for _, back := range []time.Duration{time.Minute, 10 * time.Second} {
		var b metric.Bucket
		for _, d := range deployments {
			b.Add(e.Timeline.Of(e.Strategy.Measured()).Sum(d, at.Add(-back).Unix(), now.Unix()+1, metric.Compared()...))
		}
		rate, _ := b.ErrorRate()
		if worst.Requests == 0 || b.Requests >= 30 && rate > worst.ErrorRate {
			worst.ErrorRate, worst.Requests = rate, b.Requests
		}
	}
	return worst
}

func marshal(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null") // callers pass plain structs; finite by construction
	}
	return b
}
