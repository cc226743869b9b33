// Package metrictest holds every source of measurements to the contract.
//
// A source is put into a small world: a version answers requests, time is told, and the source can be kept from
// measuring. Run looks at the batches that come out: their numbers rise, nothing is counted before or after its
// time, the watermark never falls and never runs ahead, what was served is what was counted, delivering twice
// counts once, and a source that cannot measure says so by standing still. Check alone looks at batches from
// elsewhere.
package metrictest

import (
	"math"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// Traffic is what one version did in one second.
type Traffic struct {
	Deployment string
	Requests   int
	Errors     int // of the requests
	Took       time.Duration
}

// World is a source in its world. Now is Unix time; it rises by one second from call to call.
type World interface {
	// Serve lets versions answer in the second that begins at now.
	Serve(now time.Time, traffic ...Traffic)
	// Collect returns what the source delivers at now.
	Collect(now time.Time) []metric.Batch
	// Break keeps the source from measuring, or lets it measure again.
	Break(broken bool)
}

// Contract says what a source promises beyond what all do.
type Contract struct {
	Kind    metric.Kind
	Latency float64 // how far a quantile may be off, e.g. 0.02; 0: it measures no durations
	Behind  int64   // seconds that the watermark may be behind
	// Breaks: the source asks or is asked regularly, so that a failure can be told from no traffic.
	Breaks bool
}

// Start is when every world begins: a Unix time.
const Start = 1_800_000_000

// Run holds a source to the contract. open makes a new world.
func Run(t *testing.T, c Contract, open func(t *testing.T) World) {
	t.Helper()
	t.Run("counts what was served", func(t *testing.T) { counts(t, c, open(t)) })
	t.Run("has heartbeats without traffic", func(t *testing.T) { heartbeats(t, c, open(t)) })
	if c.Breaks {
		t.Run("stands still when it cannot measure", func(t *testing.T) { breaks(t, c, open(t)) })
	}
}

// Check reports batches that break the contract: they must be of one source, in the order in which they came.
func Check(t *testing.T, kind metric.Kind, now func(i int) time.Time, batches []metric.Batch) {
	t.Helper()
	last := map[string]metric.Batch{}
	for i, b := range batches {
		if b.Source == "" || len(b.Source) > 128 || b.Kind != kind {
			t.Errorf("batch %d: source %q of kind %q, want a name and %q", i, b.Source, b.Kind, kind)
		}
		before, again := last[b.Source]
		empty := len(b.Buckets) == 0 && len(b.Values) == 0
		switch {
		case again && b.Sequence < before.Sequence, again && b.Sequence == before.Sequence && !empty:
			t.Errorf("batch %d: number %d after %d", i, b.Sequence, before.Sequence)
		case again && b.Complete < before.Complete:
			t.Errorf("batch %d: the watermark falls from %d to %d", i, before.Complete, b.Complete)
		case b.Complete > now(i).Unix()+1:
			t.Errorf("batch %d: the watermark is %d s ahead", i, b.Complete-now(i).Unix())
		}
		for _, k := range b.Buckets {
			if k.Deployment == "" || k.Errors > k.Requests || k.Latency.Count() > k.Requests+1 || k.Width < 0 {
				t.Errorf("batch %d: bucket %+v cannot be", i, k)
			}
			if again && k.Second < before.Complete {
				t.Errorf("batch %d: %d requests come late, of %d, after %d was final", i, k.Requests, k.Second, before.Complete)
			}
		}
		for _, v := range b.Values {
			if math.IsNaN(v.Sums.Sum) || math.IsInf(v.Sums.Sum, 0) || v.Sums.Bad > v.Sums.N {
				t.Errorf("batch %d: value %+v cannot be", i, v)
			}
		}
		last[b.Source] = b
	}
}

// play runs a world for some seconds and returns the batches with the times at which they came.
func play(w World, from, seconds int64, serve func(s int64) []Traffic) ([]metric.Batch, []time.Time) {
	var out []metric.Batch
	var at []time.Time
	for s := from; s < from+seconds; s++ {
		now := time.Unix(Start+s, 0)
		w.Serve(now, serve(s)...)
		for _, b := range w.Collect(now) {
			out, at = append(out, b), append(at, now)
		}
	}
	return out, at
}

func counts(t *testing.T, c Contract, w World) {
	quiet := func(int64) []Traffic { return []Traffic{{Deployment: "dep_1"}, {Deployment: "dep_2"}} }
	batches, at := play(w, 0, 90, quiet)
	more, later := play(w, 90, 300, func(s int64) []Traffic {
		return []Traffic{
			{Deployment: "dep_1", Requests: 20, Errors: int(s) % 2, Took: 80 * time.Millisecond},
			{Deployment: "dep_2", Requests: 3, Errors: int(s) % 3 / 2, Took: 200 * time.Millisecond},
		}
	})
	batches, at = append(batches, more...), append(at, later...)
	more, later = play(w, 390, 180, quiet)
	batches, at = append(batches, more...), append(at, later...)
	Check(t, c.Kind, func(i int) time.Time { return at[i] }, batches)
	if len(batches) == 0 {
		t.Fatal("there are no batches")
	}
	if behind := at[len(at)-1].Unix() - batches[len(batches)-1].Complete; behind > c.Behind {
		t.Errorf("the watermark is %d s behind, at most %d are promised", behind, c.Behind)
	}
	for _, want := range []struct {
		id               string
		requests, errors uint64
		p50              float64
	}{{"dep_1", 6000, 150, 80}, {"dep_2", 900, 100, 200}} {
		var got metric.Bucket
		seen := map[uint64]bool{}
		for _, b := range append(batches, batches...) { // delivered twice
			if seen[b.Sequence] {
				continue
			}
			seen[b.Sequence] = len(b.Buckets) > 0
			for _, k := range b.Buckets {
				if k.Deployment == want.id {
					got.Add(k)
				}
			}
		}
		if got.Requests != want.requests || got.Errors != want.errors {
			t.Errorf("%s: %d requests and %d errors, want %d and %d", want.id, got.Requests, got.Errors, want.requests,
				want.errors)
		}
		if got.Units == 0 {
			t.Errorf("%s: no failure is a unit", want.id)
		}
		if p := got.Latency.Quantile(0.5); c.Latency > 0 && !(math.Abs(p/want.p50-1) <= c.Latency) {
			t.Errorf("%s: p50 is %.1f ms, want %.0f within %.0f %%", want.id, p, want.p50, 100*c.Latency)
		}
		if n := got.Latency.Count(); c.Latency == 0 && n > 0 {
			t.Errorf("%s: %d durations, of which it measures none", want.id, n)
		}
	}
}

func heartbeats(t *testing.T, c Contract, w World) {
	batches, at := play(w, 0, 240, func(s int64) []Traffic {
		return []Traffic{{Deployment: "dep_1", Requests: int(max(0, 1-s)), Took: time.Millisecond}}
	})
	Check(t, c.Kind, func(i int) time.Time { return at[i] }, batches)
	heard := int64(Start)
	for i, a := range at {
		if gap := a.Unix() - heard; gap > 14 && i > 0 { // a timeline gives a source up after 15 s
			t.Errorf("nothing is heard for %d s", gap)
		}
		heard = a.Unix()
	}
}

func breaks(t *testing.T, c Contract, w World) {
	busy := func(int64) []Traffic {
		return []Traffic{{Deployment: "dep_1", Requests: 10, Errors: 1, Took: 50 * time.Millisecond}}
	}
	before, at := play(w, 0, 120, busy)
	if len(before) == 0 {
		t.Fatal("there are no batches")
	}
	final := before[len(before)-1].Complete
	w.Break(true)
	broken, later := play(w, 120, 60, busy)
	at = append(at, later...)
	for _, b := range broken {
		if b.Complete > max(final, Start+120) {
			t.Errorf("it cannot measure and calls everything before %d final, %d s after its last word", b.Complete-Start,
				b.Complete-final)
		}
	}
	w.Break(false)
	after, later := play(w, 180, 180, busy)
	at = append(at, later...)
	all := append(append(before, broken...), after...)
	Check(t, c.Kind, func(i int) time.Time { return at[i] }, all)
	if len(after) == 0 || Start+360-after[len(after)-1].Complete > c.Behind {
		t.Error("it does not go on after the break")
	}
}
