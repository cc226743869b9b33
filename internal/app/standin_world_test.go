package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/deployment"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/observability"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// What Vercel's own endpoint counts of real requests, over HTTP, is what a guard sees; when it is refused nothing is
// made up, and that is said.
func TestVercelsCountsComeFromItsEndpoint(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Minute).Add(30 * time.Second)
	var ago atomic.Int64 // seconds; the requests are of then
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(broken.Close)
	world := fake.New(fake.Options{Log: t.Logf, AliasDelay: time.Millisecond,
		Now:   func() time.Time { return time.Now().Add(-time.Duration(ago.Load()) * time.Second) },
		Build: func(context.Context, fake.Deployment) (string, error) { return broken.URL, nil }})
	if err := world.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	if _, err := world.AddProject(fake.ProjectOrder{Name: "shop", Repository: "acme/shop", Domains: 1}); err != nil {
		t.Fatal(err)
	}
	d, err := world.Push("shop", strings.Repeat("b", 40), "next", "v2")
	if err == nil {
		d, err = world.Wait(t.Context(), d.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	ago.Store(int64(time.Since(now.Truncate(time.Minute).Add(-150 * time.Second)).Seconds()))
	for _, path := range []string{"/", "/", "/broken", "/", "/broken"} {
		answer, err := http.Get("http://" + d.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	ago.Store(0)
	a := standIn(t, now, metric.Observability)
	err = a.DB.Write(t.Context(), func(tx *store.Tx) error {
		x := deployment.Deployment{ID: "dep_3", External: d.ID, App: "shop", Version: "v3", URL: "http://" + d.URL,
			Created: now, Verdict: deployment.Good}
		if err := tx.InsertDeployment(t.Context(), &x); err != nil {
			return err
		}
		return tx.SetEnvironment(t.Context(), store.EnvironmentState{App: "shop", Name: "canary", Deployment: x.ID,
			Since: now})
	})
	if err != nil {
		t.Fatal(err)
	}
	secret := "token"
	client := vercel.New(vercel.Options{API: world.URL(), Token: func(context.Context) (string, error) {
		return secret, nil
	}})
	from := observability.New(observability.Options{Query: client.Metrics, Schema: client.MetricSchema,
		Project: func(ctx context.Context) (string, string, error) {
			p, err := client.Project(ctx, "shop")
			return p.ID, p.Account, err
		}})
	if err := a.countDue(t.Context(), from, now); err != nil {
		t.Fatal(err)
	}
	tl := a.timeline.Of(metric.Observability)
	sum := tl.Sum("dep_3", now.Add(-time.Hour).Unix(), now.Unix(), metric.Compared()...)
	if sum.Requests != 5 || sum.Errors != 2 {
		t.Errorf("%d of %d requests failed, want 2 of 5", sum.Errors, sum.Requests)
	}
	known := tl.Watermark(now)
	secret = "wrong"
	if err := a.countDue(t.Context(), from, now.Add(time.Minute)); err == nil || !a.countsSource().Trouble {
		t.Errorf("a refusal is taken for a count: %v", err)
	}
	if tl.Watermark(now) != known {
		t.Error("what was refused is called complete")
	}
}
