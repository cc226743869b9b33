package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

const (
	tokenColumns   = `id, name, owner, hash, scopes, created, expires, revoked, last_used`
	sqlInsertToken = `INSERT INTO tokens (` + tokenColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	sqlToken       = `SELECT ` + tokenColumns + ` FROM tokens WHERE id = $1`
	sqlTokenByHash = `SELECT ` + tokenColumns + ` FROM tokens WHERE hash = $1`
	sqlTokens      = `SELECT ` + tokenColumns + ` FROM tokens ORDER BY created, id`
	sqlTokensOf    = `SELECT ` + tokenColumns + ` FROM tokens WHERE owner = $1 ORDER BY created, id`
	sqlRevokeToken = `UPDATE tokens SET revoked = $2 WHERE id = $1 AND revoked = 0`
	sqlTouchToken  = `UPDATE tokens SET last_used = $2 WHERE id = $1 AND last_used <= $3`

	sqlSecret       = `SELECT value FROM secrets WHERE name = $1`
	sqlInsertSecret = `INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`
	sqlDeleteSecret = `DELETE FROM secrets WHERE name = $1`
)

// Token is a credential of a machine. Only its hash is kept. It never changes but by
// being revoked.
type Token struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Owner    string    `json:"owner"` // id of the user
	Hash     string    `json:"-"`     // hex SHA-256
	Scopes   []string  `json:"scopes"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`
	Revoked  time.Time `json:"revoked,omitzero"`
	LastUsed time.Time `json:"last_used,omitzero"`
}

func scanToken(rows *sql.Rows, t *Token) error {
	var scopes JSON[[]string]
	var created, expires, revoked, used Time
	err := rows.Scan(&t.ID, &t.Name, &t.Owner, &t.Hash, &scopes, &created, &expires, &revoked, &used)
	t.Scopes, t.Created, t.Expires, t.Revoked, t.LastUsed = scopes.V, created.Time, expires.Time, revoked.Time, used.Time
	return err
}

// InsertToken records a new token.
func (tx *Tx) InsertToken(ctx context.Context, t Token) error {
	if _, err := tx.run.exec(ctx, sqlInsertToken, t.ID, t.Name, t.Owner, t.Hash, JSON[[]string]{t.Scopes}, Time{t.Created},
		Time{t.Expires}, Time{t.Revoked}, Time{t.LastUsed}); err != nil {
		return fmt.Errorf("insert token %s: %w", t.ID, err)
	}
	return nil
}

// Token returns the token with the id.
func (r reads) Token(ctx context.Context, id string) (Token, error) {
	got, err := one(ctx, r.run, scanToken, sqlToken, id)
	if err != nil {
		return Token{}, fmt.Errorf("read token %s: %w", id, err)
	}
	if got == nil {
		return Token{}, notFound("token", id)
	}
	return *got, nil
}

// TokenByHash returns the token with the hash, whether or not it is still good.
func (r reads) TokenByHash(ctx context.Context, hash string) (Token, error) {
	got, err := one(ctx, r.run, scanToken, sqlTokenByHash, hash)
	if err != nil {
		return Token{}, fmt.Errorf("read token: %w", err)
	}
	if got == nil {
		return Token{}, fault.New(fault.NotFound, "not_found", "There is no such token.")
	}
	return *got, nil
}

// Tokens returns the tokens of an owner (of everybody for ""), oldest first.
func (r reads) Tokens(ctx context.Context, owner string) ([]Token, error) {
	if owner == "" {
		return all(ctx, r.run, scanToken, sqlTokens)
	}
	return all(ctx, r.run, scanToken, sqlTokensOf, owner)
}

// RevokeToken ends a token. The first time stays when it was revoked before.
func (tx *Tx) RevokeToken(ctx context.Context, id string, at time.Time) error {
	n, err := tx.run.exec(ctx, sqlRevokeToken, id, Time{at})
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	if n == 0 {
		_, err = tx.Token(ctx, id)
	}
	return err
}

// TouchToken writes down that the token was used, once a minute at most.
func (s notes) TouchToken(ctx context.Context, id string, now time.Time) error {
	_, err := s.run.exec(ctx, sqlTouchToken, id, Time{now}, Time{now.Add(-touchEvery)})
	return err
}

// Secret returns a secret of the server's own, such as its signing key.
func (r reads) Secret(ctx context.Context, name string) ([]byte, error) {
	got, err := one(ctx, r.run, value[[]byte], sqlSecret, name)
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", name, err)
	}
	if got == nil {
		return nil, notFound("secret", name)
	}
	return *got, nil
}

// PutSecretOnce keeps the first value a secret is given and returns what is kept, so
// that of two nodes that start at once both use the same.
func (tx *Tx) PutSecretOnce(ctx context.Context, name string, value []byte) ([]byte, error) {
	if value == nil {
		value = []byte{}
	}
	if _, err := tx.run.exec(ctx, sqlInsertSecret, name, value); err != nil {
		return nil, fmt.Errorf("put secret %s: %w", name, err)
	}
	return tx.Secret(ctx, name)
}

// DeleteSecret forgets a secret; one that is gone is no error.
func (tx *Tx) DeleteSecret(ctx context.Context, name string) error {
	if _, err := tx.run.exec(ctx, sqlDeleteSecret, name); err != nil {
		return fmt.Errorf("delete secret %s: %w", name, err)
	}
	return nil
}
