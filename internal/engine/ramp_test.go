package engine

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

const rampedFlag = "flag:production/checkout"

// flagged is a world with a flag that is on and serves everybody off.
func flagged(t *testing.T) *climb {
	t.Helper()
	c := climbs(t, "steps: [50], bake: 1m")
	c.mu.Lock()
	c.flags = map[string][2]float64{rampedFlag: {0.02, 0.02}}
	c.mu.Unlock()
	_, err := c.Flags.Create(c.ctx, person("ada", "development"), flag.Flag{Key: "checkout", Kind: flag.Boolean})
	c.ok(err)
	c.order(flags.Order{Kind: flags.On})
	c.order(flags.Order{Kind: flags.Rollout})
	return c
}

func (c *climb) order(o flags.Order) flag.Config {
	c.t.Helper()
	o.Flag, o.Environment = "checkout", "production"
	out, err := c.Flags.Do(c.ctx, person("ada", "development"), o, flags.How{})
	c.ok(err)
	return out.After
}

func (c *climb) ramp() release.Release {
	c.t.Helper()
	r, err := c.StartRamp(c.ctx, person("ada", "development"), RampOrder{Flag: "checkout", Environment: "production",
		Shares: []float64{5, 25, 100}, Bake: 3 * time.Minute})
	c.ok(err)
	return c.wait(r.ID, time.Minute, "it has users", func(r release.Release) bool { return r.Share > 0 })
}

func (c *climb) config() flag.Config {
	c.t.Helper()
	x, err := c.DB.FlagConfig(c.ctx, "shop", "production", "checkout")
	c.ok(err)
	return x
}

// A variant that is no worse is raised to everybody, step by step, though the node is killed at every share; a canary
// beside it keeps its own share.
//
// req: FF-17 N-03
func TestAGoodVariantRampsToEverybody(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		c := flagged(t)
		id := c.ramp().ID
		canary := c.out()
		for _, share := range []float64{5, 25, 100} {
			c.wait(id, 30*time.Minute, "it is raised", at(share))
			if got := c.config(); got.Default.Percent("on") != share || got.Ramp != id {
				t.Errorf("at %g %% the flag serves %+v to %q", share, got.Default, got.Ramp)
			}
			ramps, serves := c.edge.Ramps(), c.edge.Serves()
			if len(ramps) != 1 || ramps[0].ID != rampedFlag || ramps[0].Share != share ||
				share == 5 && serves.Canary != canary.Deployment {
				t.Errorf("at %g %% the edges have %+v, %+v", share, serves, ramps)
			}
			c.die()
			time.Sleep(5 * time.Second)
			c.again()
		}
		for began := time.Now(); !c.release(id).Phase.Final() && time.Since(began) < time.Hour; {
			time.Sleep(time.Second)
		}
		r := c.release(id)
		if got := c.config(); r.Phase != release.Completed || got.Ramp != "" || got.Default.Percent("on") != 100 || !got.On {
			t.Errorf("it ended %s (%s) with %+v", r.Phase, r.Sentence, got)
		}
		time.Sleep(5 * time.Second)
		if left := c.edge.Ramps(); len(left) > 0 {
			t.Errorf("the edges still count %+v", left)
		}
		for _, e := range c.events("") {
			if e.Subject == id && (strings.Contains(e.Sentence, "visitors") || strings.Contains(e.Sentence, "stable version")) {
				t.Errorf("said of a flag, which has users and variants: %s", e.Sentence)
			}
		}
	})
}

// By evidence a ramp climbs all shares, as a canary does: none is left out, each is permitted by a verdict.
//
// req: FF-17 CD-16
func TestAnAdaptiveRampClimbsByEvidence(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		c := flagged(t)
		c.stop()
		c.Engine = c.open(c.plan("ramp: {watch: 2m", "ramp: {steps: adaptive, bake: 1m, max_bake: 1h, watch: 2m",
			"every: 100ms", "every: 5s", "min_requests: 10", "min_requests: 30", "window: 2s", "window: 10s",
			"blind: 10s", "blind: 30s", "look: 100ms", "look: 1s",
			"{warn: 3%, critical: 10%, for: 1s, spike: 10x, compare: {worse_by: 25%}}",
			"{warn: 50%, critical: 60%, for: 10s, compare: {worse_by: 5%}}"))
		c.begin()
		r, err := c.StartRamp(c.ctx, person("ada", "development"), RampOrder{Flag: "checkout", Environment: "production"})
		c.ok(err)
		r = c.wait(r.ID, 40*time.Minute, "everybody has it", at(100))
		c.ladder(r, 5, 10, 25, 50, 100)
		if waited := r.ShareSince.Sub(r.Exposed); waited < 3*time.Minute {
			t.Errorf("everybody had it after %v", waited)
		}
		c.wait(r.ID, 20*time.Minute, "it is done", func(r release.Release) bool { return r.Phase == release.Completed })
		if got := c.config(); got.Ramp != "" || got.Default.Percent("on") != 100 {
			t.Errorf("the flag serves %+v", got)
		}
	})
}

// A variant that fails three times as often is found by comparison and taken back by itself; the log says why, and
// people get an incident.
//
// req: FF-15 FF-17 RB-35 N-03
func TestAWorseVariantIsTakenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := flagged(t)
		c.mu.Lock()
		c.flags[rampedFlag] = [2]float64{0.02, 0.06}
		c.mu.Unlock()
		r := c.ramp()
		for began := time.Now(); !c.release(r.ID).Phase.Final() && time.Since(began) < time.Hour; {
			time.Sleep(time.Second)
		}
		r = c.release(r.ID)
		if r.Phase != release.Aborted || r.Reached > 25 || !strings.Contains(r.Reason, "checkout=on is worse") ||
			!strings.Contains(r.Reason, "checkout=off") {
			t.Errorf("%s at up to %g %%: %s", r.Phase, r.Reached, r.Reason)
		}
		if got := c.config(); got.Ramp != "" || got.Default.Percent("on") != 0 || !got.On {
			t.Errorf("the flag serves %+v", got)
		}
		open, _, err := c.DB.Incidents(c.ctx, store.IncidentFilter{App: "shop"})
		c.ok(err)
		if !slices.ContainsFunc(open, func(i incident.Incident) bool { return strings.Contains(i.Title, "checkout=on") }) {
			t.Errorf("no incident: %+v", open)
		}
		t.Log(r.Sentence)
	})
}

// What turns bad once everybody has it, after the last bake, is seen while it is watched: the share goes back to one
// with users to compare with, and from there the variant is taken back. Nobody is asked.
//
// req: FF-15 FF-17 RB-35 N-03
func TestAVariantThatTurnsBadAfterItsRampIsTakenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := flagged(t)
		r, err := c.StartRamp(c.ctx, person("ada", "development"), RampOrder{Flag: "checkout", Environment: "production",
			Shares: []float64{50}, Bake: time.Minute})
		c.ok(err)
		r = c.wait(r.ID, 20*time.Minute, "it is watched", func(r release.Release) bool {
			return r.Step().Kind == release.KindWatch && r.State().Status == release.StepRunning
		})
		if got := c.config(); r.Share != 100 || got.Ramp != r.ID || got.Default.Percent("on") != 100 {
			t.Errorf("while it is watched the flag serves %+v at %g %%", got, r.Share)
		}
		time.Sleep(time.Minute)
		c.mu.Lock()
		c.flags[rampedFlag] = [2]float64{0.02, 0.5}
		c.mu.Unlock()
		for began := time.Now(); !c.release(r.ID).Phase.Final() && time.Since(began) < 20*time.Minute; {
			time.Sleep(time.Second)
		}
		r = c.release(r.ID)
		if r.Phase != release.Aborted || r.SteppedBack.IsZero() || r.Detected.Sub(r.SteppedBack) > 2*time.Minute {
			t.Errorf("%s, back at %s, detected at %s: %s", r.Phase, r.SteppedBack, r.Detected, r.Sentence)
		}
		if got := c.config(); got.Ramp != "" || got.Default.Percent("on") != 0 || !got.On {
			t.Errorf("the flag serves %+v", got)
		}
		open, _, err := c.DB.Incidents(c.ctx, store.IncidentFilter{App: "shop"})
		c.ok(err)
		if !slices.ContainsFunc(open, func(i incident.Incident) bool { return strings.Contains(i.Title, "checkout=on") }) {
			t.Errorf("no incident: %+v", open)
		}
		t.Log(r.Sentence)
	})
}

// A flag that is bucketed by something else than the visitor is not counted by the edges: they would count the wrong
// users. Without a measurement it does not go on.
func TestEdgesCountOnlyWhomTheyCanTellApart(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		c := flagged(t)
		x := c.config()
		x.Default.By = "company"
		c.order(flags.Order{Kind: flags.Put, Config: x})
		r := c.ramp()
		time.Sleep(5 * time.Minute)
		if r = c.release(r.ID); len(c.edge.Ramps()) > 0 || r.Share != 5 || r.Phase != release.Running || !r.Flag.Pushed {
			t.Errorf("%s at %g %%, the edges count %+v: %s", r.Phase, r.Share, c.edge.Ramps(), r.Sentence)
		}
		t.Log(r.Sentence)
	})
}

// Turning the flag off ends its ramp at once, and so does the release that it belongs to when that is taken back.
//
// req: FF-08 FF-16 RB-35
func TestOffEndsARamp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := flagged(t)
		r := c.ramp()
		if _, err := c.StartRamp(c.ctx, person("ada"), RampOrder{Flag: "checkout", Environment: "production"}); fault.
			ReasonOf(err) != "ramp_running" {
			t.Errorf("a second ramp: %v", err)
		}
		c.order(flags.Order{Kind: flags.Off, Reason: "orders fail"})
		time.Sleep(10 * time.Second)
		if r = c.release(r.ID); r.Phase != release.Aborted || !strings.Contains(r.Reason, "switched off (orders fail)") {
			t.Errorf("%s: %s", r.Phase, r.Reason)
		}
		if got := c.config(); got.On || got.Ramp != "" {
			t.Errorf("the flag: %+v", got)
		}
		x := c.config()
		x.Rules = []flag.Rule{{If: []flag.Condition{{Attribute: "plan", Op: flag.Equals, Values: []any{"team"}}},
			Serve: flag.Serve{Variant: "on"}}}
		c.order(flags.Order{Kind: flags.Put, Config: x})
		if _, err := c.StartRamp(c.ctx, person("ada"), RampOrder{Flag: "checkout", Environment: "production"}); fault.
			ReasonOf(err) != "flag_off" {
			t.Errorf("a ramp of a flag that is off, whose rules would serve users: %v", err)
		}
		x.Rules, x.Default = nil, flag.Serve{Variant: "on"}
		c.order(flags.Order{Kind: flags.Put, Config: x}) // off, and meant for everybody: it goes on with all on the other
		canary := c.out()
		with, err := c.StartRamp(c.ctx, person("ada"), RampOrder{Flag: "checkout", Environment: "production",
			With: canary.ID, Reason: "orders are well again"})
		c.ok(err)
		c.wait(with.ID, time.Minute, "it has users", func(r release.Release) bool { return r.Share > 0 })
		if got := c.config(); !got.On || got.Default.Percent("off") != 95 {
			t.Errorf("the flag of a ramp that began off: %+v", got)
		}
		c.ok(c.Command(c.ctx, canary.ID, release.Command{Kind: release.Abort, Name: "Ada", Actor: "user:ada",
			Reason: "a mistake"}, 0))
		time.Sleep(10 * time.Second)
		with = c.release(with.ID)
		if with.Phase != release.Aborted || !strings.Contains(with.Reason, "v2, which it belongs to") {
			t.Errorf("%s: %s", with.Phase, with.Reason)
		}
	})
}

// A ramp turns a flag on as anything else does: only with a reason when somebody turned it off and said why, and not
// for whoever saw what was there before that.
//
// req: FF-08
func TestARampDoesNotUndoAKillSwitchUnseen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := flagged(t)
		seen := c.config().Revision
		killed := c.order(flags.Order{Kind: flags.Off, Reason: "orders fail"})
		for want, o := range map[string]RampOrder{
			"reason_required":   {},
			"changed_meanwhile": {Seen: seen, Reason: "I did not see it"},
		} {
			o.Flag, o.Environment, o.Shares, o.Bake = "checkout", "production", []float64{5, 100}, time.Minute
			if _, err := c.StartRamp(c.ctx, person("ada", "development"), o); fault.ReasonOf(err) != want {
				t.Errorf("%+v: %v, want %s", o, err, want)
			}
		}
		if got := c.config(); got.On || got.Revision != killed.Revision || got.Ramp != "" {
			t.Fatalf("what was refused left %+v", got)
		}
		r, err := c.StartRamp(c.ctx, person("ada", "development"), RampOrder{Flag: "checkout", Environment: "production",
			Shares: []float64{5, 100}, Bake: time.Minute, Seen: killed.Revision, Reason: "mended"})
		c.ok(err)
		if got := c.config(); !got.On || got.Reason != "mended" || got.Ramp != r.ID || r.Note != "mended" {
			t.Errorf("with a reason: %+v, %q", got, r.Note)
		}
	})
}
