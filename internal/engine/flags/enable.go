package flags

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// Enabling says of the flags that a release's step is to enable, those that exist, why they cannot be.
func (w *Writer) Enabling(ctx context.Context, r release.Release) (map[string]string, error) {
	out := map[string]string{}
	for _, key := range r.Step().Flags {
		_, why, err := w.enabled(ctx, w.DB, r, r.Step().Environment, key)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[key] = why
	}
	return out, nil
}

// Enable begins, for the effect that a release waits for, the ramps of flags that are not on their way already, and
// says where each stands.
func (w *Writer) Enable(
	ctx context.Context, tx *store.Tx, id, effect string, a release.RampArgs,
	begin func(r release.Release, key string) (release.Release, error),
) ([]string, error) {
	r, err := tx.Release(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.Phase.Final() || r.Phase == release.Undoing || r.Effect != effect {
		return nil, fault.New(fault.Conflict, "stale_generation", "%s no longer waits for %s.", r.ID, effect)
	}
	var says []string
	for _, key := range a.Flags {
		is, why, err := w.enabled(ctx, tx, r, a.Environment, key)
		if err != nil {
			return nil, err
		}
		if why != "" {
			return nil, fault.New(fault.Refused, "not_enabled", "%s", why)
		}
		if is == "" {
			ramp, err := begin(r, key)
			if err != nil {
				return nil, err
			}
			is = fmt.Sprintf("%s ramps to %s (%s)", key, ramp.Flag.Variant, ramp.ID)
		}
		says = append(says, is)
	}
	return says, nil
}

// reads is what is asked of the store, inside a transaction or outside of one.
type reads interface {
	Flag(ctx context.Context, app, key string) (flag.Flag, error)
	FlagConfig(ctx context.Context, app, environment, key string) (flag.Config, error)
	Release(ctx context.Context, id string) (release.Release, error)
}

// enabled is Enabled for what the store holds; a ramp of the release itself is what was asked for.
func (w *Writer) enabled(
	ctx context.Context, db reads, r release.Release, environment, key string,
) (is, why string, err error) {
	f, err := db.Flag(ctx, r.App, key)
	if err != nil {
		return "", "", err
	}
	c, err := db.FlagConfig(ctx, r.App, environment, key)
	if fault.Is(err, fault.NotFound) {
		c, err = First(f, environment), nil
	}
	if err == nil && c.Ramp != "" {
		var ramp release.Release
		if ramp, err = db.Release(ctx, c.Ramp); err == nil && ramp.Flag != nil && ramp.Flag.With == r.ID {
			return fmt.Sprintf("%s ramps to %s (%s)", key, ramp.Flag.Variant, ramp.ID), "", nil
		}
	}
	if err != nil { // its kind is not that of a flag that does not exist
		return "", "", fault.Wrap(err, fault.Internal, "flag_unread", "What %s does in %s cannot be read.", key, environment)
	}
	is, why = w.Enabled(f, c)
	return is, why, nil
}

// Enabled says that a flag serves everybody already, or why Slipway does not begin to enable it by itself. Both are
// empty where a ramp can begin. Nothing may change for anybody before its first share; and whoever
// turned a flag off wins, whatever a strategy names.
func (w *Writer) Enabled(f flag.Flag, c flag.Config) (is, why string) {
	variant, against := sides(f, "", "")
	has := c.Default.Percent(variant)
	others := 100 - has - c.Default.Percent(against)
	switch env := c.Environment; {
	case !f.Archived.IsZero():
		why = fmt.Sprintf("%s is archived: restore it first.", f.Key)
	case c.Ramp != "":
		why = fmt.Sprintf("The release %s raises %s in %s: until it ends no other ramp can begin.", c.Ramp, f.Key, env)
	case len(c.Targeting) > 0:
		why = fmt.Sprintf("%s in %s is decided by a rule in flagd's language: put rules in its place first.", f.Key, env)
	case variant == against:
		why = fmt.Sprintf("%s has %d variant: a ramp needs two.", f.Key, len(f.Variants))
	case c.On && has >= 100:
		is = fmt.Sprintf("%s serves %s to everybody whom no rule serves", f.Key, variant)
	case c.On && others > 0.005:
		why = fmt.Sprintf("%g %% in %s get neither %s nor %s of %s: set the share of the others to 0 first.", others, env,
			variant, against, f.Key)
	case c.On:
	case Killed(c):
		why = fmt.Sprintf("%s was turned off in %s%s: turn it on again, with all of its share on %s.", f.Key, env,
			because(c.Reason), against)
	case len(w.asks(env)) > 0:
		why = fmt.Sprintf("%s is off in %s, where turning it on asks for an approval: turn it on, with all of its share on "+
			"%s.", f.Key, env, against)
	case len(c.Rules) > 0:
		why = fmt.Sprintf("%s is off in %s, and %s would serve users at once: turn it on when they may.", f.Key, env,
			rules(len(c.Rules)))
	case c.Off != against:
		why = fmt.Sprintf("%s is off in %s and serves %s then, not %s, where its ramp would begin: turn it on, with all of "+
			"its share on %s.", f.Key, env, orFallback(c.Off), against, against)
	}
	return is, why
}
