// Package desk is where people and machines are served, whatever door they came
// through: the HTTP API and the dashboard call the same functions with the same
// actor and get the same wire types. It is the one place where a permission is
// checked and a denial recorded, and the one place that turns what the store holds
// into what the API says. It changes nothing itself: commands go to the engine.
package desk

import (
	"context"
	"crypto/ed25519"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk/configs"
	"github.com/slipwayhq/slipway/internal/desk/flags"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/intake"
	"github.com/slipwayhq/slipway/internal/metric/otlp"
	"github.com/slipwayhq/slipway/internal/people"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// Options are what the desk stands on.
type Options struct {
	DB       *store.DB
	Engine   *engine.Engine
	People   *people.People
	Strategy *strategy.Strategy
	Timeline *metric.Timeline
	Key      ed25519.PublicKey // that votes are signed with; nil: those that the engine knows
	Version  string            // of Slipway

	Intake  *intake.Intake            // of custom metrics; nil takes none
	OTLP    *otlp.Receiver            // of telemetry; nil takes none
	Spans   *intake.Intake            // where it goes
	Sources func() []api.MetricSource // where numbers come from; nil: nothing is known
	Watched func() []guard.MetricRule // the custom metrics under watch; nil: those of the strategy
}

// Desk serves people and machines.
type Desk struct {
	Options
	Flags   *flags.Desk
	Configs *configs.Desk
	replays chan struct{} // places for those that make verdicts again, which is work
}

// mostReplays is how many read a release's looks again at a time.
const mostReplays = 2

// New returns a desk.
func New(opts Options) *Desk {
	return &Desk{
		Options: opts, replays: make(chan struct{}, mostReplays),
		Flags:   &flags.Desk{DB: opts.DB, Engine: opts.Engine, Strategy: opts.Strategy},
		Configs: &configs.Desk{DB: opts.DB, Engine: opts.Engine, Strategy: opts.Strategy},
	}
}

// check lets the actor through or records the denial and returns it.
func (d *Desk) check(ctx context.Context, who access.Actor, p access.Permission, environment string) error {
	err := who.Check(p, environment)
	if err == nil {
		return nil
	}
	if e := d.Engine.Denied(ctx, who, p, environment); e != nil {
		return e // a denial that cannot be recorded is no answer at all
	}
	return err
}

// see is check for reading.
func (d *Desk) see(ctx context.Context, who access.Actor, environment string) error {
	return d.check(ctx, who, access.ViewEnvironment, environment)
}

// seeAny lets everybody through who may see at least one environment.
func (d *Desk) seeAny(ctx context.Context, who access.Actor) error {
	if who.MayAnywhere(access.ViewEnvironment) {
		return nil
	}
	return d.check(ctx, who, access.ViewEnvironment, access.Everywhere)
}

// known refuses an environment that the strategy does not name.
func (d *Desk) known(environment string) error {
	for _, e := range d.Strategy.Environments() {
		if e.Name == environment {
			return nil
		}
	}
	return fault.New(fault.Invalid, "environment_unknown", "The strategy names no environment %.64q.", environment)
}

// limited bounds a page's length: 50 by default, 200 at most.
func limited(n int) int {
	if n <= 0 {
		return 50
	}
	return min(n, 200)
}

// instant returns nil for the zero time, as the API leaves it out.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// ifFound turns a missing thing into false.
func ifFound(err error) (bool, error) {
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}
