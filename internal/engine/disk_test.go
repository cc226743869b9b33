package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// On the reserve nothing new begins and what is measured is not kept, but a canary is taken back, and people are told
// of the disk once each way. A reserve that no disk holds is never whole.
func TestOnAFullDiskNothingBeginsAndACanaryIsTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	r := w.exposed("v2")
	if w.lookAtDisk(w.ctx, false) {
		t.Error("told of a disk that has room")
	}
	w.ok(w.DB.KeepReserve(1 << 50))
	_, err := w.tryStart("v3")
	if fault.ReasonOf(err) != "disk_full" || !strings.Contains(fault.MessageOf(err), "Make room on the disk of") {
		t.Errorf("a release starts: %v", err)
	}
	if _, err := w.StartRamp(w.ctx, person("ada"), RampOrder{}); fault.ReasonOf(err) != "disk_full" {
		t.Errorf("a ramp starts: %v", err)
	}
	now := time.Now()
	w.ok(w.Observe(w.ctx, metric.Batch{Source: "x", Sequence: 1, Sent: now, Complete: now.Unix(), Buckets: []metric.Bucket{
		{Deployment: r.Deployment, Class: metric.Document, Second: now.Unix() - 1, Requests: 7}}}))
	if kept, err := w.DB.Batches(w.ctx, time.Time{}, 9); err != nil || len(kept) != 0 {
		t.Errorf("the reserve is spent on observations: %v, %v", kept, err)
	}
	if n := w.Timeline.Sum(r.Deployment, now.Unix()-5, now.Unix()+5, metric.Compared()...).Requests; n != 7 {
		t.Errorf("the guard sees %d requests, want 7", n)
	}
	w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Abort, Actor: "user:bo", Name: "bo", Reason: "a test"}, 0))
	if r = w.settle(r.ID); r.Share != 0 || !r.Phase.Final() {
		t.Errorf("it has %g %% and is %s", r.Share, r.Phase)
	}
	told := w.lookAtDisk(w.ctx, false)
	told = w.lookAtDisk(w.ctx, told)
	w.ok(w.DB.KeepReserve(1 << 20))
	told = w.lookAtDisk(w.ctx, told)
	if full, roomy := w.events("disk.full"), w.events("disk.roomy"); told || len(full) != 1 || len(roomy) != 1 {
		t.Errorf("told %v, of %v and %v", told, full, roomy)
	}
	w.start("v3")
}
