package app

import (
	"context"
	"encoding/json"
	"time"

	"github.com/slipwayhq/slipway/internal/engine/publish"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// publishing is what flags are published to a platform by; nothing is where it has no store near its visitors.
func (a *App) publishing(to provider.Platform) publish.Options {
	near, _ := to.(provider.Near)
	return publish.Options{Near: near, Key: onvercel.FlagsKey, Document: a.document}
}

// document is the newest good set of definitions that this node has of an environment.
func (a *App) document(ctx context.Context, environment string) (publish.Document, error) {
	newest, err := a.DB.FlagGeneration(ctx, a.opts.Strategy.App, environment)
	if err != nil {
		return publish.Document{}, err
	}
	a.flags.Await(ctx, environment, newest)
	set := a.flags.Set(environment)
	if set == nil {
		return publish.Document{}, fault.New(fault.Unavailable, "flags_unread", "The flags of %s were not read yet.",
			environment)
	}
	return publish.Document{Generation: set.Generation, Newest: max(newest, set.Generation), Text: set.Document}, nil
}

// limits are Vercel's, as all nodes know them.
type limits struct{ db *store.DB }

var _ vercel.Limits = limits{}

func (l limits) Until(ctx context.Context, kind string) (time.Time, error) {
	return l.db.LimitHeld(ctx, kind)
}

func (l limits) Hold(ctx context.Context, kind string, until time.Time) error {
	return l.db.HoldLimit(ctx, kind, until)
}

func (l limits) Spend(ctx context.Context, kind, period string, most int) (int, error) {
	return l.db.SpendLimit(ctx, kind, period, most)
}

func (l limits) Spent(ctx context.Context, kind, period string) (int, error) {
	return l.db.LimitSpent(ctx, kind, period)
}

// liveFlags are the flags that the project has at Vercel, and its segments, as the API says them.
func (a *App) liveFlags(ctx context.Context) (json.RawMessage, error) {
	v, _ := a.opts.Strategy.Vercel()
	flags, err := a.vercel.Flags(ctx, v.Project)
	if err != nil {
		return nil, err
	}
	segments, err := a.vercel.FlagSegments(ctx, v.Project)
	if err != nil {
		return nil, err
	}
	if len(flags) == 0 {
		return nil, fault.New(fault.NotFound, "vercel_no_flags", "The project %s has no flags at Vercel.", v.Project)
	}
	return json.Marshal(map[string]any{"flags": flags, "segments": segments})
}
