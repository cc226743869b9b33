package engine

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/incidents"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/rollback"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// plain is the strategy of these tests: one check, one share, one approval.
const plain = `app: shop
target: {selfhost: {stable: "%s"}}
checks: {required: {development: [unit], staging: [], canary: [], production: []}}
stages:
  staging:    {smoke: core, sign_off: off, load: off, flags: off}
  canary:     {steps: [50], bake: 300ms, smoke: off, guard: default}
  production: {approve: [product], verify: core, watch: 300ms}
guards:
  default:
    error_rate:  {warn: 3%%, critical: 10%%, for: 1s, spike: 10x, compare: {worse_by: 25%%}}
    health:      {path: /api/health, every: 100ms, timeout: 1s, critical: 3 in a row}
    min_requests: 10
    window: 2s
    blind: 10s
    cold_start: 0s
rollback: {watch: 500ms, approvers: [incident]}
flags: {ramp: {watch: 2m}}
timing: {look: 100ms, retry: 10ms, tries: 3, skew: 1h}
`

// world is an engine over a real store, with a fake provider and a shop for each
// version. It stands still until a test moves it.
type world struct {
	*Engine
	t     testing.TB
	ctx   context.Context
	edge  *providertest.Fake
	shops map[string]*shop
	logs  *syncBuffer
}

// shop answers as a deployment does.
type shop struct {
	*httptest.Server
	broken atomic.Bool // pages fail
	sick   atomic.Bool // health fails
	asked  atomic.Int64
}

func (s *shop) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	if s.broken.Load() && r.URL.Path == "/" || s.sick.Load() && r.URL.Path == "/api/health" {
		rw.WriteHeader(http.StatusInternalServerError)
	}
}

func openShop(t testing.TB) *shop {
	t.Helper()
	s := &shop{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// each runs a test on every database engine, each time in a world of its own.
func each(t *testing.T, test func(t *testing.T, w *world), edit ...string) {
	t.Helper()
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, storetest.Open(t, kind), edit...))
		})
	}
}

// newWorld returns a world whose production runs v1. edit are pairs of old and new
// text in the strategy.
func newWorld(t testing.TB, db *store.DB, edit ...string) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), edge: &providertest.Fake{}, shops: map[string]*shop{"v1": openShop(t)},
		logs: &syncBuffer{}}
	w.Engine = w.node(db, w.plan(edit...))
	w.ok(w.Adopt(w.ctx, "v1", w.shops["v1"].URL))
	w.act()
	return w
}

func (w *world) plan(edit ...string) *strategy.Strategy {
	w.t.Helper()
	text := fmt.Sprintf(plain, w.shops["v1"].URL)
	for i := 0; i+1 < len(edit); i += 2 {
		if !strings.Contains(text, edit[i]) {
			w.t.Fatalf("the strategy has no %q", edit[i])
		}
		text = strings.ReplaceAll(text, edit[i], edit[i+1])
	}
	s, err := strategy.Parse("test.yaml", []byte(text))
	w.ok(err)
	return s
}

// node returns an engine on a database with the world's edge.
func (w *world) node(db *store.DB, s *strategy.Strategy) *Engine {
	return New(Options{
		DB: db, Strategy: s, Provider: w.edge, Timeline: metric.NewTimeline(40*time.Minute,
			15*time.Second), Client: http.DefaultClient,
		Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), Log: slog.New(slog.NewTextHandler(w.logs, nil)),
		Pace: Pace{Poll: 5 * time.Millisecond}, Serves: func(environment, key string) incidents.Serving {
			return served(w.ctx, db, environment, key)
		},
	})
}

// run runs an engine until the returned function is called, or the test ends.
func (w *world) run(e *Engine) (stop func()) {
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the engine ended: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// person returns somebody with roles.
func person(name string, roles ...string) access.Actor {
	return access.Actor{ID: "user:" + name, User: name, Name: name, Roles: roles}
}

// start starts the release of a version by ada.
func (w *world) start(version string) release.Release {
	w.t.Helper()
	r, err := w.tryStart(version)
	w.ok(err)
	return r
}

func (w *world) tryStart(version string) (release.Release, error) {
	if w.shops[version] == nil {
		w.shops[version] = openShop(w.t)
	}
	return w.Start(w.ctx, person("ada", "development"), release.Release{
		Version: version, Commit: "c-" + version, URL: w.shops[version].URL, Unscheduled: "a test",
	}, nil)
}

// report reports the one check.
func (w *world) report(version string, s checklist.Status) {
	w.t.Helper()
	w.ok(w.Report(w.ctx, person("ci"), checklist.Result{Version: version, Commit: "c-" + version, Name: "unit",
		Status: s}))
}

// act carries out every pending effect once.
func (w *world) act() (done int) {
	w.t.Helper()
	list, err := w.DB.EffectsPending(w.ctx)
	w.ok(err)
	for _, x := range list {
		if x.Kind == effect.Show || x.Kind == effect.Answer { // which nothing waits for
			_, err := w.Forge.Look(w.ctx, x.Key)
			w.ok(err)
			continue
		}
		_, err := w.carryOut(w.ctx, x.Key)
		w.ok(err)
		done++
	}
	return done
}

// settle looks and acts until neither changes anything.
func (w *world) settle(id string) release.Release {
	w.t.Helper()
	for range 50 {
		_, err := w.lookAtRelease(w.ctx, id)
		w.ok(err)
		if w.act() == 0 {
			break
		}
	}
	return w.release(id)
}

// settleBack is settle for a rollback.
func (w *world) settleBack(id string) rollback.Rollback {
	w.t.Helper()
	for range 50 {
		_, err := w.lookAtRollback(w.ctx, id)
		w.ok(err)
		if w.act() == 0 {
			break
		}
	}
	b, err := w.DB.Rollback(w.ctx, id)
	w.ok(err)
	return b
}

func (w *world) release(id string) release.Release {
	w.t.Helper()
	r, err := w.DB.Release(w.ctx, id)
	w.ok(err)
	return r
}

// exposed takes a version to its share.
func (w *world) exposed(version string) release.Release {
	w.t.Helper()
	r := w.start(version)
	w.report(version, checklist.Passed)
	r = w.settle(r.ID)
	if r.Share != 50 {
		w.t.Fatalf("%s is at %s with %g %%: %s", version, r.Step().ID, r.Share, r.Sentence)
	}
	return r
}

// asked takes a version to its approval.
func (w *world) asked(version string) (release.Release, approval.Request) {
	w.t.Helper()
	r := w.exposed(version)
	w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Promote, Actor: "user:bo", Name: "bo", Reason: "a test",
		Bypass: true}, 0))
	r = w.settle(r.ID)
	return r, w.request(r.Request)
}

func (w *world) request(id string) approval.Request {
	w.t.Helper()
	q, err := w.DB.Approval(w.ctx, id)
	w.ok(err)
	return q
}

// promoted takes a version into production, where it is watched.
func (w *world) promoted(version string) release.Release {
	w.t.Helper()
	r, q := w.asked(version)
	_, err := w.Vote(w.ctx, person("pia", "product"), q.ID, true, q.Hash, "")
	w.ok(err)
	r = w.settle(r.ID)
	if r.Promoted.IsZero() {
		w.t.Fatalf("%s is at %s: %s", version, r.Step().ID, r.Sentence)
	}
	return r
}

// events returns the log's events of a kind; "" for all.
func (w *world) events(kind string) []event.Event {
	w.t.Helper()
	var out []event.Event
	w.ok(w.DB.EachEvent(w.ctx, func(e event.Event) error {
		if kind == "" || e.Kind == kind {
			out = append(out, e)
		}
		return nil
	}))
	return out
}

func kinds(list []event.Event) []string {
	out := []string{}
	for _, e := range list {
		out = append(out, e.Kind)
	}
	return out
}

// effects returns a subject's effects of a kind.
func (w *world) effects(subject string, kind effect.Kind) []effect.Effect {
	w.t.Helper()
	list, err := w.DB.EffectsOf(w.ctx, subject)
	w.ok(err)
	return slices.DeleteFunc(list, func(x effect.Effect) bool { return x.Kind != kind })
}

// runs returns the version that an environment runs.
func (w *world) runs(environment string) string {
	w.t.Helper()
	states, err := w.DB.EnvironmentStates(w.ctx, "shop")
	w.ok(err)
	for _, s := range states {
		if s.Name == environment && s.Deployment != "" {
			return w.version(s.Deployment)
		}
	}
	return ""
}

func (w *world) version(deployment string) string {
	w.t.Helper()
	if deployment == "" {
		return ""
	}
	d, err := w.DB.Deployment(w.ctx, deployment)
	w.ok(err)
	return d.Version
}

// served says which versions visitors get: stable, canary, share.
func (w *world) served() string {
	w.t.Helper()
	s := w.edge.Serves()
	return fmt.Sprintf("%s %s %g", w.version(s.Stable), w.version(s.Canary), s.Share)
}

// until waits for something that another goroutine does.
func (w *world) until(what string, true func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !true() {
		select {
		case <-ctx.Done():
			w.t.Fatalf("waited for %s in vain\n%s\n%s", what, strings.Join(kinds(w.events("")), " "), w.logs)
		case <-tick.C:
		}
	}
}

// stallingHandler answers nothing until the channel is closed.
func stallingHandler(until <-chan struct{}, count *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		count.Add(1)
		select {
		case <-until:
		case <-r.Context().Done():
		}
	})
}
