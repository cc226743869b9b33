package strategy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/release"
)

func itemsOf(s *Strategy) map[string]checklist.Item {
	out := map[string]checklist.Item{}
	for _, i := range s.Checklist() {
		out[i.Name] = i
	}
	return out
}

// TestFullAsksForEverything holds the list of the requirements against the set.
//
// req: CK-01 CK-02 CK-03 CK-04 CK-05 CK-06 CK-07 CK-08 CK-09 CK-10 CK-11 CK-12 CK-13 CK-14 CK-15 CK-16 CK-17 CK-18
// req: CK-19 CK-20 CK-21 CK-22 CK-24
func TestFullAsksForEverything(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least+"checks: full\n")
	items := itemsOf(s)
	names := "unit integration e2e review lint security flags_declared flags_configured flags_tested " +
		"migrations_reviewed " +
		"migrations_down backup api_docs feature_docs notes product_owner tech_lead security_approval rollback_plan " +
		"critical_paths performance rollback_tested"
	asked := map[string]bool{}
	for _, step := range s.ReleasePlan().Steps {
		for _, name := range step.Checks {
			asked[name] = true
			if !slices.Contains(items[name].Stages, step.Stage) {
				t.Errorf("%s asks for %s, whose stages are %v", step.ID, name, items[name].Stages)
			}
		}
	}
	for _, name := range strings.Fields(names) {
		if i := items[name]; !asked[name] || i.Title == "" || i.Group == "" || i.Open(nil, "c1") == "" {
			t.Errorf("%s: asked %t, %+v", name, asked[name], i)
		}
	}
	if items["unit"].Coverage != 80 || items["integration"].Coverage != 70 || items["e2e"].Coverage != 0 {
		t.Errorf("coverage: %+v %+v", items["unit"], items["integration"])
	}
	if approve := s.RollbackPolicy("production").Approve; len(approve) == 0 {
		t.Error("nobody approves a rollback")
	}
	if d := cmp.Diff([]approval.Rule{{Role: "product", Count: 1}}, environmentOf(t, s, "production").Approve); d != "" {
		t.Errorf("product approves production:\n%s", d)
	}
	for name, role := range map[string]string{"product_owner": "product", "flags_tested": "qa", "backup": "devops",
		"unit": "", "review": ""} {
		if items[name].Role != role {
			t.Errorf("%s is signed by %q, want %q", name, items[name].Role, role)
		}
	}
}

// req: CK-20
func TestItemsAreSwitchedOneByOne(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least+`
checks:
  set: none
  required: {staging: [unit, licenses], production: [security_approval]}
  coverage: {unit: 92.5%}
  items: {licenses: {title: Licenses are allowed, role: product}, security_approval: {role: devops}}
stages: {staging: {load: off, flags: off, sign_off: off, smoke: off}, canary: {smoke: off, steps: [100]}}
`)
	want := "staging/checks staging/deploy canary/deploy canary/share-100 production/checks production/window " +
		"production/approval production/promote production/verify production/watch"
	if got := ids(s.ReleasePlan()); got != want {
		t.Errorf("steps\n got %s\nwant %s", got, want)
	}
	items := itemsOf(s)
	if i := items["licenses"]; i.Role != "product" || i.Group != "quality" || !slices.Equal(i.Stages,
		[]string{"staging"}) {
		t.Errorf("an own item: %+v", i)
	}
	if items["unit"].Coverage != 92.5 || len(items["lint"].Stages) != 0 {
		t.Errorf("unit %+v, lint %+v", items["unit"], items["lint"])
	}
}

// req: CD-20
func TestQASignsTheCanaryBeforeItsFirstVisitor(t *testing.T) {
	t.Parallel()
	s := mustParse(t, least+"stages: {canary: {sign_off: qa}, production: {enable_flags: [new-checkout, search]}}\n")
	steps := s.ReleasePlan().Steps
	at := func(id string) int { return slices.IndexFunc(steps, func(x release.Step) bool { return x.ID == id }) }
	sign, flags := at("canary/sign-off"), at("production/flags")
	if sign < 0 || at("canary/smoke") > sign || sign > at("canary/share-5") || steps[sign].Role != "qa" {
		t.Fatalf("steps: %s", ids(s.ReleasePlan()))
	}
	if flags < at("production/promote") || flags > at("production/verify") {
		t.Errorf("steps: %s", ids(s.ReleasePlan()))
	}
	items := itemsOf(s)
	if i := items["qa_canary"]; i.Role != "qa" || !slices.Equal(steps[sign].Checks, []string{"qa_canary"}) {
		t.Errorf("sign-off item: %+v", i)
	}
	if f := steps[flags]; !slices.Equal(f.Flags, []string{"new-checkout", "search"}) {
		t.Errorf("flags step: %+v", f)
	}
	if i := items["enable_flags"]; i.Role != "product" || !strings.Contains(i.Title, "new-checkout, search") {
		t.Errorf("flags item: %+v", i)
	}
}

// req: CK-23
func TestAnUnfinishedItemBlocks(t *testing.T) {
	t.Parallel()
	for _, i := range mustParse(t, least+"checks: full\n").Checklist() {
		r := checklist.Result{Name: i.Name, Commit: "c1", Status: checklist.Passed, Actor: "user:a", At: time.Unix(1, 0),
			URL: "https://ci.example/1"}
		full := 100.0
		r.Coverage = &full
		if why := i.Open(&r, "c1"); why != "" {
			t.Errorf("%s passed, but: %s", i.Name, why)
		}
		for _, status := range []checklist.Status{checklist.Missing, checklist.Running, checklist.Failed,
			checklist.NotApplicable} {
			r.Status = status
			if i.Open(&r, "c1") == "" {
				t.Errorf("%s does not block as %s without a note", i.Name, status)
			}
		}
	}
}
