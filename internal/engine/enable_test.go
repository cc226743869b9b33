package engine

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// enables is a world whose strategy enables flags, which exist and were never on.
func enables(t *testing.T, names string) *climb {
	t.Helper()
	c := climbs(t, "steps: [50], bake: 1m")
	s := c.plan("steps: [50], bake: 300ms, smoke: off", "steps: [50], bake: 1m, smoke: off", "watch: 300ms",
		"enable_flags: ["+names+"], watch: 1m", "every: 100ms", "every: 5s",
		"{warn: 3%, critical: 10%, for: 1s, spike: 10x, compare: {worse_by: 25%}}",
		"{warn: 50%, critical: 60%, for: 10s, compare: {worse_by: 5%}}",
		"window: 2s", "window: 10s", "blind: 10s", "blind: 30s", "look: 100ms", "look: 1s")
	c.stop()
	c.Engine = c.open(s)
	c.begin()
	for _, key := range strings.Split(names, ", ") {
		_, err := c.Flags.Create(c.ctx, person("ada", "development"), flag.Flag{Key: key, Kind: flag.Boolean})
		c.ok(err)
	}
	return c
}

// enabling takes a release past its approval to the step that enables flags.
func (c *climb) enabling() release.Release {
	c.t.Helper()
	r := c.wait(c.out().ID, 10*time.Minute, "people are asked", func(r release.Release) bool { return r.Request != "" })
	_, err := c.Vote(c.ctx, person("pia", "product"), r.Request, true, c.request(r.Request).Hash, "")
	c.ok(err)
	return c.wait(r.ID, 5*time.Minute, "its flags are looked at", func(r release.Release) bool {
		return r.Step().ID == "production/flags" && r.State().Status == release.StepWaiting ||
			r.Step().Kind == release.KindWatch
	})
}

func (c *climb) rampsOf(id string) map[string]release.Release {
	c.t.Helper()
	active, err := c.DB.ActiveReleases(c.ctx, "shop")
	c.ok(err)
	out := map[string]release.Release{}
	for _, r := range active {
		if r.Flag != nil && r.Flag.With == id {
			out[r.Flag.Key] = r
		}
	}
	return out
}

// After the production deploy the flags that the strategy names begin to ramp under the guard, once, though they were
// off; with the release they are taken back.
//
// req: FF-17 FF-15 RB-35
func TestAReleaseEnablesItsFlags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := enables(t, "checkout, search")
		r := c.enabling()
		began := c.rampsOf(r.ID)
		if len(began) != 2 || r.Step().Kind != release.KindWatch {
			t.Fatalf("%s: %s; ramps: %+v", r.Step().ID, r.Sentence, began)
		}
		if got := c.config(); !got.On || got.Ramp != began["checkout"].ID || began["checkout"].Author != r.Author {
			t.Errorf("the flag serves %+v for %+v", got, began["checkout"])
		}
		done, err := c.DB.Checks(c.ctx, "shop", "v2")
		c.ok(err)
		if !slices.ContainsFunc(done, func(x checklist.Result) bool {
			return x.Name == "enable_flags" && x.Status == checklist.Passed && strings.Contains(x.Summary, "search ramps")
		}) {
			t.Errorf("the checklist: %+v", done)
		}
		c.wait(began["checkout"].ID, time.Minute, "it has users", func(r release.Release) bool { return r.Share > 0 })
		x := c.effects(r.ID, effect.Ramp)
		if len(x) != 1 || x[0].State != effect.Done || !strings.Contains(x[0].Result.Sentence, "search ramps to on") {
			t.Fatalf("effects %+v", x)
		}
		x[0].Key = r.ID + "/late"
		if _, err := c.tryEnable(c.ctx, x[0]); fault.ReasonOf(err) != "stale_generation" {
			t.Errorf("an effect that nobody waits for: %v", err)
		}
		x[0].Key = c.release(r.ID).Effect // as if its outcome had not been recorded
		if got, err := c.tryEnable(c.ctx, x[0]); err != nil || len(c.rampsOf(r.ID)) != 2 ||
			!strings.Contains(got.Sentence, began["search"].ID) {
			t.Errorf("tried again: %+v, %v", got, err)
		}
		r = c.release(r.ID)
		r.Phase = release.RolledBack // as a rollback of production leaves it
		off, err := c.rampOff(c.ctx, c.release(began["search"].ID))
		if err != nil || off != "" {
			t.Errorf("while it stands: %q, %v", off, err)
		}
		c.stop()
		c.ok(c.DB.Write(c.ctx, func(tx *store.Tx) error { return tx.UpdateRelease(c.ctx, &r) }))
		c.begin()
		time.Sleep(10 * time.Second)
		if got := c.release(began["search"].ID); got.Phase != release.Aborted {
			t.Errorf("after the rollback the ramp is %s: %s", got.Phase, got.Sentence)
		}
	})
}

// A flag that somebody turned off is not turned on again: the step says so, and goes on once it is on.
//
// req: FF-17 FF-08
func TestAReleaseWaitsForAFlagThatWasTurnedOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := enables(t, "checkout")
		c.order(flags.Order{Kind: flags.Rollout})
		c.order(flags.Order{Kind: flags.On})
		c.order(flags.Order{Kind: flags.Off, Reason: "orders fail"})
		r := c.enabling()
		if !strings.Contains(r.Sentence, "checkout was turned off in production") || c.config().On ||
			len(c.effects(r.ID, effect.Ramp)) > 0 {
			t.Fatalf("%s: %s", r.Step().ID, r.Sentence)
		}
		t.Log(r.Sentence)
		c.order(flags.Order{Kind: flags.On, Reason: "mended"})
		c.wait(r.ID, 3*time.Minute, "it goes on", func(r release.Release) bool { return r.Step().Kind == release.KindWatch })
		if len(c.rampsOf(r.ID)) != 1 {
			t.Errorf("ramps: %+v", c.rampsOf(r.ID))
		}
	})
}
