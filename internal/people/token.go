package people

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/store"
)

// tokenDays is how long a token lasts when nobody says.
const tokenDays = 90

// FromToken returns who acts by a token: its owner's present permissions, cut down
// to its scopes; or a run of a platform that shows the token it was given.
func (p *People) FromToken(ctx context.Context, secret string) (access.Actor, error) {
	if p.Workload != nil && strings.Count(secret, ".") == 2 { // no token of ours has dots
		return p.Workload(ctx, secret)
	}
	if err := credential.CheckToken(secret); err != nil {
		return access.Actor{}, err
	}
	return p.FromTokenHash(ctx, credential.Hash(secret))
}

// FromTokenHash returns who acts by the token with a hash, as FromToken does for what proved itself before.
func (p *People) FromTokenHash(ctx context.Context, hash string) (access.Actor, error) {
	refused := fault.New(fault.Unknown, "token_invalid",
		"The token is not valid any more: it is unknown, revoked or expired.")
	t, err := p.DB.TokenByHash(ctx, hash)
	if fault.Is(err, fault.NotFound) {
		return access.Actor{}, refused
	} else if err != nil {
		return access.Actor{}, err
	}
	now := time.Now()
	if !t.Revoked.IsZero() || !t.Expires.IsZero() && !now.Before(t.Expires) {
		return access.Actor{}, refused
	}
	u, err := p.DB.User(ctx, t.Owner)
	if err != nil || u.Disabled {
		if err == nil || fault.Is(err, fault.NotFound) {
			return access.Actor{}, refused
		}
		return access.Actor{}, err
	}
	scopes, err := access.ParseScopes(t.Scopes)
	if err != nil {
		return access.Actor{}, fault.Wrap(err, fault.Unknown, "token_invalid",
			"The token's scopes are not understood any more.")
	}
	if now.Sub(t.LastUsed) > time.Minute {
		if err := p.DB.TouchToken(ctx, t.ID, now); err != nil {
			return access.Actor{}, err
		}
	}
	owner := p.actor(u)
	return access.Actor{
		ID: tokenActor(u, t), User: u.ID, Name: tokenName(u, t), Roles: owner.Roles,
		Grants: access.Narrow(owner.Grants, scopes),
	}, nil
}

// tokenName is how sentences name who acts with a token. One that `slipway login`
// made stands for the person at the keyboard; others are machines.
func tokenName(owner store.User, t store.Token) string {
	if strings.HasPrefix(t.Name, "cli-") {
		return shown(owner)
	}
	return fmt.Sprintf("%s (token %s)", shown(owner), t.Name)
}

// tokenActor names a token in the log: no two that are valid have the same.
func tokenActor(owner store.User, t store.Token) string { return "token:" + owner.Name + "/" + t.Name }

// Tokens returns the caller's tokens, or everybody's to those who manage them.
func (p *People) Tokens(ctx context.Context, who access.Actor) ([]api.Token, error) {
	owner := who.User
	if who.May(access.ManageTokens, "") {
		owner = ""
	} else if owner == "" {
		return []api.Token{}, nil
	}
	tokens, err := p.DB.Tokens(ctx, owner)
	if err != nil {
		return nil, err
	}
	users, err := p.DB.Users(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, u := range users {
		names[u.ID] = u.Name
	}
	out := make([]api.Token, 0, len(tokens))
	for _, t := range tokens {
		out = append(out, tokenOf(t, names[t.Owner]))
	}
	return out, nil
}

func tokenOf(t store.Token, owner string) api.Token {
	return api.Token{
		ID: t.ID, Name: t.Name, Owner: owner, Scopes: append([]string{}, t.Scopes...), Created: t.Created.UTC(),
		Expires: instant(t.Expires), Revoked: instant(t.Revoked), LastUsed: instant(t.LastUsed),
	}
}

// CreateToken makes a token for the caller. Its secret is in the answer and nowhere
// else. One that is made by a token is no wider than that, for good.
func (p *People) CreateToken(ctx context.Context, who access.Actor, in api.NewToken) (api.Token, error) {
	scopes, err := p.checkToken(ctx, who, in)
	if err != nil {
		return api.Token{}, err
	}
	owner, err := p.DB.User(ctx, who.User)
	if err != nil {
		return api.Token{}, err
	}
	days := in.Days
	if days == 0 {
		days = tokenDays
	}
	secret := credential.NewToken()
	t := store.Token{
		ID: ident.New("tok", time.Now()), Name: in.Name, Owner: owner.ID, Hash: credential.Hash(secret),
		Scopes: access.FormatScopes(scopes),
	}
	err = p.Write(ctx, func(tx *store.Tx) error {
		t.Created = tx.Now()
		t.Expires = tx.Now().AddDate(0, 0, days)
		if err := p.record(ctx, tx, "token.created", who, t.ID,
			fmt.Sprintf("%s made the token %s for %s.", who.Name, t.Name, scopesInWords(t.Scopes)),
			map[string]any{"name": t.Name, "owner": owner.Name, "scopes": t.Scopes, "expires": t.Expires}); err != nil {
			return err
		}
		others, err := tx.Tokens(ctx, owner.ID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(others, func(o store.Token) bool {
			return o.Name == t.Name && o.Revoked.IsZero() && (o.Expires.IsZero() || o.Expires.After(tx.Now()))
		}) {
			return fault.New(fault.Conflict, "name_taken", "%s has a token named %s already. Revoke it first.", owner.Name,
				t.Name)
		}
		return tx.InsertToken(ctx, t)
	})
	if err != nil {
		return api.Token{}, err
	}
	out := tokenOf(t, owner.Name)
	out.Secret = secret
	return out, nil
}

// scopesInWords names a few scopes and counts many.
func scopesInWords(scopes []string) string {
	if len(scopes) > 4 {
		return fmt.Sprintf("%d permissions", len(scopes))
	}
	return strings.Join(scopes, ", ")
}

// checkToken checks what was asked for and returns the scopes to keep.
func (p *People) checkToken(ctx context.Context, who access.Actor, in api.NewToken) ([]access.Scope, error) {
	if who.User == "" {
		return nil, fault.New(fault.Denied, "no_owner", "A token belongs to a user: %s is none.", who.Name)
	}
	bad := func(r rune) bool { return r == ' ' || r == '/' || unseen(r) }
	if in.Name == "" || len(in.Name) > 64 || strings.ContainsFunc(in.Name, bad) {
		return nil, fault.New(fault.Invalid, "name_malformed",
			"A token's name has 1 to 64 characters without spaces and slashes.")
	}
	if in.Days < 0 || in.Days > 3660 {
		return nil, fault.New(fault.Invalid, "days_out_of_range", "A token lasts 1 to 3660 days.")
	}
	scopes, err := access.ParseScopes(in.Scopes)
	if err != nil {
		return nil, err
	}
	if len(scopes) == 0 {
		return nil, fault.New(fault.Invalid, "scopes_missing", "A token needs at least one scope, e.g. check:report.")
	}
	if idle := access.Idle(who.Grants, scopes); len(idle) > 0 {
		return nil, p.denied(ctx, who, who.ID,
			fault.New(fault.Denied, "scope_wider", "%s may not %s, so a token cannot either.",
				who.Name, strings.Join(access.FormatScopes(idle), ", ")))
	}
	if !strings.HasPrefix(who.ID, "token:") {
		return scopes, nil
	}
	narrow := []access.Scope{}
	for _, g := range access.Narrow(who.Grants, scopes) {
		narrow = append(narrow, access.Scope{Permission: g.Permission, Environment: g.Environment})
	}
	return narrow, nil
}

// RevokeToken ends a token at once: one's own, or anybody's for those who manage them.
func (p *People) RevokeToken(ctx context.Context, who access.Actor, id string) (api.Token, error) {
	t, err := p.DB.Token(ctx, id)
	if err != nil {
		return api.Token{}, err
	}
	if t.Owner != who.User || who.User == "" {
		if err := who.Check(access.ManageTokens, ""); err != nil {
			return api.Token{}, p.denied(ctx, who, t.ID, err)
		}
	}
	owner, err := p.DB.User(ctx, t.Owner)
	if err != nil {
		return api.Token{}, err
	}
	if !t.Revoked.IsZero() {
		return tokenOf(t, owner.Name), nil
	}
	err = p.Write(ctx, func(tx *store.Tx) error {
		t.Revoked = tx.Now()
		if err := tx.RevokeToken(ctx, t.ID, t.Revoked); err != nil {
			return err
		}
		return p.record(ctx, tx, "token.revoked", who, t.ID,
			fmt.Sprintf("%s revoked the token %s of %s.", who.Name, t.Name, owner.Name), map[string]any{"name": t.Name,
				"owner": owner.Name})
	})
	if err != nil {
		return api.Token{}, err
	}
	return tokenOf(t, owner.Name), nil
}
