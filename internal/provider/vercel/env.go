package vercel

import (
	"context"
	"slices"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

var _ provider.Configured = (*Provider)(nil)

// mostAdded is how many variables are created by one call.
const mostAdded = 50

// Variables returns the project's variables and those that the team shares with it. What Vercel does not decrypt in its
// list is asked for one by one. A token that may not read shared ones reads the others all the same.
func (p *Provider) Variables(ctx context.Context, told bool) (provider.Variables, error) {
	var out provider.Variables
	list, err := p.o.Client.Env(ctx, p.o.Project, told)
	if err != nil {
		return out, err
	}
	for _, v := range list {
		if told && v.Type == "encrypted" && !v.Told() {
			if v, err = p.o.Client.EnvOf(ctx, p.o.Project, v.ID); err != nil {
				return out, err
			}
		}
		out.List = append(out.List, variable(v))
	}
	return out, p.shared(ctx, &out)
}

// shared adds what the team shares with the project.
func (p *Provider) shared(ctx context.Context, to *provider.Variables) error {
	list, err := p.o.Client.SharedEnv(ctx)
	if err != nil && !provider.IsAway(err) && fault.KindOf(err) != fault.Unavailable {
		to.Unread = fault.MessageOf(err) // it may not, or the plan has none
		return nil
	}
	if err != nil || len(list) == 0 {
		return err
	}
	project, err := p.o.Client.Project(ctx, p.o.Project)
	if err != nil {
		return err
	}
	for _, v := range list {
		if slices.Contains(v.Projects, project.ID) {
			s := variable(v.Variable)
			s.Shared, s.Told, s.Value = true, false, ""
			to.List = append(to.List, s)
		}
	}
	return nil
}

// Custom returns the ids of the environments of the team's own, by their slugs.
func (p *Provider) Custom(ctx context.Context) (map[string]string, error) {
	list, err := p.o.Client.CustomEnvironments(ctx, p.o.Project)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range list {
		out[e.Slug] = e.ID
	}
	return out, nil
}

func variable(v api.Variable) provider.Variable {
	out := provider.Variable{ID: v.ID, Key: v.Key, Told: v.Told(), Kind: v.Type, Targets: v.Target, Custom: v.Custom,
		Branch: v.GitBranch, Comment: v.Comment, By: v.UpdatedBy, Updated: v.Updated()}
	if out.Told {
		out.Value = v.Value
	}
	return out
}

// AddVariables creates variables, over those of the same name and target.
func (p *Provider) AddVariables(ctx context.Context, list ...provider.Variable) error {
	for len(list) > 0 {
		n := min(len(list), mostAdded)
		var some []api.Variable
		for _, v := range list[:n] {
			add := api.Variable{Type: v.Kind, Key: v.Key, Value: v.Value, Target: v.Targets, GitBranch: v.Branch,
				Custom: v.Custom, Comment: v.Comment}
			if v.Kind == "sensitive" {
				add.Visibility = "secret"
			}
			some = append(some, add)
		}
		if err := p.o.Client.SetEnv(ctx, p.o.Project, true, some...); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// ChangeVariable gives a variable a value and a kind, or other targets only.
func (p *Provider) ChangeVariable(ctx context.Context, v provider.Variable) error {
	if v.Key == "" {
		targets, custom := append([]string{}, v.Targets...), append([]string{}, v.Custom...)
		return p.o.Client.EditEnv(ctx, p.o.Project, v.ID, api.EnvEdit{Target: &targets, Custom: &custom})
	}
	return p.o.Client.EditEnv(ctx, p.o.Project, v.ID, api.EnvEdit{Value: &v.Value, Type: v.Kind})
}

// DropVariable deletes a variable.
func (p *Provider) DropVariable(ctx context.Context, id string) error {
	return p.o.Client.DropEnv(ctx, p.o.Project, id)
}
