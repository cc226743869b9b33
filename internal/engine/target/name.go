package target

import (
	"context"
	"time"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// name says who it was of a release that was taken back for somebody's change, where the platform tells only later.
// What Slipway itself did to take it back came after that, and is never taken for it.
func (w *Watcher) name(ctx context.Context, tx *store.Tx, h deployment.Hand) error {
	list, _, err := tx.Releases(ctx, store.ReleaseFilter{App: w.Strategy.App, Limit: 5})
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.Flag != nil || !h.At.Before(r.Detected) || r.Detected.Sub(h.At) > attributable || !h.At.After(raised(r)) {
			continue
		}
		did, err := w.did(ctx, tx, r, h)
		if err != nil {
			return err
		}
		named, ok := r.Named(foreign{somebody, did}.String(), foreign{h.By, did}.String())
		if !ok || did == "" {
			continue
		}
		if err := tx.UpdateRelease(ctx, &named); err != nil {
			return err
		}
		if _, err := w.Append(ctx, tx, w.system("target.named", r.ID, "It is known by now who it was: "+named.Reason,
			nil)); err != nil {
			return err
		}
	}
	return nil
}

// raised is when Slipway itself last gave a release visitors.
func raised(r release.Release) (at time.Time) {
	for _, s := range r.Shares {
		if s.Share > 0 {
			at = s.At
		}
	}
	return at
}

// did is what a change of production's domain was to a release that had visitors.
func (w *Watcher) did(ctx context.Context, tx *store.Tx, r release.Release, h deployment.Hand) (string, error) {
	canary, err := tx.Deployment(ctx, r.Deployment)
	if err != nil || r.Previous == "" || h.Stable == "" {
		return "", err
	}
	stable, err := tx.Deployment(ctx, r.Previous)
	switch {
	case err != nil:
	case h.Stable == canary.External:
		return "gave everybody " + r.Version, nil
	case h.Stable == stable.External:
		return "took " + r.Version + " back", nil
	}
	return "", err
}
