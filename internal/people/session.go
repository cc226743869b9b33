package people

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/credential"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

// CookieName is the name of the session's cookie.
const CookieName = "slipway_session"

// How long a session lasts.
const (
	sessionIdle = 12 * time.Hour
	sessionMax  = 7 * 24 * time.Hour
)

// How wrong passwords make the next try wait: the first few are free, then twice as
// long each time up to a limit. A name's limit is low, so that a stranger cannot
// lock somebody out; an address's is high.
const (
	window      = time.Hour // failures count this long
	nameFree    = 5
	nameLimit   = time.Minute
	clientFree  = 10
	clientLimit = 15 * time.Minute
)

// Session is a person who is signed in.
type Session struct {
	Cookie  string // its secret
	CSRF    string // what forms and X-CSRF-Token must carry
	Expires time.Time
	Actor   access.Actor
}

// HTTPCookie returns the cookie that a browser gets at login. It is Secure unless
// the request came over plain HTTP, where a browser would not send it back.
func (s Session) HTTPCookie(secure bool) *http.Cookie {
	return &http.Cookie{
		Name: CookieName, Value: s.Cookie, Path: "/", Expires: s.Expires, HttpOnly: true, Secure: secure,
		SameSite: http.SameSiteLaxMode, // Strict would sign out those who follow a link from a chat
	}
}

// EndCookie returns the cookie that makes a browser forget its session.
func EndCookie(secure bool) *http.Cookie {
	return &http.Cookie{
		Name: CookieName, Path: "/", MaxAge: -1, HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
}

// Login signs a person in and makes a new session, whatever cookie the browser had.
// Client is the address that the request came from, agent its User-Agent.
func (p *People) Login(ctx context.Context, name, password, client, agent string) (Session, error) {
	if err := p.attempt(ctx, name, client); err != nil {
		return Session{}, err
	}
	u, err := p.DB.UserByName(ctx, name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Session{}, err
	}
	ok, err := p.hasher.Verify(ctx, u.PasswordHash, password) // an unknown name costs the same time
	if err != nil {
		return Session{}, err
	}
	if !ok || u.Disabled {
		return Session{}, p.refused(ctx, u, client)
	}
	if err := p.DB.ClearFailures(ctx, nameThrottle(name)); err != nil {
		return Session{}, err
	}
	if p.hasher.Outdated(u.PasswordHash) {
		if hash, err := p.hasher.Hash(ctx, password); err == nil {
			u.PasswordHash = hash
		}
	}
	return p.begin(ctx, u, client, agent)
}

// begin makes the session and writes it down.
func (p *People) begin(ctx context.Context, u store.User, client, agent string) (Session, error) {
	now, err := p.DB.Now(ctx)
	if err != nil {
		return Session{}, err
	}
	s := Session{
		Cookie: credential.NewSession(), CSRF: credential.NewSession(), Expires: now.Add(sessionMax), Actor: p.actor(u),
	}
	err = p.Write(ctx, func(tx *store.Tx) error {
		now, err := tx.User(ctx, u.ID)
		if err != nil {
			return err
		}
		if now.Row != u.Row || now.Disabled { // disabled, or given another password, while we looked
			return fault.New(fault.Unknown, "login_refused", "Name or password is wrong.")
		}
		if now.PasswordHash != u.PasswordHash {
			if err := tx.UpdateUser(ctx, &u); err != nil {
				return err
			}
		}
		if err := tx.InsertSession(ctx, store.Session{
			Hash: credential.Hash(s.Cookie), User: u.ID, CSRF: s.CSRF, Created: tx.Now(), Expires: s.Expires, LastSeen: tx.Now(),
			Agent: agent,
		}); err != nil {
			return err
		}
		if err := tx.TouchUser(ctx, u.ID, tx.Now()); err != nil {
			return err
		}
		return p.record(ctx, tx, "session.started", s.Actor, u.ID, s.Actor.Name+" signed in.",
			map[string]any{"client": client})
	})
	if err != nil {
		return Session{}, err
	}
	return s, nil
}

// attempt counts a try before it is judged, so that many at once count as many, and
// refuses it when there were too many.
func (p *People) attempt(ctx context.Context, name, client string) error {
	now := time.Now()
	if err := p.wait(ctx, nameThrottle(name), nameFree, nameLimit, now); err != nil {
		return err
	}
	if client != "" {
		if err := p.wait(ctx, clientThrottle(client), clientFree, clientLimit, now); err != nil {
			return err
		}
	}
	return p.DB.AddFailure(ctx, nameThrottle(name), now)
}

// wait refuses a try that comes too soon after the failures before it.
func (p *People) wait(ctx context.Context, key string, free int, limit time.Duration, now time.Time) error {
	n, err := p.DB.Failures(ctx, key, now.Add(-window))
	if err != nil || n < free {
		return err
	}
	delay := limit
	if n-free < 20 {
		delay = min(limit, time.Second<<(n-free))
	}
	recent, err := p.DB.Failures(ctx, key, now.Add(-delay))
	if err != nil || recent == 0 {
		return err
	}
	return fault.Wrap(waitError{delay}, fault.Limited, "login_throttled",
		"Too many wrong passwords. Wait %s, then try again.", delay)
}

// refused counts a failure by its address and tells the log when they become many.
func (p *People) refused(ctx context.Context, u store.User, client string) error {
	wrong := fault.New(fault.Unknown, "login_refused", "Name or password is wrong.")
	if client != "" {
		if err := p.DB.AddFailure(ctx, clientThrottle(client), time.Now()); err != nil {
			return err
		}
	}
	if u.ID == "" {
		return wrong // what was typed as a name may have been a password: it goes nowhere
	}
	n, err := p.DB.Failures(ctx, nameThrottle(u.Name), time.Now().Add(-window))
	if err != nil || n != nameFree {
		return orElse(err, wrong)
	}
	err = p.Write(ctx, func(tx *store.Tx) error {
		return p.record(ctx, tx, "session.throttled", access.Actor{ID: "system:people"}, u.ID,
			fmt.Sprintf("%d wrong passwords for %s: the next tries must wait.", n, u.Name), map[string]any{"client": client})
	})
	return orElse(err, wrong)
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func nameThrottle(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	return "login name " + credential.Hash(name) // see refused: not in clear
}

// clientThrottle is the key for an address; one that holds an IPv6 address holds
// the 64 bits behind it too.
func clientThrottle(client string) string {
	if a, err := netip.ParseAddr(client); err == nil && a.Unmap().Is6() {
		if prefix, err := a.WithZone("").Prefix(64); err == nil {
			client = prefix.String()
		}
	}
	return "login client " + client
}

// waitError says how long to wait.
type waitError struct{ wait time.Duration }

// Error names the time.
func (e waitError) Error() string { return "wait " + e.wait.String() }

// RetryAfter returns the time.
func (e waitError) RetryAfter() time.Duration { return e.wait }

// FromCookie returns the session that a cookie belongs to.
func (p *People) FromCookie(ctx context.Context, cookie string) (Session, error) {
	ended := fault.New(fault.Unknown, "session_ended", "The session has ended. Sign in again.")
	if cookie == "" || len(cookie) > 256 {
		return Session{}, ended
	}
	kept, err := p.DB.Session(ctx, credential.Hash(cookie))
	if fault.Is(err, fault.NotFound) {
		return Session{}, ended
	} else if err != nil {
		return Session{}, err
	}
	now := time.Now()
	if !now.Before(kept.Expires) || now.Sub(kept.LastSeen) > sessionIdle {
		return Session{}, ended
	}
	u, err := p.DB.User(ctx, kept.User)
	if err != nil || u.Disabled {
		if err == nil || fault.Is(err, fault.NotFound) {
			return Session{}, ended
		}
		return Session{}, err
	}
	if now.Sub(kept.LastSeen) > time.Minute {
		if err := p.DB.TouchSession(ctx, kept.Hash, now); err != nil {
			return Session{}, err
		}
		if err := p.DB.TouchUser(ctx, u.ID, now); err != nil {
			return Session{}, err
		}
	}
	return Session{Cookie: cookie, CSRF: kept.CSRF, Expires: kept.Expires, Actor: p.actor(u)}, nil
}

// Logout ends the session of a cookie; one that has ended is no error.
func (p *People) Logout(ctx context.Context, cookie string) error {
	s, err := p.FromCookie(ctx, cookie)
	if fault.Is(err, fault.Unknown) {
		return nil
	} else if err != nil {
		return err
	}
	return p.Write(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteSession(ctx, credential.Hash(cookie)); err != nil {
			return err
		}
		return p.record(ctx, tx, "session.ended", s.Actor, s.Actor.User, s.Actor.Name+" signed out.", nil)
	})
}

// setupSecret is the name of the kept hash of the set-up link's secret.
const setupSecret = "setup"

// SetupPending reports whether nobody has made the first administrator yet.
func (p *People) SetupPending(ctx context.Context) (bool, error) {
	users, err := p.DB.Users(ctx)
	return err == nil && len(users) == 0, err
}

// SetupSecret returns a new secret for the set-up link, and false when somebody has
// set Slipway up. Only its hash is kept: each start makes a new link, which takes
// the place of the one before.
func (p *People) SetupSecret(ctx context.Context) (secret string, fresh bool, err error) {
	secret = credential.NewSetup()
	err = p.Write(ctx, func(tx *store.Tx) error {
		fresh = false
		users, err := tx.Users(ctx)
		if err != nil || len(users) > 0 {
			return err
		}
		if err := tx.DeleteSecret(ctx, setupSecret); err != nil {
			return err
		}
		if _, err := tx.PutSecretOnce(ctx, setupSecret, []byte(credential.Hash(secret))); err != nil {
			return err
		}
		fresh = true
		return p.record(ctx, tx, "user.setup_opened", access.Actor{ID: "system:people"}, "setup",
			"A one-time set-up link was made.", nil)
	})
	if err != nil || !fresh {
		return "", false, err
	}
	return secret, true, nil
}

// Setup makes the first administrator and burns the secret.
func (p *People) Setup(ctx context.Context, secret string, in api.NewUser) (api.User, error) {
	wrong := fault.New(fault.Unknown, "setup_link_wrong",
		"This set-up link is not valid: `slipway up` prints a new one when it starts.")
	kept, err := p.DB.Secret(ctx, setupSecret)
	if fault.Is(err, fault.NotFound) || err == nil && !credential.Matches(secret, string(kept)) {
		return api.User{}, wrong
	} else if err != nil {
		return api.User{}, err
	}
	in.Roles = []string{access.Admin}
	who := access.System("setup")
	u, err := p.newUser(ctx, who, in)
	if err != nil {
		return api.User{}, err
	}
	err = p.Write(ctx, func(tx *store.Tx) error {
		if err := p.record(ctx, tx, "user.created", who, u.ID,
			fmt.Sprintf("%s set Slipway up as its first administrator.", shown(u)),
			map[string]any{"name": u.Name, "roles": in.Roles}); err != nil {
			return err
		}
		kept, err := tx.Secret(ctx, setupSecret) // behind Append: of two at once the second finds it burned
		if fault.Is(err, fault.NotFound) || err == nil && !credential.Matches(secret, string(kept)) {
			return wrong
		} else if err != nil {
			return err
		}
		if err := tx.DeleteSecret(ctx, setupSecret); err != nil {
			return err
		}
		u.Row, u.Created = 0, tx.Now()
		return tx.InsertUser(ctx, &u)
	})
	if err != nil {
		return api.User{}, err
	}
	return userOf(u), nil
}
