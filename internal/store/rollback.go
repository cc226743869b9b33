package store

import (
	"context"

	"github.com/slipwayhq/slipway/internal/rollback"
)

const (
	sqlInsertRollback = `INSERT INTO rollbacks (id, version, doc, app, phase, active, release_id, created)
		VALUES ($1, 1, $2, $3, $4, $5, $6, $7)`
	sqlUpdateRollback = `UPDATE rollbacks SET version = version + 1, doc = $3, app = $4, phase = $5, active = $6,
		release_id = $7, created = $8 WHERE id = $1 AND version = $2`
	sqlRollback           = `SELECT version, doc FROM rollbacks WHERE id = $1`
	sqlActiveRollbacks    = `SELECT version, doc FROM rollbacks WHERE app = $1 AND active = TRUE ORDER BY created, id`
	sqlAllActiveRollbacks = `SELECT version, doc FROM rollbacks WHERE active = TRUE ORDER BY created, id`
)

func rollbacks() noun[rollback.Rollback] {
	return noun[rollback.Rollback]{
		name: "rollback", insert: sqlInsertRollback, update: sqlUpdateRollback, read: sqlRollback,
		id:  func(r *rollback.Rollback) string { return r.ID },
		row: func(r *rollback.Rollback) *int64 { return &r.Row },
		copies: func(r *rollback.Rollback) []any {
			return []any{r.App, string(r.Phase), !r.Phase.Final(), r.Release, Time{r.Created}}
		},
	}
}

// RollbackFilter says which rollbacks are asked for. Empty fields ask for all.
type RollbackFilter struct {
	App    string
	Before string // cursor of the page, from the page before
	Limit  int    // 50 when 0, at most 1,000
}

// InsertRollback records a new rollback.
func (tx *Tx) InsertRollback(ctx context.Context, r *rollback.Rollback) error {
	return rollbacks().add(ctx, tx, r)
}

// UpdateRollback records a rollback that was read before, and raises its Row.
func (tx *Tx) UpdateRollback(ctx context.Context, r *rollback.Rollback) error {
	return rollbacks().change(ctx, tx, r)
}

// Rollback returns the rollback with the id.
func (r reads) Rollback(ctx context.Context, id string) (rollback.Rollback, error) {
	return rollbacks().byID(ctx, r.run, id)
}

// Rollbacks returns a page of rollbacks, newest first, and the cursor of the next.
func (r reads) Rollbacks(ctx context.Context, f RollbackFilter) ([]rollback.Rollback, string, error) {
	return page(ctx, r.run, rollbacks(), "rollbacks", f.clause(), f.Before, f.Limit)
}

func (f RollbackFilter) clause() clause {
	var c clause
	c.is("app", f.App)
	return c
}

// ActiveRollbacks returns the rollbacks of the app (of all apps for "") to which
// something can still happen, failed ones included, oldest first.
func (r reads) ActiveRollbacks(ctx context.Context, app string) ([]rollback.Rollback, error) {
	return active(ctx, r.run, rollbacks(), app, sqlActiveRollbacks, sqlAllActiveRollbacks)
}
