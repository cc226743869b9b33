package target

import (
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/store"
)

// seek looks whether the builds that production stands on are still there: the one that everybody gets, and the one
// that it would go back to. A platform names a deleted build as what is served all the same.
func (w *Watcher) seek(ctx context.Context, now wanted) error {
	if now.id == "" {
		return nil
	}
	all, _, err := w.DB.Deployments(ctx, w.Strategy.App, store.DeploymentFilter{Limit: 1000})
	if err != nil {
		return err
	}
	builds := []string{now.stable}
	if back, _ := deployment.LastKnownGood(all, now.id, nil); back != nil {
		builds = append(builds, back.External)
	}
	for _, id := range builds {
		if id == "" {
			continue
		}
		b, err := w.Platform.Find(ctx, provider.Ref{External: id})
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err := w.there(ctx, id, err == nil && !b.Gone); err != nil {
			return err
		}
	}
	return nil
}

// there records that a build was deleted on the platform, or that it is back.
func (w *Watcher) there(ctx context.Context, external string, is bool) error {
	d, err := w.DB.DeploymentByExternal(ctx, w.Strategy.App, external)
	if fault.Is(err, fault.NotFound) || err == nil && d.Gone.IsZero() == is {
		return nil
	}
	if err != nil {
		return err
	}
	return w.Write(ctx, func(tx *store.Tx) error {
		d, err := tx.Deployment(ctx, d.ID)
		if err != nil || d.Gone.IsZero() == is {
			return err
		}
		now := tx.Now()
		kind, says := "deployment.back", "is on the platform again."
		if d.Gone = (time.Time{}); !is {
			d.Gone = now
			kind, says = "deployment.gone", "was deleted on the platform: production can't go back to it."
		}
		if err := tx.UpdateDeployment(ctx, &d); err != nil {
			return err
		}
		if _, err := w.Append(ctx, tx, w.system(kind, d.ID, fmt.Sprintf("%s (%s) %s", d.Version, external, says),
			nil)); err != nil {
			return err
		}
		return tx.Schedule(ctx, Work, Work, now)
	})
}
