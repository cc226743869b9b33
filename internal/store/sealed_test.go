package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestSealedSecretsAreKeptByName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		put := func(app, name, key string) store.Sealed {
			s := store.Sealed{Name: name, Key: key, Envelope: "slv1." + key + "." + name, Actor: "user:ada", Since: day(1)}
			must(t, db, func(tx *store.Tx) error { return tx.PutSealed(ctx, app, s) })
			return s
		}
		put("shop", "a", "k1")
		a, b := put("shop", "a", "k2"), put("shop", "b", "k1")
		put("blog", "a", "k1")
		got, err := db.Sealed(ctx, "shop", "a")
		if diff := cmp.Diff(a, got, sameInstant()); diff != "" || err != nil {
			t.Errorf("a is %v (-want +got):\n%s", err, diff)
		}
		old, err := db.SealedOld(ctx, "shop", "k2", 10)
		if diff := cmp.Diff([]store.Sealed{b}, old, sameInstant()); diff != "" || err != nil {
			t.Errorf("of another key %v (-want +got):\n%s", err, diff)
		}
		for _, second := range []int{60, 30} { // an older note changes nothing
			if err := db.TouchSealed(ctx, "shop", "a", at(second)); err != nil {
				t.Fatal(err)
			}
		}
		a = put("shop", "a", "k2") // what is sealed again keeps its use
		a.Used = at(60)
		after, err := db.SealedAfter(ctx, "shop", "", 1)
		if diff := cmp.Diff([]store.Sealed{a}, after, sameInstant()); diff != "" || err != nil {
			t.Errorf("the first by name %v (-want +got):\n%s", err, diff)
		}
		if after, err = db.SealedAfter(ctx, "shop", "a", 9); err != nil || len(after) != 1 || after[0].Name != "b" {
			t.Errorf("after it: %+v, %v", after, err)
		}
		keys, err := db.SealedKeys(ctx)
		if diff := cmp.Diff(map[string]int64{"k1": 2, "k2": 1}, keys); diff != "" || err != nil {
			t.Errorf("keys %v (-want +got):\n%s", err, diff)
		}
		for range 2 { // what is gone is no error
			must(t, db, func(tx *store.Tx) error { return tx.DeleteSealed(ctx, "shop", "a") })
		}
		if _, err := db.Sealed(ctx, "shop", "a"); !fault.Is(err, fault.NotFound) {
			t.Errorf("after it was deleted: %v", err)
		}
		if _, err := db.Sealed(ctx, "blog", "a"); err != nil {
			t.Errorf("another application's went with it: %v", err)
		}
	})
}
