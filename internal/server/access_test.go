package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

// denials counts what the log holds of them.
func (w *world) denials(t *testing.T) int {
	t.Helper()
	events, err := w.db.Events(t.Context(), store.EventFilter{Kind: "access.denied", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return len(events)
}

// Whoever lacks an operation's permission gets 403, whatever they send, and it is
// in the log; whoever has all gets anything but 401 and 403.
//
// req: RO-15 RO-16 RO-18
func TestEveryOperationChecksItsPermission(t *testing.T) {
	w := open(t, func(o *Options) { o.Rate = 10_000 })
	w.user(t, "mallory", "nothing")
	mallory, err := w.People.Login(t.Context(), "mallory", password, "192.0.2.7", "test")
	if err != nil {
		t.Fatal(err)
	}
	cookie, csrf := "Cookie: slipway_session="+mallory.Cookie, "X-CSRF-Token: "+mallory.CSRF
	denied := 0
	for _, e := range w.table {
		if e.Public || e.Permission == "" {
			continue
		}
		r := w.do(t, e.Method, concrete(e.Path), "", cookie, csrf)
		if p := r.problem(t); r.StatusCode != http.StatusForbidden || p.Reason != "permission_missing" ||
			p.ExitCode != fault.RowOf(fault.Denied).Exit {
			t.Errorf("%s %s: %d %+v", e.Method, e.Path, r.StatusCode, p)
		}
		denied++
		if e.ID == "follow-log" {
			continue // would not end
		}
		if r := w.do(t, e.Method, concrete(e.Path), "", as(w.admin)); r.StatusCode == http.StatusForbidden ||
			r.StatusCode == http.StatusUnauthorized {
			t.Errorf("%s %s: the administrator gets %d %s", e.Method, e.Path, r.StatusCode, r.body)
		}
	}
	if n := w.denials(t); n != denied || denied < 40 {
		t.Errorf("%d denials, %d in the log", denied, n)
	}
}

// Holding a permission somewhere is not holding it where it is needed.
//
// req: RO-15 RO-18
func TestPermissionsHoldInTheirEnvironmentOnly(t *testing.T) {
	w := open(t)
	staging := w.token(t, "ada", "rollback:request@staging", "environment:view")
	r := w.do(t, http.MethodPost, "/api/v1/rollbacks", `{"environment":"production","reason":"x"}`, as(staging))
	if p := r.problem(t); r.StatusCode != http.StatusForbidden || !strings.Contains(p.Detail, "production") {
		t.Errorf("%d %+v", r.StatusCode, p)
	}
	if w.denials(t) != 1 {
		t.Error("the denial is not in the log")
	}
	if r := w.do(t, http.MethodPost, "/api/v1/rollbacks", `{"environment":"staging","reason":"x"}`,
		as(staging)); r.StatusCode == http.StatusForbidden {
		t.Errorf("staging: %d %s", r.StatusCode, r.body)
	}
}

func TestTokensAndSchemes(t *testing.T) {
	w := open(t)
	for _, h := range []string{
		"Authorization: Bearer", "Authorization: Bearer ", "Authorization: Basic YWRhOnB3", "Authorization: Bearer slp_x",
		"Authorization: " + w.admin, "Authorization: Bearer " + strings.Repeat("a", 5000), "Cookie: slipway_session=x",
		"Cookie: slipway_session=", "X-Auth: " + w.admin,
	} {
		if r := w.do(t, http.MethodGet, "/api/v1/me", "", h); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%.40q: %d", h, r.StatusCode)
		}
	}
	if r := w.do(t, http.MethodGet, "/api/v1/me?token="+w.admin, ""); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token in the address is taken: %d", r.StatusCode)
	}
	if r := w.do(t, http.MethodGet, "/api/v1/me", "", "Authorization: bearer "+w.admin); r.StatusCode != http.StatusOK {
		t.Errorf("the scheme is not case-insensitive: %d", r.StatusCode)
	}
}

func TestRevokedAndDisabledLoseAccessAtOnce(t *testing.T) {
	w := open(t)
	w.user(t, "vera", "viewer")
	token := w.token(t, "vera")
	if r := w.do(t, http.MethodGet, "/api/v1/releases", "", as(token)); r.StatusCode != http.StatusOK {
		t.Fatal(r.body)
	}
	if r := w.do(t, http.MethodPatch, "/api/v1/users/vera", `{"disabled":true}`,
		as(w.admin)); r.StatusCode != http.StatusOK {
		t.Fatal(r.body)
	}
	if r := w.do(t, http.MethodGet, "/api/v1/releases", "", as(token)); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("a disabled user's token: %d", r.StatusCode)
	}
}

// A session's cookie alone changes nothing: that is what another site can make a
// browser send.
func TestCookiesNeedTheCSRFToken(t *testing.T) {
	w := open(t)
	r := w.do(t, http.MethodPost, "/api/v1/sessions", `{"name":"ada","password":"`+password+`"}`)
	if r.StatusCode != http.StatusCreated || len(r.Cookies()) != 1 {
		t.Fatal(r.StatusCode, r.body)
	}
	c := r.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || strings.Contains(r.body, c.Value) ||
		r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("cookie %+v in %s", c, r.body)
	}
	session, err := w.People.FromCookie(t.Context(), c.Value)
	if err != nil {
		t.Fatal(err)
	}
	cookie, csrf := "Cookie: slipway_session="+c.Value, "X-CSRF-Token: "+session.CSRF
	body := `{"name":"%","scopes":["check:report"]}`
	tests := []struct {
		name    string
		headers []string
		status  int
	}{
		{"no token", []string{cookie}, 403},
		{"wrong token", []string{cookie, csrf + "x"}, 403},
		{"another site", []string{cookie, csrf, "Sec-Fetch-Site: cross-site"}, 403},
		{"a sister site", []string{cookie, csrf, "Sec-Fetch-Site: same-site"}, 403},
		{"another origin", []string{cookie, csrf, "Origin: https://evil.example"}, 403},
		{"a null origin", []string{cookie, csrf, "Origin: null"}, 403},
		{"a form", []string{cookie, csrf, "Content-Type: text/plain"}, 415},
		{"good", []string{cookie, csrf, "Sec-Fetch-Site: same-origin", "Origin: " + w.url}, 201},
		{"no browser", []string{cookie, csrf}, 201},
	}
	for _, tt := range tests {
		name := strings.ReplaceAll(tt.name, " ", "-")
		if r := w.do(t, http.MethodPost, "/api/v1/tokens", strings.Replace(body, "%", name, 1),
			tt.headers...); r.StatusCode != tt.status {
			t.Errorf("%s: %d %s", tt.name, r.StatusCode, r.body)
		}
	}
	if r := w.do(t, http.MethodGet, "/api/v1/me", "", cookie); r.StatusCode != http.StatusOK {
		t.Errorf("reading: %d", r.StatusCode)
	}
	if r := w.do(t, http.MethodPost, "/api/v1/sessions", `{"name":"ada","password":"x"}`,
		"Sec-Fetch-Site: cross-site"); r.StatusCode != 403 {
		t.Errorf("signing in from another site: %d", r.StatusCode)
	}
	if r := w.do(t, http.MethodDelete, "/api/v1/sessions", "", cookie, csrf); r.StatusCode != http.StatusNoContent {
		t.Errorf("sign out: %d %s", r.StatusCode, r.body)
	}
	if r := w.do(t, http.MethodGet, "/api/v1/me", "", cookie); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", r.StatusCode)
	}
}

// A cookie that an attacker planted before the login is worth nothing after it.
func TestLoginDoesNotTakeAPlantedCookie(t *testing.T) {
	w := open(t)
	r := w.do(t, http.MethodPost, "/api/v1/sessions", `{"name":"ada","password":"`+password+`"}`,
		"Cookie: slipway_session=planted")
	if r.StatusCode != http.StatusCreated || r.Cookies()[0].Value == "planted" {
		t.Fatal(r.StatusCode, r.Cookies())
	}
	if r := w.do(t, http.MethodGet, "/api/v1/me", "",
		"Cookie: slipway_session=planted"); r.StatusCode != http.StatusUnauthorized {
		t.Error("the planted cookie is signed in")
	}
}

func TestLoginIsThrottledOverHTTP(t *testing.T) {
	w := open(t)
	var r reply
	for n := range 12 { // the wait doubles with each: however slow this machine is, it comes to one
		r = w.do(t, http.MethodPost, "/api/v1/sessions", `{"name":"ada","password":"wrong"}`)
		if r.StatusCode != http.StatusUnauthorized && n >= 5 {
			break
		}
	}
	if p := r.problem(t); r.StatusCode != http.StatusTooManyRequests || p.Reason != "login_throttled" ||
		r.Header.Get("Retry-After") == "" {
		t.Errorf("%d %+v", r.StatusCode, p)
	}
}

func TestSetUpOverHTTPHappensOnce(t *testing.T) {
	w := open(t) // set up already
	r := w.do(t, http.MethodPost, "/api/v1/setup", `{"secret":"guess","name":"eve","password":"`+password+`"}`)
	if p := r.problem(t); r.StatusCode != http.StatusUnauthorized || p.Reason != "setup_link_wrong" {
		t.Errorf("%d %+v", r.StatusCode, p)
	}
	if _, err := w.db.UserByName(t.Context(), "eve"); !fault.Is(err, fault.NotFound) {
		t.Error("eve came in")
	}
	if a := actorOf(t.Context()); len(a.Grants) != 0 || a.May(access.ReadLog, "") {
		t.Error("nobody may do something")
	}
}
