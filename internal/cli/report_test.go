package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

// failed reads the error of a command that was run with --json: the last line of standard error, and nothing else where
// nobody is asked.
func (r result) failed(t *testing.T) failure {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(r.err, "\n"), "\n")
	var f failure
	dec := json.NewDecoder(strings.NewReader(lines[len(lines)-1]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		t.Fatalf("no JSON: %v\n%s", err, r.err)
	}
	if f.Kind == "" || f.Reason == "" || f.Sentence == "" || f.Remedy == "" || f.Places == nil || f.ExitCode != r.code {
		t.Errorf("exit %d: %+v", r.code, f)
	}
	return f
}

// TestAnErrorOfEveryCommandIsJSONForPrograms: whatever goes wrong, and also where the command line can't be read.
func TestAnErrorOfEveryCommandIsJSONForPrograms(t *testing.T) {
	t.Chdir(t.TempDir())
	nobody := person{t: t, home: t.TempDir()}
	tried := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		words := strings.Fields(c.CommandPath())[1:]
		r := nobody.run("", append(words, "--bogus", "--json")...)
		if f := r.failed(t); f.Reason != "usage" || r.out != "" || len(f.Places) != 1 ||
			f.Places[0].Place != c.CommandPath() {
			t.Errorf("%v: %q %+v", words, r.out, f)
		}
		if !c.HasSubCommands() && c.Name() != "init" && c.Name() != "logout" && c.Name() != "simulate" { // these succeed
			tried++
			if r := nobody.run("", append([]string{"--json"}, words...)...); r.code == 0 || r.out != "" {
				t.Errorf("%v: exit %d %q", words, r.code, r.out)
			} else {
				r.failed(t)
			}
		}
		for _, sub := range c.Commands() {
			if sub.Name() != "help" && sub.Name() != "completion" {
				walk(sub)
			}
		}
	}
	walk(New(Options{}))
	if tried < 80 {
		t.Errorf("%d commands were tried", tried)
	}
}

func TestAnErrorNamesItsPlacesForPrograms(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("slipway.yaml", []byte("app: shop\ntarget: {selfhost: {stable: 3}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := person{t: t, home: t.TempDir()}.run("", "check", "--json").failed(t)
	if len(f.Places) != 1 || f.Places[0].Place != "target.selfhost.stable" ||
		!strings.Contains(f.Places[0].Sentence, "slipway.yaml:2:") {
		t.Errorf("%+v", f)
	}
	if err := os.WriteFile("slipway.yaml", []byte("app: [shop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f = person{t: t, home: t.TempDir()}.run("", "check", "--json").failed(t)
	if len(f.Places) != 1 || !strings.HasPrefix(f.Places[0].Place, "slipway.yaml:1:") {
		t.Errorf("%+v", f)
	}
	r := person{t: t, home: t.TempDir()}.run("", "config", "check", "x", "-e", "production")
	if want := "slipway: .env.example can't be read: no such file or directory. It is the list of what is needed: " +
		"--list names another.\n"; r.err != want {
		t.Errorf("%q", r.err)
	}
	for _, c := range []struct {
		err  error
		want failure
	}{
		{&client.Problem{Kind: "invalid", Reason: "body", Message: "Wrong.", Command: "Wrong here.", Remedy: "mend it",
			Request: "req_1", ExitCode: 2, Fields: []api.ProblemError{{Location: "body.version", Message: "is empty"}}},
			failure{"invalid", "body", "Wrong here.", "mend it", []place{{"body.version", "is empty"}}, "req_1", 2}},
		{&client.Problem{Kind: "unavailable", Reason: "gateway", Message: "502.", ExitCode: 256},
			failure{"unavailable", "gateway", "502.", fault.RowOf(fault.Unavailable).Remedy, []place{}, "", 7}},
		{context.Canceled, failure{"interrupted", "interrupted", "interrupted", "run it again", []place{}, "", 130}},
		{fmt.Errorf("read: %w", os.ErrClosed), failure{"internal", "internal", "read: file already closed",
			fault.RowOf(fault.Internal).Remedy, []place{}, "", 1}},
	} {
		var out bytes.Buffer
		r := result{code: Report(&out, c.err, true), err: out.String()}
		if diff := cmp.Diff(c.want, r.failed(t)); diff != "" || strings.Count(r.err, "\n") != 1 {
			t.Errorf("%v: %s\n%s", c.err, diff, r.err)
		}
	}
}
