package engine

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/rollback"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// Two releases stand before the canary; the second must be tried against what the
// first has made of production, not against what ran when it was started.
func TestASecondReleaseIsTriedAgainstTheFirst(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		second := w.start("v3")
		first := w.promoted("v2")
		w.report("v3", checklist.Passed)
		r := w.settle(second.ID)
		if r.Share != 0 || w.served() != "v2  0" {
			t.Fatalf("v3 is at %g %% while v2 is watched; visitors get %s", r.Share, w.served())
		}
		w.complete(first.ID)
		r = w.settle(second.ID)
		if got := w.served(); r.Share != 50 || got != "v2 v3 50" {
			t.Errorf("v3 is at %g %%, visitors get %q, want v2 v3 50: %s", r.Share, got, r.Sentence)
		}
		if w.version(r.Previous) != "v2" || r.PreviousURL != w.shops["v2"].URL {
			t.Errorf("v3 is compared with %s at %s", w.version(r.Previous), r.PreviousURL)
		}
		w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Abort, Name: "bo", Reason: "a test"}, 0))
		w.settle(r.ID)
		if got := w.served(); got != "v2  0" {
			t.Errorf("after the abort visitors get %q, want v2", got)
		}
	})
}

// look is one look at a release that stops between deciding and recording, where
// everything may happen.
type look struct {
	d release.Decision
	f release.Facts
}

func (w *world) lookOnly(id string) look {
	w.t.Helper()
	r := w.release(id)
	f, err := w.releaseFacts(w.ctx, r, true)
	w.ok(err)
	r, err = w.besideProduction(w.ctx, r, f)
	w.ok(err)
	return look{release.Decide(r, f), f}
}

func (w *world) record(l look) error {
	if !l.d.Changed {
		return nil
	}
	return w.DB.Write(w.ctx, func(tx *store.Tx) error { return w.recordRelease(w.ctx, tx, &l.d, l.f) })
}

// beforeCanary brings a release to the look that asks for its first routing.
func (w *world) beforeCanary(version string) (release.Release, look) {
	w.t.Helper()
	r := w.start(version)
	w.report(version, checklist.Passed)
	for range 50 {
		l := w.lookOnly(r.ID)
		if l.d.Release.Routes == 1 {
			return r, l
		}
		w.ok(w.record(l))
		w.act()
	}
	w.t.Fatalf("%s does not come to the canary: %s", version, w.release(r.ID).Sentence)
	return r, look{}
}

func TestTwoThatLookAtTheSameMomentDoNotBothGetTheCanary(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a, lookA := w.beforeCanary("v2")
		b, lookB := w.beforeCanary("v3")
		w.ok(w.record(lookB))
		if err := w.record(lookA); !errors.Is(err, errStale) {
			t.Fatalf("the second is recorded too: %v", err)
		}
		if r := w.settle(a.ID); r.Routes != 0 || !strings.Contains(r.Sentence, "Waits for v3") {
			t.Errorf("v2 has asked for %d routings: %s", r.Routes, r.Sentence)
		}
		if r := w.settle(b.ID); r.Share != 50 || w.served() != "v1 v3 50" {
			t.Errorf("v3 is at %g %%; visitors get %s", r.Share, w.served())
		}
	})
}

// requested opens a rollback of production and has it approved.
func (w *world) requested() string {
	w.t.Helper()
	b, err := w.RequestRollback(w.ctx, person("inez", "incident"), "production", "it is slow", "")
	w.ok(err)
	_, err = w.lookAtRollback(w.ctx, b.ID)
	w.ok(err)
	b, err = w.DB.Rollback(w.ctx, b.ID)
	w.ok(err)
	q := w.request(b.Request)
	_, err = w.Vote(w.ctx, person("ivan", "incident"), q.ID, true, q.Hash, "")
	w.ok(err)
	return b.ID
}

// complete ends a promoted release well.
func (w *world) complete(id string) {
	w.t.Helper()
	w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
		r, err := tx.Release(w.ctx, id)
		if err != nil {
			return err
		}
		r.Phase = release.Completed
		return tx.UpdateRelease(w.ctx, &r)
	}))
}

func TestACanaryThatLookedBeforeARollbackDoesNotUndoIt(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.complete(w.promoted("v2").ID)
		r, late := w.beforeCanary("v3")
		back := w.requested()
		if b := w.settleBack(back); b.Phase != rollback.Verifying {
			t.Fatalf("the rollback is %s: %s", b.Phase, b.Sentence)
		}
		if err := w.record(late); !errors.Is(err, errStale) {
			t.Errorf("a canary beside v2 is recorded although v2 was taken back: %v", err)
		}
		if w.settle(r.ID); w.served() != "v1  0" {
			t.Errorf("visitors get %q after the rollback to v1", w.served())
		}
	})
}

// The canary's routings and the rollback's come in every order that a loop, a crash
// and a slow edge can make. Once the rollback has been carried out nothing sends
// anybody to v2 again.
func TestNothingOvertakesARollback(t *testing.T) {
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(4) {
				overtake(t, storetest.Open(t, kind), seed)
			}
		})
	}
}

func overtake(t *testing.T, db *store.DB, seed uint64) {
	t.Helper()
	w := newWorld(t, db)
	rng := rand.New(rand.NewPCG(seed, 3))
	w.complete(w.promoted("v2").ID)
	r, _ := w.beforeCanary("v3")
	back := w.requested()
	var looked *look
	executed := false
	for range 120 {
		switch rng.IntN(5) {
		case 0:
			l := w.lookOnly(r.ID)
			looked = &l
		case 1:
			if looked != nil {
				_ = w.record(*looked) // may be stale: that is the point
			}
		case 2:
			_, err := w.lookAtRollback(w.ctx, back)
			w.ok(err)
		default:
			list, err := w.DB.EffectsPending(w.ctx)
			w.ok(err)
			if len(list) > 0 {
				_, err := w.carryOut(w.ctx, list[rng.IntN(len(list))].Key)
				w.ok(err)
			}
		}
		b, err := w.DB.Rollback(w.ctx, back)
		w.ok(err)
		executed = executed || !b.Executed.IsZero()
		if s := w.edge.Serves(); executed && w.version(s.Stable) != "v1" {
			t.Fatalf("seed %d: after the rollback visitors get %s", seed, w.served())
		}
	}
	if !executed {
		t.Errorf("seed %d: the rollback was never carried out", seed)
	}
}

func TestARollbackEndsTheCanaryThatIsUnderWay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.complete(w.promoted("v2").ID)
		r := w.exposed("v3")
		back := w.requested()
		b := w.settleBack(back)
		if b.Phase != rollback.Verifying || w.served() != "v1  0" || w.runs("production") != "v1" || w.runs("canary") != "" {
			t.Fatalf("%s: visitors get %s, production runs %s, canary %s", b.Phase, w.served(), w.runs("production"),
				w.runs("canary"))
		}
		if r = w.settle(r.ID); r.Phase != release.Aborted || w.served() != "v1  0" {
			t.Errorf("v3 is %s, visitors get %s", r.Phase, w.served())
		}
		d, err := w.DB.Deployment(w.ctx, b.Plan.From.ID)
		w.ok(err)
		if d.Verdict != deployment.Bad {
			t.Errorf("v2 is recorded as %s", d.Verdict)
		}
		if _, err := w.tryStart("v2"); fault.ReasonOf(err) != "version_bad" {
			t.Errorf("v2 again: %v, want version_bad", err)
		}
	})
}

// The guard and a person ask for the same rollback at the same moment.
func TestProductionIsTakenBackOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.promoted("v2")
		f, err := w.releaseFacts(w.ctx, r, true)
		w.ok(err)
		f.Verdict = &guard.Verdict{At: f.Now, Word: guard.Worse, Action: guard.Undo, Sentence: "12 % fail."}
		late := look{release.Decide(r, f), f}
		if late.d.Rollback == nil {
			t.Fatalf("the guard does not ask: %s", late.d.Release.Sentence)
		}
		_, err = w.RequestRollback(w.ctx, person("inez", "incident"), "production", "it is slow", "")
		w.ok(err)
		w.ok(w.record(late))
		back, err := w.DB.ActiveRollbacks(w.ctx, "shop")
		w.ok(err)
		if len(back) != 1 {
			t.Errorf("%d rollbacks of production are under way", len(back))
		}
		if _, err := w.RequestRollback(w.ctx, person("ivan", "incident"), "production", "again",
			""); fault.ReasonOf(err) != "rollback_under_way" {
			t.Errorf("a second request gives %v", err)
		}
	})
}
