package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

const (
	sqlBeginIdempotent = `INSERT INTO idempotency (actor, name, fingerprint, status, body, created)
		VALUES ($1, $2, $3, 0, $4, $5)
		ON CONFLICT (actor, name) DO UPDATE SET fingerprint = excluded.fingerprint, created = excluded.created
		WHERE idempotency.status = 0 AND idempotency.created <= $6`
	sqlIdempotent = `SELECT name, actor, fingerprint, status, body, created FROM idempotency
		WHERE actor = $1 AND name = $2`
	sqlFinishIdempotent = `UPDATE idempotency SET status = $3, body = $4 WHERE actor = $1 AND name = $2`
	sqlDropIdempotent   = `DELETE FROM idempotency WHERE actor = $1 AND name = $2`
	sqlPruneIdempotent  = `DELETE FROM idempotency WHERE created < $1`
	sqlPruneOwn         = `DELETE FROM idempotency WHERE actor = $1 AND created < $2`

	sqlFailures      = `SELECT COUNT(*) FROM failures WHERE name = $1 AND at >= $2`
	sqlAddFailure    = `INSERT INTO failures (name, at) VALUES ($1, $2)`
	sqlClearFailures = `DELETE FROM failures WHERE name = $1`
	sqlPruneFailures = `DELETE FROM failures WHERE at < $1`
)

// abandoned is after how long an unfinished request is taken to have died.
const abandoned = 2 * time.Minute

// Idempotency is a request that was named by its sender, with its answer.
type Idempotency struct {
	Key         string
	Actor       string
	Fingerprint string // of the request: another one must not use the key
	Status      int    // of the answer; 0 while it is being worked on
	Body        []byte // of the answer
	Created     time.Time
}

// BeginIdempotent writes down that a request is being worked on and returns nil, or
// returns the one that has the key already. An unfinished one that is two minutes
// old died with its node: it is taken over.
func (s notes) BeginIdempotent(
	ctx context.Context, key, actor, fingerprint string, now time.Time,
) (*Idempotency, error) {
	for range 3 { // it may be dropped or pruned between the two statements
		n, err := s.run.exec(ctx, sqlBeginIdempotent, actor, key, fingerprint, []byte{}, Time{now}, Time{now.Add(-abandoned)})
		if err != nil {
			return nil, fmt.Errorf("begin request %s: %w", key, err)
		}
		if n > 0 {
			return nil, nil
		}
		got, err := one(ctx, s.run, func(rows *sql.Rows, i *Idempotency) error {
			var created Time
			err := rows.Scan(&i.Key, &i.Actor, &i.Fingerprint, &i.Status, &i.Body, &created)
			i.Created = created.Time
			return err
		}, sqlIdempotent, actor, key)
		if err != nil {
			return nil, fmt.Errorf("read request %s: %w", key, err)
		}
		if got != nil {
			return got, nil
		}
	}
	return nil, fault.New(fault.Unavailable, "store_busy",
		"The request %s is begun and dropped all the time. Try again.", key)
}

// FinishIdempotent keeps the answer of a request.
func (s notes) FinishIdempotent(ctx context.Context, key, actor string, status int, body []byte) error {
	if body == nil {
		body = []byte{}
	}
	if _, err := s.run.exec(ctx, sqlFinishIdempotent, actor, key, int64(status), body); err != nil {
		return fmt.Errorf("finish request %s: %w", key, err)
	}
	return nil
}

// DropIdempotent forgets a request, so that the same key may be tried again.
func (s notes) DropIdempotent(ctx context.Context, key, actor string) error {
	if _, err := s.run.exec(ctx, sqlDropIdempotent, actor, key); err != nil {
		return fmt.Errorf("drop request %s: %w", key, err)
	}
	return nil
}

// PruneIdempotent deletes the requests begun before a time, 24 hours ago as a rule.
func (s notes) PruneIdempotent(ctx context.Context, before time.Time) (int64, error) {
	return s.run.exec(ctx, sqlPruneIdempotent, Time{before})
}

// PruneIdempotentOf deletes one actor's requests begun before a time: of one that sends many and never again so late.
func (s notes) PruneIdempotentOf(ctx context.Context, actor string, before time.Time) (int64, error) {
	return s.run.exec(ctx, sqlPruneOwn, actor, Time{before})
}

// Failures counts the failures of a key, such as a name that signs in, at or after
// since, on all nodes.
func (r reads) Failures(ctx context.Context, key string, since time.Time) (int, error) {
	n, err := one(ctx, r.run, value[int], sqlFailures, key, Time{since})
	if err != nil {
		return 0, fmt.Errorf("count failures: %w", err)
	}
	return *n, nil
}

// AddFailure counts a failure of the key.
func (s notes) AddFailure(ctx context.Context, key string, at time.Time) error {
	if _, err := s.run.exec(ctx, sqlAddFailure, key, Time{at}); err != nil {
		return fmt.Errorf("add failure: %w", err)
	}
	return nil
}

// ClearFailures forgets the failures of the key.
func (s notes) ClearFailures(ctx context.Context, key string) error {
	if _, err := s.run.exec(ctx, sqlClearFailures, key); err != nil {
		return fmt.Errorf("clear failures: %w", err)
	}
	return nil
}

// PruneFailures forgets the failures before a time.
func (s notes) PruneFailures(ctx context.Context, before time.Time) (int64, error) {
	return s.run.exec(ctx, sqlPruneFailures, Time{before})
}
