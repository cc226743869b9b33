package story

import (
	"slices"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/internal/store"
)

// aborts is how many are measured: the 99th percentile of fewer says nothing.
const aborts = 20

// BenchmarkDetect measures the canary's way back, each time with a version that
// begins to fail at the edge: from the moment it begins to fail to the edge's
// confirmation that no visitor is sent to it (off), from the guard's decision to that (restore),
// and how many requests of visitors failed. The guard is as strict as the stories':
// looks every 100 ms, at 200 requests a second of which the canary has half.
func BenchmarkDetect(b *testing.B) {
	var off, restore []time.Duration
	failed := uint64(0)
	for b.Loop() {
		for range aborts {
			w := begin(b, store.SQLite, options{edit: []string{"bake: 300ms", "bake: 1h"}})
			r := w.start("v2")
			w.gates(r)
			w.exposed(r.ID, 50)
			w.pass(300)
			before, broke := w.failures(), time.Now()
			w.shops["v2"].Break(sim.Fault{Errors: 0.5})
			r = w.ends(r.ID, "aborted")
			off = append(off, r.Restored.Sub(broke))
			restore = append(restore, restored(r))
			failed += w.failures() - before
			w.close()
		}
	}
	b.ReportMetric(seconds(off, 0.5), "off-p50-s")
	b.ReportMetric(seconds(off, 0.99), "off-p99-s")
	b.ReportMetric(1000*seconds(restore, 0.5), "restore-p50-ms")
	b.ReportMetric(1000*seconds(restore, 0.99), "restore-p99-ms")
	b.ReportMetric(float64(failed)/float64(len(off)), "failed-requests/abort")
	b.ReportMetric(0, "ns/op") // most of it is the way to the canary
}

func restored(r api.Release) time.Duration { return r.Restored.Sub(*r.Detected) }

// seconds returns a quantile of durations; the largest for the top ones of a few.
func seconds(list []time.Duration, q float64) float64 {
	slices.Sort(list)
	return list[min(int(q*float64(len(list))), len(list)-1)].Seconds()
}
