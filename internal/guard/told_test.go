package guard

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
)

// told returns what is told of a report about v2 beside v1.
func told(v Verdict, r judge.Report) Told {
	v.Report, v.State = &r, r.State
	return v.Told("v2", "v1")
}

// The sentences of statistics 2.7, by what they are said of.
func TestWhatIsToldOfAComparison(t *testing.T) {
	t.Parallel()
	at := func(e float64) judge.Report { return judge.Report{MaxLogE: math.Log(e)} }
	sure := map[float64]string{
		1:   "Nothing speaks against v2.",
		1.9: "Nothing speaks against v2.",
		4: "Little speaks against v2: a healthy version would look this bad in at most 25 of 100 releases, however often " +
			"we look.",
		37: "97 % sure that v2 is worse: a healthy version would look this bad in at most 3 of 100 releases, however often " +
			"we look.",
		100: "99 % sure that v2 is worse: a healthy version would look this bad in at most 1 of 100 releases, however " +
			"often we look.",
		250: "99.6 % sure that v2 is worse: a healthy version would look this bad in at most 4 of 1,000 releases, however " +
			"often we look.",
		1e5: "More than 99.9 % sure that v2 is worse: a healthy version would look this bad in at most 1 of 100,000 " +
			"releases, however often we look.",
		1e200: "More than 99.9 % sure that v2 is worse: a healthy version would look this bad in at most 1 of 1,000,000 " +
			"releases, however often we look.",
	}
	for e, want := range sure {
		if got := told(Verdict{}, at(e)).Sure; got != want {
			t.Errorf("e-value %g: %q, want %q", e, got, want)
		}
	}
	blind := judge.Report{State: judge.Blind}
	if got := told(Verdict{}, blind).Sure; got != "While the measurement is broken nothing new is known of v2." {
		t.Errorf("blind: %q", got)
	}
	if blind.MaxLogE = math.Log(37); !strings.HasPrefix(told(Verdict{}, blind).Sure, "97 % sure") {
		t.Errorf("what was known before is lost: %q", told(Verdict{}, blind).Sure)
	}
	ruled := []struct {
		r    judge.Report
		want string
	}{
		{judge.Report{Open: 10}, "Nothing is ruled out yet, not even 10 times as many errors."},
		{judge.Report{RuledOut: 3, Open: 2}, "Ruled out: 3 times as many errors or more. Not yet ruled out: 2 times."},
		{judge.Report{RuledOut: 2}, "Ruled out: 2 times as many errors or more, all that must be."},
		{judge.Report{}, ""},
	}
	for _, x := range ruled {
		if got := told(Verdict{}, x.r).RuledOut; got != x.want {
			t.Errorf("%g, %g: %q, want %q", x.r.RuledOut, x.r.Open, got, x.want)
		}
	}
	errors := func(low float64) []judge.MetricReport {
		return []judge.MetricReport{{Name: "errors", Ratio: judge.Interval{Known: true, Low: low, Value: 9, High: 20}}}
	}
	if got := told(Verdict{}, judge.Report{Open: 10, Metrics: errors(5.54)}).RuledOut; got !=
		"At least 5.5 times as many errors as v1." {
		t.Errorf("worse beyond doubt: %q", got)
	}
	if got := told(Verdict{}, judge.Report{RuledOut: 10, Open: 5, Metrics: errors(1.3)}).RuledOut; got !=
		"At least 1.3 times as many errors as v1. Ruled out: 10 times as many errors or more. Not yet ruled out: 5 times." {
		t.Errorf("worse within limits: %q", got)
	}
	needs := []struct {
		v    Verdict
		r    judge.Report
		want string
	}{
		{Verdict{}, judge.Report{State: judge.Bad}, "Nothing more is needed: the evidence suffices, and it stays so."},
		{
			Verdict{Lacks: "Before 10 % …"}, judge.Report{State: judge.Suspicious, MoreRequests: 643, MoreSeconds: 194},
			"Needs about 640 more requests of v2 (3 min at this share) to be certain, if nothing changes.",
		},
		{Verdict{Lacks: "Before 10 % …"}, judge.Report{State: judge.Watching}, "Before 10 % …"},
		{
			Verdict{MoreRequests: 1400, MoreTime: 4 * time.Minute}, judge.Report{State: judge.Warming},
			"Needs about 1,400 more requests of v2 (4 min at this share) before it can be judged.",
		},
		{Verdict{}, judge.Report{State: judge.Blind}, "Needs a measurement that works: while it is broken nothing is known."},
		{Verdict{}, judge.Report{State: judge.Safe}, ""},
	}
	for _, x := range needs {
		if got := told(x.v, x.r).Needs; got != x.want {
			t.Errorf("%s: %q, want %q", x.r.State, got, x.want)
		}
	}
	if got := told(Verdict{}, judge.Report{Harm: 19.7, HarmFloor: 12.04}).Harm; got !=
		"About 20 requests failed that would not have failed on v1; to know of a fault of this size costs about 12 at "+
			"least, by any method." {
		t.Errorf("harm: %q", got)
	}
	if got := told(Verdict{}, judge.Report{Harm: -3}).Harm; got != "No request failed beyond the rate of v1." {
		t.Errorf("no harm: %q", got)
	}
}

// The process of v2 is gone: the health check takes it back before the comparison knows anything, and its sentences
// must not contradict that.
func TestWhatSpeaksBesideTheComparisonIsToldWithIt(t *testing.T) {
	t.Parallel()
	gone := Verdict{Action: Undo, Lacks: "Before 100 % …", Findings: []Finding{
		{Rule: "error_spike", Arm: "both", Level: Critical, Sentence: "Both."},
		{Rule: "error_rate", Arm: stable, Level: Critical, Sentence: "v1 fails."},
		{Rule: "health", Arm: canary, Level: Critical, Sentence: "The health check of v2 failed 3 times in a row."},
	}}
	got := told(gone, judge.Report{State: judge.Watching})
	if want := "The comparison with v1 does not show it yet, but this speaks against v2: The health check of v2 failed " +
		"3 times in a row."; got.Sure != want {
		t.Errorf("%q, want %q", got.Sure, want)
	}
	if want := "Nothing more is needed: what was found suffices."; got.Needs != want {
		t.Errorf("%q, want %q", got.Needs, want)
	}
	if got := told(gone, judge.Report{State: judge.Bad, MaxLogE: 5}); !strings.HasPrefix(got.Sure, "99.3 % sure") ||
		!strings.Contains(got.Needs, "the evidence suffices") {
		t.Errorf("what the comparison knows is lost: %+v", got)
	}
	gone.Findings = gone.Findings[:2]
	if got := told(gone, judge.Report{}).Sure; got != "Nothing speaks against v2." {
		t.Errorf("what hits others is held against v2: %q", got)
	}
}

func TestNothingIsToldOfNoComparison(t *testing.T) {
	t.Parallel()
	if v := (Verdict{Sureness: 1}); v.Told("v2", "v1") != (Told{}) || v.Summary("v2", "v1") != "" {
		t.Errorf("%+v", v.Told("v2", "v1"))
	}
	v := Verdict{Report: &judge.Report{Open: 10, Canary: judge.Totals{Requests: 1}, Stable: judge.Totals{Requests: 1900}}}
	want := "1 request of the new version is compared with 1,900 of the stable version. Nothing is ruled out yet, not " +
		"even 10 times as many errors. Nothing speaks against the new version. No request failed beyond the rate of the " +
		"stable version."
	if got := v.Summary("", ""); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Nobody is told to be surer than the evidence, and nothing that is told is broken by what numbers there are.
func FuzzTold(f *testing.F) {
	f.Add(3.6, 12.0, 4.6, uint64(1400), int64(240))
	f.Add(math.Inf(1), math.NaN(), math.Inf(-1), uint64(math.MaxUint64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, logE, harm, floor float64, more uint64, seconds int64) {
		r := judge.Report{MaxLogE: logE, Harm: harm, HarmFloor: floor, MoreRequests: more, MoreSeconds: seconds,
			State: judge.Suspicious}
		got := told(Verdict{Sureness: 1 - math.Exp(-logE)}, r)
		for _, s := range []string{got.Sure, got.Harm, got.Needs} {
			if s == "" || strings.Contains(s, "NaN") || strings.Contains(s, "Inf") || strings.Contains(s, "100 % sure") {
				t.Errorf("%q", s)
			}
		}
	})
}

// There is one answer to what is ruled out: the sentence of a pass and the line beside it are the same words.
func TestASentenceRulesOutWhatTheComparisonDoes(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0, 0.01} {
		w := newWorld(3)
		w.rate, w.fails = 300, func(int64) (float64, float64) { return rate, rate }
		v := Evaluate(DefaultRules(), w.evidence(120))
		if is := v.Told("v2", "v1").RuledOut; v.Word != BetterOrEqual || is == "" || !strings.HasSuffix(v.Sentence, is) {
			t.Errorf("%s: %q, and beside it %q", v.Word, v.Sentence, is)
		}
	}
}

// An interval that begins at 1.02 is no "at least 1 times as many".
func TestNobodyIsToldOnceAsMany(t *testing.T) {
	r := judge.Report{Open: 10, Metrics: []judge.MetricReport{{Name: "errors",
		Ratio: judge.Interval{Known: true, Value: 4.3, Low: 1.02, High: 11}}}}
	if got := (names{"v2", "v1"}).bounds(&r); strings.Contains(got, "At least") {
		t.Error(got)
	}
}
