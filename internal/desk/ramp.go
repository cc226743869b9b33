package desk

import (
	"context"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/release"
)

// steers is the permission to control a release: who may change a flag may control its ramp.
func steers(r release.Release) access.Permission {
	if r.Flag != nil {
		return access.EditFlag
	}
	return access.ControlRelease
}

// StartRamp starts a guarded ramp of a flag's share: a release whose lever is the flag.
func (d *Desk) StartRamp(ctx context.Context, who access.Actor, key, environment string,
	in api.RampFlag) (api.Release, error) {
	if err := d.check(ctx, who, access.EditFlag, environment); err != nil {
		return api.Release{}, err
	}
	last := 0.0
	for _, share := range in.Steps {
		if !(share > last && share <= 100) {
			return api.Release{}, fault.New(fault.Invalid, "steps_invalid",
				"The shares of a ramp rise, above 0 and up to 100 percent: %g does not come after %g.", share, last)
		}
		last = share
	}
	bake := time.Duration(in.BakeSeconds * float64(time.Second))
	if in.BakeSeconds < 0 || bake > 31*24*time.Hour {
		return api.Release{}, fault.New(fault.Invalid, "bake_invalid", "A bake takes up to 31 days.")
	}
	with := ""
	if in.With != "" {
		r, err := d.find(ctx, in.With)
		if err != nil {
			return api.Release{}, err
		}
		with = r.ID
	}
	r, err := d.Engine.StartRamp(ctx, who, engine.RampOrder{Flag: key, Environment: environment, Variant: in.Variant,
		Against: in.Against, Shares: in.Steps, Bake: bake, Reason: event.Line(in.Reason), Seen: in.Revision,
		With: with})
	if err != nil {
		return api.Release{}, err
	}
	return d.release(ctx, who, r)
}

// lever is a release's flag as a wire type.
func lever(f *release.Flag) *api.ReleaseFlag {
	if f == nil {
		return nil
	}
	return &api.ReleaseFlag{Key: f.Key, Environment: f.Environment, Variant: f.Variant, Against: f.Against,
		Before: f.Before, With: f.With}
}
