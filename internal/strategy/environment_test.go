package strategy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/guard"
)

func environmentOf(t *testing.T, s *Strategy, name string) Environment {
	t.Helper()
	for _, e := range s.Environments() {
		if e.Name == name {
			return e
		}
	}
	t.Fatalf("no environment %s", name)
	return Environment{}
}

// req: EN-01
func TestFourEnvironmentsStandByDefault(t *testing.T) {
	t.Parallel()
	var names []string
	for _, e := range mustParse(t, least).Environments() {
		names = append(names, e.Name)
		if e.Purpose == "" || e.Trigger == "" || len(e.Checks) == 0 || len(e.Roles) == 0 {
			t.Errorf("%s lacks purpose, trigger, checks or access list: %+v", e.Name, e)
		}
	}
	if d := cmp.Diff([]string{"development", "staging", "canary", "production"}, names); d != "" {
		t.Error(d)
	}
	own := mustParse(t, least+"environments: {preview: {purpose: Pull requests}}\n")
	if e := environmentOf(t, own, "preview"); len(own.Environments()) != 5 || e.AutoUndo || e.Trigger != "release" {
		t.Errorf("an own environment: %+v", e)
	}
}

// req: EN-06 EN-09
func TestRequiredChecksByEnvironment(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least)
	want := map[string]string{
		"development": "unit integration",
		"staging":     "unit integration review lint smoke: core load: medium sign-off: qa flags: tested",
		"canary":      "smoke: core health checks metrics compared with production",
		"production":  "schedule and calendar approval: 1 × product verification: core watch",
	}
	for env, checks := range want {
		if got := strings.Join(environmentOf(t, s, env).Checks, " "); got != checks {
			t.Errorf("%s\n got %s\nwant %s", env, got, checks)
		}
	}
}

// req: EN-14
func TestEachEnvironmentHasItsOwnRules(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least+`
environments: {staging: {guard: loose, roles: [development, qa, incident]}, canary: {guard: strict}}
guards:
  default: {error_rate: {for: 2m}}
  strict: {error_rate: {critical: 1%, warn: 0.5%}}
  loose: {error_rate: {critical: 20%}, latency_p95: {warn: off, critical: off}}
stages: {canary: {guard: strict}}
rollback: {staging: approve}
`)
	staging, canary, production := environmentOf(t, s, "staging"), environmentOf(t, s, "canary"), environmentOf(t, s,
		"production")
	if staging.Rules.ErrorRate.Critical != 0.2 || staging.Rules.LatencyP95.Critical != 0 || staging.AutoUndo {
		t.Errorf("staging: %+v", staging)
	}
	if canary.Rules.ErrorRate.Critical != 0.01 || canary.Rules.ErrorRate.For != 2*time.Minute || !canary.AutoUndo {
		t.Errorf("a guard builds on the default one: %+v", canary.Rules)
	}
	if production.Rules.ErrorRate.Critical != 0.05 || len(production.Approve) != 1 || production.AutoUndo {
		t.Errorf("production: %+v", production)
	}
	for _, step := range s.ReleasePlan().Steps {
		if step.Share > 0 && step.Rules.Name != "strict" || step.ID == "production/watch" && step.Rules.Name != "default" {
			t.Errorf("%s is watched by %s", step.ID, step.Rules.Name)
		}
	}
}

// req: RB-15 RB-16 RB-17
func TestTheDefaultGuardIsTheAlertTable(t *testing.T) {
	t.Parallel()
	got := mustParse(t, least).RollbackPolicy("production").Rules
	if d := cmp.Diff(guard.DefaultRules(), got); d != "" {
		t.Errorf("the file's default differs from the guard's:\n%s", d)
	}
	e, l, h := got.ErrorRate, got.LatencyP95, got.Health
	if e.Warn != 0.02 || e.Critical != 0.05 || l.Warn != 500 || l.Critical != 1000 || h.Warn != 1 || h.Critical != 3 {
		t.Errorf("the alert table: %+v", got)
	}
}

// req: CD-14
func TestHealthThresholdsAreConfigurable(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least+"guards: {default: {health: {every: 1s, timeout: 250ms, warn: 2 in a row, critical: 5}}}\n")
	want := guard.HealthRule{Path: "/api/health", Every: time.Second, Timeout: 250 * time.Millisecond, Warn: 2,
		Critical: 5}
	if d := cmp.Diff(want, environmentOf(t, s, "canary").Rules.Health); d != "" {
		t.Error(d)
	}
}

// req: EN-15
func TestProductionIsNeverUndoneWithoutAsking(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least)
	for env, auto := range map[string]bool{"development": true, "staging": true, "canary": true, "production": false,
		"elsewhere": false} {
		p := s.RollbackPolicy(env)
		if p.Auto != auto || auto == (len(p.Approve) > 0) {
			t.Errorf("%s: %+v", env, p)
		}
	}
	for _, step := range s.ReleasePlan().Steps {
		if step.Stage == "production" && step.AutoUndo {
			t.Errorf("%s undoes without asking", step.ID)
		}
		if step.Share > 0 && !step.AutoUndo {
			t.Errorf("%s waits for a person to protect visitors", step.ID)
		}
	}
	if _, err := Parse("x", []byte(least+"rollback: {production: auto}\n")); err == nil {
		t.Error("production: auto was read")
	}
}

// req: EN-16
func TestBranches(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least)
	own := mustParse(t, least+"environments: {development: {branches: [trunk, \"feature/*\"]}, "+
		"production: {branches: [\"release/*\"]}, hotfix: {branches: [release/v9]}}\n")
	tests := []struct {
		s      *Strategy
		branch string
		env    string
	}{
		{s, "dev", "development"},
		{s, "staging", "staging"},
		{s, "main", "production"},
		{s, "canary/v12", "canary"},
		{s, "release/v3", "production"},
		{s, "feature/x", ""},
		{own, "feature/x", "development"},
		{own, "main", ""},
		{own, "release/v9", "hotfix"},
	}
	for _, tt := range tests {
		if got, ok := tt.s.EnvironmentOf(tt.branch); got != tt.env || ok != (tt.env != "") {
			t.Errorf("%s: got %q", tt.branch, got)
		}
	}
}

// req: EN-17
func TestURLDatabaseVariablesAndFlags(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least+"environments: {"+
		"staging: {url: https://s.example, database: shop_s, variables: .env.staging}, "+
		"production: {url: https://p.example, database: shop}}\n")
	a, b := environmentOf(t, s, "staging"), environmentOf(t, s, "production")
	if a.URL != "https://s.example" || a.Database != "shop_s" || a.Variables != ".env.staging" ||
		b.URL != "https://p.example" || b.Database != "shop" {
		t.Errorf("staging %+v, production %+v", a, b)
	}
	if !a.FlagsOn || b.FlagsOn || environmentOf(t, s, "canary").FlagsOn {
		t.Error("flags start on where they must not, or off in staging")
	}
	on := mustParse(t, least+"environments: {production: {flags: on}}\n")
	if !environmentOf(t, on, "production").FlagsOn {
		t.Error("flags cannot be enabled explicitly")
	}
}
