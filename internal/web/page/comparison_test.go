package page

import (
	"math"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
)

func TestAComparisonInWords(t *testing.T) {
	t.Parallel()
	tests := []struct{ got, want string }{
		{ratioOf(api.Ratio{}), "not known"}, {ratioOf(api.Ratio{Known: true, Value: 2}), "2×"},
		{ratioOf(api.Ratio{Known: true, Value: 2.1, Low: 1.3, High: 3.6}), "2.1× (1.3×–3.6×)"},
		{ratioOf(api.Ratio{Known: true, High: 80, Open: true}), "not known"},
		{ratioOf(api.Ratio{Known: true, Value: 5, Low: 2, High: 80, Open: true}), "5× (2× or more)"},
		{ratioOf(api.Ratio{Known: true, Value: 2.4, Low: 2.4, High: 80, Open: true}), "2.4× or more"},
		{measured(api.MetricEvidence{Name: "latency", Unit: "ms", Judged: 1}, 0), "–"},
		{measured(api.MetricEvidence{Name: "cls", Judged: 1}, 0), "–"},
		{measured(api.MetricEvidence{Unit: "ms"}, 0), "–"}, {measured(api.MetricEvidence{Unit: "ms", Judged: 1}, 0), "0 ms"},
		{valueOf(0.0044, "fraction"), "0.4 %"}, {valueOf(1840, "ms"), "1.8 s"}, {valueOf(0.34, "ms"), "0.3 ms"},
		{valueOf(47.94, "€"), "47.9 €"},
		{valueOf(0.031, ""), "0.031"}, {valueOf(1234.5, "€"), "1,235 €"}, {valueOf(-1e4, ""), "−10,000"},
		{plainly(999.7), "1,000"},
		{evalue(math.Log(99.7)), "100"},
		{evalue(math.Log(37)), "37"}, {evalue(math.Log(0.31)), "0.31"}, {evalue(600), "over a million"},
		{evalue(math.Log(4100)), "4,100"},
		{weightOf(api.MetricEvidence{Role: "decide", Weight: 0.72}), "72 % of the total"},
		{weightOf(api.MetricEvidence{Role: "signal"}), "signal: may only hold"},
	}
	for _, test := range tests {
		if got := spaced(test.got); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
	for _, s := range []string{"warming", "watching", "suspicious", "bad", "safe", "blind"} {
		if m := stateMark(s); m.shape == "none" || m.word == "" || stateSays(s) == "" {
			t.Errorf("%s has no mark or says nothing: %+v", s, m)
		}
	}
}

// The picture shows what is ruled out and nothing more, and what cannot be drawn is never drawn as something else.
func TestPicturesOfAComparison(t *testing.T) {
	t.Parallel()
	c := api.Comparison{RuledOut: 5, Metrics: []api.MetricEvidence{{Name: "errors", Tolerated: 1.25,
		Ratio: api.Ratio{Known: true, Value: 1, Low: 0.5, High: 2}}}}
	r := rungs(api.Release{Version: "v2"}, c)
	for _, x := range r.Rungs {
		if x.Excluded != (x.Times >= 5) {
			t.Errorf("%g times: excluded %t", x.Times, x.Excluded)
		}
	}
	if !r.Known || r.Tolerated != 1.25 || r.High != 2 {
		t.Errorf("%+v", r)
	}
	c.RuledOut = 0
	for _, x := range rungs(api.Release{}, c).Rungs {
		if x.Excluded {
			t.Errorf("nothing is ruled out, and %g is drawn so", x.Times)
		}
	}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	points := api.Canary{Evidence: []api.EvidencePoint{
		{At: at, LogE: 900, MaxLogE: 900},
		{At: at.Add(time.Second), Ratio: api.Ratio{Known: true, Value: 3, Low: 2, High: 9, Open: true}},
		{At: at.Add(2 * time.Second), Ratio: api.Ratio{Known: true, High: 148, Open: true}},
	}}
	if p := ratioChart(Frame{}, points).Series[0].Points; !math.IsNaN(p[0].Value) || p[1].High != 100 || p[1].Low != 2 ||
		!math.IsNaN(p[2].Value) { // anything is possible, which is no tenth
		t.Errorf("%+v", p)
	}
	c.Metrics[0].Ratio = api.Ratio{Known: true, High: 148, Open: true}
	if r := rungs(api.Release{}, c); r.Known {
		t.Errorf("a ratio from none to any number is drawn: %+v", r)
	}
	if p := evidenceChart(Frame{}, points).Series[1].Points; p[0].Value > 1e6+1 {
		t.Errorf("%+v", p[0])
	}
}

func TestTheTableHasFewLooksAndTheLast(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, n := range []int{0, 1, 5, 12, 13, 90, 200} {
		var c api.Canary
		for i := range n {
			c.Evidence = append(c.Evidence, api.EvidencePoint{At: at.Add(time.Duration(i) * time.Second)})
		}
		got := looksOf(c)
		if len(got) > 7 || len(got) < min(n, 6) || n > 0 && !got[len(got)-1].at.Equal(c.Evidence[n-1].At) {
			t.Errorf("%d looks make %d rows", n, len(got))
		}
	}
}

// Web vitals have the names that everybody knows them by.
func TestMetricsHaveTheirUsualNames(t *testing.T) {
	for name, want := range map[string]string{
		"lcp": "LCP", "ttfb": "TTFB", "errors": "Failed visitors", "left_carts": "Left carts",
	} {
		if got := metricName(api.MetricEvidence{Name: name}); got != want {
			t.Errorf("%s is called %q, not %q", name, got, want)
		}
	}
}
