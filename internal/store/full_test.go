package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
)

// Who reads "cannot be reached" at night looks at the network, not at the disk.
func TestAFullDiskIsCalledFull(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "small.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	for _, q := range []string{"CREATE TABLE t (x TEXT)", "PRAGMA max_page_count = 4"} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	_, err = db.ExecContext(t.Context(), "INSERT INTO t VALUES ($1)", strings.Repeat("x", 1<<20))
	for name, err := range map[string]error{"sqlite": err, "postgres": &pgconn.PgError{Code: "53100"}} {
		got := translate(err)
		if fault.ReasonOf(got) != "store_unavailable" || !strings.Contains(fault.MessageOf(got), "full") {
			t.Errorf("%s: %v is told as %q", name, err, fault.MessageOf(got))
		}
	}
	if got := fault.MessageOf(translate(&pgconn.PgError{Code: "53100", Message: "no space"})); !strings.Contains(got,
		"PostgreSQL") || !strings.Contains(got, "no space") {
		t.Errorf("whose disk it is: %q", got)
	}
	if got := translate(&pgconn.PgError{Code: "53300"}); strings.Contains(fault.MessageOf(got), "full") {
		t.Errorf("too many clients is told as %q", fault.MessageOf(got))
	}
}

// smallDisk opens a database whose disk is full from now on but for its reserve: what that gives up is room.
func smallDisk(t *testing.T, reserve int64) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.KeepReserve(reserve); err != nil {
		t.Fatal(err)
	}
	room := func(more int64) error { // a limit below what there is means: no more
		var pages int64
		if err := db.write.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
			return err
		}
		_, err := db.write.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+more/4096))
		return err
	}
	db.reserve.cut = func(name string, size int64) error {
		return errors.Join(room(db.reserve.left()-size), os.Truncate(name, size))
	}
	if err := room(0); err != nil {
		t.Fatal(err)
	}
	return db
}

// A decision, a note and the taking up of work find room on a full disk, until the reserve is used up; it is whole
// again when there is room.
func TestTheReserveIsForWhatMustBeRecorded(t *testing.T) {
	t.Parallel()
	const size = 3 * reservePiece
	long := strings.Repeat("x", 1<<20)
	writes := map[string]func(ctx context.Context, db *DB, n uint64) error{
		"decision": func(ctx context.Context, db *DB, _ uint64) error {
			return db.Write(ctx, func(tx *Tx) error {
				_, err := tx.Append(ctx, event.Draft{Kind: "release.aborted", Actor: "system:engine", App: "shop",
					Subject: "rel_1", Sentence: "Taken back.", Data: long})
				return err
			})
		},
		"note": func(ctx context.Context, db *DB, n uint64) error {
			_, err := db.InsertBatch(ctx, Batch{Source: "edge", Sequence: n, Received: time.Now(), Body: []byte(long)})
			return err
		},
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, done := smallDisk(t, size), 0
			if room := db.Room(); room.Full() || room.Err() != nil || room.Left != size {
				t.Fatalf("before: %+v", room)
			}
			var err error
			for n := range uint64(50) {
				if err = write(t.Context(), db, n); err != nil {
					break
				}
				if done++; done == 1 && (!db.Room().Full() || fault.ReasonOf(db.Room().Err()) != "disk_full") {
					t.Errorf("on the reserve: %+v, %v", db.Room(), db.Room().Err())
				}
			}
			if done < 4 || fault.ReasonOf(err) != "store_unavailable" || !db.Room().Spent || db.Room().Left != 0 {
				t.Fatalf("%d writes of 1 MB on a reserve of %d MB, then %v and %+v", done, size>>20, err, db.Room())
			}
			if err := db.Refill(t.Context()); err != nil || db.Room().Full() || db.Room().Spent {
				t.Errorf("with room again: %v, %+v", err, db.Room())
			}
		})
	}
}

// Without one nothing is as it wasn't: no file, and nobody is told that a disk is full.
func TestWithoutAReserveNothingIsSaidOfTheDisk(t *testing.T) {
	t.Parallel()
	db := smallDisk(t, 0)
	if _, err := os.Stat(db.reserve.path); !errors.Is(err, os.ErrNotExist) || db.Room().Full() {
		t.Errorf("%v, %+v", err, db.Room())
	}
}

// The reserve leaves as much free as it takes: where there is less it stays as it is, and says what is needed.
func TestTheReserveDoesNotFillTheDiskItself(t *testing.T) {
	t.Parallel()
	db := smallDisk(t, 0)
	if err := db.KeepReserve(1 << 50); err != nil {
		t.Fatal(err)
	}
	if room := db.Room(); room.Left != 0 || !room.Full() || !strings.Contains(room.Sentence(), "2147483648 are needed") {
		t.Errorf("%+v: %s", room, room.Sentence())
	}
}
