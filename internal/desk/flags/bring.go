package flags

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/foreign"
)

// Import brings in the flags of another system, or says what that would do and what does not map.
func (d *Desk) Import(ctx context.Context, who access.Actor, in api.ImportFlags) (api.FlagImport, error) {
	if err := d.anywhere(ctx, who, access.EditFlag); err != nil {
		return api.FlagImport{}, err
	}
	if in.Live {
		var err error
		if in.Export, err = d.live(ctx, in.Source); err != nil {
			return api.FlagImport{}, err
		}
		in.Source = string(foreign.Vercel)
	}
	source := foreign.Source(in.Source)
	if source == "" {
		source = foreign.Detect(in.Export)
	}
	got, err := foreign.Read(source, in.Export, foreign.Options{
		App: d.Strategy.App, Environment: in.Environment, Environments: in.Environments, Only: in.Only,
	})
	if err != nil {
		return api.FlagImport{}, err
	}
	file := brought(got)
	if source == foreign.Flagd {
		if err := d.unsaid(ctx, &file); err != nil {
			return api.FlagImport{}, err
		}
	}
	if err := d.undescribed(ctx, &file); err != nil {
		return api.FlagImport{}, err
	}
	out := api.FlagImport{Sentence: got.Sentence(), Remarks: convert[[]api.ImportRemark](got.Entries)}
	out.Plan, err = d.Apply(ctx, who, api.ApplyFlags{File: file, DryRun: in.DryRun, Reason: in.Reason,
		TurnOn: in.TurnOn})
	return out, err
}

// live asks the platform for what it has.
func (d *Desk) live(ctx context.Context, source string) (json.RawMessage, error) {
	switch {
	case source != "" && source != string(foreign.Vercel):
		return nil, fault.New(fault.Invalid, "not_live", "Only Vercel Flags are asked live: name a file that %.40q exported.",
			source)
	case d.Live == nil:
		return nil, fault.New(fault.Invalid, "not_live",
			"The strategy names no project on Vercel whose flags could be asked: add target.vercel, or name an export.")
	}
	return d.Live(ctx)
}

// unsaid leaves as it is here what flagd's format has no word for: what a flag is about and whose it is, the order of
// its variants, and what it serves while it is off.
func (d *Desk) unsaid(ctx context.Context, file *api.FlagFile) error {
	list, err := d.DB.Flags(ctx, d.Strategy.App)
	if err != nil {
		return err
	}
	for i := range file.Flags {
		e := &file.Flags[i]
		at := slices.IndexFunc(list, func(f flag.Flag) bool { return f.Key == e.Key })
		if at < 0 {
			continue
		}
		have := entry(list[at])
		e.Description, e.Owner = cmp.Or(e.Description, have.Description), cmp.Or(e.Owner, have.Owner)
		e.Expires, e.Permanent = cmp.Or(e.Expires, have.Expires), e.Permanent || have.Permanent
		if len(e.Tags) == 0 {
			e.Tags = have.Tags
		}
		place := func(v api.FlagVariant) int {
			return slices.IndexFunc(have.Variants, func(o api.FlagVariant) bool { return o.Name == v.Name })
		}
		slices.SortStableFunc(e.Variants, func(a, b api.FlagVariant) int { return cmp.Compare(place(a), place(b)) })
		for environment, c := range e.Environments {
			stands, err := d.DB.FlagConfig(ctx, d.Strategy.App, environment, e.Key)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			if c.Off == "" && slices.ContainsFunc(e.Variants, func(v api.FlagVariant) bool { return v.Name == stands.Off }) {
				c.Off = stands.Off
				e.Environments[environment] = c
			}
		}
	}
	return nil
}

// undescribed keeps what people wrote here about rules and segments that the export says nothing about.
func (d *Desk) undescribed(ctx context.Context, file *api.FlagFile) error {
	configs, err := d.DB.FlagConfigs(ctx, d.Strategy.App, "")
	if err != nil {
		return err
	}
	segments, err := d.DB.Segments(ctx, d.Strategy.App, "")
	if err != nil {
		return err
	}
	for _, e := range file.Flags {
		for environment, c := range e.Environments {
			i := slices.IndexFunc(configs, func(o flag.Config) bool { return o.Flag == e.Key && o.Environment == environment })
			if i < 0 {
				continue
			}
			rules := convert[[]flag.Rule](c.Rules)
			adopt(rules, configs[i].Rules)
			for j, r := range rules {
				at := slices.IndexFunc(configs[i].Rules, func(o flag.Rule) bool { return r.ID != "" && o.ID == r.ID })
				if at >= 0 {
					c.Rules[j].Description = cmp.Or(r.Description, configs[i].Rules[at].Description)
				}
			}
		}
	}
	for _, e := range file.Segments {
		for environment, spec := range e.Environments {
			i := slices.IndexFunc(segments, func(o flag.Segment) bool { return o.Key == e.Key && o.Environment == environment })
			if i >= 0 {
				spec.Description = cmp.Or(spec.Description, segments[i].Description)
				e.Environments[environment] = spec
			}
		}
	}
	return nil
}

// brought is an import as a file. Rules get no id of it: no export has one, and those that are here keep theirs.
func brought(in *foreign.Import) api.FlagFile {
	out := api.FlagFile{Flags: []api.FlagEntry{}, Segments: []api.SegmentEntry{}}
	for _, f := range in.Flags {
		e := entry(f)
		for _, c := range in.Configs {
			if c.Flag == f.Key {
				there := configEntry(c)
				for i := range there.Rules {
					there.Rules[i].ID = ""
				}
				e.Environments[c.Environment] = there
			}
		}
		out.Flags = append(out.Flags, e)
	}
	for _, s := range in.Segments {
		i := slices.IndexFunc(out.Segments, func(e api.SegmentEntry) bool { return e.Key == s.Key })
		if i < 0 {
			i = len(out.Segments)
			out.Segments = append(out.Segments, api.SegmentEntry{Key: s.Key, Environments: map[string]api.SegmentSpec{}})
		}
		spec := segmentSpec(s)
		if list, named := in.Lists[s.Environment][s.Key]; named {
			spec.Members = &list
		}
		out.Segments[i].Environments[s.Environment] = spec
	}
	return out
}

func entry(f flag.Flag) api.FlagEntry {
	return api.FlagEntry{
		Key: f.Key, Kind: string(f.Kind), Description: f.Description, Owner: f.Owner, Tags: f.Tags,
		Variants: convert[[]api.FlagVariant](f.Variants), Client: f.Client, Permanent: f.Permanent,
		Expires: instant(f.Expires), Bucketing: f.Bucketing, Environments: map[string]api.ConfigEntry{},
	}
}

func configEntry(c flag.Config) api.ConfigEntry {
	return api.ConfigEntry{
		On: &c.On, Off: c.Off, Needs: convert[[]api.FlagPrerequisite](c.Needs), Rules: convert[[]api.FlagRule](c.Rules),
		Default: convert[api.FlagServe](c.Default), Targeting: c.Targeting,
	}
}

func segmentSpec(s flag.Segment) api.SegmentSpec {
	return api.SegmentSpec{
		Description: s.Description, Any: convert[[][]api.FlagCondition](s.Any), By: s.By, Excluded: s.Excluded,
	}
}
