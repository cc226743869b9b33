package store_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestALimitIsHeldForAllNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		if until, err := db.LimitHeld(ctx, "read"); err != nil || !until.IsZero() {
			t.Errorf("before anything is held: %v, %v", until, err)
		}
		for _, until := range []int{60, 30, 90, 0} { // it never shortens
			if err := db.HoldLimit(ctx, "read", at(until)); err != nil {
				t.Fatal(err)
			}
		}
		if until, err := db.LimitHeld(ctx, "read"); err != nil || !until.Equal(at(90)) {
			t.Errorf("held until %v, %v; want the latest", until, err)
		}
		if until, err := db.LimitHeld(ctx, "write"); err != nil || !until.IsZero() {
			t.Errorf("another kind is held until %v, %v", until, err)
		}
	})
}

// TestABudgetIsSpentOnce lets two nodes spend at once: no more is spent than there is, and nothing is lost.
func TestABudgetIsSpentOnce(t *testing.T) {
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			address := storetest.Address(t, engine)
			nodes := []*store.DB{storetest.OpenAt(t, address), storetest.OpenAt(t, address)}
			ctx, most := t.Context(), 40
			var got atomic.Int64
			var group sync.WaitGroup
			for w := range 6 {
				group.Go(func() {
					for range 10 {
						left, err := nodes[w%2].SpendLimit(ctx, "global_config", "2026-11-27", most)
						if err != nil {
							t.Errorf("spend: %v", err)
						}
						if left >= 0 {
							got.Add(1)
						}
					}
				})
			}
			group.Wait()
			spent, err := nodes[0].LimitSpent(ctx, "global_config", "2026-11-27")
			if err != nil || spent != most || int(got.Load()) != most {
				t.Errorf("%d spent, %d given, %v; want %d", spent, got.Load(), err, most)
			}
			if err := nodes[0].HoldLimit(ctx, "global_config", at(5)); err != nil {
				t.Fatal(err)
			}
			if left, err := nodes[1].SpendLimit(ctx, "global_config", "2026-11-28", most); err != nil || left != most-1 {
				t.Errorf("of the next period %d are left, %v", left, err)
			}
			if spent, err := nodes[0].LimitSpent(ctx, "global_config", "2026-11-27"); err != nil || spent != 0 {
				t.Errorf("of the period before %d are spent, %v", spent, err)
			}
			if until, err := nodes[0].LimitHeld(ctx, "global_config"); err != nil || !until.Equal(at(5)) {
				t.Errorf("spending changed what is held: %v, %v", until, err)
			}
			if left, err := nodes[0].SpendLimit(ctx, "global_config", "2026-11-28", 0); err != nil || left != -1 {
				t.Errorf("of nothing %d are left, %v", left, err)
			}
		})
	}
}

func TestPublicationIsPutOverWhatWasRead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		first, err := db.Publication(ctx, "shop", "production")
		if err != nil || first.Row != 0 || first.Environment != "production" {
			t.Fatalf("before anything is published: %+v, %v", first, err)
		}
		late := first
		first.Generation, first.Digest, first.Seen, first.Left = 7, "ab", day(1), 12
		must(t, db, func(tx *store.Tx) error { return tx.PutPublication(ctx, &first) })
		err = db.Write(ctx, func(tx *store.Tx) error { return tx.PutPublication(ctx, &late) })
		if !fault.Is(err, fault.Conflict) || late.Row != 0 {
			t.Errorf("over a newer one: %v, row %d", err, late.Row)
		}
		got, err := db.Publication(ctx, "shop", "production")
		if diff := cmp.Diff(first, got, sameInstant()); diff != "" || err != nil || got.Row != 1 {
			t.Errorf("read back %v (-want +got):\n%s", err, diff)
		}
		got.Generation = 8
		must(t, db, func(tx *store.Tx) error { return tx.PutPublication(ctx, &got) })
		other := flag.Publication{App: "shop", Environment: "acceptance"}
		foreign := flag.Publication{App: "blog", Environment: "production"}
		must(t, db, func(tx *store.Tx) error {
			if err := tx.PutPublication(ctx, &foreign); err != nil {
				return err
			}
			return tx.PutPublication(ctx, &other)
		})
		list, err := db.Publications(ctx, "shop")
		if diff := cmp.Diff([]flag.Publication{other, got}, list, sameInstant()); diff != "" || err != nil {
			t.Errorf("all %v (-want +got):\n%s", err, diff)
		}
		err = db.Write(ctx, func(tx *store.Tx) error {
			got.Generation = 9
			if err := tx.PutPublication(ctx, &got); err != nil {
				return err
			}
			return fault.New(fault.Refused, "no", "No.")
		})
		if !fault.Is(err, fault.Refused) || got.Row != 2 {
			t.Errorf("what was rolled back has row %d, %v; want 2 again", got.Row, err)
		}
	})
}
