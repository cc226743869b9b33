//go:build full

package github

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/app"
	fake "github.com/slipwayhq/slipway/internal/fake/github"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// slipway is one that lets the runs of a branch report checks, and nobody else.
func slipway(t *testing.T, g *fake.GitHub) *app.App {
	t.Helper()
	plan, err := strategy.Parse("test.yaml", fmt.Appendf(nil, `app: shop
target: {selfhost: {stable: "http://127.0.0.1:1"}}
identities:
  main: {issuer: %q, match: {repository: acme/shop, ref: refs/heads/main}, scopes: ["environment:view", "check:report"]}
`, g.Issuer()))
	ok(t, err)
	control, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	ctx, stop := context.WithCancel(t.Context())
	a, err := app.Open(ctx, app.Options{Database: filepath.Join(t.TempDir(), "a.db"), Strategy: plan, Control: control,
		Stop: time.Second})
	ok(t, err)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() { stop(); ok(t, <-ended) })
	return a
}

// A step of a workflow reports a check with the run's own token, as GitHub's own library asks for it and as our example
// does with curl. A pull request's run and a token that was made for somebody else are refused.
func TestARunOfGitHubActionsNeedsNoKeptToken(t *testing.T) {
	t.Parallel()
	g, _ := town(t)
	a := slipway(t, g)
	for i, tt := range []struct {
		claims   fake.Object
		audience string
		want     string
	}{
		{nil, "slipway", "STATUS 200"},
		{nil, "another", "STATUS 401"},
		{nil, "", "STATUS 401"},
		{fake.Object{"ref": "refs/pull/7/merge", "event_name": "pull_request"}, "slipway", "STATUS 401"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "node", "actions.mjs")
			cmd.Env = append(os.Environ(), append(g.Start(int64(i), tt.claims), "SLIPWAY_URL="+a.URL(),
				"AUDIENCE="+tt.audience)...)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), tt.want+"\n") {
				t.Errorf("want %s: %v\n%s", tt.want, err, out)
			}
		})
	}
	t.Run("curl", func(t *testing.T) {
		t.Parallel()
		readme, err := os.ReadFile("../../examples/github-actions/README.md")
		ok(t, err)
		_, part, _ := strings.Cut(string(readme), "## Without a kept token")
		_, part, _ = strings.Cut(part, "```sh\n")
		script, _, found := strings.Cut(part, "```")
		if !found {
			t.Fatal("the example says nothing any more")
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", script+`curl -sS -o /dev/null -w 'STATUS %{http_code}\n' \
			-H "Authorization: Bearer $SLIPWAY_TOKEN" -H 'Content-Type: application/json' \
			-d '{"version": "v2", "name": "unit", "status": "passed"}' "$SLIPWAY_URL/api/v1/checks"`)
		cmd.Env = append(os.Environ(), append(g.Start(99, nil), "SLIPWAY_URL="+a.URL())...)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "::add-mask::eyJ") || !strings.Contains(string(out), "STATUS 200\n") {
			t.Errorf("by curl: %v\n%s", err, out)
		}
	})
}
