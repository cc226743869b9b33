package rollback

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// world applies decisions as the engine would.
type world struct {
	r      Rollback
	f      Facts
	routed string
	routes int
	n      int
	well   bool // what the effects and the guard say
}

func newWorld(to *deployment.Deployment) *world {
	return &world{well: true, f: Facts{Now: start, Effects: map[string]effect.Effect{}}, r: Rollback{
		ID: "rbk_1", App: "shop", Environment: "production", Trigger: "12 % of requests fail", Author: "system:guard",
		Phase:    Requested,
		Detected: start, Created: start, Plan: Plan{
			App: "shop", Environment: "production", From: deployment.Deployment{ID: "dep_2", Version: "v2"}, To: to,
			Approve: []approval.Rule{
				{Role: "incident", Count: 1},
			}, Expires: time.Hour, Suite: "core", Watch: time.Minute,
			Tries: 3,
			Candidates: []deployment.Candidate{
				{Deployment: deployment.Deployment{ID: "dep_1", Version: "v1"}, Eligible: true},
				{Deployment: deployment.Deployment{ID: "dep_0", Version: "v0"}, Eligible: true},
			},
		},
	}}
}

func good() *deployment.Deployment {
	return &deployment.Deployment{ID: "dep_1", Version: "v1", URL: "http://127.0.0.1:1", Verdict: deployment.Good}
}

func (w *world) decide() Decision {
	w.n++
	w.f.NewID = fmt.Sprintf("apr_%d", w.n)
	w.f.Verdict = nil
	if !w.r.Executed.IsZero() {
		w.f.Verdict = &guard.Verdict{Word: guard.BetterOrEqual, Action: guard.Continue, Sentence: "It is well."}
		if !w.well {
			w.f.Verdict = &guard.Verdict{Word: guard.Worse, Action: guard.Undo, Sentence: "It is not well."}
		}
	}
	return Decide(w.r, w.f)
}

func (w *world) apply(d Decision) {
	w.r = d.Rollback
	for _, e := range d.Effects {
		if _, ok := w.f.Effects[e.Key]; !ok {
			w.f.Effects[e.Key] = e
		}
	}
	if d.Request != nil {
		q := *d.Request
		w.f.Request = &q
	}
}

func (w *world) act(ok bool) {
	for k, e := range w.f.Effects {
		if e.State != effect.Pending {
			continue
		}
		e.State, e.Ended, e.Result = effect.Done, w.f.Now, effect.Result{OK: ok, Sentence: "said so"}
		if !ok && e.Kind == effect.Route {
			e.State = effect.Failed
		}
		var a RouteArgs
		if e.Kind == effect.Route && e.State == effect.Done && json.Unmarshal(e.Args, &a) == nil {
			w.routed = a.Stable
			w.routes++
		}
		w.f.Effects[k] = e
	}
}

func (w *world) settle(t *testing.T) {
	t.Helper()
	for range 50 {
		d := w.decide()
		w.apply(d)
		w.act(w.well)
		if !d.Changed {
			return
		}
	}
	t.Fatal("it does not settle: " + w.r.Sentence)
}

func (w *world) vote(t *testing.T, approve bool) {
	t.Helper()
	q, _, err := w.f.Request.Decide(approval.Vote{User: "inez", Name: "Inez", Approve: approve, Reason: "because",
		Hash: w.f.Request.Hash}, []string{"incident"}, w.f.Now)
	if err != nil {
		t.Fatal(err)
	}
	w.f.Request = &q
}

// req: RB-22 RB-23 RB-25 RB-32
func TestRunsOnlyAfterApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(good())
	w.settle(t)
	if w.r.Phase != Requested || w.routes != 0 || w.f.Request == nil {
		t.Fatalf("phase %s after %d routings: people were not asked", w.r.Phase, w.routes)
	}
	if got := w.f.Request.Subject.Evidence["trigger"]; got != "12 % of requests fail" {
		t.Errorf("the request shows the trigger %q", got)
	}
	w.f.Now = w.f.Now.Add(10 * time.Minute) // people take their time
	w.vote(t, true)
	w.f.Now = w.f.Now.Add(time.Second)
	w.settle(t)
	if took, ok := w.r.Machine(); !ok || took > time.Second {
		t.Errorf("from detection to traffic back it took %s without people, %t; want a second at most", took, ok)
	}
	if w.r.Phase != Verifying || w.routed != "dep_1" {
		t.Fatalf("phase %s, routed to %q", w.r.Phase, w.routed)
	}
	w.f.Now = w.f.Now.Add(2 * time.Minute)
	w.settle(t)
	if w.r.Phase != Done || !strings.Contains(w.r.Sentence, "runs v1 again") {
		t.Fatalf("phase %s: %s", w.r.Phase, w.r.Sentence)
	}
}

// req: RB-24
func TestRejectedBecomesTrackedIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(good())
	w.settle(t)
	w.vote(t, false)
	d := w.decide()
	if d.Rollback.Phase != Rejected || w.routes != 0 ||
		!strings.Contains(d.Rollback.Sentence, "tracked as an incident") {
		t.Fatalf("phase %s: %s", d.Rollback.Phase, d.Rollback.Sentence)
	}
}

// req: RB-49
func TestFailureIsAStateWithNextActions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		to   *deployment.Deployment
		want string
	}{
		{"no target", nil, "no known good"},
		{"the target does not answer", good(), "No visitor was moved: v1 does not answer well"},
	}
	for _, tt := range tests {
		w := newWorld(tt.to)
		w.settle(t)
		if tt.to != nil {
			w.vote(t, true)
			w.well = false
			w.settle(t)
		}
		if w.r.Phase != Failed || !strings.Contains(w.r.Sentence, tt.want) || len(w.r.Next()) < 3 {
			t.Errorf("%s: phase %s: %s; next %q", tt.name, w.r.Phase, w.r.Sentence, w.r.Next())
		}
	}
}

// req: RB-49
func TestUnwellTargetFailsAndAnotherCanBeChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(good())
	w.settle(t)
	w.vote(t, true)
	w.apply(w.decide()) // approved
	w.apply(w.decide()) // looks at the target
	w.act(true)
	w.apply(w.decide()) // asks for the routing
	w.act(true)
	w.well = false
	w.settle(t)
	if w.r.Phase != Failed || !strings.Contains(w.r.Sentence, "smoke") {
		t.Fatalf("phase %s: %s", w.r.Phase, w.r.Sentence)
	}
	w.well = true
	c := Command{Kind: Retarget, Name: "Inez", Reason: "v0 is well", Target: &deployment.Deployment{ID: "dep_0",
		Version: "v0"}}
	w.f.Command = &c
	w.apply(Decide(w.r, w.f))
	w.f.Command = nil
	w.settle(t)
	if w.r.Phase != Requested || w.f.Request.State != approval.Open || w.f.Request.Subject.Deployment != "dep_0" {
		t.Fatalf("phase %s: people must be asked about the new target: %+v", w.r.Phase, w.f.Request.Subject)
	}
	w.vote(t, true)
	w.settle(t)
	if w.routed != "dep_0" {
		t.Errorf("routed to %s", w.routed)
	}
}

// req: EN-15
func TestAutomaticWhereThePolicySaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(good())
	w.r.Plan.Approve = nil
	w.settle(t)
	if w.routed != "dep_1" {
		t.Fatalf("phase %s", w.r.Phase)
	}
}

func TestRunWithoutApprovalIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(good())
	w.settle(t)
	w.f.Command = &Command{Kind: Run, Name: "Bo"}
	if d := Decide(w.r, w.f); fault.ReasonOf(d.Err) != "approval_missing" || d.Changed {
		t.Fatal(d.Err)
	}
}

// Random histories with lost decisions: traffic moves only after an approval over
// the present plan, and final states stay.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	ends := map[Phase]int{}
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(good())
		approved := false
		for range 60 {
			w.f.Now = w.f.Now.Add(time.Duration(rng.IntN(300)) * time.Second)
			switch rng.IntN(6) {
			case 0:
				if w.f.Request != nil && w.f.Request.State == approval.Open &&
					w.f.Now.Before(w.f.Request.Subject.Expires) {
					yes := rng.IntN(4) > 0
					w.vote(t, yes)
					approved = approved || yes
				}
			case 1:
				w.well = rng.IntN(5) > 0
			case 2:
				if rng.IntN(5) == 0 {
					w.f.Command = &Command{
						Kind:   []CommandKind{Run, Cancel, Retry, Retarget}[rng.IntN(4)],
						Name:   "Bo",
						Reason: "r",
						Target: good(),
					}
				}
			default:
				w.act(w.well)
			}
			before := w.r
			d := w.decide()
			w.f.Command = nil
			if d.Err != nil || rng.IntN(5) == 0 {
				continue
			}
			if before.Phase.Final() && d.Changed {
				t.Fatalf("a rollback that is %s changed", before.Phase)
			}
			w.apply(d)
			if w.routes > 0 && !approved {
				t.Fatal("traffic moved before anybody approved")
			}
		}
		ends[w.r.Phase]++
	}
	for _, p := range []Phase{Done, Rejected, Canceled, Failed} {
		if ends[p] == 0 {
			t.Errorf("no history ends %s: %v", p, ends)
		}
	}
}

func FuzzDecide(f *testing.F) {
	f.Add([]byte(`{"phase":"requested"}`), "run")
	f.Add([]byte(`{"phase":"verifying","plan":{"to":{"id":"x"}}}`), "")
	f.Add([]byte(`{"phase":"verifying"}`), "")
	f.Fuzz(func(t *testing.T, doc []byte, command string) {
		var r Rollback
		if json.Unmarshal(doc, &r) != nil {
			return
		}
		facts := Facts{Now: start, Effects: map[string]effect.Effect{}}
		if command != "" {
			facts.Command = &Command{Kind: CommandKind(command)}
		}
		Decide(r, facts)
	})
}

func TestARecordWithoutATargetFailsInWords(t *testing.T) {
	t.Parallel()
	for _, phase := range []Phase{Requested, Approved, Executing, Verifying} {
		r := Rollback{ID: "rb_1", Environment: "production", Phase: phase, Effect: "rb_1/smoke/0"}
		for _, e := range []effect.Effect{{State: effect.Pending}, {State: effect.Failed}, {State: effect.Done}} {
			d := Decide(r, Facts{Now: start, Effects: map[string]effect.Effect{r.Effect: e}})
			if d.Rollback.Phase != Failed || !strings.Contains(d.Rollback.Sentence, "no known good deployment") {
				t.Errorf("%s with an effect that is %s: %s, %q", phase, e.State, d.Rollback.Phase, d.Rollback.Sentence)
			}
		}
	}
}

func TestWithdrawingNeedsAReason(t *testing.T) {
	t.Parallel()
	for _, kind := range []CommandKind{Cancel, Retarget} {
		w := newWorld(good())
		w.settle(t)
		w.f.Command = &Command{Kind: kind, Name: "Inez", Target: good()}
		if d := Decide(w.r, w.f); fault.ReasonOf(d.Err) != "reason_required" || d.Changed {
			t.Errorf("%s without a reason: %v", kind, d.Err)
		}
		w.f.Command.Reason = "it is mended"
		if d := Decide(w.r, w.f); d.Err != nil || !d.Changed {
			t.Errorf("%s with a reason: %v", kind, d.Err)
		}
	}
}
