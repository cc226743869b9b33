// Package storetest opens databases for tests, on both engines.
//
// Each runs a test on SQLite, in a file that goes away with the test, and on
// PostgreSQL, in a schema of its own that is dropped afterwards, when
// SLIPWAY_TEST_DATABASE_URL names a server. With SLIPWAY_TEST_FULL=1 a missing
// address fails the test, so that no pipeline leaves an engine out unseen.
package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/store"
)

// The environment variables that say where PostgreSQL is and whether it must be.
const (
	AddressVariable = "SLIPWAY_TEST_DATABASE_URL"
	FullVariable    = "SLIPWAY_TEST_FULL"
)

// Engines returns the engines this run tests: SQLite, and PostgreSQL when there is
// an address. It fails the test when there must be one and is none.
func Engines(t testing.TB) []string {
	t.Helper()
	switch {
	case os.Getenv(AddressVariable) != "":
		return []string{store.SQLite, store.PostgreSQL}
	case os.Getenv(FullVariable) == "1":
		t.Fatalf("%s=1 asks for both engines but %s names no PostgreSQL", FullVariable, AddressVariable)
	}
	t.Logf("tested on SQLite only: %s is not set", AddressVariable)
	return []string{store.SQLite}
}

// Each runs the test on every engine, with a fresh database.
func Each(t *testing.T, f func(t *testing.T, db *store.DB)) {
	t.Helper()
	for _, engine := range Engines(t) {
		t.Run(engine, func(t *testing.T) { f(t, Open(t, engine)) })
	}
}

// Open returns a fresh database on the engine, closed when the test ends.
func Open(t testing.TB, engine string) *store.DB {
	t.Helper()
	return OpenAt(t, Address(t, engine))
}

// OpenAt opens the database at an address, closed when the test ends. Several may be
// open at one address, as the nodes of one Slipway are.
func OpenAt(t testing.TB, address string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), address)
	if err != nil {
		t.Fatalf("open %s: %v", address, err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	return db
}

// Address returns the address of a database that is empty and goes away with the
// test.
func Address(t testing.TB, engine string) string {
	t.Helper()
	if engine == store.SQLite {
		return "sqlite:" + filepath.Join(t.TempDir(), "slipway.db")
	}
	return schema(t, os.Getenv(AddressVariable))
}

// schema makes a schema on the server and returns the address that leads into it.
func schema(t testing.TB, server string) string {
	t.Helper()
	if server == "" {
		t.Fatalf("%s names no PostgreSQL", AddressVariable)
	}
	name := "test_" + strings.ToLower(rand.Text())
	administer(t, server, "CREATE SCHEMA "+name)
	t.Cleanup(func() { administer(t, server, "DROP SCHEMA "+name+" CASCADE") })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("parse %s: %v", AddressVariable, err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func administer(t testing.TB, server, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatalf("open PostgreSQL: %v", err)
	}
	defer func() { _ = db.Close() }() // nothing is left on it
	if _, err := db.ExecContext(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
