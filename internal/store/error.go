package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/slipwayhq/slipway/internal/fault"
)

// trouble is what a driver's error means to us.
type trouble int

const (
	other      trouble = iota
	duplicate          // a unique constraint was violated
	dangling           // a foreign key points nowhere
	collided           // serialization failure, deadlock or busy: the transaction may be tried again
	unreached          // the database cannot be reached, or cannot work now
	unwritable         // the value is one the schema refuses
)

// troubleOf reads the drivers' codes.
func troubleOf(err error) trouble {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return other
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return troubleOfSQLite(e.Code())
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if full(err) {
			return unreached
		}
		return troubleOfPostgres(e.Code)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return unreached
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return unreached
	}
	for _, e := range []error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, e) {
			return unreached
		}
	}
	if pgconn.SafeToRetry(err) {
		return unreached
	}
	return other
}

// troubleOfSQLite reads SQLite's extended result codes; the low byte is the class.
func troubleOfSQLite(code int) trouble {
	switch code {
	case 1555, 2067, 2579: // primary key, unique, rowid
		return duplicate
	case 787: // foreign key
		return dangling
	case 275, 1299: // check, not null
		return unwritable
	}
	switch code & 0xff {
	case 5, 6: // busy, locked
		return collided
	case 8, 10, 13, 14: // read only, input/output, disk full, cannot open
		return unreached
	}
	return other
}

// troubleOfPostgres reads SQLSTATE; its first two characters are the class.
func troubleOfPostgres(code string) trouble {
	switch code {
	case "23505":
		return duplicate
	case "23503":
		return dangling
	case "23514", "23502":
		return unwritable
	case "40001", "40P01", "55P03":
		return collided
	}
	for _, class := range []string{"08", "53", "57P", "58"} {
		if strings.HasPrefix(code, class) {
			return unreached
		}
	}
	return other
}

// full reports whether the database has no room left: on its disk, in its memory, or by a quota, which PostgreSQL knows
// no code for but fails at the same place.
func full(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()&0xff == 13 || e.Code() == 4874 // the index of the write-ahead log can't grow
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "53100" || e.Code == "53200" || e.Routine == "mdextend" || e.Routine == "mdzeroextend")
}

// translate turns a driver's error into a fault where a caller can act upon it.
// Faults and what nobody can act upon pass unchanged.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	switch troubleOf(err) {
	case duplicate:
		return fault.Wrap(err, fault.Conflict, "already_exists", "This exists already.")
	case dangling:
		return fault.Wrap(err, fault.Conflict, "reference_missing", "What this belongs to does not exist any more.")
	case collided:
		return fault.Wrap(err, fault.Unavailable, "store_busy", "The database is busy. Try again.")
	case unreached:
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && full(err) {
			return fault.Wrap(err, fault.Unavailable, "store_unavailable", "PostgreSQL says that it has no room, or "+
				"that its disk is full (%s). Nothing can be recorded, or done, until there is room.", e.Message)
		}
		if full(err) {
			return fault.Wrap(err, fault.Unavailable, "store_unavailable",
				"The disk that holds the database is full. Nothing can be recorded, or done, until there is room.")
		}
		return fault.Wrap(err, fault.Unavailable, "store_unavailable", "The database cannot be reached right now. Try again.")
	default:
		return err
	}
}

func notFound(noun, id string) error {
	return fault.New(fault.NotFound, "not_found", "There is no %s %s.", noun, id)
}

func changed(noun, id string) error {
	return fault.New(fault.Conflict, "changed_meanwhile",
		"The %s %s was changed by somebody else meanwhile. Read it again, then decide.", noun, id)
}
