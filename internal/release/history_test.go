package release

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
)

// hostile drives a release through a random history in which decisions and effects
// get lost, as a crash loses them, and checks what must always hold.
func hostile(t *testing.T, seed uint64) (Release, int) {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := newWorld()
	decisions, undoSeen := 0, false
	statuses := []checklist.Status{checklist.Passed, checklist.Passed, checklist.Passed, checklist.Failed,
		checklist.Running}
	commands := []CommandKind{Pause, Resume, Promote, Abort, SetTo, Skip, Retry}
	for range 150 {
		w.f.Now = w.f.Now.Add(time.Duration(rng.IntN(600)) * time.Second)
		switch rng.IntN(12) {
		case 0, 1, 2:
			w.report([]string{"unit", "review", "manual_qa"}[rng.IntN(3)], statuses[rng.IntN(5)])
		case 3:
			w.bad = rng.IntN(12) == 0
		case 4:
			w.act(rng.IntN(6) > 0)
		case 5:
			if w.f.Request != nil && w.f.Request.State == approval.Open && w.f.Now.Before(w.f.Request.Subject.Expires) {
				w.vote(t, rng.IntN(5) > 0)
			}
		case 6:
			if rng.IntN(4) == 0 {
				w.f.Command = &Command{
					Kind:   commands[rng.IntN(len(commands))],
					Actor:  "user:bo",
					User:   "bo",
					Name:   "Bo",
					Reason: "r",
					Share:  float64(rng.IntN(60)),
					Bypass: rng.IntN(2) == 0,
				}
			}
		default:
			w.act(true)
		}
		w.look()
		if rng.IntN(8) == 0 {
			w.f.Disk = []string{"", "The disk is full."}[rng.IntN(2)]
		}
		before, states, shares := w.r, slices.Clone(w.r.States), slices.Clone(w.r.Shares)
		d := w.decide()
		decisions++
		if !slices.Equal(states, before.States) || !slices.Equal(shares, before.Shares) {
			t.Fatal("a decision has changed the release that it was given")
		}
		w.f.Command = nil
		if d.Err != nil || rng.IntN(6) == 0 { // refused, or lost in a crash before it was recorded
			continue
		}
		w.apply(d)
		undoSeen = undoSeen || before.Phase == Undoing
		invariants(t, before, w, d, undoSeen)
	}
	return w.r, decisions
}

func invariants(t *testing.T, before Release, w *world, d Decision, undoSeen bool) {
	t.Helper()
	r := w.r
	if undoSeen && r.Share > before.Share {
		t.Fatalf("the share rose from %g to %g after it was decided to go back", before.Share, r.Share)
	}
	for i, p := range r.Plan.Steps { // staging and canary come before production, whoever asks
		deployed := r.States[i].Status == StepPassed
		if !r.Promoted.IsZero() && p.Kind == KindDeploy && !deployed {
			t.Fatalf("promoted though %s is %s", p.ID, r.States[i].Status)
		}
		if s := r.States[i]; s.Status == StepSkipped && (s.Actor == "" || !strings.Contains(s.Sentence, "skipped by")) {
			t.Fatalf("%s was skipped by nobody: %+v", p.ID, s)
		}
	}
	for _, e := range d.Effects { // a full disk is no place to take more risks
		if a, ok := routeArgs(e); w.f.Disk != "" && ok && (a.Share > before.Share || a.Stable == before.Deployment) {
			t.Fatalf("on a full disk it was routed to %+v from %g %%", a, before.Share)
		}
	}
	if w.f.Disk != "" && before.Promoted.IsZero() && r.Cursor > before.Cursor {
		t.Fatalf("on a full disk it went on from %s", before.Step().ID)
	}
	if before.Phase.Final() && d.Changed {
		t.Fatalf("a release that is %s changed", before.Phase)
	}
	if r.Cursor > before.Cursor+1 {
		t.Fatalf("went from step %d to %d", before.Cursor, r.Cursor)
	}
	if r.Phase == Aborted && r.Share != 0 {
		t.Fatalf("aborted with %g %% of visitors", r.Share)
	}
	if r.Phase == Completed {
		for i, s := range r.States {
			if s.Status != StepPassed && s.Status != StepSkipped {
				t.Fatalf("completed with %s %s", r.Plan.Steps[i].ID, s.Status)
			}
		}
		if r.Promoted.IsZero() || w.routed.Stable != "dep_2" {
			t.Fatal("completed without being promoted")
		}
	}
	if before.Step().Kind == KindApproval && r.Cursor == before.Cursor+1 &&
		(w.f.Request == nil || w.f.Request.State != approval.Approved) {
		t.Fatal("passed an approval that nobody gave")
	}
	for i, s := range r.States[:r.Cursor] {
		if s.Status != StepPassed && s.Status != StepSkipped {
			t.Fatalf("step %s lies behind and is %s", r.Plan.Steps[i].ID, s.Status)
		}
	}
}

// req: WF-07
func TestRandomHistoriesWithCrashes(t *testing.T) {
	t.Parallel()
	ends := map[Phase]int{}
	n := 0
	for seed := range uint64(4000) {
		r, d := hostile(t, seed)
		ends[r.Phase]++
		n += d
	}
	t.Logf("%d decisions, ends: %v", n, ends)
	for _, p := range []Phase{Completed, Aborted, Running} {
		if ends[p] == 0 {
			t.Errorf("no history ends %s: the test does not reach it", p)
		}
	}
}

func TestDecideIsIdempotent(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r, _ := hostile(t, seed)
		f := newWorld().f
		f.NewID = "apr_x"
		for range 50 {
			d := Decide(r, f)
			if !d.Changed {
				again := Decide(d.Release, f)
				if diff := cmp.Diff(d.Release, again.Release); diff != "" || again.Changed {
					t.Fatal("the same facts decide again: " + diff)
				}
				break
			}
			r = d.Release
			if d.Request != nil {
				f.Request = d.Request
			}
			for _, e := range d.Effects {
				f.Effects[e.Key] = e
			}
		}
	}
}

func TestDamagedRecordFailsSafely(t *testing.T) {
	t.Parallel()
	r := newWorld().r
	r.States = r.States[:3]
	if d := Decide(r, Facts{Now: start}); d.Release.Phase != Failed || !d.Changed {
		t.Fatalf("phase %s", d.Release.Phase)
	}
}

func FuzzDecide(f *testing.F) {
	good, err := json.Marshal(newWorld().r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, "abort", 5.0)
	f.Add([]byte(`{"plan":{"steps":[{"kind":"share"}]},"states":[{}],"phase":"running"}`), "", 0.0)
	f.Fuzz(func(t *testing.T, doc []byte, command string, share float64) {
		var r Release
		if json.Unmarshal(doc, &r) != nil {
			return
		}
		facts := newWorld().f
		if command != "" {
			facts.Command = &Command{Kind: CommandKind(command), Share: share, Reason: "r"}
		}
		Decide(r, facts)
	})
}

func BenchmarkDecide(b *testing.B) {
	w := newWorld()
	w.r.States[0].Started = start
	w.report("unit", checklist.Passed)
	w.f.NewID = "apr_1"
	d := w.decide()
	w.apply(d)
	for b.Loop() {
		Decide(w.r, w.f)
	}
}
