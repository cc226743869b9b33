package engine

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/target"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/rollback"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// platform is a target in memory that keeps builds, and that a test's own hand changes.
type platform struct {
	providertest.Fake

	mu      sync.Mutex
	builds  []provider.Build
	serving provider.Serving
	down    error
	made    []provider.Order
	at      func(commit string) string // where a build that is made answers
}

func (p *platform) Route(ctx context.Context, key string, r provider.Routing) error {
	if err := p.Fake.Route(ctx, key, r); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serving = provider.Serving{Stable: r.Stable.External, Share: r.Share}
	if r.Canary != nil {
		p.serving.Canary = r.Canary.External
	}
	return nil
}

func (p *platform) Serving(context.Context) (provider.Serving, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serving, p.down
}

// hand changes what is served, as somebody does in the platform's own pages.
func (p *platform) hand(change func(s *provider.Serving)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.serving)
}

func (p *platform) Find(_ context.Context, ref provider.Ref) (provider.Build, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.builds {
		if ref.External == b.External || ref.URL != "" && ref.URL == b.URL || ref.Commit != "" && ref.Commit == b.Commit {
			return b, p.down
		}
	}
	return provider.Build{}, fault.New(fault.NotFound, "build_unknown", "There is no such build.")
}

func (p *platform) Create(_ context.Context, o provider.Order) (provider.Build, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made = append(p.made, o)
	b := provider.Build{External: "dpl_" + o.Commit, URL: p.at(o.Commit), Commit: o.Commit, Version: o.Version,
		State: provider.Building}
	p.builds = append(p.builds, b)
	return b, nil
}

func (p *platform) Access(context.Context, string) http.Header { return nil }

// onPlatform is a world whose v1 runs on a platform.
func onPlatform(t *testing.T, edit ...string) (*world, *platform) {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), shops: map[string]*shop{"v1": openShop(t)}, logs: &syncBuffer{}}
	p := &platform{serving: provider.Serving{Stable: "dpl_1"}, at: func(string) string { return openShop(t).URL }}
	p.builds = []provider.Build{{External: "dpl_1", URL: w.shops["v1"].URL, Version: "v1", State: provider.Ready}}
	s := w.plan(append([]string{`target: {selfhost: {stable: "` + w.shops["v1"].URL + `"}}`,
		`target: {vercel: {project: shop, canary: proxy, global_config: ecfg_1}}`, "blind: 10s", "blind: 60s"}, edit...)...)
	w.Engine = w.node(storetest.Open(t, store.SQLite), s)
	w.Provider, w.Target.Platform = p, p
	w.lookOut()
	return w, p
}

// lookOut has the target looked at once.
func (w *world) lookOut() {
	w.t.Helper()
	if _, err := w.Target.Look(w.ctx, target.Work); err != nil {
		w.t.Fatal(err)
	}
}

// build adds a build to the platform and returns its id there.
func (w *world) build(p *platform, version string) string {
	w.shops[version] = openShop(w.t)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.builds = append(p.builds, provider.Build{External: "dpl_" + version, URL: w.shops[version].URL, Version: version,
		Commit: "c-" + version, State: provider.Ready})
	return "dpl_" + version
}

// shown takes a build of the platform to the canary's share.
func (w *world) shown(p *platform, version string) release.Release {
	w.t.Helper()
	id := w.build(p, version)
	r, err := w.Start(w.ctx, person("ada", "development"), release.Release{URL: id, Unscheduled: "a test"}, nil)
	w.ok(err)
	w.report(version, "passed")
	r = w.settle(r.ID)
	if r.Share != 50 || r.Version != version || r.Commit != "c-"+version {
		w.t.Fatalf("%s is at %s with %g %%: %s", r.Version, r.Step().ID, r.Share, r.Sentence)
	}
	return r
}

// TestWhatAPlatformServesIsAdopted takes what runs at first as known good, and what somebody put there later as what
// it is: promoted, by another hand, and not verified.
func TestWhatAPlatformServesIsAdopted(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t)
	if w.runs("production") != "v1" || len(w.events("deployment.adopted")) != 1 {
		t.Fatalf("production runs %q", w.runs("production"))
	}
	id := w.build(p, "v3")
	p.hand(func(s *provider.Serving) { s.Stable = id })
	w.ok(w.Target.Heard(w.ctx, deployment.Hand{By: "Owner", Stable: "dpl_1"}, "")) // our own of before comes late
	w.ok(w.Target.Heard(w.ctx, deployment.Hand{By: "Ada", Stable: id}, ""))
	w.lookOut()
	w.lookOut()
	adopted := w.events("target.adopted")
	if w.runs("production") != "v3" || len(adopted) != 1 || !strings.HasPrefix(adopted[0].Sentence, "Ada put v3") {
		t.Fatalf("production runs %q: %v", w.runs("production"), adopted)
	}
	d, err := w.DB.DeploymentByExternal(w.ctx, "shop", "dpl_v3")
	if err != nil || d.Verdict != deployment.Unknown || d.Promoted.IsZero() || !d.Verified.IsZero() {
		t.Errorf("what somebody promoted is recorded as %+v, %v", d, err)
	}
	old, err := w.DB.DeploymentByExternal(w.ctx, "shop", "dpl_1")
	if err != nil || old.Replaced.IsZero() {
		t.Errorf("what it replaced is %+v, %v", old, err)
	}
}

// TestWhatIsServedIsSeenWhileARollbackWaits: people may take hours to decide on one, and nothing moves meanwhile.
func TestWhatIsServedIsSeenWhileARollbackWaits(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t)
	b, err := w.RequestRollback(w.ctx, person("inez", "incident"), "production", "it is slow", "")
	w.ok(err)
	id := w.build(p, "v3")
	p.hand(func(s *provider.Serving) { s.Stable = id })
	w.ok(w.Target.Heard(w.ctx, deployment.Hand{By: "Ada", Stable: id}, ""))
	w.lookOut()
	w.lookOut()
	if b.Phase != rollback.Requested || w.runs("production") != "v3" {
		t.Errorf("the rollback is %s, production runs %q by what is known", b.Phase, w.runs("production"))
	}
}

// TestAnotherHandHoldsACanary is changed in the middle by somebody else, waits, and is routed again when asked to.
func TestAnotherHandHoldsACanary(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t)
	r := w.shown(p, "v2")
	w.lookOut()
	if got := w.release(r.ID); !got.Displaced.IsZero() {
		t.Fatalf("nobody else did anything: %s", got.Sentence)
	}
	w.ok(w.Target.Heard(w.ctx, deployment.Hand{By: "Grace", Stable: "dpl_v2"}, ""))
	p.hand(func(s *provider.Serving) { s.Stable, s.Canary, s.Share = "dpl_v2", "", 0 })
	w.lookOut()
	r = w.settle(r.ID)
	if r.Displaced.IsZero() || !strings.HasPrefix(r.Sentence, "Grace gave everybody v2") {
		t.Fatalf("the release says: %s", r.Sentence)
	}
	if n := len(w.events("target.changed")); n != 1 || w.runs("production") != "v1" {
		t.Errorf("told %d times; production is recorded as %s", n, w.runs("production"))
	}
	w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Retry, Actor: "user:bo", Name: "bo"}, 0))
	r = w.settle(r.ID)
	if s, _ := p.Serving(w.ctx); s.Stable != "dpl_1" || s.Canary != "dpl_v2" || s.Share != 50 || !r.Displaced.IsZero() {
		t.Errorf("after a retry %+v is served: %s", s, r.Sentence)
	}
	w.lookOut()
	if got := w.settle(r.ID); !got.Displaced.IsZero() || len(w.events("target.rejoined")) != 1 {
		t.Errorf("it still waits: %s (%v)", got.Sentence, kinds(w.events("")))
	}
}

// TestALateWordOfOurOwnChangeNamesNobody: Slipway's changes are told of as done by whomever the token is of, after what
// somebody else did, or before, and the order in which the words come changes nothing.
func TestALateWordOfOurOwnChangeNamesNobody(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t)
	r := w.shown(p, "v2")
	now, err := w.DB.Now(w.ctx)
	w.ok(err)
	ours := deployment.Hand{By: "Owner", Canary: "dpl_v2", Share: 50, At: now.Add(time.Millisecond)}
	w.ok(w.Target.Heard(w.ctx, ours, ""))
	p.hand(func(s *provider.Serving) { s.Stable, s.Canary, s.Share = "dpl_v2", "", 0 })
	w.lookOut()
	w.lookOut()
	if r = w.settle(r.ID); !strings.HasPrefix(r.Sentence, "Somebody gave everybody v2") {
		t.Fatalf("before the other is named: %s", r.Sentence)
	}
	w.ok(w.Target.Heard(w.ctx, deployment.Hand{By: "Grace", Stable: "dpl_v2", At: now.Add(time.Minute)}, ""))
	w.ok(w.Target.Heard(w.ctx, ours, ""))
	for range 2 {
		w.lookOut()
	}
	if r = w.settle(r.ID); !strings.HasPrefix(r.Sentence, "Grace gave everybody v2") {
		t.Errorf("after the other is named: %s", r.Sentence)
	}
	if n, named := len(w.events("target.changed")), len(w.events("target.named")); n != 1 || named != 1 {
		t.Errorf("people were told %d times of one change, and %d times who it was", n, named)
	}
}

// TestAChangeIsToldOnceItIsKnownWhose: what the platform does is often seen a moment before it says who did it. The
// first look at a change of nobody's tells nothing, and the release that it ends is ended with a name.
func TestAChangeIsToldOnceItIsKnownWhose(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t)
	r := w.shown(p, "v2")
	p.hand(func(s *provider.Serving) { s.Canary, s.Share = "", 0 })
	w.lookOut()
	if got := w.settle(r.ID); !got.Displaced.IsZero() || len(w.events("target.changed")) > 0 {
		t.Fatalf("told before it could be known whose it is: %s", got.Sentence)
	}
	w.ok(w.Target.Heard(w.ctx, deployment.Hand{By: "Grace", Stable: "dpl_1"}, ""))
	for range 3 {
		w.lookOut()
	}
	if got := w.settle(r.ID); !strings.HasPrefix(got.Sentence, "Grace took v2 back") {
		t.Errorf("it says: %s", got.Sentence)
	}
	p.hand(func(s *provider.Serving) { s.Canary, s.Share = "dpl_v2", 90 }) // another one, while the first is told
	w.lookOut()
	w.lookOut()
	list := append(w.events("target.changed"), w.events("target.named")...)
	if len(list) != 2 || !strings.HasPrefix(list[0].Sentence, "Grace took v2 back") ||
		!strings.HasPrefix(list[1].Sentence, "Somebody gave v2 90 %") {
		t.Errorf("two changes are told as %+v", list)
	}
}

// TestSomebodyElsePromotesWhatIsOnItsWay: the release has no visitors yet, and there is nothing to put it beside.
func TestSomebodyElsePromotesWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t)
	id := w.build(p, "v2")
	r, err := w.Start(w.ctx, person("ada", "development"), release.Release{URL: id, Unscheduled: "a test"}, nil)
	w.ok(err)
	p.hand(func(s *provider.Serving) { s.Stable = id })
	w.ok(w.Target.Heard(w.ctx, deployment.Hand{By: "Grace", Stable: id}, ""))
	w.lookOut()
	w.report("v2", "passed")
	if r = w.settle(r.ID); w.runs("production") != "v2" || r.Share != 0 || !strings.HasPrefix(r.Sentence,
		"v2 is in production already, and not through this release") {
		t.Fatalf("production runs %s, %s is at %g %%: %s", w.runs("production"), r.Version, r.Share, r.Sentence)
	}
	p.hand(func(s *provider.Serving) { s.Stable = "dpl_1" })
	w.lookOut() // nobody says who it was
	w.lookOut()
	if r = w.settle(r.ID); r.Share != 50 {
		t.Errorf("production runs %s again, and it does not go on: %s", w.runs("production"), r.Sentence)
	}
}

// TestAnotherHandTakesACanaryBack where the strategy says so.
func TestAnotherHandTakesACanaryBack(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t, "project: shop", "project: shop, drift: undo")
	r := w.shown(p, "v2")
	p.hand(func(s *provider.Serving) { s.Share = 90 })
	w.lookOut()
	w.lookOut()
	r = w.settle(r.ID)
	if s, _ := p.Serving(w.ctx); r.Phase != release.Aborted || s.Stable != "dpl_1" || s.Canary != "" {
		t.Errorf("%s: %s; %+v is served", r.Phase, r.Sentence, s)
	}
}

// TestWhoeverWasTakenBackForIsNamed when the platform tells only later who it was, and nobody else is.
func TestWhoeverWasTakenBackForIsNamed(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t, "project: shop", "project: shop, drift: undo")
	r := w.shown(p, "v2")
	raised := time.Now()
	p.hand(func(s *provider.Serving) { s.Stable, s.Canary, s.Share = "dpl_v2", "", 0 })
	w.lookOut()
	w.lookOut()
	r = w.settle(r.ID)
	const was = "Somebody gave everybody v2, and not through Slipway."
	const is = "Grace gave everybody v2, and not through Slipway."
	if r.Phase != release.Aborted || r.Reason != was {
		t.Fatalf("%s: %s", r.Phase, r.Reason)
	}
	for _, h := range []deployment.Hand{
		{By: "Owner", Stable: "dpl_1", At: time.Now()},                // ours, which took it back
		{By: "Owner", Stable: "dpl_v2", At: time.Now()},               // after it was taken back
		{By: "Owner", Stable: "dpl_v2", At: raised.Add(-time.Minute)}, // before anybody had it
		{By: "Owner", Stable: "dpl_v3", At: raised},                   // of another build
	} {
		w.ok(w.Target.Heard(w.ctx, h, ""))
		if got := w.release(r.ID); got.Reason != was {
			t.Errorf("by %+v it is named %s", h, got.Reason)
		}
	}
	w.ok(w.Target.Heard(w.ctx, deployment.Hand{By: "Grace", Stable: "dpl_v2", At: raised}, ""))
	w.ok(w.Target.Heard(w.ctx, deployment.Hand{By: "Eve", Stable: "dpl_v2", At: raised}, ""))
	got := w.release(r.ID)
	if list := w.events("target.named"); got.Reason != is || !strings.Contains(got.Sentence, is) || len(list) != 1 ||
		list[0].Subject != r.ID {
		t.Errorf("named: %s: %s: %+v", got.Reason, got.Sentence, list)
	}
}

// TestAGateOfThePlatformsOwnIsNobodys doing, and what it holds goes on when it is let go on there.
func TestAGateOfThePlatformsOwnIsNobodys(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t)
	r := w.shown(p, "v2")
	p.hand(func(s *provider.Serving) { s.Paused = true })
	w.lookOut()
	if got := w.settle(r.ID); got.Displaced.IsZero() || !strings.HasPrefix(got.Sentence,
		"A gate of the platform's own has paused v2 at 50 %") {
		t.Errorf("it is %s: %s", got.Phase, got.Sentence)
	}
	p.hand(func(s *provider.Serving) { s.Paused = false })
	w.lookOut()
	if got := w.settle(r.ID); !got.Displaced.IsZero() {
		t.Errorf("it still waits: %s", got.Sentence)
	}
}

// TestAPlatformThatIsAwayChangesNothing: what is not known is no difference.
func TestAPlatformThatIsAwayChangesNothing(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t)
	r := w.shown(p, "v2")
	p.mu.Lock()
	p.down = fault.New(fault.Unavailable, "vercel_down", "Vercel does not answer.")
	p.serving = provider.Serving{}
	p.mu.Unlock()
	for range 3 {
		w.lookOut()
	}
	if got := w.settle(r.ID); !got.Displaced.IsZero() || got.Share != 50 || w.runs("production") != "v1" {
		t.Errorf("it is %s at %g %%: %s", got.Phase, got.Share, got.Sentence)
	}
	seen, err := w.DB.Target(w.ctx, "shop")
	if err != nil || seen.Silent.IsZero() || seen.Stable != "dpl_1" || !strings.Contains(seen.Why, "does not answer") {
		t.Errorf("the target is %+v, %v", seen, err)
	}
}

// TestACommitIsBuiltOnce finds the build of a commit, or has one made and waits until it is ready.
func TestACommitIsBuiltOnce(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t)
	r, err := w.Start(w.ctx, person("ada", "development"), release.Release{Version: "v9", Commit: "c-v9",
		Unscheduled: "a test"}, nil)
	w.ok(err)
	w.report("v9", "passed")
	w.settle(r.ID)
	if r = w.release(r.ID); r.Step().Kind != release.KindDeploy || len(p.made) != 1 || !p.made[0].Production {
		t.Fatalf("at %s, made %+v: %s", r.Step().ID, p.made, r.Sentence)
	}
	for _, x := range w.effects(r.ID, effect.Deploy) {
		if !strings.Contains(x.Result.Sentence, "is being built") {
			t.Errorf("it waits for: %s", x.Result.Sentence)
		}
	}
	p.mu.Lock()
	p.builds[1].State = provider.Ready
	p.mu.Unlock()
	if r = w.settle(r.ID); r.Share != 50 {
		t.Errorf("a build that is ready leaves it at %s: %s", r.Step().ID, r.Sentence)
	}
	w.ok(w.Command(w.ctx, r.ID, release.Command{Kind: release.Abort, Actor: "user:bo", Name: "bo", Reason: "a test"}, 0))
	w.settle(r.ID)
	_, err = w.Start(w.ctx, person("ada", "development"), release.Release{Version: "v9", Commit: "c-v9"}, nil)
	if fault.ReasonOf(err) != "version_bad" || len(p.made) != 1 {
		t.Errorf("the same commit again gives %v, and %d builds", err, len(p.made))
	}
}

// TestPreviewsAreListedAndNeverReleased. req: EN-18
func TestPreviewsAreListedAndNeverReleased(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t)
	p.builds = append(p.builds,
		provider.Build{External: "dpl_pr", URL: "http://127.0.0.1:7", Version: "pr", Branch: "fix/cart", Preview: true,
			State: provider.Ready, By: "ada"},
		provider.Build{External: "dpl_dev", URL: "http://127.0.0.1:8", Version: "dev", Branch: "dev", Preview: true,
			State: provider.Ready},
		provider.Build{External: "dpl_main", URL: "http://127.0.0.1:9", Version: "main", Branch: "main",
			State: provider.Ready})
	for _, id := range []string{"dpl_pr", "dpl_dev", "dpl_main", "dpl_none"} {
		for range 2 {
			if _, err := w.Target.LookAtBuild(w.ctx, target.BuildPrefix+id); err != nil {
				t.Fatal(err)
			}
		}
	}
	list, _, err := w.DB.Deployments(w.ctx, "shop", store.DeploymentFilter{})
	w.ok(err)
	got := map[string]string{}
	for _, d := range list {
		if d.Preview {
			d.Environment += " preview"
		}
		got[d.External] = d.Environment
	}
	if got["dpl_pr"] != "development preview" || got["dpl_dev"] != "development" || got["dpl_main"] != "staging" ||
		len(got) != 4 {
		t.Errorf("recorded %v", got)
	}
	_, err = w.Start(w.ctx, person("ada", "development"), release.Release{URL: "dpl_pr"}, nil)
	if fault.ReasonOf(err) != "deployment_preview" {
		t.Errorf("a preview's release gives %v", err)
	}
	if w.runs("production") != "v1" {
		t.Errorf("production runs %s", w.runs("production"))
	}
}

// keyed is a platform with one protected address.
type keyed struct {
	*platform
	address string
}

func (k keyed) Access(_ context.Context, address string) http.Header {
	if address != k.address {
		return nil
	}
	return http.Header{"X-Key": {"open"}}
}

// TestProtectedDeploymentsAreOpenedByHeaderAlone also when one of them leads elsewhere.
func TestProtectedDeploymentsAreOpenedByHeaderAlone(t *testing.T) {
	t.Parallel()
	var leaked []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leaked = append(leaked, r.Header.Get("X-Key")+r.URL.RawQuery)
	}))
	defer other.Close()
	shop := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Key") != "open" || r.URL.RawQuery != "" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(rw, r, other.URL, http.StatusFound)
	}))
	defer shop.Close()
	c := target.WithAccess(&http.Client{Transport: http.DefaultTransport}, keyed{&platform{}, shop.URL})
	res, err := c.Get(shop.URL + "/cart")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("it answers %v, %v", res, err)
	}
	_ = res.Body.Close()
	if len(leaked) != 1 || leaked[0] != "" {
		t.Errorf("another address was told %q", leaked)
	}
}
