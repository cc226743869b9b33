package release

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
)

const byAda = "Ada gave everybody v2, and not through Slipway."

// at5 is a release whose canary has 5 %, and whose target moves one way.
func at5(t *testing.T, drift string) *world {
	t.Helper()
	w := newWorld()
	w.r.Plan.OneWay, w.r.Plan.Drift = true, drift
	w.r.Cursor = slices.IndexFunc(w.r.Plan.Steps, func(s Step) bool { return s.Kind == KindShare })
	w.r.States[w.r.Cursor] = State{Status: StepRunning, Started: start, Set: start}
	w.r.Share, w.r.ShareSince, w.r.Exposed, w.r.Routes = 5, start, start, 1
	w.f.Foreign = byAda
	return w
}

// TestSomebodyElsesChangeHoldsARelease follows a release that is displaced, waits, and goes on when a person has it
// routed again.
func TestSomebodyElsesChangeHoldsARelease(t *testing.T) {
	w := at5(t, DriftHold)
	for range 3 {
		w.apply(w.decide())
		w.f.Now = w.f.Now.Add(time.Hour) // however long: nothing rises
	}
	if w.r.Phase != Running || w.r.Share != 5 || w.r.Displaced.IsZero() || !strings.HasPrefix(w.r.Sentence, byAda) {
		t.Fatalf("a displaced release is %s at %g %%: %s", w.r.Phase, w.r.Share, w.r.Sentence)
	}
	if n := len(w.f.Effects); n != 0 {
		t.Errorf("%d effects were asked for while it waits", n)
	}
	if told := count(w.events, "release.displaced"); told != 1 {
		t.Errorf("people were told %d times", told)
	}
	w.f.Command = &Command{Kind: Retry, Actor: "user:ada", Name: "Ada"}
	w.apply(w.decide())
	w.f.Command = nil
	w.apply(w.decide())
	e, ok := w.f.Effects[w.r.Effect]
	if a, isRoute := routeArgs(e); !ok || !isRoute || a.Share != 5 || a.Canary != "dep_2" || !w.r.Displaced.IsZero() {
		t.Fatalf("after a retry it asks for %+v (%v)", e, w.events)
	}
	e.State, e.Ended, e.Result.OK = effect.Done, w.f.Now, true
	w.f.Effects[e.Key], w.f.Foreign = e, ""
	w.apply(w.decide())
	if w.r.State().Set.IsZero() || w.r.State().Status == StepWaiting {
		t.Errorf("routed again it is %+v", w.r.State())
	}
}

func TestSomebodyElsesChangeTakesAReleaseBack(t *testing.T) {
	w := at5(t, DriftUndo)
	w.apply(w.decide())
	if w.r.Phase != Undoing || w.r.Reason != byAda {
		t.Fatalf("it is %s: %s", w.r.Phase, w.r.Reason)
	}
}

// TestADisplacedReleaseCanBeAborted does what its sentence offers.
func TestADisplacedReleaseCanBeAborted(t *testing.T) {
	w := at5(t, DriftHold)
	w.apply(w.decide())
	w.f.Command = &Command{Kind: Abort, Actor: "user:ada", Name: "Ada", Reason: "by hand"}
	w.apply(w.decide())
	if w.r.Phase != Undoing {
		t.Fatalf("it is %s: %s", w.r.Phase, w.r.Sentence)
	}
}

// TestInProductionADisplacedReleaseEnds tells a watch from a promotion that others undid.
func TestInProductionADisplacedReleaseEnds(t *testing.T) {
	w := at5(t, DriftHold)
	w.r.Cursor = len(w.r.Plan.Steps) - 1
	w.r.States[w.r.Cursor] = State{Status: StepRunning, Started: start}
	w.r.Share, w.r.Promoted = 100, start
	w.apply(w.decide())
	if w.r.Phase != RolledBack || w.r.Share != 0 || w.r.Ended.IsZero() || w.r.Reason != byAda {
		t.Fatalf("it is %s at %g %%: %s", w.r.Phase, w.r.Share, w.r.Reason)
	}
	if d := w.decide(); d.Changed {
		t.Error("an ended release changed again")
	}
}

// TestOneWaySharesAreNotLowered holds what a target can't do back before it is tried.
func TestOneWaySharesAreNotLowered(t *testing.T) {
	w := at5(t, DriftHold)
	w.f.Foreign = ""
	w.f.Command = &Command{Kind: SetTo, Actor: "user:ada", Name: "Ada", Share: 1}
	if d := w.decide(); d.Err == nil || !strings.Contains(d.Err.Error(), "only rise") {
		t.Errorf("lowering gives %v", d.Err)
	}
}

func count(list []string, what string) int {
	n := 0
	for _, x := range list {
		if x == what {
			n++
		}
	}
	return n
}
