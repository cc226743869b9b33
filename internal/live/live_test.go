package live

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/store"
)

func open(t *testing.T, path string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func write(t *testing.T, db *store.DB, n int) {
	t.Helper()
	for i := range n {
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Append(t.Context(),
				event.Draft{Kind: "test.happened", Actor: "system:test", Subject: fmt.Sprint(i), Sentence: "It happened."})
			return err
		}); err != nil {
			t.Error(err)
			return
		}
	}
}

// next waits for a wake-up.
func next(t *testing.T, s *Subscription) int64 {
	t.Helper()
	select {
	case n := <-s.C():
		return n
	case <-time.After(5 * time.Second):
		t.Fatal("nobody was woken")
		return 0
	}
}

func TestWakeUpsCoalesceAndNeverBlock(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	l := New(db, nil)
	slow, late := l.Subscribe(0), l.Subscribe(7)
	defer slow.Close()
	defer late.Close()
	write(t, db, 10) // nobody reads meanwhile
	if n := next(t, slow); n != 10 {
		t.Errorf("the newest is 10, not %d", n)
	}
	if n := next(t, late); n != 10 {
		t.Errorf("the newest is 10, not %d", n)
	}
	select {
	case n := <-slow.C():
		t.Errorf("woken twice for %d", n)
	default:
	}
	begun := l.Subscribe(3)
	defer begun.Close()
	if n := next(t, begun); n != 10 {
		t.Errorf("one who comes later gets %d", n)
	}
	current := l.Subscribe(10)
	defer current.Close()
	select {
	case n := <-current.C():
		t.Errorf("woken for what was seen: %d", n)
	default:
	}
}

func TestRunFollowsOtherNodes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	here, there := open(t, path), open(t, path)
	l := New(here, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	s := l.Subscribe(0)
	defer s.Close()
	write(t, there, 3)
	for next(t, s) < 3 {
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A reader that asks the store for what is after its last event, whenever it is
// woken, sees every event once.
func TestNobodyMissesAnEvent(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	l := New(db, nil)
	const writers, each = 4, 25
	var readers, all sync.WaitGroup
	for range 3 {
		s := l.Subscribe(0)
		readers.Go(func() {
			defer s.Close()
			last := int64(0)
			for last < writers*each {
				select {
				case <-s.C():
				case <-time.After(10 * time.Second):
					t.Errorf("stuck after %d", last)
					return
				}
				events, err := db.Events(t.Context(), store.EventFilter{After: last, Limit: 1000})
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range events {
					if e.Seq != last+1 {
						t.Errorf("%d after %d", e.Seq, last)
					}
					last = e.Seq
				}
			}
		})
	}
	for range writers {
		all.Go(func() { write(t, db, each) })
	}
	all.Wait()
	readers.Wait()
	if l.Watchers() != 0 {
		t.Error("subscriptions are left behind")
	}
}
