package edge

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// nowhere is an address where nobody listens and nobody will.
const nowhere = "http://127.0.0.1:1"

func TestCanaryOutOfReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 100)
	w.change(func(tb *Table) { tb.Arms[1].URL = nowhere })
	if a := w.page(randomID()); a.status != 200 || a.arm != "dep_a" {
		t.Errorf("a document of the canary: %d from %q, want stable", a.status, a.arm)
	}
	if a := w.get("/_next/static/x.js?dpl=build-b"); a.status != 200 || a.arm != "dep_a" {
		t.Errorf("a pinned file: %d from %q, want stable", a.status, a.arm)
	}
	if a := w.do(http.MethodPost, "/api/pay", strings.NewReader("x")); a.status != 502 || a.arm != "dep_b" {
		t.Errorf("a POST must not be sent elsewhere: %d from %q", a.status, a.arm)
	}
	got := w.totals()
	if b := got["dep_b"]; b.Connect != 3 || b.Errors != 3 || b.Requests != 3 || b.Excluded != 0 || b.New != 0 {
		t.Errorf("canary: %+v", b)
	}
	if a := got["dep_a"]; a.Requests != 2 || a.Errors != 0 {
		t.Errorf("stable: %+v", a)
	}
	if n := w.edge.Stats().Failovers; n != 2 {
		t.Errorf("%d failovers, want 2", n)
	}
}

func TestStableOutOfReachIsNotTakenOverByTheCanary(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 0)
	w.change(func(tb *Table) { tb.Arms[0].URL = nowhere })
	a := w.get("/", "Accept", "text/html")
	if a.status != 502 || a.arm != "dep_a" || !strings.Contains(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("%d from %q as %s", a.status, a.arm, a.header.Get("Content-Type"))
	}
	a = w.get("/api/x", "Accept", "application/json")
	var problem struct {
		Type   string `json:"type"`
		Status int    `json:"status"`
	}
	if err := json.Unmarshal([]byte(a.body), &problem); err != nil || problem.Status != 502 ||
		problem.Type != "urn:slipway:problem:deployment_unreachable" ||
		a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%v: %s", err, a.body)
	}
	if b := w.totals()["dep_a"]; b.Requests != 2 || b.Connect != 2 || w.edge.Stats().Failovers != 0 {
		t.Errorf("%d requests, %d not reached", b.Requests, b.Connect)
	}
}

func TestBadAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/reset":
			panic(http.ErrAbortHandler)
		case "/500":
			rw.WriteHeader(http.StatusInternalServerError)
		case "/404":
			rw.WriteHeader(http.StatusNotFound)
		case "/skew":
			rw.Header().Set("X-Nextjs-Action-Not-Found", "1")
			rw.WriteHeader(http.StatusConflict)
		case "/cut":
			rw.Header().Set("Content-Length", "1000")
			_, _ = rw.Write([]byte("only this"))
			_ = http.NewResponseController(rw).Flush()
			panic(http.ErrAbortHandler)
		}
	}, nil, 0)
	for path, want := range map[string]int{"/reset": 502, "/500": 500, "/404": 404, "/skew": 409, "/": 200} {
		if a := w.get(path, "Accept", "text/html"); a.status != want || a.arm != "dep_a" {
			t.Errorf("%s: %d from %q, want %d", path, a.status, a.arm, want)
		}
	}
	resp, err := http.Get(w.server.URL + "/cut")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut answer must reach the client as cut: %q, %v", b, err)
	}
	_ = resp.Body.Close()
	got := w.totals()["dep_a"]
	want := metric.Bucket{Requests: 6, Errors: 3, Client: 2, Skew: 1, New: 4}
	want.Bytes = got.Bytes
	if !equalCounts(got, want) {
		t.Errorf("counted %+v", got)
	}
	if got.Latency.Count() != 6 {
		t.Errorf("%d latencies", got.Latency.Count())
	}
}

func TestNoAnswerInTime(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	defer close(hold)
	w := newWorld(t, Options{ResponseHeaderTimeout: 50 * time.Millisecond},
		func(http.ResponseWriter, *http.Request) { <-hold }, nil, 0)
	if a := w.get("/", "Accept", "text/html"); a.status != 504 || a.arm != "dep_a" {
		t.Errorf("%d from %q", a.status, a.arm)
	}
	if got := w.totals()["dep_a"]; !equalCounts(got, metric.Bucket{Requests: 1, Errors: 1, Timeouts: 1}) {
		t.Errorf("counted %+v", got)
	}
}

func TestClientThatLeavesIsNobodysError(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 2)
	left := make(chan struct{}, 2)
	w := newWorld(t, Options{}, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = rw.Write([]byte("start"))
			_ = http.NewResponseController(rw).Flush()
		}
		entered <- struct{}{}
		<-r.Context().Done()
		left <- struct{}{}
	}, nil, 0)
	for _, path := range []string{"/header", "/body"} {
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+path, nil)
		done, started := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
				_, _ = io.ReadFull(resp.Body, make([]byte, len("start")))
				close(started)
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}()
		<-entered
		if path == "/body" {
			<-started
		}
		cancel()
		<-left // the deployment learns that the client left
		<-done
	}
	w.server.Close() // waits for the handlers
	b := w.totals()["dep_a"]
	if b.Errors != 0 || b.Requests != 1 {
		t.Errorf("%d errors of %d requests, want the one that had begun", b.Errors, b.Requests)
	}
	if n := w.edge.Stats().Aborted; n != 1 {
		t.Errorf("%d aborted", n)
	}
}

func TestNotCompared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 0)
	w.get("/", "Accept", "text/html", "User-Agent", "Googlebot")
	w.get("/x", "Rsc", "1", "Next-Router-Prefetch", "1")
	w.get("/x", "Accept", "text/html", "Sec-Purpose", "prefetch;prerender")
	if b := w.totals()["dep_a"]; b.Excluded != 3 || b.Requests != 0 || b.Bytes != 0 || b.Latency.Count() != 0 {
		t.Errorf("%+v", b)
	}
}

// raw sends text to the edge as it stands and returns the answer's status, 0 when
// the connection ended without one.
func (w *world) raw(text string, halfClose bool) int {
	w.t.Helper()
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, text) // the edge may refuse before the end
	if halfClose {
		_ = c.(*net.TCPConn).CloseWrite()
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 64)
	w := newWorld(t, Options{}, func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			seen <- r
		}
	}, nil, 0)
	const head, post = "GET / HTTP/1.1\r\nHost: shop\r\n", "POST / HTTP/1.1\r\nHost: a\r\n"
	tests := []struct {
		name, text string
		want       int
	}{
		{"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400},
		{"odd coding", post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501},
		{"hidden coding", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
		{"space in name", head + "X-Deployment-Id : build-b\r\n\r\n", 400},
		{"nul in value", head + "X-A: a\x00b\r\n\r\n", 400},
		{"two hosts", head + "Host: other\r\n\r\n", 400},
		{"no host", "GET / HTTP/1.1\r\n\r\n", 400},
		{"signed length", post + "Content-Length: +5\r\n\r\nhello", 400},
		{"connect", "CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n", 405},
		{"broken chunks", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", 400},
	}
	for _, tt := range tests {
		if got := w.raw(tt.text, false); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	w.raw(post+"Content-Length: 50\r\n\r\nhello", true)
	if got := w.raw(head+"X-A: "+strings.Repeat("a", 2<<20)+"\r\n\r\n", false); got == 200 {
		t.Error("a header of 2 MiB was taken")
	}
	if n := len(seen); n != 0 {
		t.Fatalf("%d hostile requests reached the deployment as whole ones", n)
	}
	got := w.raw("POST /a HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n"+
		"Connection: close, X-Forwarded-For, X-Forwarded-Host, Cookie\r\nX-Slipway-Deployment: dep_b\r\n"+
		"X-Middleware-Subrequest: middleware:middleware\r\nX-Slipway-Anything: 1\r\nX-Slipway-Visitor: me\r\n"+
		"X-Forwarded-For: 1.2.3.4\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false)
	if got != 200 {
		t.Fatalf("a plain request got %d", got)
	}
	r := <-seen
	if r.ContentLength != -1 || r.Header.Get("Content-Length") != "" || r.Header.Get("Connection") != "" {
		t.Errorf("lengths: %d, %v", r.ContentLength, r.Header)
	}
	if r.Header.Get("X-Forwarded-For") != "127.0.0.1" || r.Header.Get("X-Forwarded-Host") != "shop" {
		t.Errorf("forwarded: %v", r.Header)
	}
	if v, ok := r.Header["Accept-Encoding"]; ok {
		t.Errorf("the edge asks for %v where the client did not", v)
	}
	if v := r.Header.Values(VisitorHeader); len(v) != 1 || !isSticky(v[0]) {
		t.Errorf("the application is told of the visitors %q, want the edge's own id", v)
	}
	r.Header.Del(VisitorHeader)
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Slipway-") || strings.HasPrefix(name, "X-Middleware-") {
			t.Errorf("%s of a client reached the deployment", name)
		}
	}
	if b := w.totals()["dep_a"]; b.Errors != 0 {
		t.Errorf("hostile clients made %d errors of the deployment", b.Errors)
	}
}

func TestHostileAnswersStayInTheirPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set(DeploymentHeader, "dep_z")
		rw.Header().Set("Vary", "rsc, next-router-state-tree")
		rw.Header().Add("Link", "</a>; rel=preload")
		rw.Header().Add("Link", "</b>; rel=preload")
		rw.Header().Set("X-Nextjs-Cache", "HIT")
		rw.Header().Set("Location", "/x?_rsc=abc")
		rw.WriteHeader(http.StatusTemporaryRedirect)
	}, nil, 0)
	a := w.get("/x", "Rsc", "1")
	if a.arm != "dep_a" || len(a.header.Values("Link")) != 2 || a.status != 307 ||
		a.header.Get("X-Nextjs-Cache") != "HIT" ||
		a.header.Get("Vary") != "rsc, next-router-state-tree" || a.header.Get("Location") != "/x?_rsc=abc" {
		t.Errorf("%d %v", a.status, a.header)
	}
}

func TestNextHeadersPassUnchanged(t *testing.T) {
	t.Parallel()
	var got *http.Request
	w := newWorld(t, Options{}, func(_ http.ResponseWriter, r *http.Request) { got = r }, nil, 0)
	sent := []string{
		"Rsc", "1", "Next-Router-State-Tree", `%5B%22%22%2C%7B%7D%5D`, "Next-Router-Segment-Prefetch", "/_tree",
		"Next-Url", "/a", "X-Deployment-Id", "build-a", "Accept-Encoding", "br", "Origin", "https://shop", "Te", "trailers",
	}
	const target = "/a%2Fb/c%20d?_rsc=1a2b&x=%zz&y;z&&a=1"
	w.get(target, sent...)
	for i := 0; i < len(sent); i += 2 {
		if got.Header.Get(sent[i]) != sent[i+1] {
			t.Errorf("%s arrives as %q", sent[i], got.Header.Get(sent[i]))
		}
	}
	if got.RequestURI != target {
		t.Errorf("target arrives as %s", got.RequestURI)
	}
	if ua, ok := got.Header["User-Agent"]; ok && ua[0] != "Go-http-client/1.1" {
		t.Errorf("user agent %v", ua)
	}
}

func TestHealthPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 25)
	a := w.get("/__slipway/health")
	var h Health
	if err := json.Unmarshal([]byte(a.body), &h); err != nil || a.status != 200 {
		t.Fatalf("%d %v", a.status, err)
	}
	if h.Status != "serving" || h.Generation != 1 || h.Share != 25 || len(h.Arms) != 2 ||
		h.Arms[1].Builds[0] != "build-b" {
		t.Errorf("%+v", h)
	}
	if strings.Contains(a.body, w.table.Salt) {
		t.Error("the salt is shown")
	}
	tests := map[string][]string{
		"through a proxy": {"X-Forwarded-For", "203.0.113.1"},
	}
	for name, headers := range tests {
		if a := w.get("/__slipway/health", headers...); a.status != 404 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if a := w.get("/__slipway/other"); a.status != 404 || a.arm != "" {
		t.Errorf("the edge's own path reached %q: %d", a.arm, a.status)
	}
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/": 503, "/__slipway/health": 503} {
		rec, req := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
		req.RemoteAddr = "[::1]:1"
		if e.ServeHTTP(rec, req); rec.Code != want {
			t.Errorf("without a table %s: %d", path, rec.Code)
		}
	}
}
