package flags

import (
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	writer "github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/words"
)

// wire is a flag as the actor may see it.
func (d *Desk) wire(who access.Actor, f flag.Flag, configs []flag.Config, k seen) api.Flag {
	out := api.Flag{
		Key: f.Key, Kind: string(f.Kind), Description: f.Description, Owner: f.Owner, Tags: f.Tags,
		Variants: convert[[]api.FlagVariant](f.Variants), Client: f.Client, Permanent: f.Permanent,
		Expires: instant(f.Expires), Bucketing: f.Bucketing, Created: f.Created.UTC(), CreatedBy: f.CreatedBy,
		Updated: f.Updated.UTC(), Archived: instant(f.Archived), Revision: f.Row, Environments: []api.FlagConfig{},
		Actions: []api.Action{}, Stale: k.stale(f, configs), Synced: []api.FlagSynced{},
	}
	var on []string
	for _, environment := range d.visible(who) {
		i := slices.IndexFunc(configs, func(c flag.Config) bool { return c.Environment == environment })
		c := writer.First(f, environment)
		if i >= 0 {
			c = configs[i]
		}
		if c.On {
			on = append(on, environment)
		}
		item := wireConfig(f, c)
		item.Evaluated = instant(k.last(environment, f.Key))
		out.Environments = append(out.Environments, item)
	}
	switch {
	case !f.Archived.IsZero():
		out.Sentence = "Archived: no program gets it any more."
	case len(on) == 0:
		out.Sentence = "Off everywhere."
	default:
		out.Sentence = "On in " + strings.Join(on, ", ") + "."
	}
	out.Actions = flagActions(who, f, on)
	return out
}

// flagActions are what may be done with a flag as a whole.
func flagActions(who access.Actor, f flag.Flag, on []string) []api.Action {
	a := api.Action{Name: "archive", Title: "Archive", Dangers: true,
		Effect: "No program gets it any more: everybody falls back to what the code says.",
		Undo:   "Restore it: it comes back as it was."}
	if !f.Archived.IsZero() {
		a = api.Action{Name: "restore", Title: "Restore", Effect: "It comes back as it was.", Undo: "Archive it again."}
	}
	if !who.MayAnywhere(access.EditFlag) {
		a.Disabled = fault.MessageOf(who.Check(access.EditFlag, access.Everywhere))
	}
	for _, environment := range on {
		if err := who.Check(access.EditFlag, environment); err != nil {
			a.Disabled = fault.MessageOf(err)
		}
	}
	return []api.Action{a}
}

// wireConfig is what a flag does in an environment.
func wireConfig(f flag.Flag, c flag.Config) api.FlagConfig {
	out := api.FlagConfig{
		Flag: c.Flag, Environment: c.Environment, On: c.On, Off: c.Off, Reason: c.Reason, Since: instant(c.Since),
		Needs: convert[[]api.FlagPrerequisite](c.Needs), Rules: convert[[]api.FlagRule](c.Rules),
		Default: convert[api.FlagServe](c.Default), Targeting: c.Targeting, Ramp: c.Ramp, Share: share(c.Default),
		Revision: c.Revision, Updated: instant(c.Updated), By: c.By,
	}
	out.Sentence = words.Config(&f, &c)
	return out
}

// share is the percentage of a split's first variant, -1 when there is no split.
func share(s flag.Serve) float64 {
	if len(s.Split) == 0 {
		return -1
	}
	sum := 0
	for _, p := range s.Split {
		sum += p.Weight
	}
	return 100 * float64(s.Split[0].Weight) / float64(max(sum, 1))
}
