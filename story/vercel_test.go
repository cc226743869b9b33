package story

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// town is a Vercel whose project serves the shops of a world: of the commit c-v2, or sha("2"), the shop v2.
type town struct {
	*fake.World
	w       *world
	project fake.Project
	hand    *vercel.Client // another person's

	mu    sync.Mutex
	shops map[string]*sim.Shop
	env   map[string]string
}

// onVercel opens a world whose production runs v1 on Vercel, by rolling releases. Visitors come through the project's
// domain, and nobody measures but a drain.
func onVercel(t *testing.T, edit ...string) (*world, *town) {
	t.Helper()
	t.Parallel()
	return onVercelWith(t, store.SQLite, edit...)
}

func onVercelWith(t *testing.T, kind string, edit ...string) (*world, *town) {
	t.Helper()
	v := found(t)
	v.settles(t, kind, edit...)
	return v.w, v
}

// settles opens the world whose production this Vercel is.
func (v *town) settles(t *testing.T, kind string, edit ...string) {
	t.Helper()
	v.w = begin(t, kind, options{noEdge: true, asks: v.reads, target: v.target(), edit: v.edits(edit)})
	v.connect(t, v.w.url)
	v.w.edge = "http://" + v.project.Domains[0]
	v.w.until("production is known", func() bool { return v.w.runs("production") != "" })
	v.w.visitors(options{rate: 60, crowd: 200})
}

// found opens a Vercel whose project serves v1, and where another person works too.
func found(t *testing.T) *town {
	t.Helper()
	v := &town{shops: map[string]*sim.Shop{}}
	v.World = fake.New(fake.Options{AliasDelay: 100 * time.Millisecond, DrainDelay: 200 * time.Millisecond,
		Build: v.build, Log: v.log})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(v.Start(context.Background()))
	t.Cleanup(v.Close)
	var err error
	v.project, err = v.AddProject(fake.ProjectOrder{Name: "shop", Repository: "acme/shop", Protected: true, Domains: 1,
		Skew: 86400})
	ok(err)
	v.AddToken(fake.Token{Secret: "hand", User: "grace"})
	v.hand = vercel.New(vercel.Options{API: v.URL(), Team: fake.TeamID,
		Token: func(context.Context) (string, error) { return "hand", nil }})
	bypass, err := v.hand.SetBypass(t.Context(), v.project.ID, "slipway", "")
	ok(err)
	_, err = v.Push(v.project.ID, "c-v1", "main", "the first")
	ok(err)
	v.env = map[string]string{"VERCEL_TOKEN": "token", "VERCEL_AUTOMATION_BYPASS_SECRET": bypass[0]}
	return v
}

// reads is the environment of a Slipway that releases on this Vercel; sets changes it while Slipway runs.
func (v *town) reads(name string) (string, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.env[name]
	return s, ok
}

func (v *town) sets(name, value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.env[name] = value
}

// target is the strategy's, and edits what else it says.
func (v *town) target() string {
	return "{vercel: {project: shop, team: " + fake.TeamSlug + ", canary: rolling, api: " + v.URL() + "}}"
}

func (v *town) edits(edit []string) []string {
	return slices.Concat(edit, drained[:4], []string{"rollback: {", "sources: {drain: {late: 5s}}\nrollback: {"})
}

// log tells a story of what its Vercel can't answer, but for visitors who went away.
func (v *town) log(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); v.w != nil && !strings.Contains(line, "context canceled") {
		v.w.t.Log(line)
	}
}

// build opens the shop of a commit.
func (v *town) build(_ context.Context, d fake.Deployment) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	version := strings.TrimPrefix(d.SHA, "c-")
	if len(d.SHA) == len(sha("")) {
		version = "v" + strings.TrimRight(d.SHA, "0")
	}
	if v.shops[version] == nil {
		s, err := sim.OpenShop(version)
		if err != nil {
			return "", err
		}
		v.shops[version] = s
	}
	return v.shops[version].URL(), nil
}

// connect has Vercel tell Slipway of what happens, and of what it serves.
func (v *town) connect(t *testing.T, address string) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := v.hand.CreateDrain(t.Context(), vercel.Drain{
		Name: "slipway", Projects: "some", IDs: []string{v.project.ID},
		Schemas: map[string]vercel.Schema{"log": {Version: "v1"}},
		Delivery: vercel.Delivery{Type: "http", Endpoint: address + "/hooks/vercel/drains", Encoding: "ndjson",
			Compression: "gzip", Secret: drainSecret},
	})
	ok(err)
	hook, err := v.hand.CreateHook(t.Context(), vercel.Hook{URL: address + "/hooks/vercel/webhooks", Events: []string{
		"deployment.promoted", "deployment.rollback", "deployment.cleanup", "project.rolling-release.started",
		"project.rolling-release.approved", "project.rolling-release.completed", "project.rolling-release.aborted"}})
	ok(err)
	v.sets("VERCEL_WEBHOOK_SECRET", hook.Secret)
	_, err = v.hand.CreateCheck(t.Context(), v.project.ID, vercel.Check{Name: "slipway", Requires: "deployment-url",
		Blocks: "deployment-promotion", Targets: []string{"production"}, Timeout: 86400})
	ok(err)
}

// push has a commit built by Vercel and its release started by Ada, by the commit alone.
func (v *town) push(version string) api.Release {
	v.w.t.Helper()
	return v.pushes(version, "c-"+version)
}

func (v *town) pushes(version, commit string) api.Release {
	v.w.t.Helper()
	d, err := v.Push(v.project.ID, commit, "main", "the release "+version)
	v.w.ok(err)
	_, err = v.Wait(v.w.ctx, d.ID)
	v.w.ok(err)
	r, err := v.w.by("ada").StartRelease(v.w.ctx, api.StartRelease{Version: version, Commit: commit,
		Unscheduled: "a story"})
	v.w.ok(err)
	return r
}

// served is the commit that production's domain points at.
func (v *town) served() string {
	p, _ := v.Project(v.project.ID)
	d, _ := v.Deployment(p.Production)
	return d.SHA
}

// A release goes all the way by rolling releases: found by its commit, shown in Vercel's own stages, promoted.
//
// req: EN-21
func TestAReleaseGoesAllTheWayOnVercel(t *testing.T) {
	w, v := onVercel(t, "[50]", "[20, 50, 100]")
	r := v.push("v2")
	if v.served() != "c-v1" {
		t.Fatalf("a push reached production by itself: %s", v.served())
	}
	w.gates(r)
	w.exposed(r.ID, 20)
	w.exposed(r.ID, 50)
	v.goesOn(r) // by evidence it goes on from 20 % and from 100 %: enough, at the pace of a drain
	q := w.asked(r.ID)
	w.approves("pia", q)
	r = w.ends(r.ID, "completed")
	if v.served() != "c-v2" || w.runs("production") != "v2" {
		t.Errorf("Vercel serves %s, Slipway records %s", v.served(), w.runs("production"))
	}
	if n := w.failures(); n > 0 {
		t.Errorf("%d requests of visitors failed", n)
	}
}

// A faulty version is found by the records of a drain alone and taken back: instantly, to the old build.
func TestAFaultyReleaseIsTakenBackOnVercel(t *testing.T) {
	w, v := onVercel(t, long...)
	r := v.push("v2")
	w.gates(r)
	w.exposed(r.ID, 20)
	v.shops["v2"].Break(sim.Fault{Errors: 0.6})
	r = w.ends(r.ID, "aborted")
	undo := w.events("release.undoing")
	if len(undo) != 1 || undo[0].Actor != "system:guard" || !mentions(string(undo[0].Data), "error") {
		t.Errorf("taken back by %+v, want the guard because of errors", undo)
	}
	if first := v.Deployments()[0]; v.served() != "c-v1" || w.runs("production") != first.ID {
		t.Errorf("Vercel serves %s, Slipway records %s", v.served(), w.runs("production"))
	}
	if b := v.Boundary(v.project.ID); b.IsZero() {
		t.Error("pages that are still open go on with the bad build")
	}
}

// Another person promotes in the middle of a canary, by Vercel's own means: the release waits, and says who it was.
func TestAnotherHandIsNoticedOnVercel(t *testing.T) {
	w, v := onVercel(t, long...)
	r := v.push("v2")
	w.gates(r)
	w.exposed(r.ID, 20)
	p, _ := v.Project(v.project.ID)
	v.w.ok(v.hand.Rollback(t.Context(), v.project.ID, p.Production))
	r = w.reaches(r.ID, "notice the other hand", func(r api.Release) bool {
		return strings.Contains(r.Sentence, "not through Slipway")
	})
	if r.Phase != "running" || r.Share != 20 {
		t.Errorf("it is %s at %g %%: %s", r.Phase, r.Share, r.Sentence)
	}
	status, err := w.admin().Status(w.ctx)
	w.ok(err)
	if status.Target == nil || !status.Target.Trouble || !strings.Contains(status.Sentence, "not through Slipway") {
		t.Errorf("the status says %q of %+v", status.Sentence, status.Target)
	}
}
