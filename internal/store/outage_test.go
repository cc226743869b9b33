package store_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// TestOutage stops and starts PostgreSQL under an open database: what was committed
// stays, what cannot be done says so as a fault, and nothing has to be opened again.
func TestOutage(t *testing.T) {
	if !slices.Contains(storetest.Engines(t), store.PostgreSQL) {
		return // SQLite cannot be away
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the server may run as another user
		t.Fatal(err)
	}
	script := func(command string) string {
		t.Helper()
		out, err := exec.Command("../../script/postgres.sh", command, filepath.Join(dir, "pg")).Output()
		if err != nil {
			t.Fatalf("postgres.sh %s: %v", command, err)
		}
		return strings.TrimSpace(string(out))
	}
	t.Cleanup(func() { script("remove") })
	db := storetest.OpenAt(t, script("start"))
	for n := range 3 {
		appendAll(t, db, draft(n))
	}
	schedule(t, db, "rel_1", "release", at(1))
	script("stop")
	for range 3 {
		for _, err := range []error{
			db.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Append(t.Context(), draft(9)); return err }),
			db.Ping(t.Context()),
			func() error {
				_, err := db.Claim(t.Context(), "a", []string{"release"}, 1, time.Minute, at(2))
				return err
			}(),
		} {
			wantFault(t, err, fault.Unavailable, "store_unavailable")
		}
	}
	if _, err := db.Now(t.Context()); err != nil {
		t.Errorf("the clock needs the database all the time: %v", err)
	}
	script("start")
	var err error
	for range 20 { // the pool finds its dead connections one by one
		err = db.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Append(t.Context(), draft(4)); return err })
		if err == nil {
			break
		}
		wantFault(t, err, fault.Unavailable, "store_unavailable")
	}
	if err != nil {
		t.Fatalf("write after the outage: %v", err)
	}
	if head, err := db.VerifyLog(t.Context()); err != nil || head.Seq != 4 {
		t.Errorf("log %v, %v; want 4 events", head, err)
	}
	if got := claimed(t, db, "a", 2); len(got) != 1 {
		t.Errorf("the schedule was lost: %v", got)
	}
	var seen []event.Event
	if seen, err = db.Events(t.Context(), store.EventFilter{Subject: "rel_4"}); err != nil || len(seen) != 1 {
		t.Errorf("events %v, %v", seen, err)
	}
}
