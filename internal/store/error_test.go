package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/slipwayhq/slipway/internal/fault"
)

func TestTranslate(t *testing.T) {
	pg := func(code string) error { return fmt.Errorf("exec: %w", &pgconn.PgError{Code: code}) }
	own := fault.New(fault.Refused, "own", "Own.")
	tests := []struct {
		name   string
		err    error
		kind   fault.Kind
		reason string
	}{
		{"nothing", nil, "", "internal"},
		{"a fault stays", own, fault.Refused, "own"},
		{"unique", pg("23505"), fault.Conflict, "already_exists"},
		{"foreign key", pg("23503"), fault.Conflict, "reference_missing"},
		{"check", pg("23514"), fault.Internal, "internal"},
		{"serialization", pg("40001"), fault.Unavailable, "store_busy"},
		{"deadlock", pg("40P01"), fault.Unavailable, "store_busy"},
		{"shutdown", pg("57P01"), fault.Unavailable, "store_unavailable"},
		{"starting up", pg("57P03"), fault.Unavailable, "store_unavailable"},
		{"too many clients", pg("53300"), fault.Unavailable, "store_unavailable"},
		{"syntax", pg("42601"), fault.Internal, "internal"},
		{"cut", fmt.Errorf("read: %w", io.ErrUnexpectedEOF), fault.Unavailable, "store_unavailable"},
		{"bad connection", driver.ErrBadConn, fault.Unavailable, "store_unavailable"},
		{"refused", &net.OpError{Op: "dial", Err: errors.New("connection refused")}, fault.Unavailable, "store_unavailable"},
		{"the caller gave up", context.Canceled, fault.Internal, "internal"},
		{"the caller's time is over", fmt.Errorf("x: %w", context.DeadlineExceeded), fault.Internal, "internal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := translate(tt.err)
			if fault.KindOf(got) != tt.kind || fault.ReasonOf(got) != tt.reason {
				t.Errorf("got %v: %s/%s, want %s/%s", got, fault.KindOf(got), fault.ReasonOf(got), tt.kind, tt.reason)
			}
			if got != nil && !errors.Is(got, tt.err) {
				t.Errorf("%v lost its cause", got)
			}
		})
	}
}

func TestTroubleOfSQLite(t *testing.T) {
	tests := map[int]trouble{
		1555: duplicate, 2067: duplicate, 2579: duplicate, 787: dangling, 275: unwritable, 1299: unwritable,
		5: collided, 261: collided, 517: collided, 6: collided, 14: unreached, 13: unreached, 10: unreached, 778: unreached,
		8: unreached, 1: other, 11: other,
	}
	for code, want := range tests {
		if got := troubleOfSQLite(code); got != want {
			t.Errorf("code %d: %d, want %d", code, got, want)
		}
	}
}

// TestRetry counts the tries of a transaction that collides.
func TestRetry(t *testing.T) {
	collision := &pgconn.PgError{Code: "40001"}
	tests := []struct {
		name  string
		fails int // how often it collides before it succeeds
		err   error
		want  int
		kind  fault.Kind
	}{
		{"at once", 0, collision, 1, ""},
		{"after two", 2, collision, 3, ""},
		{"never", 99, collision, writeTries, fault.Unavailable},
		{"something else", 99, errors.New("else"), 1, fault.Internal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := 0
			err := (&DB{}).retry(t.Context(), func() error {
				if n++; n <= tt.fails {
					return tt.err
				}
				return nil
			})
			if n != tt.want || fault.KindOf(err) != tt.kind {
				t.Errorf("%d tries, %v; want %d, %s", n, err, tt.want, tt.kind)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&DB{}).retry(ctx, func() error { return collision }); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled retry: %v", err)
	}
}

// TestPagesUseIndexes asks SQLite how it would read each page: never the whole table,
// never sorting.
func TestPagesUseIndexes(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for name, query := range built(t) {
		kind, _, _ := strings.Cut(name, " ")
		if slices.Contains([]string{"claim", "next", "samples", "words", "members"}, kind) {
			continue // no pages
		}
		args := make([]any, strings.Count(query, "$")) // each parameter is used once
		rows, err := db.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			whole := strings.HasPrefix(detail, "SCAN") && !strings.Contains(detail, "USING") && !strings.Contains(detail, "hits")
			if whole || strings.Contains(detail, "TEMP B-TREE") {
				t.Errorf("%s: %s\n%s", name, detail, query)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
