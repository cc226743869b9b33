package flags

import (
	"context"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// Asks are those who must approve a change of flags in an environment; none: it needs no approval.
func (w *Writer) Asks(environment string) []approval.Rule { return w.asks(environment) }

// Lever says what a ramp of a flag would raise, or why there can't be one.
func (w *Writer) Lever(ctx context.Context, tx *store.Tx, r Raise) (release.Flag, error) {
	var l release.Flag
	if err := w.known(r.Environment); err != nil {
		return l, err
	}
	f, err := tx.Flag(ctx, w.app(), r.Flag)
	if err != nil {
		return l, err
	}
	c, err := w.config(ctx, tx, f, r.Environment)
	if err != nil {
		return l, err
	}
	variant, against := sides(f, r.Variant, r.Against)
	l = release.Flag{Key: f.Key, Environment: r.Environment, Variant: variant, Against: against, Salt: c.Default.Salt,
		Before: c.Default.Percent(variant), Pushed: f.Bucketing > 2 || c.Default.By != "" && c.Default.By != "targetingKey"}
	if !c.On { // it is turned on with all of its share on the other variant
		l.Before = 0
	}
	const first = "Set its share to 0 and turn it on first"
	others := 100 - l.Before - c.Default.Percent(against)
	switch {
	case !f.Archived.IsZero():
		return l, fault.New(fault.Conflict, "flag_archived", "%s is archived. Restore it first.", f.Key)
	case c.Ramp != "":
		return l, rampRunning(c)
	case !c.On && (len(c.Rules) > 0 || len(w.asks(r.Environment)) > 0):
		return l, fault.New(fault.Refused, "flag_off",
			"%s is off in %s, and on its rules would serve users at once, or it asks for approval.", f.Key, r.Environment).
			At(fault.Page, first+".").At(fault.API, first+".").
			At(fault.Command, first+": slipway flag rollout %s 0 -e %s; slipway flag on %s -e %s.",
				f.Key, r.Environment, f.Key, r.Environment)
	case variant == against:
		return l, fault.New(fault.Invalid, "one_variant", "A ramp needs two different variants: %s has %d.", f.Key,
			len(f.Variants))
	case len(c.Targeting) > 0:
		return l, decidedByRule(c)
	case l.Before >= 100:
		return l, fault.New(fault.Refused, "ramp_over", "Everybody in %s whom no rule of %s serves gets %s already.",
			r.Environment, f.Key, variant)
	case c.On && others > 0.005:
		return l, fault.New(fault.Refused, "three_variants",
			"%g %% in %s get neither %s nor %s. A ramp compares two variants: set the share of the others to 0 first.",
			others, r.Environment, variant, against)
	}
	return l, nil
}
