//go:build full

package next

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// measured is a strategy whose guard takes its numbers from elsewhere, with short times. Health, smoke checks and
// approvals are out of the way: nothing but these numbers can take a canary back.
const measured = `app: shop
target: {selfhost: {stable: %q}}
checks: {required: {development: [unit], staging: [], canary: [], production: []}}
stages:
  staging:    {smoke: off, sign_off: off, load: off, flags: off}
  canary:     {steps: [50], bake: 6s, smoke: off, guard: default}
  production: {approve: [product], verify: core, watch: 4s}
guards:
  default:
    source: %s
    error_rate:  {warn: 5%%, critical: 10%%, for: 4s, compare: {worse_by: 25%%}}
    latency_p95: {warn: 20s, critical: 30s}
    min_requests: 20
    window: 10s
    blind: %s
    cold_start: 0s
timing: {look: 500ms, retry: 500ms, skew: 1h}
`

// gross is a fault that a limit finds in few windows. What a source can tell is the judge's matter; this is whether it
// counts.
const gross = "SHOP_FAULT_RATE=0.6"

// elsewhere is Slipway whose guard looks at what a source of another program says.
type elsewhere struct {
	*slipway
	t      *testing.T
	stable *shop
	crowd  *crowd
}

// tell writes the strategy, starts Slipway and lets its first administrator in.
func (s *elsewhere) tell(strategy string) {
	s.t.Helper()
	file := filepath.Join(s.dir, "slipway.yaml")
	if err := os.WriteFile(file, []byte(strategy), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.must("nobody", "", "check", file)
	s.run(file)
	link, err := url.Parse(s.invite)
	if err != nil {
		s.t.Fatal(err)
	}
	body := fmt.Sprintf(`{"secret":%q,"name":"you","password":%q}`, link.Query().Get("secret"), password)
	res, err := http.Post(s.url+"/api/v1/setup", "application/json", strings.NewReader(body)) //nolint:noctx // of a test
	if err != nil {
		s.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode/100 != 2 {
		s.t.Fatalf("the first administrator was not let in: HTTP %d", res.StatusCode)
	}
	s.must("you", password+"\n", "login", "you")
	s.must("you", password+"\n", "user", "create", "ada", "--role", "development")
	s.must("ada", password+"\n", "login", "ada")
	s.ciToken = s.token("ci", "check:report")
}

// release starts a version and waits until visitors have it.
func (s *elsewhere) expose(of *shop) api.Release {
	s.t.Helper()
	s.must("ada", "", "release", "start", "--version", of.version, "--deployment", of.url, "--commit", "4f2a9c1",
		"--build-id", "dpl-"+of.version, "--unscheduled", "to see what another source says")
	s.must("ci", "", "check", "report", of.version, "unit", "passed", "--commit", "4f2a9c1")
	until(s.t, 20*time.Second, of.version+" has visitors", func() bool { return s.release(of.version).Share == 50 })
	return s.release(of.version)
}

// takenBack waits until a version is back by what the source says.
func (s *elsewhere) takenBack(version, kind string) {
	s.t.Helper()
	begin := time.Now()
	until(s.t, 50*time.Second, version+" is taken back", func() bool { return s.release(version).Phase == "aborted" })
	r := s.release(version)
	source := s.source(kind)
	if r.Share != 0 || r.Detected == nil || !strings.Contains(r.Reason, "failed") || source.Accepted == 0 {
		s.t.Errorf("%s ended so: %+v by %+v", version, r, source)
	}
	s.t.Logf("taken back %.0f s after its first visitors: %s", time.Since(begin).Seconds(), r.Reason)
}

// source is what is said of a kind of sources.
func (s *elsewhere) source(kind string) api.MetricSource {
	s.t.Helper()
	for _, x := range ask[api.Metrics](s.slipway, "you", "metric", "list").Sources {
		if x.Kind == kind {
			return x
		}
	}
	s.t.Fatalf("nothing is said of %s", kind)
	return api.MetricSource{}
}

// The real Prometheus scrapes the real shop. Its numbers alone take a faulty version back; while it does not answer
// nothing is known, so a good version goes neither on nor back.
//
// req: CD-03 RB-03 N-04
func TestPrometheusTakesAFaultyVersionBack(t *testing.T) {
	t.Parallel()
	buildShops(t, "v1", "v2", "v2-faulty")
	s := &elsewhere{slipway: buildSlipway(t), t: t, stable: openShop(t, "v1")}
	good, faulty := openShop(t, "v2"), openShop(t, "v2-faulty", gross)
	address, prometheus := openPrometheus(t, s.stable, good, faulty)
	s.tell(fmt.Sprintf(measured, s.stable.url, "prometheus", "8s") +
		"sources: {prometheus: {url: " + address + ", every: 2s, lag: 1s, timeout: 1s}}\n")
	s.crowd = openCrowd(t, s.edge, 60, 14)

	s.expose(faulty)
	s.takenBack("v2-faulty", "prometheus")

	s.expose(good)
	if err := prometheus.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, 30*time.Second, "the silence is noticed", func() bool {
		v := s.release("v2").Verdict
		return v != nil && v.Word == "broken_measurement"
	})
	if x := s.source("prometheus"); !strings.Contains(x.Sentence, "did not answer") {
		t.Errorf("of the silent Prometheus is said: %s", x.Sentence)
	}
	until(t, 30*time.Second, "its bake would be over", func() bool {
		return time.Since(s.release("v2").Shares[0].At) > 8*time.Second
	})
	if r := s.release("v2"); r.Share != 50 || r.Stage != "canary" {
		t.Errorf("while nothing was known v2 went on: %s at %g %%", r.Step, r.Share)
	}
	if err := prometheus.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, 50*time.Second, "v2 passes when Prometheus answers", func() bool {
		return s.release("v2").Stage == "production"
	})
}

// The real exporter of OpenTelemetry sends what the real shop measures: histograms take a faulty version back, whatever
// temporality each version sends.
//
// req: CD-03 RB-03
func TestOpenTelemetryTakesAFaultyVersionBack(t *testing.T) {
	t.Parallel()
	buildShops(t, "v1", "v2-faulty")
	port := freePort(t) // Slipway must be there before the shop can send it anything
	s := &elsewhere{slipway: buildSlipway(t), t: t, stable: &shop{version: "v1", url: "http://127.0.0.1:" + port}}
	s.tell(fmt.Sprintf(measured, s.stable.url, "otlp", "45s"))
	sends := []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + s.url + "/otlp", "OTEL_METRIC_EXPORT_INTERVAL=2000",
		"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20" + s.token("shop", "metric:write"),
	}
	openShopAt(t, "v1", port, append(sends, "OTEL_EXPORTER_OTLP_COMPRESSION=gzip")...)
	s.crowd = openCrowd(t, s.edge, 60, 14)
	until(t, 20*time.Second, "v1 is heard", func() bool { return s.source("otlp").Accepted > 0 })

	s.expose(openShop(t, "v2-faulty",
		append(sends, gross, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta")...))
	s.takenBack("v2-faulty", "otlp")
}

// openPrometheus runs Debian's Prometheus; it scrapes the shops every second.
func openPrometheus(t *testing.T, shops ...*shop) (address string, p *process) {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatalf("Prometheus is needed: %v (script/setup installs it)", err)
	}
	dir, targets := t.TempDir(), []string{}
	for _, s := range shops {
		targets = append(targets, "'"+strings.TrimPrefix(s.url, "http://")+"'")
	}
	config := filepath.Join(dir, "prometheus.yml")
	text := "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- {job_name: shop, " +
		"metrics_path: /api/metrics, static_configs: [{targets: [" + strings.Join(targets, ", ") + "]}]}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	listen := "127.0.0.1:" + freePort(t)
	p = start(t, "prometheus", exec.Command(program, "--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+listen))
	until(t, 20*time.Second, "Prometheus is ready", func() bool {
		res, err := http.Get("http://" + listen + "/-/ready") //nolint:noctx // of a test
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return "http://" + listen, p
}
