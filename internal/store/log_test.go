package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// openRaw opens the database behind the store's back.
func openRaw(t testing.TB, engine, address string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", address
	if engine == store.SQLite {
		driver, dsn = "sqlite", strings.TrimPrefix(address, "sqlite:")+"?_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func appendAll(t testing.TB, db *store.DB, drafts ...event.Draft) []event.Event {
	t.Helper()
	var out []event.Event
	must(t, db, func(tx *store.Tx) error {
		out = nil
		for _, d := range drafts {
			e, err := tx.Append(t.Context(), d)
			if err != nil {
				return err
			}
			out = append(out, e)
		}
		return nil
	})
	return out
}

func TestAppendChains(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		odd := draft(1)
		odd.Sentence, odd.Data = "Grüße 🚢 <b>&\u2028 \"x\" \\", map[string]string{"ключ": "значение\u0000"}
		none := draft(2)
		none.Data = nil
		want := appendAll(t, db, draft(0), odd, none)
		var got []event.Event
		if err := db.EachEvent(t.Context(), func(e event.Event) error { got = append(got, e); return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read back (-appended +read):\n%s", diff)
		}
		head, err := db.VerifyLog(t.Context())
		if err != nil || head.Seq != 3 || head.Hash != want[2].Hash {
			t.Errorf("verify: %v, %v", head, err)
		}
		stop := errors.New("enough")
		if err := db.EachEvent(t.Context(), func(event.Event) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("EachEvent hid the error: %v", err)
		}
	})
}

func TestVerifyFindsTampering(t *testing.T) {
	tests := []struct {
		name   string
		tamper []string
		want   string
	}{
		{"altered sentence", []string{`UPDATE events SET sentence = 'All is well.' WHERE seq = 5`}, "event 5 was altered"},
		{"altered actor", []string{`UPDATE events SET actor = 'user:eve' WHERE seq = 1`}, "event 1 was altered"},
		{"altered time", []string{`UPDATE events SET at = at + 1 WHERE seq = 12`}, "event 12 was altered"},
		{"missing", []string{`DELETE FROM events WHERE seq = 7`}, "event 7 is missing"},
		{"reordered", []string{
			`UPDATE events SET seq = 1000 WHERE seq = 3`, `UPDATE events SET seq = 3 WHERE seq = 4`,
			`UPDATE events SET seq = 4 WHERE seq = 1000`,
		}, "event 3 was altered"},
		{"truncated, head untouched", []string{`DELETE FROM events WHERE seq > 9`}, "the last 3 are missing"},
		{"emptied, head untouched", []string{`DELETE FROM events`}, "the last 12 are missing"},
		{"added, head untouched", []string{`UPDATE log_head SET seq = 11, hash = (SELECT hash FROM events WHERE seq = 11)`},
			"ends at event 12 but its head says 11"},
		{"head of another log", []string{`UPDATE log_head SET hash = 'feed'`}, "not the one the head names"},
	}
	for _, engine := range storetest.Engines(t) {
		for _, tt := range tests {
			t.Run(engine+"/"+tt.name, func(t *testing.T) {
				address := storetest.Address(t, engine)
				db := storetest.OpenAt(t, address)
				var drafts []event.Draft
				for n := range 12 {
					drafts = append(drafts, draft(n))
				}
				appendAll(t, db, drafts...)
				if _, err := db.VerifyLog(t.Context()); err != nil {
					t.Fatalf("verify before: %v", err)
				}
				behind := openRaw(t, engine, address)
				for _, s := range tt.tamper {
					if _, err := behind.ExecContext(t.Context(), s); err != nil {
						t.Fatal(err)
					}
				}
				_, err := db.VerifyLog(t.Context())
				wantFault(t, err, fault.Refused, "log_broken")
				if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v: want %q", err, tt.want)
				}
			})
		}
	}
}

// TestFollowerMissesNothing reads seq > last while eight writers commit. With
// identity columns a follower missed a third of the events on PostgreSQL.
func TestFollowerMissesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const workers, each = 8, 25
		var group sync.WaitGroup
		var done atomic.Bool
		for w := range workers {
			group.Go(func() {
				for n := range each {
					err := db.Write(t.Context(), func(tx *store.Tx) error {
						for range 1 + n%3 {
							if _, err := tx.Append(t.Context(), draft(w)); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						t.Errorf("append: %v", err)
					}
				}
			})
		}
		go func() { group.Wait(); done.Store(true) }()
		var last int64
		var v event.Verifier
		for finished := false; !finished; {
			finished = done.Load() // before the read, so that the last read is complete
			got, err := db.Events(t.Context(), store.EventFilter{After: last, Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range got {
				if err := v.Next(e); err != nil {
					t.Fatalf("follower: %v", err)
				}
				last = e.Seq
			}
		}
		head, err := db.Head(t.Context())
		if err != nil || v.End(head) != nil || head.Seq == 0 {
			t.Errorf("head %v, %v; follower: %v", head, err, v.End(head))
		}
	})
}

func TestVerifyWhileOthersAppend(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() {
			for ctx.Err() == nil {
				_ = db.Write(ctx, func(tx *store.Tx) error { _, err := tx.Append(ctx, draft(1)); return err })
			}
		})
		for range 20 {
			if _, err := db.VerifyLog(t.Context()); err != nil {
				t.Errorf("verify: %v", err)
			}
		}
		stop()
		group.Wait()
	})
}

// logOf appends events of several kinds, by several people, about several things.
func logOf(t testing.TB, db *store.DB) []event.Event {
	kinds := []string{"release.started", "release.step.passed", "release.step.failed", "approval.given",
		"releasenote.added"}
	actors := []string{"user:ada", "token:ci", "system:guard"}
	environments := []string{"staging", "canary", "production", ""}
	sentences := []string{"The share is 5 % now.", "Checkout's error_rate rose to 7 %: HTTP 503",
		"Ada approved v1.4.0.", "Über 100 Besucher"}
	var out []event.Event
	for n := range 60 {
		out = append(out, appendAll(t, db, event.Draft{
			Kind: kinds[n%5], Actor: actors[n%3], App: "shop", Environment: environments[n%4],
			Subject: fmt.Sprintf("rel_%d", n%7), Sentence: sentences[(n/2)%4],
		})...)
	}
	return out
}

func TestEventsFilter(t *testing.T) {
	has := func(words ...string) func(event.Event) bool {
		return func(e event.Event) bool {
			for _, w := range words {
				if !strings.Contains(strings.ToLower(e.Sentence), w) {
					return false
				}
			}
			return true
		}
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log := logOf(t, db)
		from, to := log[10].At, log[40].At
		tests := []struct {
			name string
			f    store.EventFilter
			want func(event.Event) bool
		}{
			{"all", store.EventFilter{}, func(event.Event) bool { return true }},
			{"after", store.EventFilter{After: 50}, func(e event.Event) bool { return e.Seq > 50 }},
			{"before", store.EventFilter{Before: 9}, func(e event.Event) bool { return e.Seq < 9 }},
			{"kind", store.EventFilter{Kind: "approval.given"}, func(e event.Event) bool { return e.Kind == "approval.given" }},
			{"family", store.EventFilter{Kind: "release."}, func(e event.Event) bool {
				return strings.HasPrefix(e.Kind, "release.")
			}},
			{"prefix", store.EventFilter{Kind: "release.step."}, func(e event.Event) bool {
				return strings.HasPrefix(e.Kind, "release.step.")
			}},
			{"actor", store.EventFilter{Actor: "token:ci"}, func(e event.Event) bool { return e.Actor == "token:ci" }},
			{"subject and kind", store.EventFilter{Subject: "rel_3", Kind: "release."}, func(e event.Event) bool {
				return e.Subject == "rel_3" && strings.HasPrefix(e.Kind, "release.")
			}},
			{"environment, app, actor", store.EventFilter{Environment: "canary", App: "shop", Actor: "system:guard"},
				func(e event.Event) bool { return e.Environment == "canary" && e.Actor == "system:guard" }},
			{"other app", store.EventFilter{App: "blog"}, func(event.Event) bool { return false }},
			{"word", store.EventFilter{Text: "CHECKOUT'S"}, has("checkout")},
			{"words", store.EventFilter{Text: "503 error_rate"}, has("503", "error_rate")},
			{"version", store.EventFilter{Text: "v1.4.0"}, has("v1.4.0")},
			{"unicode", store.EventFilter{Text: "über"}, has("über")},
			{"word and subject", store.EventFilter{Text: "share", Subject: "rel_1"}, func(e event.Event) bool {
				return e.Subject == "rel_1" && strings.Contains(e.Sentence, "share")
			}},
			{"only common words", store.EventFilter{Text: "the is"}, func(event.Event) bool { return true }},
			{"from", store.EventFilter{From: from}, func(e event.Event) bool { return !e.At.Before(from) }},
			{"to", store.EventFilter{To: to}, func(e event.Event) bool { return e.At.Before(to) }},
			{"from to word", store.EventFilter{From: from, To: to, Text: "ada"}, func(e event.Event) bool {
				return !e.At.Before(from) && e.At.Before(to) && strings.Contains(e.Sentence, "Ada")
			}},
			{"future", store.EventFilter{From: time.Now().Add(time.Hour)}, func(event.Event) bool { return false }},
			{"past", store.EventFilter{To: time.Unix(1, 0)}, func(event.Event) bool { return false }},
		}
		for _, tt := range tests {
			checkFilter(t, db, log, tt.name, tt.f, tt.want)
		}
		got, err := db.Events(t.Context(), store.EventFilter{Limit: 3, Descending: true})
		if err != nil || len(got) != 3 || got[0].Seq != 60 {
			t.Errorf("newest three: %v, %v", got, err)
		}
	})
}

func checkFilter(
	t *testing.T, db *store.DB, log []event.Event, name string, f store.EventFilter, want func(event.Event) bool,
) {
	t.Helper()
	f.Limit = 100
	var up, down []int64
	for _, e := range log {
		if want(e) {
			up, down = append(up, e.Seq), append([]int64{e.Seq}, down...)
		}
	}
	for _, wanted := range [][]int64{up, down} {
		got, err := db.Events(t.Context(), f)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		var seqs []int64
		for _, e := range got {
			seqs = append(seqs, e.Seq)
		}
		if diff := cmp.Diff(wanted, seqs); diff != "" {
			t.Errorf("%s, descending %t (-want +got):\n%s", name, f.Descending, diff)
		}
		f.Descending = true
	}
}
