package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// short keeps what a PostgreSQL said last of its full disk. Its disk is not ours: there is no reserve on it, and what
// was to be written was not. So nothing is decided meanwhile, and it must be seen why.
type short struct {
	mu   sync.Mutex
	says string
}

// note takes note of how a write ended.
func (s *short) note(err error) {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || !full(err) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = e.Message
}

func (s *short) room() Room {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Room{Server: s.says, Spent: s.says != ""}
}

// Doubt takes what a PostgreSQL said of its room before this process began to hold until there is some.
func (db *DB) Doubt(last Room) {
	if db.short == nil || last.Server == "" {
		return
	}
	db.short.mu.Lock()
	defer db.short.mu.Unlock()
	db.short.says = last.Server
}

func (s *short) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = ""
}

// Whether a PostgreSQL has room again is tried with a table of this size that is never committed. A small write would
// tell nothing: it fits into a page that is there. What is not logged can't fill the disk of the write-ahead log.
const triedRoom = 4 << 20

// postgres only: SQLite's disk is measured.
const (
	postgresRoom     = `CREATE UNLOGGED TABLE IF NOT EXISTS slipway_room (filling BYTEA)`
	postgresRoomFill = `INSERT INTO slipway_room (filling) VALUES ($1)`
)

// tryRoom looks whether a PostgreSQL that was full has room.
func (db *DB) tryRoom(ctx context.Context) error {
	if db.short.room().Server == "" {
		return nil
	}
	err := db.fillRoom(ctx)
	if err == nil {
		db.short.clear()
	}
	if full(err) {
		db.short.note(err)
		return nil // that is known
	}
	return translate(err)
}

func (db *DB) fillRoom(ctx context.Context) error {
	tx, err := db.write.BeginTx(ctx, &sql.TxOptions{})
	if err != nil {
		return fmt.Errorf("try for room: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	noise := make([]byte, triedRoom) // what compresses takes no room
	_, _ = rand.Read(noise)
	if _, err = tx.ExecContext(ctx, postgresRoom); err == nil {
		_, err = tx.ExecContext(ctx, postgresRoomFill, noise)
	}
	if err != nil {
		return fmt.Errorf("try for room: %w", err)
	}
	return nil
}

// watched are a PostgreSQL's small transactions: it is noticed when they find no room.
type watched struct {
	*sql.DB
	short *short
}

// ExecContext runs a statement.
func (w watched) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	res, err := w.DB.ExecContext(ctx, query, args...)
	w.short.note(err)
	return res, err //nolint:wrapcheck // as the database said it
}
