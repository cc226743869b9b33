package app

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// The Prometheus that a strategy names is asked, and its secret comes from the environment.
//
// req: CD-03
func TestTheStrategyNamesAPrometheus(t *testing.T) {
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "the shop")
	}))
	t.Cleanup(shop.Close)
	plan, err := strategy.Parse("test.yaml", fmt.Appendf(nil, "app: shop\ntarget: {selfhost: {stable: %q}}\n"+
		"sources: {prometheus: {url: \"http://127.0.0.1:9\", token_env: SLIPWAY_TEST_PROMETHEUS}}\n", shop.URL))
	if err != nil {
		t.Fatal(err)
	}
	open := func(name string) (*App, error) {
		return Open(t.Context(), Options{
			Database: filepath.Join(t.TempDir(), name), Strategy: plan, Control: anyPort(t), Edge: anyPort(t), Adopt: "v1",
			Log: slog.New(slog.DiscardHandler),
		})
	}
	t.Setenv("SLIPWAY_TEST_PROMETHEUS", "")
	if _, err := open("without.db"); fault.ReasonOf(err) != "secret_missing" {
		t.Errorf("without its secret: %v", err)
	}
	t.Setenv("SLIPWAY_TEST_PROMETHEUS", "token")
	a, err := open("with.db")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(a.sources(), func(s api.MetricSource) bool { return s.Kind == "prometheus" }) {
		t.Errorf("it is not among the sources: %+v", a.sources())
	}
	if err := a.DB.Close(); err != nil {
		t.Error(err)
	}
}

func TestTimesInSentences(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 s", 432 * time.Millisecond: "0.4 s", 2100 * time.Millisecond: "2.1 s", 75 * time.Second: "75 s",
		6 * time.Minute: "6 min", 5 * time.Hour: "5 h",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
