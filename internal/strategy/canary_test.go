package strategy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
)

// shareSteps returns the canary's share steps of a file.
func shareSteps(t *testing.T, canary string) []release.Step {
	t.Helper()
	var out []release.Step
	for _, s := range mustParse(t, least+"stages: {canary: {"+canary+"}}\n").ReleasePlan().Steps {
		if s.Kind == release.KindShare {
			out = append(out, s)
		}
	}
	return out
}

// req: CD-07 CD-16
func TestStepsOfACanary(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, canary string
		shares       []float64
		horizon      time.Duration
		want         release.Step // the fields that say how it goes on
	}{
		{"default", "", []float64{5, 10, 25, 50, 100}, 40 * time.Minute,
			release.Step{Bake: 10 * time.Minute, MaxBake: time.Hour, AtMax: release.Hold}},
		{"adaptive", "steps: adaptive, bake: 2m", []float64{5, 10, 25, 50, 100}, time.Hour,
			release.Step{Bake: 2 * time.Minute, MaxBake: time.Hour, AtMax: release.Hold, Adaptive: true,
				Reaction: 10 * time.Second}},
		{"budget", "steps: adaptive, harm_budget: 50, reaction: 30s, at_max: undo", []float64{5, 10, 25, 50, 100}, time.Hour,
			release.Step{Bake: 10 * time.Minute, MaxBake: time.Hour, AtMax: release.GoBack, Adaptive: true, HarmBudget: 50,
				Reaction: 30 * time.Second}},
		{"shorten", "shorten: on, steps: [{share: 2, bake: 1h}, 100], at_max: promote", []float64{2, 100}, time.Hour,
			release.Step{Bake: time.Hour, MaxBake: 6 * time.Hour, AtMax: release.GoOn, Shorten: true}},
		{"holdback", "holdback: 5%, bake: 1m", []float64{5, 10, 25, 50, 95, 100}, 5 * time.Minute,
			release.Step{Bake: time.Minute, MaxBake: time.Hour, AtMax: release.Hold}},
		{"held back already", "holdback: 10%, steps: [50, 90, 100]", []float64{50, 90, 100}, 20 * time.Minute,
			release.Step{Bake: 10 * time.Minute, MaxBake: time.Hour, AtMax: release.Hold}},
		{"never everybody", "holdback: 50%, steps: [50]", []float64{50}, 10 * time.Minute,
			release.Step{Bake: 10 * time.Minute, MaxBake: time.Hour, AtMax: release.Hold}},
	} {
		steps := shareSteps(t, tt.canary)
		var shares []float64
		for _, s := range steps {
			shares = append(shares, s.Share)
			if s.Rules.Horizon != tt.horizon {
				t.Errorf("%s: horizon %s, want %s", tt.name, s.Rules.Horizon, tt.horizon)
			}
		}
		if d := cmp.Diff(tt.shares, shares); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
		s := steps[0]
		got := release.Step{
			Bake: s.Bake, MaxBake: s.MaxBake, AtMax: s.AtMax, Adaptive: s.Adaptive, Shorten: s.Shorten,
			HarmBudget: s.HarmBudget, Reaction: s.Reaction,
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// req: CD-03 CD-15 RB-11
func TestWhereNumbersComeFrom(t *testing.T) {
	t.Parallel()
	s := mustParse(t, string(corpus(t, "good")["testdata/good/evidence.yaml"]))
	want := Prometheus{
		URL: "http://127.0.0.1:9090", TokenEnv: "PROMETHEUS_TOKEN", Every: 15 * time.Second, Timeout: 5 * time.Second,
		Lag: 15 * time.Second,
	}
	got, named := s.Prometheus()
	if d := cmp.Diff(want, got); d != "" || !named {
		t.Errorf("%v %s", named, d)
	}
	r := s.rules("measured")
	for _, from := range []string{"prometheus", "otlp"} {
		of := mustParse(t, "app: shop\ntarget: {selfhost: {stable: http://127.0.0.1:3001}}\n"+
			"guards: {default: {source: "+from+"}}\nsources: {prometheus: {url: http://127.0.0.1:9090}}\n").rules("default")
		if of.Source != metric.Kind(from) || (of.Queries.Requests != "") != (from == "prometheus") {
			t.Errorf("source: %s: %q %+v", from, of.Source, of.Queries)
		}
	}
	silent := mustParse(t, "app: shop\ntarget: {selfhost: {stable: http://127.0.0.1:3001}}\n"+
		"guards: {default: {source: prometheus, prometheus: {latency: ''}}}\n"+
		"sources: {prometheus: {url: http://127.0.0.1:9090}}\n").rules("default")
	if silent.LatencyP95 != (guard.Limits{}) || silent.ErrorRate == (guard.Limits{}) {
		t.Errorf("durations that nobody measures are waited for: %+v", silent.LatencyP95)
	}
	if len(r.Metrics) != 6 || r.Metrics[0].From != metric.App || r.Metrics[1].From != metric.Prometheus ||
		r.Metrics[1].Query == "" || !r.Metrics[1].Signal {
		t.Errorf("%+v", r.Metrics)
	}
	if m := r.Metrics[2:]; m[0].Name != "cls" || m[0].Scale != 1000 || m[0].Weight != 2 || m[1].Name != "inp" ||
		m[1].WorseBy != 0.1 || m[2].WorseBy != 0.15 || !m[2].Worst || m[2].Kind != judge.Durations || !m[3].Signal {
		t.Errorf("web vitals: %+v", m)
	}
	if want := (guard.Weights{Errors: 5, Latency: 2, WebVitals: 2, Metrics: 1}); r.Weights != want {
		t.Errorf("weights: %+v", r.Weights)
	}
	if d := s.rules("default"); d.Source != "" || d.Queries != (metric.Queries{}) {
		t.Errorf("the default guard asks %q %+v", d.Source, d.Queries)
	}
	if _, named := mustParse(t, least).Prometheus(); named {
		t.Error("a file without sources names a Prometheus")
	}
	if d := cmp.Diff(guard.DefaultRules(), mustParse(t, least).rules("default")); d != "" {
		t.Errorf("the file's default guard is another than the program's: %s", d)
	}
}

// A ramp ends with everybody, under the guard, and is watched then, whatever its last share is.
//
// req: FF-17
func TestARampEndsWithEverybodyWatched(t *testing.T) {
	s := mustParse(t, least+"flags: {ramp: {steps: [5, 50], watch: 2h}}\n")
	for _, shares := range [][]float64{nil, {10, 20}, {100}} {
		steps := s.RampPlan("production", shares, time.Minute).Steps
		end, last := steps[len(steps)-1], steps[len(steps)-2]
		if last.Kind != release.KindShare || last.Share != 100 || end.Kind != release.KindWatch ||
			end.Bake != 2*time.Hour || !end.AutoUndo || end.Rules.Health.Path != "" {
			t.Errorf("%v ends with %+v, %+v", shares, last, end)
		}
		if again := s.RampPlan("production", nil, 0).Shares(); len(again) != 3 {
			t.Errorf("the strategy's shares are %+v afterwards", again)
		}
	}
}
