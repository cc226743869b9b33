package edge

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// req: CD-18 CD-12
func TestAssignmentIsMonotone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 0)
	ids := make([]string, 300)
	for i := range ids {
		ids[i] = randomID()
	}
	in := map[string]bool{}
	for _, share := range []float64{5, 10, 25, 50, 100} {
		w.change(func(tb *Table) { tb.Share = share })
		for _, id := range ids {
			canary := w.page(id).arm == "dep_b"
			if in[id] && !canary {
				t.Fatalf("at %g %% visitor %s left the canary", share, id)
			}
			in[id] = canary
		}
	}
	for id, canary := range in {
		if !canary {
			t.Fatalf("at 100 %% visitor %s is not in the canary", id)
		}
	}
	at5 := map[string]bool{}
	w.change(func(tb *Table) { tb.Share = 5 })
	for _, id := range ids {
		at5[id] = w.page(id).arm == "dep_b"
	}
	w.change(func(tb *Table) { tb.Share = 50 })
	w.change(func(tb *Table) { tb.Share = 5 })
	for _, id := range ids {
		if (w.page(id).arm == "dep_b") != at5[id] {
			t.Fatalf("lowering back to 5 %% put visitor %s elsewhere", id)
		}
	}
	changed := 0
	w.change(func(tb *Table) { tb.Share, tb.Salt = 50, "rel_2" })
	for _, id := range ids {
		if bucketAt50 := w.page(id).arm == "dep_b"; bucketAt50 != (at5[id] || false) {
			changed++
		}
	}
	if changed == 0 {
		t.Fatal("a new salt draws nobody anew")
	}
}

// req: CD-17
func TestMeasuredShareIsTheIntendedOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 10)
	const visitors = 3000
	for range visitors {
		rec := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		req.Header.Set("Accept", "text/html")
		w.edge.ServeHTTP(rec, req)
	}
	got := w.totals()
	a, b := got["dep_a"], got["dep_b"]
	if a.Requests+b.Requests != visitors || a.New+b.New != visitors {
		t.Fatalf("counted %d + %d requests and %d + %d new visitors of %d", a.Requests, b.Requests, a.New, b.New, visitors)
	}
	// Five standard errors of 10 % of 3,000: a wrong share of 13 % or 7 % fails.
	if share := 100 * float64(b.New) / visitors; share < 7.26 || share > 12.74 {
		t.Fatalf("measured share %.2f %%, intended 10 %%", share)
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 50)
	in, out := DefaultCookie+"="+w.visitor(50, true), DefaultCookie+"="+w.visitor(50, false)
	tests := []struct {
		name    string
		path    string
		headers []string
		want    string
	}{
		{"document by bucket, in", "/", []string{"Accept", "text/html", "Cookie", in}, "dep_b"},
		{"document by bucket, out", "/", []string{"Accept", "text/html", "Cookie", out}, "dep_a"},
		{"document ignores a linked dpl", "/?dpl=build-b", []string{"Accept", "text/html", "Cookie", out}, "dep_a"},
		{"header pins", "/x", []string{"Rsc", "1", "X-Deployment-Id", "build-b", "Cookie", out}, "dep_b"},
		{"header pins back to stable", "/x", []string{"Rsc", "1", "X-Deployment-Id", "build-a", "Cookie", in}, "dep_a"},
		{"header before query", "/x?dpl=build-b", []string{"Rsc", "1", "X-Deployment-Id", "build-a"}, "dep_a"},
		{"query pins", "/_next/static/chunks/x.js?dpl=build-b", []string{"Cookie", out}, "dep_b"},
		{"query pins an image", "/_next/image?url=a&w=64&dpl=build-b", []string{"Cookie", out}, "dep_b"},
		{"no pin, bucket in", "/api/cart", []string{"Cookie", in}, "dep_b"},
		{"no pin, bucket out", "/api/cart", []string{"Cookie", out}, "dep_a"},
		{"foreign words are no pin", "/api/cart?dpl=a%0d%0ab", []string{"Cookie", in}, "dep_b"},
		{"unknown build of an api: bucket", "/api/cart", []string{"X-Deployment-Id", "build-z", "Cookie", in}, "dep_b"},
		{"crawler", "/", []string{"Accept", "text/html", "Cookie", in, "User-Agent", "Googlebot/2.1"}, "dep_a"},
		{"crawler's assets are pinned", "/_next/static/x.js?dpl=build-b", []string{"User-Agent", "bingbot"}, "dep_b"},
	}
	for _, tt := range tests {
		if a := w.get(tt.path, tt.headers...); a.arm != tt.want || a.status != 200 {
			t.Errorf("%s: %d from %q, want %q", tt.name, a.status, a.arm, tt.want)
		}
	}
}

func TestGoneVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 0)
	a := w.do(http.MethodPost, "/cart", strings.NewReader("[]"), "Next-Action", "abc", "X-Deployment-Id", "build-old")
	if a.status != http.StatusConflict || a.header.Get("X-Nextjs-Action-Not-Found") != "1" || a.arm != "" {
		t.Errorf("action of a gone version: %d, %v", a.status, a.header)
	}
	if a := w.get("/x", "Rsc", "1", "X-Deployment-Id", "build-old"); a.status != http.StatusNotFound || a.arm != "" {
		t.Errorf("data of a gone version: %d from %q", a.status, a.arm)
	}
	a = w.do(http.MethodPost, "/cart", strings.NewReader("[]"), "Next-Action", "abc", "X-Deployment-Id", "build-b")
	if a.status != http.StatusOK || a.arm != "dep_b" {
		t.Errorf("action of a live version: %d from %q", a.status, a.arm)
	}
	if a := w.do(http.MethodPost, "/cart", strings.NewReader("[]"), "Next-Action", "abc"); a.arm != "dep_a" {
		t.Errorf("action without a build id: from %q", a.arm)
	}
	if got := w.edge.Stats().Gone; got != 2 {
		t.Errorf("counted %d gone, want 2", got)
	}
}

func TestOldArmIsHonoredUntil(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 0)
	promote := func(until time.Time) {
		w.change(func(tb *Table) {
			tb.Stable, tb.Canary, tb.Share = "dep_b", "", 0
			tb.Arms[0].Until = until
		})
	}
	promote(time.Now().Add(time.Hour))
	if a := w.get("/x", "Rsc", "1", "X-Deployment-Id", "build-a"); a.arm != "dep_a" {
		t.Errorf("within the window: from %q", a.arm)
	}
	if a := w.get("/", "Accept", "text/html"); a.arm != "dep_b" {
		t.Errorf("a document goes to the promoted version, not %q", a.arm)
	}
	promote(time.Now().Add(-time.Second))
	if a := w.get("/x", "Rsc", "1", "X-Deployment-Id", "build-a"); a.status != http.StatusNotFound {
		t.Errorf("after the window: %d from %q", a.status, a.arm)
	}
	promote(time.Time{})
	if a := w.get("/x", "Rsc", "1", "X-Deployment-Id", "build-a"); a.arm != "dep_a" {
		t.Errorf("without a limit: from %q", a.arm)
	}
}

func TestAbortMovesPinsToStable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 100)
	pin := []string{"Rsc", "1", "X-Deployment-Id", "build-b"}
	if a := w.get("/x", pin...); a.arm != "dep_b" {
		t.Fatalf("before: from %q", a.arm)
	}
	w.change(func(tb *Table) { tb.Share, tb.Arms[1].Banned = 0, true })
	for _, path := range []string{"/x", "/_next/static/x.js?dpl=build-b", "/api/a?dpl=build-b"} {
		if a := w.get(path, pin...); a.arm != "dep_a" || a.header.Get(buildHeader) == "build-b" {
			t.Errorf("%s after the abort: from %q", path, a.arm)
		}
	}
	a := w.do(http.MethodPost, "/x", strings.NewReader("[]"), "Next-Action", "abc", "X-Deployment-Id", "build-b")
	if a.status != http.StatusConflict || a.header.Get("X-Nextjs-Action-Not-Found") != "1" {
		t.Errorf("action of the aborted version: %d", a.status)
	}
}

func TestBuildFileFromTheOtherArm(t *testing.T) {
	t.Parallel()
	only := func(name, build string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, name) {
				http.Error(rw, "missing in "+build, http.StatusNotFound)
				return
			}
			_, _ = rw.Write([]byte(build))
		}
	}
	w := newWorld(t, Options{}, only("a.js", "build-a"), only("b.js", "build-b"), 0)
	tests := []struct {
		path   string
		arm    string
		status int
	}{
		{"/_next/static/chunks/b.js?dpl=build-a", "dep_b", 200},
		{"/_next/static/chunks/a.js?dpl=build-b", "dep_a", 200},
		{"/_next/static/immutable/b.js", "dep_b", 200},
		{"/_next/static/chunks/b.js?dpl=build-gone", "dep_b", 200},
		{"/_next/static/chunks/c.js?dpl=build-b", "dep_b", 404},
		{"/images/b.js", "dep_a", 404}, // not named by its content: no second try
	}
	for _, tt := range tests {
		if a := w.get(tt.path); a.arm != tt.arm || a.status != tt.status {
			t.Errorf("%s: %d from %q, want %d from %q", tt.path, a.status, a.arm, tt.status, tt.arm)
		}
	}
	got := w.totals()
	if b := got["dep_b"]; b.Skew != 1 || b.Client != 1 || b.Errors != 0 || b.Requests != 4 {
		t.Errorf("dep_b: %d skew, %d client, %d errors, %d requests", b.Skew, b.Client, b.Errors, b.Requests)
	}
	if a := got["dep_a"]; a.Skew != 0 || a.Client != 1 || a.Requests != 2 {
		t.Errorf("dep_a: %d skew, %d client, %d requests", a.Skew, a.Client, a.Requests)
	}
}

func TestLearnsBuildIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 100)
	w.change(func(tb *Table) {
		tb.Share = 50
		tb.Arms[0].BuildIDs, tb.Arms[1].BuildIDs = nil, nil
	})
	in, out := w.visitor(50, true), w.visitor(50, false)
	// Until the ids are known, a pin tells nothing and the bucket decides.
	if a := w.get("/x", "Rsc", "1", "X-Deployment-Id", "build-b", "Cookie", DefaultCookie+"="+out); a.arm != "dep_a" {
		t.Fatalf("unknown pin: from %q", a.arm)
	}
	w.page(in) // its document says build-b
	if a := w.get("/_next/static/x.js?dpl=build-b", "Cookie", DefaultCookie+"="+out); a.arm != "dep_b" {
		t.Fatalf("pin after a document: from %q", a.arm)
	}
	if a := w.get("/x", "Rsc", "1", "X-Deployment-Id", "build-old"); a.status != http.StatusNotFound {
		t.Fatalf("a gone build once all are known: %d", a.status)
	}
	got := w.edge.Builds()
	if len(got) != 2 || got["dep_a"][0] != "build-a" || got["dep_b"][0] != "build-b" {
		t.Fatalf("learned %v", got)
	}
	w.change(func(tb *Table) { tb.Share = 0 })
	if a := w.get("/_next/static/x.js?dpl=build-b"); a.arm != "dep_b" {
		t.Fatalf("a new table forgot what was learned: from %q", a.arm)
	}
	w.change(func(tb *Table) { tb.Arms[1].URL = nowhere })
	if got := w.edge.Builds(); got["dep_b"] != nil || got["dep_a"] == nil {
		t.Fatalf("another address may be another build, and yet it is still %v", got)
	}
}

func TestSameBuildInTwoArmsTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 0)
	w.change(func(tb *Table) { tb.Arms[1].BuildIDs = []string{"build-a"} })
	if a := w.get("/x", "Rsc", "1", "X-Deployment-Id", "build-a"); a.arm != "dep_a" || a.status != 200 {
		t.Errorf("%d from %q, want the bucket's arm", a.status, a.arm)
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, method, target string
		headers              []string
		want                 metric.Class
	}{
		{"navigation", "GET", "/", []string{"Sec-Fetch-Dest", "document"}, metric.Document},
		{"old browser", "GET", "/a", []string{"Accept", "text/html,*/*;q=0.8"}, metric.Document},
		{"form post", "POST", "/a", []string{"Accept", "text/html"}, metric.Document},
		{"fetch that takes html", "GET", "/a", []string{"Accept", "text/html", "Sec-Fetch-Dest", "empty"}, metric.Other},
		{"rsc", "GET", "/a?_rsc=1x", []string{"Rsc", "1", "Accept", "*/*"}, metric.Data},
		{"rsc wins over accept", "GET", "/a", []string{"Rsc", "1", "Accept", "text/html"}, metric.Data},
		{"pages router", "GET", "/_next/data/b/a.json", nil, metric.Data},
		{"action", "POST", "/a", []string{"Next-Action", "x", "Accept", "text/x-component"}, metric.Action},
		{"action needs POST", "GET", "/a", []string{"Next-Action", "x"}, metric.Other},
		{"api", "GET", "/api/x", nil, metric.API},
		{"no api", "GET", "/apiary", []string{"Accept", "text/html"}, metric.Document},
		{"chunk", "GET", "/_next/static/x.js", nil, metric.Asset},
		{"base path", "GET", "/shop/_next/static/x.js", nil, metric.Asset},
		{"image", "GET", "/_next/image?url=x", nil, metric.Image},
		{"public file", "GET", "/logo.svg", []string{"Accept", "text/html"}, metric.Asset},
		{"page with a dot", "GET", "/docs/node.js", []string{"Sec-Fetch-Dest", "document"}, metric.Document},
		{"script's fetch", "GET", "/a", []string{"X-Deployment-Id", "b", "Accept", "text/html"}, metric.Other},
		{"websocket", "GET", "/ws", []string{"Upgrade", "websocket"}, metric.Other},
		{"curl", "GET", "/a", []string{"Accept", "*/*"}, metric.Other},
	}
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.target, nil)
		for i := 0; i+1 < len(tt.headers); i += 2 {
			r.Header.Set(tt.headers[i], tt.headers[i+1])
		}
		if got := classify(r); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
