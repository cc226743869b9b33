package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/event"
	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// silentPlan shows a version to half of the visitors and stays there; a drain would measure it, and Vercel's own counts
// stand in.
const silentPlan = `app: shop
target: {vercel: {project: shop, canary: rolling, api: %q}}
checks: {required: {development: [], staging: [], canary: [], production: []}}
stages:
  staging:    {smoke: off, sign_off: off, load: off, flags: off}
  canary:     {steps: [50], bake: 1h, smoke: off, guard: default}
  production: {approve: [product], verify: core, watch: 1m}
guards:
  default: {fallback: observability, health: {critical: off}, cold_start: 0s}
timing: {look: 100ms, retry: 10ms}
`

// A drain that never says a word, and what Vercel's own endpoint counted over HTTP: the guard goes by that, the release
// is taken back on Vercel, and the log says what it was judged from.
//
// req: RB-03 N-04
func TestASilentDrainAndACountTakeAReleaseBack(t *testing.T) {
	t.Parallel()
	var ago atomic.Int64 // seconds by which the fake's clock is behind
	world := fake.New(fake.Options{Log: t.Logf, AliasDelay: time.Millisecond,
		Now: func() time.Time { return time.Now().Add(-time.Duration(ago.Load()) * time.Second) },
		Build: func(_ context.Context, d fake.Deployment) (string, error) {
			n := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n++; d.SHA[0] == 'b' && r.URL.Path == "/" && n%100 < 46 {
					w.WriteHeader(http.StatusInternalServerError)
				}
			}))
			t.Cleanup(s.Close)
			return s.URL, nil
		}})
	x := &town{t: t, world: world}
	stop := x.silent()
	defer stop()
	x.eventually("production is known", func() bool {
		states, err := x.DB.EnvironmentStates(t.Context(), "shop")
		return err == nil && len(states) > 0 && states[0].Deployment != ""
	})
	client := vercel.New(vercel.Options{API: world.URL(), Token: func(context.Context) (string, error) {
		return "token", nil
	}})
	p, _ := world.Project("shop")
	if _, err := client.CreateCheck(t.Context(), p.ID, vercel.Check{Name: "slipway", Requires: "deployment-url",
		Blocks: "deployment-promotion", Targets: []string{"production"}, Timeout: 86400}); err != nil {
		t.Fatal(err)
	}
	x.built("b")
	both := world.Deployments()
	// Two whole minutes that are over for long enough.
	ago.Store(int64(time.Since(time.Now().Truncate(time.Minute).Add(-150 * time.Second)).Seconds()))
	for _, d := range both {
		for range 120 {
			answer, err := http.Get("http://" + d.URL + "/")
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
		}
	}
	ago.Store(0)
	r, err := x.to.StartRelease(t.Context(), api.StartRelease{Version: "v2", Commit: strings.Repeat("b", 40),
		Unscheduled: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	x.eventually("half of the visitors have it", func() bool {
		p, _ := world.Project("shop")
		now, err := x.DB.Release(t.Context(), r.ID)
		return err == nil && now.Share == 50 && !now.Exposed.IsZero() && p.Production == both[0].ID
	})
	x.since(r.ID, 5*time.Minute)
	x.eventually("it is taken back", func() bool {
		now, err := x.DB.Release(t.Context(), r.ID)
		return err == nil && now.Phase == "aborted"
	})
	if p, _ := world.Project("shop"); p.Production != both[0].ID {
		t.Errorf("Vercel serves %s, want %s", p.Production, both[0].ID)
	}
	undo := x.events("release.undoing")
	if len(undo) != 1 || undo[0].Actor != "system:guard" ||
		!strings.Contains(undo[0].Sentence, "The drain has told nothing: judged from Vercel's own counts, ") {
		t.Errorf("taken back by %+v, want the guard, by Vercel's own counts", undo)
	}
}

// silent runs Slipway for the project of a Vercel whose drain tells nothing.
func (x *town) silent() (stop func()) {
	x.t.Helper()
	if err := x.world.Start(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(x.world.Close)
	if _, err := x.world.AddProject(fake.ProjectOrder{Name: "shop", Repository: "acme/shop", Domains: 1}); err != nil {
		x.t.Fatal(err)
	}
	x.built("a")
	plan, err := strategy.Parse("test.yaml", fmt.Appendf(nil, silentPlan, x.world.URL()))
	if err != nil {
		x.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(x.t.Context())
	x.App, err = Open(ctx, Options{Database: filepath.Join(x.t.TempDir(), "a.db"), Strategy: plan, Control: anyPort(x.t),
		Stop: time.Second, Pace: engine.Pace{Poll: 10 * time.Millisecond},
		Env: func(name string) (string, bool) {
			return map[string]string{"VERCEL_TOKEN": "token"}[name], name == "VERCEL_TOKEN"
		}})
	if err != nil {
		x.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	x.signIn()
	return func() { cancel(); <-ended }
}

// since lets a release have had its visitors for longer than it had.
func (x *town) since(id string, ago time.Duration) {
	x.t.Helper()
	x.eventually("the release is older", func() bool {
		err := x.DB.Write(x.t.Context(), func(tx *store.Tx) error {
			r, err := x.DB.Release(x.t.Context(), id)
			if err != nil {
				return err
			}
			for _, at := range []*time.Time{&r.Exposed, &r.ShareSince} {
				*at = at.Add(-ago)
			}
			for i := range r.Shares {
				r.Shares[i].At = r.Shares[i].At.Add(-ago)
			}
			return tx.UpdateRelease(x.t.Context(), &r)
		})
		if err != nil && fault.ReasonOf(err) == "" {
			x.t.Fatal(err)
		}
		return err == nil
	})
}

func (x *town) events(kind string) (out []event.Event) {
	x.t.Helper()
	err := x.DB.EachEvent(x.t.Context(), func(e event.Event) error {
		if e.Kind == kind {
			out = append(out, e)
		}
		return nil
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return out
}

// eventually waits for what Slipway does by itself.
func (x *town) eventually(what string, so func() bool) {
	x.t.Helper()
	ctx, cancel := context.WithTimeoutCause(x.t.Context(), 20*time.Second, errors.New(what))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			list, _ := x.DB.ActiveReleases(x.t.Context(), "shop")
			for _, r := range list {
				x.t.Logf("%s %s %g: %s", r.Version, r.Phase, r.Share, r.Sentence)
			}
			x.t.Fatal(context.Cause(ctx))
		case <-tick.C:
		}
	}
}
