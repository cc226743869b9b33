package simulate

import (
	"bytes"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/release"
)

// What is suggested was tried, or follows from the traffic.
func TestSuggestions(t *testing.T) {
	t.Parallel()
	o := options(t, "healthy", "errors-3x")
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range Suggest(t.Context(), o, r) {
		all = append(all, s.Sentence+" "+strings.Join(s.Lines, " "))
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{
		"2x in about 7 min", "A doubled rate is not seen in it", "bake: 7m", "steps: [25, 50, 100]",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("nobody says %q in:\n%s", want, text)
		}
	}
}

func TestAdaptiveCandidate(t *testing.T) {
	t.Parallel()
	o := options(t, "healthy")
	p := o.Strategies[0].Plan
	before := len(p.Steps)
	p.Steps = append([]release.Step(nil), p.Steps...)
	adaptive(&p)
	list := shares(p)
	if len(p.Steps) != before+3 || len(list) != 4 || !list[3].Adaptive || list[3].Share != 50 ||
		list[0].Rules.Horizon != list[0].MaxBake {
		t.Errorf("%d steps instead of %d, shares %+v", len(p.Steps), before, list)
	}
	if shares(o.Strategies[0].Plan)[0].Adaptive {
		t.Error("the strategy itself was changed")
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	t.Parallel()
	o := options(t, "healthy", "errors-10x", "<b>:errors=5x")
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Page(&b, r); err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(b.String(), `xmlns="http://www.w3.org/2000/svg"`, "") // a name, and nothing to fetch
	if strings.Contains(page, "<b>") || strings.Contains(page, "http") || strings.Contains(page, "<script") ||
		strings.Contains(page, "NaN") {
		t.Error("the page holds what it must not")
	}
	if n := strings.Count(page, "<figure"); n != 3 {
		t.Errorf("%d pictures, want 3", n)
	}
}

func TestRecordings(t *testing.T) {
	t.Parallel()
	var in bytes.Buffer
	for range 200 {
		in.WriteString(`{"t":5,"weight":0.05,"stable":{"requests":95,"errors":1,"latency":[0,95],"latency_count":95},` +
			`"canary":{"requests":5,"errors":0,"latency":[0,5],"latency_count":5}}` + "\n")
	}
	bins := judge.Bins{Low: 8, Ratio: 1.09, Count: 88}
	rec, m, err := ReadRecording(strings.NewReader(in.String()), bins)
	if err != nil || m.Rate != 100 || m.Errors != 0.01 || m.P95 < 8 || m.P95 > 10 {
		t.Fatalf("%+v, %v", m, err)
	}
	o := options(t, "healthy", "errors-10x")
	o.Recording, o.Traffic, o.Backgrounds = rec, m, []Background{Recorded()}
	r, err := Run(t.Context(), o)
	if err != nil || r.Results[0].Stopped != 0 || r.Results[1].Stopped != 1 || r.Results[1].Detection.Median > 60 {
		t.Errorf("%+v, %v", r.Results, err)
	}
	for text, want := range map[string]string{
		"{\"t\":1}\n{\"t\":x}": "Line 2", "": "at least 60 seconds", "{\"t\":1,\"weight\":7}": "weight is 7",
	} {
		if _, _, err := ReadRecording(strings.NewReader(text), bins); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
