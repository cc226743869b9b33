package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/slipwayhq/slipway/internal/fault"
)

// A database is opened as it is only when a Slipway of this version has set it up. Nothing is made or changed.
func TestOpenAsIs(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "slipway.db")
	if _, err := OpenAsIs(ctx, path); fault.ReasonOf(err) != "store_unavailable" {
		t.Errorf("none: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAsIs(ctx, path); fault.ReasonOf(err) != "database_strange" {
		t.Errorf("an empty one: %v", err)
	}
	first, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	same, err := OpenAsIs(ctx, "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if err := same.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.write.ExecContext(ctx, sqlInsertMigration, 10_000, "later", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAsIs(ctx, path); fault.ReasonOf(err) != "database_differs" {
		t.Errorf("a later one: %v", err)
	}
}
