package store_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

func at(second int) time.Time { return time.Unix(1_800_000_000+int64(second), 0).UTC() }

func schedule(t testing.TB, db *store.DB, id, kind string, when time.Time) {
	t.Helper()
	must(t, db, func(tx *store.Tx) error { return tx.Schedule(t.Context(), id, kind, when) })
}

// claimed claims at a second and returns what it got.
func claimed(t testing.TB, db *store.DB, node string, second int) []store.Work {
	t.Helper()
	got, err := db.Claim(t.Context(), node, []string{"release", "rollback"}, 10, 30*time.Second, at(second))
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	return got
}

func TestClaimNothingTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const rows, workers = 200, 8
		must(t, db, func(tx *store.Tx) error {
			for n := range rows {
				if err := tx.Schedule(t.Context(), fmt.Sprintf("rel_%d", n), "release", at(n%10)); err != nil {
					return err
				}
			}
			return nil
		})
		var group sync.WaitGroup
		var mu sync.Mutex
		times := map[string]int{}
		for w := range workers {
			group.Go(func() {
				for empty := 0; empty < 3; {
					got, err := db.Claim(t.Context(), fmt.Sprintf("node-%d", w), []string{"release"}, 5, time.Minute, at(20))
					if err != nil {
						t.Errorf("claim: %v", err)
						return
					}
					if len(got) == 0 {
						empty++
					}
					mu.Lock()
					for _, g := range got {
						times[g.ID]++
					}
					mu.Unlock()
				}
			})
		}
		group.Wait()
		for len(times) < rows { // rivals may all have come out empty at the end
			got := claimed(t, db, "last", 20)
			if len(got) == 0 {
				break
			}
			for _, g := range got {
				times[g.ID]++
			}
		}
		for id, n := range times {
			if n != 1 {
				t.Errorf("%s was claimed %d times", id, n)
			}
		}
		if len(times) != rows {
			t.Errorf("claimed %d rows, want %d", len(times), rows)
		}
	})
}

func TestWorkLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		schedule(t, db, "rel_1", "release", at(10))
		schedule(t, db, "rel_1", "release", at(50)) // later: the nearer time stays
		if got := claimed(t, db, "a", 9); len(got) != 0 {
			t.Fatalf("claimed before its time: %v", got)
		}
		got, err := db.Claim(ctx, "a", []string{"rollback"}, 10, time.Minute, at(10))
		if err != nil || len(got) != 0 {
			t.Fatalf("claimed another kind: %v, %v", got, err)
		}
		works := claimed(t, db, "a", 10)
		if len(works) != 1 {
			t.Fatalf("claimed %v", works)
		}
		w := works[0]
		if w.ID != "rel_1" || w.Kind != "release" || w.Node != "a" || w.Version != 1 || !w.NextAt.Equal(at(10)) ||
			!w.LeaseUntil.Equal(at(40)) {
			t.Errorf("work %+v", w)
		}
		if got := claimed(t, db, "b", 39); len(got) != 0 {
			t.Fatalf("claimed what a holds: %v", got)
		}
		if err := db.Renew(ctx, w, 30*time.Second, at(39)); err != nil {
			t.Fatalf("renew: %v", err)
		}
		if got := claimed(t, db, "b", 68); len(got) != 0 {
			t.Fatalf("claimed what a renewed: %v", got)
		}
		stolen := claimed(t, db, "b", 69) // a died
		if len(stolen) != 1 || stolen[0].Version != 2 {
			t.Fatalf("an expired lease was not taken over: %v", stolen)
		}
		wantFault(t, db.Renew(ctx, w, time.Minute, at(69)), fault.Conflict, "lease_lost")
		wantFault(t, db.GiveBack(ctx, w, at(1)), fault.Conflict, "lease_lost")
		if err := db.GiveBack(ctx, stolen[0], time.Time{}); err != nil {
			t.Fatal(err)
		}
		if got := claimed(t, db, "b", 9999); len(got) != 0 {
			t.Errorf("claimed without a time: %v", got)
		}
		next, err := db.NextDue(ctx, []string{"release"})
		if err != nil || !next.IsZero() {
			t.Errorf("next due %v, %v", next, err)
		}
	})
}

func TestWakeDuringLease(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		schedule(t, db, "rel_1", "release", at(1))
		w := claimed(t, db, "a", 1)[0]
		schedule(t, db, "rel_1", "release", at(2)) // the wake
		if next, err := db.NextDue(ctx, []string{"release"}); err != nil || !next.Equal(at(31)) {
			t.Errorf("next due %v, %v; want the lease's end", next, err)
		}
		if got := claimed(t, db, "b", 3); len(got) != 0 {
			t.Fatalf("two hold it: %v", got)
		}
		if err := db.GiveBack(ctx, w, at(100)); err != nil {
			t.Fatal(err)
		}
		if next, err := db.NextDue(ctx, []string{"release"}); err != nil || !next.Equal(at(2)) {
			t.Errorf("next due %v, %v; want the wake", next, err)
		}
		if got := claimed(t, db, "b", 3); len(got) != 1 {
			t.Errorf("the wake was lost: %v", got)
		}
		_, err := db.Claim(ctx, "", nil, 1, time.Minute, at(1))
		wantFault(t, err, fault.Internal, "claim_incomplete")
	})
}

// TestNoWakeIsLost plays seeded histories of wakes, claims, crashes and returns: after
// every wake there must be a claim at or after its time.
func TestNoWakeIsLost(t *testing.T) {
	for _, engine := range storetest.Engines(t) {
		db := storetest.Open(t, engine)
		for seed := range uint64(12) {
			t.Run(fmt.Sprintf("%s/%d", engine, seed), func(t *testing.T) { playWakes(t, db, seed) })
		}
	}
}

func playWakes(t *testing.T, db *store.DB, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	id, kind := fmt.Sprintf("rel_%d", seed), fmt.Sprintf("kind_%d", seed)
	var held *store.Work
	wanted := -1 // the earliest wake that no claim has answered
	now := 0
	claim := func() {
		got, err := db.Claim(t.Context(), "n", []string{kind}, 1, 10*time.Second, at(now))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 1 {
			if held = &got[0]; wanted <= now {
				wanted = -1
			}
		}
	}
	for range 60 {
		now += rng.IntN(4)
		switch rng.IntN(5) {
		case 0, 1:
			wake := now + rng.IntN(6)
			schedule(t, db, id, kind, at(wake))
			if wanted < 0 || wake < wanted {
				wanted = wake
			}
		case 2:
			claim()
		case 3:
			if held == nil {
				continue
			}
			next := time.Time{}
			if rng.IntN(2) == 0 {
				next = at(now + 5 + rng.IntN(20))
			}
			if err := db.GiveBack(t.Context(), *held, next); err != nil && fault.ReasonOf(err) != "lease_lost" {
				t.Fatal(err)
			}
			held = nil
		case 4:
			held = nil // the holder dies and says nothing
		}
	}
	for range 3 { // everybody is dead: after the lease, the wake is answered
		now += 40
		claim()
	}
	if wanted >= 0 {
		t.Errorf("the wake at %d was never answered", wanted)
	}
}
