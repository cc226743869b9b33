package verdict

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/release"
)

func at(second int64) time.Time { return time.Unix(1_000_000+second, 0).UTC() }

func rules() guard.Rules {
	r := guard.DefaultRules()
	r.Metrics = []guard.MetricRule{
		{Metric: judge.Metric{Name: "conversion", Kind: judge.Rate, Higher: true, WorseBy: 0.1, Signal: true}, Unit: "%"},
		{Metric: judge.Metric{Name: "lcp", Kind: judge.Durations, WorseBy: 0.2}},
		{Metric: judge.Metric{Name: "basket", Kind: judge.Mean}, Unit: "€"},
	}
	return r
}

// req: N-04
func TestTheWireHasAllThatTheJudgeKnows(t *testing.T) {
	t.Parallel()
	v := guard.Verdict{
		At: at(0), Word: guard.NotEnough, Action: guard.Hold, Cause: guard.Doubtful,
		Sureness: 0.97, State: judge.Suspicious, ClearedTo: 10,
		Lacks: "Before 25 % …",
		Next:  &judge.Climb{To: 0.25, Excluded: 5, Have: 3, Need: 10, MoreRequests: 70, MoreSeconds: 9},
		Report: &judge.Report{
			State: judge.Suspicious, Mode: judge.Bursty, Why: "bursts", LogE: math.Log(20), MaxLogE: math.Log(37),
			RuledOut: 10, Open: 5, Harm: 7, HarmFloor: 4.6, MoreRequests: 300, MoreSeconds: 60, WarmUntil: at(30).Unix(),
			ShareLogE: 1.5, Shared: []judge.Span{{From: at(1).Unix(), To: at(2).Unix(), Why: "both"}},
			Metrics: []judge.MetricReport{
				{Name: "errors", Leads: true, Weight: 0.45, LogE: 2, MaxLogE: 3,
					Ratio: judge.Interval{Known: true, Value: 2, Low: 1.1, High: 4}},
				{Name: "latency", Weight: 0.25, Canary: 212, Stable: 208},
				{Name: "conversion", Signal: true, Weight: 0.1}, {Name: "lcp"}, {Name: "basket"}, {Name: "gone"},
			},
		},
	}
	c := Context{Changed: "v2", Stable: "v1", Step: release.Step{Rules: rules(), Adaptive: true}}
	got := Wire(v, c)
	if got.Cause != "doubt" || got.State != "suspicious" || got.ClearedTo != 10 ||
		got.Lacks != "Before 25 % …" || got.Sureness != 0.97 {
		t.Errorf("%+v", got)
	}
	cmpn := got.Comparison
	if cmpn.Weighed {
		t.Error("the judge's own weights are called the strategy's")
	}
	c.Step.Rules.Weights.Errors = 1
	if !Wire(v, c).Comparison.Weighed {
		t.Error("the strategy's weights are called the judge's own")
	}
	if math.Abs(cmpn.E-20) > 1e-9 || cmpn.MaxLogE != math.Log(37) || cmpn.Alpha != 0.01 || cmpn.Mode != "bursty" ||
		cmpn.ModeWhy != "bursts" || cmpn.RuledOut != 10 || cmpn.Open != 5 || cmpn.Harm != 7 || cmpn.HarmFloor != 4.6 ||
		cmpn.More != 300 || cmpn.MoreSecs != 60 || !cmpn.WarmUntil.Equal(at(30)) || cmpn.ShareLogE != 1.5 {
		t.Errorf("%+v", cmpn)
	}
	if diff := cmp.Diff(&api.NextShare{Share: 25, Excluded: 5, Have: 3, Need: 10, More: 70, MoreSecs: 9, Decides: true},
		cmpn.Next); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
	want := []struct {
		unit, role string
		tolerated  float64
		anytime    bool
	}{
		{"fraction", "decide", 1.25, true}, {"ms", "decide", 1.1, false}, {"fraction", "signal", 0.9, false},
		{"ms", "decide", 1.2, false}, {"€", "decide", 1, false}, {"", "decide", 0, false},
	}
	for i, w := range want {
		m := cmpn.Metrics[i]
		if m.Unit != w.unit || m.Role != w.role || math.Abs(m.Tolerated-w.tolerated) > 1e-9 || m.Ratio.Anytime != w.anytime {
			t.Errorf("%s: %+v, want %+v", m.Name, m, w)
		}
	}
	if cmpn.Says.Sure == "" || cmpn.Says.RuledOut == "" || cmpn.Says.Needs == "" {
		t.Errorf("says %+v", cmpn.Says)
	}
	if got := Wire(guard.Verdict{}, c); got.Comparison != nil || got.Findings == nil {
		t.Errorf("nothing was compared: %+v", got)
	}
}

func TestAPointIsOnlyOfWhatWasCompared(t *testing.T) {
	t.Parallel()
	if _, ok := Point(guard.Verdict{}); ok {
		t.Error("a look without a comparison is a point")
	}
	latency := []judge.MetricReport{{Name: "latency", Ratio: judge.Interval{Known: true, Value: 3}}}
	p, ok := Point(guard.Verdict{At: at(3), State: judge.Warming, Report: &judge.Report{LogE: 1, Metrics: latency}})
	if !ok || p.Ratio.Known || p.LogE != 1 || p.State != "warming" {
		t.Errorf("errors are not compared, and the ratio of latency was taken: %+v", p)
	}
}

func TestStretchesOfManyLooksAreOne(t *testing.T) {
	t.Parallel()
	s := func(from, to int64, why string) api.Stretch { return api.Stretch{From: at(from), To: at(to), Why: why} }
	got := Merge([]api.Stretch{s(50, 60, "a"), s(0, 10, "a"), s(0, 30, "a"), s(20, 25, "a"), s(55, 70, "b")})
	if diff := cmp.Diff([]api.Stretch{s(0, 30, "a"), s(50, 60, "a"), s(55, 70, "b")}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEachRiseIsColdForAWhile(t *testing.T) {
	t.Parallel()
	shares := []release.Shift{{At: at(0), Share: 5}, {At: at(40), Share: 10}, {At: at(200), Share: 5},
		{At: at(300), Share: 100},
		{At: at(400), Share: 50}, {At: at(500), Share: 75}}
	got := Warming(shares, 75*time.Second, at(520))
	want := []api.Stretch{{From: at(0), To: at(40), Why: "cold caches"}, {From: at(40), To: at(115), Why: "cold caches"},
		{From: at(500), To: at(520), Why: "cold caches"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := Warming(shares, 0, at(520)); len(n) != 0 {
		t.Errorf("nothing is masked, and still: %v", n)
	}
}

// req: N-04
func TestAnOutlookSaysWhatCannotBeKnown(t *testing.T) {
	t.Parallel()
	share := func(s float64, bake time.Duration) release.Step {
		return release.Step{Kind: release.KindShare, Share: s, Bake: bake, Rules: rules()}
	}
	p := release.Plan{Steps: []release.Step{{Kind: release.KindSignOff}, share(5, 10*time.Minute), share(25, time.Minute),
		share(100, time.Hour)}}
	o := Outlook(p, 10, 0.001)
	if o == nil || !o.Known || len(o.Shares) != 2 || o.Shares[0].BakeSeconds != 600 || o.Sentence != o.Shares[0].Sentence {
		t.Fatalf("%+v", o)
	}
	double := o.Shares[0].Effects[0]
	if double.Ratio != 2 || double.Within || double.Seconds < 3600 {
		t.Errorf("at 10 requests a second and 0.1 %% nobody knows of a doubling within 10 minutes: %+v", double)
	}
	if o := Outlook(p, 0, 0); o == nil || o.Known || o.Sentence == "" {
		t.Errorf("without traffic: %+v", o)
	}
	adaptive := share(5, time.Minute)
	adaptive.Adaptive, adaptive.MaxBake = true, time.Hour
	if o := Outlook(release.Plan{Steps: []release.Step{adaptive}}, 10, 0.01); o.Shares[0].BakeSeconds != 3600 {
		t.Errorf("a share that waits for evidence waits for %g s", o.Shares[0].BakeSeconds)
	}
	none := share(5, time.Minute)
	none.Rules.ErrorRate.WorseBy = 0
	if o := Outlook(release.Plan{Steps: []release.Step{none, share(100, time.Minute)}}, 10, 0.01); o != nil {
		t.Errorf("nothing is compared: %+v", o)
	}
}

func TestWhatTheLogSaysIsNotSaidAgain(t *testing.T) {
	t.Parallel()
	v := &api.Verdict{State: "watching", Word: "better_or_equal", Sentence: "It is well.", Comparison: &api.Comparison{}}
	other := *v
	other.Word = "not_enough_evidence"
	before, now := KnownOf(v), KnownOf(&other)
	if n := now.News(before, &other, true); len(n) != 0 {
		t.Errorf("the log has it: %q", n)
	}
	if n := now.News(before, &other, false); len(n) != 1 || n[0] != "watching: It is well." {
		t.Errorf("nobody has said it: %q", n)
	}
	if n := before.News(before, v, false); len(n) != 0 {
		t.Errorf("nothing is new: %q", n)
	}
	other.State, other.Comparison = "", nil
	if n := KnownOf(&other).News(now, &other, true); len(n) != 1 || n[0] != "It is well." {
		t.Errorf("nothing is compared any more: %q", n)
	}
	if KnownOf(nil) != (Known{}) || len(Lines(nil)) != 0 {
		t.Error("something is known of no verdict")
	}
}

// A canary that fails always beside a version that seldom does is read by people: "1e+02 times" is for nobody.
func TestARatioIsReadable(t *testing.T) {
	t.Parallel()
	v := &api.Verdict{State: "bad", Comparison: &api.Comparison{Metrics: []api.MetricEvidence{{
		Name: "errors", Ratio: api.Ratio{Known: true, Value: 123.4, Low: 9.96, High: 1e7}}}}}
	want := "bad; 123 times as many errors (10 to 1000000)"
	if got := Lines(v)[0][1]; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A line of a terminal says nothing that is over or that is none: caches of a version that is back, none times as many
// errors; and at fixed steps, that the share rises without what is missing.
func TestLinesSayWhatHolds(t *testing.T) {
	warm := at(30)
	v := &api.Verdict{State: "bad", Comparison: &api.Comparison{WarmUntil: &warm,
		Next:    &api.NextShare{Share: 25},
		Metrics: []api.MetricEvidence{{Name: "errors", Ratio: api.Ratio{Known: true, Open: true}}}}}
	said := func() string { return fmt.Sprint(Lines(v)) }
	if got := said(); strings.Contains(got, "Cold") || strings.Contains(got, "bake") ||
		!strings.Contains(got, "nobody has failed on it yet") {
		t.Error(got)
	}
	v.State = "watching"
	if got := said(); !strings.Contains(got, "Cold") || !strings.Contains(got, "Rises after its bake") {
		t.Error(got)
	}
	if v.Comparison.Next.Decides = true; strings.Contains(said(), "Rises after its bake") {
		t.Error(said())
	}
}
