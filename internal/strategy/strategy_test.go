package strategy

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/release"
)

// least is the shortest file there is.
const least = "app: shop\ntarget: {selfhost: {stable: http://127.0.0.1:3001}}\n"

// mustParse reads a file that is meant to be right.
func mustParse(t testing.TB, src string) *Strategy {
	t.Helper()
	s, err := Parse("slipway.yaml", []byte(src))
	if err != nil {
		t.Fatalf("parse strategy:\n%v", err)
	}
	return s
}

// ids returns the steps of a plan.
func ids(p release.Plan) string {
	var out []string
	for _, s := range p.Steps {
		out = append(out, s.ID)
	}
	return strings.Join(out, " ")
}

// req: CD-06 CD-07
func TestPlanOfTheShortestFile(t *testing.T) {
	t.Parallel()
	p := mustParse(t, least).ReleasePlan()
	want := "development/checks staging/checks staging/deploy staging/smoke staging/load staging/sign-off staging/flags " +
		"canary/deploy canary/smoke canary/share-5 canary/share-10 canary/share-25 canary/share-50 canary/share-100 " +
		"production/window production/approval production/promote production/verify production/watch"
	if got := ids(p); got != want {
		t.Errorf("steps\n got %s\nwant %s", got, want)
	}
	own := mustParse(t, least+"stages: {canary: {steps: [1, {share: 20%, bake: 2h}], bake: 5m}}\n").ReleasePlan()
	var shares []release.Step
	for _, s := range own.Steps {
		if s.Kind == release.KindShare {
			shares = append(shares, s)
		}
	}
	if len(shares) != 2 || shares[0].Share != 1 || shares[0].Bake != 5*time.Minute || shares[1].Share != 20 ||
		shares[1].Bake != 2*time.Hour || shares[1].MaxBake != 12*time.Hour {
		t.Errorf("configured steps: got %+v", shares)
	}
}

func TestCustomMetricsOfAGuard(t *testing.T) {
	t.Parallel()
	read := func(metrics string) (*Strategy, error) {
		return Parse("slipway.yaml", []byte("app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:3001\"}}\n"+
			"guards: {default: {metrics: {"+metrics+"}}}\n"))
	}
	s, err := read("b: {kind: mean, worse_by: 5%}, a: {better: higher, role: signal, weight: 2x, unit: \"%\"}")
	if err != nil {
		t.Fatal(err)
	}
	got := s.rules("default").Metrics
	if len(got) != 2 || got[0].Name != "a" || !got[0].Higher || !got[0].Signal || got[0].Weight != 2 ||
		got[0].Kind != "rate" || got[1].Kind != "mean" || got[1].WorseBy != 0.05 || got[1].From != "app" {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{
		"errors: {}", "a: {kind: median}", "a: {}, b: {}, c: {}, d: {}, e: {}, f: {}, g: {}, h: {}, i: {}",
	} {
		if _, err := read(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
