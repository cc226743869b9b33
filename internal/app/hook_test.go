package app

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

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
		Env: func(string) (string, bool) { return "token", true },
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
		if err != nil || known.By != tt.want {
			t.Errorf("after %+v production is %q's, want %q (%v)", tt.e, known.By, tt.want, err)
		}
	}
}
