package desk

import (
	"context"
	"fmt"
	"slices"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
)

// Me says who the caller is and what the caller may do.
func (d *Desk) Me(_ context.Context, who access.Actor) (api.Me, error) {
	me := api.Me{ID: who.ID, Name: who.Name, Roles: append([]string{}, who.Roles...), Permissions: []string{}}
	for _, g := range who.Grants {
		if s := fmt.Sprintf("%s@%s", g.Permission, g.Environment); !slices.Contains(me.Permissions, s) {
			me.Permissions = append(me.Permissions, s)
		}
	}
	slices.Sort(me.Permissions)
	return me, nil
}

// Users lists the people.
func (d *Desk) Users(ctx context.Context, who access.Actor) ([]api.User, error) {
	if err := d.check(ctx, who, access.ManageUsers, ""); err != nil {
		return nil, err
	}
	return d.People.Users(ctx, who)
}

// CreateUser makes a user.
func (d *Desk) CreateUser(ctx context.Context, who access.Actor, in api.NewUser) (api.User, error) {
	if err := d.check(ctx, who, access.ManageUsers, ""); err != nil {
		return api.User{}, err
	}
	return d.People.CreateUser(ctx, who, in)
}

// ChangeUser changes a user; everybody may change their own title and password.
func (d *Desk) ChangeUser(ctx context.Context, who access.Actor, id string, in api.ChangeUser) (api.User, error) {
	own := id == who.User && in.Roles == nil && in.Disabled == nil
	if !own {
		if err := d.check(ctx, who, access.ManageUsers, ""); err != nil {
			return api.User{}, err
		}
	}
	return d.People.ChangeUser(ctx, who, id, in)
}

// Tokens lists the caller's tokens, or all for those who manage them.
func (d *Desk) Tokens(ctx context.Context, who access.Actor) ([]api.Token, error) {
	return d.People.Tokens(ctx, who)
}

// CreateToken makes a token for the caller.
func (d *Desk) CreateToken(ctx context.Context, who access.Actor, in api.NewToken) (api.Token, error) {
	return d.People.CreateToken(ctx, who, in)
}

// RevokeToken ends a token.
func (d *Desk) RevokeToken(ctx context.Context, who access.Actor, id string) (api.Token, error) {
	return d.People.RevokeToken(ctx, who, id)
}

// Roles lists the strategy's roles with their permissions.
func (d *Desk) Roles(ctx context.Context, who access.Actor) ([]api.Role, error) {
	if err := d.seeAny(ctx, who); err != nil {
		return nil, err
	}
	out := []api.Role{}
	for _, r := range d.Strategy.Roles() {
		role := api.Role{Name: r.Name, Title: r.Title, Permissions: []string{}}
		for _, g := range r.Grants {
			role.Permissions = append(role.Permissions, fmt.Sprintf("%s@%s", g.Permission, g.Environment))
		}
		out = append(out, role)
	}
	return out, nil
}
