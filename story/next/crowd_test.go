//go:build full

package next

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// crowd are visitors who come through the edge as browsers do.
type crowd struct {
	t        *testing.T
	edge     string
	visitors []*visitor
	mu       sync.Mutex
	answers  []answer
	stop     func()
}

// answer is what a visitor noticed about one answer.
type answer struct {
	at     time.Time
	kind   string
	by     string // version that served
	failed string // why it is a failure; empty when it is none
	wrong  string // another build than the page's answered
}

// visitor keeps cookies and does one thing at a time.
type visitor struct {
	mu   sync.Mutex
	http *http.Client
	seen []string // versions of the documents in order, each run once
	from string   // address, where it matters
}

// tab is a page that is open at a visitor's.
type tab struct {
	version    string
	deployment string
	assets     []string
	html       string
}

// openCrowd lets n visitors arrive, so many page views a second, until the test ends.
func openCrowd(t *testing.T, edge string, n int, rate float64) *crowd {
	t.Helper()
	return openCrowdFrom(t, edge, n, rate, func(int) string { return "" })
}

// openCrowdFrom is openCrowd with an address for each visitor.
func openCrowdFrom(t *testing.T, edge string, n int, rate float64, from func(int) string) *crowd {
	t.Helper()
	c := &crowd{t: t, edge: edge}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 256}
	for i := range n {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.visitors = append(c.visitors, &visitor{from: from(i), http: &http.Client{
			Transport: transport, Jar: jar, Timeout: 20 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.arrive(ctx, rate)
	}()
	c.stop = func() { cancel(); <-ended; transport.CloseIdleConnections() }
	t.Cleanup(c.stop)
	return c
}

// arrive lets visitors view pages at the rate; who is still busy with one is left alone.
func (c *crowd) arrive(ctx context.Context, rate float64) {
	var open sync.WaitGroup
	defer open.Wait()
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		v := c.visitors[rand.IntN(len(c.visitors))]
		if !v.mu.TryLock() {
			continue
		}
		open.Go(func() {
			defer v.mu.Unlock()
			c.view(context.WithoutCancel(ctx), v, n)
		})
	}
}

// view is one page view with what a browser asks for around it.
func (c *crowd) view(ctx context.Context, v *visitor, n int) {
	path := []string{"/", "/products/mug", "/products/lamp", "/products/chair", "/cart"}[n%5]
	page, ok := c.document(ctx, v, path)
	if !ok {
		return
	}
	if len(v.seen) == 0 || v.seen[len(v.seen)-1] != page.version {
		v.seen = append(v.seen, page.version)
	}
	c.pinned(ctx, v, page)
	c.get(ctx, v, "api", "/api/products", nil)
	switch {
	case n%7 == 0:
		c.get(ctx, v, "image", "/_next/image?url=%2Fharbor.png&w=384&q=75", http.Header{"Accept": {"image/webp"}})
	case n%20 == 1:
		c.buy(ctx, v, page, path)
	case n%60 == 2:
		if _, body := c.get(ctx, v, "stream", "/reviews", document()); !strings.Contains(body, "Six chairs") {
			c.note(answer{at: time.Now(), kind: "stream", failed: "the last block did not arrive"})
		}
	case n%60 == 3:
		if _, body := c.get(ctx, v, "sse", "/api/stock", http.Header{"Accept": {"text/event-stream"}}); strings.Count(body,
			"event: stock") < 6 {
			c.note(answer{at: time.Now(), kind: "sse", failed: "events are missing"})
		}
	}
}

var assetPattern = regexp.MustCompile(`(?:src|href)="(/_next/static/[^"]+)"`)

func document() http.Header {
	return http.Header{"Accept": {"text/html,application/xhtml+xml"}, "Sec-Fetch-Dest": {"document"},
		"Sec-Fetch-Mode": {"navigate"}}
}

// document loads a page.
func (c *crowd) document(ctx context.Context, v *visitor, path string) (*tab, bool) {
	res, html := c.get(ctx, v, "document", path, document())
	if res == nil || res.StatusCode >= 500 {
		return nil, false
	}
	page := &tab{version: res.Header.Get("X-App-Version"), deployment: res.Header.Get("X-App-Deployment"), html: html}
	for _, m := range assetPattern.FindAllStringSubmatch(html, -1) {
		page.assets = append(page.assets, strings.ReplaceAll(m[1], "&amp;", "&"))
	}
	if !strings.Contains(html, `data-version="`+page.version+`"`) || len(page.assets) < 3 {
		c.note(answer{at: time.Now(), kind: "document", by: page.version,
			wrong: path + ": the page is not of the version that its head names"})
	}
	return page, true
}

// pinned asks for what belongs to an open page: some of its assets and a navigation
// of the router. All must come from the build that rendered the page.
func (c *crowd) pinned(ctx context.Context, v *visitor, page *tab) {
	for range 2 {
		c.check(ctx, v, page, "asset", page.assets[rand.IntN(len(page.assets))], nil)
	}
	c.check(ctx, v, page, "navigation", "/products/plant?_rsc",
		http.Header{"Rsc": {"1"}, "X-Deployment-Id": {page.deployment}})
}

func (c *crowd) check(ctx context.Context, v *visitor, page *tab, kind, path string, h http.Header) {
	res, _ := c.get(ctx, v, kind, path, h)
	if res == nil || res.StatusCode >= 500 {
		return // counted as failed
	}
	if by := res.Header.Get("X-App-Deployment"); by != page.deployment || res.StatusCode != http.StatusOK {
		c.note(answer{
			at: time.Now(), kind: kind, by: by,
			wrong: fmt.Sprintf("%s of a page of %s: status %d from %s", path, page.deployment, res.StatusCode, by),
		})
	}
}

var (
	formPattern  = regexp.MustCompile(`(?s)<form[^>]*>.*?</form>`)
	inputPattern = regexp.MustCompile(`<input[^>]*>`)
	namePattern  = regexp.MustCompile(`name="([^"]*)"`)
	valuePattern = regexp.MustCompile(`value="([^"]*)"`)
)

// buy sends the form of a product page as a browser without script does.
func (c *crowd) buy(ctx context.Context, v *visitor, page *tab, path string) {
	form := formPattern.FindString(page.html)
	if form == "" {
		return
	}
	var body strings.Builder
	w := multipart.NewWriter(&body)
	for _, field := range inputPattern.FindAllString(form, -1) {
		name, value := namePattern.FindStringSubmatch(field), valuePattern.FindStringSubmatch(field)
		if name == nil {
			continue
		}
		text := ""
		if value != nil {
			text = value[1]
		}
		if err := w.WriteField(name[1], text); err != nil {
			c.t.Error(err)
		}
	}
	_ = w.Close()
	h := document()
	h.Set("Content-Type", w.FormDataContentType())
	h.Set("Origin", c.edge)
	res, _ := c.send(ctx, v, "action", http.MethodPost, path, h, strings.NewReader(body.String()))
	if res != nil && res.StatusCode < 500 && res.StatusCode != http.StatusSeeOther {
		c.note(answer{at: time.Now(), kind: "action", failed: fmt.Sprintf("status %d", res.StatusCode)})
	}
}

func (c *crowd) get(ctx context.Context, v *visitor, kind, path string, h http.Header) (*http.Response, string) {
	return c.send(ctx, v, kind, http.MethodGet, path, h, nil)
}

// send asks and notes the answer; no response when there was none.
func (c *crowd) send(ctx context.Context, v *visitor, kind, method, path string, h http.Header,
	body io.Reader) (*http.Response, string) {
	a := answer{at: time.Now(), kind: kind}
	req, err := http.NewRequestWithContext(ctx, method, c.edge+path, body)
	if err != nil {
		c.t.Error(err)
		return nil, ""
	}
	for k, values := range h {
		req.Header[k] = values
	}
	req.Header.Set("User-Agent", "Mozilla/5.0 (a visitor)")
	if v.from != "" {
		req.Header.Set("X-Forwarded-For", v.from)
	}
	res, err := v.http.Do(req)
	if err != nil {
		a.failed = err.Error()
		c.note(a)
		return nil, ""
	}
	raw, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	a.by = res.Header.Get("X-App-Version")
	switch {
	case err != nil:
		a.failed = "cut off: " + err.Error()
	case res.StatusCode >= 500:
		a.failed = fmt.Sprintf("%s: status %d", path, res.StatusCode)
	}
	c.note(a)
	return res, string(raw)
}

func (c *crowd) note(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, a)
}

// between returns the answers to requests that began in a span of time.
func (c *crowd) between(from, to time.Time) []answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []answer
	for _, a := range c.answers {
		if !a.at.Before(from) && a.at.Before(to) {
			out = append(out, a)
		}
	}
	return out
}

// tabs opens n pages that stay open.
func (c *crowd) tabs(n int) []*tab {
	c.t.Helper()
	var out []*tab
	for i := range n {
		v := c.visitors[i]
		v.mu.Lock()
		page, ok := c.document(c.t.Context(), v, "/products/mug")
		v.mu.Unlock()
		if !ok {
			c.t.Fatal("no page could be opened")
		}
		out = append(out, page)
	}
	return out
}

// use does in every open tab what its script would still do.
func (c *crowd) use(tabs []*tab) {
	for i, page := range tabs {
		v := c.visitors[i]
		v.mu.Lock()
		for _, path := range page.assets {
			c.check(c.t.Context(), v, page, "asset", path, nil)
		}
		c.check(c.t.Context(), v, page, "navigation", "/products/lamp?_rsc",
			http.Header{"Rsc": {"1"}, "X-Deployment-Id": {page.deployment}})
		v.mu.Unlock()
	}
}

// on returns the edge's cookie of a visitor whose last document was of the version.
func (c *crowd) on(version string) *http.Cookie {
	at, err := url.Parse(c.edge)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, v := range c.visitors {
		v.mu.Lock()
		seen, cookies := slices.Clone(v.seen), v.http.Jar.Cookies(at)
		v.mu.Unlock()
		if len(seen) == 0 || seen[len(seen)-1] != version {
			continue
		}
		for _, k := range cookies {
			if k.Name == "slipway_id" {
				return k
			}
		}
	}
	return nil
}

// seen counts which versions visitors were shown in which order.
func (c *crowd) seen() map[string]int {
	out := map[string]int{}
	for _, v := range c.visitors {
		v.mu.Lock()
		if len(v.seen) > 0 {
			out[strings.Join(v.seen, " → ")]++
		}
		v.mu.Unlock()
	}
	return out
}
