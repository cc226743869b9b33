package server

import (
	"net/http"
	"testing"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/intake"
)

func TestMetricsArePushed(t *testing.T) {
	t.Parallel()
	in := intake.New(intake.Options{Kind: metric.App, Source: "app-test"})
	w := open(t, func(o *Options) {
		o.Desk.Intake = in
		o.Desk.Watched = func() []guard.MetricRule {
			m := judge.Metric{Name: "conversion", Kind: judge.Rate, Higher: true}
			return []guard.MetricRule{{Metric: m, From: metric.App}}
		}
		if err := o.Desk.Engine.Adopt(t.Context(), "v1", "http://127.0.0.1:3001"); err != nil {
			t.Fatal(err)
		}
	})
	body := `{"values":[{"metric":"conversion","version":"v1","value":1}]}`
	key := "Idempotency-Key: once"
	for range 2 {
		if r := w.do(t, http.MethodPost, "/api/v1/metrics", body, as(w.admin), key); r.StatusCode != http.StatusOK {
			t.Fatalf("push: %d", r.StatusCode)
		}
	}
	if c := in.Counters(); c.Accepted != 1 {
		t.Errorf("with one Idempotency-Key %d values count, want 1", c.Accepted)
	}
	for _, bad := range []string{
		`{"values":[]}`, `{}`, `{"values":[{"metric":"conversion","version":"v1","value":2}]}`,
		`{"values":[{"metric":"x","version":"v1","value":1}]}`,
	} {
		r := w.do(t, http.MethodPost, "/api/v1/metrics", bad, as(w.admin))
		if r.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", bad, r.StatusCode)
		}
	}
	if r := w.do(t, http.MethodGet, "/api/v1/metrics", "", as(w.admin)); r.StatusCode != http.StatusOK {
		t.Errorf("list: %d", r.StatusCode)
	}
}
