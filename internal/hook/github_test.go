package hook

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/github"
)

const rerequested = `{"action":"rerequested","repository":{"full_name":"acme/shop"},"check_run":{"external_id":"rel_1"}}`

// What GitHub signs is taken once, whatever stands beside the signed body: whoever has seen a delivery could send it
// again under another id.
func TestGitHubDelivers(t *testing.T) {
	t.Parallel()
	var heard []github.Event
	fails := false
	d := node(database(t), Options{Forge: func(_ context.Context, ev github.Event) error {
		if fails {
			return errors.New("the store is away")
		}
		heard = append(heard, ev)
		return nil
	}})
	good := github.Signature([]byte(rerequested), "old-github")
	for _, x := range []struct {
		name, signature, id, kind, body string
		fails                           bool
		status, heard                   int
	}{
		{"unsigned", "", "1", "check_run", rerequested, false, 403, 0},
		{"by the other door's", github.Signature([]byte(rerequested), "new-webhooks"), "1", "check_run", rerequested, false,
			403, 0},
		{"of another body", good, "1", "check_run", rerequested + " ", false, 403, 0},
		{"of no interest", good, "1", "ping", rerequested, false, 200, 0},
		{"no event", github.Signature([]byte("x"), "new-github"), "1", "check_run", "x", false, 400, 0},
		{"that fails", good, "1", "check_run", rerequested, true, 503, 0},
		{"that comes again", good, "1", "check_run", rerequested, false, 200, 1},
		{"that is taken already", good, "1", "check_run", rerequested, false, 200, 1},
		{"under another id", good, "2", "check_run", rerequested, false, 200, 1},
	} {
		fails = x.fails
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hooks/github", strings.NewReader(x.body))
		r.Header.Set(github.SignatureHeader, x.signature)
		r.Header.Set("X-GitHub-Delivery", x.id)
		r.Header.Set(github.EventHeader, x.kind)
		w := httptest.NewRecorder()
		if d.ServeHTTP(w, r); w.Code != x.status || len(heard) != x.heard {
			t.Errorf("%s: answered %d, %d are heard of: %s", x.name, w.Code, len(heard), w.Body)
		}
	}
	if len(heard) == 0 || heard[0].Type != github.Rerequested || heard[0].External != "rel_1" {
		t.Errorf("heard %+v", heard)
	}
}
