package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/store"
)

func TestEveryPageOfAFreshSlipwayShows(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	id := w.release(t, "v2")
	for _, path := range []string{
		"/", "/releases", "/releases?phase=failed", "/releases/new", "/releases/" + id, "/releases/v2",
		"/releases/" + id + "/canary",
		"/checks/v2", "/approvals", "/rollbacks", "/rollbacks/new", "/incidents", "/incidents?state=open", "/incidents/new",
		"/log",
		"/log?q=ada&kind=user.&from=2026-01-01&to=2036-01-01", "/log/1", "/settings", "/settings/people", "/settings/tokens",
		"/settings/roles", "/keys", "/status",
	} {
		got := b.get(path)
		if got.StatusCode != http.StatusOK {
			t.Errorf("%s answered %d: %s", path, got.StatusCode, got.body)
			continue
		}
		if !strings.Contains(got.Header.Get("Content-Security-Policy"), "script-src 'self';") ||
			got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s has headers %v", path, got.Header)
		}
	}
}

func TestNobodySeesAnythingWithoutSigningIn(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.admin(t)
	b := w.browser(t)
	for _, path := range []string{"/", "/releases", "/log?q=x", "/settings/people", "/nothing/here"} {
		got := b.get(path)
		if got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), "/login") {
			t.Errorf("%s answered %d to %q", path, got.StatusCode, got.Header.Get("Location"))
		}
	}
	if got := b.get("/log?q=x"); got.Header.Get("Location") != "/login?next=%2Flog%3Fq%3Dx" {
		t.Errorf("the way back is lost: %q", got.Header.Get("Location"))
	}
	for _, path := range []string{"/live?tick=2", "/"} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
		r.Header.Set("X-Live", "1")
		if got := b.do(r); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("an open page at %s was answered %d after the session's end", path, got.StatusCode)
		}
	}
	if got := b.get("/status"); got.StatusCode != http.StatusOK || strings.Contains(got.body, "Sign out") {
		t.Errorf("the public page answered %d", got.StatusCode)
	}
}

// req: RO-15
func TestWhoMayNotIsTold(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.admin(t)
	id := w.release(t, "v2")
	b := w.person(t, "quinn", "qa")
	if got := b.get("/settings/people"); got.StatusCode != http.StatusForbidden || !strings.Contains(got.body,
		"user:manage") {
		t.Errorf("people answered %d", got.StatusCode)
	}
	got := b.post("/releases", "/releases", "version", "v3", "deployment_url", "http://127.0.0.1:3003")
	if got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, `value="v3"`) {
		t.Errorf("start answered %d; what was typed must stay: %s", got.StatusCode, got.body)
	}
	got = b.post("/releases/"+id, "/releases/"+id+"/abort", "revision", "1", "reason", "no")
	if got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, `id="problem"`) {
		t.Errorf("abort answered %d", got.StatusCode)
	}
}

func TestAFormNeedsItsToken(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	token := tokenIn(b.get("/settings").body)
	tests := []struct {
		name   string
		token  string
		header http.Header
		want   int
	}{
		{"none", "", nil, http.StatusForbidden},
		{"wrong", "guess", nil, http.StatusForbidden},
		{"another site", token, http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		{"another origin", token, http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		{"right", token, http.Header{"Sec-Fetch-Site": {"same-origin"}}, http.StatusSeeOther},
	}
	for _, test := range tests {
		v := url.Values{"_csrf": {test.token}, "theme": {"dark"}, "next": {"/log"}}
		if got := b.send("/theme", v, test.header); got.StatusCode != test.want {
			t.Errorf("%s: answered %d, want %d", test.name, got.StatusCode, test.want)
		}
	}
	if got := b.send("/releases", url.Values{"_csrf": {token}, "note": {strings.Repeat("x", 70<<10)}},
		nil); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a huge form answered %d", got.StatusCode)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := open(t)
	if got := w.browser(t).get("/login"); !strings.Contains(got.body, "Nobody can sign in yet") {
		t.Errorf("before set-up: %s", got.body)
	}
	w.admin(t)
	b := w.browser(t)
	got := b.post("/login", "/login", "name", "ada", "password", "wrong", "next", "/log")
	if got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.body, "Name or password is wrong.") ||
		!strings.Contains(got.body, `value="/log"`) {
		t.Errorf("a wrong password answered %d: %s", got.StatusCode, got.body)
	}
	for next, want := range map[string]string{
		"/log?q=a": "/log?q=a", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/",
		"javascript:alert(1)": "/", "": "/",
	} {
		b := w.browser(t)
		got := b.post("/login", "/login", "name", "ada", "password", password, "next", next)
		if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != want {
			t.Errorf("next %q led to %d %q", next, got.StatusCode, got.Header.Get("Location"))
		}
		for _, c := range got.Cookies() {
			if c.Name == "slipway_session" && (!c.HttpOnly || c.SameSite != http.SameSiteLaxMode) {
				t.Errorf("the session's cookie is %v", c)
			}
		}
	}
	b = w.person(t, "quinn", "qa")
	if got := b.post("/", "/logout"); got.Header.Get("Location") != "/login" {
		t.Errorf("sign-out led to %q", got.Header.Get("Location"))
	}
	if got := b.get("/"); got.StatusCode != http.StatusSeeOther {
		t.Errorf("after sign-out home answered %d", got.StatusCode)
	}
}

func TestAStaleClickIsRefused(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.admin(t)
	b := w.person(t, "dora", "devops", "development")
	id := w.release(t, "v2")
	path := "/releases/" + id
	revision := between(b.get(path).body, `name="revision" value="`, `"`)
	if got := b.post(path, path+"/pause", "revision", revision); got.StatusCode != http.StatusSeeOther ||
		got.Header.Get("Location") != path+"?done=pause" {
		t.Fatalf("pause answered %d %q: %s", got.StatusCode, got.Header.Get("Location"), got.body)
	}
	if got := b.get(path + "?done=pause"); !strings.Contains(got.body, "Paused. The share stays") {
		t.Error("what was done is not said")
	}
	got := b.post(path, path+"/abort", "revision", revision, "reason", "old page")
	if got.StatusCode != http.StatusConflict || !strings.Contains(got.body, "Nothing was done") {
		t.Errorf("a stale abort answered %d: %s", got.StatusCode, got.body)
	}
	if got := b.get(path + "?done=%3Cscript%3E"); strings.Contains(got.body, `id="done"`) {
		t.Error("an address put words into the page")
	}
}

// TestWithoutScript walks through what people do with forms only.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	w := open(t)
	admin := w.admin(t)
	got := admin.post("/settings/people", "/settings/people", "name", "dora", "password", password, "roles", "devops",
		"roles", "development")
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("adding a person answered %d: %s", got.StatusCode, got.body)
	}
	if got := admin.post("/settings/people", "/settings/people", "name", "D O", "password",
		"short"); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a bad person answered %d", got.StatusCode)
	}
	b := w.browser(t)
	b.post("/login", "/login", "name", "dora", "password", password)
	got = b.post("/releases/new", "/releases", "version", "v2", "deployment_url", "http://127.0.0.1:3002",
		"unscheduled_reason", "a test")
	if got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), "/releases/rel_") {
		t.Fatalf("start answered %d: %s", got.StatusCode, got.body)
	}
	if got := b.get("/"); !strings.Contains(got.body, "v2") {
		t.Error("home does not show the release")
	}
	got = b.post("/settings/tokens", "/settings/tokens", "name", "ci", "scopes", "check:report@staging", "days", "30")
	if got.StatusCode != http.StatusOK || !strings.Contains(got.body, `class="secret"`) {
		t.Errorf("a token answered %d: %s", got.StatusCode, got.body)
	}
	if got := b.get("/settings/tokens"); strings.Contains(got.body, `class="secret"`) {
		t.Error("the secret is shown twice")
	}
	if got := admin.post("/log", "/log/verify"); got.StatusCode != http.StatusOK || !strings.Contains(got.body,
		"The log is whole") {
		t.Errorf("verify answered %d: %s", got.StatusCode, got.body)
	}
	got = b.post("/settings", "/settings/password", "current", password, "password", "nine wild herons call")
	if got.StatusCode != http.StatusSeeOther {
		t.Errorf("changing the password answered %d: %s", got.StatusCode, got.body)
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// While the database has no room every page says so once, and Home does not say that nothing needs anybody.
func TestEveryPageSaysThatTheDiskIsFull(t *testing.T) {
	t.Parallel()
	w := open(t)
	if w.db.Dialect() != store.SQLite {
		return
	}
	b := w.admin(t)
	const all, calm = "before there is room", "needs you."
	if got := b.get("/releases"); strings.Contains(got.body, all) || !strings.Contains(b.get("/").body, calm) {
		t.Error("there is room, and it looks as if there were none")
	}
	if err := w.db.KeepReserve(1 << 50); err != nil { // which no disk holds
		t.Fatal(err)
	}
	for _, path := range []string{"/releases", "/incidents", "/settings"} {
		if n := strings.Count(b.get(path).body, all); n != 1 {
			t.Errorf("%s says it %d times", path, n)
		}
	}
	home := b.get("/").body
	if strings.Contains(home, all) || strings.Contains(home, calm) ||
		strings.Count(home, "Make room on the disk of /") != 1 {
		t.Errorf("Home says %s", home)
	}
}
