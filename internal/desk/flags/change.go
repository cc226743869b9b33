package flags

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	writer "github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
)

// order carries an order out after the checks: on and off need flag:switch, all else flag:edit.
func (d *Desk) order(ctx context.Context, who access.Actor, o writer.Order, dry bool) (api.FlagChange, error) {
	if err := d.see(ctx, who, o.Environment); err != nil {
		return api.FlagChange{}, err
	}
	missing := access.EditFlag
	out, err := d.Engine.Flags.Do(ctx, who, o, dry, func(out writer.Outcome) error {
		if out.Switches() || o.Kind == writer.On || o.Kind == writer.Off {
			missing = access.SwitchFlag
			if err := who.Check(access.SwitchFlag, o.Environment); err != nil {
				return err
			}
		}
		if out.Edits() || o.Kind != writer.On && o.Kind != writer.Off {
			missing = access.EditFlag
			return who.Check(access.EditFlag, o.Environment)
		}
		return nil
	})
	if err != nil {
		return api.FlagChange{}, d.denied(ctx, who, missing, o.Environment, err)
	}
	return api.FlagChange{
		Done: out.Done, Sentence: out.Sentence, Changes: Changes(out.Before, out.After), Missing: out.Missing,
		Config: wireConfig(out.Flag, out.After),
	}, nil
}

// Put says what a flag does in an environment, as a whole.
func (d *Desk) Put(
	ctx context.Context, who access.Actor, key, environment string, in api.PutFlagConfig,
) (api.FlagChange, error) {
	return d.order(ctx, who, writer.Order{
		Kind: writer.Put, Flag: key, Environment: environment, Revision: in.Revision, Reason: in.Reason,
		Config: domain(key, environment, in),
	}, false)
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
	}, false)
}

// Rollout sets the share of a variant among those whom no rule serves.
func (d *Desk) Rollout(
	ctx context.Context, who access.Actor, key, environment string, in api.RolloutFlag,
) (api.FlagChange, error) {
	return d.order(ctx, who, writer.Order{
		Kind: writer.Rollout, Flag: key, Environment: environment, Revision: in.Revision, Reason: in.Reason,
		Share: in.Percent, Variant: in.Variant, Against: in.Against,
	}, false)
}

// Revert brings back what an earlier revision said, as a new one.
func (d *Desk) Revert(
	ctx context.Context, who access.Actor, key, environment string, in api.RevertFlag,
) (api.FlagChange, error) {
	return d.order(ctx, who, writer.Order{
		Kind: writer.Revert, Flag: key, Environment: environment, Revision: in.Revision, Reason: in.Reason, To: in.To,
	}, false)
}

// Promote copies what a flag serves from one environment to another, or says what that would change.
func (d *Desk) Promote(ctx context.Context, who access.Actor, key string, in api.PromoteFlag) (api.FlagChange, error) {
	if err := d.see(ctx, who, in.From); err != nil {
		return api.FlagChange{}, err
	}
	return d.order(ctx, who, writer.Order{
		Kind: writer.Promote, Flag: key, Environment: in.To, Revision: in.Revision, Reason: in.Reason, From: in.From,
	}, in.DryRun)
}

// History returns the revisions of what a flag does in an environment, newest first, each with what it changed.
func (d *Desk) History(
	ctx context.Context, who access.Actor, key, environment, cursor string, limit int,
) (api.FlagHistory, error) {
	out := api.FlagHistory{Items: []api.FlagRevision{}}
	if err := d.see(ctx, who, environment); err != nil {
		return out, err
	}
	if _, err := d.DB.Flag(ctx, d.Strategy.App, key); err != nil {
		return out, err
	}
	items, next, err := d.revisions(ctx, store.ConfigSubject(d.Strategy.App, environment, key), cursor, limit)
	out.Items, out.Next = items, next
	return out, err
}

// revisions are a page of the revisions of a subject, and the cursor of the next.
func (d *Desk) revisions(
	ctx context.Context, subject, cursor string, limit int,
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
			item.Changes = Changes(list[i+1].Doc, v.Doc)
		}
		items = append(items, item)
	}
	return items, next, nil
}

// Changes are the places in which two documents differ, by path. What every change moves is left out.
func Changes(before, after any) []api.Change {
	a, errA := plain(before)
	b, errB := plain(after)
	if err := errors.Join(errA, errB); err != nil {
		return []api.Change{}
	}
	out := []api.Change{}
	differ(&out, "", a, b)
	return out
}

func plain(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, err
	}
	if doc, ok := out.(map[string]any); ok {
		for _, name := range []string{"revision", "updated", "updated_by", "by", "since", "reason"} {
			if _, deep := doc["serve"]; !deep {
				delete(doc, name)
			}
		}
	}
	return out, nil
}

func differ(out *[]api.Change, path string, a, b any) {
	x, isX := a.(map[string]any)
	y, isY := b.(map[string]any)
	if isX && isY {
		var names []string
		for name := range x {
			names = append(names, name)
		}
		for name := range y {
			if _, both := x[name]; !both {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			differ(out, path+"/"+name, x[name], y[name])
		}
		return
	}
	before, after := text(a), text(b)
	if !bytes.Equal(before, after) {
		*out = append(*out, api.Change{Path: path, Before: before, After: after})
	}
}

func text(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	out, _ := json.Marshal(v) // it came from JSON
	return out
}
