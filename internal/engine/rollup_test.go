package engine

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// sums are the requests and errors of a deployment and class.
type sums map[string][2]uint64

func (s sums) add(b metric.Bucket) {
	k := b.Deployment + " " + string(b.Class)
	s[k] = [2]uint64{s[k][0] + b.Requests, s[k][1] + b.Errors}
}

// sampled returns what was rolled up, and what is still to be.
func (w *world) sampled(from, to time.Time) (sums, int) {
	w.t.Helper()
	out := sums{}
	list, err := w.DB.SamplesOf(w.ctx, "shop", from, to)
	w.ok(err)
	for _, s := range list {
		var b metric.Bucket
		w.ok(json.Unmarshal(s.Doc, &b))
		b.Deployment, b.Class = s.Deployment, metric.Class(s.Class)
		out.add(b)
	}
	rest, err := w.DB.Batches(w.ctx, time.Time{}, 10000)
	w.ok(err)
	for _, r := range rest {
		var m metric.Batch
		w.ok(json.Unmarshal(r.Body, &m))
		for _, b := range m.Buckets {
			out.add(b)
		}
	}
	return out, len(rest)
}

// Batches of several edges, some at the same instant and some late, are rolled up in
// several goes at random moments: at every moment what is rolled up and what is not
// are together exactly what was delivered.
func TestRollingUpLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(8) {
				rollUp(t, newWorld(t, storetest.Open(t, kind)), seed)
			}
		})
	}
}

func rollUp(t *testing.T, w *world, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 4))
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	at, want := base, sums{}
	sequence := map[string]uint64{}
	same := func(when string) {
		t.Helper()
		got, _ := w.sampled(base.Add(-time.Hour), base.Add(time.Hour))
		for k, n := range want {
			if got[k] != n {
				t.Fatalf("seed %d, %s: %s has %v, want %v", seed, when, k, got[k], n)
			}
		}
	}
	for range 60 {
		at = at.Add(time.Duration(rng.IntN(3)) * time.Second) // often the same instant
		source := []string{"a", "b", "c"}[rng.IntN(3)]
		sequence[source]++
		m := metric.Batch{Source: source, Sequence: sequence[source]}
		for range rng.IntN(4) {
			b := metric.Bucket{
				Deployment: []string{"dep_a", "dep_b"}[rng.IntN(2)], Class: metric.Classes()[rng.IntN(4)],
				Second: at.Unix() - int64(rng.IntN(40)), Requests: uint64(rng.IntN(9)), Errors: uint64(rng.IntN(3)),
			}
			want.add(b)
			m.Buckets = append(m.Buckets, b)
		}
		_, err := w.DB.InsertBatch(w.ctx, store.Batch{Source: source, Sequence: m.Sequence, Received: at, Body: marshal(m)})
		w.ok(err)
		if rng.IntN(6) == 0 {
			w.ok(w.roll(w.ctx, at.Add(time.Duration(rng.IntN(5)-2)*time.Second)))
			same("under way")
		}
	}
	w.ok(w.roll(w.ctx, at.Add(time.Second)))
	w.ok(w.roll(w.ctx, at.Add(time.Second)))
	same("at the end")
	if _, rest := w.sampled(base, at); rest > 0 {
		t.Errorf("seed %d: %d batches were never rolled up", seed, rest)
	}
}

// More edges than one read takes must not leave more behind every minute.
func TestRollingUpKeepsUpWithManyEdges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
		for i := range 4500 {
			m := metric.Batch{Source: "a", Sequence: uint64(i), Buckets: []metric.Bucket{{
				Deployment: "dep_a", Class: metric.API, Second: at.Unix(), Requests: 1,
			}}}
			if _, err := tx.InsertBatch(w.ctx, store.Batch{Source: "a", Sequence: m.Sequence, Received: at,
				Body: marshal(m)}); err != nil {
				return err
			}
		}
		return nil
	}))
	w.ok(w.roll(w.ctx, at.Add(time.Second)))
	got, rest := w.sampled(at.Add(-time.Minute), at.Add(time.Minute))
	if rest > 0 || got["dep_a api"][0] != 4500 {
		t.Errorf("%d batches are left, %d of 4500 requests counted", rest, got["dep_a api"][0])
	}
}

func TestKeepingLetsGoOfWhatIsOld(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		old := time.Now().Add(-72 * time.Hour).Truncate(time.Second)
		w.ok(w.DB.PutEdge(w.ctx, store.EdgeSeen{Name: "gone", Seen: old}))
		w.ok(w.DB.PutEdge(w.ctx, store.EdgeSeen{Name: "here", Seen: time.Now()}))
		for _, span := range []int64{span, 3600} {
			for _, back := range []time.Duration{0, 14 * 31 * 24 * time.Hour} {
				w.ok(w.DB.PutSample(w.ctx, store.Sample{App: "shop", Deployment: "dep_a", Class: "api",
					Second: old.Add(-back).Unix(), Span: span, Doc: marshal(metric.Bucket{Requests: 1})}))
			}
		}
		next, err := w.keep(w.ctx, workKeep)
		w.ok(err)
		if wait := time.Until(next); wait < 50*time.Second || wait > 70*time.Second {
			t.Errorf("it keeps house again in %s", wait)
		}
		edges, err := w.DB.Edges(w.ctx)
		w.ok(err)
		samples, err := w.DB.SamplesOf(w.ctx, "shop", time.Unix(0, 0), time.Now())
		w.ok(err)
		spans := []int64{}
		for _, s := range samples {
			spans = append(spans, s.Span)
		}
		slices.Sort(spans)
		if len(edges) != 1 || edges[0].Name != "here" || !slices.Equal(spans, []int64{60, 3600}) {
			t.Errorf("there are %+v and samples of %v s", edges, spans)
		}
	})
}

// Samples of days and months, some of them late, are rolled up at random moments: at every moment all samples together
// are what was put in, each longer one stands on its grid, and what is old is long.
func TestRollingUpFurtherLosesAndDoublesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		rng := rand.New(rand.NewPCG(7, 4))
		const day = 24 * 3600
		now := time.Unix(1_800_000_000, 0)
		want := sums{}
		put := func(second int64) {
			b := metric.Bucket{Deployment: []string{"dep_a", "dep_b"}[rng.IntN(2)], Class: metric.Classes()[rng.IntN(3)],
				Second: second - second%span, Requests: uint64(1 + rng.IntN(9)), Errors: uint64(rng.IntN(2)), Units: 1}
			b.Latency.Add(time.Duration(rng.IntN(1e9)))
			want.add(b)
			w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
				return w.addToSample(w.ctx, tx, sampleKey{b.Deployment, string(b.Class), b.Second, span}, &b)
			}))
		}
		for range 300 {
			put(now.Unix() - rng.Int64N(40*day))
		}
		for range 6 {
			now = now.Add(time.Duration(rng.IntN(5*day)) * time.Second)
			w.ok(w.rollUp(w.ctx, now))
			w.ok(w.rollUp(w.ctx, now)) // again, to no effect
			for range 20 {
				put(now.Unix() - rng.Int64N(35*day)) // also where it was rolled up long ago
			}
			w.sameSamples(want)
		}
		w.ok(w.rollUp(w.ctx, now))
		for _, s := range w.sameSamples(want) {
			age := now.Unix() - s.Second
			if s.Second%s.Span != 0 || s.Span == span && age > 2*day+60 || s.Span == 60 && age > 30*day+3600 {
				t.Errorf("a sample of %d s is %d days old, at %d", s.Span, age/day, s.Second)
			}
		}
	})
}

// sameSamples holds all samples together to what was put in.
func (w *world) sameSamples(want sums) []store.Sample {
	w.t.Helper()
	list, err := w.DB.SamplesOf(w.ctx, "shop", time.Unix(0, 0), time.Unix(1<<40, 0))
	w.ok(err)
	got := sums{}
	var requests, units, durations uint64
	for _, s := range list {
		b, err := bucketOf(s)
		w.ok(err)
		b.Deployment, b.Class = s.Deployment, metric.Class(s.Class)
		got.add(b)
		requests, units, durations = requests+b.Requests, units+b.Units, durations+b.Latency.Count()
	}
	if diff := cmp.Diff(want, got); diff != "" || units != durations {
		w.t.Fatalf("%d requests, %d units, %d durations: %s", requests, units, durations, diff)
	}
	return list
}
