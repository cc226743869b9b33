package configs

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/configuration"
	writer "github.com/slipwayhq/slipway/internal/engine/configs"
	"github.com/slipwayhq/slipway/internal/fault"
)

// Draft returns what is gathered for an environment's next revision, and what applying it would change.
func (d *Desk) Draft(ctx context.Context, who access.Actor, environment string) (api.ConfigDraft, error) {
	if err := d.see(ctx, who, environment); err != nil {
		return api.ConfigDraft{}, err
	}
	return d.draft(ctx, environment)
}

func (d *Desk) draft(ctx context.Context, environment string) (api.ConfigDraft, error) {
	out := api.ConfigDraft{Environment: environment, Keys: []string{}, Changes: []api.ConfigDifference{},
		Foreign: []api.ConfigDrift{}, Problems: []api.ConfigProblem{}, Sentence: "Nothing is drafted."}
	got, then, err := d.Engine.Configs.Drafted(ctx, environment)
	if err != nil {
		return out, err
	}
	newest, err := d.DB.ConfigNewest(ctx, d.Strategy.App, environment)
	if err != nil {
		return out, err
	}
	out.Newest = newest.Number
	if got.Row == 0 {
		return out, nil
	}
	live, err := d.DB.ConfigLive(ctx, d.Strategy.App, environment)
	if err != nil {
		return out, err
	}
	for _, e := range got.Edits {
		out.Keys = append(out.Keys, e.Variable.Key)
	}
	foreign := configuration.Foreign(then.Changes, live.Drift)
	out.ID, out.Base, out.Author, out.Changed = got.ID, got.Base, got.Name, instant(got.Changed)
	out.Changes, out.Problems, out.Foreign = differences(then.Changes), problems(then.Problems), drift(foreign)
	out.Sentence = fmt.Sprintf("Against revision %d it %s.", newest.Number, configuration.Words(then.Changes))
	if len(foreign) > 0 {
		out.Sentence += " It also undoes what was changed on the platform by another hand."
	}
	return out, nil
}

// EditDraft changes what is gathered. Nothing is written to the platform.
func (d *Desk) EditDraft(ctx context.Context, who access.Actor, environment string, in api.EditConfigDraft,
) (api.ConfigDraft, error) {
	if err := d.check(ctx, who, access.ManageDeployment, environment); err != nil {
		return api.ConfigDraft{}, err
	}
	_, err := d.Engine.Configs.Edit(ctx, who, writer.EditOrder{Environment: environment, Set: sets(in.Set),
		Remove: in.Remove, Undo: in.Undo, Seen: in.Seen})
	if err != nil {
		return api.ConfigDraft{}, err
	}
	return d.draft(ctx, environment)
}

// DiscardDraft lets go of what was gathered.
func (d *Desk) DiscardDraft(ctx context.Context, who access.Actor, environment, seen string) (api.ConfigDraft, error) {
	if err := d.check(ctx, who, access.ManageDeployment, environment); err != nil {
		return api.ConfigDraft{}, err
	}
	if err := d.Engine.Configs.Discard(ctx, who, environment, seen); err != nil {
		return api.ConfigDraft{}, err
	}
	return d.draft(ctx, environment)
}

// ApplyDraft makes the draft that was seen the next revision.
func (d *Desk) ApplyDraft(ctx context.Context, who access.Actor, environment string, in api.ApplyConfigDraft,
) (api.ConfigChange, error) {
	if err := d.may(ctx, who, environment, in.Reason); err != nil {
		return api.ConfigChange{}, err
	}
	if in.Rebuild && environment != "production" {
		return api.ConfigChange{}, elsewhere(environment)
	}
	if in.Seen == "" { // the API refuses it before, a page's form does not
		return api.ConfigChange{}, fault.New(fault.Invalid, "draft_unseen",
			"The form does not say which draft you looked at. Reload the page.")
	}
	got, err := d.Engine.Configs.ApplyDraft(ctx, who, writer.Order{Environment: environment, Reason: in.Reason,
		Revision: in.Revision, Over: in.Over, Rebuild: in.Rebuild}, in.Seen)
	if err != nil {
		return api.ConfigChange{}, err
	}
	return change(got), nil
}
