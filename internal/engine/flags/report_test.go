package flags_test

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// req: FF-22
func TestFlagsAnswerForTheReleaseThatNamesThem(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		w.create("checkout")
		s, err := strategy.Parse("test.yaml", []byte(plain))
		w.ok(err)
		now, err := w.DB.Now(w.ctx)
		w.ok(err)
		start := func(version string, names ...string) {
			r := release.New(release.Release{ID: "rel_" + version, App: "shop", Version: version, Deployment: "d",
				Plan: s.ReleasePlan(), Flags: names}, now)
			w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
				if err := tx.InsertRelease(w.ctx, &r); err != nil {
					return err
				}
				return w.Report(w.ctx, tx, r)
			}))
		}
		answer := func(version string) checklist.Result {
			list, err := w.DB.Checks(w.ctx, "shop", version)
			w.ok(err)
			if len(list) == 0 {
				return checklist.Result{}
			}
			return list[0]
		}
		start("v1")
		start("v2", "checkout", "search")
		if c := answer("v1"); c.Name != "" {
			t.Errorf("a release without flags: %+v", c)
		}
		if c := answer("v2"); c.Name != "" {
			t.Errorf("a flag that is not there yet: %+v", c)
		}
		w.done(flags.Order{Kind: flags.Rollout, Flag: "checkout", Environment: "production", Share: 25})
		w.done(flags.Order{Kind: flags.On, Flag: "checkout", Environment: "production"})
		w.create("search")
		c := answer("v2")
		if c.Name != "flags_configured" || c.Status != checklist.Passed || c.Actor != "system:flags" ||
			!strings.Contains(c.Summary, "checkout: on, by default 25 % on, 75 % off") ||
			!strings.Contains(c.Summary, "search: off") {
			t.Errorf("both are there: %+v", c)
		}
		_, err = w.Archive(w.ctx, ada(), "search", "")
		w.ok(err)
		if c := answer("v2"); c.Status != checklist.Failed || !strings.Contains(c.Summary, "search: it is archived") {
			t.Errorf("one is archived: %+v", c)
		}
	})
}
