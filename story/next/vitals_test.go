//go:build full

package next

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// Real browsers look at the real shop while its real exporter sends spans and no metrics: requests and failures of each
// version are known by its spans alone, and what Chromium measures on each version is compared as the guard's web
// vitals, with their part of the team's weights. One version is a second slower and moves after it was painted: of each
// Slipway says what Chromium itself says of its pages, and nothing that a page says of another version counts. Then
// each of these people looks at the cart: most order on v1 and leave on the other version, and Slipway has of each
// version the conversions and abandoned carts that were counted here.
//
// req: CD-03 RB-03 RB-11 RB-12
func TestSpansAndBrowsersTellTheVersionsApart(t *testing.T) {
	t.Parallel()
	buildShops(t, "v1", "v2-faulty")
	port := freePort(t) // Slipway must be there before the shop can send it anything
	s := &elsewhere{slipway: buildSlipway(t), t: t, stable: &shop{version: "v1", url: "http://127.0.0.1:" + port}}
	s.tell(strings.NewReplacer(
		"bake: 6s", "bake: 5m", // it stays until everything has been looked at
		"warn: 5%, critical: 10%, for: 4s, compare: {worse_by: 25%}", "warn: 98%, critical: 99%, compare: {worse_by: 900%}",
		"    cold_start: 0s\n", "    cold_start: 0s\n    web_vitals: {lcp: 500%, inp: 500%, cls: 500%}\n"+
			"    metrics: {conversion: {better: higher, worse_by: 10%, role: signal}, "+
			"session_abandonment: {worse_by: 10%, role: signal}}\n"+
			"    weights: {errors: 5, latency: 2, web_vitals: 3}\n",
	).Replace(fmt.Sprintf(measured, s.stable.url, "otlp", "45s")) + "sources: {app: {late: 20s}, otlp: {late: 5s}}\n")
	token := s.token("shop", "metric:write")
	sends := []string{
		"OTEL_TRACES_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=none", "OTEL_EXPORTER_OTLP_ENDPOINT=" + s.url + "/otlp",
		"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20" + token, "SLIPWAY_URL=" + s.url, "SLIPWAY_TOKEN=" + token,
	}
	openShopAt(t, "v1", port, append(sends, "SHOP_FAULT_RATE=0.1")...)
	s.refusesStrangers()
	r := s.expose(openShop(t, "v2-faulty", append(sends, "SHOP_FAULT_RATE=0.25", "SHOP_FAULT_DELAY_MS=1000",
		"SHOP_FAULT_SHIFT_PX=300")...))
	s.crowd = openCrowd(t, s.edge, 60, 8)
	began := time.Now()
	// Values are compared in spans of ten seconds, and those in which the share changes are not: browsers come later.
	until(t, time.Minute, "the versions are compared", func() bool {
		v := s.release("v2-faulty").Verdict
		return v != nil && v.Comparison != nil && v.Comparison.Canary.Requests >= 60
	})

	b, seen, came := openBrowser(t), map[string][]look{}, time.Now()
	moved := 0 // a page that failed is one of a few words, and stands still
	filled, bought := func(x look) bool { return x.filled }, func(x look) bool { return x.bought }
	for n := 0; n < 8 || n < 30 && (min(len(seen["v1"]), len(seen["v2-faulty"])) < 4 ||
		2*moved < len(seen["v2-faulty"]) || those(seen["v1"], bought) < 3); n++ {
		x := s.look(b, n, func(version string) bool { // three of four on v1, one of four on the other version
			before := those(seen[version], filled) % 4
			return before == 1 || version == "v1" && before != 3
		})
		seen[x.version] = append(seen[x.version], x)
		if x.cls > 0.05 {
			moved++
		}
	}
	t.Logf("browsers had within %.1f s: %+v", time.Since(came).Seconds(), seen)
	s.skewed()
	var c *api.Comparison
	wrong := "nothing is compared"
	until(t, 3*time.Minute, "what browsers measured of each version is compared", func() bool {
		if v := s.release("v2-faulty").Verdict; v != nil && v.Comparison != nil {
			c = v.Comparison
			wrong = cmp.Or(likeBrowsers(c, seen), likeVisits(c, seen))
		}
		return wrong == "" || time.Since(began) > 150*time.Second
	})
	if wrong != "" {
		t.Error(wrong)
	}
	t.Logf("compared %.0f s after the first visitors", time.Since(began).Seconds())
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

// likeVitals looks whether what is compared has the weights that the team said.
func (s *elsewhere) likeVitals(c *api.Comparison) {
	s.t.Helper()
	weights := map[string]float64{}
	for _, m := range c.Metrics {
		weights[m.Name] = math.Round(m.Weight*1000) / 1000
		s.t.Logf("%s: %g on v2-faulty, %g on v1, %d compared", m.Name, m.Canary, m.Stable, m.Judged)
	}
	want := map[string]float64{"errors": 0.5, "latency": 0.2, "lcp": 0.1, "inp": 0.1, "cls": 0.1,
		"conversion": 0, "session_abandonment": 0} // signals have no part
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

// look is what a page became, by Chromium's own word, and what became of the visit to the cart.
type look struct {
	version        string
	lcp, cls       float64
	cart           float64 // LCP of the cart, or of the page behind it where that is slower
	filled, bought bool
}

// look lets somebody look at the shop, touch it, go to the cart and away: a measure is told when its page is left. Who
// met a page that failed finds the cart empty; of the others those order whom buys says.
func (s *elsewhere) look(b *browser, n int, buys func(version string) bool) (x look) {
	s.t.Helper()
	p := b.person(fmt.Sprintf("person %d", n))
	p.open(s.edge + "/products/mug")
	p.until("the page listens and has come to rest", `(() => {
		if (document.readyState !== "complete" || !document.getElementById("version")) return false;
		window.seen ??= new Promise(done => {
			const seen = {lcp: 0, cls: 0};
			new PerformanceObserver(l => l.getEntries().forEach(e => { seen.lcp = e.startTime }))
				.observe({type: "largest-contentful-paint", buffered: true});
			new PerformanceObserver(l => l.getEntries().forEach(e => { if (!e.hadRecentInput) seen.cls += e.value }))
				.observe({type: "layout-shift", buffered: true});
			window.numbers = seen;
		});
		const late = document.getElementById("late");
		return numbers.lcp > 0 && (!late || numbers.cls > 0.05);
	})()`)
	p.click("h1")
	p.until("it was painted", `performance.getEntriesByType("paint").length > 0`)
	told := p.says(`[document.getElementById("version").textContent, numbers.lcp, numbers.cls].join(" ")`)
	if _, err := fmt.Sscan(told, &x.version, &x.lcp, &x.cls); err != nil {
		s.t.Fatalf("%q: %v", told, err)
	}
	if x.filled = p.says(`!!document.querySelector(".product form")`) == "true"; x.filled {
		p.become(s.edge, &http.Cookie{Name: "cart", Value: "mug:1"})
	}
	p.open(s.edge + "/cart")
	p.until("the cart listens", `(() => {
		const order = document.getElementById("order");
		const alive = e => Object.keys(e).some(key => key.startsWith("__reactProps"));
		if (document.readyState !== "complete" || !alive(document.querySelector("main h1, h1"))) return false;
		window.drawn ??= requestAnimationFrame(() => requestAnimationFrame(() => { window.rested = true }));
		return window.rested === true && !!order === `+strconv.FormatBool(x.filled)+`;
	})()`)
	if now := p.says(`document.getElementById("version").textContent`); now != x.version {
		s.t.Errorf("person %d is on %s after %s", n, now, x.version)
	}
	x.cart = s.largest(p)
	if x.bought = x.filled && buys(x.version); x.bought {
		p.click("#order button")
		p.until("it is ordered", `location.search.includes("ordered")`)
		x.cart = max(x.cart, s.largest(p))
	}
	p.open("about:blank")
	return x
}

// largest is when the largest part of a page was painted, in ms.
func (s *elsewhere) largest(p *page) (ms float64) {
	s.t.Helper()
	p.until("its largest part was painted", `(() => {
		window.largest ??= (() => {
			const seen = {at: 0};
			new PerformanceObserver(l => l.getEntries().forEach(e => { seen.at = e.startTime }))
				.observe({type: "largest-contentful-paint", buffered: true});
			return seen;
		})();
		return largest.at > 0;
	})()`)
	if _, err := fmt.Sscan(p.says("String(largest.at)"), &ms); err != nil {
		s.t.Fatal(err)
	}
	return ms
}

// those counts the looks that are so.
func those(all []look, so func(look) bool) (n int) {
	for _, x := range all {
		if so(x) {
			n++
		}
	}
	return n
}

// likeVisits says what Slipway has otherwise than the visits to the cart that were made here.
func likeVisits(c *api.Comparison, seen map[string][]look) string {
	for name, of := range map[string]func(look) (happened, counts bool){
		"conversion":          func(x look) (bool, bool) { return x.bought, true },
		"session_abandonment": func(x look) (bool, bool) { return !x.bought, x.filled },
	} {
		share, of2 := map[string]float64{}, uint64(0)
		for version, all := range seen {
			n := those(all, func(x look) bool { _, counts := of(x); return counts })
			yes := those(all, func(x look) bool { happened, counts := of(x); return happened && counts })
			share[version] = float64(yes) / float64(max(n, 1))
			if version != "v1" {
				of2 = uint64(n)
			}
		}
		m := evidenceOf(c, name)
		if m.Judged != of2 || math.Abs(m.Canary-share["v2-faulty"]) > 1e-9 || math.Abs(m.Stable-share["v1"]) > 1e-9 {
			return fmt.Sprintf("%s: %+v; counted %d on v2-faulty, and by version %v", name, m, of2, share)
		}
		if worse := m.Canary > m.Stable; worse == (name == "conversion") || m.Canary == m.Stable {
			return fmt.Sprintf("%s is not worse on v2-faulty: %+v", name, m)
		}
	}
	return ""
}

// likeBrowsers says what Slipway has otherwise than the browsers; nothing when it has each version's numbers.
func likeBrowsers(c *api.Comparison, seen map[string][]look) string {
	for name, of := range map[string]func(look) []float64{
		"lcp": func(x look) []float64 { return []float64{x.lcp, x.cart} },
		"cls": func(x look) []float64 { return []float64{x.cls} },
	} {
		m := evidenceOf(c, name)
		// The largest of a visitor's pages within ten seconds counts. Where these end between the product and the cart, a
		// browser has two values.
		if want := uint64(len(seen["v2-faulty"])); m.Judged > 2*want || 2*m.Judged < want {
			return fmt.Sprintf("%s: %d values of v2-faulty, its browsers had %d", name, m.Judged, want)
		}
		for version, got := range map[string]float64{"v1": m.Stable, "v2-faulty": m.Canary} {
			var list []float64
			for _, x := range seen[version] {
				list = append(list, of(x)...)
			}
			low, high := slices.Min(list)*0.9, slices.Max(list)*1.1+0.001 // bins are 8 % wide
			if got < low || got > high {
				return fmt.Sprintf("%s of %s is %g; by its browsers between %g and %g: %v", name, version, got, low, high, list)
			}
		}
	}
	if m := evidenceOf(c, "lcp"); m.Canary < 920 || m.Canary < m.Stable {
		return fmt.Sprintf("v2-faulty is not a second slower: %+v", m)
	}
	if m := evidenceOf(c, "cls"); m.Canary < 0.1 || m.Stable > 0.02 {
		return fmt.Sprintf("only v2-faulty moves: %+v", m)
	}
	return ""
}

// skewed has pages tell what they must not: whatever they say of another build counts for nobody, and what cannot be is
// refused. Who is sent to one version may still have a page of the other: that one's build hears of it.
func (s *elsewhere) skewed() {
	s.t.Helper()
	for n := range 40 {
		at, page := "dpl-v1", "dpl-v2-faulty"
		if n%2 == 0 {
			at, page = page, at
		}
		for body, want := range map[string]int{
			`{"id":"page-of-another","deployment":"` + page + `","values":[{"name":"LCP","value":599000}]}`: http.StatusNoContent,
			`{"id":"page-of-another","deployment":"` + at + `","values":[{"name":"LCP","value":-1}]}`:       http.StatusBadRequest,
			strings.Repeat("x", 5000): http.StatusRequestEntityTooLarge,
		} {
			req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.edge+"/api/vitals?dpl="+at,
				strings.NewReader(body))
			if err != nil {
				s.t.Fatal(err)
			}
			req.Header.Set("Cookie", fmt.Sprintf("slipway_id=somebody-%d", n))
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				s.t.Fatal(err)
			}
			_ = res.Body.Close()
			if by := "dpl-" + res.Header.Get("X-App-Version"); res.StatusCode != want || by != at {
				s.t.Errorf("%.60s to %s: %d by %s, want %d", body, at, res.StatusCode, by, want)
			}
		}
	}
}
