// Package store is the only SQL of Slipway: one text in the house dialect that
// runs on SQLite (one file, the default) and on PostgreSQL (many nodes).
//
// State and its events are one commit: Write gives the engine a transaction, in
// which every update compares the version that was read and every Append takes the
// next number of the one log. Reads work on DB and, inside a transaction, on Tx.
// Nothing here decides anything; what comes back is what was put in.
//
// Driver errors end here: callers see faults (not_found, changed_meanwhile,
// already_exists, store_unavailable, …). See DESIGN.md for what holds and why.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // registers "sqlite"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
)

// The engines, as Dialect names them.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgres"
)

// Connections to the database. SQLite has one writer, because it can have no more. On
// PostgreSQL writers queue for the log's head: they have a pool of their own, so that
// all of them waiting leave connections for everybody else.
const (
	sqliteReaders   = 8
	postgresWriters = 6
	postgresReaders = 12
)

// DB is an open database. It is safe for use by many goroutines.
type DB struct {
	reads
	notes
	dialect string
	write   *sql.DB  // transactions; SQLite: one connection, for notes too
	read    *sql.DB  // reads; PostgreSQL: notes too
	reserve *reserve // SQLite only
	short   *short   // PostgreSQL only

	mu       sync.Mutex
	hooks    []func(event.Head)
	offset   time.Duration // database clock minus ours
	measured time.Time     // when offset was measured; zero: never
}

// Open opens "sqlite:/path", a plain path, or a postgres:// address, and brings the
// schema up to date. It refuses a database that a newer Slipway has migrated.
func Open(ctx context.Context, address string) (*DB, error) {
	db, err := connect(address)
	if err != nil {
		return nil, err
	}
	db.reads = reads{run: runner{db.read}}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func connect(address string) (*DB, error) {
	if strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://") {
		return connectPostgres(address)
	}
	path := strings.TrimPrefix(strings.TrimPrefix(address, "sqlite:"), "//")
	if path == "" || strings.Contains(path, ":memory:") {
		return nil, fault.New(fault.Invalid, "bad_database", "%q names no database: give a path or postgres://…", address)
	}
	return connectSQLite(path)
}

// idleTimeout ends the transaction of a node that hangs: all others wait for it.
const idleTimeout = "idle_in_transaction_session_timeout"

func connectPostgres(address string) (*DB, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "bad_database", "The database address cannot be read.")
	}
	for name, value := range map[string]string{"application_name": "slipway", idleTimeout: "30s"} {
		if config.RuntimeParams[name] == "" {
			config.RuntimeParams[name] = value
		}
	}
	write, read := stdlib.OpenDB(*config), stdlib.OpenDB(*config)
	write.SetMaxOpenConns(postgresWriters)
	read.SetMaxOpenConns(postgresReaders)
	read.SetMaxIdleConns(postgresReaders / 2)
	room := &short{}
	return &DB{dialect: PostgreSQL, write: write, read: read, notes: notes{runner{watched{read, room}}}, short: room}, nil
}

// connectSQLite opens the file, which only its owner may read: it holds password
// hashes and keys.
func connectSQLite(path string) (*DB, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "store_unavailable", "The database file %s cannot be opened.", path)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("close database file: %w", err)
	}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)" +
		"&_pragma=foreign_keys(1)&_pragma=synchronous(NORMAL)&_pragma=secure_delete(fast)&_txlock=immediate"
	write, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), write.Close())
	}
	read.SetMaxOpenConns(sqliteReaders)
	read.SetMaxIdleConns(sqliteReaders)
	kept := &reserve{path: path + reserveName, cut: os.Truncate}
	return &DB{dialect: SQLite, write: write, read: read, notes: notes{runner{relieved{write, kept}}}, reserve: kept}, nil
}

// Scrub has the files of SQLite no longer hold what was deleted. A server cleans up by itself, in its own time.
func (db *DB) Scrub(ctx context.Context) error {
	if db.dialect != SQLite {
		return nil
	}
	if _, err := db.write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return fmt.Errorf("empty the log of the database: %w", err)
	}
	return nil
}

// Close closes every connection. What runs ends with an error.
func (db *DB) Close() error { return errors.Join(db.read.Close(), db.write.Close()) }

// Dialect returns SQLite or PostgreSQL.
func (db *DB) Dialect() string { return db.dialect }

// Ping reports whether the database answers, by reading the log's head.
func (db *DB) Ping(ctx context.Context) error {
	_, err := db.Head(ctx)
	return err
}

// clockEvery is how long a measured offset of the database's clock is trusted.
const clockEvery = time.Minute

// postgres only: the one function of the product that asks an engine for its time.
const postgresClock = `SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`

// Now returns the time that claims and the log go by, in microseconds: on
// PostgreSQL the database's clock, so that a node with a wrong clock cannot steal a
// claim; on SQLite ours, so that tests can fake it. The offset is measured once a
// minute; when a later measurement fails, the one before stays in use.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	if db.dialect == SQLite {
		return db.clock(), nil
	}
	db.mu.Lock()
	measured := db.measured
	db.mu.Unlock()
	if measured.IsZero() || time.Since(measured) > clockEvery {
		if err := db.measureClock(ctx); err != nil && measured.IsZero() {
			return time.Time{}, fmt.Errorf("measure the database's clock: %w", err)
		}
	}
	return db.clock(), nil
}

// clock is Now by the offset that was measured last.
func (db *DB) clock() time.Time {
	db.mu.Lock()
	defer db.mu.Unlock()
	return time.Now().Add(db.offset).UTC().Truncate(time.Microsecond)
}

// measureClock takes the middle of the question's time as the moment of the answer.
func (db *DB) measureClock(ctx context.Context) error {
	var micro int64
	asked := time.Now()
	if err := db.read.QueryRowContext(ctx, postgresClock).Scan(&micro); err != nil {
		return translate(err)
	}
	now := time.Now()
	offset := time.UnixMicro(micro).Sub(asked.Add(now.Sub(asked) / 2))
	db.mu.Lock()
	defer db.mu.Unlock()
	db.offset, db.measured = offset, now
	return nil
}
