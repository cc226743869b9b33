package people

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

type sessionKey struct{}

// WithSession returns a context that knows by which session a request came, so that
// changing one's own password does not end that one.
func WithSession(ctx context.Context, cookie string) context.Context {
	return context.WithValue(ctx, sessionKey{}, credential.Hash(cookie))
}

// ChangeUser changes a user, named by id or name. Their own title and password
// everybody may change, the password by giving the present one; everything else
// needs user:manage and a role that is no narrower than the user's.
func (p *People) ChangeUser(ctx context.Context, who access.Actor, id string, in api.ChangeUser) (api.User, error) {
	u, err := p.find(ctx, id)
	if err != nil {
		return api.User{}, err
	}
	if err := p.mayChange(ctx, who, u, in); err != nil {
		return api.User{}, err
	}
	c, err := p.change(ctx, who, &u, in)
	if err != nil {
		return api.User{}, err
	}
	if len(c.words) == 0 {
		return userOf(u), nil
	}
	err = p.Write(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateUser(ctx, &u); err != nil {
			return err
		}
		if err := p.record(ctx, tx, "user.changed", who, u.ID,
			fmt.Sprintf("%s changed %s: %s.", who.Name, u.Name, strings.Join(c.words, ", ")), c.data); err != nil {
			return err
		}
		if in.Title != nil {
			if err := nobodyElse(ctx, tx, u); err != nil {
				return err
			}
		}
		if !c.endsSessions {
			return nil
		}
		if err := endSessions(ctx, tx, u.ID); err != nil {
			return err
		}
		return stillAdministered(ctx, tx) // behind Append: of two who do this at once, the second sees the first
	})
	if err != nil {
		return api.User{}, err
	}
	return userOf(u), nil
}

// mayChange checks who may change what of u.
func (p *People) mayChange(ctx context.Context, who access.Actor, u store.User, in api.ChangeUser) error {
	self := who.User == u.ID && strings.HasPrefix(who.ID, "user:")
	if !self || in.Roles != nil || in.Disabled != nil {
		if err := who.Check(access.ManageUsers, ""); err != nil {
			return p.denied(ctx, who, u.ID, err)
		}
		if missing, ok := covers(who.Grants, access.Resolve(p.Roles(), u.Roles)); !ok {
			return p.denied(ctx, who, u.ID, fault.New(fault.Denied, "role_wider", "%s cannot change %s, who may do more: %s@%s.",
				who.Name, u.Name, missing.Permission, missing.Environment))
		}
	}
	if !self || in.Password == nil {
		return nil
	}
	if in.Current == nil {
		return fault.New(fault.Invalid, "current_password_missing", "To change your own password, give the present one too.")
	}
	ok, err := p.verify(ctx, u, *in.Current)
	if err == nil && !ok {
		err = p.denied(ctx, who, u.ID, fault.New(fault.Denied, "current_password_wrong", "The present password is wrong."))
	}
	return err
}

// verify is a throttled look at a password.
func (p *People) verify(ctx context.Context, u store.User, password string) (bool, error) {
	if err := p.attempt(ctx, u.Name, ""); err != nil {
		return false, err
	}
	ok, err := p.hasher.Verify(ctx, u.PasswordHash, password)
	if ok {
		err = p.DB.ClearFailures(ctx, nameThrottle(u.Name))
	}
	return ok, err
}

// changes are what a request does to a user.
type changes struct {
	words        []string
	data         map[string]any
	endsSessions bool
}

// change puts what is asked for into u.
func (p *People) change(ctx context.Context, who access.Actor, u *store.User, in api.ChangeUser) (changes, error) {
	c := changes{data: map[string]any{"name": u.Name}}
	if in.Title != nil && *in.Title != u.Title {
		if err := checkTitle(*in.Title); err != nil {
			return c, err
		}
		u.Title = *in.Title
		c.words, c.data["title"] = append(c.words, "name"), u.Title
	}
	if in.Roles != nil {
		roles, err := p.checkRoles(ctx, who, *in.Roles)
		if err != nil {
			return c, err
		}
		if !slices.Equal(roles, u.Roles) {
			c.data["roles_before"], c.data["roles"] = u.Roles, roles
			u.Roles, c.endsSessions = roles, true
			c.words = append(c.words, "now "+rolesInWords(roles))
		}
	}
	if in.Disabled != nil && *in.Disabled != u.Disabled {
		u.Disabled, c.endsSessions = *in.Disabled, true
		c.data["disabled"] = u.Disabled
		c.words = append(c.words, map[bool]string{true: "disabled", false: "enabled again"}[u.Disabled])
	}
	if in.Password != nil {
		hash, err := p.hash(ctx, *in.Password, u.Name, u.Title)
		if err != nil {
			return c, err
		}
		u.PasswordHash, c.endsSessions = hash, true
		c.words, c.data["password"] = append(c.words, "new password"), "changed"
	}
	return c, nil
}

// endSessions ends the user's sessions, but for the one that the request came by.
func endSessions(ctx context.Context, tx *store.Tx, user string) error {
	keep, _ := ctx.Value(sessionKey{}).(string)
	sessions, err := tx.SessionsOf(ctx, user)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if s.Hash == keep {
			continue
		}
		if err := tx.DeleteSession(ctx, s.Hash); err != nil {
			return err
		}
	}
	return nil
}

// stillAdministered refuses a change after which nobody could manage users.
func stillAdministered(ctx context.Context, tx *store.Tx) error {
	users, err := tx.Users(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(users,
		func(u store.User) bool { return !u.Disabled && slices.Contains(u.Roles, access.Admin) }) {
		return nil
	}
	return fault.New(fault.Refused, "last_admin", "This is the last administrator. Make another one first.")
}
