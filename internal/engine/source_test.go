package engine

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
)

// wideWorld is a release at 50 % whose numbers come in buckets of ten seconds from a source beside the edge.
type wideWorld struct {
	*world
	r        release.Release
	rules    guard.Rules
	kind     metric.Kind
	sequence uint64
}

func (w *world) wide(kind metric.Kind) *wideWorld {
	w.t.Helper()
	r := w.exposed("v2")
	rules, watched := r.Rules()
	if !watched || rules.Source != kind {
		w.t.Fatalf("it is not watched by %s: %+v", kind, rules)
	}
	// So long ago that minutes of it can be told, and in the middle of a bucket.
	ago := r.Exposed.Truncate(10 * time.Second).Add(-297 * time.Second).Sub(r.Exposed)
	r.ID = "rel_new" // that nobody has looked at
	r.Exposed, r.ShareSince = r.Exposed.Add(ago), r.ShareSince.Add(ago)
	for i := range r.Shares {
		r.Shares[i].At = r.Shares[i].At.Add(ago)
	}
	rules.Health = guard.HealthRule{}
	return &wideWorld{world: w, r: r, rules: rules, kind: kind}
}

// tell delivers one bucket of each version that ends so many seconds after the first visitor, on the grid.
func (w *wideWorld) tell(end int64, stable, canary metric.Bucket) {
	w.t.Helper()
	end += w.r.Exposed.Unix() / 10 * 10
	for id, b := range map[string]*metric.Bucket{w.r.Previous: &stable, w.r.Deployment: &canary} {
		b.Deployment, b.Class, b.Second, b.Width = id, metric.Document, end-10, 10
		b.Latency.AddCount(80, uint32(b.Requests))
	}
	w.sequence++
	for range 2 { // delivered twice
		w.ok(w.Observe(w.ctx, metric.Batch{
			Source: "p", Kind: w.kind, Sequence: w.sequence, Sent: time.Unix(end, 0), Complete: end,
			Buckets: []metric.Bucket{stable, canary},
		}))
	}
}

// What another source says counts in whole buckets, once, from the first whole one of the share on, and what the edge
// says of the same requests does not count beside it. A node that starts later knows the same.
//
// req: CD-03 N-04
func TestEvidenceComesFromTheSourceOfTheGuard(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		x := w.wide(metric.Prometheus)
		for end := int64(-50); end <= 120; end += 10 {
			x.tell(end, metric.Bucket{Requests: 100, Errors: 1}, metric.Bucket{Requests: 90, Errors: 2})
		}
		w.observe(1, x.r.Exposed.Add(20*time.Second), x.r.Deployment, 1000) // by the edge
		now := x.r.Exposed.Truncate(10 * time.Second).Add(130 * time.Second)
		later := w.node(w.DB, w.Strategy)
		real, err := w.now(w.ctx)
		w.ok(err)
		w.ok(later.readBatches(w.ctx, real.Add(-time.Hour)))
		for name, e := range map[string]*Engine{"this node": w.Engine, "a node that starts later": later} {
			v, l, ev := w.judged(e, x.r, x.rules, now)
			if s := l.Summary; ev.Width != 10 || ev.Complete != now.Unix()-10 || s.StableRequests != 1100 ||
				s.CanaryRequests != 990 {
				t.Errorf("%s: by %d s up to %d s before now: %+v", name, ev.Width, now.Unix()-ev.Complete, s)
			}
			if ev.Baseline.Requests < 500 {
				t.Errorf("%s: the baseline has %d requests", name, ev.Baseline.Requests)
			}
			if v.Action != guard.Continue || v.Report.Mode != judge.Linear || v.Behind != 10*time.Second {
				t.Errorf("%s: %s %s, %+v", name, v.Action, v.Sentence, v.Report)
			}
		}
	}, "guards:\n", "sources: {prometheus: {url: http://127.0.0.1:9, every: 10s, lag: 0s}}\n"+
		"guards:\n", "blind: 10s", "blind: 60s\n    source: prometheus")
}

// req: RB-03 CD-03
func TestAnotherSourceTakesACanaryBackAndItsSilenceHoldsIt(t *testing.T) {
	for _, kind := range []metric.Kind{metric.Prometheus, metric.OTLP, metric.Drain} {
		t.Run(string(kind), func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				x := w.wide(kind)
				begin := x.r.Exposed.Truncate(10 * time.Second)
				said := func(after time.Duration) guard.Verdict {
					return w.look(x.r, x.rules, begin.Add(after))
				}
				for end := int64(-50); end <= 120; end += 10 {
					x.tell(end, metric.Bucket{Requests: 100, Errors: 1}, metric.Bucket{Requests: 90, Errors: 1})
				}
				if v := said(125 * time.Second); v.Word != guard.BetterOrEqual {
					t.Errorf("a healthy one: %s %s", v.Word, v.Sentence)
				}
				if v := said(200 * time.Second); v.Word != guard.Broken || v.Action != guard.Hold {
					t.Errorf("after silence: %s %s", v.Word, v.Sentence)
				}
				for end := int64(130); end <= 160; end += 10 {
					x.tell(end, metric.Bucket{Requests: 100, Errors: 1}, metric.Bucket{Requests: 90, Errors: 45})
				}
				if v := said(165 * time.Second); v.Word != guard.Worse || v.Action != guard.Undo {
					t.Errorf("a broken one: %s %s", v.Word, v.Sentence)
				}
			}, "guards:\n", "sources: {prometheus: {url: http://127.0.0.1:9, every: 10s, lag: 0s}}\nguards:\n", "blind: 10s",
				"blind: 60s\n    source: "+string(kind))
		})
	}
}
