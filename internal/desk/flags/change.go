package flags

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	writer "github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/words"
	"github.com/slipwayhq/slipway/internal/store"
)

// order carries an order out after the checks: on and off need flag:switch, all else flag:edit.
func (d *Desk) order(
	ctx context.Context, who access.Actor, o writer.Order, how writer.How,
) (api.FlagChange, error) {
	if err := d.see(ctx, who, o.Environment); err != nil {
		return api.FlagChange{}, err
	}
	missing := access.EditFlag
	how.Allow = func(out writer.Outcome) error {
		for _, missing = range o.Needs(out) {
			if err := who.Check(missing, o.Environment); err != nil {
				return err
			}
		}
		return nil
	}
	out, err := d.Engine.Flags.Do(ctx, who, o, how)
	if err != nil {
		return api.FlagChange{}, d.denied(ctx, who, missing, o.Environment, err)
	}
	return api.FlagChange{
		Done: out.Done, Sentence: out.Sentence, Missing: out.Missing, Config: wireConfig(out.Flag, out.After),
		Draft: out.Draft.ID, Approval: out.Draft.Request,
		Changes: changes(words.DiffConfigs(&out.Flag, &out.Before, &out.After)),
	}, nil
}

// Put says what a flag does in an environment, as a whole.
func (d *Desk) Put(
	ctx context.Context, who access.Actor, key, environment string, in api.PutFlagConfig,
) (api.FlagChange, error) {
	return d.order(ctx, who, writer.Order{
		Kind: writer.Put, Flag: key, Environment: environment, Revision: in.Revision, Reason: in.Reason,
		Config: domain(key, environment, in),
	}, writer.How{})
}

// domain is a configuration as somebody sent it.
func domain(key, environment string, in api.PutFlagConfig) flag.Config {
	return flag.Config{
		Flag: key, Environment: environment, On: in.On, Off: in.Off, Needs: convert[[]flag.Prerequisite](in.Needs),
		Rules: convert[[]flag.Rule](in.Rules), Default: convert[flag.Serve](in.Default), Targeting: in.Targeting,
	}
}

// Switch turns a flag on or off in an environment.
func (d *Desk) Switch(
	ctx context.Context, who access.Actor, key, environment string, on bool, in api.SwitchFlag,
) (api.FlagChange, error) {
	kind := writer.Off
	if on {
		kind = writer.On
	}
	return d.order(ctx, who, writer.Order{
		Kind: kind, Flag: key, Environment: environment, Revision: in.Revision, Reason: in.Reason,
	}, writer.How{})
}

// Rollout sets the share of a variant among those whom no rule serves.
func (d *Desk) Rollout(
	ctx context.Context, who access.Actor, key, environment string, in api.RolloutFlag,
) (api.FlagChange, error) {
	return d.order(ctx, who, writer.Order{
		Kind: writer.Rollout, Flag: key, Environment: environment, Revision: in.Revision, Reason: in.Reason,
		Share: in.Percent, Variant: in.Variant, Against: in.Against,
	}, writer.How{})
}

// Revert brings back what an earlier revision said, as a new one.
func (d *Desk) Revert(
	ctx context.Context, who access.Actor, key, environment string, in api.RevertFlag,
) (api.FlagChange, error) {
	return d.order(ctx, who, writer.Order{
		Kind: writer.Revert, Flag: key, Environment: environment, Revision: in.Revision, Reason: in.Reason, To: in.To,
	}, writer.How{})
}

// Promote copies what a flag serves from one environment to another, or says what that would change.
func (d *Desk) Promote(ctx context.Context, who access.Actor, key string, in api.PromoteFlag) (api.FlagChange, error) {
	if err := d.see(ctx, who, in.From); err != nil {
		return api.FlagChange{}, err
	}
	return d.order(ctx, who, writer.Order{
		Kind: writer.Promote, Flag: key, Environment: in.To, Revision: in.Revision, Reason: in.Reason, From: in.From,
	}, writer.How{Dry: in.DryRun})
}

// History returns the revisions of what a flag does in an environment, newest first, each with what it changed.
func (d *Desk) History(
	ctx context.Context, who access.Actor, key, environment, cursor string, limit int,
) (api.FlagHistory, error) {
	out := api.FlagHistory{Items: []api.FlagRevision{}}
	if err := d.see(ctx, who, environment); err != nil {
		return out, err
	}
	f, err := d.DB.Flag(ctx, d.Strategy.App, key)
	if err != nil {
		return out, err
	}
	subject := store.ConfigSubject(d.Strategy.App, environment, key)
	differ := func(a, b *flag.Config) words.Difference { return words.DiffConfigs(&f, a, b) }
	items, next, err := d.revisions(ctx, subject, cursor, limit, func(a, b json.RawMessage) ([]api.Change, error) {
		return between(a, b, differ)
	})
	out.Items, out.Next = items, next
	return out, err
}

// SegmentHistory returns the revisions of a segment, newest first. Who was named in it is not in them, only how many.
func (d *Desk) SegmentHistory(
	ctx context.Context, who access.Actor, key, environment, cursor string, limit int,
) (api.FlagHistory, error) {
	out := api.FlagHistory{Items: []api.FlagRevision{}}
	if err := d.see(ctx, who, environment); err != nil {
		return out, err
	}
	if _, err := d.DB.Segment(ctx, d.Strategy.App, environment, key); err != nil {
		return out, err
	}
	subject := store.SegmentSubject(d.Strategy.App, environment, key)
	items, next, err := d.revisions(ctx, subject, cursor, limit, func(a, b json.RawMessage) ([]api.Change, error) {
		return between(a, b, words.DiffSegments)
	})
	out.Items, out.Next = items, next
	return out, err
}

// revisions are a page of the revisions of a subject, and the cursor of the next.
func (d *Desk) revisions(
	ctx context.Context, subject, cursor string, limit int,
	differ func(before, after json.RawMessage) ([]api.Change, error),
) (items []api.FlagRevision, next string, err error) {
	before, most := int64(0), 50
	if cursor != "" {
		if before, err = strconv.ParseInt(cursor, 10, 64); err != nil || before < 1 {
			return nil, "", fault.New(fault.Invalid, "bad_cursor",
				"%.40q is no cursor of a page. Leave it out for the first page.", cursor)
		}
	}
	if limit > 0 {
		most = min(limit, 200)
	}
	list, err := d.DB.Revisions(ctx, subject, before, most+1)
	if err != nil {
		return nil, "", err
	}
	items = []api.FlagRevision{}
	for i, v := range list {
		if i == most {
			next = strconv.FormatInt(list[most-1].Revision, 10)
			break
		}
		item := api.FlagRevision{
			Revision: v.Revision, At: v.At.UTC(), By: v.Name, Reason: v.Reason, Sentence: v.Sentence, Changes: []api.Change{},
		}
		if i+1 < len(list) {
			if item.Changes, err = differ(list[i+1].Doc, v.Doc); err != nil {
				return nil, "", err
			}
		}
		items = append(items, item)
	}
	return items, next, nil
}

// changes are differences as wire types.
func changes(d words.Difference) []api.Change {
	out := []api.Change{}
	for _, c := range d.Changes {
		out = append(out, api.Change{Path: c.Path, Before: c.Before, After: c.After, Words: c.Words})
	}
	return out
}
