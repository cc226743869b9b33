package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
)

// reads are the methods that only read. DB and Tx have them all; on Tx they see
// what the transaction has written.
type reads struct{ run runner }

// notes are writes that are no change of state: they have no event and no version.
// What a machine measured, a session's last use, a counted failure. DB and Tx have
// them all; on DB each is a small transaction of its own.
type notes struct{ run runner }

// Tx is one transaction of the engine.
type Tx struct {
	reads
	notes
	run  runner
	now  time.Time
	head headRow     // of the log; zero until this transaction holds it
	end  *event.Head // of the log, once this transaction has appended to it
	undo []func()    // gives the arguments of updates their versions back
}

// A transaction that collided with another is tried again, after a random pause of
// up to twice the last.
const (
	writeTries = 8
	firstPause = 2 * time.Millisecond
)

// Write runs f in one transaction and commits it. When it collides with another
// (serialization failure, deadlock, busy) f runs again from the start, so that it
// must read what it changes through its Tx and do nothing outside of it. An error or
// a panic of f rolls back. Write must not be called inside f: SQLite has one writer.
func (db *DB) Write(ctx context.Context, f func(*Tx) error) error {
	var head *event.Head
	err := db.retry(ctx, func() (err error) {
		head, err = db.writeOnce(ctx, f)
		return err
	})
	if err != nil || head == nil {
		return err
	}
	db.mu.Lock()
	hooks := db.hooks
	db.mu.Unlock()
	for _, hook := range hooks {
		hook(*head)
	}
	return nil
}

// OnCommit adds a function that Write calls, before it returns, after each commit
// that appended events, with the log's new head. With several writers the calls may
// overtake one another.
func (db *DB) OnCommit(hook func(head event.Head)) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.hooks = append(db.hooks[:len(db.hooks):len(db.hooks)], hook)
}

// writeOnce is one try. It returns the log's new head when f appended events.
func (db *DB) writeOnce(ctx context.Context, f func(*Tx) error) (*event.Head, error) {
	if _, err := db.Now(ctx); err != nil { // measures the clock while no lock is held
		return nil, err
	}
	sqltx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, translate(err)
	}
	run := runner{sqltx}
	tx := &Tx{reads: reads{run}, notes: notes{run}, run: run}
	committed := false
	defer func() { // also when f panics
		if committed {
			return
		}
		_ = sqltx.Rollback() // the transaction is lost either way; f's error says why
		for i := len(tx.undo) - 1; i >= 0; i-- {
			tx.undo[i]()
		}
	}()
	if db.dialect == PostgreSQL {
		if err := tx.lockHead(ctx); err != nil {
			return nil, err
		}
	}
	tx.now = db.clock()
	if err := f(tx); err != nil {
		return nil, err
	}
	if err := sqltx.Commit(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return nil, translate(fmt.Errorf("commit: %w", err))
	} else if err != nil { // the context ended meanwhile and rolled it back
		return nil, fmt.Errorf("commit: %w", errors.Join(ctx.Err(), err))
	}
	committed = true
	return tx.end, nil
}

// retry calls try until it does not collide any more, a few times at most. On a full disk it tries again as long as the
// reserve makes room.
func (db *DB) retry(ctx context.Context, try func() error) error {
	pause := firstPause
	for n := 1; ; n++ {
		err := try()
		for full(err) && db.reserve.spend() {
			err = try()
		}
		if full(err) && db.short != nil {
			db.short.note(err)
		}
		if err == nil || n == writeTries || troubleOf(err) != collided {
			return db.mended(err)
		}
		timer := time.NewTimer(rand.N(pause) + pause/2)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for another transaction: %w", ctx.Err())
		case <-timer.C:
		}
		pause *= 2
	}
}

// mended is translate, with what to free and where if there was no room.
func (db *DB) mended(err error) error {
	out := translate(err)
	if f, ok := errors.AsType[*fault.Error](out); ok && full(err) {
		return db.Room().mend(f)
	}
	return out
}

// Now returns the time at which its turn to write came, by the clock of DB.Now.
func (tx *Tx) Now() time.Time { return tx.now }

// bump sets the version of an argument, until the transaction is rolled back.
func (tx *Tx) bump(row *int64, version int64) {
	old := *row
	tx.undo = append(tx.undo, func() { *row = old })
	*row = version
}

// lockHead takes the log's counter row for this transaction: whoever else writes
// waits until it ends, so that numbers have no gaps and are seen in their order. On
// PostgreSQL Write takes it first of all: nearly every transaction needs it sooner or
// later, and those that took it after other rows met in deadlocks, a second each.
func (tx *Tx) lockHead(ctx context.Context) error {
	if tx.head.Hash != "" {
		return nil
	}
	row, err := one(ctx, tx.run, scanHead, sqlLockHead)
	if err != nil {
		return fmt.Errorf("lock the log's head: %w", err)
	}
	if row == nil {
		return fault.New(fault.Internal, "log_head_missing", "The log has no head: its row was deleted.")
	}
	tx.head = *row
	return nil
}
