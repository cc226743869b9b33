package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestConfigDraftIsKeptOverWhatWasRead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		d, err := db.ConfigDraft(ctx, "shop", "production")
		if err != nil || d.Row != 0 || d.Environment != "production" {
			t.Fatalf("before anything is drafted: %+v, %v", d, err)
		}
		d.ID, d.Changed = "cfg_1", day(1)
		a := configuration.Variable{Key: "A", Kind: "plain", Value: "1", Since: day(1)}
		d = d.With(configuration.Amendment{Variable: a})
		late := d // somebody else read before it, too
		must(t, db, func(tx *store.Tx) error { return tx.PutConfigDraft(ctx, d) })
		put := func(d configuration.Draft) error {
			return db.Write(ctx, func(tx *store.Tx) error { return tx.PutConfigDraft(ctx, d) })
		}
		if err := put(late); !fault.Is(err, fault.Conflict) {
			t.Errorf("a draft over a newer one gives %v", err)
		}
		got, err := db.ConfigDraft(ctx, "shop", "production")
		d.Row = 1
		if diff := cmp.Diff(d, got, sameInstant()); diff != "" || err != nil {
			t.Errorf("draft %v (-want +got):\n%s", err, diff)
		}
		gone := got.Without("A")
		gone.Row = 7
		if err := put(gone); !fault.Is(err, fault.Conflict) {
			t.Errorf("another draft than the one that was read is let go of: %v", err)
		}
		gone.Row = 1
		if err := put(gone); err != nil {
			t.Fatal(err)
		}
		if got, err := db.ConfigDraft(ctx, "shop", "production"); err != nil || got.Row != 0 || len(got.Edits) != 0 {
			t.Errorf("after it went: %+v, %v", got, err)
		}
		if err := put(gone); !fault.Is(err, fault.Conflict) {
			t.Errorf("it goes a second time: %v", err)
		}
	})
}

func TestConfigRevisionsHaveOneOfEachNumber(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		one := configuration.Revision{ID: "cfg_1", App: "shop", Environment: "production", Number: 1, Created: day(1),
			State: configuration.Applied}
		must(t, db, func(tx *store.Tx) error { return tx.InsertConfig(ctx, &one) })
		twin := one
		twin.ID, twin.Row = "cfg_2", 0
		err := db.Write(ctx, func(tx *store.Tx) error { return tx.InsertConfig(ctx, &twin) })
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a second revision 1 gives %v", err)
		}
		live := configuration.Live{App: "shop", Environment: "production", Revision: 1, ID: "cfg_1", Seen: day(2)}
		must(t, db, func(tx *store.Tx) error { return tx.PutConfigLive(ctx, live) })
		err = db.Write(ctx, func(tx *store.Tx) error { return tx.PutConfigLive(ctx, live) })
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a look over a newer one gives %v", err)
		}
		if got, err := db.ConfigLive(ctx, "shop", "production"); err != nil || got.Row != 1 || got.ID != "cfg_1" {
			t.Errorf("live: %+v, %v", got, err)
		}
	})
}
