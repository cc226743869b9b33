package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	sqlSealed    = `SELECT name, key_id, envelope, actor, since, used FROM sealed WHERE app = $1 AND name = $2`
	sqlPutSealed = `INSERT INTO sealed (app, name, key_id, envelope, actor, since) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (app, name) DO UPDATE SET key_id = excluded.key_id, envelope = excluded.envelope,
		actor = excluded.actor, since = excluded.since`
	sqlDeleteSealed = `DELETE FROM sealed WHERE app = $1 AND name = $2`
	sqlSealedOld    = `SELECT name, key_id, envelope, actor, since, used FROM sealed WHERE app = $1 AND key_id <> $2
		ORDER BY name LIMIT $3`
	sqlSealedAll = `SELECT name, key_id, envelope, actor, since, used FROM sealed WHERE app = $1 AND name > $2
		ORDER BY name LIMIT $3`
	sqlTouchSealed = `UPDATE sealed SET used = $3 WHERE app = $1 AND name = $2 AND used < $3`
	sqlSealedKeys  = `SELECT key_id, COUNT(*) FROM sealed GROUP BY key_id ORDER BY key_id`
)

// Sealed is a secret as the database keeps it: closed under a key that the database has not.
type Sealed struct {
	Name     string
	Key      string // id of the vault's key
	Envelope string
	Actor    string // who set it
	Since    time.Time
	Used     time.Time // when it was opened last, to the hour; zero: not yet
}

func scanSealed(rows *sql.Rows, s *Sealed) error {
	var since, used Time
	err := rows.Scan(&s.Name, &s.Key, &s.Envelope, &s.Actor, &since, &used)
	s.Since, s.Used = since.Time, used.Time
	return err
}

// Sealed returns the sealed secret with the name. Faults: NotFound.
func (r reads) Sealed(ctx context.Context, app, name string) (Sealed, error) {
	got, err := one(ctx, r.run, scanSealed, sqlSealed, app, name)
	if err != nil {
		return Sealed{}, fmt.Errorf("read the sealed %s: %w", name, err)
	}
	if got == nil {
		return Sealed{}, notFound("secret", name)
	}
	return *got, nil
}

// SealedOld returns some of the secrets that are sealed with another key than the one named.
func (r reads) SealedOld(ctx context.Context, app, key string, limit int) ([]Sealed, error) {
	out, err := all(ctx, r.run, scanSealed, sqlSealedOld, app, key, limit)
	if err != nil {
		return nil, fmt.Errorf("list what older keys sealed: %w", err)
	}
	return out, nil
}

// SealedKeys returns how many secrets of this database, of any application, each key has sealed.
func (r reads) SealedKeys(ctx context.Context) (map[string]int64, error) {
	type count struct {
		key string
		n   int64
	}
	list, err := all(ctx, r.run, func(rows *sql.Rows, c *count) error { return rows.Scan(&c.key, &c.n) }, sqlSealedKeys)
	if err != nil {
		return nil, fmt.Errorf("count what each key sealed: %w", err)
	}
	out := map[string]int64{}
	for _, c := range list {
		out[c.key] = c.n
	}
	return out, nil
}

// PutSealed keeps a sealed secret over what its name had.
func (tx *Tx) PutSealed(ctx context.Context, app string, s Sealed) error {
	_, err := tx.run.exec(ctx, sqlPutSealed, app, s.Name, s.Key, s.Envelope, s.Actor, Time{s.Since})
	if err != nil {
		return fmt.Errorf("put the sealed %s: %w", s.Name, err)
	}
	return nil
}

// DeleteSealed forgets a secret; one that is gone is no error.
func (tx *Tx) DeleteSealed(ctx context.Context, app, name string) error {
	if _, err := tx.run.exec(ctx, sqlDeleteSealed, app, name); err != nil {
		return fmt.Errorf("forget the sealed %s: %w", name, err)
	}
	return nil
}

// SealedAfter returns some of an application's secrets by name, after one.
func (r reads) SealedAfter(ctx context.Context, app, name string, limit int) ([]Sealed, error) {
	out, err := all(ctx, r.run, scanSealed, sqlSealedAll, app, name, limit)
	if err != nil {
		return nil, fmt.Errorf("list what is sealed: %w", err)
	}
	return out, nil
}

// TouchSealed notes that a secret was used.
func (s notes) TouchSealed(ctx context.Context, app, name string, at time.Time) error {
	if _, err := s.run.exec(ctx, sqlTouchSealed, app, name, Time{at}); err != nil {
		return fmt.Errorf("note the use of %s: %w", name, err)
	}
	return nil
}
