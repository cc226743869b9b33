package store_test

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// A PostgreSQL that has no room is named with its own words until a trial finds room, not until some small write fits.
// Nothing of what failed is there.
func TestAPostgreSQLWithoutRoomIsNamed(t *testing.T) {
	t.Parallel()
	if len(storetest.Engines(t)) < 2 {
		return // SQLite has a reserve
	}
	ctx, address := t.Context(), storetest.Address(t, store.PostgreSQL)
	db := storetest.OpenAt(t, address)
	write := func() error {
		return db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Append(ctx, event.Draft{Kind: "release.started", Actor: "user:ada", App: "shop", Sentence: "It began."})
			return err
		})
	}
	if err := db.Refill(ctx); err != nil || db.Room().Full() {
		t.Fatalf("with room: %v, %+v", err, db.Room())
	}
	fit := storetest.Crowd(t, address)
	err := write()
	room := db.Room()
	if fault.ReasonOf(err) != "store_unavailable" || !strings.Contains(fault.MessageOf(err), storetest.NoRoom) ||
		!room.Full() || !room.Spent || !strings.Contains(room.Sentence(), storetest.NoRoom) ||
		fault.ReasonOf(room.Err()) != "disk_full" {
		t.Errorf("without room: %v, %+v", err, room)
	}
	if err := db.Refill(ctx); err != nil || !db.Room().Full() {
		t.Errorf("a trial without room: %v, %+v", err, db.Room())
	}
	fit()
	if err := write(); err != nil || !db.Room().Full() {
		t.Errorf("a small write: %v, %+v", err, db.Room())
	}
	if err := db.Refill(ctx); err != nil || db.Room().Full() {
		t.Errorf("a trial with room: %v, %+v", err, db.Room())
	}
	db.Doubt(room) // as a process that begins, and finds it in the log
	if full := db.Room().Full(); !full {
		t.Error("what was told before holds until there is room")
	}
	if err := db.Refill(ctx); err != nil || db.Room().Full() {
		t.Errorf("a trial of what was told before: %v, %+v", err, db.Room())
	}
	if list, err := db.Events(ctx, store.EventFilter{Limit: 9}); err != nil || len(list) != 1 {
		t.Errorf("%d events are there, %v", len(list), err)
	}
}
