package app

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/engine"
	fake "github.com/slipwayhq/slipway/internal/fake/github"
	"github.com/slipwayhq/slipway/internal/github"
	"github.com/slipwayhq/slipway/internal/strategy"
)

const codeCommit = "9fceb02d0ae598e95dc970b74767f19372d61af8"

// atGitHub is a running program whose strategy names a repository of the fake, and a client of somebody who may
// everything. No secret is in its environment.
func atGitHub(t *testing.T) (*App, *fake.GitHub, *client.Client) {
	t.Helper()
	g, err := fake.New("acme/shop", codeCommit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	text := "app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:9\"}}\n" +
		"github: {app_id: %d, repository: acme/shop, api: %q, protection: [production]}\n"
	plan, err := strategy.Parse("test.yaml", fmt.Appendf(nil, text, g.App, g.URL))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	a, err := Open(ctx, Options{Database: filepath.Join(t.TempDir(), "a.db"), Strategy: plan, Control: anyPort(t),
		Public: "https://slipway.example.com", Stop: time.Second, Pace: engine.Pace{Poll: 10 * time.Millisecond},
		Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	g.Hook(a.URL() + github.HookPath)
	x := &town{t: t, App: a}
	x.signIn()
	return a, g, x.to
}

// post delivers a body as it is, and returns the status.
func post(t *testing.T, address, kind, signature, body string) int {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set(github.EventHeader, kind)
	q.Header.Set(github.SignatureHeader, signature)
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = a.Body.Close()
	return a.StatusCode
}

// deliveries counts what is written in the log of jobs that wait.
func deliveries(t *testing.T, to *client.Client) int {
	t.Helper()
	page, err := to.Events(t.Context(), client.EventQuery{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range page.Items {
		if e.Kind == "github.asked" {
			n++
		}
	}
	return n
}

func TestGitHubDelivers(t *testing.T) {
	t.Parallel()
	a, g, to := atGitHub(t)
	ctx := t.Context()
	ev := g.Wait(1, "production", codeCommit)
	deliver := func(id, kind string, ev fake.Object) int {
		t.Helper()
		status, err := g.Deliver(ctx, id, kind, ev)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	const rule = "deployment_protection_rule"
	if got := deliver("a", rule, ev); got != http.StatusForbidden {
		t.Errorf("without a secret: %d", got)
	}
	if _, err := to.SetTargetSecret(ctx, "github_webhook", g.Secret); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "a", "z"} { // what was refused may come again; what was taken counts once
		if got := deliver(id, rule, ev); got != http.StatusOK {
			t.Errorf("signed: %d", got)
		}
	}
	if n := deliveries(t, to); n != 1 {
		t.Errorf("a delivery that came three times was heard %d times", n)
	}
	if got := deliver("b", "ping", fake.Object{"zen": "Keep it logically awesome."}); got != http.StatusOK {
		t.Errorf("an event that nobody knows: %d", got)
	}
	if got := deliver("c", rule, fake.Object{"action": "requested"}); got != http.StatusBadRequest {
		t.Errorf("a job without its run: %d", got)
	}
	address := a.URL() + github.HookPath
	body := `{"action":"requested"}`
	for name, tt := range map[string]struct {
		signature, body string
		want            int
	}{
		"another's secret": {github.Signature([]byte(body), "mallory"), body, http.StatusForbidden},
		"another body":     {github.Signature([]byte(body), g.Secret), body + " ", http.StatusForbidden},
		"none":             {"", body, http.StatusForbidden},
		"too large": {github.Signature([]byte("x"), g.Secret), strings.Repeat(" ", 1<<20) + body,
			http.StatusBadRequest},
	} {
		if got := post(t, address, rule, tt.signature, tt.body); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
	if n := deliveries(t, to); n != 1 {
		t.Errorf("after all the rest %d deliveries were heard", n)
	}
}

func TestGitHubIsConnectedByItsKey(t *testing.T) {
	t.Parallel()
	a, g, to := atGitHub(t)
	ctx := t.Context()
	look := func() (api.GitHubAccess, string) {
		t.Helper()
		out, err := to.GitHub(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var lacks []string
		for _, f := range out.Findings {
			if f.State != "ok" {
				lacks = append(lacks, f.What)
			}
		}
		return out, strings.Join(lacks, ", ")
	}
	if out, lacks := look(); out.Connected || lacks != "app acme/shop" ||
		!strings.Contains(out.Findings[0].Found, "slipway github key set") {
		t.Errorf("without a key: %+v", out)
	}
	if _, err := to.SetTargetSecret(ctx, "github_key", "-----BEGIN NOTHING-----"); err == nil {
		t.Error("what is no key is kept")
	}
	g.Permit("checks", "read")
	g.Permit("actions", "")
	if _, err := to.SetTargetSecret(ctx, "github_key", g.Key()); err != nil { // as it is, in several lines
		t.Fatal(err)
	}
	out, lacks := look()
	want := "Checks: write, Actions: read, webhook, secret of the webhook"
	if out.Connected || lacks != want || out.Missing != 4 || out.Installation != 99 || out.Answered == nil {
		t.Errorf("with a key alone it lacks %s, want %s: %+v", lacks, want, out)
	}
	g.Permit("checks", "write")
	g.Permit("actions", "read")
	g.Hook("https://slipway.example.com" + github.HookPath)
	if _, err := to.SetTargetSecret(ctx, "github_webhook", g.Secret); err != nil {
		t.Fatal(err)
	}
	if _, err := to.SetTargetSecret(ctx, "github_key", g.Key()); err != nil { // what was seen is forgotten
		t.Fatal(err)
	}
	if out, lacks := look(); !out.Connected || lacks != "" || out.Missing != 0 {
		t.Errorf("with everything it lacks %s: %+v", lacks, out)
	}
	// Somebody has given another secret: it is seen by what is refused, until one is taken.
	g.Hook(a.URL() + github.HookPath)
	defer g.Hook("https://slipway.example.com" + github.HookPath)
	right := g.Secret
	g.Secret = "another"
	for _, want := range []string{"webhook, secret of the webhook", "webhook"} {
		if _, err := g.Deliver(ctx, want, "ping", fake.Object{"zen": "Keep it logically awesome."}); err != nil {
			t.Fatal(err)
		}
		if _, err := to.SetTargetSecret(ctx, "github_key", g.Key()); err != nil {
			t.Fatal(err)
		}
		if out, lacks := look(); lacks != want || !strings.Contains(out.Sentence, "First: webhook.") {
			t.Errorf("signed by %s it lacks %s, want %s: %s", g.Secret, lacks, want, out.Sentence)
		}
		g.Secret = right
	}
	if s, err := to.Status(ctx); err != nil || s.GitHub == nil || s.GitHub.Repository != "acme/shop" || s.GitHub.Trouble {
		t.Errorf("the status says %+v (%v)", s.GitHub, err)
	}
	if got := a.PublicURL(); got != "https://slipway.example.com" {
		t.Errorf("links lead to %s", got)
	}
}

func TestPublicURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "https://s.example/": "https://s.example",
		"http://127.0.0.1:1": "http://127.0.0.1:1", "s.example": "!", "https://s.example/x": "!", "ftp://s.example": "!",
		"https://a:b@s.example": "!", "https://s.example?x=1": "!"} {
		got, err := publicURL(in)
		if (err != nil) != (want == "!") || err == nil && got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}
