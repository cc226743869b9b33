package strategy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/metric"
)

// TestATargetOnVercel reads the short form: all but the project has a default, and nothing is left of our own edge.
func TestATargetOnVercel(t *testing.T) {
	t.Parallel()
	s := mustParse(t, "app: shop\ntarget: {vercel: {project: shop, team: acme}}\n")
	got, ok := s.Vercel()
	want := Vercel{
		Project: "shop", Team: "acme", API: "https://api.vercel.com", Canary: AutoPick, Drift: "hold", Flags: []string{},
		TokenEnv: "VERCEL_TOKEN", ConfigEnv: "GLOBAL_CONFIG", BypassEnv: "VERCEL_AUTOMATION_BYPASS_SECRET",
		DrainEnv: "VERCEL_DRAIN_SECRET", WebhookEnv: "VERCEL_WEBHOOK_SECRET",
	}
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("target %v (-want +got):\n%s", ok, diff)
	}
	if s.Stable != "" || s.Listen != "" || strings.Contains(s.Explain(), "selfhost") {
		t.Errorf("it still listens on %q for %q:\n%s", s.Listen, s.Stable, s.Explain())
	}
	if _, ok := mustParse(t, least).Vercel(); ok {
		t.Error("an application behind our own edge is on Vercel")
	}
}

// TestSharesOnVercelRise: only the application's own proxy can give a version fewer visitors again.
func TestSharesOnVercelRise(t *testing.T) {
	t.Parallel()
	for canary, want := range map[string]bool{"auto": true, "rolling": true, "proxy": false} {
		s := mustParse(t, "app: shop\ntarget: {vercel: {project: shop, canary: "+canary+
			", drift: undo, global_config: ecfg_1}}\n")
		if p := s.ReleasePlan(); p.OneWay != want || p.Drift != "undo" {
			t.Errorf("%s: the plan goes one way: %v, drift %q", canary, p.OneWay, p.Drift)
		}
	}
}

// Vercel's log is what a guard goes by there. It has no durations, so none are waited for unless traces are drained.
//
// req: CD-03
func TestOnVercelGuardsGoByDrains(t *testing.T) {
	t.Parallel()
	const on = "app: shop\ntarget: {vercel: {project: shop}}\n"
	for text, want := range map[string]struct {
		source metric.Kind
		p95    bool
		late   time.Duration
	}{
		on: {metric.Drain, false, 30 * time.Second},
		on + "guards: {default: {min_requests: 50}}\n":                          {metric.Drain, false, 30 * time.Second},
		on + "sources: {drain: {traces: on}}\n":                                 {metric.Drain, true, 30 * time.Second},
		on + "sources: {drain: {late: 10s}}\nguards: {default: {blind: 25s}}\n": {metric.Drain, false, 10 * time.Second},
		on + "guards: {default: {source: otlp}}\n":                              {metric.OTLP, true, 30 * time.Second},
		least: {"", true, 30 * time.Second},
		least + "guards: {default: {source: drain}}\n":                           {metric.Drain, false, 30 * time.Second},
		on + "guards: {other: {window: 2m}}\nstages: {canary: {guard: other}}\n": {metric.Drain, false, 30 * time.Second},
		on + "sources: {drain: {sampling: [{rate: 10%, path: /api/}]}}\n":        {metric.Drain, false, 30 * time.Second},
	} {
		s := mustParse(t, text)
		for _, step := range s.ReleasePlan().Shares() {
			if r := step.Rules; r.Source != want.source || (r.LatencyP95 != guard.Limits{}) != want.p95 {
				t.Errorf("%s: source %q, durations %+v", text, r.Source, r.LatencyP95)
			}
		}
		if noted := len(s.Notes()) > 0; noted != (want.source == metric.Drain && !want.p95) {
			t.Errorf("%s: notes %q", text, s.Notes())
		}
		if d := s.Drain(); d.Late != want.late || d.Traces && !want.p95 {
			t.Errorf("%s: %+v", text, d)
		}
	}
	s := mustParse(t, on+"sources: {drain: {sampling: [{rate: 10%, path: /api/}, {rate: 1%, environment: preview}]}}\n")
	want := []Sampling{{0.1, "", "/api/"}, {0.01, "preview", ""}}
	if diff := cmp.Diff(want, s.Drain().Sampling); diff != "" || s.Measured() != metric.Drain {
		t.Error(diff)
	}
	x := mustParse(t, least+"sources: {app: {late: 5s}, otlp: {late: 10s}}\n"+
		"guards: {default: {source: otlp, blind: 40s}}\n")
	if x.Late(metric.App) != 5*time.Second || x.Late(metric.OTLP) != 10*time.Second ||
		x.rules("default").Late != 5*time.Second || mustParse(t, least).Late(metric.App) != 2*time.Minute {
		t.Errorf("how late values may be: %s, %s", x.Late(metric.App), x.Late(metric.OTLP))
	}
	if mustParse(t, least).Measured() != metric.Edge {
		t.Error("behind our own edge it is not the edge that measures")
	}
}

// What stands in the strategy and can't be done on Vercel is refused, with its place.
func TestOnVercelIsRefused(t *testing.T) {
	t.Parallel()
	const flags = "app: shop\ntarget: {vercel: {project: shop, global_config: ecfg_1, flags: "
	custom := func(environment, slug string) string {
		return "app: shop\ntarget: {vercel: {project: shop}}\nenvironments: {" + environment + ": {custom: " + slug + "}}\n"
	}
	for text, want := range map[string]string{
		"app: shop\ntarget: {vercel: {project: shop, flags: [production]}}\n": "need a Global Config to stand in",
		flags + "[nowhere]}}\n":                                   `there is no environment "nowhere"`,
		flags + "[production, staging, production]}}\n":           "production is named twice",
		flags + "[production, staging]}}\n":                       "",
		custom("production", "blue"):                              "production has the variables of production",
		custom("canary", "blue"):                                  "canary has the variables of production",
		custom("staging", "preview"):                              `"preview" is no environment of the team's own`,
		custom("staging", "a/b"):                                  `"a/b" is no environment of the team's own`,
		custom("staging", "staging"):                              "",
		custom("acceptance", "acceptance"):                        "",
		"app: shop\nenvironments: {staging: {custom: staging}}\n": "only Vercel keeps variables for it",
	} {
		s, err := Parse("slipway.yaml", []byte(text))
		said := fmt.Sprint(err)
		if f, ok := errors.AsType[*fault.Error](err); ok {
			said += fmt.Sprint(f.Fields)
		}
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(said, want)):
			t.Errorf("%s: %v, want %q", text, said, want)
		case want == "" && strings.Contains(text, "custom") && s.Environments()[len(s.Environments())-1].Custom == "" &&
			strings.Contains(text, "acceptance"):
			t.Errorf("%s: it is forgotten", text)
		}
	}
}

// One environment of ours decides about one of Vercel's.
func TestWhereFlagsFollowToIsChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{nowhere: production}":                      `there is no environment "nowhere"`,
		`{production: "a b"}`:                        `"a b" is no name of an environment of Vercel's`,
		"{production: preview, staging: preview}":    "follow to preview already",
		"{production: production, staging: preview}": "",
	} {
		_, err := Parse("slipway.yaml", []byte("app: shop\ntarget: {vercel: {project: shop, sync_flags: "+text+"}}\n"))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
