package configs

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/engine/configs"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// kept is a platform that keeps variables, of which nothing is asked here.
type kept struct {
	provider.Platform
	provider.Configured
}

func TestAReleaseSaysWhichVariablesComeBack(t *testing.T) {
	t.Parallel()
	db, ctx, day := storetest.Open(t, "sqlite"), t.Context(), time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	d := &Desk{DB: db, Engine: &engine.Engine{Configs: configs.New(configs.Options{Platform: kept{}})}}
	revision := func(id string, number int64, value string) configuration.Revision {
		return configuration.Revision{ID: id, App: "shop", Environment: "production", Number: number, Created: day,
			Variables: []configuration.Variable{{Key: "A", Kind: configuration.Plain, Value: value}}}
	}
	one, two := revision("cfg_1", 1, "x"), revision("cfg_2", 2, "y")
	refs := map[string]string{"dep_old": one.Ref(), "dep_new": two.Ref(), "dep_same": two.Ref(), "dep_none": "",
		"dep_lie": "9/cfg_9"}
	err := db.Write(ctx, func(tx *store.Tx) error {
		for id, ref := range refs {
			x := deployment.Deployment{ID: id, App: "shop", Version: id, URL: "https://" + id, Config: ref, Created: day,
				Verdict: deployment.Unknown}
			if err := tx.InsertDeployment(ctx, &x); err != nil {
				return err
			}
		}
		if err := tx.InsertConfig(ctx, &one); err != nil {
			return err
		}
		return tx.InsertConfig(ctx, &two)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		is, before  string
		built, back int64
		says        string
	}{
		{"dep_new", "dep_old", 2, 1, "Built with revision 2 of the variables. Going back to dep_old brings " +
			"revision 1 with it: against this it changes A."},
		{"dep_new", "dep_same", 2, 2, "dep_same has the same: going back changes none."},
		{"dep_new", "dep_none", 2, 0, "Which ones come back with dep_none is not known."},
		{"dep_new", "", 2, 0, "Built with revision 2 of the variables."},
		{"dep_lie", "dep_old", 0, 1, "It is not known with which variables it was built. Going back to " +
			"dep_old brings revision 1"},
	} {
		got, err := d.OfRelease(ctx, c.is, c.before)
		if err != nil || got == nil || got.Built != c.built || got.Back != c.back || !strings.Contains(got.Sentence, c.says) {
			t.Errorf("%s after %q: %+v, %v; want %+v", c.is, c.before, got, err, c)
		}
	}
	none := &Desk{DB: db, Engine: &engine.Engine{Configs: configs.New(configs.Options{})}}
	if got, err := none.OfRelease(ctx, "dep_new", "dep_old"); got != nil || err != nil {
		t.Errorf("where nothing keeps variables: %+v, %v", got, err)
	}
}
