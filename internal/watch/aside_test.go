package watch

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
)

// What is not compared is counted where nothing else comes, so that the verdict can say what is wrong.
func TestRequestsThatAreNotComparedAreTold(t *testing.T) {
	now := time.Unix(zero, 0)
	seen := func(classes ...metric.Class) uint64 {
		tl := metric.NewTimeline(time.Hour, time.Minute)
		b := metric.Batch{Source: "edge", Sequence: 1, Complete: zero}
		for _, c := range classes {
			for _, arm := range []string{"new", "old"} {
				b.Buckets = append(b.Buckets, metric.Bucket{Deployment: arm, Class: c, Second: zero - 10, Requests: 3})
			}
		}
		tl.Add(now, b)
		return aside(tl, release.Release{Deployment: "new", Previous: "old"}, zero)
	}
	if got := seen(metric.Other); got != 6 {
		t.Errorf("of others: %d", got)
	}
	if got := seen(metric.Other, metric.API); got != 0 {
		t.Errorf("beside those that are compared: %d", got)
	}
	if got := seen(metric.Asset); got != 0 {
		t.Errorf("of files: %d", got)
	}
}
