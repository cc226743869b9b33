package flags

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
)

// mostRecent is how many flags are said to have changed lately.
const mostRecent = 8

// Suspects are the flags of an environment: first those that are on and ramp or changed since a moment, the newest
// before the others, then all others by key.
func (d *Desk) Suspects(
	ctx context.Context, who access.Actor, environment string, since time.Time,
) (api.FlagSuspects, error) {
	out := api.FlagSuspects{Environment: environment, Since: since.UTC(), Items: []api.FlagSuspect{}}
	if err := d.see(ctx, who, environment); err != nil {
		return out, err
	}
	list, err := d.DB.Flags(ctx, d.Strategy.App)
	if err != nil {
		return out, err
	}
	all, err := d.DB.FlagConfigs(ctx, d.Strategy.App, "")
	if err != nil {
		return out, err
	}
	configs := map[string]flag.Config{}
	for _, c := range all {
		if c.Environment == environment {
			configs[c.Flag] = c
		}
	}
	for _, f := range list {
		if !f.Archived.IsZero() {
			continue
		}
		c := configs[f.Key]
		last := f.Updated
		if c.Updated.After(last) {
			last = c.Updated
		}
		out.Items = append(out.Items, api.FlagSuspect{Flag: f.Key, On: c.On, Ramp: c.Ramp, Changed: instant(last),
			Recent: c.On && (c.Ramp != "" || last.After(since))})
	}
	slices.SortStableFunc(out.Items, func(a, b api.FlagSuspect) int {
		switch {
		case a.Recent != b.Recent:
			return cmp.Compare(rank(a), rank(b))
		case a.Recent:
			return cmp.Or(b.Changed.Compare(*a.Changed), cmp.Compare(a.Flag, b.Flag))
		}
		return cmp.Compare(a.Flag, b.Flag)
	})
	for i := range out.Items {
		s := &out.Items[i]
		if s.Recent = s.Recent && i < mostRecent; !s.Recent {
			continue
		}
		if s.Sentence, err = d.lastChange(ctx, configs[s.Flag], *s); err != nil {
			return out, err
		}
	}
	return out, nil
}

func rank(s api.FlagSuspect) int {
	if s.Recent {
		return 0
	}
	return 1
}

// lastChange says what was changed last: what the flag does there, or what it is.
func (d *Desk) lastChange(ctx context.Context, c flag.Config, s api.FlagSuspect) (string, error) {
	if s.Changed.After(c.Updated) {
		return "What the flag is was changed: variants, their values, or who may evaluate it.", nil
	}
	v, err := d.DB.Revision(ctx, store.ConfigSubject(d.Strategy.App, c.Environment, c.Flag), c.Revision)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return v.Sentence, err
}
