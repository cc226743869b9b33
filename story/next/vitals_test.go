//go:build full

package next

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// Real browsers look at the real shop while its real exporter sends spans and no metrics: requests and failures of each
// version are known by its spans alone, and what Chromium measures on each version is compared as the guard's web
// vitals, with their part of the team's weights.
//
// req: CD-03 RB-03 RB-11
func TestSpansAndBrowsersTellTheVersionsApart(t *testing.T) {
	t.Parallel()
	buildShops(t, "v1", "v2-faulty")
	port := freePort(t) // Slipway must be there before the shop can send it anything
	s := &elsewhere{slipway: buildSlipway(t), t: t, stable: &shop{version: "v1", url: "http://127.0.0.1:" + port}}
	s.tell(strings.NewReplacer(
		"bake: 6s", "bake: 5m", // it stays until everything has been looked at
		"warn: 5%, critical: 10%, for: 4s, compare: {worse_by: 25%}", "warn: 98%, critical: 99%, compare: {worse_by: 900%}",
		"    cold_start: 0s\n", "    cold_start: 0s\n    web_vitals: {lcp: 500%, inp: 500%, cls: 500%}\n"+
			"    weights: {errors: 5, latency: 2, web_vitals: 3}\n",
	).Replace(fmt.Sprintf(measured, s.stable.url, "otlp", "45s")) + "sources: {app: {late: 5s}, otlp: {late: 5s}}\n")
	token := s.token("shop", "metric:write")
	sends := []string{
		"OTEL_TRACES_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=none", "OTEL_EXPORTER_OTLP_ENDPOINT=" + s.url + "/otlp",
		"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20" + token, "SLIPWAY_URL=" + s.url, "SLIPWAY_TOKEN=" + token,
	}
	openShopAt(t, "v1", port, append(sends, "SHOP_FAULT_RATE=0.2")...)
	s.refusesStrangers()
	r := s.expose(openShop(t, "v2-faulty", append(sends, "SHOP_FAULT_RATE=0.4")...))
	s.crowd = openCrowd(t, s.edge, 60, 8)
	began := time.Now()

	b, people := openBrowser(t), 0
	var c *api.Comparison
	until(t, 60*time.Second, "what browsers measured of each version is compared", func() bool {
		if people++; people < 60 { // numbers become final while newer ones come
			s.look(b, people)
		}
		v := s.release("v2-faulty").Verdict
		if v == nil || v.Comparison == nil {
			return false
		}
		c = v.Comparison
		return !slices.ContainsFunc([]string{"lcp", "inp", "cls"}, func(name string) bool {
			return evidenceOf(c, name).Judged < 2
		})
	})
	t.Logf("compared %.0f s after the first visitors, with %d people", time.Since(began).Seconds(), people)
	s.likeVitals(c)
	s.likeTheCrowd(c, r)
	x := s.source("app")
	if x.Late > 0 || x.Dropped == 0 || !strings.Contains(x.Sentence, `the metric "ttfb"`) &&
		!strings.Contains(x.Sentence, `the metric "fcp"`) {
		t.Errorf("TTFB and FCP, which no guard here compares, are not told apart: %+v", x)
	}
}

func evidenceOf(c *api.Comparison, name string) api.MetricEvidence {
	i := slices.IndexFunc(c.Metrics, func(m api.MetricEvidence) bool { return m.Name == name })
	if i < 0 {
		return api.MetricEvidence{}
	}
	return c.Metrics[i]
}

// likeVitals looks whether what is compared has the weights that the team said. What it is in milliseconds is said only
// when there are more of them.
func (s *elsewhere) likeVitals(c *api.Comparison) {
	s.t.Helper()
	weights := map[string]float64{}
	for _, m := range c.Metrics {
		weights[m.Name] = math.Round(m.Weight*1000) / 1000
		s.t.Logf("%s: %g on v2-faulty, %g on v1, %d compared", m.Name, m.Canary, m.Stable, m.Judged)
	}
	want := map[string]float64{"errors": 0.5, "latency": 0.2, "lcp": 0.1, "inp": 0.1, "cls": 0.1}
	if !c.Weighed || !maps.Equal(weights, want) {
		s.t.Errorf("weighed %v: %v, want %v", c.Weighed, weights, want)
	}
}

// likeTheCrowd compares what the spans say of each version with what the crowd saw. Browsers ask for pages ahead as
// well, and what is newest is not known yet, so it is not the same to the digit; that the faulty version fails more
// often is.
func (s *elsewhere) likeTheCrowd(c *api.Comparison, r api.Release) {
	s.t.Helper()
	seen := map[string]uint64{}
	for _, a := range s.crowd.between(r.Created, time.Now()) {
		if strings.Contains(a.failed, "status 5") {
			seen[a.by]++
		}
	}
	for version, x := range map[string]api.ArmTotals{"v1": c.Stable, "v2-faulty": c.Canary} {
		s.t.Logf("%s: %d of %d requests failed by its spans; visitors saw %d", version, x.Errors, x.Requests, seen[version])
		if x.Requests < 50 || x.Errors == 0 || x.Errors > 4*seen[version] || 4*x.Errors < seen[version] {
			s.t.Errorf("%s by its spans: %+v; visitors saw %d failures", version, x, seen[version])
		}
	}
	if c.Canary.Errors*c.Stable.Requests <= c.Stable.Errors*c.Canary.Requests {
		s.t.Errorf("the faulty version fails less often by its spans: %+v, %+v", c.Canary, c.Stable)
	}
}

// refusesStrangers sends a span without a token.
func (s *elsewhere) refusesStrangers() {
	s.t.Helper()
	res, err := http.Post(s.url+"/otlp/v1/traces", "application/json", //nolint:noctx // of a test
		strings.NewReader(`{"resourceSpans":[]}`))
	if err != nil {
		s.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		s.t.Errorf("who has no token may send spans: HTTP %d", res.StatusCode)
	}
}

// look lets somebody look at the shop, touch it and go away: a measure is told when its page is left.
func (s *elsewhere) look(b *browser, n int) {
	s.t.Helper()
	p := b.person(fmt.Sprintf("person %d", n))
	p.open(s.edge + "/")
	p.until("the page listens", `document.readyState === "complete"`)
	p.click("h1")
	p.until("it was painted", `performance.getEntriesByType("paint").length > 0`)
	p.open("about:blank")
}
