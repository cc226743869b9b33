package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/live"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/people"
	"github.com/slipwayhq/slipway/internal/server"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

var update = flag.Bool("update", false, "write golden files")

const (
	password = "seven tame otters sing"
	shop     = "app: shop\ntarget: {selfhost: {stable: http://127.0.0.1:3001}}\n"
)

// person is somebody at a command line.
type person struct {
	t    *testing.T
	home string
	env  map[string]string
	user string // as the machine names them

	screen bool // standard error is a terminal
}

// result is what a command did.
type result struct {
	code     int
	out, err string
}

func (p person) run(stdin string, args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	code := Run(ctx, Options{
		In: strings.NewReader(stdin), Out: &out, Err: &errs, Env: func(k string) string { return p.env[k] },
		ConfigDir: p.home, Version: "test", Login: func() string { return p.user }, ErrTerminal: p.screen,
	}, args)
	return result{code, out.String(), errs.String()}
}

// must runs a command that has to succeed.
func (p person) must(stdin string, args ...string) result {
	p.t.Helper()
	r := p.run(stdin, args...)
	if r.code != 0 {
		p.t.Fatalf("slipway %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r
}

// slipway starts a real server with the administrator ada, and returns its address.
func slipway(t *testing.T) string {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := strategy.Parse("slipway.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	timeline := metric.NewTimeline(time.Hour, time.Minute)
	e := engine.New(engine.Options{DB: db, Strategy: plan, Timeline: timeline, Key: private, Log: quiet})
	who := people.New(people.Options{DB: db, Write: e.Write, Roles: plan.Roles, App: plan.App})
	s, err := server.New(server.Options{
		Desk: desk.New(desk.Options{
			DB: db, Engine: e, People: who, Strategy: plan, Timeline: timeline, Key: public, Version: "test",
		}),
		DB: db, Live: live.New(db, quiet), People: who, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Adopt(t.Context(), "v1", "http://127.0.0.1:3001"); err != nil {
		t.Fatal(err)
	}
	secret, _, err := who.SetupSecret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := who.Setup(t.Context(), secret, api.NewUser{Name: "ada", Password: password}); err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(s)
	t.Cleanup(func() { ts.Close(); _ = db.Close() })
	return ts.URL
}

// signedIn returns ada at her command line.
func signedIn(t *testing.T) person {
	t.Helper()
	ada := person{t: t, home: t.TempDir(), env: map[string]string{"SLIPWAY_URL": slipway(t)}}
	ada.must(password+"\n", "login", "ada")
	return ada
}

func TestHelpIsGolden(t *testing.T) {
	var b strings.Builder
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		fmt.Fprintf(&b, "$ %s --help\n", c.CommandPath())
		var out bytes.Buffer
		root := New(Options{Out: &out, Err: &out, In: strings.NewReader("")})
		root.SetArgs(append(strings.Fields(c.CommandPath())[1:], "--help"))
		if err := root.Execute(); err != nil {
			t.Errorf("%s: %v", c.CommandPath(), err)
		}
		b.WriteString(out.String() + "\n")
		for _, sub := range c.Commands() {
			if sub.Name() == "help" || sub.Name() == "completion" {
				continue
			}
			if sub.Short == "" || strings.HasSuffix(sub.Short, ".") {
				t.Errorf("%s says %q of itself", sub.CommandPath(), sub.Short)
			}
			walk(sub)
		}
	}
	walk(New(Options{}))
	path := filepath.Join("testdata", "help.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != b.String() {
		t.Errorf("%s is not what the commands say: run go test -update and look at the difference", path)
	}
	for _, row := range fault.Table() {
		if !strings.Contains(b.String(),
			fmt.Sprintf("  %d  %s: ", row.Exit, strings.ReplaceAll(string(row.Kind), "_", " "))) {
			t.Errorf("the help does not name exit code %d", row.Exit)
		}
	}
}

func TestLoginKeepsATokenThatLogoutRevokes(t *testing.T) {
	ada := signedIn(t)
	path := filepath.Join(ada.home, "slipway", "credentials.json")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept credentials
	if err := json.Unmarshal(raw, &kept); err != nil || !strings.HasPrefix(kept.Token, "slp_") {
		t.Fatalf("%s %v", raw, err)
	}
	list := ada.must("", "token", "list")
	if !strings.Contains(list.out, "cli-") || strings.Contains(list.out, kept.Token) {
		t.Error(list.out)
	}
	// The token goes nowhere but to the Slipway that made it.
	elsewhere := person{t: t, home: ada.home, env: map[string]string{"SLIPWAY_URL": "http://127.0.0.1:1"}}
	if r := elsewhere.run("", "status"); r.code != fault.RowOf(fault.Unknown).Exit ||
		!strings.Contains(r.err, "slipway login") {
		t.Errorf("%+v", r)
	}
	if r := ada.must("", "logout", "--json"); !json.Valid([]byte(r.out)) || !strings.Contains(r.out, `"revoked": true`) {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("the file is still there")
	}
	ada.env["SLIPWAY_TOKEN"] = kept.Token
	if r := ada.run("", "status"); r.code != fault.RowOf(fault.Unknown).Exit {
		t.Errorf("the token still works: %+v", r)
	}
	if r := ada.run("wrong password\n", "login", "ada"); r.code != fault.RowOf(fault.Unknown).Exit ||
		strings.Contains(r.err, "wrong password\n") {
		t.Errorf("%+v", r)
	}
}

func TestDailyWork(t *testing.T) {
	ada := signedIn(t)
	if r := ada.must("", "release", "list"); !strings.Contains(r.out, "no release yet") {
		t.Error(r.out)
	}
	if r := ada.must("", "release", "list", "--phase", "paused"); strings.Contains(r.out, "yet") {
		t.Errorf("it is asked for some: %s", r.out)
	}
	started := ada.must("", "release", "start", "--version", "v2", "--deployment", "http://127.0.0.1:3002", "--commit",
		"abc",
		"--unscheduled", "it is a test", "--json")
	var rel api.Release
	if err := json.Unmarshal([]byte(started.out), &rel); err != nil || rel.Version != "v2" || len(rel.Steps) == 0 {
		t.Fatalf("%v\n%s", err, started.out)
	}
	for _, args := range [][]string{
		{"release", "list"}, {"release", "status", "v2"}, {"status"}, {"deployment", "list"}, {"approval", "list"},
		{"incident", "list"},
		{"rollback", "list"}, {"log", "show", "--kind", "release."}, {"user", "list"}, {"check", "list", "v2"},
	} {
		r := ada.must("", args...)
		if r.out == "" || strings.Contains(r.out, "%!") {
			t.Errorf("%v: %q", args, r.out)
		}
		j := ada.must("", append(args, "--json")...)
		if !json.Valid([]byte(j.out)) {
			t.Errorf("%v --json: %s", args, j.out)
		}
	}
	if r := ada.must("", "check", "report", "v2", "unit", "passed", "--evidence",
		"https://ci.example.com/1"); !strings.Contains(r.out, "passed") {
		t.Error(r.out)
	}
	if r := ada.must("", "release", "pause", "v2"); !strings.Contains(strings.ToLower(r.out), "pause") {
		t.Error(r.out)
	}
	if r := ada.run("", "release", "abort", "v2", "--yes"); r.code != 2 || !strings.Contains(r.err, "with --reason.\n") {
		t.Errorf("nobody is told how to say why: %+v", r)
	}
	if r := ada.must("", "log", "verify"); !strings.Contains(r.out, "whole") || r.err != "" {
		t.Errorf("%+v", r)
	}
	ada.screen = true
	if r := ada.must("", "log", "verify"); !strings.HasPrefix(r.err, "The log is walked …\r") {
		t.Errorf("at a terminal nobody learns what it waits for: %+v", r)
	}
	if r := ada.must("", "log", "verify", "--json"); r.err != "" {
		t.Errorf("a program gets words: %+v", r)
	}
	ada.screen = false
	if r := ada.must("", "issue", "report", "--title", "the cart is empty"); !strings.Contains(r.out, "SEV") {
		t.Error(r.out)
	}
	made := ada.must("", "token", "create", "ci", "--scope", "check:report", "--scope", "environment:view")
	ci := person{t: t, env: map[string]string{"SLIPWAY_URL": ada.env["SLIPWAY_URL"],
		"SLIPWAY_TOKEN": strings.TrimSpace(made.out)}}
	ci.must("", "check", "report", "v2", "integration", "failed")
	if r := ci.run("", "release", "abort", "v2", "--yes"); r.code != fault.RowOf(fault.Denied).Exit ||
		!strings.Contains(r.err, "release:control") {
		t.Errorf("%+v", r)
	}
}

func TestPeopleByCommand(t *testing.T) {
	ada := signedIn(t)
	ada.must("another long password\n", "user", "create", "bob", "--role", "qa", "--title", "Bob")
	if r := ada.must("", "user", "list"); !strings.Contains(r.out, "Bob") || !strings.Contains(r.out, "qa") {
		t.Error(r.out)
	}
	bob := person{t: t, home: t.TempDir(), env: ada.env}
	bob.must("another long password\n", "login", "bob")
	if r := bob.run("x\n", "user", "create", "eve"); r.code != fault.RowOf(fault.Denied).Exit &&
		r.code != fault.RowOf(fault.Invalid).Exit {
		t.Errorf("%+v", r)
	}
	ada.must("", "user", "change", "bob", "--disable")
	if r := bob.run("", "status"); r.code != fault.RowOf(fault.Unknown).Exit {
		t.Errorf("%+v", r)
	}
	if r := ada.run("", "user", "change", "ada", "--role", "qa"); r.code != fault.RowOf(fault.Refused).Exit ||
		!strings.Contains(r.err, "last administrator") {
		t.Errorf("%+v", r)
	}
	if r := ada.run("short\n", "user", "password", "bob"); r.code != fault.RowOf(fault.Invalid).Exit {
		t.Errorf("%+v", r)
	}
}

func TestExitCodesAndAdvice(t *testing.T) {
	ada := signedIn(t)
	tests := []struct {
		args []string
		code int
		says string
	}{
		{[]string{"release", "status", "v9"}, 3, "v9"},
		{[]string{"release", "status"}, 2, "slipway release status RELEASE"},
		{[]string{"release", "start"}, 2, "version"},
		{[]string{"release", "share", "v2", "lots"}, 2, "lots"},
		{[]string{"frobnicate"}, 2, "frobnicate"},
		{[]string{"release", "frobnicate"}, 2, "frobnicate"},
		{[]string{"status", "--frobnicate"}, 2, "--frobnicate"},
		{[]string{"status", "--url", "nonsense"}, 8, "login"},
		{[]string{"status", "--url", "nonsense", "--token", "slp_x"}, 2, "nonsense"},
		{[]string{"status", "--url", "http://127.0.0.1:1", "--token", "slp_x"}, 7, "slipway up"},
		{[]string{"status", "--token", "slp_x"}, 8, "token"},
		{[]string{"release", "start", "--version", "a b", "--deployment", "http://x"}, 2, "body.version"},
		{[]string{"log", "show", "--from", "yesterday"}, 2, "yesterday"},
	}
	for _, tt := range tests {
		r := ada.run("", tt.args...)
		if r.code != tt.code || !strings.Contains(r.err, tt.says) || !strings.HasPrefix(r.err, "slipway: ") {
			t.Errorf("%v: exit %d, %q", tt.args, r.code, r.err)
		}
	}
}

func TestStrategyFiles(t *testing.T) {
	p := person{t: t}
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	for path, text := range map[string]string{good: shop, bad: "app: shop\ntarget: {selfhost: {stabel: x}}\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := p.must("", "check", good); !strings.Contains(r.out, "is good: shop") {
		t.Error(r.out)
	}
	if r := p.must("", "check", good, "--explain"); !strings.Contains(r.out, "# default") {
		t.Error(r.out)
	}
	if r := p.must("", "check", "--schema"); !json.Valid([]byte(r.out)) {
		t.Error(r.out)
	}
	if r := p.run("", "check", bad); r.code != 2 || !strings.Contains(r.err, "bad.yaml:2:") ||
		!strings.Contains(r.err, "^") {
		t.Errorf("%+v", r)
	}
	if r := p.run("", "check", filepath.Join(dir, "none.yaml")); r.code == 0 || r.err == "" {
		t.Errorf("%+v", r)
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"name":"shop","dependencies":{"next":"16.0.0"}}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	if r := p.must("", "init", dir); !strings.Contains(r.out, "is written") {
		t.Error(r.out)
	}
	p.must("", "check", filepath.Join(dir, "slipway.yaml"))
	if r := p.run("", "init", dir); r.code != fault.RowOf(fault.Refused).Exit || !strings.Contains(r.err, "--force") {
		t.Errorf("%+v", r)
	}
	p.must("", "init", dir, "--force")
}

// once cancels when the first whole line was written.
type once struct {
	bytes.Buffer
	cancel func()
}

// Write takes a part and cancels after a line.
func (o *once) Write(b []byte) (int, error) {
	n, err := o.Buffer.Write(b)
	if bytes.Contains(o.Bytes(), []byte("\n")) {
		o.cancel()
	}
	return n, err
}

func TestFollowShowsEventsUntilInterrupted(t *testing.T) {
	ada := signedIn(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, errs := &once{cancel: cancel}, &bytes.Buffer{}
	code := Run(ctx, Options{
		In: strings.NewReader(""), Out: out, Err: errs, Env: func(k string) string { return ada.env[k] }, ConfigDir: ada.home,
	}, []string{"log", "follow", "--after", "0", "--json"})
	var e api.Event
	line, _, _ := strings.Cut(out.String(), "\n")
	err := json.Unmarshal([]byte(line), &e)
	if err != nil || e.Seq != 1 || code != 130 ||
		(result{code, "", errs.String()}).failed(t).Kind != interruptedWord {
		t.Errorf("exit %d: %s %s %v", code, line, errs, err)
	}
}
