package desk

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Whoever may see a release can check its verdicts and read what was compared, part by part; nobody else.
//
// req: N-04
func TestVerdictsCanBeChecked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.exposed("v2")
		see := may(access.ViewEnvironment, "canary")
		w.measureUntilJudged(r, 6)
		all, err := w.Replay(w.ctx, see, r.ID, 0, 5000)
		w.ok(err)
		if all.Agree != int64(len(all.Verdicts)) || len(all.Differs) > 0 || all.Next != 0 || all.Version != "v2" {
			t.Errorf("%d of %d agree: %+v", all.Agree, len(all.Verdicts), all.Differs)
		}
		var parts []api.ReplayedVerdict
		for after, first := int64(0), true; first || after > 0; first = false {
			part, err := w.Replay(w.ctx, see, r.ID, after, 3)
			w.ok(err)
			parts, after = append(parts, part.Verdicts...), part.Next
			if len(parts) >= len(all.Verdicts) {
				break
			}
		}
		if n := len(all.Verdicts); len(parts) < n || parts[n-1] != all.Verdicts[n-1] {
			t.Errorf("in parts %+v, at once %+v", parts, all.Verdicts)
		}
		var seconds int
		for after, first := int64(0), true; first || after > 0; first = false {
			part, err := w.Recording(w.ctx, see, r.ID, after, 4)
			w.ok(err)
			if part.Weights != "errors=0.75,latency=0.25" {
				t.Errorf("a recording is to be judged with --weights %q", part.Weights)
			}
			for _, x := range part.Ticks {
				seconds++
				if x.Canary.Requests != 40 || x.Stable.ErrorUnits != 1 || x.Weight != 0.5 || x.Stable.LatencyCount != 40 {
					t.Errorf("a second of it: %+v", x)
				}
			}
			after = part.Next
		}
		if seconds < 4 {
			t.Errorf("%d seconds were recorded", seconds)
		}
		for _, err := range []error{
			second(w.Replay(w.ctx, may(access.ViewEnvironment, "staging"), r.ID, 0, 5)),
			second(w.Recording(w.ctx, may(access.ViewEnvironment, "staging"), r.ID, 0, 5)),
		} {
			if !fault.Is(err, fault.Denied) {
				t.Errorf("somebody else: %v", err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

// measureUntilJudged delivers seconds of both versions until so many of them were judged.
func (w *world) measureUntilJudged(r api.Release, n uint64) {
	w.t.Helper()
	full, err := w.find(w.ctx, r.ID)
	w.ok(err)
	sent := full.Exposed.Unix() + 1
	sequence := uint64(0)
	w.until("seconds to be judged", func() bool {
		for now := time.Now().Unix(); sent < now; sent++ {
			sequence++
			b := metric.Batch{Source: "edge-1", Sequence: sequence, Complete: sent + 1}
			for _, id := range []string{full.Deployment, full.Previous} {
				x := metric.Bucket{Deployment: id, Class: metric.Document, Second: sent, Requests: 40, Errors: 1, Units: 1,
					Slices: &metric.Slices{}}
				x.Latency.AddCount(80, 40)
				b.Buckets = append(b.Buckets, x)
			}
			w.ok(w.Engine.Observe(w.ctx, b))
		}
		v, err := w.DB.LatestVerdict(w.ctx, r.ID)
		w.ok(err)
		return v != nil && v.Verdict.Requests >= 40*n
	})
}
