package configs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/store"
)

// Retention is how long after it was replaced a revision can be brought back with all its values.
const Retention = 90 * 24 * time.Hour

// Forget deletes sealed values that nothing needs any more: no revision that was wanted within [Retention], and no
// draft. The revisions that had them stay, without the values.
func (w *Writer) Forget(ctx context.Context, now time.Time) error {
	for _, environment := range w.Environments() {
		if err := w.forgetIn(ctx, environment, now.Add(-Retention)); err != nil {
			return err
		}
	}
	return nil
}

// forgetIn goes through an environment's revisions, newest first, until nothing older has a value.
func (w *Writer) forgetIn(ctx context.Context, environment string, before time.Time) error {
	d, err := w.DB.ConfigDraft(ctx, w.Strategy.App, environment)
	if err != nil {
		return err
	}
	needed := sealedBy(d.Edits)
	var newest configuration.Revision
	replaced := time.Time{} // when the revision in hand was replaced; zero for the newest
	for cursor := ""; ; {
		page, next, err := w.DB.Configs(ctx, w.Strategy.App, environment, cursor, 50)
		if err != nil {
			return err
		}
		old := []configuration.Revision{}
		for _, r := range page {
			if replaced.IsZero() {
				newest = r
			}
			if replaced.IsZero() || !replaced.Before(before) {
				for _, v := range r.Variables {
					needed[v.Sealed] = struct{}{}
				}
			} else {
				old = append(old, r)
			}
			replaced = r.Created
		}
		n, err := w.forget(ctx, &newest, old, needed)
		if err != nil || next == "" || n == 0 && len(old) == len(page) {
			return err
		}
		cursor = next
	}
}

// forget takes the values that are not needed from revisions, and returns how many revisions had some. Faults: Conflict
// when another revision is the newest by now: it may have brought an old value back.
func (w *Writer) forget(ctx context.Context, newest *configuration.Revision, old []configuration.Revision,
	needed map[string]struct{}) (n int, err error) {
	environment := newest.Environment
	gone := map[string]string{} // sealed name to key
	for i := range old {
		vars, had := slices.Clone(old[i].Variables), false
		for j, v := range vars {
			if _, ok := needed[v.Sealed]; v.Sealed == "" || ok {
				continue
			}
			gone[v.Sealed], vars[j].Sealed, vars[j].Forgotten, had = v.Key, "", true, true
		}
		if old[i].Variables = vars; had {
			n++
		}
	}
	if n == 0 {
		return 0, nil
	}
	return n, w.Write(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateConfig(ctx, newest); err != nil {
			return err
		}
		for i := range old {
			if err := tx.UpdateConfig(ctx, &old[i]); err != nil {
				return err
			}
		}
		for name := range gone {
			if err := tx.DeleteSealed(ctx, w.Strategy.App, name); err != nil {
				return err
			}
		}
		keys := slices.Compact(slices.Sorted(maps.Values(gone)))
		return w.tell(ctx, tx, access.System("engine"), "config.forgotten", environment, "", fmt.Sprintf("%d values are "+
			"deleted that no revision of %s within %d days needs: %s.", len(gone), environment,
			int(Retention.Hours()/24), strings.Join(keys, ", ")), nil)
	})
}
