package server

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

var update = flag.Bool("update", false, "write golden files")

// password is a good one for every test user.
const password = "seven tame otters sing"

// world is a server with a real store, people and desk.
type world struct {
	*Server
	url   string
	admin string // token
	db    *store.DB
	hub   *live.Live
}

func roles() []access.Role {
	return []access.Role{
		{Name: "viewer", Title: "Viewer", Grants: []access.Grant{{Permission: access.ViewEnvironment, Environment: "*"}}},
		{Name: "nothing", Title: "Nothing"},
	}
}

// open makes a world with the administrator ada.
func open(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	ctx := t.Context()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return openOn(t, db, change...)
}

func openOn(t *testing.T, db *store.DB, change ...func(*Options)) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{db: db, hub: live.New(db, nil)}
	who := people.New(people.Options{DB: db, Write: db.Write, Roles: roles, App: "shop"})
	o := Options{Desk: newDesk(t, db, who), DB: db, Live: w.hub, Version: "test", People: who}
	for _, c := range change {
		c(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.Server = s
	if pending, err := s.People.SetupPending(ctx); err != nil || pending {
		secret, _, err := s.People.SetupSecret(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.People.Setup(ctx, secret, api.NewUser{Name: "ada", Title: "Ada", Password: password}); err != nil {
			t.Fatal(err)
		}
	}
	ts := httptest.NewUnstartedServer(s)
	ts.Config = HTTPServer(s, s.Log)
	ts.Start()
	t.Cleanup(ts.Close)
	w.url = ts.URL
	w.admin = w.token(t, "ada")
	return w
}

// token makes a token with everything that the user may do.
func (w *world) token(t *testing.T, user string, scopes ...string) string {
	t.Helper()
	u, err := w.db.UserByName(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	who := access.Actor{ID: "user:" + user, User: u.ID, Name: user, Grants: access.Resolve(roles(), u.Roles)}
	if len(scopes) == 0 {
		for _, g := range who.Grants {
			scopes = append(scopes, string(g.Permission)+"@"+g.Environment)
		}
	}
	tok, err := w.People.CreateToken(t.Context(), who,
		api.NewToken{Name: "t" + strings.ToLower(randomWord()), Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return tok.Secret
}

// user makes a user with roles.
func (w *world) user(t *testing.T, name string, roles ...string) {
	t.Helper()
	_, err := w.People.CreateUser(t.Context(), access.System("test"),
		api.NewUser{Name: name, Password: password, Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
}

// reply is an answer that was read to its end.
type reply struct {
	*http.Response
	body string
}

// problem returns the body as a problem and checks that it is one.
func (r reply) problem(t *testing.T) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil ||
		r.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%s is no problem (%s): %v\n%s", r.Request.URL, r.Header.Get("Content-Type"), err, r.body)
	}
	if p.Status != r.StatusCode || p.Instance == "" || p.Instance != r.Header.Get("X-Request-Id") ||
		p.Type != "/problems/"+p.Reason {
		t.Errorf("problem %+v does not fit its answer %d", p, r.StatusCode)
	}
	return p
}

// do sends a request; headers are "Name: value".
func (w *world) do(t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	return w.doCtx(t.Context(), t, method, path, body, headers...)
}

func (w *world) doCtx(ctx context.Context, t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
		if name == "Host" {
			req.Host = value
		}
	}
	noRedirect := &http.Client{CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
	resp, err := noRedirect.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp, string(raw)}
}

// as returns the header that sends a token.
func as(token string) string { return "Authorization: Bearer " + token }

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not what the server says now: run go test -update and look at the difference", path)
	}
}

const shop = `
app: shop
target: {selfhost: {stable: http://127.0.0.1:3001}}
`

// newDesk makes a desk over an engine that does not run: what is asked for is
// recorded, nothing moves by itself.
func newDesk(t *testing.T, db *store.DB, who *people.People) *desk.Desk {
	t.Helper()
	plan, err := strategy.Parse("slipway.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	timeline := metric.NewTimeline(time.Hour, time.Minute)
	e := engine.New(engine.Options{DB: db, Strategy: plan, Timeline: timeline, Key: private,
		Log: slog.New(slog.DiscardHandler)})
	return desk.New(desk.Options{
		DB: db, Engine: e, People: who, Strategy: plan, Timeline: timeline, Key: public, Version: "test",
	})
}
