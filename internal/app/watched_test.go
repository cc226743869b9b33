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

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// A reader who visits a hundred old builds takes no room from the one that is released.
func TestOldDeploymentsTakeNoRoom(t *testing.T) {
	t.Parallel()
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "the shop")
	}))
	t.Cleanup(shop.Close)
	plan, err := strategy.Parse("test.yaml", fmt.Appendf(nil,
		"app: shop\ntarget: {selfhost: {stable: %q}}\nguards: {default: {source: drain}}\n", shop.URL))
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), Options{
		Database: filepath.Join(t.TempDir(), "x.db"), Strategy: plan, Control: anyPort(t), Edge: anyPort(t),
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.DB.Close() })
	if err := a.Engine.Adopt(t.Context(), "v1", shop.URL); err != nil {
		t.Fatal(err)
	}
	const old, now = 100, "new"
	r := release.New(release.Release{ID: ident.New("rel", time.Now()), App: "shop", Version: now, Author: "usr_x",
		Deployment: "dep_" + now, Previous: "dep_0", URL: shop.URL, Plan: plan.ReleasePlan()}, time.Now())
	err = a.DB.Write(t.Context(), func(tx *store.Tx) error {
		for i := range old + 1 {
			name := fmt.Sprint(i)
			if i == old {
				name = now
			}
			d := deployment.Deployment{ID: "dep_" + name, External: "dpl_" + name, App: "shop", Version: "old-" + name,
				URL: shop.URL, Created: time.Now(), Verdict: deployment.Good}
			if err := tx.InsertDeployment(t.Context(), &d); err != nil {
				return err
			}
		}
		return tx.InsertRelease(t.Context(), &r)
	})
	if err != nil {
		t.Fatal(err)
	}
	visit := func(external string) {
		body := fmt.Appendf(nil, `{"id":"%[1]s","requestId":"%[1]s","deploymentId":"%[1]s","timestamp":%[2]d,`+
			`"source":"lambda","path":"/","proxy":{"timestamp":%[2]d,"statusCode":200,"path":"/"}}`, external,
			time.Now().UnixMilli())
		if err := a.drain.Take(t.Context(), time.Now(), body); err != nil {
			t.Fatal(err)
		}
	}
	for i := 1; i < old; i++ {
		visit(fmt.Sprint("dpl_", i))
	}
	visit("dpl_0") // which the release is compared with
	visit("dpl_" + now)
	if c := a.drain.Counters(); c.Requests != 2 || c.Unknown != old-1 {
		t.Errorf("counted %d requests and left %d out, want 2 and %d", c.Requests, c.Unknown, old-1)
	}
}
