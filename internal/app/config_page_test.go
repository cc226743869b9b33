package app

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// browser is a person's who has signed in: it has cookies and no script.
type browser struct {
	*town
	cookie string
}

func (x *town) browser() *browser {
	x.t.Helper()
	session, err := x.People.Login(x.t.Context(), "ada", password, "127.0.0.1", "test")
	if err != nil {
		x.t.Fatal(err)
	}
	return &browser{x, session.Cookie}
}

func (b *browser) do(method, path string, form url.Values) (status int, where, body string) {
	b.t.Helper()
	q, err := http.NewRequestWithContext(b.t.Context(), method, b.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.AddCookie(&http.Cookie{Name: "slipway_session", Value: b.cookie})
	answer, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Location"), string(text)
}

// send posts the form of a page that posts to an address, with its hidden fields and what is typed. It returns where it
// leads, and the page where it was refused.
func (b *browser) send(page, action string, typed url.Values) (where, refused string) {
	b.t.Helper()
	_, _, html := b.do(http.MethodGet, page, nil)
	_, form, ok := strings.Cut(html, `action="`+action+`"`)
	if !ok {
		b.t.Fatalf("%s has no form for %s:\n%s", page, action, html)
	}
	form, _, _ = strings.Cut(form, "</form>")
	for _, m := range regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(form, -1) {
		if !typed.Has(m[1]) {
			typed.Set(m[1], m[2])
		}
	}
	status, where, body := b.do(http.MethodPost, strings.TrimSuffix(action, "#"), typed)
	if status != http.StatusSeeOther {
		return "", body
	}
	return where, ""
}

// req: EN-17 RB-45
func TestVariablesAreChangedOnThePage(t *testing.T) {
	t.Parallel()
	production := []string{"production"}
	x := onVercel(t, vercel.Variable{Key: "API_URL", Value: "https://api.one", Type: "plain", Target: production},
		vercel.Variable{Key: "PASSWORD", Value: "first-password", Type: "encrypted", Target: production})
	x.until("the first look", func(c api.Config) bool { return c.Newest != nil && c.Written == 1 })
	b, base := x.browser(), "/config/production"
	set := func(key, value, kind string) string {
		where, refused := b.send(base+"/variable", base+"/draft",
			url.Values{"key": {key}, "value": {value}, "kind": {kind}, "do": {"set"}})
		if refused != "" {
			return refused
		}
		if where != base+"?done=config-draft" {
			t.Fatalf("it leads to %s", where)
		}
		return ""
	}
	set("PASSWORD", "second-password", "")
	set("API_URL", "https://api.two", "")
	set("KEY_FILE", "a\r\nb", "sensitive")
	if page := set("9LIVES", "typed-into-a-form", "sensitive"); !strings.Contains(page, "is no name of a variable") ||
		strings.Contains(page, "typed-into-a-form") {
		t.Errorf("a wrong name, or a value that is put back: %s", page)
	}
	_, _, page := b.do(http.MethodGet, base, nil)
	for _, want := range []string{"https://api.two", "KEY_FILE", "Apply it"} {
		if !strings.Contains(page, want) {
			t.Errorf("the draft lacks %q: %s", want, page)
		}
	}
	if _, refused := b.send(base, base+"/apply", url.Values{"reason": {""}}); !strings.Contains(refused, "Say why") {
		t.Errorf("it is applied without a reason: %s", refused)
	}
	if _, refused := b.send(base, base+"/apply", url.Values{"reason": {"rotated"}, "seen": {""}}); !strings.Contains(
		refused, "which draft you looked at") {
		t.Errorf("a draft is applied that nobody looked at: %s", refused)
	}
	if where, refused := b.send(base, base+"/apply", url.Values{"reason": {"rotated"}}); !strings.Contains(where,
		"config-apply") {
		t.Fatalf("applied: %s %s", where, refused)
	}
	x.until("it is written", func(c api.Config) bool { return c.Written == 2 && !c.Trouble })
	env := x.built("b")
	if env["PASSWORD"] != "second-password" || env["API_URL"] != "https://api.two" || env["KEY_FILE"] != "a\nb" {
		t.Errorf("a build was given %v", env)
	}
	x.driftOnThePage(b, base)
}

// driftOnThePage has somebody change a variable on the platform; it is undone, then taken over, then brought back.
func (x *town) driftOnThePage(b *browser, base string) {
	t, production := x.t, []string{"production"}
	eve := func(value string) {
		if err := x.other.SetEnv(t.Context(), "shop", true, vercel.Variable{Key: "API_URL", Value: value, Type: "plain",
			Target: production}); err != nil {
			t.Fatal(err)
		}
		if err := x.heard(t.Context(), vercel.Event{Type: "project.env-variable.updated", Name: "shop"}); err != nil {
			t.Fatal(err)
		}
		x.until("drift", func(c api.Config) bool { return len(c.Drift) == 1 })
	}
	eve("https://api.eve")
	if where, refused := b.send(base, base+"/rewrite", url.Values{"reason": {"not ours"}}); !strings.Contains(where,
		"config-rewrite") {
		t.Fatalf("written again: %s %s", where, refused)
	}
	x.until("it is undone", func(c api.Config) bool { return c.Written == 3 && len(c.Drift) == 0 })
	if got := x.built("c")["API_URL"]; got != "https://api.two" {
		t.Errorf("after it was undone a build has %s", got)
	}
	eve("https://api.three")
	if where, refused := b.send(base, base+"/pull", url.Values{"reason": {"she is right"}}); !strings.Contains(where,
		"config-pull") {
		t.Fatalf("taken over: %s %s", where, refused)
	}
	x.until("it is taken over", func(c api.Config) bool { return c.Written == 4 && len(c.Drift) == 0 })
	if where, refused := b.send(base+"/revisions/3", base+"/rollback", url.Values{"reason": {"she was wrong"},
		"way": {"write"}}); !strings.Contains(where, "config-rollback") {
		t.Fatalf("brought back: %s %s", where, refused)
	}
	x.until("it is back", func(c api.Config) bool { return c.Written == 5 && len(c.Drift) == 0 })
	page := x.page("/log?q=config")
	_, _, all := b.do(http.MethodGet, base, nil)
	for _, secret := range []string{"first-password", "second-password", "a\nb"} {
		if strings.Contains(page+all, secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	kinds := map[string]bool{}
	events, err := x.to.Events(t.Context(), client.EventQuery{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Items {
		kinds[e.Kind] = true
	}
	for _, want := range []string{"config.drafted", "config.pushed", "config.written", "config.drifted", "config.adopted",
		"config.back"} {
		if !kinds[want] {
			t.Errorf("the log has no %s: %v", want, kinds)
		}
	}
}
