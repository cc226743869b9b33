package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/effect"
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
	if fault.ReasonOf(err) != "disk_full" || !strings.Contains(fault.MessageAt(err, fault.Page),
		"Make room on the disk of /") {
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
	w.ok(w.DB.KeepReserve(1 << 50))
	other := w.node(w.DB, w.Strategy) // one database has one disk, whoever looks at it
	if !w.lookAtDisk(w.ctx, w.toldOfDisk(w.ctx)) || !other.lookAtDisk(w.ctx, false) || !other.toldOfDisk(w.ctx) {
		t.Error("it is not known that people are told")
	}
	w.ok(w.DB.KeepReserve(1 << 20))
	if other.lookAtDisk(w.ctx, other.toldOfDisk(w.ctx)) || w.lookAtDisk(w.ctx, true) {
		t.Error("a process that began meanwhile does not know what people were told")
	}
	if full, roomy := w.events("disk.full"), w.events("disk.roomy"); len(full) != 2 || len(roomy) != 2 {
		t.Errorf("two nodes tell it %d and %d times in all, want 2 and 2", len(full), len(roomy))
	}
	w.start("v3")
}

// A release that is under way goes no further on the reserve, and goes on by itself when it is whole.
func TestOnAFullDiskAReleaseWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	r := w.exposed("v2")
	w.ok(w.DB.KeepReserve(1 << 50))
	on := release.Command{Kind: release.Promote, Actor: "user:bo", Name: "bo", Reason: "a test", Bypass: true}
	if err := w.Command(w.ctx, r.ID, on, 0); fault.ReasonOf(err) != "disk_full" {
		t.Errorf("it is promoted: %v", err)
	}
	if r = w.settle(r.ID); r.Share != 50 || !strings.Contains(r.Sentence, "The disk is full. It goes on by itself") {
		t.Errorf("at %g %%: %s", r.Share, r.Sentence)
	}
	w.ok(w.DB.KeepReserve(1 << 20))
	if r = w.settle(r.ID); strings.Contains(r.Sentence, "disk") {
		t.Errorf("with room again: %s", r.Sentence)
	}
	w.ok(w.Command(w.ctx, r.ID, on, 0))
}

// What was decided before the disk was full, and not done yet, gives nobody a release more.
func TestOnAFullDiskNoPendingRaiseIsCarriedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	r := w.start("v2")
	w.report("v2", checklist.Passed)
	routes := func() []effect.Effect { return w.effects(r.ID, effect.Route) }
	for range 50 {
		_, err := w.lookAtRelease(w.ctx, r.ID)
		w.ok(err)
		if len(routes()) > 0 {
			break
		}
		w.act()
	}
	w.ok(w.DB.KeepReserve(1 << 50))
	w.act()
	if x := routes()[0]; x.State != effect.Pending || x.Attempts != 0 || !strings.HasPrefix(x.Result.Sentence,
		"The disk is full.") || w.release(r.ID).Share != 0 {
		t.Errorf("it is %+v", x)
	}
	w.ok(w.DB.KeepReserve(1 << 20))
	if r = w.settle(r.ID); r.Share != 50 {
		t.Errorf("with room again it is at %g %%: %s", r.Share, r.Sentence)
	}
}

// Where PostgreSQL has no room nothing can be recorded, so nothing is done: a release keeps its share, whoever asks is
// told why, and what was decided meanwhile is decided again when there is room. Nothing is lost.
func TestWithoutRoomInPostgreSQLAReleaseWaits(t *testing.T) {
	t.Parallel()
	if len(storetest.Engines(t)) < 2 {
		return
	}
	address := storetest.Address(t, store.PostgreSQL)
	w := newWorld(t, storetest.OpenAt(t, address))
	r := w.exposed("v2")
	before, err := w.DB.Head(w.ctx)
	w.ok(err)
	fit := storetest.Crowd(t, address)
	undo := release.Command{Kind: release.Abort, Actor: "user:bo", Name: "bo", Reason: "a test"}
	if err := w.Command(w.ctx, r.ID, undo, 0); fault.ReasonOf(err) != "store_unavailable" ||
		!strings.Contains(fault.MessageOf(err), storetest.NoRoom) {
		t.Errorf("without room: %v", err)
	}
	if _, err := w.tryStart("v3"); fault.ReasonOf(err) != "disk_full" {
		t.Errorf("a release starts: %v", err)
	}
	if told := w.lookAtDisk(w.ctx, false); told || !w.DB.Room().Full() {
		t.Errorf("told %t, %+v", told, w.DB.Room())
	}
	now, err := w.DB.Release(w.ctx, r.ID)
	w.ok(err)
	if head, err := w.DB.Head(w.ctx); err != nil || head != before || now.Share != 50 || now.Row != r.Row {
		t.Errorf("the log's head is %+v, was %+v, %v; the release %+v", head, before, err, now)
	}
	fit()
	if r = w.settle(r.ID); r.Share != 50 || !strings.Contains(r.Sentence, "PostgreSQL has no room. It goes on by itself") {
		t.Errorf("before the trial, at %g %%: %s", r.Share, r.Sentence)
	}
	if w.lookAtDisk(w.ctx, true); w.DB.Room().Full() {
		t.Errorf("after it: %+v", w.DB.Room())
	}
	if r = w.settle(r.ID); strings.Contains(r.Sentence, "room") {
		t.Errorf("with room again: %s", r.Sentence)
	}
	w.ok(w.Command(w.ctx, r.ID, undo, 0))
	if r = w.settle(r.ID); r.Share != 0 || !r.Phase.Final() {
		t.Errorf("it has %g %% and is %s", r.Share, r.Phase)
	}
	w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
		_, err := w.append(w.ctx, tx, w.system(diskFull, "", disk, "Full.", store.Room{Server: "no room", Spent: true}))
		return err
	}))
	if told := w.toldOfDisk(w.ctx); !told || !w.DB.Room().Full() {
		t.Errorf("a process that begins then: told %t, %+v", told, w.DB.Room())
	}
}
