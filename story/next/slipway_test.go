//go:build full

package next

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// password is everybody's here.
const password = "a long enough passphrase"

// slipway is the real program, running, with people at its command line.
type slipway struct {
	t         *testing.T
	dir       string
	bin       string
	up        *process
	url       string
	edge      string
	invite    string // the one-time link
	ciToken   string // may report checks
	viewToken string // may look
}

// buildSlipway builds the binary, unless another test has.
func buildSlipway(t *testing.T) *slipway {
	t.Helper()
	defer building(t, "program")()
	bin, err := filepath.Abs(filepath.Join(built, "slipway"))
	if err != nil {
		t.Fatal(err)
	}
	s := &slipway{t: t, dir: t.TempDir(), bin: bin}
	cmd := exec.Command("go", "build", "-o", s.bin, "./cmd/slipway")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return s
}

// writeStrategy lets `slipway init` write the strategy for the example from what it
// finds there, and makes its times short.
func (s *slipway) writeStrategy(stable string) string {
	s.t.Helper()
	project := filepath.Join(s.dir, "shop")
	example := filepath.Join(root, "examples", "nextjs")
	if err := os.MkdirAll(project, 0o755); err != nil {
		s.t.Fatal(err)
	}
	for _, part := range []string{"app", "lib"} {
		if err := os.CopyFS(filepath.Join(project, part), os.DirFS(filepath.Join(example, part))); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, name := range []string{"package.json", "next.config.ts", "tsconfig.json"} {
		raw, err := os.ReadFile(filepath.Join(example, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(project, name), raw, 0o644)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Logf("init:\n%s", s.must("nobody", "", "init", project))
	file := filepath.Join(project, "slipway.yaml")
	raw, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	text := string(raw)
	for _, edit := range [][2]string{
		{"http://127.0.0.1:3001", stable},
		{"bake: 10m", "bake: 4s"},
		{"approve: [product]", "approve: {product: 2}"},
		{"watch: 30m", "watch: 4s"},
		{"spike: 10x", "for: 3s, spike: 10x"},
		// Two cores carry the shops, the browser and its pages: who is slow is told by the comparison, not by a limit.
		{"warn: 500ms, critical: 1000ms", "warn: 5s, critical: 10s"},
		{"path: /api/health, critical", "path: /api/health/canary, every: 1s, timeout: 4s, critical"},
		{"\nsmoke:", "    min_requests: 30\n    window: 8s\n    blind: 15s\n    cold_start: 2s\n\nsmoke:"},
		{"approvers: [incident]}", "approvers: [incident], watch: 4s}\ntiming: {look: 500ms, retry: 500ms, skew: 1h}"},
	} {
		if strings.Count(text, edit[0]) != 1 {
			s.t.Fatalf("the strategy that init wrote has %q not once:\n%s", edit[0], text)
		}
		text = strings.Replace(text, edit[0], edit[1], 1)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.must("nobody", "", "check", file)
	return file
}

// run starts `slipway up` and reads from what it prints where everything is.
func (s *slipway) run(strategy string) {
	s.t.Helper()
	s.up = start(s.t, "slipway up", exec.Command(s.bin, "up", "--strategy", strategy,
		"--database-url", filepath.Join(s.dir, "slipway.db"), "--listen", "127.0.0.1:0", "--edge-listen", "127.0.0.1:0",
		"--adopt-version", "v1", "--log-level", "warn"), s.env("nobody")...)
	find := func(pattern string) string {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(s.up.text()); m != nil {
			return m[1]
		}
		return ""
	}
	until(s.t, 20*time.Second, "slipway up says where it is", func() bool {
		s.url, s.edge = find(`dashboard +(http://\S+)\n`), find(`visitors +(http://\S+)\n`)
		s.invite = find(`(http://\S+/setup\?\S+)\n`)
		return s.url != "" && s.edge != "" && s.invite != ""
	})
}

// env gives everybody a home of their own, so that each keeps a login.
func (s *slipway) env(who string) []string {
	home := filepath.Join(s.dir, "home", who)
	return []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, "SLIPWAY_URL=" + s.url, "SLIPWAY_TOKEN=", "SLIPWAY_DATABASE_URL=",
	}
}

// command runs a command line as a person and returns what it printed and its exit code.
func (s *slipway) command(who, input string, args ...string) (out, said string, code int) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.bin, args...) // none outlives a test that fails
	cmd.Env = append(os.Environ(), s.env(who)...)
	if who == "ci" {
		cmd.Env = append(cmd.Env, "SLIPWAY_TOKEN="+s.ciToken)
	}
	cmd.Stdin = strings.NewReader(input)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("slipway %s: %v", strings.Join(args, " "), err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// must runs a command line that must succeed.
func (s *slipway) must(who, input string, args ...string) string {
	s.t.Helper()
	out, said, code := s.command(who, input, args...)
	if code != 0 {
		s.t.Fatalf("%s: slipway %s: exit %d\n%s%s", who, strings.Join(args, " "), code, out, said)
	}
	return out
}

// ask runs a command line with --json and reads its answer.
func ask[T any](s *slipway, who string, args ...string) T {
	s.t.Helper()
	var v T
	out := s.must(who, "", append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		s.t.Fatalf("slipway %s --json: %v\n%s", strings.Join(args, " "), err, out)
	}
	return v
}

// people makes the team: the first administrator exists already.
func (s *slipway) people() {
	s.t.Helper()
	s.must("you", password+"\n", "login", "you")
	for _, p := range [][2]string{
		{"ada", "development"}, {"quinn", "qa"}, {"pia", "product"}, {"paul", "product"}, {"inez", "incident"},
	} {
		s.must("you", password+"\n", "user", "create", p[0], "--role", p[1])
		s.must(p[0], password+"\n", "login", p[0])
	}
	s.ciToken = s.token("ci", "check:report")
	s.viewToken = s.token("reader", "environment:view")
}

// token makes a token for a machine.
func (s *slipway) token(name, scope string) string {
	s.t.Helper()
	file := filepath.Join(s.dir, name+"-token")
	s.must("you", "", "token", "create", name, "--scope", scope, "--days", "1", "--file", file)
	raw, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// release is how a release stands.
func (s *slipway) release(version string) api.Release {
	s.t.Helper()
	return ask[api.Release](s, "ada", "release", "status", version)
}

// begin starts a release, reports its checks as a CI does, and has QA sign it off,
// so that it goes to its first visitors.
func (s *slipway) begin(version string, of *shop) {
	s.t.Helper()
	s.must("ada", "", "release", "start", "--version", version, "--deployment", of.url, "--commit", "4f2a9c1",
		"--build-id", "dpl-"+version, "--unscheduled", "to see how a release goes")
	s.must("ci", "", "check", "report", version, "unit", "passed", "--commit", "4f2a9c1", "--coverage", "91.5")
	if r := s.release(version); r.Share != 0 || r.Stage == "canary" {
		s.t.Fatalf("%s has visitors before its checks are there: %s", version, r.Sentence)
	}
	for _, name := range []string{"integration", "review", "lint"} {
		s.must("ci", "", "check", "report", version, name, "passed", "--commit", "4f2a9c1", "--summary", "by the pipeline")
	}
	until(s.t, 30*time.Second, version+" waits for QA", func() bool {
		r := s.release(version)
		for _, step := range r.Steps {
			if step.ID == r.Step {
				return step.Kind == "sign_off"
			}
		}
		return false
	})
	if _, said, code := s.command("paul", "", "release", "sign", version); code == 0 {
		s.t.Errorf("product signed for QA: %s", said)
	}
	s.must("quinn", "", "release", "sign", version, "--reason", "clicked through the shop")
	// init found that the shop uses flags: somebody of QA signs that they were tried.
	s.must("quinn", "", "check", "report", version, "flags_tested", "passed", "--commit", "4f2a9c1", "--summary",
		"both checkouts")
}
