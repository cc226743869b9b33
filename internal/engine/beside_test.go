package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/store"
)

// What stands in for a drain is kept apart from it, minute by minute and longer as it grows old; what nobody goes by is
// not kept.
//
// req: RB-03
func TestWhatStandsInIsKeptApart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Engine = w.node(w.DB, w.plan(`target: {selfhost: {stable: "`+w.shops["v1"].URL+`"}}`,
			`target: {vercel: {project: shop, canary: rolling}}`, "blind: 10s", "fallback: observability"))
		const zero = 1_800_000_000 // the beginning of an hour
		for i, kind := range []metric.Kind{metric.Drain, metric.Observability, metric.OTLP} {
			for minute := range int64(3) {
				b := metric.Batch{Source: string(kind), Kind: kind, Sequence: uint64(minute + 1)}
				for s := range int64(60) {
					x := metric.Bucket{Deployment: "dep_a", Class: metric.Document, Second: zero + minute*60 + s,
						Requests: uint64(i + 1)}
					if kind == metric.Observability {
						x.Second, x.Width, x.Requests = zero+minute*60, 60, x.Requests*60
					}
					if kind != metric.Observability || s == 0 {
						b.Buckets = append(b.Buckets, x)
					}
				}
				_, err := w.DB.InsertBatch(w.ctx, store.Batch{Source: b.Source, Sequence: b.Sequence,
					Received: time.Unix(zero+minute, 0), Body: marshal(b)})
				w.ok(err)
			}
		}
		kept := func() map[string]uint64 {
			out := map[string]uint64{}
			list, err := w.DB.SamplesOf(w.ctx, "shop", time.Unix(zero-3600, 0), time.Unix(zero+3600, 0))
			w.ok(err)
			for _, s := range list {
				b, err := bucketOf(s)
				w.ok(err)
				out[fmt.Sprintf("%s by %d s", s.Class, s.Span)] += b.Requests
			}
			return out
		}
		for range 2 {
			w.ok(w.roll(w.ctx, time.Unix(zero+1000, 0)))
			want := map[string]uint64{"document by 10 s": 180, "observability/document by 60 s": 360}
			if diff := cmp.Diff(want, kept()); diff != "" {
				t.Fatal(diff)
			}
		}
		w.ok(w.rollUp(w.ctx, time.Unix(zero, 0).Add(31*24*time.Hour)))
		want := map[string]uint64{"document by 3600 s": 180, "observability/document by 3600 s": 360}
		if diff := cmp.Diff(want, kept()); diff != "" {
			t.Error(diff)
		}
	})
}
