package prometheus

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// shop has the metrics of a version as Prometheus's clients write them.
type shop struct{ requests, errors, fast, slow atomic.Int64 }

func (s *shop) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	errors, all := s.errors.Load(), s.requests.Load()
	_, _ = fmt.Fprintf(w, "http_requests_total{version=\"v1\",status=\"200\"} %d\n", all-errors)
	if errors > 0 {
		_, _ = fmt.Fprintf(w, "http_requests_total{version=\"v1\",status=\"500\"} %d\n", errors)
	}
	fast, slow := s.fast.Load(), s.slow.Load()
	_, _ = fmt.Fprintf(w, "http_duration_bucket{version=\"v1\",le=\"0.1\"} %d\n", fast)
	_, _ = fmt.Fprintf(w, "http_duration_bucket{version=\"v1\",le=\"1\"} %d\n", fast+slow)
	_, _ = fmt.Fprintf(w, "http_duration_bucket{version=\"v1\",le=\"+Inf\"} %d\n", fast+slow)
}

// startPrometheus runs the real one on loopback; it scrapes the given address every second.
func startPrometheus(t *testing.T, scrape string) string {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("SLIPWAY_FULL") != "" || os.Getenv("CI") != "" {
			t.Fatal("Prometheus is not installed: run script/setup")
		}
		t.Log("Prometheus is not installed, so the real one is not asked: run script/setup")
		return ""
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"+
		"- {job_name: shop, static_configs: [{targets: ['%s']}]}\n", scrape)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address)
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was killed
	})
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		r, err := http.Get("http://" + address + "/-/ready") //nolint:noctx // of a test
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return "http://" + address
			}
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Fatal("Prometheus does not become ready")
	return ""
}

func TestRealPrometheus(t *testing.T) {
	t.Parallel()
	s := &shop{}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	url := startPrometheus(t, strings.TrimPrefix(srv.URL, "http://"))
	if url == "" {
		return
	}
	o := Options{URL: url, Every: 2 * time.Second, Lag: time.Second, Back: 2 * time.Second}
	exact, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	rounded, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	of := func(q metric.Queries) []Target { return []Target{{Deployment: "dep_1", Version: "v1", Queries: q}} }
	counters := of(metric.Queries{
		Requests: `http_requests_total{version="$version"}`,
		Errors:   `http_requests_total{version="$version",status=~"5.."}`,
		Latency:  `http_duration_bucket{version="$version"}`,
	})
	increases := of(metric.Queries{
		Requests: `sum(increase(http_requests_total{version="$version"}[$window]))`,
		Errors:   `sum(increase(http_requests_total{version="$version",status=~"5.."}[$window])) or vector(0)`,
		Latency:  `sum by (le) (increase(http_duration_bucket{version="$version"}[$window]))`,
	})
	var a, b metric.Bucket
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	served, after := 0, 0
	for range 400 {
		<-tick.C
		known := exact.Status().Windows >= 2 && rounded.Status().Windows >= 2
		if known && served < 60 { // traffic begins when Prometheus knows the version
			served++
			s.requests.Add(10)
			s.errors.Add(1)
			s.fast.Add(9)
			s.slow.Add(1)
		} else if known {
			after++
		}
		if after > 50 {
			break
		}
		for source, into := range map[*Source]*metric.Bucket{exact: &a, rounded: &b} {
			targets := counters
			if source == rounded {
				targets = increases
			}
			batches, _ := source.Collect(t.Context(), time.Now(), targets) // blind at first
			into.Add(sum(batches))
		}
	}
	if a.Requests != 600 || a.Errors != 60 || a.Latency.Count() != 600 {
		t.Errorf("counters: %d requests, %d errors, %d durations; want exactly 600, 60, 600 (%s)", a.Requests, a.Errors,
			a.Latency.Count(), exact.Status().Trouble)
	}
	if p := a.Latency.Quantile(0.5); !(p > 30 && p < 100) {
		t.Errorf("the median is %g ms, and 90 %% are below 100", p)
	}
	if b.Requests < 400 || b.Requests > 800 || b.Errors == 0 {
		t.Errorf("increases: %d requests and %d errors, want about 600 and 60 (%s)", b.Requests, b.Errors,
			rounded.Status().Trouble)
	}
	t.Logf("exact %d/%d, extrapolated by Prometheus %d/%d", a.Errors, a.Requests, b.Errors, b.Requests)
}
