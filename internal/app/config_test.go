package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/engine"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vercel"
)

const password = "correct horse battery staple"

// town is a whole Slipway beside a Vercel that serves.
type town struct {
	*App
	t     *testing.T
	world *fake.World
	to    *client.Client
	other *vercel.Client // another hand
}

// onVercel runs Slipway for a project whose production runs a first build.
func onVercel(t *testing.T, variables ...vercel.Variable) *town {
	t.Helper()
	x := &town{t: t, world: fake.New(fake.Options{Log: t.Logf, AliasDelay: time.Millisecond})}
	if err := x.world.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.world.Close)
	if _, err := x.world.AddProject(fake.ProjectOrder{Name: "shop", Repository: "acme/shop", Domains: 1}); err != nil {
		t.Fatal(err)
	}
	x.world.AddToken(fake.Token{Secret: "eve", User: "eve@shop"})
	x.other = vercel.New(vercel.Options{API: x.world.URL(), Token: func(context.Context) (string, error) {
		return "eve", nil
	}})
	if err := x.other.SetEnv(t.Context(), "shop", true, variables...); err != nil {
		t.Fatal(err)
	}
	x.built("a")
	folder := t.TempDir()
	list := "API_URL=https://api.example\nPASSWORD=\n"
	if err := os.WriteFile(filepath.Join(folder, ".env.example"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, err := strategy.Parse("test.yaml", fmt.Appendf(nil, "app: shop\ntarget: {vercel: {project: shop, "+
		"canary: rolling, api: %q}}\nenvironments: {production: {variables: .env.example}}\n", x.world.URL()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	x.App, err = Open(ctx, Options{Database: filepath.Join(t.TempDir(), "a.db"), Strategy: plan, Control: anyPort(t),
		Stop: time.Second, Pace: engine.Pace{Poll: 10 * time.Millisecond}, Folder: folder,
		Env: func(name string) (string, bool) {
			return map[string]string{"VERCEL_TOKEN": "token"}[name], name == "VERCEL_TOKEN"
		}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	x.signIn()
	return x
}

func (x *town) signIn() {
	x.t.Helper()
	secret, _, err := x.People.SetupSecret(x.t.Context())
	if err == nil {
		_, err = x.People.Setup(x.t.Context(), secret, api.NewUser{Name: "ada", Password: password})
	}
	if err != nil {
		x.t.Fatal(err)
	}
	anyone, err := client.New(x.URL(), client.Options{HTTP: &http.Client{Transport: &http.Transport{}}})
	if err != nil {
		x.t.Fatal(err)
	}
	token, err := anyone.Login(x.t.Context(), api.Login{Name: "ada", Password: password}, api.NewToken{Name: "test"})
	if err == nil {
		x.to, err = client.New(x.URL(), client.Options{Token: token.Secret})
	}
	if err != nil {
		x.t.Fatal(err)
	}
}

// built pushes a commit and returns what its build was given.
func (x *town) built(commit string) map[string]string {
	x.t.Helper()
	d, err := x.world.Push("shop", strings.Repeat(commit, 40), "main", "a commit")
	if err == nil {
		d, err = x.world.Wait(x.t.Context(), d.ID)
	}
	if err != nil {
		x.t.Fatal(err)
	}
	return d.Env
}

// until asks for production's variables until something is so.
func (x *town) until(what string, so func(api.Config) bool) api.Config {
	x.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(15 * time.Second); ; <-tick.C {
		c, err := x.to.Config(x.t.Context(), "production")
		if err != nil {
			x.t.Fatal(err)
		}
		if so(c) {
			return c
		}
		if time.Now().After(end) {
			x.t.Fatalf("%s: %+v", what, c)
		}
	}
}

// req: RB-34 RB-44
func TestVariablesAreChangedWatchedAndBroughtBack(t *testing.T) {
	t.Parallel()
	production := []string{"production"}
	x := onVercel(t, vercel.Variable{Key: "API_URL", Value: "https://api.one", Type: "plain", Target: production},
		vercel.Variable{Key: "PASSWORD", Value: "first-password", Type: "encrypted", Target: production})
	ctx := t.Context()
	x.until("the first look", func(c api.Config) bool { return c.Newest != nil && c.Written == 1 })
	if _, err := x.to.PullConfig(ctx, "production", api.PullConfig{Reason: "to be able to go back"}); err != nil {
		t.Fatal(err)
	}
	_, err := x.to.PushConfig(ctx, "production", api.PushConfig{Reason: "no", Remove: []string{"PASSWORD"}})
	if err == nil || !strings.Contains(err.Error(), "PASSWORD is missing") {
		t.Fatalf("what the list asks for was taken away: %v", err)
	}
	out, err := x.to.PushConfig(ctx, "production", api.PushConfig{Reason: "rotated", Revision: 2, Rebuild: true,
		Set: []api.SetVariable{{Key: "PASSWORD", Value: "second-password"}, {Key: "API_URL", Value: "https://api.two"}}})
	if err != nil || out.Revision == nil || out.Revision.Number != 3 {
		t.Fatalf("pushed: %+v, %v", out, err)
	}
	c := x.until("it is written", func(c api.Config) bool { return c.Written == 3 && !c.Trouble })
	for _, v := range c.Newest.Variables {
		if v.Key == "PASSWORD" && (v.Value != "" || !v.Held || v.Kind != "encrypted") ||
			v.Key == "API_URL" && v.Value != "https://api.two" {
			t.Errorf("it is told as %+v", v)
		}
	}
	if env := x.built("b"); env["PASSWORD"] != "second-password" {
		t.Errorf("a build was given %v", env)
	}
	x.rebuilt(out.Revision.ID) // before the other hand: it would be built with what stands there then
	if err := x.other.SetEnv(ctx, "shop", true, vercel.Variable{Key: "PASSWORD", Value: "eve-was-here", Type: "encrypted",
		Target: production}); err != nil {
		t.Fatal(err)
	}
	told := vercel.Event{Type: "project.env-variable.updated", Name: "shop", User: "eve@shop"}
	if err := x.heard(ctx, told); err != nil {
		t.Fatal(err)
	}
	c = x.until("drift", func(c api.Config) bool { return len(c.Drift) == 1 })
	if !strings.Contains(c.Sentence, "eve@shop changed variables of production") || !c.Trouble {
		t.Errorf("it is told as %q", c.Sentence)
	}
	back, err := x.to.BackConfig(ctx, "production", api.BackConfig{To: 2, Reason: "the second was wrong", Way: "write"})
	if err != nil || back.Revision == nil || back.Revision.From != 2 {
		t.Fatalf("back: %+v, %v", back, err)
	}
	x.until("it is back", func(c api.Config) bool { return c.Written == 4 && len(c.Drift) == 0 })
	if env := x.built("c"); env["PASSWORD"] != "first-password" || env["API_URL"] != "https://api.one" {
		t.Errorf("after it was brought back, a build was given %v", env)
	}
	for address, want := range map[string]string{"/config": "/config/production",
		"/config/production": "4, which is 2 again"} {
		page := x.page(address)
		if !strings.Contains(page, want) || strings.Contains(page, "-password") {
			t.Errorf("%s lacks %q, or shows a value: %s", address, want, page)
		}
	}
}

// page is what a person sees who has signed in.
func (x *town) page(path string) string {
	x.t.Helper()
	session, err := x.People.Login(x.t.Context(), "ada", password, "127.0.0.1", "test")
	if err != nil {
		x.t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(x.t.Context(), http.MethodGet, x.URL()+path, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	q.AddCookie(&http.Cookie{Name: "slipway_session", Value: session.Cookie})
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		x.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		x.t.Fatalf("%s: %d, %v", path, answer.StatusCode, err)
	}
	return string(text)
}

// rebuilt looks for the build that was made again, and what its deployment says of its variables.
func (x *town) rebuilt(revision string) {
	x.t.Helper()
	var made []fake.Deployment
	var list []api.Deployment
	x.until("it is built again", func(api.Config) bool {
		made = nil
		for _, d := range x.world.Deployments() {
			if d.Meta["slipwayConfig"] == "3/"+revision {
				made = append(made, d)
			}
		}
		var err error
		if list, err = x.to.Deployments(x.t.Context(), "staging"); err != nil {
			x.t.Fatal(err)
		}
		return len(made) > 0 && len(list) > 0
	})
	if len(made) != 1 || made[0].Env["PASSWORD"] != "second-password" {
		x.t.Fatalf("built again: %+v, want once, with the revision", made)
	}
	for _, d := range list {
		if d.Config != 3 || !strings.HasSuffix(d.Version, "+config.3") {
			continue
		}
		r, err := x.to.StartRelease(x.t.Context(), api.StartRelease{Deployment: d.URL})
		if err != nil || r.Config == nil || r.Config.Built != 3 ||
			!strings.Contains(r.Config.Sentence, "Built with revision 3 of the variables.") {
			x.t.Errorf("the release does not say with which variables it was built: %+v, %v", r.Config, err)
		}
		if page := x.page("/releases/" + r.ID); !strings.Contains(page, "/config/production/revisions/3") {
			x.t.Errorf("its page does not lead to them: %s", page)
		}
		return
	}
	x.t.Errorf("no deployment says that it has revision 3: %+v", list)
}
