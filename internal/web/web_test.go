package web

import (
	"crypto/ed25519"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/live"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/people"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

const (
	password = "seven tame otters sing"
	stages   = `
app: shop
target: {selfhost: {stable: http://127.0.0.1:3001}}
`
)

// world is the dashboard over a real store. The engine takes commands but does not run:
// nothing moves by itself.
type world struct {
	*Web
	url  string
	desk *desk.Desk
	db   *store.DB
}

func open(t *testing.T) *world {
	t.Helper()
	return openWith(t, stages)
}

// openWith is open with a strategy.
func openWith(t *testing.T, text string) *world {
	t.Helper()
	ctx := t.Context()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	plan, err := strategy.Parse("slipway.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	timeline := metric.NewTimeline(time.Minute, time.Second)
	moves := engine.New(engine.Options{DB: db, Strategy: plan, Timeline: timeline, Client: http.DefaultClient,
		Key: private})
	if err := moves.Adopt(ctx, "v1", "http://127.0.0.1:3001"); err != nil {
		t.Fatal(err)
	}
	folk := people.New(people.Options{DB: db, Write: moves.Write, Roles: plan.Roles, App: plan.App})
	d := desk.New(desk.Options{DB: db, Engine: moves, People: folk, Strategy: plan, Timeline: timeline, Key: public,
		Version: "test"})
	s, err := New(Options{Desk: d, People: folk, Live: live.New(db, nil)})
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(s)
	t.Cleanup(ts.Close)
	return &world{Web: s, url: ts.URL, desk: d, db: db}
}

// browser is somebody with cookies who does not follow redirects.
type browser struct {
	t    *testing.T
	url  string
	http *http.Client
}

func (w *world) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, url: w.url, http: &http.Client{
		Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request,
			[]*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// answer is what came back.
type answer struct {
	*http.Response
	body string
}

func (b *browser) do(r *http.Request) answer {
	b.t.Helper()
	resp, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{resp, string(body)}
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(r)
}

// post sends a form to an address with the token that stands in the page at from.
func (b *browser) post(from, to string, fields ...string) answer {
	b.t.Helper()
	v := url.Values{"_csrf": {tokenIn(b.get(from).body)}}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return b.send(to, v, nil)
}

func (b *browser) send(to string, v url.Values, header http.Header) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+to, strings.NewReader(v.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	for k, values := range header {
		r.Header[k] = values
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

func tokenIn(html string) string {
	m := regexp.MustCompile(`name="_csrf" value="([^"]+)"`).FindStringSubmatch(html)
	if m == nil {
		return ""
	}
	return m[1]
}

// admin sets Slipway up and returns the first person, signed in, with every role.
func (w *world) admin(t *testing.T) *browser {
	t.Helper()
	secret, _, err := w.People.SetupSecret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := w.browser(t)
	link := "/setup?secret=" + url.QueryEscape(secret)
	got := b.post(link, "/setup", "secret", secret, "name", "ada", "title", "Ada", "password", password)
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/" {
		t.Fatalf("set-up answered %d %q: %s", got.StatusCode, got.Header.Get("Location"), got.body)
	}
	return b
}

// person makes a user with roles and signs in.
func (w *world) person(t *testing.T, name string, roles ...string) *browser {
	t.Helper()
	if _, err := w.People.CreateUser(t.Context(), access.System("test"), api.NewUser{Name: name, Password: password,
		Roles: roles}); err != nil {
		t.Fatal(err)
	}
	b := w.browser(t)
	if got := b.post("/login", "/login", "name", name, "password", password); got.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign-in of %s answered %d: %s", name, got.StatusCode, got.body)
	}
	return b
}

// release starts a release and returns its id.
func (w *world) release(t *testing.T, version string) string {
	t.Helper()
	r, err := w.desk.StartRelease(t.Context(), access.System("test"), api.StartRelease{
		Version: version, Deployment: "http://127.0.0.1:3002", Commit: "3be81a90c7", Unscheduled: "a test",
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}
