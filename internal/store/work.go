package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// due is true for a row that may be claimed at $1: its time has come and nobody
// holds it, or whoever held it let the lease run out.
const due = `((next_at > 0 AND next_at <= $1 AND lease_until = 0) OR (lease_until > 0 AND lease_until <= $1))`

// dueAt is the moment from which a row is due.
const dueAt = `CASE WHEN lease_until > 0 THEN lease_until ELSE next_at END`

const (
	sqlSchedule = `INSERT INTO work (id, kind, version, next_at, due_at, lease_by, lease_until)
		VALUES ($1, $2, 0, $3, 0, '', 0) ON CONFLICT (id) DO UPDATE SET next_at =
		CASE WHEN work.next_at = 0 OR work.next_at > excluded.next_at THEN excluded.next_at ELSE work.next_at END`
	sqlFree = `UPDATE work SET lease_by = '', lease_until = 0, next_at =
		CASE WHEN next_at = 0 OR next_at > CAST($1 AS BIGINT) THEN CAST($1 AS BIGINT) ELSE next_at END
		WHERE lease_until > 0`
	sqlRenew    = `UPDATE work SET lease_until = $4 WHERE id = $1 AND version = $2 AND lease_by = $3`
	sqlGiveBack = `UPDATE work SET lease_by = '', lease_until = 0, next_at =
		CASE WHEN CAST($4 AS BIGINT) > 0 AND (next_at = 0 OR next_at > $4) THEN $4 ELSE next_at END
		WHERE id = $1 AND version = $2 AND lease_by = $3`
)

// Work says that something is to be looked at, at a time, by one node at once.
//
// A row has a time (next_at) and perhaps a lease. Schedule only ever moves the time
// nearer. Claim takes due rows: it clears the time and sets the lease, so that a
// wake that comes in while the row is held is kept as the new time, to be due when
// the lease is given back. GiveBack does that with the time at which to
// look again; the earlier of that and a wake counts. When a node dies, its lease
// runs out and the row is due by that alone. Hence no wake is lost, and each may
// come twice: whoever holds work must look, not count.
type Work struct {
	ID         string
	Kind       string
	Node       string    // that holds it
	NextAt     time.Time // when it became due
	LeaseUntil time.Time
	Version    int64 // number of its claims: names this one
}

// Schedule asks for a look at id, no later than at.
func (tx *Tx) Schedule(ctx context.Context, id, kind string, at time.Time) error {
	if _, err := tx.run.exec(ctx, sqlSchedule, id, kind, Time{at}); err != nil {
		return fmt.Errorf("schedule %s: %w", id, err)
	}
	return nil
}

// Claim takes up to limit due rows of the kinds for a node, the longest due first.
// Claim, Renew and GiveBack are, with the notes, the only writes outside of Write:
// they move no state, and every node makes them all the time.
func (db *DB) Claim(
	ctx context.Context, node string, kinds []string, limit int, lease time.Duration, now time.Time,
) ([]Work, error) {
	if node == "" || len(kinds) == 0 {
		return nil, fault.New(fault.Internal, "claim_incomplete", "A claim names its node and the kinds it wants.")
	}
	query, args := claimQuery(node, kinds, limit, lease, now)
	var out []Work
	err := db.retry(ctx, func() (err error) {
		out, err = all(ctx, db.notes.run, scanWork, query, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim work: %w", err)
	}
	return out, nil
}

// claimQuery is one statement, so that it holds without any isolation level: rivals
// wait for each other's rows and then see that these are not due any more.
func claimQuery(node string, kinds []string, limit int, lease time.Duration, now time.Time) (string, []any) {
	c := clause{args: []any{Time{now}, node, Time{now.Add(lease)}, limited(limit)}}
	c.in("kind", kinds)
	return `UPDATE work SET lease_by = $2, lease_until = $3, due_at = ` + dueAt + `, next_at = 0, version = version + 1
		WHERE id IN (SELECT id FROM work` + c.String() + ` AND ` + due + `
		ORDER BY ` + dueAt + `, id LIMIT $4) AND ` + due + `
		RETURNING id, kind, lease_by, due_at, lease_until, version`, c.args
}

func scanWork(rows *sql.Rows, w *Work) error {
	var at, until Time
	err := rows.Scan(&w.ID, &w.Kind, &w.Node, &at, &until, &w.Version)
	w.NextAt, w.LeaseUntil = at.Time, until.Time
	return err
}

// Free ends every lease, so that what they held is due at now. Only the one process
// of a SQLite file may do that, when it starts: whoever held them is gone.
func (db *DB) Free(ctx context.Context, now time.Time) error {
	if _, err := db.notes.run.exec(ctx, sqlFree, Time{now}); err != nil {
		return fmt.Errorf("free the work of a process that is gone: %w", err)
	}
	return nil
}

// Renew extends the lease. It is a Conflict lease_lost when another has claimed the
// row meanwhile.
func (db *DB) Renew(ctx context.Context, w Work, lease time.Duration, now time.Time) error {
	return db.holding(ctx, w, sqlRenew, Time{now.Add(lease)})
}

// GiveBack ends the lease and asks for the next look, unless next is zero. An
// earlier wake that came in meanwhile wins.
func (db *DB) GiveBack(ctx context.Context, w Work, next time.Time) error {
	return db.holding(ctx, w, sqlGiveBack, Time{next})
}

func (db *DB) holding(ctx context.Context, w Work, query string, at Time) error {
	var n int64
	err := db.retry(ctx, func() (err error) {
		n, err = db.notes.run.exec(ctx, query, w.ID, w.Version, w.Node, at)
		return err
	})
	if err != nil {
		return fmt.Errorf("hold work %s: %w", w.ID, err)
	}
	if n == 0 {
		return fault.New(fault.Conflict, "lease_lost", "The work %s is not held by %s any more.", w.ID, w.Node)
	}
	return nil
}

// NextDue returns the moment from which the next row of the kinds is due, zero when
// none has a time. With leases held by the living it is early, never late.
func (r reads) NextDue(ctx context.Context, kinds []string) (time.Time, error) {
	query, args := nextDueQuery(kinds)
	at, err := one(ctx, r.run, value[Time], query, args...)
	if err != nil {
		return time.Time{}, fmt.Errorf("read when work is due: %w", err)
	}
	return at.Time, nil
}

func nextDueQuery(kinds []string) (string, []any) {
	var c clause
	c.in("kind", kinds)
	c.and("(next_at > 0 OR lease_until > 0)")
	return `SELECT COALESCE(MIN(` + dueAt + `), 0) FROM work` + c.String(), c.args
}
