package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	fake "github.com/slipwayhq/slipway/internal/fake/github"
	"github.com/slipwayhq/slipway/internal/fault"
)

// TestGitHubIsCheckedAndGivenItsKey by one person: before Slipway runs, and then with the key that it keeps.
func TestGitHubIsCheckedAndGivenItsKey(t *testing.T) {
	t.Parallel()
	g, err := fake.New("acme/shop", strings.Repeat("a", 40))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	ada := person{t: t, home: t.TempDir(), env: map[string]string{"SLIPWAY_TEST_KEY": g.Key()}}
	file, key := filepath.Join(ada.home, "slipway.yaml"), filepath.Join(ada.home, "app.pem")
	text := fmt.Sprintf("app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:9\"}}\n"+
		"github: {app_id: %d, repository: acme/shop, api: %q, protection: [production], deployments: on,\n"+
		"  private_key_env: SLIPWAY_TEST_KEY, webhook_secret_env: SLIPWAY_TEST_HOOK}\n", g.App, g.URL)
	for name, content := range map[string]string{file: text, key: g.Key()} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wrong := filepath.Join(ada.home, "wrong.yaml")
	if err := os.WriteFile(wrong, []byte(strings.Replace(text, fmt.Sprint(g.App), "12", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := ada.run("", "check", "--target", wrong); r.code != fault.RowOf(fault.Refused).Exit ||
		!strings.Contains(r.out, "GitHub knows no app with the id 12") ||
		!strings.Contains(r.out, "To do at GitHub:\n  app acme/shop: Set github.app_id") {
		t.Errorf("another app's id: exit %d\n%s%s", r.code, r.out, r.err)
	}
	g.Permit("deployments", "read")
	r := ada.run("", "check", "--target", file)
	if r.code != fault.RowOf(fault.Denied).Exit || !strings.Contains(r.out, "MISSING") ||
		!strings.Contains(r.out, "Deployments: write") || !strings.Contains(r.out, "To do at GitHub") {
		t.Errorf("before: exit %d\n%s%s", r.code, r.out, r.err)
	}
	g.Permit("deployments", "write")
	delete(ada.env, "SLIPWAY_TEST_KEY")
	running(t, &ada, file)
	if r := ada.must("", "github", "status"); !strings.Contains(r.out, "NOT connected") ||
		!strings.Contains(r.out, "slipway github key set") {
		t.Errorf("without a key:\n%s", r.out)
	}
	if r := ada.must("", "github", "key", "show"); !strings.Contains(r.out, "slipway github key set") {
		t.Errorf("before it is kept:\n%s", r.out)
	}
	if r := ada.run("", "github", "key", "set"); r.code == 0 {
		t.Errorf("nothing is taken for a key:\n%s", r.out)
	}
	ada.must("", "github", "key", "set", key)
	ada.must("hook-secret\n", "github", "webhook", "set")
	g.Hook("https://slipway.example.com/hooks/github")
	r = ada.must("", "github", "key", "set", key)
	if strings.Contains(r.out+r.err, "PRIVATE KEY") {
		t.Error("the key is on the screen")
	}
	if r := ada.must("", "github", "status"); strings.Contains(r.out, "MISSING") ||
		!strings.Contains(r.out, "acme/shop is connected, as the GitHub App 4711 (installation 99)") {
		t.Errorf("with everything:\n%s", r.out)
	}
	if r := ada.must("", "check", "--target", file, "--json"); !strings.Contains(r.out, `"missing": 0`) {
		t.Errorf("checked with the kept key:\n%s", r.out)
	}
	if r := ada.must("", "status"); !strings.Contains(r.out, "GitHub: acme/shop.") {
		t.Errorf("the status:\n%s", r.out)
	}
}
