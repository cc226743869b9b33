// Package people knows who may come in: users and their passwords, sessions,
// tokens, and the one-time set-up that makes the first administrator.
//
// There is no default password, and nothing that lets a stranger tell whether a
// name exists. Wrong passwords make the next try wait, by name and by address, on
// all nodes and across restarts. What a person may do is what their roles grant
// now; a token may do what its owner may and its scopes name, never more. Every
// change is an event. A change of password or roles ends sessions, and the last
// administrator cannot be lost.
//
// People decides who somebody is. What they may do is checked by desk.
package people

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/store"
)

// Options are what People is made of.
type Options struct {
	DB    *store.DB
	Write func(context.Context, func(*store.Tx) error) error // engine.Write
	Roles func() []access.Role                               // the strategy's, now
	App   string                                             // goes into events

	// Workload returns who shows a token that a platform gave to a run; nil: nobody comes in by one.
	Workload func(ctx context.Context, token string) (access.Actor, error)
}

// People knows who may come in.
type People struct {
	Options
	hasher *credential.Hasher
}

// New returns the people of a store.
func New(o Options) *People { return &People{Options: o, hasher: credential.NewHasher()} }

// actor returns the user as somebody who acts.
func (p *People) actor(u store.User) access.Actor {
	return access.Actor{
		ID: "user:" + u.Name, User: u.ID, Name: shown(u), Roles: slices.Clone(u.Roles), Grants: access.Resolve(p.Roles(),
			u.Roles),
	}
}

// shown is the user's name for sentences.
func shown(u store.User) string {
	if u.Title != "" {
		return u.Title
	}
	return u.Name
}

// userOf returns the user as the API shows it.
func userOf(u store.User) api.User {
	return api.User{
		ID: u.ID, Name: u.Name, Title: shown(u), Roles: append([]string{}, u.Roles...), Disabled: u.Disabled,
		Created: u.Created.UTC(), LastSeen: instant(u.LastSeen),
	}
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// record appends an event about people.
func (p *People) record(ctx context.Context, tx *store.Tx, kind string, who access.Actor, subject, sentence string,
	data any) error {
	_, err := tx.Append(ctx, event.Draft{
		Kind: kind, Actor: who.ID, App: p.App, Subject: subject, Sentence: sentence, Data: data,
	})
	return err
}

// denied records that somebody tried what they may not do, and returns why.
func (p *People) denied(ctx context.Context, who access.Actor, subject string, why error) error {
	err := p.Write(ctx, func(tx *store.Tx) error {
		return p.record(ctx, tx, "access.denied", who, subject, who.Name+" was denied: "+fault.MessageOf(why),
			map[string]any{"reason": fault.ReasonOf(why)})
	})
	return orElse(err, why)
}

// Users returns everybody, by name.
func (p *People) Users(ctx context.Context, _ access.Actor) ([]api.User, error) {
	users, err := p.DB.Users(ctx)
	out := make([]api.User, 0, len(users))
	for _, u := range users {
		out = append(out, userOf(u))
	}
	return out, err
}

func (p *People) find(ctx context.Context, id string) (store.User, error) {
	if ident.Valid("usr", id) {
		return p.DB.User(ctx, id)
	}
	return p.DB.UserByName(ctx, id)
}

// CreateUser makes a user. Nobody can give a role that is wider than their own.
func (p *People) CreateUser(ctx context.Context, who access.Actor, in api.NewUser) (api.User, error) {
	u, err := p.newUser(ctx, who, in)
	if err != nil {
		return api.User{}, err
	}
	err = p.Write(ctx, func(tx *store.Tx) error {
		u.Row, u.Created = 0, tx.Now()
		if err := tx.InsertUser(ctx, &u); err != nil {
			return taken(err, u.Name)
		}
		if err := p.record(ctx, tx, "user.created", who, u.ID,
			fmt.Sprintf("%s made the user %s (%s).", who.Name, u.Name, rolesInWords(u.Roles)),
			map[string]any{"name": u.Name, "roles": u.Roles}); err != nil {
			return err
		}
		return nobodyElse(ctx, tx, u)
	})
	if err != nil {
		return api.User{}, err
	}
	return userOf(u), nil
}

// newUser checks what was asked for and hashes the password.
func (p *People) newUser(ctx context.Context, who access.Actor, in api.NewUser) (store.User, error) {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{1,63}$`).MatchString(in.Name) {
		return store.User{}, fault.New(fault.Invalid, "name_malformed",
			"A user's name has 2 to 64 characters: a–z, 0–9, dot, dash, underscore and @, beginning with a letter or digit.")
	}
	if err := checkTitle(in.Title); err != nil {
		return store.User{}, err
	}
	roles, err := p.checkRoles(ctx, who, in.Roles)
	if err != nil {
		return store.User{}, err
	}
	hash, err := p.hash(ctx, in.Password, in.Name, in.Title)
	if err != nil {
		return store.User{}, err
	}
	return store.User{
		ID: ident.New("usr", time.Now()), Name: in.Name, Title: in.Title, PasswordHash: hash, Roles: roles,
	}, nil
}

// hash checks a new password and returns what is kept of it.
func (p *People) hash(ctx context.Context, password string, about ...string) (string, error) {
	if err := credential.CheckPassword(password, append(about, p.App)...); err != nil {
		return "", err
	}
	return p.hasher.Hash(ctx, password)
}

// checkRoles returns the roles sorted, when they exist and are no wider than who's.
func (p *People) checkRoles(ctx context.Context, who access.Actor, names []string) ([]string, error) {
	known := p.Roles()
	for i, name := range names {
		if name != access.Admin && !slices.ContainsFunc(known, func(r access.Role) bool { return r.Name == name }) {
			f := fault.New(fault.Invalid, "role_unknown", "There is no role %q. There are: %s.", name, roleNames(known))
			f.Fields = []fault.Field{{Path: fmt.Sprintf("body.roles[%d]", i), Message: "no such role"}}
			return nil, f
		}
	}
	if missing, ok := covers(who.Grants, access.Resolve(known, names)); !ok {
		return nil, p.denied(ctx, who, who.ID, fault.New(fault.Denied, "role_wider",
			"%s cannot give roles that are wider than their own: %s@%s is missing.", who.Name, missing.Permission,
			missing.Environment))
	}
	out := append([]string{}, names...)
	slices.Sort(out)
	return slices.Compact(out), nil
}

func roleNames(roles []access.Role) string {
	out := []string{access.Admin}
	for _, r := range roles {
		out = append(out, r.Name)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// covers reports whether have holds all of want, or names one that is missing.
func covers(have, want []access.Grant) (access.Grant, bool) {
	holder := access.Actor{Grants: have}
	for _, g := range want {
		if !holder.May(g.Permission, g.Environment) {
			return g, false
		}
	}
	return access.Grant{}, true
}

func rolesInWords(roles []string) string {
	switch len(roles) {
	case 0:
		return "no role"
	case 1:
		return "role " + roles[0]
	}
	return "roles " + strings.Join(roles, ", ")
}

// taken says in words that a name is in use.
func taken(err error, name string) error {
	if fault.Is(err, fault.Conflict) && fault.ReasonOf(err) != "changed_meanwhile" {
		return fault.Wrap(err, fault.Conflict, "name_taken", "There is a user named %s already.", name)
	}
	return err
}
