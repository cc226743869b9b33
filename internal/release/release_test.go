package release

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// testPlan is a whole strategy in small.
func testPlan() Plan {
	step := func(stage, name string, k Kind, s Step) Step {
		s.ID, s.Stage, s.Environment, s.Kind, s.Title = stage+"/"+name, stage, stage, k, stage+" "+name
		return s
	}
	return Plan{
		Timing: Timing{Look: time.Second, Skew: time.Hour, Retry: time.Second, Tries: 3},
		Steps: []Step{
			step("staging", "checks", KindChecks, Step{Checks: []string{"unit", "review"}}),
			step("staging", "deploy", KindDeploy, Step{}),
			step("staging", "smoke", KindSmoke, Step{Suite: "core", AutoUndo: true}),
			step("staging", "sign-off", KindSignOff, Step{Checks: []string{"manual_qa"}, Role: "qa"}),
			step("canary", "deploy", KindDeploy, Step{}),
			step("canary", "smoke", KindSmoke, Step{Suite: "core", AutoUndo: true}),
			step(
				"canary",
				"share-5",
				KindShare,
				Step{Share: 5, Bake: 10 * time.Minute, MaxBake: time.Hour, AutoUndo: true},
			),
			step(
				"canary",
				"share-50",
				KindShare,
				Step{Share: 50, Bake: 10 * time.Minute, MaxBake: time.Hour, AutoUndo: true},
			),
			step("production", "window", KindWindow, Step{Production: true}),
			step("production", "approval", KindApproval, Step{Approve: []approval.Rule{{Role: "product", Count: 1}},
				Expires: time.Hour}),
			step("production", "promote", KindPromote, Step{Production: true}),
			step("production", "verify", KindSmoke, Step{Suite: "core", Production: true}),
			step("production", "watch", KindWatch, Step{Bake: 30 * time.Minute, Production: true}),
		},
	}
}

// world is what stands around a release: it applies decisions as the engine would.
type world struct {
	r        Release
	f        Facts
	routed   RouteArgs // the last routing that was carried out
	requests int
	asked    int
	events   []string
	bad      bool // what the new version does under traffic
}

func newWorld() *world {
	w := &world{f: Facts{
		Now: start,
		Items: map[string]checklist.Item{"unit": {Name: "unit", Title: "Unit tests pass"},
			"review": {
				Name:  "review",
				Title: "Code was reviewed",
			}, "manual_qa": {Name: "manual_qa", Title: "QA tested it",
				Role: "qa"}},
		Results:  map[string]checklist.Result{},
		Effects:  map[string]effect.Effect{},
		Calendar: Calendar{Open: true},
	}}
	w.r = New(Release{
		ID: "rel_1", App: "shop", Version: "v2", Commit: "abc", Author: "ada", Deployment: "dep_2", Previous: "dep_1",
		Unscheduled: "first canary", Plan: testPlan(),
	}, start)
	return w
}

func (w *world) report(name string, s checklist.Status) {
	w.f.Results[name] = checklist.Result{Name: name, Version: "v2", Commit: "abc", Status: s, Actor: "token:ci",
		Summary: "said"}
}

// apply records a decision.
func (w *world) apply(d Decision) {
	w.r = d.Release
	for _, e := range d.Effects {
		if _, ok := w.f.Effects[e.Key]; !ok {
			w.f.Effects[e.Key] = e
		}
	}
	if d.Request != nil {
		q := *d.Request
		w.f.Request = &q
	}
	if d.Rollback != nil {
		w.asked++
		w.f.Rollback = true
	}
	for _, e := range d.Events {
		w.events = append(w.events, e.Kind)
	}
}

func (w *world) decide() Decision {
	w.requests++
	w.f.NewID = fmt.Sprintf("apr_%d", w.requests)
	return Decide(w.r, w.f)
}

// settle decides until nothing changes, carrying out effects in between.
func (w *world) settle(t *testing.T) {
	t.Helper()
	for range 200 {
		w.look()
		d := w.decide()
		w.apply(d)
		if !w.act(true) && !d.Changed {
			return
		}
	}
	t.Fatalf("the release does not settle at %s: %s", w.r.Step().ID, w.r.Sentence)
}

// act carries out the effects that are pending and reports whether there were any.
func (w *world) act(ok bool) bool {
	any := false
	for k, e := range w.f.Effects {
		if e.State != effect.Pending {
			continue
		}
		any = true
		e.State, e.Ended, e.Result = effect.Done, w.f.Now, effect.Result{OK: ok, Sentence: "did it"}
		if a, is := routeArgs(e); is {
			w.routed = a
		}
		w.f.Effects[k] = e
	}
	return any
}

// look is the guard.
func (w *world) look() {
	w.f.Verdict = nil
	if _, watched := w.r.Rules(); !watched {
		return
	}
	v := guard.Verdict{At: w.f.Now, Word: guard.BetterOrEqual, Action: guard.Continue,
		Sentence: "No worse than stable so far."}
	if w.bad {
		v = guard.Verdict{At: w.f.Now, Word: guard.Worse, Action: guard.Undo,
			Sentence: "v2 is worse. 12 % of requests fail."}
		v.Findings = []guard.Finding{{Rule: "health", Level: guard.Info, Sentence: "v2 is worse."},
			{Rule: "error_rate", Level: guard.Critical, Sentence: "12 % of requests fail."}}
	}
	w.f.Verdict = &v
}

func (w *world) pass(t *testing.T, d time.Duration) {
	t.Helper()
	for range int(d / time.Minute) {
		w.f.Now = w.f.Now.Add(time.Minute)
		w.settle(t)
	}
}

func (w *world) vote(t *testing.T, approve bool) {
	t.Helper()
	q, _, err := w.f.Request.Decide(approval.Vote{User: "pia", Name: "Pia", Approve: approve, Reason: "because",
		Hash: w.f.Request.Hash}, []string{"product"}, w.f.Now)
	if err != nil {
		t.Fatal(err)
	}
	w.f.Request = &q
}

// ready brings the release to its first share.
func ready(t *testing.T) *world {
	w := newWorld()
	w.settle(t)
	w.report("unit", checklist.Passed)
	w.report("review", checklist.Passed)
	w.settle(t)
	w.report("manual_qa", checklist.Passed)
	w.settle(t)
	if w.r.Share != 5 || w.routed.Share != 5 {
		t.Fatalf("at %s with share %g routed %g, want 5 %%: %s", w.r.Step().ID, w.r.Share, w.routed.Share, w.r.Sentence)
	}
	return w
}

// req: WF-01 WF-03 WF-04 WF-05 CD-01 CD-04 CD-05 CD-19 EN-12 EN-13
func TestGoodReleaseGoesAllTheWay(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.pass(t, 25*time.Minute)
	if w.r.Step().ID != "production/approval" || w.r.Share != 50 {
		t.Fatalf("at %s with %g %%, want to wait for approval at 50 %%", w.r.Step().ID, w.r.Share)
	}
	w.vote(t, true)
	w.settle(t)
	if w.routed.Stable != "dep_2" || w.routed.Canary != "" {
		t.Fatalf("routed %+v, want dep_2 stable", w.routed)
	}
	w.pass(t, 31*time.Minute)
	if w.r.Phase != Completed {
		t.Fatalf("phase %s: %s", w.r.Phase, w.r.Sentence)
	}
	for i, s := range w.r.States {
		if s.Status != StepPassed {
			t.Errorf("%s is %s", w.r.Plan.Steps[i].ID, s.Status)
		}
	}
}

// req: WF-07 WF-08 CK-23
func TestUnfinishedChecklistBlocks(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.settle(t)
	w.report("unit", checklist.Passed)
	for _, s := range []checklist.Status{checklist.Running, checklist.Failed} {
		w.report("review", s)
		w.settle(t)
		if w.r.Cursor != 0 || !strings.Contains(w.r.Sentence, "Code was reviewed") {
			t.Fatalf("%s: at %s: %s", s, w.r.Step().ID, w.r.Sentence)
		}
	}
	w.report("review", checklist.NotApplicable)
	w.settle(t)
	if w.r.Cursor == 0 {
		t.Fatal("not applicable with a reason must satisfy the item")
	}
}

// req: WF-09 CD-11 RB-01
func TestBadCanaryGoesBackAtOnce(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.bad = true
	w.settle(t)
	if w.r.Phase != Aborted || w.routed.Share != 0 || w.routed.Canary != "" || w.routed.Ban != "dep_2" {
		t.Fatalf("phase %s, routed %+v", w.r.Phase, w.routed)
	}
	if !strings.Contains(w.r.Reason, "12 %") {
		t.Errorf("reason %q does not hold the evidence", w.r.Reason)
	}
	if against := w.r.Against; against == nil || against.Rule != "error_rate" {
		t.Errorf("its incident is about %+v", against)
	}
}

// req: N-03 CD-11
func TestGuardFiresWhilePausedAndWhileAsking(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.apply(Decide(w.r, with(w.f, Command{Kind: Pause, Actor: "user:bo", Name: "Bo"})))
	w.bad = true
	w.settle(t)
	if w.r.Phase != Aborted {
		t.Errorf("paused: phase %s", w.r.Phase)
	}
	w = ready(t)
	w.pass(t, 25*time.Minute)
	if w.r.Step().Kind != KindApproval {
		t.Fatal(w.r.Step().ID)
	}
	w.bad = true
	w.settle(t)
	if w.r.Phase != Aborted || w.f.Request.State != approval.Voided {
		t.Errorf("asking: phase %s, request %s", w.r.Phase, w.f.Request.State)
	}
}

// req: RB-22 WF-10
func TestBadProductionAsksPeople(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.pass(t, 25*time.Minute)
	w.vote(t, true)
	w.settle(t)
	w.bad = true
	w.pass(t, 3*time.Minute)
	if w.asked != 1 || w.r.Phase != Running || w.routed.Stable != "dep_2" {
		t.Fatalf("asked %d times, phase %s, routed %+v: production goes back only after approval", w.asked, w.r.Phase,
			w.routed)
	}
	w.pass(t, 60*time.Minute)
	if w.r.Phase != Running {
		t.Fatal("a release under suspicion must not complete")
	}
}

// req: N-08
func TestApprovalIsVoidWhenContentChanges(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.pass(t, 25*time.Minute)
	first := w.f.Request.ID
	w.report("unit", checklist.Failed)
	w.settle(t)
	if w.f.Request.ID == first || w.f.Request.State != approval.Open {
		t.Fatalf("request %s is still asked", first)
	}
}

// A check that fails after the last vote, before anybody looked: what was approved is
// not what would go out.
func TestAnApprovalCountsForWhatWasShownOnly(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.pass(t, 25*time.Minute)
	first := w.f.Request.ID
	w.vote(t, true)
	if w.f.Request.State != approval.Approved {
		t.Fatal(w.f.Request.State)
	}
	w.report("unit", checklist.Failed)
	w.settle(t)
	if w.f.Request.ID == first || w.f.Request.State != approval.Open || !w.r.Promoted.IsZero() {
		t.Fatalf("%s %s %s: %s", w.f.Request.ID, w.f.Request.State, w.r.Step().ID, w.r.Sentence)
	}
}

func TestRequestExpires(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.pass(t, 25*time.Minute)
	first := w.f.Request.ID
	w.pass(t, 61*time.Minute)
	if w.f.Request.ID == first {
		t.Fatal("the request outlived its expiry")
	}
}

func TestRejectionTakesBack(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.pass(t, 25*time.Minute)
	w.vote(t, false)
	w.settle(t)
	if w.r.Phase != Aborted || w.routed.Share != 0 || !strings.Contains(w.r.Reason, "rejected by Pia") {
		t.Fatalf("%s, %+v: %s", w.r.Phase, w.routed, w.r.Reason)
	}
}

// req: EN-11
func TestUnscheduledReleaseNeedsReason(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.r.Unscheduled = ""
	w.pass(t, 25*time.Minute)
	if w.r.Step().ID != "production/window" {
		t.Fatal(w.r.Step().ID)
	}
	if d := Decide(w.r, with(w.f, Command{Kind: Promote, Name: "Bo"})); fault.ReasonOf(d.Err) != "reason_required" {
		t.Fatalf("err %v", d.Err)
	}
	w.apply(Decide(w.r, with(w.f, Command{Kind: Promote, Actor: "user:bo", Name: "Bo", Reason: "hotfix"})))
	w.settle(t)
	if w.r.Step().ID != "production/approval" {
		t.Fatal(w.r.Step().ID)
	}
}

func TestScheduleAndFreezeHold(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.r.Unscheduled, w.r.Scheduled = "", start.Add(2*time.Hour)
	w.pass(t, 30*time.Minute)
	if !strings.Contains(w.r.Sentence, "scheduled for 2026-03-02 11:00 UTC") {
		t.Fatal(w.r.Sentence)
	}
	w.f.Calendar = Calendar{Sentence: "Freeze: year end."}
	w.pass(t, 2*time.Hour)
	if w.r.Sentence != "Freeze: year end." {
		t.Fatal(w.r.Sentence)
	}
	w.f.Calendar = Calendar{Open: true}
	w.settle(t)
	if w.r.Step().ID != "production/approval" {
		t.Fatal(w.r.Step().ID)
	}
}

// req: CD-12
func TestShareIsLoweredByHand(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.pass(t, 12*time.Minute)
	if w.r.Share != 50 {
		t.Fatal(w.r.Share)
	}
	if d := Decide(w.r, with(w.f, Command{Kind: SetTo, Name: "Bo",
		Share: 60})); fault.ReasonOf(d.Err) != "share_not_lower" {
		t.Fatal(d.Err)
	}
	w.apply(Decide(w.r, with(w.f, Command{Kind: SetTo, Actor: "user:bo", Name: "Bo", Share: 5, Reason: "slow"})))
	w.settle(t)
	if w.r.Share != 5 || w.routed.Share != 5 || w.r.Phase != Paused {
		t.Fatalf("share %g, routed %+v, phase %s", w.r.Share, w.routed, w.r.Phase)
	}
	w.pass(t, 60*time.Minute)
	if w.r.Share != 5 {
		t.Fatal("it must stay where a person put it")
	}
	w.apply(Decide(w.r, with(w.f, Command{Kind: Resume, Actor: "user:bo", Name: "Bo"})))
	w.pass(t, 12*time.Minute)
	if w.r.Share != 50 {
		t.Fatalf("after resume: share %g at %s: %s", w.r.Share, w.r.Step().ID, w.r.Sentence)
	}
}

// req: WF-07
func TestSkipNeedsNamedPersonAndReason(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.settle(t)
	tests := []struct {
		name, reason string
		c            Command
	}{
		{"no reason", "reason_required", Command{Kind: Skip, User: "bo", Step: "staging/checks"}},
		{"author", "own_release", Command{Kind: Skip, User: "ada", Step: "staging/checks", Reason: "r"}},
		{"another step", "not_at_step", Command{Kind: Skip, User: "bo", Step: "staging/smoke", Reason: "r"}},
	}
	for _, tt := range tests {
		if d := Decide(w.r, with(w.f, tt.c)); fault.ReasonOf(d.Err) != tt.reason {
			t.Errorf("%s: %v", tt.name, d.Err)
		}
	}
	w.apply(Decide(w.r, with(w.f, Command{Kind: Skip, User: "bo", Actor: "user:bo", Name: "Bo", Step: "staging/checks",
		Reason: "CI is down"})))
	if s := w.r.States[0]; s.Status != StepSkipped || s.Actor != "user:bo" ||
		!strings.Contains(s.Sentence, "CI is down") {
		t.Errorf("%+v", s)
	}
}

func with(f Facts, c Command) Facts {
	f.Command = &c
	return f
}

// req: RB-36
func TestBadVersionIsRecorded(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.bad = true
	w.look()
	w.apply(w.decide())
	w.act(true)
	d := w.decide()
	want := []Judgement{{Deployment: "dep_2", Verdict: deployment.Bad, Why: w.r.Reason}}
	if diff := cmp.Diff(want, d.Judgements); diff != "" {
		t.Error(diff)
	}
	if d.Incident == nil {
		t.Error("a canary that was taken back opens no incident")
	}
}
