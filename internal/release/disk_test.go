package release

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

func told(list []string, kind string) (n int) {
	for _, k := range list {
		if k == kind {
			n++
		}
	}
	return n
}

// A release that is under way goes no further on a full disk, says so once, and goes on by itself.
func TestAFullDiskHoldsARelease(t *testing.T) {
	t.Parallel()
	w := ready(t)
	before := told(w.events, "release.waiting")
	w.f.Disk = "The disk is full."
	w.pass(t, 2*time.Hour)
	if want := "v2 waits and stays at 5 %. The disk is full. It goes on by itself when there is room."; w.r.Share != 5 ||
		w.routed.Share != 5 || w.r.Sentence != want || told(w.events, "release.waiting") != before+1 {
		t.Errorf("at %s with %g %%, told %d times: %s", w.r.Step().ID, w.r.Share, told(w.events, "release.waiting")-before,
			w.r.Sentence)
	}
	for _, kind := range []CommandKind{Promote, Resume, Skip, Retry} {
		c := Command{Kind: kind, Actor: "user:bo", User: "bo", Name: "Bo", Reason: "r", Bypass: true}
		d := Decide(w.r, with(w.f, c))
		if fault.ReasonOf(d.Err) != "disk_full" || d.Changed {
			t.Errorf("%s: %v", kind, d.Err)
		}
	}
	for _, kind := range []CommandKind{Pause, Abort, SetTo} {
		c := Command{Kind: kind, Actor: "user:bo", Name: "Bo", Reason: "r", Share: 1}
		if d := Decide(w.r, with(w.f, c)); d.Err != nil {
			t.Errorf("%s: %v", kind, d.Err)
		}
	}
	w.f.Disk = ""
	w.pass(t, 15*time.Minute)
	if w.r.Share != 50 {
		t.Errorf("with room again it is at %g %%: %s", w.r.Share, w.r.Sentence)
	}
	w.f.Disk, w.bad = "The disk is full.", true
	w.settle(t)
	if w.r.Phase != Aborted || w.routed.Share != 0 {
		t.Errorf("a bad canary on a full disk is %s: %s", w.r.Phase, w.r.Sentence)
	}
}

// What people and probes say against a release takes it back on a full disk, too, and an approval promotes nothing.
func TestAFullDiskKeepsNobodyFromGoingBack(t *testing.T) {
	t.Parallel()
	for _, approve := range []bool{true, false} {
		w := ready(t)
		w.pass(t, 25*time.Minute)
		w.f.Disk = "The disk is full."
		w.vote(t, approve)
		w.pass(t, 10*time.Minute)
		if approve && (w.r.Phase != Running || !w.r.Promoted.IsZero() || w.routed.Stable != "dep_1") {
			t.Errorf("approved: %s, routed %+v", w.r.Phase, w.routed)
		}
		if !approve && (w.r.Phase != Aborted || w.r.Share != 0) {
			t.Errorf("rejected: %s at %g %%: %s", w.r.Phase, w.r.Share, w.r.Sentence)
		}
		w.f.Disk = ""
		w.settle(t)
		if approve && w.routed.Stable != "dep_2" {
			t.Errorf("with room again: %s", w.r.Sentence)
		}
	}
	w := ready(t)
	w.pass(t, 25*time.Minute)
	w.vote(t, true)
	w.settle(t)
	w.f.Disk, w.bad = "The disk is full.", true
	w.pass(t, 3*time.Minute)
	if w.asked != 1 {
		t.Errorf("bad in production: a rollback is asked for %d times", w.asked)
	}
}

// A promotion that is confirmed while the release is paused is no share of 0: everybody has it, and it is watched.
func TestAPauseDuringThePromotion(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.pass(t, 25*time.Minute)
	w.vote(t, true)
	for range 20 {
		if w.r.Step().Kind == KindPromote && w.r.Effect != "" {
			break
		}
		w.look()
		w.apply(w.decide())
	}
	w.apply(Decide(w.r, with(w.f, Command{Kind: Pause, Actor: "user:bo", Name: "Bo"})))
	w.settle(t)
	if _, watched := w.r.Rules(); w.routed.Stable != "dep_2" || w.r.Share == 0 || !watched ||
		!strings.Contains(w.r.Sentence, "Paused") {
		t.Errorf("routed %+v, %g %%, watched %t: %s", w.routed, w.r.Share, watched, w.r.Sentence)
	}
}

// What a person should do instead is said in the words of the surface where it is read.
func TestARefusalNamesACommandOnlyOnTheCommandLine(t *testing.T) {
	t.Parallel()
	r := Release{Version: "v2", Phase: Running, Promoted: start, Plan: Plan{Steps: []Step{{ID: "w", Kind: KindWatch}}},
		States: []State{{Status: StepRunning}}}
	d := Decide(r, Facts{Now: start, Command: &Command{Kind: Abort, Reason: "odd"}})
	on, at := fault.MessageAt(d.Err, fault.Page), fault.MessageAt(d.Err, fault.Command)
	if on != "v2 is in production. Request a rollback instead." || at != "v2 is in production. Request a rollback "+
		"instead: slipway rollback request." {
		t.Errorf("on a page %q, on the command line %q", on, at)
	}
}
