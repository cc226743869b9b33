package release

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
)

// ladderPlan is a plan of shares only.
func ladderPlan(change func(*Step), shares ...float64) Plan {
	p := Plan{Timing: Timing{Look: time.Second, Tries: 3}}
	for _, share := range shares {
		s := Step{
			ID: fmt.Sprintf("canary/share-%g", share), Stage: "canary", Environment: "canary", Kind: KindShare, Share: share,
			Title: fmt.Sprintf("%g %%", share), Bake: 10 * time.Minute, MaxBake: time.Hour, AutoUndo: true,
			Rules: guard.DefaultRules(), Reaction: 10 * time.Second,
		}
		change(&s)
		p.Steps = append(p.Steps, s)
	}
	return p
}

func adaptive(s *Step) { s.Adaptive = true }

// climbing is a release at its first share, with a verdict that a test chooses.
func climbing(t *testing.T, p Plan) *world {
	t.Helper()
	w := newWorld()
	w.r = New(Release{ID: "rel_1", Version: "v2", Deployment: "dep_2", Previous: "dep_1", Plan: p}, start)
	w.f.Verdict = nil
	for range 6 {
		w.apply(w.decide())
		w.act(true)
	}
	if w.r.Share != p.Steps[0].Share {
		t.Fatalf("share %g, want %g: %s", w.r.Share, p.Steps[0].Share, w.r.Sentence)
	}
	return w
}

// see decides on a verdict some time later, and lets the routing happen.
func (w *world) see(after time.Duration, v guard.Verdict) {
	w.f.Now = w.f.Now.Add(after)
	v.At = w.f.Now
	w.f.Verdict = &v
	for range 6 {
		before := w.r.Cursor
		w.apply(w.decide())
		w.act(true)
		if w.r.Cursor != before { // nothing is known at a new share
			w.f.Verdict = &guard.Verdict{At: w.f.Now, Word: guard.NotEnough, Action: guard.Hold}
		}
	}
}

// good is a verdict that permits a share.
func good(to float64) guard.Verdict {
	return guard.Verdict{
		Word: guard.BetterOrEqual, Action: guard.Continue, State: judge.Watching, ClearedTo: to, Requests: 1000,
		Sentence: "No worse.",
		Report: &judge.Report{
			State: judge.Watching, RuledOut: 5, Canary: judge.Totals{Requests: 1000, Units: 10},
			Metrics: []judge.MetricReport{{
				Name: "errors", Units: 10, Judged: 1000, Stable: 0.01, Canary: 0.01,
				Ratio: judge.Interval{Known: true, Value: 1, Low: 0.5, High: 2},
			}},
		},
	}
}

// req: CD-07 CD-16 CD-04
func TestEvidenceRaisesTheShareStepByStep(t *testing.T) {
	t.Parallel()
	w := climbing(t, ladderPlan(adaptive, 5, 10, 25, 50, 100))
	look := func(after time.Duration, v guard.Verdict, want float64) {
		t.Helper()
		w.see(after, v)
		if w.r.Share != want {
			t.Fatalf("share %g, want %g: %s", w.r.Share, want, w.r.Sentence)
		}
	}
	look(19*time.Second, good(100), 5)  // too soon
	look(2*time.Second, good(0), 5)     // nothing is cleared
	look(time.Second, good(100), 10)    // cleared further, but no step is left out
	look(21*time.Second, good(10), 10)  // cleared for what it has
	look(time.Second, good(25), 25)     //
	look(21*time.Second, good(50), 50)  //
	look(60*time.Second, good(100), 50) // the last rise takes two minutes
	look(90*time.Second, good(100), 50) // and ten in all
	look(8*time.Minute, good(100), 100) //
	look(9*time.Minute, good(0), 100)   // everybody has it, and it bakes there
	if w.r.Phase != Running || !strings.Contains(w.r.Sentence, "Everybody has it") {
		t.Errorf("%s: %s", w.r.Phase, w.r.Sentence)
	}
}

// req: CD-16 N-04
func TestNothingRisesOnDoubt(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*Step){adaptive, func(s *Step) { s.Shorten = true }, func(*Step) {}} {
		for name, spoil := range map[string]func(*guard.Verdict){
			"suspicious": func(v *guard.Verdict) { v.State = judge.Suspicious },
			"blind":      func(v *guard.Verdict) { v.State = judge.Blind },
			"hold":       func(v *guard.Verdict) { v.Action = guard.Hold },
			"not enough": func(v *guard.Verdict) { v.Word = guard.NotEnough },
			"broken":     func(v *guard.Verdict) { v.Word = guard.Broken },
			"no verdict": nil,
		} {
			w := climbing(t, ladderPlan(change, 5, 10, 100))
			v := good(100)
			if spoil == nil {
				w.f.Now, w.f.Verdict = w.f.Now.Add(30*time.Minute), nil
				w.apply(w.decide())
			} else {
				spoil(&v)
				w.see(30*time.Minute, v)
			}
			if w.r.Share != 5 || w.r.Phase != Running {
				t.Errorf("%s: share %g, %s: %s", name, w.r.Share, w.r.Phase, w.r.Sentence)
			}
		}
	}
}

// req: CD-07
func TestFixedStepsEndEarlyOnlyWhereTheStrategySaysSo(t *testing.T) {
	t.Parallel()
	fixed := climbing(t, ladderPlan(func(*Step) {}, 5, 50, 100))
	fixed.see(time.Minute, good(100))
	if fixed.r.Share != 5 {
		t.Errorf("a fixed step ended after a minute")
	}
	w := climbing(t, ladderPlan(func(s *Step) { s.Shorten = true }, 5, 50, 100))
	w.see(time.Minute, good(50))
	if w.r.Share != 50 {
		t.Fatalf("share %g, want 50: %s", w.r.Share, w.r.Sentence)
	}
	w.see(5*time.Minute, good(100))
	if w.r.Share != 50 || !strings.Contains(w.r.Sentence, "Before everybody gets it") {
		t.Errorf("share %g, %s: the last rise keeps its bake", w.r.Share, w.r.Sentence)
	}
	w.see(6*time.Minute, good(0))
	if w.r.Share != 100 {
		t.Errorf("share %g: a bake that is over needs no more: %s", w.r.Share, w.r.Sentence)
	}
}

// req: CD-05 CD-16
func TestTheLongestBakeEndsAsTheStrategySays(t *testing.T) {
	t.Parallel()
	lacking := good(0)
	lacking.Word, lacking.Action, lacking.MoreRequests = guard.NotEnough, guard.Hold, 50
	doubtful := lacking
	doubtful.Findings = []guard.Finding{{Rule: "error_compare", Level: guard.Warn}}
	silent := lacking
	silent.Report, silent.Requests = nil, 0
	broken := lacking
	broken.Word = guard.Broken
	for _, tt := range []struct {
		name  string
		at    AtMax
		v     guard.Verdict
		share float64
		phase Phase
		says  string
	}{
		{"hold", Hold, lacking, 5, Running, "Waits for a person"},
		{"nothing said", "", lacking, 5, Running, "Waits for a person"},
		{"promote", GoOn, lacking, 10, Running, ""},
		{"promote with doubt", GoOn, doubtful, 5, Running, "something speaks against it"},
		{"promote on silence", GoOn, silent, 5, Running, "Waits for a person"},
		{"promote blind", GoOn, broken, 5, Running, "Waits for a person"},
		{"undo", GoBack, lacking, 0, Aborted, "did not prove itself"},
		{"undo blind", GoBack, broken, 5, Running, "Waits for a person"},
	} {
		w := climbing(t, ladderPlan(func(s *Step) { s.Adaptive, s.AtMax = true, tt.at }, 5, 10, 100))
		w.see(61*time.Minute, tt.v)
		if w.r.Share != tt.share || w.r.Phase != tt.phase || !strings.Contains(w.r.Sentence, tt.says) {
			t.Errorf("%s: share %g, %s: %s", tt.name, w.r.Share, w.r.Phase, w.r.Sentence)
		}
		if tt.at == GoOn && tt.share == 10 && !strings.Contains(w.r.States[0].Sentence, "more than 2 times as many errors") {
			t.Errorf("no note of what is excluded: %s", w.r.States[0].Sentence)
		}
	}
}

// At 100 requests a second, 1 % errors, and nothing worse than a doubling excluded: at 10 % a doubling costs 10
// requests while it is taken back, and about 13 until it is known; at 1,000 a second ten times as many.
//
// req: CD-16
func TestTheHarmBudgetHoldsARise(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		budget   float64
		requests uint64
		want     float64
	}{{30, 500, 10}, {20, 500, 5}, {50, 5000, 5}, {150, 5000, 10}, {0, 5000, 10}} {
		w := climbing(t, ladderPlan(func(s *Step) {
			s.Adaptive, s.HarmBudget, s.Reaction = true, tt.budget, 100*time.Second
		}, 5, 10, 100))
		v := good(10)
		v.Requests = tt.requests
		w.see(100*time.Second, v)
		if w.r.Share != tt.want {
			t.Errorf("budget %g, %d requests in 100 s: share %g, want %g: %s", tt.budget, tt.requests, w.r.Share, tt.want,
				w.r.Sentence)
		}
	}
	w := climbing(t, ladderPlan(func(s *Step) { s.Adaptive, s.HarmBudget = true, 1000 }, 5, 10, 100))
	v := good(10)
	v.Report = nil
	w.see(100*time.Second, v)
	if w.r.Share != 5 {
		t.Errorf("a budget is kept by numbers: without any nothing rises")
	}
}

// verdicts draws a verdict such as a guard might give, good or bad.
func verdicts(rng *rand.Rand) guard.Verdict {
	v := good([]float64{0, 10, 25, 50, 100}[rng.IntN(5)])
	v.Requests = uint64(rng.IntN(5000))
	if rng.IntN(4) == 0 {
		v.Word = []guard.Word{guard.NotEnough, guard.Broken, guard.BetterOrEqual}[rng.IntN(3)]
		v.Action = []guard.Action{guard.Hold, guard.Continue}[rng.IntN(2)]
	}
	if rng.IntN(6) == 0 {
		v.State = []judge.State{judge.Suspicious, judge.Blind, judge.Safe, judge.Warming}[rng.IntN(4)]
	}
	if rng.IntN(4) == 0 {
		v.Report.Harm = 40 * rng.Float64()
	}
	v.Report.Metrics[0].Ratio.High = 1 + 4*rng.Float64()
	return v
}

// Whatever the guard says, and when: a share that evidence raised was permitted by a verdict that is good and clear,
// was held long enough, and goes to the next step; and the budget for harm was kept.
//
// req: CD-16 CD-07 N-04
func TestNoShareRisesWithoutEvidence(t *testing.T) {
	t.Parallel()
	rises := 0
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 11))
		budget := float64(rng.IntN(2) * 60)
		w := climbing(t, ladderPlan(func(s *Step) {
			s.Adaptive, s.HarmBudget, s.Bake = true, budget, time.Minute
		}, 5, 10, 25, 50, 100))
		for range 60 {
			w.f.Now = w.f.Now.Add(time.Duration(1+rng.IntN(90)) * time.Second)
			v := verdicts(rng)
			v.At, w.f.Verdict = w.f.Now, &v
			before := w.r
			d := w.decide()
			if rng.IntN(8) == 0 { // lost in a crash
				continue
			}
			w.apply(d)
			if w.r.Cursor == before.Cursor || before.Share >= 100 {
				w.act(true)
				continue
			}
			rises++
			next, held := w.r.Plan.Steps[w.r.Cursor].Share, w.f.Now.Sub(before.ShareSince)
			x := &decider{r: before, f: w.f}
			switch {
			case w.r.Cursor != before.Cursor+1 || !fine(&v) || v.ClearedTo < next || held < leastHeld:
				t.Fatalf("seed %d: rose to %g %% after %s on %+v", seed, next, held, v)
			case next == 100 && (held < leastLast || w.f.Now.Sub(before.Exposed) < time.Minute):
				t.Fatalf("seed %d: to everybody after %s", seed, held)
			case budget > 0 && !(x.harm(before.Step(), &v, next) <= budget):
				t.Fatalf("seed %d: harm %g of %g", seed, x.harm(before.Step(), &v, next), budget)
			}
		}
	}
	if rises < 500 {
		t.Errorf("only %d rises were seen", rises)
	}
}

func TestHarmIsUnknownWithoutNumbers(t *testing.T) {
	t.Parallel()
	w := climbing(t, ladderPlan(adaptive, 5, 10))
	x := &decider{r: w.r, f: w.f}
	for _, v := range []guard.Verdict{{}, {Requests: 5}, {At: w.r.ShareSince, Requests: 5, Report: good(0).Report}} {
		if h := x.harm(w.r.Step(), &v, 10); !math.IsNaN(h) {
			t.Errorf("harm %g of %+v", h, v)
		}
	}
}

// What people are asked to approve holds what the comparison had shown when the last share was left, frozen: it does
// not move with later looks, and another one asks them again.
//
// req: N-08
func TestAnApprovalHoldsWhatWasCompared(t *testing.T) {
	t.Parallel()
	w := ready(t)
	w.pass(t, 15*time.Minute)
	v := good(0)
	v.Report.Canary.Requests, v.Report.Stable.Requests, v.Report.Harm, v.Report.Open = 18420, 163000, 3, 3
	w.see(9*time.Minute, v)
	if w.r.Step().ID != "production/approval" || w.f.Request == nil {
		t.Fatalf("at %s: %s", w.r.Step().ID, w.r.Sentence)
	}
	says, hash := w.f.Request.Subject.Evidence["comparison"], w.f.Request.Hash
	for _, part := range []string{"At 50 %: 18,420 requests of v2", "163,000", "Ruled out: 5 times",
		"Not yet ruled out: 3", "Nothing speaks against v2", "About 3 requests failed"} {
		if !strings.Contains(says, part) {
			t.Errorf("%q is not in what is signed: %q", part, says)
		}
	}
	// As it was ever written: another wording voids what is asked for while Slipway is upgraded.
	for name, want := range map[string]string{"check/unit": "passed by token:ci (abc) said",
		"staging/deploy": "passed system:engine: "} {
		if got := w.f.Request.Subject.Evidence[name]; !strings.HasPrefix(got, want) {
			t.Errorf("%s is signed as %q, want %q", name, got, want)
		}
	}
	v.Report.Canary.Requests++
	w.see(time.Minute, v)
	if w.f.Request.Hash != hash {
		t.Error("a later look voids the request")
	}
	for i := range w.r.States {
		if w.r.States[i].Compared != "" {
			w.r.States[i].Compared += " And more."
		}
	}
	w.see(time.Minute, v)
	if w.f.Request.Hash == hash {
		t.Error("what was compared is not part of what is signed")
	}
}
