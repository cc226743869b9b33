package story

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/openfeature"
)

// checkout puts a new checkout of v1 behind a flag that is on and serves nobody. The shop asks for it as any Go program
// does, by the visitor's id that the edge tells it.
func (w *world) checkout(wrong sim.Fault) {
	w.t.Helper()
	_, err := w.by("pia").CreateFlag(w.ctx, api.CreateFlag{Key: "checkout", Kind: "boolean"})
	w.ok(err)
	_, err = w.by("pia").RollOutFlag(w.ctx, "checkout", "production", api.RolloutFlag{Percent: 0})
	w.ok(err)
	_, err = w.by("pia").TurnFlagOn(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "for a ramp"})
	w.ok(err)
	key, err := w.by("dora").CreateFlagKey(w.ctx, api.CreateFlagKey{
		Environment: "production", Kind: "server", Name: "shop",
	})
	w.ok(err)
	var by []openfeature.Option
	if w.http != nil {
		by = append(by, openfeature.WithHTTPClient(w.http))
	}
	flags, err := openfeature.New(w.url, key.Secret, by...)
	w.ok(err)
	w.ok(flags.InitWithContext(w.ctx, of.EvaluationContext{}))
	w.finally(flags.Shutdown)
	w.shops["v1"].Feature(func(ctx context.Context, visitor string) bool {
		user := map[string]any{}
		if visitor != "" {
			user[of.TargetingKey] = visitor
		}
		return flags.BooleanEvaluation(ctx, "checkout", false, user).Value
	}, wrong)
}

// A flag's new variant fails for the visitors who get it. The edge counts them apart, the guard takes the share back,
// and what it was decided from is kept and comes out the same again.
//
// req: FF-15 FF-17 RB-35 N-03
func TestAWorseVariantIsTakenBackByItself(t *testing.T) {
	each(t, options{}, func(t *testing.T, w *world) {
		w.checkout(sim.Fault{Errors: 0.6})
		r, err := w.by("pia").RampFlag(w.ctx, "checkout", "production", api.RampFlag{
			Steps: []float64{20, 100}, BakeSeconds: 3600, Reason: "One page",
		})
		w.ok(err)
		if r.Flag == nil || r.Flag.Variant != "on" || r.Flag.Against != "off" || r.Version != "checkout=on" {
			t.Errorf("what was started: %+v", r)
		}
		r = w.ends(r.ID, "aborted")
		if r.Reached != 20 || r.Share != 0 || !strings.Contains(r.Reason, "checkout=off") {
			t.Errorf("it ended at %g %% after %g %%: %s", r.Share, r.Reached, r.Reason)
		}
		c, err := w.by("ada").FlagConfig(w.ctx, "checkout", "production")
		w.ok(err)
		if !c.On || c.Ramp != "" || c.Share != 0 {
			t.Errorf("the flag: %+v", c)
		}
		w.until("nobody gets it any more", func() bool {
			before := w.failures()
			w.pass(100)
			return w.failures() == before
		})
		undo := w.events("release.undoing")
		if len(undo) != 1 || undo[0].Actor != "system:guard" {
			t.Errorf("taken back by %+v", undo)
		}
		w.remembered(t, r)
	})
}

// A variant that turns bad once everybody has it is seen while it is watched, like a version in production: users who
// have the other one come back to compare with, and then everybody has that.
//
// req: FF-15 FF-17 RB-35 N-03
func TestAVariantThatTurnsBadOnceEverybodyHasItIsTakenBack(t *testing.T) {
	edit := []string{"ramp: {watch: 300ms", "ramp: {watch: 1h"}
	each(t, options{edit: edit}, func(t *testing.T, w *world) {
		w.checkout(sim.Fault{})
		r, err := w.by("pia").RampFlag(w.ctx, "checkout", "production", api.RampFlag{
			Steps: []float64{50, 100}, BakeSeconds: 0.5,
		})
		w.ok(err)
		w.until("everybody has it and it is watched", func() bool { return w.release(r.ID).Step == "ramp/watch" })
		w.shops["v1"].Spoil(sim.Fault{Errors: 0.6})
		r = w.ends(r.ID, "aborted")
		back := w.events("release.stepped_back")
		if len(back) != 1 || back[0].Actor != "system:guard" || r.Reached != 100 {
			t.Errorf("stepped back by %+v, reached %g %%", back, r.Reached)
		}
		c, err := w.by("ada").FlagConfig(w.ctx, "checkout", "production")
		w.ok(err)
		if !c.On || c.Ramp != "" || c.Share != 0 {
			t.Errorf("the flag: %+v", c)
		}
	})
}

// remembered looks at what is kept of a ramp that was taken back.
func (w *world) remembered(t *testing.T, r api.Release) {
	t.Helper()
	page, err := w.admin().Canary(w.ctx, r.ID)
	w.ok(err)
	if len(page.Canary) == 0 || len(page.Stable) == 0 || len(page.Verdicts) == 0 || len(page.Shares) != 2 {
		t.Errorf("the page has %d and %d points, %d verdicts, shares %v", len(page.Canary), len(page.Stable),
			len(page.Verdicts), page.Shares)
	}
	again, err := w.admin().Replay(w.ctx, r.ID, 0)
	w.ok(err)
	if len(again.Differs) > 0 || again.Agree == 0 || again.Agree != int64(len(again.Verdicts)) {
		t.Errorf("made again from what was kept: %+v", again)
	}
	list, err := w.admin().Incidents(w.ctx, "open", "", 10)
	w.ok(err)
	if len(list.Items) != 1 || list.Items[0].Release != r.ID {
		t.Errorf("incidents: %+v", list.Items)
	}
	if w.runs("production") != "v1" || w.deployment("v1").Verdict != "good" {
		t.Errorf("production runs %s, which is %s", w.runs("production"), w.deployment("v1").Verdict)
	}
}

// A variant that is as good gets everybody, while a release goes on beside it; the kill switch ends the ramp of
// another.
//
// req: FF-08 FF-17
func TestAGoodVariantGetsEverybody(t *testing.T) {
	each(t, options{edit: long}, func(t *testing.T, w *world) {
		w.checkout(sim.Fault{})
		canary := w.start("v2")
		w.gates(canary)
		w.exposed(canary.ID, 20)
		r, err := w.by("pia").RampFlag(w.ctx, "checkout", "production", api.RampFlag{
			Steps: []float64{50, 100}, BakeSeconds: 0.5,
		})
		w.ok(err)
		_, err = w.by("pia").RollOutFlag(w.ctx, "checkout", "production", api.RolloutFlag{Percent: 3})
		w.refused(err, "ramp_running")
		r = w.ends(r.ID, "completed")
		shares := []string{}
		for _, s := range r.Shares {
			shares = append(shares, fmt.Sprint(s.Share))
		}
		if !slices.Equal(shares, []string{"50", "100"}) {
			t.Errorf("shares: %v", shares)
		}
		c, err := w.by("ada").FlagConfig(w.ctx, "checkout", "production")
		w.ok(err)
		if !c.On || c.Ramp != "" || c.Share != 100 {
			t.Errorf("the flag: %+v", c)
		}
		if now := w.release(canary.ID); now.Share != 20 || now.Ended != nil {
			t.Errorf("the canary beside it: %g %%, %s", now.Share, now.Phase)
		}

		_, err = w.by("pia").RollOutFlag(w.ctx, "checkout", "production", api.RolloutFlag{Percent: 0})
		w.ok(err)
		r, err = w.by("pia").RampFlag(w.ctx, "checkout", "production", api.RampFlag{
			Steps: []float64{10, 100}, BakeSeconds: 3600,
		})
		w.ok(err)
		w.exposed(r.ID, 10)
		_, err = w.by("inez").TurnFlagOff(w.ctx, "checkout", "production", api.SwitchFlag{Reason: "orders are lost"})
		w.ok(err)
		began := time.Now()
		r = w.ends(r.ID, "aborted")
		if took := time.Since(began); !strings.Contains(r.Reason, "orders are lost") || took > 10*time.Second {
			t.Errorf("the kill switch ended it after %s: %s", took, r.Reason)
		}
	})
}
