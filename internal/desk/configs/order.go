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

// Push changes variables.
func (d *Desk) Push(ctx context.Context, who access.Actor, environment string, in api.PushConfig) (api.ConfigChange,
	error) {
	if err := d.may(ctx, who, environment, in.Reason); err != nil {
		return api.ConfigChange{}, err
	}
	o := writer.Order{Environment: environment, Remove: in.Remove, Reason: in.Reason, Revision: in.Revision, Over: in.Over,
		Dry: in.DryRun, Rebuild: in.Rebuild}
	if in.Rebuild && environment != "production" {
		return api.ConfigChange{}, elsewhere(environment)
	}
	o.Set = sets(in.Set)
	got, err := d.Engine.Configs.Push(ctx, who, o)
	if err != nil {
		return api.ConfigChange{}, err
	}
	return change(got), nil
}

func elsewhere(environment string) error {
	return fault.New(fault.Invalid, "rebuild_elsewhere", "What production runs can be built again; %s is built by its "+
		"next push.", environment)
}

func sets(list []api.SetVariable) []writer.Set {
	var out []writer.Set
	for _, s := range list {
		out = append(out, writer.Set{Key: s.Key, Value: s.Value, Kind: configuration.Kind(s.Kind)})
	}
	return out
}

func (d *Desk) may(ctx context.Context, who access.Actor, environment, reason string) error {
	if err := d.check(ctx, who, access.ManageDeployment, environment); err != nil {
		return err
	}
	return reasoned(reason)
}

func change(got writer.Outcome) api.ConfigChange {
	out := api.ConfigChange{Changes: differences(got.Changes), Problems: problems(got.Problems)}
	words := configuration.Words(got.Changes)
	if got.Revision.Number == 0 {
		out.Sentence = "Nothing was done: it " + words + "."
		return out
	}
	r := revision(got.Revision)
	out.Done, out.Revision = true, &r
	out.Sentence = fmt.Sprintf("Revision %d of the variables of %s %s.", r.Number, r.Environment, words)
	if got.Revision.State == configuration.Waiting {
		out.Sentence += " It is being written to the platform; what is built after that has it."
	}
	return out
}

// Pull takes over what the platform has.
func (d *Desk) Pull(ctx context.Context, who access.Actor, environment string, in api.PullConfig) (api.ConfigChange,
	error) {
	if err := d.may(ctx, who, environment, in.Reason); err != nil {
		return api.ConfigChange{}, err
	}
	got, err := d.Engine.Configs.Pull(ctx, who, environment, in.Reason)
	if err != nil {
		return api.ConfigChange{}, err
	}
	out := change(got)
	if !out.Done {
		out.Sentence = "The platform has nothing that Slipway has not."
	}
	return out, nil
}

// Back brings a revision back: the variables are written, and production goes to the deployment that was built with
// them, or is built again.
func (d *Desk) Back(ctx context.Context, who access.Actor, environment string, in api.BackConfig) (api.ConfigChange,
	error) {
	if err := d.may(ctx, who, environment, in.Reason); err != nil {
		return api.ConfigChange{}, err
	}
	way := in.Way
	if way == "" {
		way = "auto"
	}
	if environment != "production" && way != "auto" && way != "write" {
		return api.ConfigChange{}, fault.New(fault.Invalid, "rebuild_elsewhere", "Only production is given back or built "+
			"again; %s is built by its next push.", environment)
	}
	production := environment == "production" && way != "write"
	if production && way != "rebuild" {
		if err := d.check(ctx, who, access.RequestRollback, environment); err != nil {
			return api.ConfigChange{}, err
		}
	}
	o := writer.Order{Environment: environment, Reason: in.Reason, Revision: in.Revision, Dry: in.DryRun,
		Rebuild: production && way != "flip", Insist: way == "rebuild"}
	got, with, err := d.Engine.Configs.Back(ctx, who, o, in.To)
	if err != nil {
		return api.ConfigChange{}, err
	}
	out := change(got)
	switch {
	case !production:
		return out, nil
	case with == nil && way == "flip":
		out.Sentence += fmt.Sprintf(" No deployment is known good and built with revision %d: have it built again "+
			"instead (the way rebuild).", in.To)
		return out, nil
	case with == nil || way == "rebuild":
		out.Sentence += " What production runs is built again with it; release that build to have it served."
		return out, nil
	case in.DryRun:
		out.Sentence += fmt.Sprintf(" Production would be given back to %s, which was built with it.", with.Version)
		return out, nil
	}
	if with.Replaced.IsZero() && !with.Promoted.IsZero() {
		out.Sentence += fmt.Sprintf(" Production runs %s already, which was built with it.", with.Version)
		return out, nil
	}
	b, err := d.Engine.RequestRollback(ctx, who, environment, fmt.Sprintf("revision %d of the variables: %s", in.To,
		in.Reason), with.ID)
	if fault.Is(err, fault.Refused) || fault.Is(err, fault.Conflict) { // the variables are written all the same
		out.Sentence += " Production was not moved: " + fault.MessageOf(err)
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Done, out.Rollback = true, b.ID
	out.Sentence += fmt.Sprintf(" A rollback of production to %s, which was built with it, is asked for: %s.",
		with.Version, b.ID)
	return out, nil
}
