package story

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/app"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// patience is how long a story waits for anything before it fails: long enough for a machine that is busy with others.
const patience = 90 * time.Second

// quick is the strategy of the stories: the whole way, in seconds. Stories change it
// with edits. Its limits on latency and health are wide: a busy machine is no fault of v2.
const quick = `app: harbor-shop
target: {selfhost: {stable: "%s"}}
checks: {required: {development: [unit], staging: [review], canary: [], production: []}}
stages:
  staging:    {smoke: core, sign_off: qa, load: off, flags: off}
  canary:     {steps: [50], bake: 300ms, guard: default}
  production: {approve: [product], verify: core, watch: 300ms}
guards:
  default:
    error_rate:  {warn: 3%%, critical: 10%%, for: 1s, spike: 10x, compare: {worse_by: 25%%}}
    latency_p95: {warn: 4s, critical: 6s, for: 1s, compare: {worse_by: 50%%}}
    health:      {path: /api/health, every: 200ms, timeout: 4s, critical: 3 in a row}
    min_requests: 10
    window: 2s
    blind: 10s
    cold_start: 0s
rollback: {watch: 500ms, approvers: [incident]}
flags: {ramp: {watch: 300ms}}
timing: {look: 100ms, retry: 200ms, skew: 1h}
`

// options change a world before it begins.
type options struct {
	edit   []string // pairs of old and new text in the strategy
	rate   float64  // of the visitors, requests a second
	crowd  int
	noEdge bool
	env    map[string]string           // beside the usual
	asks   func(string) (string, bool) // before it, each time
	target string                      // in the place of our own edge
	idle   bool                        // no visitors
}

// reads is the environment of a story.
func (o options) reads(name string) (string, bool) {
	if s, ok := o.env[name]; ok {
		return s, true
	}
	if o.asks != nil {
		if s, ok := o.asks(name); ok {
			return s, true
		}
	}
	return env(name)
}

// world is one Slipway with an application in several versions, the people of a
// team and visitors who come through the edge.
type world struct {
	t      testing.TB
	ctx    context.Context
	engine string
	app    *app.App
	url    string
	edge   string
	shops  map[string]*sim.Shop
	crowd  *sim.Crowd
	http   *http.Client  // by which people reach Slipway; nil for the usual way
	tick   time.Duration // between two looks while it waits

	mu     sync.Mutex
	as     map[string]*client.Client
	tokens map[string]string // of the team; nil: as they are prepared
	after  []func()          // ends it, the last first
}

// each tells a story on every engine, each time in a world of its own.
func each(t *testing.T, o options, tell func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			tell(t, begin(t, kind, o))
		})
	}
}

// begin opens a world whose production runs v1.
func begin(t testing.TB, kind string, o options) *world {
	t.Helper()
	database := prepared(t, kind)
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{
		t: t, ctx: ctx, engine: kind, shops: map[string]*sim.Shop{}, as: map[string]*client.Client{},
		tick: 25 * time.Millisecond,
	}
	t.Cleanup(w.close)
	w.shop("v1")
	opts := app.Options{
		Database: database, Strategy: o.plan(t, w.shops["v1"].URL()), Control: listen(t),
		Env: o.reads, Adopt: "v1",
		Version: "story", Pace: engine.Pace{Poll: 25 * time.Millisecond}, Stop: 5 * time.Second, Log: logTo(t),
	}
	if !o.noEdge {
		opts.Edge = listen(t)
	}
	var err error
	if w.app, err = app.Open(ctx, opts); err != nil {
		t.Fatalf("open Slipway: %v", err)
	}
	w.url, w.edge = w.app.URL(), w.app.EdgeURL()
	ended := make(chan error, 1)
	go func() { ended <- w.app.Run(ctx) }()
	w.finally(func() {
		if report, err := w.admin().VerifyLog(ctx); err != nil || !report.OK || report.BadVotes > 0 {
			t.Errorf("the log does not verify at the end: %+v %v", report, err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Slipway ended: %v", err)
		}
	})
	if o.noEdge {
		return w
	}
	w.until("the shop is open", func() bool { return status(w.edge+"/") == http.StatusOK })
	if !o.idle {
		w.visitors(o)
	}
	return w
}

// finally has something done when the story is over.
func (w *world) finally(f func()) { w.after = append(w.after, f) }

// close ends the world; a second time it does nothing.
func (w *world) close() {
	for _, f := range slices.Backward(w.after) {
		f()
	}
	w.after = nil
}

// visitors lets people come through the edge until the story ends.
func (w *world) visitors(o options) {
	w.t.Helper()
	if o.rate == 0 {
		o.rate = 200
	}
	if o.crowd == 0 {
		o.crowd = 400
	}
	w.crowd = sim.NewCrowd(w.edge, o.crowd, o.rate, 1)
	ctx, cancel := context.WithCancel(w.ctx)
	var gone sync.WaitGroup
	gone.Go(func() { w.crowd.Run(ctx) })
	w.finally(func() { cancel(); gone.Wait() })
	w.pass(50)
}

// shop opens a version of the application.
func (w *world) shop(version string) *sim.Shop {
	w.t.Helper()
	s, err := sim.OpenShop(version)
	if err != nil {
		w.t.Fatal(err)
	}
	w.finally(s.Close)
	w.shops[version] = s
	return s
}

// plan reads the strategy of a story.
func (o options) plan(t testing.TB, stable string) *strategy.Strategy {
	t.Helper()
	s, err := strategy.Parse("story.yaml", []byte(o.text(t, stable)))
	if err != nil {
		t.Fatalf("the story's strategy: %v", err)
	}
	return s
}

func (o options) text(t testing.TB, stable string) string {
	t.Helper()
	text, edit := fmt.Sprintf(quick, stable), o.edit
	if o.target != "" {
		edit = append([]string{fmt.Sprintf("{selfhost: {stable: %q}}", stable), o.target}, edit...)
	}
	for i := 0; i+1 < len(edit); i += 2 {
		if !strings.Contains(text, edit[i]) {
			t.Fatalf("the strategy has no %q to replace", edit[i])
		}
		text = strings.ReplaceAll(text, edit[i], edit[i+1])
	}
	return text
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// status asks a page once; 0 when there was no answer.
func status(url string) int {
	res, err := http.Get(url)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// by returns the client of a person of the team.
func (w *world) by(name string) *client.Client {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.as[name]; c != nil {
		return c
	}
	if w.tokens == nil {
		w.tokens = made(w.t, w.engine).secrets
	}
	secret, ok := w.tokens[name]
	if !ok {
		w.t.Fatalf("there is nobody called %s", name)
	}
	c := w.with(secret)
	w.as[name] = c
	return c
}

func (w *world) admin() *client.Client { return w.by("you") }

// with returns a client that sends a token.
func (w *world) with(token string) *client.Client {
	w.t.Helper()
	c, err := client.New(w.url, client.Options{Token: token, HTTP: w.http, Pause: 50 * time.Millisecond})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// until waits for something to become true.
func (w *world) until(what string, true func() bool) {
	w.t.Helper()
	if err := w.eventually(true); err != nil {
		w.t.Fatalf("waited for %s: %v%s", what, err, w.newest())
	}
}

// eventually looks again and again until it is true or patience ends.
func (w *world) eventually(true func() bool) error {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	tick := time.NewTicker(w.tick)
	defer tick.Stop()
	for !true() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// pass waits for a number of further requests of visitors.
func (w *world) pass(requests uint64) {
	w.t.Helper()
	all, _ := w.crowd.Requests()
	w.until(fmt.Sprintf("%d requests", requests), func() bool { now, _ := w.crowd.Requests(); return now >= all+requests })
}

// failures returns how many requests of visitors failed so far.
func (w *world) failures() uint64 {
	_, failed := w.crowd.Requests()
	return failed
}

// newest is the end of the log, for the message of a story that fails.
func (w *world) newest() string {
	page, err := w.admin().Events(w.ctx, client.EventQuery{Limit: 25})
	if err != nil {
		return "\n(no log: " + err.Error() + ")"
	}
	var b strings.Builder
	for _, e := range slices.Backward(page.Items) {
		fmt.Fprintf(&b, "\n  %4d %s %-22s %s", e.Seq, e.At.Format("05.000"), e.Kind, e.Sentence)
	}
	if list, err := w.admin().Releases(w.ctx, client.ReleaseQuery{Limit: 1}); err == nil && len(list.Items) > 0 {
		r, err := w.admin().Release(w.ctx, list.Items[0].ID)
		if err == nil && r.Verdict != nil {
			fmt.Fprintf(&b, "\n  %s is %s at %s: %s\n  the guard: %s, %s: %s", r.Version, r.Phase,
				r.Step, r.Sentence, r.Verdict.Word, r.Verdict.Action, r.Verdict.Sentence)
			for _, f := range r.Verdict.Findings {
				fmt.Fprintf(&b, "\n    %s %s %s: %s", f.Rule, f.Arm, f.Level, f.Sentence)
			}
		}
	}
	return b.String()
}

// events returns the log's events of a kind, oldest first; "release." means all of
// release.
func (w *world) events(kind string) []api.Event {
	w.t.Helper()
	var out []api.Event
	q := client.EventQuery{Kind: kind, Limit: 200, Ascending: true}
	for {
		page, err := w.admin().Events(w.ctx, q)
		w.ok(err)
		out = append(out, page.Items...)
		if page.Next == "" {
			return out
		}
		q.Cursor = page.Next
	}
}

// ok stops the story on an error.
func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%v%s", err, w.newest())
	}
}

// refused stops the story unless err is a refusal with the reason.
func (w *world) refused(err error, reason string) {
	w.t.Helper()
	if got := reasonOf(err); got != reason {
		w.t.Fatalf("the answer is %q (%v), want a refusal with the reason %s%s", got, err, reason, w.newest())
	}
}

func reasonOf(err error) string {
	if p, ok := err.(*client.Problem); ok { //nolint:errorlint // the client returns it as it is
		return p.Reason
	}
	return fmt.Sprint(err)
}

// steps are a release's steps with their status, in order.
func steps(r api.Release) []string {
	out := []string{}
	for _, s := range r.Steps {
		out = append(out, s.ID+" "+s.Status)
	}
	return out
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func TestMain(m *testing.M) {
	os.Exit(run(m))
}
