package metric

import (
	"testing"
	"time"
)

func TestKindsAreKeptApart(t *testing.T) {
	t.Parallel()
	tl := NewTimeline(time.Hour, time.Minute)
	tl.Add(at(10), batch("edge-a", 1, 10, bucketOf(5, Document, 3, 1)))
	slow := batch("prometheus-1", 1, -90, bucketOf(5, Document, 30, 10))
	slow.Kind = Prometheus
	tl.Add(at(10), slow)
	if got := tl.Watermark(at(10)); got != t0+10 {
		t.Errorf("the edge's watermark is %d: a slower kind holds it up", got-t0)
	}
	if got := tl.Sum("v2", t0, t0+10); got.Requests != 3 {
		t.Errorf("the edge saw %d requests, want 3: the same ones were counted twice", got.Requests)
	}
	other := tl.Of(Prometheus)
	if got := other.Sum("v2", t0, t0+10); got.Requests != 30 || other.Watermark(at(10)) != t0-90 {
		t.Errorf("Prometheus saw %d requests up to %d, want 30 up to -90", got.Requests, other.Watermark(at(10))-t0)
	}
	if tl.Of("") != tl || tl.Of(Edge) != tl {
		t.Error("what names no kind is not the edge's")
	}
}
