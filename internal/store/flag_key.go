package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	flagKeyColumns   = `id, app, environment, kind, hash, name, origins, created, created_by, revoked, last_used`
	sqlInsertFlagKey = `INSERT INTO flag_keys (` + flagKeyColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	sqlFlagKey       = `SELECT ` + flagKeyColumns + ` FROM flag_keys WHERE id = $1`
	sqlFlagKeys      = `SELECT ` + flagKeyColumns + ` FROM flag_keys WHERE app = $1 ORDER BY created, id`
	sqlRevokeFlagKey = `UPDATE flag_keys SET revoked = $2 WHERE id = $1 AND revoked = 0`
	sqlTouchFlagKey  = `UPDATE flag_keys SET last_used = $2 WHERE id = $1 AND last_used < $2`

	sqlGenerations = `SELECT environment, generation FROM flag_generations WHERE app = $1`
)

// KeysGeneration stands in the place of an environment in generations: it rises whenever a key is made or revoked.
const KeysGeneration = "*"

// FlagKey lets programs evaluate the flags of one environment. Only its hash is kept. It never changes but by being
// revoked.
type FlagKey struct {
	ID          string
	App         string
	Environment string
	Kind        string // server or public
	Hash        string // hex SHA-256
	Name        string
	Origins     []string // of pages that may use it; empty: any
	Created     time.Time
	CreatedBy   string
	Revoked     time.Time
	LastUsed    time.Time // to the minute or so
}

func scanFlagKey(rows *sql.Rows, k *FlagKey) error {
	var origins JSON[[]string]
	var created, revoked, used Time
	err := rows.Scan(&k.ID, &k.App, &k.Environment, &k.Kind, &k.Hash, &k.Name, &origins, &created, &k.CreatedBy, &revoked,
		&used)
	k.Origins, k.Created, k.Revoked, k.LastUsed = origins.V, created.Time, revoked.Time, used.Time
	return err
}

// InsertFlagKey records a new key and tells who holds the keys in memory.
func (tx *Tx) InsertFlagKey(ctx context.Context, k FlagKey) error {
	if _, err := tx.run.exec(ctx, sqlInsertFlagKey, k.ID, k.App, k.Environment, k.Kind, k.Hash, k.Name,
		JSON[[]string]{append([]string{}, k.Origins...)}, Time{k.Created}, k.CreatedBy, Time{k.Revoked},
		Time{k.LastUsed}); err != nil {
		return fmt.Errorf("insert flag key %s: %w", k.ID, err)
	}
	_, err := tx.RaiseGeneration(ctx, k.App, KeysGeneration)
	return err
}

// FlagKey returns the key with the id.
func (r reads) FlagKey(ctx context.Context, id string) (FlagKey, error) {
	got, err := one(ctx, r.run, scanFlagKey, sqlFlagKey, id)
	if err != nil {
		return FlagKey{}, fmt.Errorf("read flag key %s: %w", id, err)
	}
	if got == nil {
		return FlagKey{}, notFound("flag key", clip(id))
	}
	return *got, nil
}

// FlagKeys returns the app's keys, revoked ones too, oldest first.
func (r reads) FlagKeys(ctx context.Context, app string) ([]FlagKey, error) {
	out, err := all(ctx, r.run, scanFlagKey, sqlFlagKeys, app)
	if err != nil {
		return nil, fmt.Errorf("list flag keys: %w", err)
	}
	return out, nil
}

// RevokeFlagKey ends a key. The first time stays when it was revoked before.
func (tx *Tx) RevokeFlagKey(ctx context.Context, k FlagKey, at time.Time) error {
	if _, err := tx.run.exec(ctx, sqlRevokeFlagKey, k.ID, Time{at}); err != nil {
		return fmt.Errorf("revoke flag key %s: %w", k.ID, err)
	}
	_, err := tx.RaiseGeneration(ctx, k.App, KeysGeneration)
	return err
}

// TouchFlagKey writes down that the key was used.
func (s notes) TouchFlagKey(ctx context.Context, id string, at time.Time) error {
	_, err := s.run.exec(ctx, sqlTouchFlagKey, id, Time{at})
	return err
}

// FlagGenerations returns how often the flags of each of the app's environments were changed, and its keys.
func (r reads) FlagGenerations(ctx context.Context, app string) (map[string]int64, error) {
	type row struct {
		environment string
		generation  int64
	}
	rows, err := all(ctx, r.run, func(rows *sql.Rows, v *row) error {
		return rows.Scan(&v.environment, &v.generation)
	}, sqlGenerations, app)
	if err != nil {
		return nil, fmt.Errorf("read the generations of %s: %w", app, err)
	}
	out := make(map[string]int64, len(rows))
	for _, v := range rows {
		out[v.environment] = v.generation
	}
	return out, nil
}
