package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// RampOrder asks for a guarded ramp of a flag's share.
type RampOrder struct {
	Flag, Environment string
	Variant, Against  string    // empty: the one that means on, and the one that means off
	Shares            []float64 // percent, rising; empty: the strategy's
	Bake              time.Duration
	Seen              int64  // revision that whoever asks for it saw; 0: whatever is there
	Reason            string // needed where somebody turned the flag off and said why
	With              string // id of the release that it belongs to: taken back with it
}

// StartRamp begins a release whose lever is a flag's share.
func (e *Engine) StartRamp(ctx context.Context, who access.Actor, o RampOrder) (release.Release, error) {
	var r release.Release
	if err := e.DB.Room().Err(); err != nil {
		return r, err
	}
	err := e.DB.Write(ctx, func(tx *store.Tx) (err error) {
		r, err = e.startRamp(ctx, tx, who, who.User, o)
		return err
	})
	return r, err
}

// startRamp is StartRamp in the transaction of whoever decided it. The author's approval does not count.
func (e *Engine) startRamp(ctx context.Context, tx *store.Tx, who access.Actor, author string, o RampOrder) (
	release.Release, error) {
	l, err := e.Flags.Lever(ctx, tx, flags.Raise{Flag: o.Flag, Environment: o.Environment, Variant: o.Variant,
		Against: o.Against})
	if err != nil {
		return release.Release{}, err
	}
	l.With = o.With
	plan := e.Strategy.RampPlan(o.Environment, o.Shares, o.Bake)
	plan.Steps = slices.DeleteFunc(plan.Steps, func(s release.Step) bool {
		return s.Kind == release.KindShare && s.Share <= l.Before
	})
	if len(plan.Shares()) == 0 {
		return release.Release{}, fault.New(fault.Invalid, "ramp_empty",
			"%s has %g %% already: name a share above that.", o.Variant, l.Before)
	}
	now := tx.Now()
	if rules := e.Flags.Asks(o.Environment); len(rules) > 0 {
		first := plan.Steps[0]
		plan.Steps = slices.Insert(plan.Steps, 0, release.Step{ID: first.Stage + "/approval", Stage: first.Stage,
			Environment: o.Environment, Kind: release.KindApproval, Title: "Approval of the ramp", Approve: rules,
			Expires: e.Strategy.Flags().Expires, AuthorToo: e.Strategy.Approvals().AuthorCounts})
	}
	r := release.New(release.Ramp(ident.New("rel", now), e.app(), author, l, plan), now)
	r.Note = o.Reason
	if err := tx.InsertRelease(ctx, &r); err != nil {
		return r, err
	}
	if _, err := e.Flags.SetShare(ctx, tx, who, flags.Raise{Release: r.ID, Flag: l.Key, Environment: l.Environment,
		Variant: l.Variant, Against: l.Against, Share: l.Before, Held: true, On: true, Seen: o.Seen,
		Reason: o.Reason}); err != nil {
		return r, err
	}
	if _, err := e.append(ctx, tx, e.by(who, "release.started", o.Environment, r.ID,
		fmt.Sprintf("%s starts a ramp of %s in %s: %s instead of %s.", who.Name, l.Key, l.Environment, l.Variant, l.Against),
		map[string]any{"flag": l, "note": r.Note})); err != nil {
		return r, err
	}
	return r, tx.Schedule(ctx, r.ID, workRelease, now)
}

// rampOff says why the flag of a ramp serves nobody any more; nothing while it does.
func (e *Engine) rampOff(ctx context.Context, r release.Release) (string, error) {
	if r.Flag == nil || r.Phase.Final() {
		return "", nil
	}
	if r.Flag.With != "" {
		with, err := e.DB.Release(ctx, r.Flag.With)
		if err != nil {
			return "", err
		}
		if p := with.Phase; p == release.Undoing || p == release.Aborted || p == release.RolledBack {
			return fmt.Sprintf("%s, which it belongs to, was taken back", with.Version), nil
		}
	}
	c, err := e.DB.FlagConfig(ctx, r.App, r.Flag.Environment, r.Flag.Key)
	switch {
	case err != nil:
		return "", err
	case !c.On:
		return "it was switched off" + because(c.Reason), nil
	case c.Ramp != r.ID:
		return "another hand has taken its share", nil
	}
	return "", nil
}

// tryRamp sets the share of a ramp's flag, and has the edges count by it. The effect that the release waits for is the
// newest: an older one, however late, changes nothing.
func (e *Engine) tryRamp(ctx context.Context, x effect.Effect, o routeOrder) (effect.Result, error) {
	f := o.Flag
	share := o.Share
	if o.Canary == "" {
		share = f.Before
	}
	err := e.DB.Write(ctx, func(tx *store.Tx) error {
		r, err := tx.Release(ctx, x.Subject)
		if err != nil || r.Phase.Final() {
			return err // the end has set it
		}
		if r.Effect != x.Key {
			return fault.New(fault.Conflict, "stale_generation", "%s waits for a newer share than that of %s.", r.ID, x.Key)
		}
		_, err = e.Flags.SetShare(ctx, tx, access.System("engine"), flags.Raise{Effect: x.Key, Release: r.ID, Flag: f.Key,
			Environment: f.Environment, Variant: f.Variant, Against: f.Against, Share: share, Held: true})
		return err
	})
	if err != nil {
		return effect.Result{}, err
	}
	return effect.Result{OK: true, Sentence: fmt.Sprintf("%g %% get %s of %s in %s.", share, f.Variant, f.Key,
		f.Environment)}, e.count(ctx, x.Key, o.Generation)
}

// count gives the edges the routing in force again, with the ramps as they are now.
func (e *Engine) count(ctx context.Context, key string, generation uint64) error {
	o, err := e.inForce(ctx)
	if fault.ReasonOf(err) == "no_stable" {
		return nil // the flags of an application that does not run behind Slipway's edges
	}
	if err != nil {
		return err
	}
	o.Generation = generation
	r, err := e.routing(ctx, o)
	if err != nil {
		return err
	}
	return e.Provider.Route(ctx, key, r)
}

// inForce is the routing that was confirmed last. One that is under way has another number: whichever is older is
// refused, and asked for again.
func (e *Engine) inForce(ctx context.Context) (routeOrder, error) {
	var o routeOrder
	states, err := e.DB.EnvironmentStates(ctx, e.app())
	if err != nil {
		return o, err
	}
	for _, s := range states {
		if s.Name == "production" {
			o.Stable, o.Salt = s.Deployment, s.Deployment
		}
	}
	if o.Stable == "" {
		return o, fault.New(fault.Refused, "no_stable", "It is not known what production runs.")
	}
	active, err := e.DB.ActiveReleases(ctx, e.app())
	for _, r := range active {
		switch {
		case r.Flag != nil || r.Routes == 0:
		case !r.Promoted.IsZero():
			o.Salt = r.ID
		case r.Phase == release.Undoing:
			o.Salt, o.Ban = r.ID, r.Deployment
		case r.Share > 0:
			o.Salt, o.Canary, o.Share = r.ID, r.Deployment, r.Share
		}
	}
	return o, err
}

// ramps are the flags whose shares are raised now.
func (e *Engine) ramps(ctx context.Context) ([]provider.Ramp, error) {
	active, err := e.DB.ActiveReleases(ctx, e.app())
	if err != nil {
		return nil, err
	}
	var out []provider.Ramp
	for _, r := range active {
		f := r.Flag
		if f == nil || f.Pushed || r.Routes == 0 || r.Phase == release.Undoing {
			continue
		}
		c, err := e.DB.FlagConfig(ctx, r.App, f.Environment, f.Key)
		if err != nil {
			return nil, err
		}
		out = append(out, provider.Ramp{ID: "flag:" + f.Environment + "/" + f.Key, Salt: c.BucketSalt(),
			Share: c.Default.Percent(f.Variant), Variant: f.Variant, Against: f.Against})
	}
	return out, nil
}

// endRamp gives the flag of a ramp that has ended back to people: everybody gets the variant, or what was before.
func (e *Engine) endRamp(ctx context.Context, tx *store.Tx, r release.Release) error {
	f := r.Flag
	if f == nil || !r.Phase.Final() {
		return nil
	}
	c, err := tx.FlagConfig(ctx, r.App, f.Environment, f.Key)
	if err != nil || c.Ramp != r.ID {
		return err
	}
	share, why := f.Before, "the ramp was taken back"
	if r.Phase == release.Completed {
		share, why = 100, "the ramp is complete"
	}
	_, err = e.Flags.SetShare(ctx, tx, access.System("engine"), flags.Raise{Effect: r.ID + "/end", Release: r.ID,
		Flag: f.Key, Environment: f.Environment, Variant: f.Variant, Against: f.Against, Share: share, Reason: why})
	return err
}

// incidentAt is the environment of an incident that a release caused.
func incidentAt(r release.Release) string {
	if r.Flag != nil {
		return r.Flag.Environment
	}
	return "production"
}
