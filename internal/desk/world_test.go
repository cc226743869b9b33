package desk

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/people"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
)

const plain = `app: shop
target: {selfhost: {stable: "%s"}}
checks: {required: {development: [unit], staging: [], canary: [], production: []}}
stages:
  staging:    {smoke: core, sign_off: qa, load: off, flags: off}
  canary:     {steps: [50], bake: 1h, smoke: off, guard: default}
  production: {approve: [product], verify: core, watch: 1h}
guards: {default: {weights: {errors: 0.75, latency: 0.25}}}
timing: {look: 100ms, retry: 10ms, tries: 3, skew: 1h}
`

// world is a desk over a real store and an engine that runs.
type world struct {
	*Desk
	t   *testing.T
	ctx context.Context
	url string // of a deployment that answers
}

// each runs a test on every database engine.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, storetest.Open(t, kind)))
		})
	}
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	shop := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(shop.Close)
	stable := httptest.NewServer(shop.Config.Handler)
	t.Cleanup(stable.Close)
	s, err := strategy.Parse("test.yaml", fmt.Appendf(nil, plain, stable.URL))
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	timeline := metric.NewTimeline(time.Hour, 15*time.Second)
	e := engine.New(engine.Options{
		DB: db, Strategy: s, Provider: &providertest.Fake{}, Timeline: timeline, Client: http.DefaultClient, Key: key,
		Log: slog.New(slog.DiscardHandler), Pace: engine.Pace{Poll: 5 * time.Millisecond},
	})
	w := &world{t: t, ctx: t.Context(), url: shop.URL, Desk: New(Options{
		DB: db, Engine: e, Strategy: s, Timeline: timeline,
		Key:    key.Public().(ed25519.PublicKey), //nolint:forcetypeassert // so it is
		People: people.New(people.Options{DB: db, Write: e.Write, Roles: s.Roles, App: "shop"}),
	})}
	w.ok(e.Adopt(w.ctx, "v1", stable.URL))
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the engine ended: %v", err)
		}
	})
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// as returns somebody who holds a role of the strategy.
func (w *world) as(role string) access.Actor {
	return access.Actor{
		ID: "user:" + role, User: "usr_" + role, Name: role, Roles: []string{role},
		Grants: access.Resolve(w.Strategy.Roles(), []string{role}),
	}
}

// may returns somebody who holds a permission in one environment, and nothing else.
func may(p access.Permission, environment string) access.Actor {
	return access.Actor{
		ID: "user:one", User: "usr_one", Name: "One", Grants: []access.Grant{{Permission: p, Environment: environment}},
	}
}

func (w *world) events(kind string) []event.Event {
	w.t.Helper()
	var out []event.Event
	w.ok(w.DB.EachEvent(w.ctx, func(e event.Event) error {
		if e.Kind == kind {
			out = append(out, e)
		}
		return nil
	}))
	return out
}

// start starts a release by a developer.
func (w *world) start(version string) api.Release {
	w.t.Helper()
	r, err := w.StartRelease(w.ctx, access.System("test"), api.StartRelease{
		Version: version, Commit: "c", Deployment: w.url, Unscheduled: "a test",
	})
	w.ok(err)
	return r
}

// exposed takes a version to its share.
func (w *world) exposed(version string) api.Release {
	w.t.Helper()
	r, root := w.start(version), access.System("test")
	for _, name := range []string{"unit"} {
		_, err := w.ReportCheck(w.ctx, root, api.ReportCheck{Version: version, Commit: "c", Name: name, Status: "passed"})
		w.ok(err)
	}
	w.until("the sign-off", func() bool { return w.release(r.ID).Step().Kind == release.KindSignOff })
	_, err := w.Act(w.ctx, w.as("qa"), r.ID, "sign", api.ReleaseAction{Passed: true, Reason: "fine"})
	w.ok(err)
	w.until("the share", func() bool { return w.release(r.ID).Share == 50 })
	r, err = w.Release(w.ctx, root, r.ID)
	w.ok(err)
	return r
}

func (w *world) release(id string) release.Release {
	w.t.Helper()
	r, err := w.DB.Release(w.ctx, id)
	w.ok(err)
	return r
}

func (w *world) until(what string, true func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !true() {
		select {
		case <-ctx.Done():
			w.t.Fatalf("waited for %s in vain", what)
		case <-tick.C:
		}
	}
}
