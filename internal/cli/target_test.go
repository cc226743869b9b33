package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
)

// onFake is a person in a folder whose strategy names an application on the fake.
func onFake(t *testing.T) (person, *fake.World, string) {
	t.Helper()
	w := fake.New(fake.Options{AliasDelay: time.Millisecond, Log: t.Logf})
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if _, err := w.AddProject(fake.ProjectOrder{Name: "shop", Domains: 1, Skew: 86400}); err != nil {
		t.Fatal(err)
	}
	d, err := w.Push("shop", strings.Repeat("a", 40), "main", "first")
	if err == nil {
		_, err = w.Wait(t.Context(), d.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	for w.Settle(); ; w.Settle() {
		if p, _ := w.Project("shop"); p.Production != "" {
			break
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "slipway.yaml")
	text := fmt.Sprintf("app: shop\ntarget: {vercel: {project: shop, team: %s, api: %q}}\n", fake.TeamSlug, w.URL())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return person{t: t, home: dir, env: map[string]string{"VERCEL_TOKEN": "token"}}, w, file
}

// TestTheTargetIsCheckedConnectedAndLeft by one person with a token, from nothing to nothing.
func TestTheTargetIsCheckedConnectedAndLeft(t *testing.T) {
	t.Parallel()
	ada, w, file := onFake(t)
	const slipway = "http://127.0.0.1:4400"
	refused := fault.RowOf(fault.Refused).Exit
	r := ada.run("", "check", "--target", file)
	if r.code != refused || !strings.Contains(r.out, "MISSING") || !strings.Contains(r.out, "slipway target connect") {
		t.Fatalf("before: exit %d\n%s%s", r.code, r.out, r.err)
	}
	connect := []string{"target", "connect", "--strategy", file, "--url", slipway}
	if r := ada.run("", connect...); r.code != refused || !strings.Contains(r.out, "make   a webhook") ||
		!strings.Contains(r.err, "--yes") {
		t.Errorf("without a yes: exit %d\n%s%s", r.code, r.out, r.err)
	}
	if r := ada.must("", append(connect, "--plan")...); strings.Contains(r.out, "made") {
		t.Errorf("a plan does something:\n%s", r.out)
	}
	for _, q := range w.Requests() {
		if q.Method != "GET" {
			t.Errorf("before the yes it sends %s %s", q.Method, q.Path)
		}
	}
	env := filepath.Join(ada.home, "slipway.env")
	if err := os.WriteFile(env, []byte("A=1\nVERCEL_DRAIN_SECRET=old\nB=2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r = ada.must("", append(connect, "--yes", "--env-file", env)...)
	text, err := os.ReadFile(env)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		ada.env[name] = value
		if len(value) > 8 && strings.Contains(r.out+r.err, value) {
			t.Errorf("%s is on the screen", name)
		}
	}
	if info, err := os.Stat(env); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is readable by others: %v %v", info.Mode(), err)
	}
	if ada.env["A"] != "1" || ada.env["B"] != "2" || len(ada.env["VERCEL_DRAIN_SECRET"]) != 64 ||
		ada.env["VERCEL_WEBHOOK_SECRET"] == "" || strings.Count(string(text), "VERCEL_DRAIN_SECRET") != 1 {
		t.Errorf("the file is\n%s", text)
	}
	var report struct {
		Missing  int    `json:"missing"`
		Way      string `json:"way"`
		Findings []struct{ ID, State string }
	}
	r = ada.must("", "check", "--target", file, "--json")
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || report.Missing != 0 || report.Way != "rolling" ||
		len(report.Findings) < 20 {
		t.Errorf("%v: %s", err, r.out)
	}
	if r := ada.must("", append(connect, "--yes", "--json")...); !strings.Contains(r.out, `"done": 0`) {
		t.Errorf("again: %s", r.out)
	}
	ada.must("", "target", "disconnect", "--strategy", file, "--url", slipway, "--yes")
	if r := ada.run("", "check", "--target", file); r.code != refused {
		t.Errorf("after: exit %d\n%s", r.code, r.out)
	}
}

// TestATokenWithTooFewRightsIsNamed with its own exit code, and the token is nowhere.
func TestATokenWithTooFewRightsIsNamed(t *testing.T) {
	t.Parallel()
	ada, w, file := onFake(t)
	ada.must("", "target", "connect", "--strategy", file, "--url", "http://127.0.0.1:4400", "--yes")
	w.AddToken(fake.Token{Secret: "few-rights-of-mine", Lacks: []string{"Project: deployment rollback"}})
	ada.env["VERCEL_TOKEN"] = "few-rights-of-mine"
	ada.env["VERCEL_DRAIN_SECRET"], ada.env["VERCEL_WEBHOOK_SECRET"] = "a", "b"
	r := ada.run("", "check", "--target", file)
	if r.code != fault.RowOf(fault.Denied).Exit || !strings.Contains(r.out, "Roll back: Give the right") ||
		!strings.Contains(flat(r.out), "every way back") || strings.Contains(r.out+r.err, "few-rights-of-mine") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	delete(ada.env, "VERCEL_TOKEN")
	r = ada.run("", "check", "--target", file)
	if r.code != fault.RowOf(fault.Unknown).Exit || !strings.Contains(r.err, "VERCEL_TOKEN") {
		t.Errorf("without a token: exit %d\n%s%s", r.code, r.out, r.err)
	}
}

// TestLiveSaysWhatIsNotAsItIsTakenToBe, and asks before it does more than read.
func TestLiveSaysWhatIsNotAsItIsTakenToBe(t *testing.T) {
	t.Parallel()
	ada, w, file := onFake(t)
	r := ada.must("", "check", "--target", "--live", file)
	if !strings.Contains(r.out, "holds") || !strings.Contains(r.out, "not seen") {
		t.Error(r.out)
	}
	w.Fail(fake.Trouble{Path: "/v5/user/tokens/*", Status: 404, Times: -1})
	r = ada.run("", "check", "--target", "--live", file)
	if r.code != fault.RowOf(fault.Refused).Exit || !strings.Contains(r.out, "DIFFERS") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
}

// TestWhereThereIsNoPlatform nothing is looked for.
func TestWhereThereIsNoPlatform(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "slipway.yaml")
	if err := os.WriteFile(file, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}
	ada := person{t: t, home: t.TempDir(), env: map[string]string{}}
	if r := ada.run("", "check", "--target", file); r.code != fault.RowOf(fault.Refused).Exit ||
		!strings.Contains(r.err, "own edge") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
}
