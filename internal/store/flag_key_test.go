package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestFlagKeysRaiseTheirGeneration(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db, ctx := storetest.Open(t, kind), t.Context()
			k := store.FlagKey{
				ID: "fky_1", App: "shop", Environment: "production", Kind: "public", Hash: "ab", Name: "web",
				Origins: []string{"https://shop.example"}, CreatedBy: "user:ada",
			}
			write := func(f func(*store.Tx) error) {
				t.Helper()
				if err := db.Write(ctx, f); err != nil {
					t.Fatal(err)
				}
			}
			write(func(tx *store.Tx) error { k.Created = tx.Now(); return tx.InsertFlagKey(ctx, k) })
			write(func(tx *store.Tx) error { _, err := tx.RaiseGeneration(ctx, "shop", "staging"); return err })
			used := k.Created.Add(time.Minute)
			if err := db.TouchFlagKey(ctx, k.ID, used); err != nil {
				t.Fatal(err)
			}
			if err := db.TouchFlagKey(ctx, k.ID, k.Created); err != nil { // an older note changes nothing
				t.Fatal(err)
			}
			k.Revoked, k.LastUsed = k.Created.Add(time.Hour), used
			write(func(tx *store.Tx) error { return tx.RevokeFlagKey(ctx, k, k.Revoked) })
			write(func(tx *store.Tx) error { return tx.RevokeFlagKey(ctx, k, k.Revoked.Add(time.Hour)) })
			list, err := db.FlagKeys(ctx, "shop")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]store.FlagKey{k}, list); diff != "" {
				t.Error(diff)
			}
			got, err := db.FlagGenerations(ctx, "shop")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]int64{store.KeysGeneration: 3, "staging": 1}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUsageOfFlagsIsAddedUpAndRolledUp(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db, ctx := storetest.Open(t, kind), t.Context()
			const hour = int64(1_700_002_800)
			row := func(variant string, at, span, n int64) store.FlagUsage {
				return store.FlagUsage{
					App: "shop", Environment: "production", Flag: "checkout", Variant: variant, At: at, Span: span,
					Evaluations: n, Exposures: n / 2, Errors: n / 10,
				}
			}
			for _, list := range [][]store.FlagUsage{ // two nodes count the same minute
				{row("on", hour, 60, 100), row("off", hour, 60, 10)}, {row("on", hour, 60, 20)},
				{row("on", hour+60, 60, 40)}, {row("on", hour+3600, 60, 50)},
			} {
				if err := db.Write(ctx, func(tx *store.Tx) error { return tx.AddFlagUsage(ctx, list) }); err != nil {
					t.Fatal(err)
				}
			}
			read := func(want ...store.FlagUsage) {
				t.Helper()
				got, err := db.FlagUsage(ctx, "shop", "production", "checkout", time.Unix(hour, 0))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
			read(row("off", hour, 60, 10), row("on", hour, 60, 120), row("on", hour+60, 60, 40), row("on", hour+3600, 60, 50))
			for range 2 { // the second time there is nothing to do
				if err := db.Write(ctx, func(tx *store.Tx) error {
					return tx.RollFlagUsage(ctx, 60, 3600, time.Unix(hour+3700, 0)) // the last hour is not over
				}); err != nil {
					t.Fatal(err)
				}
			}
			read(row("off", hour, 3600, 10), row("on", hour, 3600, 160), row("on", hour+3600, 60, 50))
			must(t, db, func(tx *store.Tx) error {
				return tx.InsertFlag(ctx, &flag.Flag{App: "shop", Key: "checkout", Kind: flag.Boolean})
			})
			used, err := db.FlagsUsed(ctx, "shop", "", []string{"production", "staging"})
			if err != nil {
				t.Fatal(err)
			}
			if got := used[[2]string{"production", "checkout"}].Unix(); got != hour+3660 {
				t.Errorf("used last at %d", got)
			}
			if n, err := db.PruneFlagUsage(ctx, 3600, time.Unix(hour+1, 0)); n != 2 || err != nil {
				t.Errorf("%d forgotten: %v", n, err)
			}
		})
	}
}
