package flags

import (
	"context"
	"strings"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
)

// Needs are the permissions that an order needs, by what it does: on and off need flag:switch, all else flag:edit.
func (o Order) Needs(out Outcome) []access.Permission {
	var needs []access.Permission
	turns := o.Kind == On || o.Kind == Off
	if out.Switches() || turns {
		needs = append(needs, access.SwitchFlag)
	}
	if out.Edits() || !turns {
		needs = append(needs, access.EditFlag)
	}
	return needs
}

// author is who asked for a draft, with what they may do now: a change that is made later is no way around losing a
// permission, whoever approved it. A token that was revoked is trusted no more; one that has expired meanwhile was good
// when the change was asked for.
func (w *Writer) author(ctx context.Context, tx *store.Tx, d flag.Draft) (access.Actor, error) {
	who := access.Actor{ID: d.Actor, User: d.User, Name: d.Name}
	if d.User == "" && strings.HasPrefix(d.Actor, "system:") {
		who.Grants = access.Everything()
		return who, nil
	}
	gone := fault.New(fault.Denied, "author_gone",
		"%s has no access any more: somebody who has can ask for it again", d.Name)
	u, err := tx.User(ctx, d.User)
	if fault.Is(err, fault.NotFound) || err == nil && u.Disabled {
		return who, gone
	} else if err != nil {
		return who, err
	}
	who.Roles, who.Grants = u.Roles, access.Resolve(w.Strategy.Roles(), u.Roles)
	prefix := "token:" + u.Name + "/"
	if !strings.HasPrefix(d.Actor, "token:") {
		return who, nil
	}
	tokens, err := tx.Tokens(ctx, u.ID)
	if err != nil {
		return who, err
	}
	scopes, found := []string(nil), false
	for _, t := range tokens { // oldest first: the last one that was there then is it
		if prefix+t.Name == d.Actor && !t.Created.After(d.Created) {
			scopes, found = t.Scopes, t.Revoked.IsZero()
		}
	}
	if !found {
		return who, gone
	}
	narrow, err := access.ParseScopes(scopes)
	if err != nil {
		return who, gone
	}
	who.Grants = access.Narrow(who.Grants, narrow)
	return who, nil
}
