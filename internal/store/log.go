package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
)

const (
	sqlHead     = `SELECT seq, hash, at FROM log_head WHERE id = 1`
	sqlLockHead = `UPDATE log_head SET seq = seq WHERE id = 1 RETURNING seq, hash, at`
	sqlMoveHead = `UPDATE log_head SET seq = $1, hash = $2, at = $3 WHERE id = 1 AND seq = $4`
	sqlAppend   = `INSERT INTO events (seq, at, family, kind, actor, app, environment, subject, sentence, data, prev, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	sqlEachEvent  = `SELECT ` + eventColumns + ` FROM events e WHERE e.seq > $1 ORDER BY e.seq LIMIT $2`
	eventColumns  = `e.seq, e.at, e.kind, e.actor, e.app, e.environment, e.subject, e.sentence, e.data, e.prev, e.hash`
	eventsAtATime = 1000
)

// headRow is the counter row of the log.
type headRow struct {
	event.Head
	at time.Time
}

func scanHead(rows *sql.Rows, h *headRow) error {
	var at Time
	err := rows.Scan(&h.Seq, &h.Hash, &at)
	h.at = at.Time
	return err
}

// Append gives the draft the next number of the log, the hash of the event before
// and the time, which never runs backward along the log, and records it.
func (tx *Tx) Append(ctx context.Context, d event.Draft) (event.Event, error) {
	if err := tx.lockHead(ctx); err != nil {
		return event.Event{}, err
	}
	at := tx.now
	if at.Before(tx.head.at) {
		at = tx.head.at
	}
	e, err := d.Seal(tx.head.Seq+1, at, tx.head.Hash)
	if err != nil {
		return event.Event{}, fmt.Errorf("seal event: %w", err)
	}
	if _, err := tx.run.exec(ctx, sqlAppend, e.Seq, Time{e.At}, family(e.Kind), e.Kind, e.Actor, e.App, e.Environment,
		e.Subject, e.Sentence, string(e.Data), e.Prev, e.Hash); err != nil {
		return event.Event{}, fmt.Errorf("append event %s: %w", e.Kind, err)
	}
	if err := tx.index(ctx, e); err != nil {
		return event.Event{}, err
	}
	n, err := tx.run.exec(ctx, sqlMoveHead, e.Seq, e.Hash, Time{e.At}, tx.head.Seq)
	if err != nil || n != 1 {
		return event.Event{}, fmt.Errorf("move the log's head from %d: %d rows: %w", tx.head.Seq, n, err)
	}
	tx.end = &event.Head{Seq: e.Seq, Hash: e.Hash}
	tx.head = headRow{Head: *tx.end, at: e.At}
	return e, nil
}

// family is the part of a kind before its first dot.
func family(kind string) string {
	f, _, _ := strings.Cut(kind, ".")
	return f
}

// Head returns the end of the log; number 0 before the first event.
func (r reads) Head(ctx context.Context) (event.Head, error) {
	row, err := one(ctx, r.run, scanHead, sqlHead)
	if err != nil {
		return event.Head{}, fmt.Errorf("read the log's head: %w", err)
	}
	if row == nil {
		return event.Head{}, fault.New(fault.Internal, "log_head_missing", "The log has no head: its row was deleted.")
	}
	return row.Head, nil
}

func scanEvent(rows *sql.Rows, e *event.Event) error {
	var at Time
	var data string
	err := rows.Scan(&e.Seq, &at, &e.Kind, &e.Actor, &e.App, &e.Environment, &e.Subject, &e.Sentence, &data,
		&e.Prev, &e.Hash)
	e.At, e.Data = at.Time, message(data)
	return err
}

// EachEvent calls f for every event, oldest first, up to the newest there is when it
// gets there. It reads in pages and holds no transaction open.
func (r reads) EachEvent(ctx context.Context, f func(event.Event) error) error {
	_, err := r.eachAfter(ctx, 0, f)
	return err
}

// eachAfter is EachEvent from a number on. It returns the last number it saw.
func (r reads) eachAfter(ctx context.Context, last int64, f func(event.Event) error) (int64, error) {
	for {
		got, err := all(ctx, r.run, scanEvent, sqlEachEvent, last, eventsAtATime)
		if err != nil {
			return last, fmt.Errorf("read events after %d: %w", last, err)
		}
		for _, e := range got {
			if err := f(e); err != nil {
				return last, err
			}
			last = e.Seq
		}
		if len(got) < eventsAtATime {
			return last, nil
		}
	}
}

// VerifyLog walks the whole log and returns its head when the chain holds. A broken
// chain is a fault log_broken that names the place. The head is read before the walk
// and after it, because others may append meanwhile: the log must reach the first
// and must not go beyond the second.
func (r reads) VerifyLog(ctx context.Context) (event.Head, error) {
	head, err := r.Head(ctx)
	if err != nil {
		return event.Head{}, err
	}
	var v event.Verifier
	var broken error
	seen, err := r.eachAfter(ctx, 0, func(e event.Event) error {
		if broken = v.Next(e); broken == nil && e.Seq == head.Seq {
			broken = v.End(head)
		}
		return broken
	})
	if broken == nil && err != nil {
		return event.Head{}, err
	}
	if broken == nil && seen < head.Seq {
		broken = v.End(head)
	}
	after, err := r.Head(ctx)
	if err != nil {
		return event.Head{}, err
	}
	if broken == nil && seen > after.Seq {
		broken = fmt.Errorf("the log ends at event %d but its head says %d", seen, after.Seq)
	}
	if broken != nil {
		return event.Head{}, fault.New(fault.Refused, "log_broken", "The log was tampered with: %v.", broken)
	}
	return head, nil
}
