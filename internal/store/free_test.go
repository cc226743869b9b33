package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestFreeMakesHeldWorkDueAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, now := t.Context(), time.Now()
		write(t, db, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Schedule(ctx, "rel_1", "release", now); err != nil {
				return err
			}
			return tx.Schedule(ctx, "rel_2", "release", now.Add(time.Hour))
		})
		if w, err := db.Claim(ctx, "gone", []string{"release"}, 5, time.Hour, now); err != nil || len(w) != 1 {
			t.Fatalf("claimed %v, %v", w, err)
		}
		if err := db.Free(ctx, now); err != nil {
			t.Fatal(err)
		}
		w, err := db.Claim(ctx, "next", []string{"release"}, 5, time.Hour, now)
		if err != nil || len(w) != 1 || w[0].ID != "rel_1" {
			t.Errorf("after freeing claimed %v, %v; want rel_1 and nothing that is not due", w, err)
		}
	})
}

func write(t *testing.T, db *store.DB, f func(context.Context, *store.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx *store.Tx) error { return f(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}
