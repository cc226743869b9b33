package vercel

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// chapter is a routing after others.
type chapter struct {
	name  string
	first []provider.Routing
	then  provider.Routing
}

func chapters() []chapter {
	r := providertest.Routing
	return []chapter{
		{"start", []provider.Routing{r(1, "dep_a", "", 0)}, r(2, "dep_a", "dep_b", 5)},
		{"raise", []provider.Routing{r(1, "dep_a", "dep_b", 5)}, r(2, "dep_a", "dep_b", 20)},
		{"all", []provider.Routing{r(1, "dep_a", "dep_b", 5)}, r(2, "dep_a", "dep_b", 100)},
		{"promote", []provider.Routing{r(1, "dep_a", "dep_b", 5), r(2, "dep_a", "dep_b", 100)}, r(3, "dep_b", "", 0)},
		{"abort", []provider.Routing{r(1, "dep_a", "dep_b", 5)}, goingBack(2, "dep_a", "dep_b")},
		{"roll back", []provider.Routing{r(1, "dep_a", "dep_b", 5), r(2, "dep_a", "dep_b", 100), r(3, "dep_b", "", 0)},
			goingBack(4, "dep_a", "dep_b")},
	}
}

// ends is what counts once a routing is true.
type ends struct {
	Served   providertest.Served
	Boundary float64
	Run      string
	Auto     bool
}

func (w *town) ends(s *shelf) ends {
	out := ends{Served: w.served(s), Boundary: w.boundary, Run: w.runs["dpl_b"], Auto: w.auto}
	return out
}

// each plays a chapter in both ways, with trouble at the k-th call, for every k until none is left.
func each(t *testing.T, play func(t *testing.T, mode string, c chapter, w *town, s *shelf, k int) (reached bool)) {
	t.Helper()
	for _, mode := range []string{ModeRolling, ModeProxy} {
		for _, c := range chapters() {
			t.Run(mode+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				for k := 1; ; k++ {
					w, s := newTown(), &shelf{}
					for _, r := range c.first {
						mustRoute(t, w.node(s, mode), r)
					}
					if !play(t, mode, c, w, s, k) {
						if k < 3 {
							t.Errorf("it took %d calls: there was nothing to disturb", k)
						}
						return
					}
				}
			})
		}
	}
}

// TestACrashBetweenAnyTwoCallsEndsAlike stops the process before its k-th call, or loses the answer of that call, and
// has another process try again.
func TestACrashBetweenAnyTwoCallsEndsAlike(t *testing.T) {
	t.Parallel()
	for _, lose := range []bool{false, true} {
		each(t, func(t *testing.T, mode string, c chapter, w *town, s *shelf, k int) bool {
			calm, shelf2 := newTown(), &shelf{}
			for _, r := range append(c.first[:len(c.first):len(c.first)], c.then) {
				mustRoute(t, calm.node(shelf2, mode), r)
			}
			n := 0
			dead := func() bool { n++; return n >= k }
			if lose {
				w.lost = func(string, string) bool { return dead() }
			} else {
				w.before = func(string, string) int {
					if dead() {
						return -1
					}
					return 0
				}
			}
			_ = route(t, w.node(s, mode, hasty), c.then)
			reached := n >= k
			w.before, w.lost = nil, nil
			mustRoute(t, w.node(s, mode), c.then)
			if diff := cmp.Diff(calm.ends(shelf2), w.ends(s)); diff != "" {
				t.Errorf("stopped at call %d (answer lost: %v): -undisturbed +tried again\n%s", k, lose, diff)
			}
			return reached
		})
	}
}

// TestAnotherHandInTheMiddleIsNeverGoneOver has somebody roll production back after the k-th call of a raise or a
// promotion: what Slipway does then is nothing, or nothing that visitors see.
func TestAnotherHandInTheMiddleIsNeverGoneOver(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, mode string, c chapter, w *town, s *shelf, k int) bool {
		n, writes := 0, -1
		w.after = func(string, string) {
			if n++; n == k {
				w.clock += 1000
				w.move("promote", "dpl_x")
				writes = len(w.log)
			}
		}
		ctx, told := provider.WithNotes(t.Context())
		err := w.node(s, mode, hasty).Route(ctx, "key", c.then)
		w.after = nil
		if n < k {
			return false
		}
		again := route(t, w.node(s, mode), c.then)
		if c.then.Back {
			if w.production != "dpl_a" || again != nil {
				t.Errorf("call %d: a way back ends at %s: %v", k, w.production, again)
			}
			return true
		}
		// The one call that was on its way when the hand came can't be called back.
		if strings.HasPrefix(w.log[writes], "POST") && strings.Contains(w.log[writes], "/promote/") {
			if !strings.Contains(told(), "dpl_x") {
				t.Errorf("call %d: it went over it and is silent about it: %v", k, err)
			}
			return true
		}
		if fault.ReasonOf(again) != provider.Elsewhere || w.production != "dpl_x" {
			t.Errorf("call %d: production serves %s: %v, then %v", k, w.production, err, again)
		}
		return true
	})
}

// late holds calls back until another node has done its part.
type late struct {
	next  http.RoundTripper
	match string // method and end of the path
	held  func()
}

func (l *late) RoundTrip(r *http.Request) (*http.Response, error) {
	if method, path, _ := strings.Cut(l.match, " "); l.held != nil && r.Method == method &&
		strings.HasSuffix(r.URL.Path, path) {
		held := l.held
		l.held = nil
		held()
	}
	return l.next.RoundTrip(r) //nolint:wrapcheck // it is the transport itself
}

// TestALateCallOfAnOvertakenNodeIsRepaired: one node begins a canary so slowly that another one has taken it back by
// then. Where it notices in time it does not begin it; where Vercel takes the late call, the node that sent it takes it
// back itself.
func TestALateCallOfAnOvertakenNodeIsRepaired(t *testing.T) {
	t.Parallel()
	for match, begun := range map[string]bool{"GET /rolling-release/config": false, "POST /start": true} {
		w, s := newTown(), &shelf{}
		slow := &late{next: w, match: match}
		token := func(context.Context) (string, error) { return "vcp_token", nil }
		a := w.node(s, ModeRolling, func(o *Options) {
			o.Client = api.New(api.Options{Token: token, HTTP: &http.Client{Transport: slow}})
		})
		b := w.node(s, ModeRolling)
		slow.held = func() { mustRoute(t, b, goingBack(6, "dep_a", "dep_b")) }
		err := route(t, a, providertest.Routing(5, "dep_a", "dep_b", 5))
		if fault.ReasonOf(err) != "stale_generation" || w.active() || w.production != "dpl_a" {
			t.Errorf("%s: %v; the canary has %g %%", match, err, w.share())
		}
		if got := strings.Contains(strings.Join(w.log, "\n"), "/start"); got != begun {
			t.Errorf("%s: it is begun: %v", match, got)
		}
	}
}

// TestGoingBackFindsAWay: a rollback that fails is done by another of Vercel's means, and that is told.
//
// req: RB-37
func TestGoingBackFindsAWay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		live   bool
		says   string
	}{
		{"of a rolling release", 500, true, "the rolling release was ended"},
		{"by promoting", 500, false, "dpl_a was promoted instead"},
		{"not of this plan", 402, false, "dpl_a was promoted instead"},
		{"without the right", 403, true, "the rolling release was ended"},
		{"no answer", -1, false, "dpl_a was promoted instead"},
		{"too many calls", 429, false, "dpl_a was promoted instead"},
		{"refused", 422, false, "dpl_a was promoted instead"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, s := newTown(), &shelf{}
			mustRoute(t, w.node(s, ModeRolling), providertest.Routing(1, "dep_a", "dep_b", 5))
			if !tt.live {
				mustRoute(t, w.node(s, ModeRolling), providertest.Routing(2, "dep_b", "", 0))
			}
			w.before = func(method, path string) int {
				if method == http.MethodPost && strings.Contains(path, "/rollback/") {
					return tt.status
				}
				return 0
			}
			ctx, told := provider.WithNotes(t.Context())
			err := w.node(s, ModeRolling).Route(ctx, "back", goingBack(3, "dep_a", "dep_b"))
			if err != nil || w.production != "dpl_a" || w.active() || !strings.Contains(told(), tt.says) {
				t.Errorf("%v; production %s; told %q", err, w.production, told())
			}
			if w.boundary == 0 || w.runs["dpl_b"] != api.Failing {
				t.Errorf("the boundary is %g, the check %q", w.boundary, w.runs["dpl_b"])
			}
		})
	}
}

// TestWhatIsGoneIsBuiltAgain is the last resort: the old build was deleted.
//
// req: RB-37
func TestWhatIsGoneIsBuiltAgain(t *testing.T) {
	t.Parallel()
	w, s := newTown(), &shelf{}
	mustRoute(t, w.node(s, ModeRolling), providertest.Routing(1, "dep_a", "dep_b", 5))
	mustRoute(t, w.node(s, ModeRolling), providertest.Routing(2, "dep_b", "", 0))
	w.gone["dpl_a"] = true
	building := func(state string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, d := range w.made {
			d["readyState"] = state
		}
	}
	w.after = func(method, path string) {
		if method == http.MethodPost && strings.HasSuffix(path, "/v13/deployments") {
			w.made[len(w.made)-1]["readyState"] = "BUILDING"
		}
	}
	for range 3 {
		if err := route(t, w.node(s, ModeRolling), goingBack(3, "dep_a", "dep_b")); fault.ReasonOf(err) != provider.UnderWay {
			t.Fatalf("while it is being built: %v", err)
		}
	}
	building("READY")
	ctx, told := provider.WithNotes(t.Context())
	p := w.node(s, ModeRolling)
	err := p.Route(ctx, "back", goingBack(3, "dep_a", "dep_b"))
	if err != nil || len(w.made) != 1 || w.production != "dpl_made0" ||
		!strings.Contains(told(), "built again as dpl_made0") {
		t.Errorf("%v; %d builds; production %s; told %q", err, len(w.made), w.production, told())
	}
	for _, p := range []*Provider{p, w.node(s, ModeRolling)} {
		if got, err := p.Serving(t.Context()); err != nil || got.Stable != "dpl_a" {
			t.Errorf("it says %+v, %v", got, err)
		}
	}
}

func TestWhatVercelRefusesIsNotConfirmed(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]fault.Kind{
		402: fault.Refused, 403: fault.Denied, 422: fault.Invalid, 429: fault.Limited, 500: fault.Unavailable,
		-1: fault.Unavailable,
	} {
		w, s := newTown(), &shelf{}
		w.before = func(method, path string) int {
			if method == http.MethodPost && strings.HasSuffix(path, "/start") {
				return status
			}
			return 0
		}
		err := route(t, w.node(s, ModeRolling), providertest.Routing(1, "dep_a", "dep_b", 5))
		if fault.KindOf(err) != kind || w.active() {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestAStateThatGoesBackwardsIsNotBelieved: for a while. What stays so is what is.
func TestAStateThatGoesBackwardsIsNotBelieved(t *testing.T) {
	t.Parallel()
	w, s := newTown(), &shelf{}
	now := time.Unix(1795375000, 0)
	p := w.node(s, ModeRolling, func(o *Options) { o.Now = func() time.Time { return now } })
	mustRoute(t, p, providertest.Routing(1, "dep_a", "dep_b", 5))
	mustRoute(t, p, goingBack(2, "dep_a", "dep_b"))
	w.last["requestedAt"] = 1795370000000
	if _, err := p.Serving(t.Context()); fault.ReasonOf(err) != "vercel_backwards" {
		t.Errorf("it believes %v", err)
	}
	writes := w.writes
	if err := route(t, p, providertest.Routing(3, "dep_a", "dep_b", 5)); fault.ReasonOf(err) != "vercel_backwards" ||
		w.writes != writes {
		t.Errorf("it acts on it: %v", err)
	}
	if err := route(t, p, goingBack(4, "dep_a", "dep_b")); fault.ReasonOf(err) != "vercel_backwards" ||
		!strings.Contains(w.log[len(w.log)-3], "/rollback/dpl_a") {
		t.Errorf("a way back waits for it, or is taken for done: %v\n%s", err, strings.Join(w.log, "\n"))
	}
	w.last["requestedAt"] = 1795370000000
	now = now.Add(time.Minute)
	if _, err := p.Serving(t.Context()); err != nil {
		t.Errorf("after a minute: %v", err)
	}
}

func TestDomainsThatDoNotFollowAreNamed(t *testing.T) {
	t.Parallel()
	w, s := newTown(), &shelf{}
	p := w.node(s, ModeProxy)
	mustRoute(t, p, providertest.Routing(1, "dep_a", "dep_b", 100))
	w.after = func(method, path string) {
		if method == http.MethodPost && strings.Contains(path, "/promote/") {
			w.last["jobStatus"], w.production = "failed", "dpl_a"
		}
	}
	err := route(t, p, providertest.Routing(2, "dep_b", "", 0))
	if fault.ReasonOf(err) != "aliases_failed" ||
		!strings.Contains(fault.MessageOf(err), "shop.example (failed), www.shop.example (failed)") {
		t.Errorf("got %v", err)
	}
}

func TestNewBuildsReachProductionAsBefore(t *testing.T) {
	t.Parallel()
	for _, auto := range []bool{false, true} {
		for _, mode := range []string{ModeRolling, ModeProxy} {
			w, s := newTown(), &shelf{}
			w.auto = auto
			p := w.node(s, mode)
			mustRoute(t, p, providertest.Routing(1, "dep_a", "dep_b", 5))
			mustRoute(t, p, goingBack(2, "dep_a", "dep_b"))
			if mode == ModeRolling && w.auto {
				t.Error("a rollback pins nothing: the test is of no use")
			}
			mustRoute(t, p, providertest.Routing(3, "dep_a", "dep_c", 5))
			mustRoute(t, p, providertest.Routing(4, "dep_a", "dep_c", 100))
			mustRoute(t, p, providertest.Routing(5, "dep_c", "", 0))
			if w.auto != auto || w.production != "dpl_c" {
				t.Errorf("%s: new builds reach production by themselves: %v, was %v", mode, w.auto, auto)
			}
		}
	}
}

// TestTheTableIsOnlyWrittenWhenItChanges: the budget is of a day, and a way back does not wait for the next one.
func TestTheTableIsOnlyWrittenWhenItChanges(t *testing.T) {
	t.Parallel()
	w, s := newTown(), &shelf{}
	p := w.node(s, ModeProxy, func(o *Options) { o.Writes = 2 })
	for range 5 {
		mustRoute(t, p, providertest.Routing(1, "dep_a", "dep_b", 5))
	}
	mustRoute(t, p, providertest.Routing(2, "dep_a", "dep_b", 10))
	if err := route(t, p, providertest.Routing(3, "dep_a", "dep_b", 20)); fault.ReasonOf(err) != "vercel_budget" {
		t.Errorf("a third write: %v", err)
	}
	mustRoute(t, p, goingBack(4, "dep_a", "dep_b"))
	if got := w.served(s); got.Canary != "" || !strings.Contains(string(w.table), `"banned":["dpl_b"]`) {
		t.Errorf("%+v %s", got, w.table)
	}
}

// TestOpenPagesKeepTheirBuild: where the plan has no skew protection, a page that was loaded right before a promotion
// asks for its assets right after it. The proxy sends them to the build that was replaced, and never to a banned one.
func TestOpenPagesKeepTheirBuild(t *testing.T) {
	t.Parallel()
	w, s := newTown(), &shelf{}
	p := w.node(s, ModeProxy)
	mustRoute(t, p, providertest.Routing(1, "dep_a", "dep_b", 5))
	mustRoute(t, p, providertest.Routing(2, "dep_a", "dep_b", 100))
	r := providertest.Routing(3, "dep_b", "", 0)
	until := time.UnixMilli(1_790_000_000_000)
	r.Retired = []provider.Arm{{ID: "dep_a", External: "dpl_a", URL: "https://a", Until: until},
		{ID: "dep_c", External: "dpl_c", URL: "https://c", Until: until, Banned: true}, {ID: "dep_d", URL: "http://d"}}
	mustRoute(t, p, r)
	if want := `"kept":[{"id":"dpl_a","until":1790000000000,"url":"https://a"}]`; !strings.Contains(
		string(w.table), want) {
		t.Errorf("the table is %s", w.table)
	}
}

func TestATableOfAnotherDatabaseIsNamed(t *testing.T) {
	t.Parallel()
	w, s := newTown(), &shelf{}
	w.table = []byte(`{"v":1,"generation":99,"stable":{"id":"dpl_q"}}`)
	err := route(t, w.node(s, ModeProxy, hasty), providertest.Routing(3, "dep_a", "dep_b", 5))
	if fault.ReasonOf(err) != "table_ahead" {
		t.Errorf("got %v", err)
	}
}
