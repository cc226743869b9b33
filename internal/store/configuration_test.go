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

func TestConfigRevisionsLive(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		numbers, ctx := map[string]int64{"x_1": 1, "x_2": 2}, t.Context()
		life(t, db, kept[configuration.Revision]{
			(*store.Tx).InsertConfig, (*store.Tx).UpdateConfig, (*store.DB).Config,
			func(id string) configuration.Revision {
				return configuration.Revision{ID: id, App: "shop", Environment: "production", Number: numbers[id], Created: day(1),
					Variables: []configuration.Variable{{Key: "A", Kind: "plain", Value: "1", Since: day(1)}}}
			},
			func(r *configuration.Revision) *int64 { return &r.Row },
			func(r *configuration.Revision) { r.State, r.Why = configuration.Failed, "no" },
		})
		two := configuration.Revision{ID: "x_3", App: "shop", Environment: "production", Number: 2, Created: day(2)}
		other := configuration.Revision{ID: "x_4", App: "shop", Environment: "staging", Number: 9, Created: day(3)}
		must(t, db, func(tx *store.Tx) error {
			if err := tx.InsertConfig(ctx, &two); err != nil {
				return err
			}
			return tx.InsertConfig(ctx, &other)
		})
		newest, err := db.ConfigNewest(ctx, "shop", "production")
		if err != nil || newest.ID != "x_3" {
			t.Errorf("newest: %+v, %v", newest, err)
		}
		if none, err := db.ConfigNewest(ctx, "shop", "development"); err != nil || none.Number != 0 {
			t.Errorf("of an environment without any: %+v, %v", none, err)
		}
		if one, err := db.ConfigNumber(ctx, "shop", "production", 1); err != nil || one.ID != "x_1" {
			t.Errorf("number 1: %+v, %v", one, err)
		}
		if _, err := db.ConfigNumber(ctx, "shop", "production", 3); !fault.Is(err, fault.NotFound) {
			t.Errorf("number 3: %v", err)
		}
		page, next, err := db.Configs(ctx, "shop", "production", "", 1)
		if err != nil || len(page) != 1 || page[0].ID != "x_3" || next == "" {
			t.Fatalf("first page: %+v, %q, %v", page, next, err)
		}
		page, next, err = db.Configs(ctx, "shop", "production", next, 1)
		if err != nil || len(page) != 1 || page[0].ID != "x_1" || next != "" {
			t.Errorf("second page: %+v, %q, %v", page, next, err)
		}
	})
}

func TestOneHolderWritesVariables(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		claim := func(holder string, now int, want bool) {
			t.Helper()
			if ok, err := db.ClaimConfig(ctx, "shop", holder, at(now+60), at(now)); ok != want || err != nil {
				t.Errorf("%s claims at %d: %v, %v", holder, now, ok, err)
			}
		}
		hold := func(holder string, until int, want bool) {
			t.Helper()
			if ok, err := db.HoldConfig(ctx, "shop", holder, at(until)); ok != want || err != nil {
				t.Errorf("%s holds until %d: %v, %v", holder, until, ok, err)
			}
		}
		hold("a", 10, false)
		claim("a", 0, true)
		claim("b", 59, false)
		hold("a", 100, true)
		claim("b", 99, false)
		claim("b", 101, true)
		hold("a", 200, false)
		hold("b", 0, true)
		claim("c", 102, true)
	})
}
