package edge

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// setCookie returns the sticky cookie of an answer, or nil.
func setCookie(a answer, name string) *http.Cookie {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func TestCookieOnlyOnDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, func(rw http.ResponseWriter, _ *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "session", Value: "of-the-app"})
	}, nil, 0)
	a := w.get("/", "Accept", "text/html")
	c := setCookie(a, DefaultCookie)
	if c == nil || !isSticky(c.Value) || c.Path != "/" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure {
		t.Fatalf("cookie %+v", c)
	}
	if setCookie(a, "session") == nil {
		t.Error("the application's own cookie is lost")
	}
	if a := w.get("/", "Accept", "text/html", "X-Forwarded-Proto", "https"); !setCookie(a, DefaultCookie).Secure {
		t.Error("over https the cookie must be Secure")
	}
	if a := w.get("/", "Accept", "text/html", "Cookie", DefaultCookie+"="+c.Value); setCookie(a, DefaultCookie) != nil {
		t.Error("a visitor with a cookie gets another")
	}
	for _, path := range []string{"/_next/static/x.js", "/api/x", "/logo.png", "/_next/image?url=x"} {
		if setCookie(w.get(path), DefaultCookie) != nil {
			t.Errorf("%s sets the cookie", path)
		}
	}
	if setCookie(w.get("/", "Rsc", "1"), DefaultCookie) != nil {
		t.Error("data sets the cookie")
	}
	for _, bad := range []string{"x", strings.Repeat("A", 32), strings.Repeat("a", 33), strings.Repeat("a", 30000)} {
		a := w.get("/", "Accept", "text/html", "Cookie", DefaultCookie+"="+bad)
		if c := setCookie(a, DefaultCookie); c == nil || a.status != 200 {
			t.Errorf("a forged cookie of %d bytes is taken: %d", len(bad), a.status)
		}
	}
	if n := w.totals()["dep_a"].New; n != 6 {
		t.Errorf("counted %d new visitors, want 6", n)
	}
}

// The application splits its flags by the id that the edge assigned by, whatever a client says of itself.
func TestTheApplicationIsToldTheVisitor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, func(rw http.ResponseWriter, r *http.Request) {
		_, _ = rw.Write([]byte(strings.Join(r.Header.Values(VisitorHeader), ",")))
	}, nil, 0)
	a := w.get("/", "Accept", "text/html", VisitorHeader, "somebody")
	c := setCookie(a, DefaultCookie)
	if c == nil || a.body != c.Value {
		t.Fatalf("a new visitor is %q to the application, the cookie says %v", a.body, c)
	}
	for _, path := range []string{"/", "/api/x", "/_next/static/x.js?dpl=build-a"} {
		a := w.get(path, "Cookie", DefaultCookie+"="+c.Value, VisitorHeader, "somebody")
		if a.body != c.Value {
			t.Errorf("%s: the visitor %s is %q to the application", path, c.Value, a.body)
		}
	}
	if a := w.get("/", "User-Agent", "Googlebot/2.1", VisitorHeader, "somebody"); a.body != "" {
		t.Errorf("a crawler is the visitor %q", a.body)
	}
}

func TestUserIdentities(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 0)
	w.change(func(tb *Table) {
		tb.Share = 50
		tb.Sticky = Sticky{Cookie: "sid", UserHeader: "X-User", UserCookie: "uid"}
	})
	in, out := w.visitor(50, true), w.visitor(50, false)
	tests := []struct {
		name    string
		headers []string
		want    string
	}{
		{"header", []string{"X-User", in, "Cookie", "uid=" + out + "; sid=" + out}, "dep_b"},
		{"user cookie", []string{"Cookie", "sid=" + out + "; uid=" + in}, "dep_b"},
		{"sticky cookie", []string{"Cookie", "other=1; sid=" + in}, "dep_b"},
		{"default cookie has no meaning here", []string{"Cookie", "sid=" + out + "; " + DefaultCookie + "=" + in}, "dep_a"},
	}
	for _, tt := range tests {
		a := w.get("/", append(tt.headers, "Accept", "text/html")...)
		if a.arm != tt.want || setCookie(a, "sid") != nil {
			t.Errorf("%s: from %q, want %q; cookie %v", tt.name, a.arm, tt.want, setCookie(a, "sid"))
		}
	}
}

// A client that keeps no cookies stays with one arm, by its address and user agent.
func TestClientsWithoutCookies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, nil, nil, 50)
	seen := map[string]bool{}
	for i := range 64 {
		agent := "client/" + strconv.Itoa(i)
		first := w.get("/api/x", "User-Agent", agent).arm
		seen[first] = true
		for range 3 {
			if a := w.get("/api/x", "User-Agent", agent); a.arm != first {
				t.Fatalf("%s moved from %s to %s", agent, first, a.arm)
			}
			a := w.get("/", "User-Agent", agent, "Accept", "text/html", "Sec-Fetch-Site", "same-origin")
			c := setCookie(a, DefaultCookie)
			if a.arm != first || c == nil {
				t.Fatalf("a page after a page went to %s, not %s; cookie %v", a.arm, first, c)
			}
			// Should the client keep the cookie after all, it stays where it is.
			if next := w.page(c.Value); next.arm != first {
				t.Fatalf("with the cookie %s moved from %s to %s", agent, first, next.arm)
			}
		}
	}
	if len(seen) != 2 {
		t.Fatal("64 clients are all in one arm at 50 %")
	}
	if n := w.totals()["dep_a"].New; n != 0 {
		t.Errorf("%d of them count as new visitors", n)
	}
}

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	echo := func(rw http.ResponseWriter, r *http.Request) {
		for _, n := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip", "Forwarded"} {
			_, _ = rw.Write([]byte(n + "=" + strings.Join(r.Header[n], "|") + "\n"))
		}
		_, _ = rw.Write([]byte("Host=" + r.Host + "\n"))
	}
	sent := []string{
		"Host", "shop.example", "X-Forwarded-For", "203.0.113.9, 10.0.0.1", "X-Forwarded-Proto", "https",
		"X-Forwarded-Host", "evil.example", "X-Real-Ip", "203.0.113.9", "Forwarded", "for=1.2.3.4",
	}
	w := newWorld(t, Options{}, echo, nil, 0)
	want := "X-Forwarded-For=127.0.0.1\nX-Forwarded-Proto=http\nX-Forwarded-Host=shop.example\n" +
		"X-Real-Ip=\nForwarded=\nHost=shop.example\n"
	if a := w.get("/", sent...); a.body != want {
		t.Errorf("from a stranger:\n%s", a.body)
	}
	local := netip.MustParsePrefix("127.0.0.0/8")
	w = newWorld(t, Options{TrustedProxies: []netip.Prefix{local, netip.MustParsePrefix("10.0.0.0/8")}}, echo, nil, 0)
	want = "X-Forwarded-For=203.0.113.9, 10.0.0.1, 127.0.0.1\nX-Forwarded-Proto=https\nX-Forwarded-Host=evil.example\n" +
		"X-Real-Ip=203.0.113.9\nForwarded=\nHost=shop.example\n"
	if a := w.get("/", sent...); a.body != want {
		t.Errorf("from a trusted proxy:\n%s", a.body)
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/", nil)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.9, 10.0.0.1")
	if ip := w.edge.clientIP(r); ip != "203.0.113.9" {
		t.Errorf("client is %s, want the last address that is not a proxy's", ip)
	}
	r.Header.Set("X-Forwarded-For", "nonsense")
	if ip := w.edge.clientIP(r); ip != "127.0.0.1" {
		t.Errorf("client is %s, want the peer", ip)
	}
}
