package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestFlagDraftsAreListed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		for i, d := range []flag.Draft{
			{ID: "fdr_1", App: "shop", Environment: "production", Flag: "a", State: flag.Waiting},
			{ID: "fdr_2", App: "shop", Environment: "production", Flag: "b", State: flag.Scheduled, Release: "rel_1"},
			{ID: "fdr_3", App: "shop", Environment: "staging", Flag: "a", State: flag.Applied, Release: "rel_1"},
			{ID: "fdr_4", App: "blog", Environment: "production", Flag: "a", State: flag.Waiting},
		} {
			d.Created = day(i)
			must(t, db, func(tx *store.Tx) error { return tx.InsertFlagDraft(ctx, &d) })
		}
		ids := func(list []flag.Draft, err error) string {
			t.Helper()
			out := []string{}
			for _, d := range list {
				out = append(out, d.ID)
			}
			return fmt.Sprint(out, err)
		}
		page := func(f store.DraftFilter) ([]flag.Draft, error) {
			list, _, err := db.FlagDrafts(ctx, f)
			return list, err
		}
		got := []string{ids(db.OpenFlagDrafts(ctx, "shop")), ids(db.FlagDraftsOf(ctx, "rel_1")),
			ids(page(store.DraftFilter{App: "shop"})), ids(page(store.DraftFilter{App: "shop", Flag: "a"})),
			ids(page(store.DraftFilter{App: "shop", Environment: "production", State: []string{"scheduled", "applied"}}))}
		want := []string{"[fdr_1 fdr_2] <nil>", "[fdr_2] <nil>", "[fdr_3 fdr_2 fdr_1] <nil>", "[fdr_3 fdr_1] <nil>",
			"[fdr_2] <nil>"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestFlagsAreListedWithTheirVersion(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		none, err := db.FlagsVersion(ctx, "shop")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []flag.Flag{{App: "shop", Key: "b"}, {App: "shop", Key: "a"}, {App: "blog", Key: "a"}} {
			must(t, db, func(tx *store.Tx) error { return tx.InsertFlag(ctx, &f) })
		}
		for _, c := range []flag.Config{{App: "shop", Environment: "staging", Flag: "a"},
			{App: "shop", Environment: "production", Flag: "a"}, {App: "shop", Environment: "production", Flag: "b"}} {
			must(t, db, func(tx *store.Tx) error { return tx.InsertFlagConfig(ctx, &c) })
		}
		must(t, db, func(tx *store.Tx) error { _, err := tx.RaiseGeneration(ctx, "shop", "production"); return err })
		flags, err := db.Flags(ctx, "shop")
		if err != nil || len(flags) != 2 || flags[0].Key != "a" {
			t.Errorf("flags: %+v, %v", flags, err)
		}
		if version, err := db.FlagsVersion(ctx, "shop"); err != nil || version != none+3 {
			t.Errorf("version %d, %v; want %d", version, err, none+3)
		}
		of, err := db.FlagConfigs(ctx, "shop", "a")
		if err != nil || len(of) != 2 {
			t.Errorf("of a flag: %+v, %v", of, err)
		}
		in, err := db.FlagConfigsIn(ctx, "shop", "production")
		if err != nil || len(in) != 2 || in[0].Flag != "a" {
			t.Errorf("in an environment: %+v, %v", in, err)
		}
	})
}
