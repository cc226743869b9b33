package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// day is an instant with microseconds in a zone that is not UTC.
func day(n int) time.Time {
	zone := time.FixedZone("Kathmandu", 5*3600+45*60)
	return time.Date(2026, 3, 1+n, 9, 30, 15, 123456000, zone)
}

// must runs f in a transaction and fails the test when it fails.
func must(t testing.TB, db *store.DB, f func(tx *store.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), f); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// wantFault fails the test unless err is a fault of the kind with the reason.
func wantFault(t testing.TB, err error, kind fault.Kind, reason string) {
	t.Helper()
	if fault.KindOf(err) != kind || fault.ReasonOf(err) != reason {
		t.Fatalf("got %v (%s/%s), want %s/%s", err, fault.KindOf(err), fault.ReasonOf(err), kind, reason)
	}
}

func draft(n int) event.Draft {
	return event.Draft{
		Kind: "release.started", Actor: "user:ada", App: "shop", Environment: "staging", Subject: fmt.Sprintf("rel_%d", n),
		Sentence: fmt.Sprintf("Ada started release %d of v2.", n), Data: map[string]int{"n": n},
	}
}

func TestOpenIsIdempotentAndSafeForTwo(t *testing.T) {
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			address := storetest.Address(t, engine)
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() {
					db, err := store.Open(context.Background(), address)
					if err != nil {
						t.Errorf("open: %v", err)
						return
					}
					if err := db.Close(); err != nil {
						t.Errorf("close: %v", err)
					}
				})
			}
			group.Wait()
			db := storetest.OpenAt(t, address)
			if got := db.Dialect(); got != engine {
				t.Errorf("dialect %q, want %q", got, engine)
			}
			if err := db.Ping(t.Context()); err != nil {
				t.Errorf("ping: %v", err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name, address, reason string
		kind                  fault.Kind
	}{
		{"nothing", "", "bad_database", fault.Invalid},
		{"memory", "sqlite::memory:", "bad_database", fault.Invalid},
		{"no such directory", filepath.Join(t.TempDir(), "no", "such", "file.db"), "store_unavailable", fault.Unavailable},
		{"nobody listens", "postgres://x@127.0.0.1:1/x", "store_unavailable", fault.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := store.Open(t.Context(), tt.address)
			wantFault(t, err, tt.kind, tt.reason)
		})
	}
}

func TestOpenTakesOddPathsAndKeepsThemPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%20é.db")
	db := storetest.OpenAt(t, path)
	must(t, db, func(tx *store.Tx) error { _, err := tx.Append(t.Context(), draft(1)); return err })
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: others may read password hashes", info.Mode())
	}
}

func TestWriteRollsBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		rel := release.Release{ID: "rel_1", App: "shop", Phase: release.Running, Created: day(0)}
		must(t, db, func(tx *store.Tx) error { return tx.InsertRelease(ctx, &rel) })
		err := db.Write(ctx, func(tx *store.Tx) error {
			if err := tx.UpdateRelease(ctx, &rel); err != nil {
				return err
			}
			if _, err := tx.Append(ctx, draft(1)); err != nil {
				return err
			}
			return fault.New(fault.Refused, "no", "No.")
		})
		wantFault(t, err, fault.Refused, "no")
		if rel.Row != 1 {
			t.Errorf("row %d after a rollback, want 1", rel.Row)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = db.Write(ctx, func(tx *store.Tx) error {
				if _, err := tx.Append(ctx, draft(2)); err != nil {
					return err
				}
				panic("boom")
			})
		}()
		head, err := db.Head(ctx)
		if err != nil || head != (event.Head{Seq: 0, Hash: event.Genesis}) {
			t.Errorf("head %v, %v; want nothing appended", head, err)
		}
		must(t, db, func(tx *store.Tx) error { return tx.UpdateRelease(ctx, &rel) })
	})
}

func TestOnCommit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var heads []int64
		db.OnCommit(func(h event.Head) { heads = append(heads, h.Seq) })
		must(t, db, func(*store.Tx) error { return nil })
		for range 2 {
			must(t, db, func(tx *store.Tx) error {
				for n := range 2 {
					if _, err := tx.Append(t.Context(), draft(n)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if diff := cmp.Diff([]int64{2, 4}, heads); diff != "" {
			t.Errorf("hooks (-want +got):\n%s", diff)
		}
	})
}

// TestNoLostUpdate is the experiment that decided for the compare on version.
func TestNoLostUpdate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		rel := release.Release{ID: "rel_1", App: "shop", Phase: release.Running, Created: day(0)}
		must(t, db, func(tx *store.Tx) error { return tx.InsertRelease(ctx, &rel) })
		const workers, each = 8, 25
		var group sync.WaitGroup
		for range workers {
			group.Go(func() {
				for range each {
					for {
						err := db.Write(ctx, func(tx *store.Tx) error {
							r, err := tx.Release(ctx, "rel_1")
							if err != nil {
								return err
							}
							r.Routes++
							return tx.UpdateRelease(ctx, &r)
						})
						if err == nil {
							break
						}
						if fault.ReasonOf(err) != "changed_meanwhile" {
							t.Errorf("update: %v", err)
							return
						}
					}
				}
			})
		}
		group.Wait()
		got, err := db.Release(ctx, "rel_1")
		if err != nil || got.Routes != workers*each {
			t.Errorf("counted %d, %v; want %d", got.Routes, err, workers*each)
		}
	})
}

func TestNow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		before := time.Now().Add(-2 * time.Second)
		for range 2 {
			now, err := db.Now(t.Context())
			if err != nil || now.Before(before) || now.After(time.Now().Add(2*time.Second)) {
				t.Errorf("now %v, %v", now, err)
			}
			if now.Location() != time.UTC || now.Nanosecond()%1000 != 0 {
				t.Errorf("now %v is not UTC in microseconds", now)
			}
		}
	})
}

func TestTextThatCannotBeKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for text, reason := range map[string]string{"a\x00b": "nul_in_text", "a\xffb": "text_not_utf8"} {
			err := db.Write(t.Context(), func(tx *store.Tx) error {
				d := draft(1)
				d.Sentence = text
				_, err := tx.Append(t.Context(), d)
				return err
			})
			wantFault(t, err, fault.Invalid, reason)
			if !strings.Contains(err.Error(), "text") {
				t.Errorf("%v does not say what is wrong", err)
			}
		}
	})
}

// TestFakeClock shows that a whole database lives inside a bubble: stories rely on it.
func TestFakeClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storetest.Open(t, store.SQLite)
		start := time.Now()
		for n := range 100 {
			time.Sleep(15 * time.Minute)
			e := appendAll(t, db, draft(n))[0]
			if want := start.Add(time.Duration(n+1) * 15 * time.Minute); !e.At.Equal(want) {
				t.Fatalf("event at %v, want the fake %v", e.At, want)
			}
		}
		if head, err := db.VerifyLog(t.Context()); err != nil || head.Seq != 100 {
			t.Errorf("log %v, %v", head, err)
		}
	})
}

// TestTimeNeverRunsBackward appends with a clock that goes back between two events.
func TestTimeNeverRunsBackward(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := storetest.OpenAt(t, path)
	late := appendAll(t, db, draft(0))[0]
	synctest.Test(t, func(t *testing.T) { // whose clock begins in the year 2000
		early := storetest.OpenAt(t, path)
		e := appendAll(t, early, draft(1))[0]
		if e.Seq != 2 || !e.At.Equal(late.At) {
			t.Errorf("event %d at %v, want 2 at %v", e.Seq, e.At, late.At)
		}
	})
}
