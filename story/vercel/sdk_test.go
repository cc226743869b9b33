//go:build full

package vercel

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
)

// shop is a world with one project, what serves it and two builds that could.
type shop struct {
	*fake.World
	t                    *testing.T
	project              fake.Project
	base, canary, staged string
}

func open(t *testing.T, o fake.Options) *shop {
	t.Helper()
	o.Log = t.Logf
	s := &shop{World: fake.New(o), t: t}
	s.ok(s.Start(t.Context()))
	t.Cleanup(s.Close)
	var err error
	s.project, err = s.AddProject(fake.ProjectOrder{Name: "shop", Repository: "acme/shop", Domains: 1})
	s.ok(err)
	d, err := s.Push("shop", "a1b2c3", "main", "the first")
	s.ok(err)
	s.base = d.ID
	for sha, id := range map[string]*string{"b2c3d4": &s.canary, "c3d4e5": &s.staged} {
		*id = s.api("POST", "/v13/deployments", fmt.Sprintf(`{"name":"shop","target":"production","gitSource":{"type":
			"github","ref":"main","sha":%q},"autoAssignCustomDomains":false}`, sha))["id"].(string)
	}
	for p, _ := s.Project("shop"); p.Production != s.base; p, _ = s.Project("shop") {
		s.ok(t.Context().Err()) // it takes as long as AliasDelay says
	}
	return s
}

func (s *shop) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// api asks as another person would.
func (s *shop) api(method, path, body string) map[string]any {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL()+path, strings.NewReader(body))
	s.ok(err)
	r.Header.Set("Authorization", "Bearer token")
	resp, err := http.DefaultClient.Do(r)
	s.ok(err)
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	s.ok(err)
	if resp.StatusCode > 299 {
		s.t.Fatalf("%s %s: %s %s", method, path, resp.Status, data)
	}
	out := map[string]any{}
	if len(data) > 0 {
		s.ok(json.Unmarshal(data, &out))
	}
	return out
}

func (s *shop) rolling(stages string) {
	s.t.Helper()
	s.api("PATCH", "/v1/projects/shop/rolling-release/config", `{"enabled":true,"advancementType":"manual-approval",
		"stages":[`+stages+`]}`)
}

// Every answer is parsed by the SDK, lacks nothing that its schemas need and says nothing that they do not know.
func TestSDKParsesEveryEndpoint(t *testing.T) {
	t.Parallel()
	s := open(t, fake.Options{Plan: fake.Enterprise})
	s.rolling(`{"targetPercentage":10,"requireApproval":true},{"targetPercentage":50,"requireApproval":true},
		{"targetPercentage":100}`)
	g := s.AddGlobalConfig("flags")
	s.api("PATCH", "/v1/global-config/"+g.ID+"/items", `{"items":[{"operation":"upsert","key":"canary","value":{"pct":5}}]}`)
	backups := s.api("GET", "/v1/global-config/"+g.ID+"/backups", "")["backups"].([]any)
	world, err := json.Marshal(map[string]any{"api": s.URL(), "project": s.project.ID, "base": s.base, "canary": s.canary,
		"staged": s.staged, "domain": s.project.Domains[0], "config": g.ID, "version": backups[0].(map[string]any)["id"]})
	s.ok(err)
	s.visit()
	cmd := exec.CommandContext(t.Context(), "node", "sdk.mjs")
	cmd.Env = append(os.Environ(), "WORLD="+string(world))
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	s.ok(err)
	var report struct {
		Calls  int                 `json:"calls"`
		Judged int                 `json:"judged"` // that have a schema
		Wrong  map[string][]string `json:"wrong"`
	}
	s.ok(json.Unmarshal(text, &report))
	for name, wrong := range report.Wrong {
		t.Errorf("%s:\n  %s", name, strings.Join(wrong, "\n  "))
	}
	if t.Logf("%d calls, %d by a schema", report.Calls, report.Judged); report.Judged < 100 {
		t.Error("too few answers were judged")
	}
}

func (s *shop) visit() {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.project.Domains[0]+"/", nil)
	s.ok(err)
	resp, err := http.DefaultClient.Do(r)
	s.ok(err)
	_ = resp.Body.Close()
}
