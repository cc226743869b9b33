package configs

import (
	"context"
	"slices"

	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/store"
)

// splitting notes, before the first call of a plan, which variables of other environments it will touch.
func (w *Writer) splitting(ctx context.Context, r configuration.Revision, found onPlatform,
	steps []configuration.Step) error {
	if !slices.ContainsFunc(steps, func(s configuration.Step) bool { return s.Do == configuration.Narrow }) {
		return nil
	}
	return w.Write(ctx, func(tx *store.Tx) error {
		return w.others(ctx, tx, r, found, func(l configuration.Live, p configuration.Place) (configuration.Live, bool) {
			return l.Splitting(steps, p)
		})
	})
}

// joined has what is known of other environments follow what a revision touched of theirs. What somebody else does to
// the same variable in the moments between is not told apart.
func (w *Writer) joined(ctx context.Context, tx *store.Tx, r configuration.Revision, found onPlatform) error {
	return w.others(ctx, tx, r, found, func(l configuration.Live, p configuration.Place) (configuration.Live, bool) {
		split := len(l.Split) > 0
		l, _ = l.Joined(found.list, p)
		l.Split = nil
		return l, split
	})
}

// others changes what is known of the other environments than a revision's.
func (w *Writer) others(ctx context.Context, tx *store.Tx, r configuration.Revision, found onPlatform,
	f func(configuration.Live, configuration.Place) (configuration.Live, bool)) error {
	for _, environment := range w.Environments() {
		place, err := w.place(found, environment)
		if err != nil || environment == r.Environment {
			continue // the platform has no such environment: it has no variables
		}
		live, err := tx.ConfigLive(ctx, r.App, environment)
		if err != nil {
			return err
		}
		next, changed := f(live, place)
		if !changed {
			continue
		}
		if err := tx.PutConfigLive(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

// writing reports whether a revision of any environment is being written.
func (w *Writer) writing(ctx context.Context) (bool, error) {
	for _, environment := range w.Environments() {
		r, err := w.DB.ConfigNewest(ctx, w.Strategy.App, environment)
		if err != nil || r.State == configuration.Waiting {
			return true, err
		}
	}
	return false, nil
}

// unsplit is what is known of an environment, with the marks of what a revision of another one touched. A try that was
// cut off leaves its note, which is good until nothing is written any more. It reports true when that is news.
func unsplit(live configuration.Live, found onPlatform, place configuration.Place, writing bool) (configuration.Live,
	bool) {
	next, moved := live.Joined(found.list, place)
	if !writing && len(next.Split) > 0 {
		next.Split, moved = nil, true
	}
	return next, moved
}
