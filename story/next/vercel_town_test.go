//go:build full

package next

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// town is a Vercel whose builds are processes of the real shop: the commit c-v2 is the edition v2, which runs as
// `next start` with the variables that its deployment was given.
type town struct {
	*fake.World
	t       *testing.T
	project fake.Project
	domain  string // where visitors come in
	config  fake.GlobalConfig
	hand    *vercel.Client // another person's
	bypass  string

	mu     sync.Mutex
	rooms  sync.WaitGroup // processes
	ending []func()
}

// openTown opens a Vercel of a plan, whose production runs v1. Every deployment may read the Global Config and is
// protected.
func openTown(t *testing.T, skew int64) *town {
	t.Helper()
	w := &town{t: t}
	w.World = fake.New(fake.Options{AliasDelay: 200 * time.Millisecond, DrainDelay: 500 * time.Millisecond,
		Build: w.build, Name: named, Log: t.Logf})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(w.Start(context.Background()))
	t.Cleanup(func() {
		w.Close()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, end := range w.ending {
			end()
		}
		w.rooms.Wait()
	})
	var err error
	w.project, err = w.AddProject(fake.ProjectOrder{Name: "shop", Repository: "acme/shop", Protected: true, Domains: 1,
		Skew: skew})
	ok(err)
	w.domain = "http://" + w.project.Domains[0]
	w.config = w.AddGlobalConfig("shop")
	w.AddToken(fake.Token{Secret: "hand", User: "grace"})
	w.hand = vercel.New(vercel.Options{API: w.URL(), Team: fake.TeamID,
		Token: func(context.Context) (string, error) { return "hand", nil }})
	bypass, err := w.hand.SetBypass(t.Context(), w.project.ID, "slipway", "")
	ok(err)
	w.bypass = bypass[0]
	w.set("GLOBAL_CONFIG", w.config.Connection)
	w.set("SHOP_NOTICE", "of v1")
	d := w.push("v1")
	until(t, 10*time.Second, "production runs v1", func() bool { return w.served() == d.ID })
	return w
}

// named is the id that an edition's build has in its pages.
func named(d fake.Deployment) string { return "dpl-" + strings.TrimPrefix(d.SHA, "c-") }

// set sets a variable of production.
func (w *town) set(name, value string) {
	w.t.Helper()
	if err := w.hand.SetEnv(w.t.Context(), w.project.ID, true, vercel.Variable{Key: name, Value: value,
		Type: "encrypted", Target: []string{"production"}}); err != nil {
		w.t.Fatal(err)
	}
}

// notice is what the variable SHOP_NOTICE says to the process that answers production's visitors.
func (w *town) notice() string {
	res, err := http.Get(w.domain + "/api/health")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	var said struct{ Notice, Version string }
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
		return err.Error()
	}
	return said.Version + ": " + said.Notice
}

// unshared wants no cache that visitors share to keep a page, whichever build it is of.
func (w *town) unshared() {
	w.t.Helper()
	for range 20 {
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.domain, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		req.Header.Set("Accept", "text/html")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			w.t.Fatal(err)
		}
		_ = res.Body.Close()
		if kept := res.Header.Get("Cache-Control"); !strings.Contains(kept, "private") ||
			strings.Contains(kept, "s-maxage") {
			w.t.Errorf("a cache may keep a page of %s for everybody: %q", res.Header.Get("X-App-Version"), kept)
		}
	}
}

// build starts the edition of a commit and waits until it is well.
func (w *town) build(ctx context.Context, d fake.Deployment) (string, error) {
	version := strings.TrimPrefix(d.SHA, "c-")
	server, err := filepath.Abs(filepath.Join(root, "examples", "nextjs", "out", version, "server.js"))
	if err != nil {
		return "", err
	}
	port := freePort(w.t)
	life, end := context.WithCancel(context.Background())
	cmd := exec.CommandContext(life, "node", server)
	cmd.Env = append(os.Environ(), "PORT="+port, "HOSTNAME=127.0.0.1")
	for k, v := range d.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	said := &process{}
	cmd.Stdout, cmd.Stderr = said, said
	w.mu.Lock()
	w.ending = append(w.ending, end)
	w.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return "", err
	}
	w.rooms.Go(func() {
		_ = cmd.Wait()
		if strings.Contains(said.text(), "MaxListenersExceededWarning") {
			w.t.Errorf("%s warns of a leak that is none", d.ID)
		}
		if text := said.text(); w.t.Failed() {
			w.t.Logf("%s said at last:\n%s", d.ID, text[max(0, len(text)-4000):])
		}
	})
	at := "http://127.0.0.1:" + port
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/api/health", nil)
		if err != nil {
			return "", err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return at, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%s never answered: %w", d.ID, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// push has the commit of an edition built by Vercel.
func (w *town) push(version string) fake.Deployment {
	w.t.Helper()
	d, err := w.Push(w.project.ID, "c-"+version, "main", "the release "+version)
	if err == nil {
		d, err = w.Wait(w.t.Context(), d.ID)
	}
	if err != nil || d.State != "READY" {
		w.t.Fatalf("%s was not built: %+v %v", version, d, err)
	}
	return d
}

// cli runs Vercel's own command line as another person, and wants it to succeed.
func (w *town) cli(args ...string) {
	w.t.Helper()
	if said := w.vc(args...); said != "" {
		w.t.Fatalf("vercel %s: %s", strings.Join(args, " "), said)
	}
}

// vc runs Vercel's own command line in a folder that is linked to the project, and returns what it says when it fails.
func (w *town) vc(args ...string) string {
	w.t.Helper()
	dir := w.t.TempDir()
	link := fmt.Appendf(nil, `{"projectId":%q,"orgId":%q,"projectName":"shop"}`, w.project.ID, fake.TeamID)
	program, err := filepath.Abs(filepath.Join(root, "story", "vercel", "node_modules", "vercel", "dist", "vc.js"))
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, ".vercel"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, ".vercel", "project.json"), link, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	args = append(append([]string{program}, args...), "--yes", "--api", w.URL(), "--token", "hand", "--global-config",
		filepath.Join(dir, "config"))
	ctx, stop := context.WithTimeout(w.t.Context(), 45*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "VERCEL_TELEMETRY_DISABLED=1", "CI=1", "HOME="+dir, "NO_UPDATE_NOTIFIER=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Sprintf("%v\n%s", err, out.Bytes())
	}
	return ""
}

// served is the id of what production's domain points at.
func (w *town) served() string {
	p, _ := w.Project(w.project.ID)
	return p.Production
}
