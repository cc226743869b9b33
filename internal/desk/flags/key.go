package flags

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/store"
)

// Keys returns the keys of the environments whose keys the actor manages, oldest first.
func (d *Desk) Keys(ctx context.Context, who access.Actor, environment string) ([]api.FlagKey, error) {
	out := []api.FlagKey{}
	check := d.anywhere
	if environment != "" {
		if err := d.known(environment); err != nil {
			return out, err
		}
		check = func(ctx context.Context, who access.Actor, p access.Permission) error {
			return d.check(ctx, who, p, environment)
		}
	}
	if err := check(ctx, who, access.ManageFlagKeys); err != nil {
		return out, err
	}
	list, err := d.DB.FlagKeys(ctx, d.Strategy.App)
	if err != nil {
		return out, err
	}
	for _, k := range list {
		if (environment == "" || k.Environment == environment) && who.May(access.ManageFlagKeys, k.Environment) {
			out = append(out, wireKey(k, ""))
		}
	}
	return out, nil
}

// CreateKey makes a key. Its secret is in the answer and nowhere else.
func (d *Desk) CreateKey(ctx context.Context, who access.Actor, in api.CreateFlagKey) (api.FlagKey, error) {
	if err := d.known(in.Environment); err != nil {
		return api.FlagKey{}, err
	}
	if err := d.check(ctx, who, access.ManageFlagKeys, in.Environment); err != nil {
		return api.FlagKey{}, err
	}
	k, secret, err := d.Engine.Flags.CreateKey(ctx, who, store.FlagKey{
		Environment: in.Environment, Kind: in.Kind, Name: in.Name, Origins: slices.Clone(in.Origins),
	})
	if err != nil {
		return api.FlagKey{}, err
	}
	return wireKey(k, secret), nil
}

// RevokeKey ends a key.
func (d *Desk) RevokeKey(ctx context.Context, who access.Actor, id string) (api.FlagKey, error) {
	if err := d.anywhere(ctx, who, access.ManageFlagKeys); err != nil {
		return api.FlagKey{}, err
	}
	k, err := d.DB.FlagKey(ctx, id)
	if err != nil {
		return api.FlagKey{}, err
	}
	if err := d.check(ctx, who, access.ManageFlagKeys, k.Environment); err != nil {
		return api.FlagKey{}, err
	}
	if k, err = d.Engine.Flags.RevokeKey(ctx, who, id); err != nil {
		return api.FlagKey{}, err
	}
	return wireKey(k, ""), nil
}

func wireKey(k store.FlagKey, secret string) api.FlagKey {
	return api.FlagKey{
		ID: k.ID, Environment: k.Environment, Kind: k.Kind, Name: k.Name, Origins: append([]string{}, k.Origins...),
		Secret: secret, Created: k.Created.UTC(), CreatedBy: k.CreatedBy, Revoked: instant(k.Revoked),
		Used: instant(k.LastUsed),
	}
}

// Usage is what was seen of a flag in an environment in the last hours, in minutes for two days and in hours beyond.
func (d *Desk) Usage(ctx context.Context, who access.Actor, key, environment string, hours int) (api.FlagUsage, error) {
	out := api.FlagUsage{Flag: key, Environment: environment, Variants: []api.VariantUsage{}, Points: []api.UsagePoint{}}
	if err := d.see(ctx, who, environment); err != nil {
		return out, err
	}
	f, err := d.DB.Flag(ctx, d.Strategy.App, key)
	if err != nil {
		return out, err
	}
	now, err := d.DB.Now(ctx)
	if err != nil {
		return out, err
	}
	hours = min(max(hours, 1), 400*24)
	step := int64(60)
	if hours > 6 {
		step = 3600
	}
	first := now.Add(-time.Duration(hours) * time.Hour).Unix()
	first -= first % step
	rows, err := d.DB.FlagUsage(ctx, d.Strategy.App, environment, key, time.Unix(first, 0))
	if err != nil {
		return out, err
	}
	sums := map[string]*api.VariantUsage{}
	order := []string{}
	seen := func(variant string) *api.VariantUsage {
		if sums[variant] == nil {
			sums[variant] = &api.VariantUsage{Variant: variant}
			order = append(order, variant)
		}
		return sums[variant]
	}
	for _, v := range f.Variants {
		seen(v.Name)
	}
	for at := first; at <= now.Unix(); at += step {
		out.Points = append(out.Points, api.UsagePoint{At: time.Unix(at, 0).UTC(), Variants: map[string]int64{}})
	}
	last := int64(0)
	for _, u := range rows {
		s := seen(u.Variant)
		s.Evaluations, s.Exposures, s.Errors = s.Evaluations+u.Evaluations, s.Exposures+u.Exposures, s.Errors+u.Errors
		if i := (u.At - first) / step; i >= 0 && i < int64(len(out.Points)) {
			out.Points[i].Variants[u.Variant] += u.Evaluations
		}
		if u.Evaluations > 0 {
			last = max(last, u.At+u.Span)
		}
	}
	for _, v := range order {
		out.Variants = append(out.Variants, *sums[v])
	}
	out.StepSeconds = float64(step)
	if last > 0 {
		out.Last = instant(time.Unix(min(last, now.Unix()), 0))
	}
	out.Sentence = usageSentence(out, hours)
	return out, nil
}

// usageSentence sums it up.
func usageSentence(u api.FlagUsage, hours int) string {
	total, exposures, errors := int64(0), int64(0), int64(0)
	for _, v := range u.Variants {
		total, exposures, errors = total+v.Evaluations, exposures+v.Exposures, errors+v.Errors
	}
	window := "hour"
	if hours > 1 {
		window = fmt.Sprintf("%d hours", hours)
	}
	if total == 0 && exposures == 0 {
		return fmt.Sprintf("It was not evaluated in %s in the last %s, as far as is known.", u.Environment, window)
	}
	out := fmt.Sprintf("It was evaluated %s in %s in the last %s", times(total), u.Environment, window)
	if exposures > 0 {
		out += fmt.Sprintf(" and shown %s", times(exposures))
	}
	if errors > 0 {
		out += fmt.Sprintf("; programs saw %s failures under it", thousands(int(errors)))
	}
	return out + "."
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return thousands(int(n)) + " times"
}
