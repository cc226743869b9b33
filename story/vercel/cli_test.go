//go:build full

package vercel

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
)

// cli runs Vercel's own command line in a folder that is linked to the project, and wants it to succeed.
func (s *shop) cli(args ...string) string {
	s.t.Helper()
	dir := s.t.TempDir()
	s.ok(os.MkdirAll(filepath.Join(dir, ".vercel"), 0o700))
	s.ok(os.WriteFile(filepath.Join(dir, ".vercel", "project.json"),
		fmt.Appendf(nil, `{"projectId":%q,"orgId":%q,"projectName":"shop"}`, s.project.ID, fake.TeamID), 0o600))
	s.ok(os.WriteFile(filepath.Join(dir, "index.html"), []byte("<p>the page"), 0o600))
	program, err := filepath.Abs("node_modules/vercel/dist/vc.js")
	s.ok(err)
	args = append(append([]string{program}, args...), "--api", s.URL(), "--token", "token", "--global-config",
		filepath.Join(dir, "config"))
	ctx, stop := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "VERCEL_TELEMETRY_DISABLED=1", "CI=1",
		"HOME="+filepath.Join(dir, "config"), "NO_UPDATE_NOTIFIER=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		var asked []string
		for _, r := range s.Requests() {
			asked = append(asked, fmt.Sprintf("%d %s %s", r.Status, r.Method, r.Path))
		}
		s.t.Fatalf("vercel %s: %v\n%s\n%s", strings.Join(args[1:], " "), err, out.Bytes(), strings.Join(asked, "\n"))
	}
	s.Settle()
	return out.String()
}

// asked reports how often the API was asked something.
func (s *shop) asked(method, path, body string) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Method == method && r.Path == path && (body == "" || r.Body == body) {
			n++
		}
	}
	return n
}

func (s *shop) wants(method, path, body string) {
	s.t.Helper()
	if s.asked(method, path, body) != 1 {
		s.t.Errorf("not asked once: %s %s %s", method, path, body)
		for _, r := range s.Requests() {
			s.t.Logf("%d %s %s %s", r.Status, r.Method, r.Path, r.Body)
		}
	}
	s.ForgetRequests()
}

func (s *shop) serving(id string) {
	s.t.Helper()
	if p, _ := s.Project("shop"); p.Production != id {
		s.t.Fatalf("%s serves, not %s", p.Production, id)
	}
}

func (s *shop) state(names ...string) any {
	s.t.Helper()
	var v any = s.api("GET", "/v1/projects/shop/rolling-release", "")["rollingRelease"]
	for _, n := range names {
		m, _ := v.(map[string]any)
		v = m[n]
	}
	return v
}

func TestCLIPromotesAndRollsBack(t *testing.T) {
	t.Parallel()
	s := open(t, fake.Options{AliasDelay: 600e6})
	s.ForgetRequests()
	s.cli("promote", s.canary, "--yes")
	s.serving(s.canary)
	if polls := s.asked("GET", "/v9/projects/"+s.project.ID, ""); polls < 3 {
		t.Errorf("the promotion was over after %d looks", polls)
	}
	s.wants("POST", "/v10/projects/"+s.project.ID+"/promote/"+s.canary, "{}")
	s.cli("promote", "status")
	s.cli("rollback", s.base, "--yes")
	s.serving(s.base)
	s.wants("POST", "/v9/projects/"+s.project.ID+"/rollback/"+s.base, "{}")
	s.cli("rollback", "status")
	if p, _ := s.Project("shop"); p.AutoAssign {
		t.Error("a rollback leaves new builds reach production by themselves")
	}
	if out := s.cli("whoami"); !strings.Contains(out, fake.UserName) {
		t.Errorf("whoami: %s", out)
	}
}

func TestCLIRollsOut(t *testing.T) {
	t.Parallel()
	s := open(t, fake.Options{})
	path := "/v1/projects/" + s.project.ID + "/rolling-release"
	canary := fmt.Sprintf(`{"canaryDeploymentId":%q}`, s.canary)
	s.ForgetRequests()
	s.cli("rolling-release", "configure", "--enable", "--advancement-type=manual-approval", "--stage=10", "--stage=50")
	s.ForgetRequests()
	s.cli("rolling-release", "configure", "--enable", "--advancement-type=automatic", "--stage=10,5m", "--stage=50,10m")
	s.wants("PATCH", path+"/config", `{"enabled":true,"advancementType":"automatic","stages":[{"targetPercentage":10,`+
		`"duration":5},{"targetPercentage":50,"duration":10},{"targetPercentage":100}]}`)
	s.cli("rolling-release", "start", "--dpl="+s.canary, "--yes")
	s.wants("POST", path+"/start", canary)
	if s.state("state") != "ACTIVE" || s.state("activeStage", "targetPercentage") != 10.0 {
		t.Fatalf("after the start: %v", s.state())
	}
	s.ForgetRequests()
	s.cli("rolling-release", "inspect")
	s.wants("GET", path, "")
	s.cli("rolling-release", "approve", "--dpl="+s.canary, "--currentStageIndex=0")
	s.wants("POST", path+"/approve-stage", fmt.Sprintf(
		`{"activeStageIndex":0,"nextStageIndex":1,"canaryDeploymentId":%q}`, s.canary))
	if s.state("activeStage", "index") != 1.0 {
		t.Errorf("after the approval: %v", s.state())
	}
	s.ForgetRequests()
	s.cli("rolling-release", "complete", "--dpl="+s.canary)
	s.wants("POST", path+"/complete", canary)
	s.serving(s.canary)
	s.cli("rolling-release", "start", "--dpl="+s.staged, "--yes")
	s.ForgetRequests()
	s.cli("rolling-release", "abort", "--dpl="+s.canary)
	s.wants("POST", "/v9/projects/"+s.project.ID+"/rollback/"+s.canary, "{}")
	s.serving(s.canary)
	if s.state("state") != "ABORTED" {
		t.Errorf("after the abort: %v", s.state())
	}
	s.cli("promote", s.staged, "--yes") // with rolling releases on, a promotion starts one
	if s.state("state") != "ACTIVE" || s.state("canaryDeployment", "id") != s.staged {
		t.Errorf("after the promotion: %v", s.state())
	}
}

func TestCLIDeploys(t *testing.T) {
	t.Parallel()
	s := open(t, fake.Options{})
	s.cli("deploy", "--prod", "--skip-domain", "--yes")
	list := s.Deployments()
	d := list[len(list)-1]
	if d.Target != "production" || d.Substate != "STAGED" {
		t.Errorf("the command line made %+v", d)
	}
	s.serving(s.base)
	s.cli("redeploy", s.base)
	list = s.Deployments()
	if d = list[len(list)-1]; d.From != s.base || d.Target != "production" || d.Meta["action"] != "redeploy" {
		t.Errorf("the command line made %+v", d)
	}
	if out := s.cli("list"); !strings.Contains(out, s.project.Domains[0]) && !strings.Contains(out, d.URL) {
		t.Errorf("the list lacks %s:\n%s", d.URL, out)
	}
	s.cli("alias", "set", s.base, "canary.example.com")
	if got := s.api("GET", "/v4/aliases/canary.example.com", "")["deploymentId"]; got != s.base {
		t.Errorf("the alias points at %v", got)
	}
}

func TestCLIWritesConfiguration(t *testing.T) {
	t.Parallel()
	s := open(t, fake.Options{})
	s.cli("env", "add", "FOO", "production", "--value", "bar", "--yes")
	list := s.api("GET", "/v10/projects/shop/env?decrypt=true", "")["envs"].([]any)
	if len(list) != 1 {
		t.Fatalf("the variables are %v", list)
	}
	v := list[0].(map[string]any)
	if v["key"] != "FOO" || v["type"] != "sensitive" || v["value"] != "" {
		t.Errorf("the variable is %v: a sensitive value is never told again", v)
	}
	if out := s.cli("env", "ls"); !strings.Contains(out, "FOO") {
		t.Errorf("env ls: %s", out)
	}
	s.cli("env", "rm", "FOO", "production", "--yes")
	if list := s.api("GET", "/v10/projects/shop/env", "")["envs"].([]any); len(list) != 0 {
		t.Errorf("the variables are %v", list)
	}
	g := s.AddGlobalConfig("flags")
	s.cli("global-config", "update", g.ID, "--patch", `{"items":[{"operation":"upsert","key":"canary","value":{"pct":5}}]}`)
	item := s.api("GET", "/v1/global-config/"+g.ID+"/item/canary", "")
	if item["value"].(map[string]any)["pct"] != 5.0 {
		t.Errorf("the item is %v", item)
	}
	s.cli("webhooks", "create", "http://127.0.0.1:9/", "--event", "deployment.promoted")
	if !slices.ContainsFunc(s.Requests(), func(r fake.Request) bool { return r.Path == "/v1/webhooks" }) {
		t.Error("no webhook was made")
	}
}

func TestCLIMeasures(t *testing.T) {
	t.Parallel()
	s := open(t, fake.Options{})
	for range 3 {
		s.visit()
	}
	out := s.cli("metrics", "vercel.request.count", "--group-by", "deployment_id", "--prod", "--since", "1h", "--format",
		"json")
	var answer struct {
		Summary []map[string]any `json:"summary"`
		Data    []map[string]any `json:"data"`
	}
	s.ok(json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &answer))
	if len(answer.Summary) != 1 || answer.Summary[0]["deployment_id"] != s.base || len(answer.Data) == 0 {
		t.Fatalf("the command line measures %s", out)
	}
	for _, v := range answer.Summary[0] {
		if v == 3.0 {
			return
		}
	}
	t.Errorf("the command line counts %s, want three", out)
}
