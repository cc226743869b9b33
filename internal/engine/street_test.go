package engine

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/event"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	onvercel "github.com/slipwayhq/slipway/internal/provider/vercel"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// street is a world over the fake of Vercel and the provider as it is. It stands still until it is moved, and its
// process can be killed after any commit: nothing of it runs on, and another one begins with what is stored.
type street struct {
	*world
	vercel  *fake.World
	project fake.Project
	config  vercel.Connection
	mode    string
	plan    *strategy.Strategy
	hand    *vercel.Client // another person's
	node    int

	commits []int64 // where the log was after each since the beginning
	kill    int     // the process dies after so many of them; 0: never
	died    int
	ahead   time.Duration // of the clock that the provider and its client go by
}

// killed is how a process dies.
type killed struct{}

func onStreet(t *testing.T, mode string) *street {
	t.Helper()
	s := &street{mode: mode, world: &world{t: t, ctx: t.Context(), shops: map[string]*shop{}, logs: &syncBuffer{}}}
	s.shops["v1"], s.shops["v2"] = openShop(t), openShop(t)
	build := func(_ context.Context, d fake.Deployment) (string, error) {
		return s.shops[strings.TrimPrefix(d.SHA, "c-")].URL, nil
	}
	s.vercel = fake.New(fake.Options{Build: build})
	s.ok(s.vercel.Start(t.Context()))
	t.Cleanup(s.vercel.Close)
	var err error
	s.project, err = s.vercel.AddProject(fake.ProjectOrder{Name: "shop", Repository: "acme/shop", Domains: 1})
	s.ok(err)
	s.vercel.AddToken(fake.Token{Secret: "hand", User: "grace"})
	s.hand = s.client("hand")
	g := s.vercel.AddGlobalConfig("shop")
	s.config, err = vercel.ParseConnection(g.Connection)
	s.ok(err)
	s.pushes("v1")
	s.ok(s.hand.SetProject(t.Context(), "shop", map[string]any{"autoAssignCustomDomains": false}))
	s.pushes("v2")
	s.plan = s.world.plan(`target: {selfhost: {stable: "`+s.shops["v1"].URL+`"}}`, fmt.Sprintf(
		"target: {vercel: {project: shop, canary: %s, global_config: %s, api: %q}}", mode, g.ID, s.vercel.URL()),
		"steps: [50]", "steps: [5, 50]", "blind: 10s", "blind: 60s", "bake: 300ms", "bake: 1h",
		"watch: 500ms", "watch: 10ms")
	db := storetest.Open(t, store.SQLite)
	s.begins(db)
	s.lookOut()
	db.OnCommit(s.committed)
	return s
}

func (s *street) client(token string) *vercel.Client {
	return vercel.New(vercel.Options{API: s.vercel.URL(), Team: fake.TeamID, Backoff: time.Millisecond, Now: s.now,
		Token: func(context.Context) (string, error) { return token, nil },
		Read:  s.config.Address, Reader: func(context.Context) (string, error) { return s.config.Token, nil }})
}

func (s *street) now() time.Time { return time.Now().Add(s.ahead) }

// pushes has a version built.
func (s *street) pushes(version string) {
	s.t.Helper()
	d, err := s.vercel.Push("shop", "c-"+version, "main", version)
	s.ok(err)
	_, err = s.vercel.Wait(s.ctx, d.ID)
	s.ok(err)
	s.vercel.Settle()
}

// begins begins a process on what is stored.
func (s *street) begins(db *store.DB) {
	s.node++
	s.Engine = s.world.node(db, s.plan)
	p := onvercel.New(onvercel.Options{Client: s.client("token"), Project: "shop", Mode: s.mode, Config: s.config.Config,
		Gate: true, Now: s.now, Publish: s.PublishRoute, Wanted: db.Route, Poll: time.Millisecond, Confirm: 5 * time.Second})
	s.Provider, s.Target.Platform = p, p
}

// committed notes a commit, and has the process die where it was told to.
func (s *street) committed(h event.Head) {
	s.commits = append(s.commits, h.Seq)
	if len(s.commits) == s.kill {
		s.kill = 0
		panic(killed{})
	}
}

// alive does something, and begins the process anew when it died of it.
func (s *street) alive(do func()) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case killed:
			s.died++
			s.begins(s.DB)
		default:
			panic(p)
		}
	}()
	do()
}

// version is the newest release of v2.
func (s *street) version() (release.Release, bool) {
	s.t.Helper()
	list, _, err := s.DB.Releases(s.ctx, store.ReleaseFilter{App: "shop", Version: "v2"})
	s.ok(err)
	if len(list) == 0 {
		return release.Release{}, false
	}
	return list[0], true
}

// drives does what people have to do next for v2, and what is due, once. It says whether all is over.
func (s *street) drives(end string) bool {
	s.vercel.Settle()
	_, _ = s.Target.Look(s.ctx, "")
	r, begun := s.version()
	if !begun {
		_, _ = s.Start(s.ctx, person("ada", "development"), release.Release{Version: "v2", Commit: "c-v2",
			Unscheduled: "a test"}, nil)
		return false
	}
	if !r.Ended.IsZero() {
		return s.atRest()
	}
	switch step := r.Step(); {
	case step.Kind == release.KindChecks && step.Stage == "development":
		_ = s.Report(s.ctx, person("ci"), checklist.Result{Version: "v2", Commit: "c-v2", Name: "unit",
			Status: checklist.Passed})
	case end == takenBack && r.Share == 50:
		_ = s.says(r, release.Abort)
	case step.Kind == release.KindShare && !r.Routing():
		_ = s.says(r, release.Promote)
	case step.Kind == release.KindWatch:
		s.takesBack()
	case r.Request != "":
		if q, err := s.DB.Approval(s.ctx, r.Request); err == nil && q.State == approval.Open {
			_, _ = s.Vote(s.ctx, person("pia", "product"), q.ID, true, q.Hash, "")
		}
	}
	s.settle(r.ID)
	return false
}

// The ends of a release that its people may want.
const (
	takenBack  = "taken back as a canary"
	rolledBack = "rolled back in production"
)

// atRest does what is due of rollbacks, and says whether none is under way.
func (s *street) atRest() bool {
	s.t.Helper()
	list, err := s.DB.ActiveRollbacks(s.ctx, "shop")
	s.ok(err)
	for _, b := range list {
		s.settleBack(b.ID)
	}
	return len(list) == 0
}

// takesBack does what people have to do next for a rollback of production, and what is due.
func (s *street) takesBack() {
	s.t.Helper()
	list, err := s.DB.ActiveRollbacks(s.ctx, "shop")
	s.ok(err)
	if len(list) == 0 {
		_, _ = s.RequestRollback(s.ctx, person("inez", "incident"), "production", "customers complain", "")
		return
	}
	if q, err := s.DB.Approval(s.ctx, list[0].Request); err == nil && q.State == approval.Open {
		_, _ = s.Vote(s.ctx, person("ivan", "incident"), q.ID, true, q.Hash, "")
	}
	s.settleBack(list[0].ID)
}

// says has a person order something of a release.
func (s *street) says(r release.Release, what release.CommandKind) error {
	c := release.Command{Kind: what, Actor: "user:bo", Name: "bo", Reason: "a test", Bypass: true}
	return s.Command(s.ctx, r.ID, c, 0)
}

// served is the build that production's domains point at, with the canary and its share.
func (s *street) served() string {
	s.t.Helper()
	p := onvercel.New(onvercel.Options{Client: s.client("token"), Project: "shop", Mode: s.mode, Config: s.config.Config})
	v, err := p.Serving(s.ctx)
	s.ok(err)
	return fmt.Sprintf("%s %s %g", s.commit(v.Stable), s.commit(v.Canary), v.Share)
}

// commit is the version of a build of Vercel's.
func (s *street) commit(id string) string {
	d, _ := s.vercel.Deployment(id)
	return strings.TrimPrefix(d.SHA, "c-")
}

// recorded is what Slipway has production serve, by its own records.
func (s *street) recorded() string {
	s.t.Helper()
	canary, share := "", 0.0
	if r, ok := s.version(); ok && r.Promoted.IsZero() && r.Share > 0 {
		canary, share = "v2", r.Share
	}
	stable := s.runs("production")
	if d, err := s.DB.DeploymentByExternal(s.ctx, "shop", stable); err == nil {
		stable = s.commit(d.External)
	}
	if share >= 100 {
		stable, canary, share = "v2", "", 0
	}
	return fmt.Sprintf("%s %s %g", stable, canary, share)
}

// moves are the calls that moved visitors, and were answered well.
func (s *street) moves() []string {
	var out []string
	for _, r := range s.vercel.Requests() {
		table := r.Method == http.MethodPatch && strings.HasSuffix(r.Path, "/items")
		if r.Token != "token" || r.Status >= 300 || r.Method != http.MethodPost && !table {
			continue
		}
		name := r.Path[strings.LastIndex(r.Path, "/")+1:]
		switch {
		case strings.Contains(r.Path, "/promote/"):
			name = "promote"
		case strings.Contains(r.Path, "/rollback/"):
			name = "rollback"
		}
		if slices.Contains([]string{"start", "approve-stage", "complete", "promote", "rollback", "items"}, name) {
			out = append(out, name)
		}
	}
	return out
}
