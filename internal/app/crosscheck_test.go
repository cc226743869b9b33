package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/observability"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// A drain that tells of much less than Vercel counted is in trouble, unless its sampling leaves that out.
func TestADrainIsComparedWithVercelsCount(t *testing.T) {
	t.Parallel()
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "the shop")
	}))
	t.Cleanup(shop.Close)
	const half = "{drain: {sampling: [{rate: 50%}]}}"
	for name, tt := range map[string]struct {
		sources string
		told    uint64
		short   bool
	}{
		"all":             {"{}", 990, false},
		"half":            {"{}", 500, true},
		"half, as it is":  {half, 500, false},
		"less of an API":  {"{drain: {sampling: [{rate: 10%, path: /api/}]}}", 500, true},
		"less than half":  {half, 250, true},
		"nothing":         {"{}", 0, true},
		"more than there": {"{}", 3000, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := strategy.Parse("test.yaml", fmt.Appendf(nil, "app: shop\ntarget: {selfhost: {stable: %q}}\n"+
				"guards: {default: {source: drain}}\nsources: %s\n", shop.URL, tt.sources))
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
			states, err := a.DB.EnvironmentStates(t.Context(), "shop")
			i := slices.IndexFunc(states, func(s store.EnvironmentState) bool { return s.Name == "production" })
			if err != nil || i < 0 {
				t.Fatal(err, states)
			}
			id := states[i].Deployment
			end := time.Now().Truncate(time.Minute)
			begin := end.Add(-5 * time.Minute)
			a.timeline.Add(time.Now(), metric.Batch{Source: "d", Kind: metric.Drain, Sequence: 1, Complete: end.Unix(),
				Buckets: []metric.Bucket{{Deployment: id, Class: metric.Document, Second: begin.Unix() + 9, Requests: tt.told}}})
			from := observability.New(observability.Options{
				Schema: func(context.Context, string) (json.RawMessage, error) {
					return json.RawMessage(`{"dimensions":["deployment_id","http_status"]}`), nil
				},
				Query: func(context.Context, vercel.Query) (json.RawMessage, error) {
					return json.RawMessage(`{"data":[{"deployment_id":"` + id + `","http_status":200,"value":1000},` +
						`{"deployment_id":"dpl_preview","http_status":200,"value":5000}]}`), nil
				},
				Project: func(context.Context) (string, string, error) { return "prj_1", "team_1", nil },
			})
			if err := a.compareCounts(t.Context(), from, begin, end); err != nil {
				t.Fatal(err)
			}
			x := a.crossed.Load()
			want := fmt.Sprintf("Vercel counted 1000 requests, the drain told of %d.", tt.told)
			if x.short != tt.short || !strings.Contains(x.sentence, want) {
				t.Errorf("%+v, want %q", x, want)
			}
			if !slices.ContainsFunc(a.sources(), func(s api.MetricSource) bool {
				return s.Kind == "drain" && strings.Contains(s.Sentence, want)
			}) {
				t.Errorf("nobody is told: %+v", a.sources())
			}
		})
	}
}
