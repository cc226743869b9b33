package guard

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/judge"
)

// What browsers measure takes a canary back as well; CLS is said in its own measure, although it is judged by bins that
// are made for milliseconds. While caches are cold nothing is held against it.
func TestWebVitalsTakeACanaryBack(t *testing.T) {
	t.Parallel()
	cls, lcp := Vital("cls", 0, 0, false), Vital("lcp", 0, 0, false)
	tests := []struct {
		name           string
		rule           MetricRule
		canary, stable float64 // medians, as they are binned
		from, to       int64   // seconds in which the canary's counts
		want           Action
		says           string
	}{
		{"cls doubled", cls, 100, 50, 0, 900, Undo, "cls is 0."},
		{"cls as before", cls, 50, 50, 0, 900, Continue, ""},
		{"lcp half as slow again", lcp, 2700, 1800, 0, 900, Undo, "lcp is "},
		{"lcp slow while cold", lcp, 2700, 1800, 0, 60, Continue, ""},
	}
	for _, tt := range tests {
		w := newWorld(5)
		ev, r := w.evidence(900), DefaultRules()
		r.Metrics = []MetricRule{tt.rule}
		sums := func(n int, median float64) judge.Sums {
			s := judge.Sums{N: uint64(n)}
			for range n {
				s.Hist.AddCount(median*math.Exp(0.5*w.rng.NormFloat64()), 1)
			}
			return s
		}
		for at := int64(0); at < 900; at += 10 {
			median := tt.stable
			if at >= tt.from && at < tt.to {
				median = tt.canary
			}
			ev.Values = append(ev.Values, judge.Value{
				Metric: tt.rule.Name, Second: w.t0 + at, Width: 10, Share: 0.05, Canary: sums(20, median),
				Stable: sums(380, tt.stable),
			})
		}
		v := Evaluate(r, ev)
		if v.Action != tt.want || !strings.Contains(v.Sentence, tt.says) {
			t.Errorf("%s: %s, want %s with %q: %s", tt.name, v.Action, tt.want, tt.says, v.Sentence)
		}
	}
}

// Of few values both versions' own are said, and of a version without any that nothing is known: never 0 ms.
func TestFewWebVitalsAreSaid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		lcp   [2]float64 // canary, stable; 0: none came
		wants string
	}{
		{"both", [2]float64{2500, 900}, "lcp is 2,531 ms on v2, 904 ms on v1."},
		{"no stable value", [2]float64{2500, 0}, "lcp is 2,531 ms on v2, not known on v1."},
		{"none at all", [2]float64{}, "Nothing is known of lcp yet."},
	} {
		w := newWorld(5)
		ev, r := w.evidence(30), DefaultRules()
		r.Metrics, r.ColdStart = []MetricRule{Vital("lcp", 0, 0, false)}, 0
		v := judge.Value{Metric: "lcp", Second: w.t0 + 5, Share: 0.05}
		for i, sums := range []*judge.Sums{&v.Canary, &v.Stable} {
			if tt.lcp[i] > 0 {
				sums.N = 3
				sums.Hist.AddCount(tt.lcp[i], 3)
			}
		}
		ev.Values = append(ev.Values, v)
		got := ""
		for _, f := range Evaluate(r, ev).Findings {
			if f.Rule == "metric:lcp" {
				got = f.Sentence
			}
		}
		if got != tt.wants {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.wants)
		}
	}
}

// The strategy's weights divide what custom metrics have of the total; a signal has none of it.
func TestWeightsOfTheStrategyReachTheJudge(t *testing.T) {
	t.Parallel()
	r := DefaultRules()
	r.Metrics = []MetricRule{Vital("cls", 0, 2, false), Vital("lcp", 0, 0, false), Vital("ttfb", 0, 5, true)}
	got, sum := map[string]float64{}, 0.0
	for _, m := range judge.New(r.Settings(judge.Background{})).Report().Metrics {
		got[m.Name] = m.Weight
		sum += m.Weight
	}
	if math.Abs(got["cls"]-0.2) > 1e-9 || math.Abs(got["lcp"]-0.1) > 1e-9 || got["ttfb"] != 0 || math.Abs(sum-1) > 1e-9 {
		t.Errorf("weights %v, together %g", got, sum)
	}
}

// A team's weights are divided within web vitals and within the other custom metrics by their own, and what has none
// may only hold.
func TestATeamWeighsTheEvidence(t *testing.T) {
	t.Parallel()
	r := DefaultRules()
	sold := MetricRule{Metric: judge.Metric{Name: "sold", Kind: judge.Rate}}
	r.Metrics = []MetricRule{sold, Vital("cls", 0, 2, false), Vital("lcp", 0, 0, false), Vital("ttfb", 0, 5, true)}
	r.Weights = Weights{Errors: 50, Latency: 20, WebVitals: 20, Metrics: 10}
	weights := func() map[string]float64 {
		got := map[string]float64{}
		for _, m := range judge.New(r.Settings(judge.Background{})).Report().Metrics {
			got[m.Name] = math.Round(m.Weight*1e9) / 1e9
		}
		return got
	}
	want := map[string]float64{"errors": 0.5, "latency": 0.2, "sold": 0.1, "cls": 0.133333333, "lcp": 0.066666667,
		"ttfb": 0}
	if d := cmp.Diff(want, weights()); d != "" {
		t.Error(d)
	}
	r.Weights.Metrics = 0
	want = map[string]float64{"errors": 0.555555556, "latency": 0.222222222, "sold": 0, "cls": 0.148148148,
		"lcp": 0.074074074, "ttfb": 0}
	if d := cmp.Diff(want, weights()); d != "" {
		t.Error(d)
	}
	r.Metrics = r.Metrics[3:] // a signal decides nothing
	want = map[string]float64{"errors": 0.714285714, "latency": 0.285714286, "ttfb": 0}
	if d := cmp.Diff(want, weights()); d != "" {
		t.Error(d)
	}
}
