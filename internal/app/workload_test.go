package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/workload/workloadtest"
)

// TestARunOfAPlatformNeedsNoToken starts a release with what GitHub gives to a run, and does no more than it may.
func TestARunOfAPlatformNeedsNoToken(t *testing.T) {
	issuer := workloadtest.Open(t)
	plan, err := strategy.Parse("test.yaml", fmt.Appendf(nil, `app: shop
target: {selfhost: {stable: "http://127.0.0.1:1"}}
identities:
  main: {issuer: %q, match: {repository: acme/shop}, scopes: ["environment:view", "check:report"]}
`, issuer.URL))
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), Options{Database: filepath.Join(t.TempDir(), "a.db"), Strategy: plan, Control: anyPort(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.DB.Close() }()
	ask := func(method, path, token, body string) int {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), token) {
			t.Error("the token stands in the answer")
		}
		return w.Code
	}
	token := issuer.Token(nil, "k1", nil)
	check := `{"version": "v2", "name": "unit", "status": "passed"}`
	if code := ask("POST", "/api/v1/checks", token, check); code >= 300 {
		t.Errorf("a check that it may report gives %d", code)
	}
	if code := ask("GET", "/api/v1/releases", token, ""); code != http.StatusOK {
		t.Errorf("reading gives %d", code)
	}
	wish := `{"name": "x", "scopes": ["check:report"]}`
	if code := ask("POST", "/api/v1/tokens", token, wish); code != http.StatusForbidden {
		t.Errorf("a token of its own gives %d", code)
	}
	if code := ask("POST", "/api/v1/releases", token, `{"version": "v2", "deployment_url": "http://127.0.0.1:1"}`); code !=
		http.StatusForbidden {
		t.Errorf("a release that it may not start gives %d", code)
	}
	fork := issuer.Token(map[string]any{"repository": "mallory/shop"}, "k1", nil)
	if code := ask("POST", "/api/v1/checks", fork, check); code != http.StatusUnauthorized {
		t.Errorf("a fork's run gives %d", code)
	}
}
