package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
)

func TestBucketsFillAndAreBounded(t *testing.T) {
	l := newLimiter(2, 4)
	now := time.Now()
	for i := range 4 {
		if w := l.take("a", 1, now); w != 0 {
			t.Fatalf("request %d waits %s", i, w)
		}
	}
	if w := l.take("a", 1, now); w != 500*time.Millisecond {
		t.Error("waits", w)
	}
	if w := l.take("b", 1, now); w != 0 {
		t.Error("another key waits", w)
	}
	if w := l.take("a", 1, now.Add(500*time.Millisecond)); w != 0 {
		t.Error("after the wait:", w)
	}
	if w := l.take("a", 1, now.Add(-time.Hour)); w == 0 {
		t.Error("a clock that goes back gives tokens")
	}
	for i := range maxBuckets * 3 {
		l.take(fmt.Sprint(i), 1, now.Add(time.Second))
	}
	if len(l.young)+len(l.before) > 2*maxBuckets {
		t.Errorf("%d and %d buckets", len(l.young), len(l.before))
	}
}

func TestTooManyRequestsAreRefused(t *testing.T) {
	w := open(t, func(o *Options) { o.Rate = 0.5 }) // 8 at once for an actor
	refused := 0
	for range 12 {
		r := w.do(t, http.MethodGet, "/api/v1/me", "", as(w.admin))
		if r.StatusCode == http.StatusTooManyRequests {
			refused++
			if p := r.problem(t); p.Kind != "limited" || r.Header.Get("Retry-After") == "" {
				t.Errorf("%+v", p)
			}
		}
	}
	if refused != 4 {
		t.Errorf("%d of 12 were refused", refused)
	}
	if r := w.do(t, http.MethodGet, "/healthz", ""); r.StatusCode != http.StatusOK {
		t.Errorf("health is limited: %d", r.StatusCode)
	}
}

// Hashing passwords for strangers is bounded, by the API's door and by the page's.
func TestSigningInIsLimited(t *testing.T) {
	forms := 0
	page := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { forms++ })
	w := open(t, func(o *Options) { o.Rate, o.Web = 10, page }) // 320 of a client at once
	var codes []int
	for range 12 {
		codes = append(codes, w.do(t, http.MethodPost, "/api/v1/setup", `{}`).StatusCode)
	}
	if codes[0] == http.StatusTooManyRequests || codes[11] != http.StatusTooManyRequests {
		t.Error(codes)
	}
	w.clients = newLimiter(40, 320)
	for range 40 {
		w.do(t, http.MethodPost, "/login", "name=ada")
	}
	if forms < 32 || forms > 36 {
		t.Errorf("%d forms were let through", forms)
	}
	if r := w.do(t, http.MethodGet, "/login", ""); r.StatusCode != http.StatusOK {
		t.Errorf("reading a page: %d", r.StatusCode)
	}
}

func TestGuessingTokensIsSlow(t *testing.T) {
	w := open(t, func(o *Options) { o.Rate = 5 }) // 160 of a client at once, 20 for each guess
	last := 0
	for range 12 {
		last = w.do(t, http.MethodGet, "/api/v1/me", "", "Authorization: Bearer slp_guess").StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the twelfth guess is answered with %d", last)
	}
}

func TestBodiesAreLimited(t *testing.T) {
	w := open(t)
	huge := `{"version":"` + strings.Repeat("a", maxBody) + `"}`
	r := w.do(t, http.MethodPost, "/api/v1/releases", huge, as(w.admin))
	if p := r.problem(t); r.StatusCode != http.StatusUnprocessableEntity || p.Reason != "body_too_large" {
		t.Errorf("%d %+v", r.StatusCode, p)
	}
	// chunked
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/api/v1/releases",
		io.MultiReader(strings.NewReader(huge)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.admin)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("chunked: %d", resp.StatusCode)
	}
	for _, path := range []string{"/api/v1/" + strings.Repeat("a", maxPath), "/api/v1/log?text=" +
		strings.Repeat("a", maxQuery)} {
		if r := w.do(t, http.MethodGet, path, "", as(w.admin)); r.StatusCode != http.StatusRequestURITooLong {
			t.Errorf("%.30s…: %d", path, r.StatusCode)
		}
	}
	if r := w.do(t, http.MethodGet, "/api/v1/me", "", as(w.admin),
		"X-Big: "+strings.Repeat("a", 64<<10)); r.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a huge header: %d", r.StatusCode)
	}
	if r := w.do(t, http.MethodGet, "/api/v1/log?limit=100000", "",
		as(w.admin)); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a huge page: %d", r.StatusCode)
	}
	if r := w.do(t, http.MethodGet, "/api/v1/log?limt=1", "",
		as(w.admin)); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an unknown parameter: %d", r.StatusCode)
	}
}

func TestSlowSendersAreCut(t *testing.T) {
	s := HTTPServer(http.NotFoundHandler(), open(t).Log)
	if s.ReadHeaderTimeout == 0 || s.ReadHeaderTimeout > 10*time.Second || s.WriteTimeout == 0 || s.IdleTimeout == 0 ||
		s.MaxHeaderBytes > 64<<10 {
		t.Errorf("%+v", s)
	}
	// A body that does not arrive ends its request, and not by the server's patience.
	w := open(t)
	done := make(chan int, 1)
	h := w.around(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(rw).SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // instead of bodyTime
		err := readBody(rw, r, maxBody)
		if err == nil {
			done <- 0
			return
		}
		w.refuse(rw, r, err)
		done <- 1
	}))
	ts := httptest.NewServer(h)
	defer ts.Close()
	conn, err := net.Dial("tcp", ts.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	select {
	case n := <-done:
		if n != 1 {
			t.Error("an incomplete body was taken")
		}
	case <-time.After(15 * time.Second):
		t.Error("a slow body holds its request")
	}
}

// What looks like another request inside of one, or splits a header, gets nowhere.
func TestHeadersCannotBeInjected(t *testing.T) {
	w := open(t)
	for _, raw := range []string{
		"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nX-A\r\n: b\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(conn, raw)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		_ = conn.Close()
		if err != nil {
			continue // cut
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %d", raw, resp.StatusCode)
		}
	}
	r := w.do(t, http.MethodGet, "/api/v1/releases?cursor=a%0d%0aSet-Cookie:+x&limit=1", "", as(w.admin))
	if r.Header.Get("Set-Cookie") != "" {
		t.Error("a header was injected")
	}
	r = w.do(t, http.MethodPost, "/api/v1/issues", `{}`, as(w.admin), "Idempotency-Key: a b")
	if p := r.problem(t); p.Reason != "idempotency_key_malformed" {
		t.Errorf("%+v", p)
	}
}

func TestPathsStayInside(t *testing.T) {
	w := open(t)
	for _, path := range []string{
		"/api/v1/releases/..%2f..%2fetc%2fpasswd", "/api/v1/releases/%2e%2e%2f%2e%2e", "/api/v1/releases/%00",
		"/api/v1/releases/%ff",
		"/api/v1/../../etc/passwd", "/api/v1//me", "/problems/../healthz",
	} {
		r := w.do(t, http.MethodGet, path, "", as(w.admin))
		if r.StatusCode == http.StatusOK || r.StatusCode >= 500 {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
}

func TestMethodsAndHeaders(t *testing.T) {
	w := open(t)
	r := w.do(t, http.MethodDelete, "/api/v1/releases", "", as(w.admin))
	if p := r.problem(t); r.StatusCode != http.StatusMethodNotAllowed ||
		r.Header.Get("Allow") != "GET, HEAD, POST, OPTIONS" || p.Reason != "method_not_allowed" {
		t.Errorf("%d %q %+v", r.StatusCode, r.Header.Get("Allow"), p)
	}
	r = w.do(t, http.MethodOptions, "/api/v1/releases", "", as(w.admin), "Origin: https://evil.example",
		"Access-Control-Request-Method: POST")
	if r.StatusCode != http.StatusNoContent || r.Header.Get("Allow") == "" {
		t.Errorf("OPTIONS: %d %v", r.StatusCode, r.Header)
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "Access-Control") {
			t.Errorf("other sites are let in: %s", name)
		}
	}
	head := w.do(t, http.MethodHead, "/api/v1/me", "", as(w.admin))
	if head.StatusCode != http.StatusOK || head.body != "" || head.Header.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: %d %q", head.StatusCode, head.body)
	}
	if r := w.do(t, http.MethodGet, "/api/v1/nowhere", "", as(w.admin)); r.StatusCode != http.StatusNotFound ||
		r.problem(t).Reason != "no_such_address" {
		t.Errorf("nowhere: %d", r.StatusCode)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
		"Cache-Control":             "no-store",
		"Strict-Transport-Security": "",
	} {
		if got := head.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestClientBehindProxies(t *testing.T) {
	s := &Server{Options: Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	tests := []struct {
		remote, forwarded, want string
	}{
		{"192.0.2.1:5", "203.0.113.1", "192.0.2.1"},                     // a stranger's word
		{"10.0.0.1:5", "203.0.113.1", "203.0.113.1"},                    // a proxy's word
		{"10.0.0.1:5", "1.2.3.4, 203.0.113.1, 10.0.0.2", "203.0.113.1"}, // what came before was the client's word
		{"10.0.0.1:5", "rubbish", "10.0.0.1"},
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"[2001:db8::1]:5", "203.0.113.1", "2001:db8::1"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tt.remote
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		r.Header.Set("X-Forwarded-Proto", "https")
		c := s.client(r)
		if c.address != tt.want || c.secure != strings.HasPrefix(tt.remote, "10.") {
			t.Errorf("%+v: %+v", tt, c)
		}
	}
}

func TestHealthReadinessAndMetrics(t *testing.T) {
	w := open(t)
	for path, want := range map[string]string{"/healthz": `"status":"ok"`, "/readyz": `"status":"ready"`} {
		if r := w.do(t, http.MethodGet, path, ""); r.StatusCode != http.StatusOK || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
	w.do(t, http.MethodGet, "/api/v1/me", "", as(w.admin))
	r := w.do(t, http.MethodGet, "/metrics", "")
	for _, want := range []string{
		`slipway_http_requests_total{operation="GET /api/v1/me",status="200"} 1`, "slipway_build_info{", "go_goroutines",
		"slipway_event_streams 0",
	} {
		if !strings.Contains(r.body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if r := w.do(t, http.MethodGet, "/metrics", "",
		"X-Forwarded-For: 203.0.113.1"); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("metrics through a proxy: %d", r.StatusCode)
	}
	if r := w.do(t, http.MethodGet, "/metrics", "",
		"Host: rebound.example:4400"); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("metrics for a page of another name: %d", r.StatusCode)
	}
	closed := open(t, func(o *Options) { o.MetricsToken = "sesame" })
	if r := closed.do(t, http.MethodGet, "/metrics", ""); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("metrics without their token: %d", r.StatusCode)
	}
	if r := closed.do(t, http.MethodGet, "/metrics", "", as("sesame")); r.StatusCode != http.StatusOK {
		t.Errorf("metrics with their token: %d", r.StatusCode)
	}
	if err := w.db.KeepReserve(1 << 50); err != nil { // which no disk holds
		t.Fatal(err)
	}
	r = w.do(t, http.MethodGet, "/readyz", "")
	if r.StatusCode != http.StatusOK || !strings.Contains(r.body, "disk full, on the reserve") {
		t.Errorf("on the reserve: %d %s", r.StatusCode, r.body)
	}
	r = w.do(t, http.MethodGet, "/metrics", "")
	for _, want := range []string{"slipway_writes_refused 1\n", "\nslipway_disk_free_bytes ",
		"\nslipway_disk_reserve_bytes "} {
		if !strings.Contains(r.body, want) {
			t.Errorf("on the reserve the metrics do not have %q", want)
		}
	}
	r = w.do(t, http.MethodPost, "/api/v1/releases", `{"version":"v9","commit":"c","deployment_url":"http://127.0.0.1:9"}`,
		as(w.admin))
	var p api.Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || p.Reason != "disk_full" ||
		!strings.Contains(p.Remedy, "Make room on the disk of /") || !strings.Contains(p.Command, "du -xh") {
		t.Errorf("on the reserve a release is answered with %v %s", err, r.body)
	}
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	r = w.do(t, http.MethodGet, "/readyz", "")
	if r.StatusCode != http.StatusServiceUnavailable || strings.Contains(r.body, "sql") {
		t.Errorf("without a database: %d %s", r.StatusCode, r.body)
	}
	if r := w.do(t, http.MethodGet, "/healthz", ""); r.StatusCode != http.StatusOK {
		t.Errorf("the process lives: %d", r.StatusCode)
	}
}

// Pages are counted as the API's requests are, and what is denied fills the log no
// faster there than here.
func TestPagesAreLimited(t *testing.T) {
	status := http.StatusOK
	w := open(t, func(o *Options) {
		o.Rate = 10 // 320 requests at once, and 40 a second
		o.Web = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	})
	count := func() (answered int) {
		for range 600 {
			r := w.do(t, http.MethodGet, "/page", "")
			if r.StatusCode == http.StatusTooManyRequests {
				if r.Header.Get("Retry-After") == "" {
					t.Error("nobody says when to come again")
				}
				return answered
			}
			answered++
		}
		return answered
	}
	if n := count(); n < 300 || n >= 600 {
		t.Errorf("%d pages in a row", n)
	}
	status = http.StatusForbidden
	if r := w.do(t, http.MethodGet, "/healthz", ""); r.StatusCode != http.StatusOK {
		t.Errorf("health is no page: %d", r.StatusCode)
	}
	other := open(t, func(o *Options) { o.Rate, o.Web = 10, w.Web })
	w = other
	if n := count(); n < 10 || n > 40 {
		t.Errorf("%d denials in a row", n)
	}
}
