package app

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// A webhook names who changed production: not of another project that the same account has, of which a rollback tells
// the id alone, and not long after.
func TestWhomAWebhookNames(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":"prj_ours","name":"shop","accountId":"team_1"}`)
	}))
	t.Cleanup(api.Close)
	plan, err := strategy.Parse("test.yaml",
		fmt.Appendf(nil, "app: shop\ntarget: {vercel: {project: shop, api: %q}}\n", api.URL))
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), Options{
		Database: filepath.Join(t.TempDir(), "x.db"), Strategy: plan, Control: anyPort(t), Log: slog.New(slog.DiscardHandler),
		Env: func(name string) (string, bool) {
			token, ok := map[string]string{"VERCEL_TOKEN": "token"}[name]
			return token, ok
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.DB.Close() })
	now := time.Now()
	for _, tt := range []struct {
		e    vercel.Event
		want string
	}{
		{vercel.Event{Project: "prj_theirs", User: "Eve", Created: now}, ""},
		{vercel.Event{Project: "prj_theirs", Name: "blog", User: "Eve", Created: now}, ""},
		{vercel.Event{Project: "prj_ours", User: "Late", Created: now.Add(-time.Hour)}, ""},
		{vercel.Event{Project: "prj_ours", User: "Grace", Created: now.Add(-time.Minute)}, "Grace"},
		{vercel.Event{Project: "prj_theirs", User: "Eve", Created: now}, "Grace"},
		{vercel.Event{Project: "prj_ours", User: "Late", Created: now.Add(-time.Hour)}, "Grace"},
		{vercel.Event{Project: "prj_ours", Name: "shop", User: "Ada"}, "Ada"},
	} {
		tt.e.ID, tt.e.Type = "evt", "deployment.rollback"
		if err := a.heard(t.Context(), tt.e); err != nil {
			t.Fatal(err)
		}
		known, err := a.DB.Target(t.Context(), "shop")
		if err != nil || known.Hand.By != tt.want {
			t.Errorf("after %+v production is %q's, want %q (%v)", tt.e, known.Hand.By, tt.want, err)
		}
	}
}

// What an event says of production, which is held against what is served before anybody is named.
func TestWhatAWebhookSaysOfProduction(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body  string
		want  deployment.Hand
		moves bool
	}{
		{`{"type": "deployment.promoted", "payload": {"deployment": {"id": "dpl_3"}}}`,
			deployment.Hand{Stable: "dpl_3"}, true},
		{`{"type": "deployment.rollback", "payload": {"fromDeploymentId": "dpl_2", "toDeploymentId": "dpl_1"}}`,
			deployment.Hand{Stable: "dpl_1"}, true},
		{`{"type": "project.rolling-release.approved", ROLLING}`, deployment.Hand{Canary: "dpl_2", Share: 25}, true},
		{`{"type": "project.rolling-release.started", ROLLING}`, deployment.Hand{Canary: "dpl_2", Share: 25}, true},
		{`{"type": "project.rolling-release.completed", ROLLING}`, deployment.Hand{Stable: "dpl_2"}, true},
		{`{"type": "project.rolling-release.aborted", ROLLING}`, deployment.Hand{Stable: "dpl_1"}, true},
		{`{"type": "deployment.cleanup", "payload": {"deployment": {"id": "dpl_2"}}}`,
			deployment.Hand{Gone: "dpl_2"}, true},
		{`{"type": "deployment.cleanup", "payload": {"deployment": {"id": "dpl_0"}}}`,
			deployment.Hand{Gone: "dpl_0"}, false},
		{`{"type": "deployment.created", "payload": {"deployment": {"id": "dpl_3"}}}`, deployment.Hand{}, false},
	} {
		body := strings.Replace(tt.body, "ROLLING", `"payload": {"rollingRelease": {"default": {
			"baseDeploymentId": "dpl_1", "targetDeploymentId": "dpl_2", "targetPercentage": 25}}}`, 1)
		ev, err := vercel.DecodeEvent([]byte(strings.Replace(body, "{", `{"id": "evt_1", `, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if got, moves := handOf(ev, "dpl_1", "dpl_2"); got != tt.want || moves != tt.moves {
			t.Errorf("%s: %+v, %v", tt.body, got, moves)
		}
	}
}
