package app

import (
	"context"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// watchedFor is how long it is known which deployments are watched.
const watchedFor = 2 * time.Second

// watched are the deployments whose requests are judged.
type watched struct {
	until time.Time
	ids   map[string]bool
}

// drained returns the deployment that the platform names so, if anybody judges it; else empty. Every build that was
// ever made keeps an address, and whoever asks for many old ones must not take the room of the one that matters.
func (a *App) drained(ctx context.Context, external string) (string, error) {
	id, err := a.named(ctx, external)
	if err != nil || id == "" {
		return "", err
	}
	known := a.watched.Load()
	if now := time.Now(); known == nil || now.After(known.until) {
		ids, err := a.watch(ctx)
		if err != nil {
			return "", err
		}
		known = &watched{now.Add(watchedFor), ids}
		a.watched.Store(known)
	}
	if !known.ids[id] {
		return "", nil
	}
	return id, nil
}

// watch finds out which deployments are judged: what runs in an environment, and both versions of every release and
// rollback that is under way.
func (a *App) watch(ctx context.Context) (map[string]bool, error) {
	app, ids := a.opts.Strategy.App, map[string]bool{}
	states, err := a.DB.EnvironmentStates(ctx, app)
	if err != nil {
		return nil, err
	}
	for _, s := range states {
		ids[s.Deployment] = true
	}
	releases, err := a.DB.ActiveReleases(ctx, app)
	if err != nil {
		return nil, err
	}
	for _, r := range releases {
		ids[r.Deployment], ids[r.Previous] = true, true
	}
	rollbacks, err := a.DB.ActiveRollbacks(ctx, app)
	if err != nil {
		return nil, err
	}
	for _, b := range rollbacks {
		if ids[b.Plan.From.ID] = true; b.Plan.To != nil {
			ids[b.Plan.To.ID] = true
		}
	}
	return ids, nil
}

// named returns the deployment that the platform names so, empty when there is none.
func (a *App) named(ctx context.Context, external string) (string, error) {
	d, err := a.Desk.DeploymentOf(ctx, external, "")
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return d.ID, err
}
