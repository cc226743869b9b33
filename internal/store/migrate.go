package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	sqlCreateMigrations = `CREATE TABLE IF NOT EXISTS schema_migrations (
		number BIGINT PRIMARY KEY CHECK (number > 0), name TEXT NOT NULL, applied BIGINT NOT NULL)`
	sqlLastMigration   = `SELECT COALESCE(MAX(number), 0) FROM schema_migrations`
	sqlInsertMigration = `INSERT INTO schema_migrations (number, name, applied) VALUES ($1, $2, $3)`

	// postgres only: SQLite's immediate transaction is its lock.
	postgresMigrationLock = `SELECT pg_advisory_xact_lock(7219803154)`
)

// migration is one numbered file.
type migration struct {
	number int64
	name   string
	text   string
}

// loadMigrations returns the files in the order of their numbers, which start at 1
// and have no gaps.
func loadMigrations() ([]migration, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var out []migration
	for i, path := range names {
		name := strings.TrimPrefix(path, "migrations/")
		digits, _, _ := strings.Cut(name, "_")
		number, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || number != int64(i+1) {
			return nil, fmt.Errorf("migration %s is out of order: want number %d", name, i+1)
		}
		text, err := migrations.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		out = append(out, migration{number: number, name: name, text: string(text)})
	}
	return out, nil
}

// migrate applies what is missing in one transaction, under a lock, so that several
// processes may open a database at once.
func (db *DB) migrate(ctx context.Context) error {
	files, err := loadMigrations()
	if err != nil {
		return err
	}
	now, err := db.Now(ctx)
	if err != nil {
		return err
	}
	return db.retry(ctx, func() error {
		tx, err := db.write.BeginTx(ctx, nil)
		if err != nil {
			return translate(err)
		}
		defer func() { _ = tx.Rollback() }() // does nothing after the commit
		if err := db.applyAll(ctx, tx, files, Time{now}); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return translate(fmt.Errorf("commit migrations: %w", err))
		}
		return nil
	})
}

func (db *DB) applyAll(ctx context.Context, tx *sql.Tx, files []migration, now Time) error {
	run := runner{tx}
	if db.dialect == PostgreSQL {
		if _, err := run.exec(ctx, postgresMigrationLock); err != nil {
			return fmt.Errorf("lock the schema: %w", err)
		}
	}
	if _, err := run.exec(ctx, sqlCreateMigrations); err != nil {
		return fmt.Errorf("create the table of migrations: %w", err)
	}
	last, err := one(ctx, run, value[int64], sqlLastMigration)
	if err != nil {
		return fmt.Errorf("read the schema's number: %w", err)
	}
	if known := int64(len(files)); *last > known {
		return fault.New(fault.Refused, "database_newer",
			"The database has schema %d, this Slipway knows schemas up to %d. Install the newer Slipway that migrated it.",
			*last, known)
	}
	for _, m := range files[*last:] {
		if _, err := run.exec(ctx, m.text); err != nil {
			return fmt.Errorf("apply migration %s: %w", m.name, err)
		}
		if _, err := run.exec(ctx, sqlInsertMigration, m.number, m.name, now); err != nil {
			return fmt.Errorf("record migration %s: %w", m.name, err)
		}
	}
	return nil
}

// OpenAsIs opens a database that a Slipway of this very version has set up, and changes nothing of its schema: other
// programs may be using it. It never makes a new one.
func OpenAsIs(ctx context.Context, address string) (*DB, error) {
	path := strings.TrimPrefix(strings.TrimPrefix(address, "sqlite:"), "//")
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		if _, err := os.Stat(path); err != nil {
			return nil, fault.Wrap(err, fault.Unavailable, "store_unavailable",
				"There is no database %s. Name the file that the server was started with.", path)
		}
	}
	db, err := connect(address)
	if err != nil {
		return nil, err
	}
	db.reads = reads{run: runner{db.read}}
	if err := db.sameSchema(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// sameSchema refuses a database whose schema is another version's.
func (db *DB) sameSchema(ctx context.Context) error {
	files, err := loadMigrations()
	if err != nil {
		return err
	}
	last, err := one(ctx, runner{db.read}, value[int64], sqlLastMigration)
	switch {
	case err != nil && fault.Is(translate(err), fault.Unavailable):
		return translate(err)
	case err != nil:
		return fault.Wrap(err, fault.Invalid, "database_strange", "The database is not one that a Slipway has set up.")
	case *last != int64(len(files)):
		return fault.New(fault.Refused, "database_differs",
			"The database has schema %d, this Slipway has %d. Use the Slipway that runs on it.", *last, len(files))
	}
	return nil
}
