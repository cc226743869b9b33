package engine

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/guard/record"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/watch"
)

// observe delivers one batch of an edge: n requests of a deployment in one second.
func (w *world) observe(sequence uint64, at time.Time, deployment string, n uint64) {
	w.t.Helper()
	w.ok(w.Observe(w.ctx, metric.Batch{
		Source: "edge-1", Sequence: sequence, Sent: at, Complete: at.Unix() + 1,
		Buckets: []metric.Bucket{{Deployment: deployment, Class: metric.API, Second: at.Unix(), Requests: n}},
	}))
}

// look lets the watcher look at a release at a time, and keeps nothing.
func (w *world) look(r release.Release, rules guard.Rules, now time.Time) guard.Verdict {
	w.t.Helper()
	v, err := w.watch.Look(w.ctx, r, rules, nil, now, func(watch.Look) error { return nil })
	w.ok(err)
	return *v
}

// judged is the first look of a node at a release, with what would be kept of it.
func (w *world) judged(e *Engine, r release.Release, rules guard.Rules,
	now time.Time) (guard.Verdict, watch.Look, guard.Evidence) {
	w.t.Helper()
	var look watch.Look
	v, err := e.watch.Look(w.ctx, r, rules, nil, now, func(l watch.Look) error {
		look = l
		return nil
	})
	w.ok(err)
	_, ev, err := new(record.Tape).Unpack(look.Evidence)
	w.ok(err)
	return *v, look, ev
}

// What is judged began when visitors first came, for both versions; what was before is
// the baseline of the stable one. A batch that comes twice counts once, also for a node
// that starts later.
func TestEvidenceBeginsWithTheFirstVisitor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.exposed("v2")
		r.ID, r.Exposed = "rel_new", r.Exposed.Add(-10*time.Second) // nobody has looked at it
		r.Shares[0].At, r.ShareSince = r.Exposed, r.Exposed
		base := r.Exposed.Add(time.Second).Truncate(time.Second)
		w.observe(1, base.Add(-10*time.Second), r.Previous, 7)
		w.observe(2, base.Add(-10*time.Second), r.Deployment, 5) // a smoke check before there were visitors
		for range 2 {
			w.observe(3, base, r.Previous, 100)
			w.observe(4, base, r.Deployment, 90)
		}
		rules, watched := r.Rules()
		if !watched {
			t.Fatal("it is not watched")
		}
		later := w.node(w.DB, w.Strategy)
		now, err := w.now(w.ctx)
		w.ok(err)
		w.ok(later.readBatches(w.ctx, now.Add(-time.Hour)))
		for name, e := range map[string]*Engine{"this node": w.Engine, "a node that starts later": later} {
			_, look, ev := w.judged(e, r, rules, now)
			if s := look.Summary; s.StableRequests != 100 || s.CanaryRequests != 90 || ev.Baseline.Requests != 7 ||
				ev.Share != 50 {
				t.Errorf("%s: %+v, baseline %d", name, s, ev.Baseline.Requests)
			}
		}
	})
}

// Health is asked of both versions while both have visitors, and of nobody afterwards.
func TestHealthIsProbedWhileAnybodyIsExposed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.exposed("v2")
		next, err := w.probeHealth(w.ctx, "health/"+r.ID)
		w.ok(err)
		for _, id := range []string{r.Deployment, r.Previous} {
			list, err := w.DB.ProbesOf(w.ctx, id, r.Created)
			w.ok(err)
			if len(list) != 1 || !list[0].OK || list[0].Took <= 0 || next.IsZero() {
				t.Errorf("%s was probed: %+v, next at %s", w.version(id), list, next)
			}
		}
		w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Abort, Name: "bo", Reason: "a test"}, 0))
		w.settle(r.ID)
		asked := w.shops["v2"].asked.Load()
		next, err = w.probeHealth(w.ctx, "health/"+r.ID)
		if err != nil || !next.IsZero() || w.shops["v2"].asked.Load() != asked {
			t.Errorf("after the abort it is probed again at %s (%v)", next, err)
		}
	})
}

// A node that dies is followed by another one, which goes on from what was stored: the looks are one row of numbers,
// each request counts once, and every verdict comes out again.
//
// req: N-04
func TestAnotherNodeGoesOnWithTheComparison(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.exposed("v2")
		second := w.node(w.DB, w.Strategy)
		now, err := w.now(w.ctx)
		w.ok(err)
		w.ok(second.readBatches(w.ctx, now.Add(-time.Hour)))
		ago := time.Minute // as if it had begun then: time can't be waited for
		r.ID, r.Exposed, r.ShareSince = "rel_new", r.Exposed.Add(-ago), r.ShareSince.Add(-ago)
		r.Shares = []release.Shift{{At: r.Exposed, Share: r.Share}}
		rules, _ := r.Rules()
		var delivered uint64
		look := func(e *Engine, at time.Time) (guard.Verdict, error) {
			v, err := e.watch.Look(w.ctx, r, rules, nil, at, func(l watch.Look) error { return e.recordVerdict(w.ctx, r, l) })
			if err != nil {
				return guard.Verdict{}, err
			}
			return *v, nil
		}
		var last guard.Verdict
		for i := range 40 {
			at := r.Exposed.Truncate(time.Second).Add(time.Duration(i+1) * time.Second)
			for n, d := range []string{r.Previous, r.Deployment} {
				w.observe(uint64(2*i+n+1), at, d, 10)
			}
			delivered += 10
			e := w.Engine
			if i >= 20 { // the first one is dead
				e = second
				w.ok(e.readBatches(w.ctx, now.Add(-time.Hour)))
			}
			last, err = look(e, at.Add(2*time.Second))
			w.ok(err)
		}
		if last.Report == nil || last.Report.Canary.Requests < delivered-20 || last.Report.Canary.Requests > delivered {
			t.Errorf("%d were delivered: %+v", delivered, last.Report)
		}
		// The first one comes back, knows less, and is refused.
		at := r.Exposed.Add(time.Minute)
		if _, err := look(w.Engine, at); fault.ReasonOf(err) != "changed_meanwhile" {
			t.Errorf("a node that was overtaken: %v", err)
		}
		_, err = look(w.Engine, at)
		w.ok(err)
		n, err := watch.NewReplay(w.DB, r.ID).Next(w.ctx, 1000, func(a watch.Again) error {
			if a.Differs != nil {
				t.Errorf("%+v", *a.Differs)
			}
			return nil
		})
		if err != nil || n != 41 {
			t.Errorf("%d verdicts come out again: %v", n, err)
		}
	})
}
