package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// by returns a draft of an event by a person or token.
func (e *Engine) by(who access.Actor, kind, environment, subject, sentence string, data any) event.Draft {
	return event.Draft{
		Kind: kind, Actor: who.ID, App: e.app(), Environment: environment, Subject: subject, Sentence: sentence, Data: data,
	}
}

// Adopt records the deployment that runs in production already, when Slipway is
// set up for an application. It is known good because visitors are on it. Later
// calls change nothing.
func (e *Engine) Adopt(ctx context.Context, version, address string) error {
	now, err := e.now(ctx)
	if err != nil {
		return err
	}
	d := deployment.Deployment{
		ID: ident.New("dep", now), App: e.app(), Version: version, URL: address, Environment: "production",
		Verdict: deployment.Good,
		Why:     "it was running in production when Slipway was set up", Created: now, Promoted: now, Verified: now,
	}
	order := routeOrder{RouteArgs: release.RouteArgs{Stable: d.ID, Salt: d.ID}}
	return e.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := e.stable(ctx, tx); fault.ReasonOf(err) != "no_stable" {
			return err // it is known already, perhaps from a node that started at the same moment
		}
		if err := tx.InsertDeployment(ctx, &d); err != nil {
			return err
		}
		if err := tx.SetEnvironment(ctx, store.EnvironmentState{App: d.App, Name: "production", Deployment: d.ID,
			Since: now}); err != nil {
			return err
		}
		if _, err := e.append(ctx, tx, e.system("deployment.adopted", "production", d.ID,
			fmt.Sprintf("%s at %s runs in production; Slipway takes it as the stable version.", version,
				address), d)); err != nil {
			return err
		}
		return e.recordEffects(ctx, tx, adoption(d, order, now), "production")
	})
}

// Start begins a release.
func (e *Engine) Start(ctx context.Context, who access.Actor, r release.Release, buildIDs []string) (release.Release,
	error) {
	if err := e.DB.Room().Err(); err != nil {
		return r, err
	}
	build, err := e.Target.Locate(ctx, &r)
	if err != nil {
		return r, err
	}
	if err := webAddress(r.URL); err != nil {
		return r, err
	}
	if err := goodBuilds(buildIDs); err != nil {
		return r, err
	}
	now, err := e.now(ctx)
	if err != nil {
		return r, err
	}
	var is provider.Build
	if build != nil {
		is, buildIDs = *build, []string{build.External}
		if is.Config, err = e.configOf(ctx, is); err != nil {
			return r, err
		}
		if err := e.configured(ctx, is.Config); err != nil {
			return r, err
		}
	}
	r.ID, r.App, r.Author, r.Plan = ident.New("rel", now), e.app(), who.User, e.Strategy.ReleasePlan()
	for i := range r.Plan.Steps {
		r.Plan.Steps[i].AuthorToo = e.Strategy.Approvals().AuthorCounts
	}
	err = e.DB.Write(ctx, func(tx *store.Tx) error {
		if err := e.place(ctx, tx, &r, is, buildIDs, now); err != nil {
			return err
		}
		r = release.New(r, now)
		if err := tx.InsertRelease(ctx, &r); err != nil {
			return err
		}
		if _, err := e.append(ctx, tx, e.by(who, "release.started", r.Step().Environment, r.ID,
			fmt.Sprintf("%s starts the release of %s.", who.Name, r.Version),
			map[string]any{"version": r.Version, "commit": r.Commit, "deployment": r.Deployment, "url": r.URL, "note": r.Note,
				"urgent": r.Urgent})); err != nil {
			return err
		}
		if err := e.Flags.Report(ctx, tx, r); err != nil {
			return err
		}
		if err := e.Forge.Changed(ctx, tx, r); err != nil {
			return err
		}
		return tx.Schedule(ctx, r.ID, workRelease, now)
	})
	return r, err
}

// place finds the release's deployment and the one it would replace.
func (e *Engine) place(ctx context.Context, tx *store.Tx, r *release.Release, is provider.Build,
	buildIDs []string, now time.Time) error {
	stable, err := e.stable(ctx, tx)
	if err != nil {
		return err
	}
	active, err := tx.ActiveReleases(ctx, r.App)
	if err != nil {
		return err
	}
	for _, o := range active {
		if o.Version == r.Version {
			return fault.New(fault.Conflict, "release_under_way", "%s is being released already (%s). Abort that one first.",
				o.Version, o.ID)
		}
	}
	if stable.Version == r.Version || strings.TrimRight(stable.URL, "/") == strings.TrimRight(r.URL, "/") {
		return fault.New(fault.Refused, "already_stable", "%s at %s is what production runs already.", stable.Version,
			stable.URL)
	}
	d, err := tx.DeploymentByURL(ctx, r.App, r.Version, r.URL)
	switch {
	case fault.Is(err, fault.NotFound):
		d = deployment.Deployment{
			ID: ident.New("dep", now), App: r.App, Version: r.Version, Commit: r.Commit, URL: r.URL, BuildIDs: buildIDs,
			External: is.External, Config: is.Config, Environment: "staging", Verdict: deployment.Unknown, Created: now,
		}
		err = tx.InsertDeployment(ctx, &d)
	case err == nil && d.Verdict == deployment.Bad:
		return fault.New(fault.Refused, "version_bad",
			"%s at %s was taken back before: %s. Build a new version; this one is not tried again.", d.Version, d.URL,
			strings.TrimSuffix(d.Why, "."))
	case err == nil && d.Commit != "" && r.Commit != "" && d.Commit != r.Commit:
		return fault.New(fault.Conflict, "deployment_other_commit", "%s at %s is recorded as a build of commit %s.",
			d.Version, d.URL, d.Commit)
	}
	r.Deployment, r.Previous, r.PreviousURL = d.ID, stable.ID, stable.URL
	return err
}

// stable returns the deployment that production runs.
func (e *Engine) stable(ctx context.Context, tx *store.Tx) (deployment.Deployment, error) {
	states, err := tx.EnvironmentStates(ctx, e.app())
	if err != nil {
		return deployment.Deployment{}, err
	}
	for _, s := range states {
		if s.Name == "production" && s.Deployment != "" {
			return tx.Deployment(ctx, s.Deployment)
		}
	}
	return deployment.Deployment{}, fault.New(fault.Refused, "no_stable",
		"It is not known what production runs. Name it in the strategy: target.selfhost.stable. On a platform it is known "+
			"once that has answered.")
}

// Command does what a person asks of a release. A revision other than 0 must be the
// release's present one.
func (e *Engine) Command(ctx context.Context, id string, c release.Command, revision int64) error {
	return retryConflict(ctx, func() error {
		_, err := e.decideRelease(ctx, id, &c, revision)
		return err
	})
}

// Look decides on a release now instead of at its next turn: who just gave what it waits for sees what came of it. What
// goes wrong is met again, and told, at that turn.
func (e *Engine) Look(ctx context.Context, id string) { _, _ = e.lookAtRelease(ctx, id) }

// Vote records a person's decision on an approval request, signed.
func (e *Engine) Vote(ctx context.Context, who access.Actor, id string, approve bool, hash,
	reason string) (approval.Request, error) {
	var out approval.Request
	err := retryConflict(ctx, func() (err error) {
		out, err = e.vote(ctx, who, id, approve, hash, reason)
		return err
	})
	return out, err
}

func (e *Engine) vote(ctx context.Context, who access.Actor, id string, approve bool, hash,
	reason string) (approval.Request, error) {
	var out approval.Request
	key, err := e.Key, error(nil)
	if key == nil {
		if key, err = e.Secrets.Signer(ctx); err != nil {
			return out, err
		}
	}
	err = e.DB.Write(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		q, err := tx.Approval(ctx, id)
		if err != nil {
			return err
		}
		v := approval.Vote{User: who.User, Actor: who.ID, Name: who.Name, Approve: approve, Reason: reason, Hash: hash}
		next, v, err := q.Decide(v, who.Roles, now)
		if err != nil {
			return err
		}
		next.Votes[len(next.Votes)-1] = v.Sign(q.ID, key)
		if err := tx.UpdateApproval(ctx, &next); err != nil {
			return err
		}
		word := "approves"
		if !approve {
			word = "rejects"
		}
		if _, err := e.append(ctx, tx, e.by(who, "approval.voted", q.Subject.Environment, q.Subject.ID,
			fmt.Sprintf("%s %s: %s%s", who.Name, word, q.Subject.Action, because(reason)),
			map[string]any{"request": q.ID, "vote": next.Votes[len(next.Votes)-1], "state": next.State})); err != nil {
			return err
		}
		if e.Key == nil { // behind append: nobody renews the key until this is committed
			if err := secrets.Known(ctx, tx, key); err != nil {
				return stale(err)
			}
		}
		out = next
		return wakeSubject(ctx, tx, q.Subject.ID, now)
	})
	return out, err
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

// Report records an item of a version's checklist and wakes the releases that may
// wait for it.
func (e *Engine) Report(ctx context.Context, who access.Actor, c checklist.Result) error {
	return e.DB.Write(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		c.App, c.Actor, c.At = e.app(), who.ID, now
		if err := tx.PutCheck(ctx, c); err != nil {
			return err
		}
		if _, err := e.append(ctx, tx, e.by(who, "check.reported", "", c.Version,
			fmt.Sprintf("%s reports %s of %s: %s%s", who.Name, c.Name, c.Version,
				strings.ReplaceAll(string(c.Status), "_", " "), because(c.Summary)), c)); err != nil {
			return err
		}
		if err := e.markFailed(ctx, tx, c); err != nil {
			return err
		}
		return e.wakeVersion(ctx, tx, c.Version, now)
	})
}

// failedCheck begins the reason of a verdict that a required check gave.
const failedCheck = "required check failed: "

// markFailed marks a version's development deployments as failed when a check that
// development requires fails, and lifts the mark when the same check passes.
func (e *Engine) markFailed(ctx context.Context, tx *store.Tx, c checklist.Result) error {
	if !slices.ContainsFunc(e.Strategy.Checklist(), func(i checklist.Item) bool {
		return i.Name == c.Name && slices.Contains(i.Stages, "development")
	}) {
		return nil
	}
	list, _, err := tx.Deployments(ctx, e.app(), store.DeploymentFilter{Version: c.Version, Environment: "development",
		Limit: 100})
	if err != nil {
		return err
	}
	for _, d := range list {
		switch {
		case c.Status == checklist.Failed && d.Verdict == deployment.Unknown:
			d.Verdict, d.Why = deployment.Bad, failedCheck+c.Name
		case c.Status == checklist.Passed && d.Verdict == deployment.Bad && d.Why == failedCheck+c.Name:
			d.Verdict, d.Why = deployment.Unknown, ""
		default:
			continue
		}
		if err := tx.UpdateDeployment(ctx, &d); err != nil {
			return err
		}
		if _, err := e.append(ctx, tx, e.system("deployment.judged", d.Environment, d.ID,
			fmt.Sprintf("%s in development is recorded as %s. %s", d.Version, d.Verdict, d.Why), nil)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) wakeVersion(ctx context.Context, tx *store.Tx, version string, now time.Time) error {
	active, err := tx.ActiveReleases(ctx, e.app())
	if err != nil {
		return err
	}
	for _, r := range active {
		if r.Version == version {
			if err := tx.Schedule(ctx, r.ID, workRelease, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// Register records a deployment that somebody or a push made. The same version at
// the same address again changes nothing.
func (e *Engine) Register(ctx context.Context, who access.Actor, d deployment.Deployment) (deployment.Deployment,
	error) {
	if err := webAddress(d.URL); err != nil {
		return d, err
	}
	if err := goodBuilds(d.BuildIDs); err != nil {
		return d, err
	}
	err := e.DB.Write(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		known, err := tx.DeploymentByURL(ctx, e.app(), d.Version, d.URL)
		if err == nil {
			d = known
			return nil
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		d.ID, d.App, d.Created, d.Verdict = ident.New("dep", now), e.app(), now, deployment.Unknown
		if err := tx.InsertDeployment(ctx, &d); err != nil {
			return err
		}
		if d.Environment == "development" && !d.Preview {
			if err := tx.SetEnvironment(ctx, store.EnvironmentState{App: d.App, Name: d.Environment, Deployment: d.ID,
				Since: now}); err != nil {
				return err
			}
		}
		_, err = e.append(ctx, tx, e.by(who, "deployment.recorded", d.Environment, d.ID,
			fmt.Sprintf("%s records %s at %s for %s.", who.Name, d.Version, d.URL, d.Environment), d))
		return err
	})
	return d, err
}

// Denied records that somebody tried what they may not do.
func (e *Engine) Denied(ctx context.Context, who access.Actor, p access.Permission, environment string) error {
	return e.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := e.append(ctx, tx, e.by(who, "access.denied", environment, who.ID,
			fmt.Sprintf("%s was denied %s.", who.Name, p), map[string]any{"permission": p}))
		return err
	})
}
