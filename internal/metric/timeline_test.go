package metric

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slipwayhq/slipway/internal/judge"
)

const t0 = 1_800_000_000

func at(s int64) time.Time { return time.Unix(t0+s, 0) }

func bucketOf(second int64, class Class, requests, errors uint64) Bucket {
	b := Bucket{Deployment: "v2", Class: class, Second: t0 + second, Requests: requests, Errors: errors}
	for range requests {
		b.Latency.Add(80 * time.Millisecond)
	}
	return b
}

func batch(source string, sequence uint64, complete int64, buckets ...Bucket) Batch {
	return Batch{Source: source, Sequence: sequence, Complete: t0 + complete, Buckets: buckets}
}

func TestTimelineCountsEachBatchOnceInAnyOrder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	var batches []Batch
	for i := range uint64(200) {
		b := batch("edge-a", i+1, int64(i), bucketOf(int64(i), Document, 3, 1), bucketOf(int64(i), Asset, 5, 0))
		batches = append(batches, b, b)
	}
	rng.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	tl := NewTimeline(time.Hour, time.Minute)
	for _, b := range batches {
		tl.Add(at(200), b)
	}
	got := tl.Sum("v2", t0, t0+200, Compared()...)
	if got.Requests != 600 || got.Errors != 200 || got.Latency.Count() != 600 {
		t.Errorf("compared classes sum to %d requests, %d errors, %d durations; want 600, 200, 600",
			got.Requests, got.Errors, got.Latency.Count())
	}
	if got := tl.Sum("v2", t0, t0+200); got.Requests != 1600 {
		t.Errorf("all classes sum to %d requests, want 1600", got.Requests)
	}
	want := Counters{Batches: 200, Duplicates: 200, Sources: 1}
	if diff := cmp.Diff(want, tl.Counters(at(200))); diff != "" {
		t.Error(diff)
	}
	seconds := tl.Seconds("v2", t0+10, t0+20, Document)
	if len(seconds) != 10 || seconds[0].Second != t0+10 || seconds[9].Second != t0+19 || seconds[3].Requests != 3 {
		t.Errorf("seconds 10 to 20 are %+v", seconds)
	}
	seconds[0].Latency.Add(time.Second)
	if again := tl.Seconds("v2", t0+10, t0+11, Document); again[0].Latency.Count() != 3 {
		t.Error("what Seconds returns is shared with the timeline")
	}
}

func TestTimelineWatermark(t *testing.T) {
	t.Parallel()
	tl := NewTimeline(time.Hour, 30*time.Second)
	if got := tl.Watermark(at(0)); got != 0 {
		t.Errorf("without a source the watermark is %d, want 0", got)
	}
	tl.Add(at(10), batch("a", 1, 10))
	tl.Add(at(10), batch("b", 1, 8))
	if got := tl.Watermark(at(10)); got != t0+8 {
		t.Errorf("the watermark is %d, want the least of both, 8", got-t0)
	}
	tl.Add(at(20), batch("a", 2, 20))
	if got := tl.Watermark(at(3)); got != t0+8 {
		t.Errorf("the watermark is %d, want 8: b has not said more", got-t0)
	}
	tl.Add(at(40), batch("a", 3, 40))
	if got := tl.Watermark(at(41)); got != t0+40 {
		t.Errorf("the watermark is %d, want 40: b is dead", got-t0)
	}
	tl.Add(at(42), batch("b", 2, 12, bucketOf(9, Document, 7, 0)))
	if got := tl.Watermark(at(42)); got != t0+40 {
		t.Errorf("the watermark is %d, want 40: it never falls", got-t0)
	}
	if c := tl.Counters(at(42)); c.Late != 7 {
		t.Errorf("%d requests are late, want 7", c.Late)
	}
	if got := tl.Sum("v2", t0, t0+40); got.Requests != 0 {
		t.Errorf("%d late requests changed a final second", got.Requests)
	}
	if got := tl.Watermark(at(500)); got != t0+40 {
		t.Errorf("the watermark is %d with every source dead, want 40", got-t0)
	}
	tl.Add(at(500), batch("a", 4, 900_000))
	tl.Add(at(500), batch("b", 3, 900_000))
	if got := tl.Watermark(at(500)); got > t0+501 {
		t.Errorf("the watermark is %d s ahead of now", got-t0-500)
	}
}

func TestTimelineCountsWhatIsMissing(t *testing.T) {
	t.Parallel()
	tl := NewTimeline(time.Hour, 30*time.Second)
	for _, n := range []uint64{5, 6, 9} {
		tl.Add(at(10), batch("a", n, 10))
	}
	if c := tl.Counters(at(10)); c.Missing != 2 {
		t.Errorf("%d batches are missing, want 2", c.Missing)
	}
	if !tl.Add(at(11), batch("a", 7, 10)) {
		t.Error("a batch that comes late in order is refused")
	}
	if c := tl.Counters(at(10)); c.Missing != 1 {
		t.Errorf("%d batches are missing, want 1", c.Missing)
	}
}

func TestTimelineIsBounded(t *testing.T) {
	t.Parallel()
	tl := NewTimeline(100*time.Second, 30*time.Second)
	for i := range int64(1000) {
		tl.Add(at(i), batch("a", uint64(i), i, bucketOf(i, Document, 1, 0)))
	}
	if n := len(tl.deployments["v2"]); n > 140 {
		t.Errorf("%d seconds are kept, want about 100", n)
	}
	if n := len(tl.sources["a"].seen); n > 2*rememberBatch {
		t.Errorf("%d numbers are remembered", n)
	}
	for i := range 200 {
		b := bucketOf(999, Document, 1, 0)
		b.Deployment = string(rune('a'+i%26)) + string(rune('a'+i/26))
		tl.Add(at(1000), batch("b", uint64(i), 0, b))
	}
	if n := len(tl.deployments); n > maxDeployments {
		t.Errorf("%d deployments are kept", n)
	}
	far := bucketOf(99999, Document, 1, 0)
	old := bucketOf(1, Document, 1, 0)
	before := tl.Counters(at(1000)).Refused
	tl.Add(at(1000), batch("a", 5000, 0, far, old))
	if got := tl.Counters(at(1000)).Refused - before; got != 2 {
		t.Errorf("%d buckets were refused, want 2: one of the future, one forgotten", got)
	}
	for i := range 2 * maxSources {
		tl.Add(at(1000), batch(string(rune(0x4e00+i)), 1, 0))
	}
	if n := len(tl.sources); n > maxSources {
		t.Errorf("%d sources are kept", n)
	}
}

func TestTimelineConcurrently(t *testing.T) {
	t.Parallel()
	tl := NewTimeline(time.Hour, time.Minute)
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			for i := range int64(100) {
				tl.Add(at(i), batch(name, uint64(i), i, bucketOf(i, API, 2, 1)))
				tl.Seconds("v2", t0, t0+i)
			}
		})
	}
	wg.Wait()
	if got := tl.Sum("v2", t0, t0+100); got.Requests != 800 || got.Errors != 400 {
		t.Errorf("four sources sum to %d requests and %d errors, want 800 and 400", got.Requests, got.Errors)
	}
}

func TestBucketErrorRateOfNothingIsUnknown(t *testing.T) {
	t.Parallel()
	if _, known := (Bucket{}).ErrorRate(); known {
		t.Error("no requests have an error rate")
	}
	if r, known := (Bucket{Requests: 4, Errors: 1}).ErrorRate(); !known || r != 0.25 {
		t.Errorf("1 of 4 is %g", r)
	}
}

func TestPackedSketchIsTheSame(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 4))
	var s judge.Sketch
	for range 5000 {
		s.Add(time.Duration(rng.ExpFloat64() * float64(80*time.Millisecond)))
	}
	for range 25 { // more in one bin than one entry holds
		s.Merge(s.Clone())
	}
	got := s.Pack().Unpack()
	if got.Count() != s.Count() || got.Mean() != s.Mean() || got.Quantile(0.5) != s.Quantile(0.5) {
		t.Errorf("unpacked: %d durations, mean %g; want %d, %g", got.Count(), got.Mean(), s.Count(), s.Mean())
	}
	var sum judge.Sketch
	s.Pack().AddTo(&sum)
	if sum.CountAbove(80) != s.CountAbove(80) {
		t.Errorf("%d above 80 ms, want %d", sum.CountAbove(80), s.CountAbove(80))
	}
}

func BenchmarkTimelineSecondsOf30Minutes(b *testing.B) {
	rng := rand.New(rand.NewPCG(4, 4))
	tl := NewTimeline(time.Hour, time.Minute)
	for i := range int64(1800) {
		var list []Bucket
		for _, c := range Compared() {
			x := Bucket{Deployment: "v2", Class: c, Second: t0 + i, Requests: 25}
			for range 25 {
				x.Latency.Add(time.Duration(rng.ExpFloat64() * float64(80*time.Millisecond)))
			}
			list = append(list, x)
		}
		tl.Add(at(i), batch("a", uint64(i), i, list...))
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := len(tl.Seconds("v2", t0, t0+1800, Compared()...)); n != 1800 {
			b.Fatal(n)
		}
	}
}

// A value of a custom metric is counted in its second, per kind of source, and sums over a span add up.
//
// req: RB-11 RB-12
func TestCustomMetricsAreKept(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	tl := NewTimeline(time.Hour, time.Minute)
	add := func(kind Kind, seq uint64, metric string, second int64, n, bad uint64) {
		tl.Add(now, Batch{Source: "s", Kind: kind, Sequence: seq, Values: []Value{
			{Deployment: "d", Metric: metric, Second: second, Sums: judge.Sums{N: n, Bad: bad}},
		}})
	}
	at := now.Unix()
	add(App, 1, "conversion", at-30, 10, 4)
	add(App, 1, "conversion", at-30, 10, 4) // again: counted once
	add(App, 2, "conversion", at-25, 5, 1)
	add(App, 3, "conversion", at-10, 7, 7)
	add(OTLP, 1, "conversion", at-30, 1000, 0)
	add(App, 4, "conversion", at-7200, 9, 9) // older than what is kept
	for i := range uint64(100) {
		add(App, 5+i, string(rune('a'+i)), at, 1, 0) // only so many metrics
	}
	got := tl.Of(App).Value("d", "conversion", at-40, at-20)
	if got.N != 15 || got.Bad != 5 {
		t.Errorf("%d of %d, want 5 of 15", got.Bad, got.N)
	}
	if n := tl.Of(App).Counters(now).Refused; n < 60 {
		t.Errorf("%d values were refused", n)
	}
	if tl.Watermark(now) != 0 {
		t.Error("a custom metric moved the edge's watermark")
	}
}

// wide is a bucket of some seconds.
func wide(deployment string, second, width int64, requests, errors uint64) Bucket {
	b := bucketOf(second, Document, 0, errors)
	b.Deployment, b.Width, b.Requests = deployment, width, requests
	return b
}

// Prometheus's windows lie on one grid; exporters each have a beat of their own. Either way each request counts in
// exactly one span, whole, where its bucket ends.
func TestWideBucketsAreComparedBySpans(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		buckets []Bucket
		grid    int64
		want    map[string][]uint64 // requests by span, from t0 on
	}{
		{"on the grid", []Bucket{wide("v1", 0, 15, 100, 0), wide("v2", 0, 15, 5, 1), wide("v1", 15, 15, 90, 0)}, 15,
			map[string][]uint64{"v1": {100, 90, 0, 0}, "v2": {5, 0, 0, 0}}},
		{"each with its own beat", []Bucket{
			wide("v1", -7, 10, 100, 0), wide("v1", 3, 10, 100, 0), wide("v1", 13, 10, 100, 0), wide("v2", 1, 9, 7, 0),
			wide("v2", 10, 12, 8, 0),
		}, 15, map[string][]uint64{"v1": {200, 100, 0, 0}, "v2": {7, 8, 0, 0}}},
		{"seconds", []Bucket{wide("v1", 0, 0, 3, 0), wide("v2", 1, 1, 2, 0)}, 1,
			map[string][]uint64{"v1": {3, 0}, "v2": {0, 2}}},
	}
	for _, tt := range tests {
		tl := NewTimeline(time.Hour, time.Minute)
		tl.Add(at(60), Batch{Source: "p", Kind: Prometheus, Sequence: 1, Complete: t0, Buckets: tt.buckets})
		tl = tl.Of(Prometheus)
		if got := tl.Grid(t0-60, t0+60, "v1", "v2"); got != tt.grid {
			t.Errorf("%s: the grid is %d, want %d", tt.name, got, tt.grid)
		}
		for version, want := range tt.want {
			got := make([]uint64, len(want))
			for _, b := range tl.Spans(version, t0, t0+60, tt.grid, Compared()...) {
				if b.Second%tt.grid != 0 || b.Covers() != tt.grid {
					t.Errorf("%s: %s has %+v", tt.name, version, b)
				}
				got[(b.Second-t0)/tt.grid] += b.Requests
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %s %s", tt.name, version, d)
			}
		}
	}
}

// A wide bucket is late when its end was final, not when its beginning was; one of minutes says nothing of when.
func TestWideBucketsAreLateByTheirEnd(t *testing.T) {
	t.Parallel()
	tl := NewTimeline(time.Hour, time.Minute)
	add := func(sequence uint64, complete int64, b ...Bucket) {
		tl.Add(at(100), batch("a", sequence, complete, b...))
	}
	add(1, 50)
	if got := tl.Watermark(at(100)); got != t0+50 {
		t.Fatalf("the watermark is %d", got-t0)
	}
	add(2, 50, wide("v1", 45, 10, 3, 0), wide("v1", 40, 10, 5, 0), wide("v1", 50, MaxWidth+1, 7, 0))
	c := tl.Counters(at(100))
	if got := tl.Sum("v1", t0, t0+100); got.Requests != 3 || c.Late != 5 || c.Refused != 1 {
		t.Errorf("%d requests, %d late, %d refused; want 3, 5, 1", got.Requests, c.Late, c.Refused)
	}
}

// What each source delivered late, twice or never, and how long it was silent, is told of it.
func TestEverySourceIsCounted(t *testing.T) {
	t.Parallel()
	tl := NewTimeline(time.Hour, 15*time.Second)
	at := func(s int64) time.Time { return time.Unix(1000+s, 0) }
	send := func(now int64, source string, sequence uint64, second int64) {
		tl.Add(at(now), Batch{Source: source, Sequence: sequence, Complete: 1000 + now, Buckets: []Bucket{
			{Deployment: "d", Class: API, Second: 1000 + second, Requests: 3}}})
	}
	send(1, "a", 1, 0)
	send(1, "b", 7, 0)
	send(2, "a", 2, 1)
	send(2, "a", 2, 1) // again
	tl.Follow(at(2), Batch{Source: "a", Sequence: 2})
	tl.Watermark(at(3))
	send(30, "a", 5, 29) // two are missing, and 28 seconds
	send(31, "a", 6, 0)  // final long ago
	tl.Add(at(31), Batch{Source: "p", Kind: Prometheus, Sequence: 1})
	want := []SourceCounters{
		{Name: "a", Kind: Edge, Heard: at(31).UTC(), Complete: 1031, Batches: 4, Duplicates: 1, Missing: 2, Late: 3, Gap: 28},
		{Name: "b", Kind: Edge, Heard: at(1).UTC(), Complete: 1001, Batches: 1, Gap: 31, Silent: true},
		{Name: "p", Kind: Prometheus, Heard: at(31).UTC(), Batches: 1},
	}
	if diff := cmp.Diff(want, tl.Sources(at(32))); diff != "" {
		t.Error(diff)
	}
}

// Who is asked only while something is watched loses nothing between, and is not silent.
func TestNothingIsMissingOfWhoWasNotAsked(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	all := NewTimeline(time.Hour, 15*time.Second)
	for _, kind := range []Kind{Observability, Drain} {
		for _, minute := range []int64{0, 1, 40} {
			at := now.Add(time.Duration(minute) * time.Minute)
			all.Add(at, Batch{Source: "x", Kind: kind, Sequence: uint64(100 + minute), Complete: at.Unix()})
		}
	}
	later := now.Add(90 * time.Minute)
	for _, s := range all.Sources(later) {
		if asked := s.Kind == Observability; asked != (s.Missing == 0) || asked != (s.Gap == 0) || asked == s.Silent {
			t.Errorf("%s: %+v", s.Kind, s)
		}
	}
	if n := all.Of(Observability).Counters(later).Missing; n != 0 {
		t.Errorf("%d are missing of what was not asked for", n)
	}
}
