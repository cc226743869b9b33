package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// A crash between deciding and the commit leaves nothing behind: no row, no event,
// no effect, no work.
func TestADecisionThatIsNotCommittedLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r, l := w.beforeCanary("v2")
		before, head := w.release(r.ID), len(w.events(""))
		lost := errors.New("the process died")
		err := w.DB.Write(w.ctx, func(tx *store.Tx) error {
			if err := w.recordRelease(w.ctx, tx, &l.d, l.f); err != nil {
				return err
			}
			return lost
		})
		if !errors.Is(err, lost) {
			t.Fatal(err)
		}
		pending, err := w.DB.EffectsPending(w.ctx)
		w.ok(err)
		after := w.release(r.ID)
		if after.Row != before.Row || after.Routes != 0 || len(w.events("")) != head || len(pending) > 0 {
			t.Errorf("it left %d events, %d effects and row %d", len(w.events(""))-head, len(pending), after.Row-before.Row)
		}
		if r := w.settle(r.ID); r.Share != 50 {
			t.Errorf("deciding again comes to %g %%: %s", r.Share, r.Sentence)
		}
	})
}

// The engine dies after the edge took the routing and before that is recorded. Who
// comes next tries again under the same key and generation.
func TestAnEffectThatWasCutOffIsTriedAgainUnderItsKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, l := w.beforeCanary("v2")
		w.ok(w.record(l))
		key := l.d.Release.Effect
		dying, die := context.WithCancel(w.ctx)
		w.edge.Before = func(_ context.Context, k string, r provider.Routing) error {
			if k == key && len(w.callsOf(key)) == 0 {
				die()
			}
			return nil
		}
		if _, err := w.carryOut(dying, key); err == nil {
			t.Fatal("the cut-off try says that it was recorded")
		}
		if x := w.effects(l.d.Release.ID, effect.Route)[0]; x.State != effect.Pending || x.Attempts != 0 {
			t.Fatalf("after the crash it is %s with %d attempts", x.State, x.Attempts)
		}
		w.settle(l.d.Release.ID)
		calls := w.callsOf(key)
		if len(calls) != 2 || calls[0].Generation != calls[1].Generation {
			t.Errorf("the routing was asked for as %+v", calls)
		}
		if r := w.release(l.d.Release.ID); r.Share != 50 || r.Routes != 1 {
			t.Errorf("%g %% after %d routings", r.Share, r.Routes)
		}
	})
}

func (w *world) callsOf(key string) (out []provider.Routing) {
	for _, c := range w.edge.Calls() {
		if c.Key == key {
			out = append(out, c.Routing)
		}
	}
	return out
}

func TestAnEffectIsTriedAsOftenAsTheStrategyAllows(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.start("v2")
		w.report("v2", checklist.Passed)
		w.shops["v2"].sick.Store(true)
		for range 5 { // up to the request to deploy
			_, err := w.lookAtRelease(w.ctx, r.ID)
			w.ok(err)
		}
		key := w.release(r.ID).Effect
		var waits []time.Duration
		for {
			before, err := w.now(w.ctx)
			w.ok(err)
			next, err := w.carryOut(w.ctx, key)
			w.ok(err)
			if next.IsZero() {
				break
			}
			waits = append(waits, next.Sub(before))
		}
		x, err := w.DB.Effect(w.ctx, key)
		w.ok(err)
		if x.State != effect.Failed || x.Attempts != 3 || len(waits) != 2 || waits[0] < 10*time.Millisecond ||
			waits[1] < 20*time.Millisecond {
			t.Fatalf("%s after %d attempts, waiting %v", x.State, x.Attempts, waits)
		}
		if r := w.settle(r.ID); r.State().Status != release.StepFailed || !strings.Contains(r.Sentence,
			"does not answer well") {
			t.Fatalf("%s: %s", r.State().Status, r.Sentence)
		}
		var of []string
		for _, e := range w.events("") {
			if strings.HasPrefix(e.Kind, "effect.") && e.Subject == r.ID {
				of = append(of, e.Kind)
			}
		}
		if want := []string{"effect.recorded", "effect.pending", "effect.failed"}; !slices.Equal(of, want) {
			t.Errorf("the log has %v, want %v", of, want)
		}
		w.shops["v2"].sick.Store(false)
		w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Retry, Name: "bo"}, 0))
		if r := w.settle(r.ID); r.Share != 50 {
			t.Errorf("tried again it comes to %g %%: %s", r.Share, r.Sentence)
		}
	})
}

func TestAnUndoIsTriedUntilItSucceeds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.exposed("v2")
		w.edge.Late(true)
		w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Abort, Name: "bo", Reason: "it is wrong"}, 0))
		for range 5 {
			r = w.release(r.ID)
			_, err := w.carryOut(w.ctx, r.Effect)
			w.ok(err)
			_, err = w.lookAtRelease(w.ctx, r.ID)
			w.ok(err)
		}
		if r = w.release(r.ID); r.Phase != release.Undoing || r.Share != 50 {
			t.Fatalf("while the edge is late it is %s at %g %%", r.Phase, r.Share)
		}
		w.edge.Late(false)
		if r = w.settle(r.ID); r.Phase != release.Aborted || w.served() != "v1  0" || r.Restored.IsZero() {
			t.Errorf("%s; visitors get %s", r.Phase, w.served())
		}
	})
}

// req: RB-28
func TestWhatHangsKeepsNothingElseWaiting(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		hangs, hung := make(chan struct{}), atomic.Int64{}
		defer close(hangs)
		r := w.exposed("v2")
		stall := openShop(t)
		stall.Config.Handler = stallingHandler(hangs, &hung)
		w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error { // more than there are workers
			for i := range 40 {
				x := effect.Effect{Key: fmt.Sprintf("hang/%d", i), Subject: "dep_x", Kind: effect.Smoke, State: effect.Pending,
					Args: marshal(release.TargetArgs{URL: stall.URL, Suite: "core"}), Retry: time.Second, Created: tx.Now()}
				if _, err := tx.InsertEffect(w.ctx, &x); err != nil {
					return err
				}
				if err := tx.Schedule(w.ctx, x.Key, workEffect, tx.Now()); err != nil {
					return err
				}
			}
			return nil
		}))
		w.run(w.Engine)
		w.until("all workers to hang", func() bool { return hung.Load() >= 6 })
		asked := time.Now()
		w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Abort, Name: "bo", Reason: "it is wrong"}, 0))
		w.until("traffic to be back", func() bool { return w.release(r.ID).Phase == release.Aborted })
		if took := time.Since(asked); took > 5*time.Second || w.served() != "v1  0" {
			t.Errorf("the undo took %s; visitors get %s", took, w.served())
		}
	})
}

func TestTwoEnginesOnOneDatabase(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			address := storetest.Address(t, kind)
			w := newWorld(t, storetest.OpenAt(t, address))
			w.run(w.Engine)
			w.run(w.node(storetest.OpenAt(t, address), w.Strategy))
			var ids []string
			for i := range 4 {
				version := fmt.Sprintf("v%d", i+2)
				ids = append(ids, w.start(version).ID)
				w.report(version, checklist.Passed)
			}
			w.until("one to have the canary", func() bool { return len(w.events("release.share_set")) > 0 })
			w.until("all others to wait for it", func() bool {
				waiting := 0
				for _, id := range ids {
					if r := w.release(id); r.Routes == 0 && strings.Contains(r.Sentence, "Waits for") {
						waiting++
					}
				}
				return waiting == 3
			})
			seen := map[string]int{}
			for _, e := range w.events("") {
				if e.Kind == "release.step_passed" || e.Kind == "release.stage_entered" || e.Kind == "effect.recorded" {
					seen[e.Kind+e.Subject+e.Sentence]++
				}
			}
			for what, n := range seen {
				if n > 1 {
					t.Errorf("decided %d times: %s", n, what)
				}
			}
			if len(w.events("release.share_set")) != 1 {
				t.Errorf("%d shares were set", len(w.events("release.share_set")))
			}
		})
	}
}

func TestAPanicGivesTheClaimBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var calls atomic.Int64
		w.edge.Before = func(context.Context, string, provider.Routing) error {
			if calls.Add(1) == 1 {
				panic("a defect")
			}
			return nil
		}
		w.run(w.Engine)
		r := w.start("v2")
		w.report("v2", checklist.Passed)
		w.until("the share in spite of the panic", func() bool { return w.release(r.ID).Share == 50 })
		if log := w.logs.String(); !strings.Contains(log, "a defect") || !strings.Contains(log, "effect_test.go") {
			t.Errorf("the log does not say where it was: %s", log)
		}
	})
}

func TestALeaseThatRanOutIsTakenOver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.start("v2")
		now, err := w.now(w.ctx)
		w.ok(err)
		lease := 300 * time.Millisecond
		alone := w.DB.Dialect() == store.SQLite
		if alone {
			lease = time.Hour // however slow the machine is
		}
		held, err := w.DB.Claim(w.ctx, "a node that dies", []string{workRelease}, 5, lease, now)
		w.ok(err)
		if len(held) != 1 || held[0].ID != r.ID {
			t.Fatalf("claimed %+v", held)
		}
		w.run(w.Engine)
		w.until("another node to look", func() bool { return !w.release(r.ID).State().Started.IsZero() })
		// SQLite has one process: when it starts, nobody else can hold anything.
		early := w.release(r.ID).State().Started.Before(held[0].LeaseUntil)
		if early != alone {
			t.Errorf("looked at before the lease ran out: %t, alone on the database: %t", early, alone)
		}
		if err := w.DB.GiveBack(w.ctx, held[0], now); !fault.Is(err, fault.Conflict) {
			t.Errorf("the dead node gives it back: %v", err)
		}
	})
}

// A database that is away is looked for many times a second and spoken of rarely.
func TestTroubleIsToldOnce(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), storetest.Address(t, store.SQLite))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, db)
	w.run(w.Engine)
	r := w.start("v2")
	w.until("it to work", func() bool { return !w.release(r.ID).State().Started.IsZero() })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	w.until("the first complaint", func() bool { return strings.Contains(w.logs.String(), "claim work") })
	rounds := time.NewTimer(300 * time.Millisecond) // 60 rounds of each pool
	defer rounds.Stop()
	<-rounds.C
	// What was under way when it closed is told of once each; a line for each round would be hundreds.
	if n := strings.Count(w.logs.String(), "\n"); n > 12 {
		t.Errorf("%d lines in 0.3 s:\n%s", n, w.logs)
	}
}

// Decisions and outcomes get lost at random, as crashes lose them; the release comes
// to the same end and no routing goes backward.
func TestLostDecisionsChangeNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(5) {
				w := newWorld(t, storetest.Open(t, kind))
				rng := rand.New(rand.NewPCG(seed, 9))
				r := w.start("v2")
				w.report("v2", checklist.Passed)
				for i := 0; w.release(r.ID).Share != 50; i++ {
					if i > 400 {
						t.Fatalf("seed %d: it does not arrive: %s", seed, w.release(r.ID).Sentence)
					}
					w.lossy(rng, r.ID)
				}
				var last uint64
				for _, c := range w.edge.Calls() {
					if c.Err == nil && c.Routing.Generation < last {
						t.Errorf("seed %d: generation %d after %d", seed, c.Routing.Generation, last)
					}
					last = max(last, c.Routing.Generation)
				}
				if n := len(w.effects(r.ID, effect.Route)); n != 1 || w.served() != "v1 v2 50" {
					t.Errorf("seed %d: %d routings recorded; visitors get %s", seed, n, w.served())
				}
			}
		})
	}
}

// lossy looks or acts once, and loses half of it.
func (w *world) lossy(rng *rand.Rand, id string) {
	w.t.Helper()
	lost := rng.IntN(2) == 0
	if rng.IntN(2) == 0 {
		if l := w.lookOnly(id); !lost {
			w.ok(w.record(l))
		}
		return
	}
	list, err := w.DB.EffectsPending(w.ctx)
	w.ok(err)
	for _, x := range list {
		if lost { // it is done, and nobody writes it down
			_, _ = w.try(w.ctx, x)
			continue
		}
		_, err := w.carryOut(w.ctx, x.Key)
		w.ok(err)
	}
}
