package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func TestDeploymentsAreFoundByThePlatformsName(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		for i, d := range []deployment.Deployment{
			{ID: "dep_1", App: "shop", Version: "v1", URL: "https://a", Verdict: deployment.Good, External: "dpl_a"},
			{ID: "dep_2", App: "shop", Version: "v2", URL: "https://b", Verdict: deployment.Good},
			{ID: "dep_3", App: "other", Version: "v2", URL: "https://c", Verdict: deployment.Good, External: "dpl_c"},
		} {
			d.Created = day(i)
			must(t, db, func(tx *store.Tx) error { return tx.InsertDeployment(ctx, &d) })
		}
		if d, err := db.DeploymentByExternal(ctx, "shop", "dpl_a"); err != nil || d.ID != "dep_1" {
			t.Errorf("dpl_a is %+v, %v", d, err)
		}
		for _, external := range []string{"", "dpl_c"} {
			if d, err := db.DeploymentByExternal(ctx, "shop", external); !fault.Is(err, fault.NotFound) {
				t.Errorf("%q of the shop is %+v, %v", external, d, err)
			}
		}
	})
}

func TestTargetIsWrittenOverWhatWasRead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		first, err := db.Target(ctx, "shop")
		if err != nil || first.Row != 0 || first.App != "shop" {
			t.Fatalf("before the first look: %+v, %v", first, err)
		}
		first.Stable, first.Seen = "dpl_a", day(1)
		must(t, db, func(tx *store.Tx) error { return tx.PutTarget(ctx, first) })
		late := first // another node read before the first look, too
		late.Stable = "dpl_b"
		if err := db.Write(ctx, func(tx *store.Tx) error { return tx.PutTarget(ctx, late) }); !fault.Is(err, fault.Conflict) {
			t.Errorf("a look over a newer one gives %v", err)
		}
		got, err := db.Target(ctx, "shop")
		first.Row = 1
		if diff := cmp.Diff(first, got, sameInstant()); diff != "" || err != nil {
			t.Errorf("target %v (-want +got):\n%s", err, diff)
		}
		got.Canary, got.Share = "dpl_b", 25
		must(t, db, func(tx *store.Tx) error { return tx.PutTarget(ctx, got) })
		if now, err := db.Target(ctx, "shop"); err != nil || now.Row != 2 || now.Share != 25 {
			t.Errorf("after the second look: %+v, %v", now, err)
		}
	})
}
