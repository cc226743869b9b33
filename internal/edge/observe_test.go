package edge

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/metric"
)

func answered(dep string, status int) sample {
	return sample{deployment: dep, class: metric.Document, status: status, latency: time.Millisecond}
}

func TestCollectReturnsFinishedSecondsOnce(t *testing.T) {
	t.Parallel()
	o := newObserver("edge-1", 10)
	at := time.Unix(1000, 5e8)
	o.record(at, answered("dep_b", 200))
	o.record(at, answered("dep_a", 500))
	o.record(at.Add(time.Second), answered("dep_a", 200))
	if _, ok := newObserver("x", 1).Collect(time.Unix(0, 0)); ok {
		t.Error("nothing has finished yet")
	}
	b, ok := o.Collect(at.Add(time.Second))
	if !ok || b.Source != "edge-1" || b.Sequence != 1 || b.Complete != 1001 || len(b.Buckets) != 2 {
		t.Fatalf("%v %+v", ok, b)
	}
	if b.Buckets[0].Deployment != "dep_a" || b.Buckets[0].Errors != 1 || b.Buckets[1].Errors != 0 ||
		b.Buckets[0].Second != 1000 {
		t.Errorf("%+v", b.Buckets)
	}
	if _, ok := o.Collect(at.Add(time.Second)); ok {
		t.Error("the same second is returned twice")
	}
	b, ok = o.Collect(at.Add(2 * time.Second))
	if !ok || b.Sequence != 2 || len(b.Buckets) != 1 || b.Buckets[0].Second != 1001 {
		t.Errorf("%v %+v", ok, b)
	}
	b, ok = o.Collect(at.Add(3 * time.Second))
	if !ok || b.Sequence != 3 || b.Complete != 1003 || b.Buckets == nil || len(b.Buckets) != 0 {
		t.Errorf("a second without traffic: %v %+v", ok, b)
	}
}

// What comes for a second that was handed out counts in the next one: a complete
// second never changes, and nothing is lost.
func TestCompleteSecondsAreFinal(t *testing.T) {
	t.Parallel()
	o := newObserver("edge-1", 10)
	o.Collect(time.Unix(2000, 0))
	o.record(time.Unix(1990, 0), answered("dep_a", 200)) // the clock went back
	o.record(time.Unix(1999, 0), sample{deployment: "dep_a", class: metric.Document, failure: cut, bytes: 7})
	if _, ok := o.Collect(time.Unix(1995, 0)); ok {
		t.Error("the watermark went back")
	}
	b, ok := o.Collect(time.Unix(2001, 0))
	if !ok || len(b.Buckets) != 1 || b.Buckets[0].Second != 2000 {
		t.Fatalf("%v %+v", ok, b)
	}
	got := b.Buckets[0]
	if got.Requests != 1 || got.Errors != 1 || got.Bytes != 7 {
		t.Errorf("%+v", got)
	}
}

func TestObserverForgetsTheOldest(t *testing.T) {
	t.Parallel()
	o := newObserver("edge-1", 5)
	for i := range 20 {
		o.record(time.Unix(int64(100+i), 0), answered("dep_a", 200))
	}
	if n := o.Dropped(); n != 15 {
		t.Errorf("dropped %d seconds, want 15", n)
	}
	b, _ := o.Collect(time.Unix(200, 0))
	var seconds []int64
	for _, x := range b.Buckets {
		seconds = append(seconds, x.Second)
	}
	if diff := cmp.Diff([]int64{115, 116, 117, 118, 119}, seconds); diff != "" {
		t.Error(diff)
	}
}

func TestRecordKinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   sample
		want metric.Bucket
	}{
		{"fine", sample{status: 200, bytes: 3}, metric.Bucket{Requests: 1, Bytes: 3}},
		{"redirect", sample{status: 307}, metric.Bucket{Requests: 1}},
		{"client", sample{status: 404}, metric.Bucket{Requests: 1, Client: 1}},
		{"skew", sample{status: 409, skew: true}, metric.Bucket{Requests: 1, Client: 1, Skew: 1}},
		{"skew is a part of client", sample{status: 200, skew: true}, metric.Bucket{Requests: 1}},
		{"error", sample{status: 503}, metric.Bucket{Requests: 1, Errors: 1}},
		{"connect", sample{failure: notReached}, metric.Bucket{Requests: 1, Errors: 1, Connect: 1}},
		{"timeout", sample{failure: tooLate}, metric.Bucket{Requests: 1, Errors: 1, Timeouts: 1}},
		{"broken", sample{failure: broken}, metric.Bucket{Requests: 1, Errors: 1}},
		{"cut", sample{failure: cut, bytes: 9}, metric.Bucket{Errors: 1, Bytes: 9}},
		{"new", sample{status: 200, first: true}, metric.Bucket{Requests: 1, New: 1}},
		{"excluded", sample{status: 500, excluded: true, first: true}, metric.Bucket{Excluded: 1}},
		{"excluded failure", sample{failure: tooLate, excluded: true}, metric.Bucket{Excluded: 1}},
		{"excluded body", sample{bytes: 5, excluded: true}, metric.Bucket{}},
		{"excluded cut", sample{failure: cut, excluded: true}, metric.Bucket{}},
	}
	for _, tt := range tests {
		o := newObserver("edge-1", 5)
		o.record(time.Unix(1, 0), tt.in)
		b, _ := o.Collect(time.Unix(2, 0))
		if len(b.Buckets) != 1 {
			t.Errorf("%s: %d buckets", tt.name, len(b.Buckets))
			continue
		}
		got := b.Buckets[0]
		if got.Latency.Count() != tt.want.Requests {
			t.Errorf("%s: %d latencies", tt.name, got.Latency.Count())
		}
		if !equalCounts(got, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// equalCounts compares all sums of two buckets.
func equalCounts(a, b metric.Bucket) bool {
	return a.Requests == b.Requests && a.Errors == b.Errors && a.Timeouts == b.Timeouts && a.Connect == b.Connect &&
		a.Client == b.Client && a.Skew == b.Skew && a.Excluded == b.Excluded && a.Bytes == b.Bytes && a.New == b.New
}
