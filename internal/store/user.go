package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

const (
	userColumns   = `version, doc, password_hash, last_seen`
	sqlInsertUser = `INSERT INTO users (id, version, doc, name_key, password_hash, disabled, created, last_seen)
		VALUES ($1, 1, $2, $3, $4, $5, $6, 0)`
	sqlUpdateUser = `UPDATE users SET version = version + 1, doc = $3, name_key = $4, password_hash = $5, disabled = $6,
		created = $7 WHERE id = $1 AND version = $2`
	sqlUser       = `SELECT ` + userColumns + ` FROM users WHERE id = $1`
	sqlUserByName = `SELECT ` + userColumns + ` FROM users WHERE name_key = $1`
	sqlUsers      = `SELECT ` + userColumns + ` FROM users ORDER BY name_key`
	sqlTouchUser  = `UPDATE users SET last_seen = $2 WHERE id = $1 AND last_seen <= $3`
)

// touchEvery is how often a last use is written down.
const touchEvery = time.Minute

// User is a person. The hash of the password never leaves as JSON.
type User struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"` // to sign in with; unique in any case
	Title        string    `json:"title"`
	PasswordHash string    `json:"-"`
	Roles        []string  `json:"roles"`
	Disabled     bool      `json:"disabled"`
	Created      time.Time `json:"created"`
	LastSeen     time.Time `json:"-"`
	Row          int64     `json:"-"`
}

func users() noun[User] {
	return noun[User]{
		name: "user", insert: sqlInsertUser, update: sqlUpdateUser, read: sqlUser, scanner: scanUser,
		id:  func(u *User) string { return u.ID },
		row: func(u *User) *int64 { return &u.Row },
		copies: func(u *User) []any {
			return []any{nameKey(u.Name), u.PasswordHash, u.Disabled, Time{u.Created}}
		},
	}
}

func scanUser(rows *sql.Rows, u *User) error {
	var version int64
	var doc JSON[User]
	var hash string
	var seen Time
	if err := rows.Scan(&version, &doc, &hash, &seen); err != nil {
		return err
	}
	*u = doc.V
	u.Row, u.PasswordHash, u.LastSeen = version, hash, seen.Time
	return nil
}

// nameKey is what makes two names the same.
func nameKey(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// InsertUser records a new user. A name that is taken, in any case, is a Conflict.
func (tx *Tx) InsertUser(ctx context.Context, u *User) error { return users().add(ctx, tx, u) }

// UpdateUser records a user that was read before, and raises its Row.
func (tx *Tx) UpdateUser(ctx context.Context, u *User) error { return users().change(ctx, tx, u) }

// User returns the user with the id.
func (r reads) User(ctx context.Context, id string) (User, error) {
	return users().byID(ctx, r.run, id)
}

// UserByName returns the user with the name, in any case.
func (r reads) UserByName(ctx context.Context, name string) (User, error) {
	got, err := one(ctx, r.run, scanUser, sqlUserByName, nameKey(name))
	if err != nil {
		return User{}, fmt.Errorf("read user %s: %w", name, err)
	}
	if got == nil {
		return User{}, notFound("user", name)
	}
	return *got, nil
}

// Users returns every user, by name.
func (r reads) Users(ctx context.Context) ([]User, error) {
	out, err := all(ctx, r.run, scanUser, sqlUsers)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return out, nil
}

// TouchUser writes down that the user was seen, once a minute at most.
func (s notes) TouchUser(ctx context.Context, id string, now time.Time) error {
	_, err := s.run.exec(ctx, sqlTouchUser, id, Time{now}, Time{now.Add(-touchEvery)})
	return err
}

const (
	sessionColumns   = `hash, user_id, csrf, created, expires, last_seen, agent`
	sqlInsertSession = `INSERT INTO sessions (` + sessionColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	sqlSession       = `SELECT ` + sessionColumns + ` FROM sessions WHERE hash = $1`
	sqlSessionsOf    = `SELECT ` + sessionColumns + ` FROM sessions WHERE user_id = $1 ORDER BY created, hash`
	sqlTouchSession  = `UPDATE sessions SET last_seen = $2 WHERE hash = $1 AND last_seen <= $3`
	sqlDropSession   = `DELETE FROM sessions WHERE hash = $1`
	sqlPruneSessions = `DELETE FROM sessions WHERE expires <= $1`
)

// Session is a signed-in browser. Only the hash of its cookie is kept.
type Session struct {
	Hash     string // hex SHA-256 of the cookie
	User     string // id
	CSRF     string
	Created  time.Time
	Expires  time.Time
	LastSeen time.Time
	Agent    string
}

func scanSession(rows *sql.Rows, s *Session) error {
	var created, expires, seen Time
	err := rows.Scan(&s.Hash, &s.User, &s.CSRF, &created, &expires, &seen, &s.Agent)
	s.Created, s.Expires, s.LastSeen = created.Time, expires.Time, seen.Time
	return err
}

// InsertSession keeps a new session.
func (s notes) InsertSession(ctx context.Context, v Session) error {
	if _, err := s.run.exec(ctx, sqlInsertSession, v.Hash, v.User, v.CSRF, Time{v.Created}, Time{v.Expires},
		Time{v.LastSeen}, v.Agent); err != nil {
		return fmt.Errorf("insert session of %s: %w", v.User, err)
	}
	return nil
}

// Session returns the session with the hash, expired or not.
func (r reads) Session(ctx context.Context, hash string) (Session, error) {
	got, err := one(ctx, r.run, scanSession, sqlSession, hash)
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	if got == nil {
		return Session{}, fault.New(fault.NotFound, "not_found", "There is no such session.")
	}
	return *got, nil
}

// SessionsOf returns the sessions of a user, oldest first.
func (r reads) SessionsOf(ctx context.Context, user string) ([]Session, error) {
	return all(ctx, r.run, scanSession, sqlSessionsOf, user)
}

// TouchSession writes down that the session was used, once a minute at most.
func (s notes) TouchSession(ctx context.Context, hash string, now time.Time) error {
	_, err := s.run.exec(ctx, sqlTouchSession, hash, Time{now}, Time{now.Add(-touchEvery)})
	return err
}

// DeleteSession ends a session; one that is gone is no error.
func (s notes) DeleteSession(ctx context.Context, hash string) error {
	_, err := s.run.exec(ctx, sqlDropSession, hash)
	return err
}

// PruneSessions deletes the sessions that have expired by now.
func (s notes) PruneSessions(ctx context.Context, now time.Time) (int64, error) {
	return s.run.exec(ctx, sqlPruneSessions, Time{now})
}
