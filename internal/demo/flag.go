package demo

import (
	"context"
	"fmt"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/openfeature"
)

// flagScenario raises the share of a flag instead of a version's.
const flagScenario = "flag"

// checkoutFlag is what the shop asks for, and where.
const checkoutFlag, flagEnvironment = "new-checkout", "production"

// ramp makes the flag, lets the shop ask for it as any program does, and starts the guarded ramp of its share.
func (w *world) ramp(ctx context.Context) (api.Release, error) {
	pia := w.as["pia"]
	if _, err := pia.CreateFlag(ctx, api.CreateFlag{
		Key: checkoutFlag, Kind: "boolean", Description: "The checkout on one page", Owner: "product",
	}); err != nil {
		return api.Release{}, fmt.Errorf("make the flag: %w", err)
	}
	if _, err := pia.RollOutFlag(ctx, checkoutFlag, flagEnvironment, api.RolloutFlag{
		Percent: 0, Reason: "nobody has it before the ramp",
	}); err != nil {
		return api.Release{}, fmt.Errorf("set the flag's share: %w", err)
	}
	if _, err := pia.TurnFlagOn(ctx, checkoutFlag, flagEnvironment, api.SwitchFlag{
		Reason: "to raise its share under the guard",
	}); err != nil {
		return api.Release{}, fmt.Errorf("turn the flag on: %w", err)
	}
	key, err := w.as["inez"].CreateFlagKey(ctx, api.CreateFlagKey{
		Environment: flagEnvironment, Kind: "server", Name: "the shop",
	})
	if err != nil {
		return api.Release{}, fmt.Errorf("make the shop's flag key: %w", err)
	}
	if w.flags, err = openfeature.New(w.app.URL(), key.Secret, openfeature.WithReports(time.Second)); err != nil {
		return api.Release{}, err
	}
	if err := w.flags.InitWithContext(ctx, of.EvaluationContext{}); err != nil {
		return api.Release{}, fmt.Errorf("fetch the shop's flags: %w", err)
	}
	w.v1.Feature(w.hasCheckout, sim.Fault{Errors: 0.16})
	w.line("flag", fmt.Sprintf("%s is on in %s for 0 %% of visitors; a ramp begins: slipway flag ramp %s.", checkoutFlag,
		flagEnvironment, checkoutFlag))
	return pia.RampFlag(ctx, checkoutFlag, flagEnvironment, api.RampFlag{Reason: "The checkout on one page"})
}

// hasCheckout says whether a visitor gets the new checkout, by the snapshot that the shop holds.
func (w *world) hasCheckout(ctx context.Context, visitor string) bool {
	user := map[string]any{}
	if visitor != "" {
		user[of.TargetingKey] = visitor
	}
	return w.flags.BooleanEvaluation(ctx, checkoutFlag, false, user).Value
}

// confirm asks the shop's own flags whether anybody still gets the new checkout.
func (w *world) confirm(ctx context.Context) error {
	for range 50 {
		still := 0
		for i := range 1000 {
			if w.hasCheckout(ctx, fmt.Sprintf("%032x", i)) {
				still++
			}
		}
		if still == 0 {
			w.line("flag", "nobody gets the new checkout any more: the shop gives 1,000 of 1,000 visitors the old one.")
			return nil
		}
		if err := w.settle(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("the shop still gives %s to visitors", checkoutFlag)
}

// forget ends what the shop follows.
func (w *world) forget() {
	if w.flags != nil {
		w.flags.Shutdown()
	}
}
