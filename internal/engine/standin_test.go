package engine

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/metric"
)

// A drain falls silent: what Vercel counted stands in, and takes a canary back. When both are silent nothing is known.
//
// req: RB-03 N-04
func TestVercelsCountsStandInForASilentDrain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		x := w.wide(metric.Drain)
		x.rules.Fallback = metric.Observability
		begin := x.r.Exposed.Truncate(10 * time.Second)
		said := func(after time.Duration) guard.Verdict { return w.look(x.r, x.rules, begin.Add(after)) }
		for end := int64(-50); end <= 20; end += 10 {
			x.tell(end, metric.Bucket{Requests: 100, Errors: 1}, metric.Bucket{Requests: 90, Errors: 1})
		}
		if v := said(190 * time.Second); v.Word != guard.Broken || v.Action != guard.Hold {
			t.Errorf("both are silent: %s %s %s", v.Word, v.Action, v.Sentence)
		}
		first := begin.Truncate(time.Minute).Add(time.Minute).Unix()
		for minute := first; minute+60 <= begin.Unix()+270; minute += 60 {
			b := metric.Batch{Source: "vercel", Kind: metric.Observability, Sequence: uint64(minute) / 60,
				Sent: time.Unix(minute+60, 0), Complete: minute + 60}
			for id, errors := range map[string]uint64{x.r.Previous: 5, x.r.Deployment: 250} {
				b.Buckets = append(b.Buckets, metric.Bucket{Deployment: id, Class: metric.Document, Second: minute, Width: 60,
					Requests: 500, Errors: errors, Units: errors})
			}
			w.ok(w.Observe(w.ctx, b))
		}
		if v := said(280 * time.Second); v.Word != guard.Worse || v.Action != guard.Undo {
			t.Errorf("the counts are of a broken one: %s %s %s", v.Word, v.Action, v.Sentence)
		}
	}, "blind: 10s", "blind: 60s\n    source: drain")
}
