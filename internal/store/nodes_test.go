package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// TestTwoNodes opens one database twice, as two nodes do on PostgreSQL and as a
// command beside a running server does on SQLite, and lets both write at once, taking
// rows and the log's head in different orders so that they collide.
func TestTwoNodes(t *testing.T) {
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			address := storetest.Address(t, engine)
			nodes := []*store.DB{storetest.OpenAt(t, address), storetest.OpenAt(t, address)}
			ctx := t.Context()
			rel := release.Release{ID: "rel_1", App: "shop", Phase: release.Running, Created: day(0)}
			must(t, nodes[0], func(tx *store.Tx) error { return tx.InsertRelease(ctx, &rel) })
			const workers, each = 6, 15
			var group sync.WaitGroup
			for w := range workers {
				touch := func(tx *store.Tx) error {
					return tx.Schedule(ctx, "rel_1", "release", at(w))
				}
				log := func(tx *store.Tx) error { _, err := tx.Append(ctx, draft(w)); return err }
				group.Go(func() {
					for n := range each {
						err := nodes[w%2].Write(ctx, func(tx *store.Tx) error {
							steps := []func(*store.Tx) error{touch, log}
							if (w+n)%2 == 0 {
								steps[0], steps[1] = log, touch
							}
							for _, step := range steps {
								if err := step(tx); err != nil {
									return err
								}
							}
							return nil
						})
						if err != nil {
							t.Errorf("write: %v", err)
						}
					}
				})
			}
			group.Wait()
			head, err := nodes[1].VerifyLog(ctx)
			if err != nil || head.Seq != workers*each {
				t.Errorf("log %v, %v; want %d events", head, err, workers*each)
			}
		})
	}
}

func TestPutSecretOnceOnTwoNodes(t *testing.T) {
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			address := storetest.Address(t, engine)
			var kept [4]string
			var group sync.WaitGroup
			for n := range kept {
				db := storetest.OpenAt(t, address)
				group.Go(func() {
					err := db.Write(t.Context(), func(tx *store.Tx) error {
						got, err := tx.PutSecretOnce(t.Context(), "key", []byte{byte('a' + n)})
						kept[n] = string(got)
						return err
					})
					if err != nil {
						t.Errorf("put: %v", err)
					}
				})
			}
			group.Wait()
			for _, k := range kept {
				if k != kept[0] || k == "" {
					t.Errorf("nodes use different keys: %q", kept)
				}
			}
		})
	}
}

// TestReadsInsideQueuedWrites lets more transactions queue than there are connections
// for them, while the one whose turn it is reads beside its own transaction.
func TestReadsInsideQueuedWrites(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var group sync.WaitGroup
		for n := range 30 {
			group.Go(func() {
				err := db.Write(ctx, func(tx *store.Tx) error {
					if _, err := db.Events(ctx, store.EventFilter{App: "shop"}); err != nil {
						return err
					}
					_, err := tx.Append(ctx, draft(n))
					return err
				})
				if err != nil {
					t.Errorf("write: %v", err)
				}
			})
		}
		group.Wait()
	})
}
