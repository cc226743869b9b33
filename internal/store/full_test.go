package store

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

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
	if got := translate(&pgconn.PgError{Code: "53300"}); strings.Contains(fault.MessageOf(got), "full") {
		t.Errorf("too many clients is told as %q", fault.MessageOf(got))
	}
}
