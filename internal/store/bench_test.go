package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// Benchmarks run on the first engine, and on PostgreSQL too when there is one:
//
//	go test ./internal/store -run - -bench . -benchtime 200x

func benchEach(b *testing.B, f func(b *testing.B, db *store.DB)) {
	for _, engine := range storetest.Engines(b) {
		db := storetest.Open(b, engine)
		b.Run(engine, func(b *testing.B) { f(b, db) })
	}
}

func BenchmarkAppend(b *testing.B) {
	benchEach(b, func(b *testing.B, db *store.DB) {
		for n := 0; b.Loop(); n++ {
			must(b, db, func(tx *store.Tx) error { _, err := tx.Append(b.Context(), draft(n)); return err })
		}
	})
}

func BenchmarkHead(b *testing.B) {
	benchEach(b, func(b *testing.B, db *store.DB) {
		for b.Loop() {
			if _, err := db.Head(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReleasesPage(b *testing.B) {
	benchEach(b, func(b *testing.B, db *store.DB) {
		list, _, err := db.Releases(b.Context(), store.ReleaseFilter{})
		if err != nil {
			b.Fatal(err)
		}
		if len(list) == 0 {
			fillReleases(b, db)
		}
		for name, f := range map[string]store.ReleaseFilter{
			"newest": {App: "shop"},
			"phase":  {App: "shop", Phase: []string{"aborted", "failed"}},
			"deep":   {App: "shop", Before: store.CursorAt(day(0).Add(300 * time.Minute))},
			"rare":   {App: "shop", Phase: []string{"rolled_back"}},
		} {
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					if _, _, err := db.Releases(b.Context(), f); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

// fillReleases inserts 1,000 releases whose documents have about 10 KB.
func fillReleases(b *testing.B, db *store.DB) {
	steps := make([]release.Step, 30)
	for n := range steps {
		steps[n] = release.Step{ID: fmt.Sprintf("canary/share-%d", n), Stage: "canary", Kind: release.KindShare,
			Title: "Share"}
	}
	phases := []release.Phase{release.Completed, release.Completed, release.Aborted, release.Failed}
	size := 0
	must(b, db, func(tx *store.Tx) error {
		for n := range 1000 {
			r := release.Release{ID: fmt.Sprintf("rel_%04d", n), App: "shop", Version: fmt.Sprintf("v%d", n),
				Phase: phases[n%4], Plan: release.Plan{Steps: steps}, Created: day(0).Add(time.Duration(n) * time.Minute)}
			if n == 7 {
				r.Phase = release.RolledBack
			}
			text, err := json.Marshal(r)
			if err != nil {
				return err
			}
			size = len(text)
			if err := tx.InsertRelease(b.Context(), &r); err != nil {
				return err
			}
		}
		return nil
	})
	b.Logf("1,000 releases of %d bytes each", size)
}

// BenchmarkEventsPage reads the newest 50 events of a log of 1,000,000. Building it
// takes minutes; SLIPWAY_BENCH_LOG names a file that keeps it from run to run, and
// SLIPWAY_BENCH_EVENTS another size.
func BenchmarkEventsPage(b *testing.B) {
	benchEach(b, func(b *testing.B, db *store.DB) {
		if path := os.Getenv("SLIPWAY_BENCH_LOG"); path != "" && db.Dialect() == store.SQLite {
			db = storetest.OpenAt(b, filepath.Clean(path))
		}
		total := int64(1_000_000)
		if s := os.Getenv("SLIPWAY_BENCH_EVENTS"); s != "" {
			if _, err := fmt.Sscan(s, &total); err != nil {
				b.Fatal(err)
			}
		}
		fillLog(b, db, total)
		half := time.Now().Add(-time.Hour)
		for _, bench := range []struct {
			name string
			f    store.EventFilter
		}{
			{"newest", store.EventFilter{}},
			{"app", store.EventFilter{App: "shop"}},
			{"kind", store.EventFilter{App: "shop", Kind: "release.share.set"}},
			{"family", store.EventFilter{App: "shop", Kind: "approval."}},
			{"rare-kind", store.EventFilter{App: "shop", Kind: "release.rolled_back"}},
			{"actor", store.EventFilter{App: "shop", Actor: "user:p3"}},
			{"environment", store.EventFilter{App: "shop", Environment: "production"}},
			{"subject", store.EventFilter{App: "shop", Subject: "rel_17"}},
			{"text-common", store.EventFilter{App: "shop", Text: "share"}},
			{"text-rare", store.EventFilter{App: "shop", Text: "needle"}},
			{"text-two", store.EventFilter{App: "shop", Text: "share needle"}},
			{"text-two-turned", store.EventFilter{App: "shop", Text: "needle share"}},
			{"actor-environment", store.EventFilter{App: "shop", Actor: "user:p3", Environment: "production"}},
			{"disjoint", store.EventFilter{App: "shop", Actor: "user:p3", Environment: "staging"}},
			{"disjoint-kind", store.EventFilter{App: "shop", Actor: "user:p3", Kind: "approval."}},
			{"kind-environment", store.EventFilter{App: "shop", Kind: "approval.", Environment: "staging"}},
			{"time", store.EventFilter{App: "shop", From: half, To: time.Now()}},
			{"future", store.EventFilter{App: "shop", From: time.Now().Add(time.Hour)}},
		} {
			bench.f.Descending = true
			b.Run(bench.name, func(b *testing.B) { pageTimes(b, db, bench.f) })
		}
	})
}

// pageTimes reports the slowest of the reads beside their mean.
func pageTimes(b *testing.B, db *store.DB, f store.EventFilter) {
	var took []time.Duration
	rows := 0
	for b.Loop() {
		start := time.Now()
		got, err := db.Events(b.Context(), f)
		if err != nil {
			b.Fatal(err)
		}
		took, rows = append(took, time.Since(start)), len(got)
	}
	b.ReportMetric(float64(slices.Max(took).Microseconds())/1000, "max-ms")
	b.ReportMetric(float64(rows), "rows")
}

// fillLog appends events until there are total. Person p3 acts in production only and
// never approves; approvals are never in staging: the worst case of two filters.
func fillLog(b *testing.B, db *store.DB, total int64) {
	kinds := []string{"release.share.set", "release.step.passed", "check.reported", "approval.given", "guard.looked"}
	ctx := context.Background()
	for {
		head, err := db.Head(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if head.Seq >= total {
			return
		}
		must(b, db, func(tx *store.Tx) error {
			for n := head.Seq; n < min(head.Seq+10_000, total); n++ {
				person, kind := n%10, kinds[n%5]
				d := event.Draft{
					Kind: kind, Actor: fmt.Sprintf("user:p%d", person), App: "shop", Environment: "production",
					Subject:  fmt.Sprintf("rel_%d", n/100),
					Sentence: fmt.Sprintf("The share of v%d was set to %d %% by the guard's plan.", n/1000, n%100),
					Data:     map[string]int64{"share": n % 100},
				}
				if person < 3 && kind != "approval.given" {
					d.Environment = "staging"
				}
				if n%100_000 == 500 {
					d.Kind, d.Sentence = "release.rolled_back", "A needle in the log: v1 is back with its share."
				}
				if _, err := tx.Append(ctx, d); err != nil {
					return err
				}
			}
			return nil
		})
	}
}
