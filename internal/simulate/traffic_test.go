package simulate

import (
	"strings"
	"testing"
)

func TestTrafficFiles(t *testing.T) {
	t.Parallel()
	m, err := ParseModel("traffic.yaml", []byte("rate: 6000/min\nerrors: 0.5%\np95: 1s\ndaily: 4x\n"), DefaultModel())
	if want := (Model{Rate: 100, Errors: 0.005, P50: 80, P95: 1000, Daily: 4}); err != nil || m != want {
		t.Errorf("%+v: %v, want %+v", m, err, want)
	}
	m, err = ParseModel("traffic.json", []byte(`{"rate": 0.1, "bursts": 2}`), DefaultModel())
	if err != nil || m.Rate != 0.1 || m.Bursts != 2 {
		t.Errorf("%+v: %v", m, err)
	}
	for text, want := range map[string]string{
		"rte: 5":                `unknown`,
		"rate: many":            `want a number of requests a second, got "many"`,
		"rate: 100/d":           `got "100/d"`,
		"errors: 2":             "errors",
		"p50: 2s":               "p95 is the larger one",
		"rate: 1000000":         "it goes from",
		"rate: [1]":             "rate",
		"bursts: -1":            "want a number",
		"rate: 1\nrate: 2":      "rate",
		"rate: {a: {b: [1, 2]}": "",
	} {
		m, err := ParseModel("traffic.yaml", []byte(text), DefaultModel())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v", text, m, err)
		}
	}
}

func FuzzParseModel(f *testing.F) {
	f.Add([]byte("rate: 100/s\nerrors: 1%\np50: 80ms\ndaily: 3x"))
	f.Add([]byte(`{"rate": 5}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		if m, err := ParseModel("f", src, DefaultModel()); err == nil && m.check() != nil {
			t.Errorf("%q is read as %+v", src, m)
		}
	})
}
