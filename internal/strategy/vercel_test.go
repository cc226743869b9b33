package strategy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestATargetOnVercel reads the short form: all but the project has a default, and nothing is left of our own edge.
func TestATargetOnVercel(t *testing.T) {
	t.Parallel()
	s := mustParse(t, "app: shop\ntarget: {vercel: {project: shop, team: acme}}\n")
	got, ok := s.Vercel()
	want := Vercel{
		Project: "shop", Team: "acme", API: "https://api.vercel.com", Canary: AutoPick, Drift: "hold",
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
