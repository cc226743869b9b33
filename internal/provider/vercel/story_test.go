package vercel

import (
	"net/http"
	"strings"
	"testing"
	"time"

	fake "github.com/slipwayhq/slipway/internal/fake/vercel"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// must makes a routing over the fake.
func (c *city) must(p *named, r provider.Routing) {
	c.t.Helper()
	if err := p.Route(c.t.Context(), "key", r); err != nil {
		c.t.Fatal(err)
	}
}

// serves is the contract's name of what production's domains point at.
func (c *city) serves() string {
	p, _ := c.Project("shop")
	for id, d := range c.builds {
		if d.ID == p.Production {
			return id
		}
	}
	return p.Production
}

// TestAReleaseAndItsWayBackOverTheFake goes up the stages, to everybody, and back: what was taken back is not served to
// pinned visitors either.
func TestAReleaseAndItsWayBackOverTheFake(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	p := c.node(ModeRolling)
	for i, share := range []float64{5, 20, 50, 100} {
		c.must(p, providertest.Routing(uint64(i+1), "dep_a", "dep_b", share))
	}
	c.must(p, providertest.Routing(9, "dep_b", "", 0))
	if got := c.serves(); got != "dep_b" {
		t.Errorf("production serves %s", got)
	}
	back := goingBack(10, "dep_a", "dep_b")
	c.must(p, back)
	project, _ := c.Project("shop")
	bad, _ := c.Deployment(c.builds["dep_b"].ID)
	if c.serves() != "dep_a" || project.AutoAssign || c.Boundary("shop").IsZero() || bad.State != "READY" {
		t.Errorf("%s, %+v, boundary %s", c.serves(), project, c.Boundary("shop"))
	}
	c.push("dep_c")
	c.must(p, providertest.Routing(11, "dep_a", "dep_c", 5))
	if s, err := p.Serving(t.Context()); err != nil || s.Canary != c.builds["dep_c"].ID || s.Share != 5 {
		t.Errorf("after a rollback the next one starts: %+v, %v", s, err)
	}
}

// TestAnotherPersonOnVercel rolls back, or gives everybody the canary, while Slipway has it at five percent.
func TestAnotherPersonOnVercel(t *testing.T) {
	t.Parallel()
	for name, hand := range map[string]func(c *city) error{
		"dep_a": func(c *city) error { return c.client().Rollback(t.Context(), "shop", c.builds["dep_a"].ID) },
		"dep_b": func(c *city) error {
			_, err := c.client().Promote(t.Context(), "shop", c.builds["dep_b"].ID)
			return err
		},
	} {
		c := newCity(t)
		p := c.node(ModeRolling)
		c.must(p, providertest.Routing(1, "dep_a", "dep_b", 5))
		if err := hand(c); err != nil {
			t.Fatal(err)
		}
		c.wait(func() bool { c.Settle(); return c.serves() == name })
		writes := len(c.writes())
		err := p.Route(t.Context(), "key", providertest.Routing(2, "dep_a", "dep_b", 20))
		if fault.ReasonOf(err) != provider.Elsewhere || c.serves() != name || len(c.writes()) != writes {
			t.Errorf("%s: production serves %s after %d writes: %v", name, c.serves(), len(c.writes())-writes, err)
		}
		if s, err := p.Serving(t.Context()); err != nil || s.Canary != "" || s.Stable != c.builds[name].ID {
			t.Errorf("%s: it is told %+v, %v", name, s, err)
		}
		c.must(p, goingBack(3, "dep_a", "dep_b"))
		if c.serves() != "dep_a" {
			t.Errorf("%s: taken back, production serves %s", name, c.serves())
		}
	}
}

// TestADomainThatDoesNotFollowIsNamedAndFollowsLater: it is tried again, and not taken for done.
func TestADomainThatDoesNotFollowIsNamedAndFollowsLater(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	project, _ := c.Project("shop")
	c.FailDomains("shop", project.Domains[0])
	p := c.node(ModeRolling)
	c.must(p, providertest.Routing(1, "dep_a", "", 0))
	err := p.Route(t.Context(), "key", providertest.Routing(2, "dep_b", "", 0))
	if fault.ReasonOf(err) != "aliases_failed" || !strings.Contains(fault.MessageOf(err), project.Domains[0]) {
		t.Errorf("got %v", err)
	}
	c.FailDomains("shop")
	c.must(p, providertest.Routing(2, "dep_b", "", 0))
	if c.serves() != "dep_b" {
		t.Errorf("production serves %s", c.serves())
	}
}

// TestThePlanOfABeginner allows no rolling release, and a rollback to the build before only: it is done by promoting.
func TestThePlanOfABeginner(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	c.SetPlan(fake.Hobby)
	p := c.node(ModeAuto, func(o *Options) { o.Config = "" })
	err := p.Route(t.Context(), "key", providertest.Routing(1, "dep_a", "dep_b", 5))
	if fault.ReasonOf(err) != "canary_impossible" || c.serves() != "dep_a" {
		t.Errorf("got %v", err)
	}
	p = c.node(ModeAuto)
	c.push("dep_c")
	c.must(p, providertest.Routing(2, "dep_a", "", 0))
	c.must(p, providertest.Routing(3, "dep_b", "", 0))
	c.must(p, providertest.Routing(4, "dep_c", "", 0))
	ctx, told := provider.WithNotes(t.Context())
	err = p.Route(ctx, "key", goingBack(5, "dep_a", "dep_c"))
	if err != nil || c.serves() != "dep_a" || !strings.Contains(told(), "promoted instead") {
		t.Errorf("%v; production serves %s; told %q", err, c.serves(), told())
	}
}

// TestVercelIsSlowOrCutsOff: what is not known to be so is not confirmed, and the next try ends it.
func TestVercelIsSlowOrCutsOff(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]fake.Trouble{
		"no answer": {Path: "/v*/projects/*/rolling-release/start", Hang: true, Times: -1},
		"cut off":   {Path: "/v*/projects/*/rolling-release/start", Reset: true, Times: -1},
		"lost":      {Path: "/v*/projects/*/rolling-release/start", Reset: true, After: true},
		"too many": {Path: "/v*/projects/*/rolling-release/start", Status: 429, Times: -1,
			Header: map[string]string{"Retry-After": "1"}},
	} {
		c := newCity(t)
		c.Fail(trouble)
		p := c.node(ModeRolling, func(o *Options) { o.Confirm = time.Second })
		err := p.Route(t.Context(), "key", providertest.Routing(1, "dep_a", "dep_b", 5))
		if !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Limited) {
			t.Errorf("%s: %v", name, err)
		}
		starts := 0
		for _, r := range c.writes() {
			if strings.HasSuffix(r.Path, "/start") {
				starts++
			}
		}
		if starts > 1 {
			t.Errorf("%s: it was sent %d times in one try", name, starts)
		}
		c.Heal()
		c.must(c.node(ModeRolling), providertest.Routing(1, "dep_a", "dep_b", 5))
		if s, err := p.Serving(t.Context()); err != nil || s.Share != 5 {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// TestVercelRefusesWhatSlipwayHasNotPassed: with Slipway's own check, nobody promotes the canary on Vercel before
// Slipway lets it into production, and nobody what was taken back.
func TestVercelRefusesWhatSlipwayHasNotPassed(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	hook, err := c.client().CreateHook(t.Context(), api.Hook{URL: "http://127.0.0.1:1/hooks/vercel",
		Events: []string{"deployment.checkrun.start"}})
	if err != nil {
		t.Fatal(err)
	}
	p := c.node(ModeProxy, func(o *Options) { o.Gate, o.Address = true, "http://127.0.0.1:1" })
	c.must(p, providertest.Routing(1, "dep_a", "dep_b", 100)) // the check is there from now on
	c.must(p, providertest.Routing(2, "dep_b", "", 0))
	list, err := c.client().Checks(t.Context(), "shop")
	if err != nil || len(list) != 1 || list[0].Source == nil || list[0].Source.Webhook != hook.ID {
		t.Errorf("%+v, %v", list, err)
	}
	c.push("dep_c")
	hand := func(id string) error {
		_, err := c.client().Promote(t.Context(), "shop", c.builds[id].ID)
		return err
	}
	if err := hand("dep_c"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "check") {
		t.Errorf("by hand, before Slipway has passed it: %v", err)
	}
	c.must(p, providertest.Routing(3, "dep_b", "dep_c", 5))
	if err := hand("dep_c"); !fault.Is(err, fault.Invalid) {
		t.Errorf("by hand, while it is on trial: %v", err)
	}
	c.must(p, goingBack(4, "dep_b", "dep_c"))
	if err := hand("dep_c"); !fault.Is(err, fault.Invalid) {
		t.Errorf("by hand, after it was taken back: %v", err)
	}
	c.push("dep_d")
	c.must(p, providertest.Routing(5, "dep_b", "dep_d", 100))
	c.must(p, providertest.Routing(6, "dep_d", "", 0))
	if c.serves() != "dep_d" {
		t.Errorf("production serves %s", c.serves())
	}
}

// TestAnotherPersonStartsARollingRelease in the middle of one of Slipway's: Vercel refuses it while one is active, and
// afterwards too for as long as Slipway's own check of that build has not passed. Only who passes the check gets
// past it, and is noticed, never gone over by a raise, and ended by the way back.
func TestAnotherPersonStartsARollingRelease(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	p := c.node(ModeRolling, func(o *Options) { o.Gate = true })
	first := providertest.Routing(1, "dep_a", "dep_b", 5)
	first.Steps = []float64{5, 20}
	c.must(p, first)
	c.push("dep_c")
	a, other := c.builds["dep_a"].ID, c.builds["dep_c"].ID
	hand := c.client()
	if err := hand.StartRolling(t.Context(), "shop", other); api.StatusOf(err) != http.StatusConflict {
		t.Errorf("while one is active: %v", err)
	}
	if err := hand.Rollback(t.Context(), "shop", a); err != nil {
		t.Fatal(err)
	}
	c.wait(func() bool {
		project, err := hand.Project(t.Context(), "shop")
		return err == nil && !project.Last.Open()
	})
	err := hand.StartRolling(t.Context(), "shop", other)
	if api.StatusOf(err) != http.StatusUnprocessableEntity || !strings.Contains(err.Error(), "check") {
		t.Errorf("before Slipway has passed the build: %v", err)
	}
	runs, err := hand.Runs(t.Context(), other)
	if err != nil || len(runs) != 1 {
		t.Fatalf("%+v, %v", runs, err)
	}
	if err := hand.Conclude(t.Context(), other, runs[0].ID, api.Succeeded, "by hand", "", ""); err != nil {
		t.Fatal(err)
	}
	if err := hand.StartRolling(t.Context(), "shop", other); err != nil {
		t.Fatalf("once the check has passed: %v", err)
	}
	if s, err := p.Serving(t.Context()); err != nil || s.Canary != other || s.Stable != a {
		t.Errorf("it is told %+v, %v", s, err)
	}
	next := first
	next.Generation, next.Share = 2, 20
	if err := p.Route(t.Context(), "key", next); fault.ReasonOf(err) != provider.Elsewhere {
		t.Errorf("a raise goes over it: %v", err)
	}
	c.must(p, goingBack(3, "dep_a", "dep_b"))
	if s, err := p.Serving(t.Context()); err != nil || s.Canary != "" || s.Stable != a {
		t.Errorf("taken back, it is told %+v, %v", s, err)
	}
}

// TestTheTableIsConfirmedWhereVisitorsRead: a write takes its time to get there, and is not confirmed before.
func TestTheTableIsConfirmedWhereVisitorsRead(t *testing.T) {
	t.Parallel()
	c := newCity(t, func(o *fake.Options) { o.Propagation = time.Hour })
	hasty := c.node(ModeProxy, func(o *Options) { o.Confirm = time.Second })
	err := hasty.Route(t.Context(), "key", providertest.Routing(1, "dep_a", "dep_b", 5))
	if fault.ReasonOf(err) != "table_late" {
		t.Errorf("before anybody can read it: %v", err)
	}
	c = newCity(t, func(o *fake.Options) { o.Propagation = 80 * time.Millisecond })
	p := c.node(ModeProxy)
	c.must(p, providertest.Routing(2, "dep_a", "dep_b", 25))
	if s, err := p.Serving(t.Context()); err != nil || s.Share != 25 {
		t.Errorf("confirmed, visitors get %+v, %v", s, err)
	}
	if host, err := p.Host(t.Context()); err != nil || !strings.HasPrefix(host, "127.0.0.1:") {
		t.Errorf("they come in at %q, %v", host, err)
	}
}

// TestALieOfVercels is an answer of long ago.
func TestALieOfVercels(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	p := c.node(ModeRolling)
	c.must(p, providertest.Routing(1, "dep_a", "", 0))
	project, _ := c.Project("shop")
	path := "/v1/projects/shop/rolling-release"
	c.must(p, providertest.Routing(2, "dep_a", "dep_b", 5))
	c.Remember(path)
	if _, err := p.Serving(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.must(p, providertest.Routing(3, "dep_a", "dep_b", 20))
	c.Lie(path, 1)
	if s, err := p.Serving(t.Context()); fault.ReasonOf(err) != "vercel_backwards" {
		t.Errorf("it believes %+v of %s: %v", s, project.ID, err)
	}
	if s, err := p.Serving(t.Context()); err != nil || s.Share != 20 {
		t.Errorf("afterwards %+v, %v", s, err)
	}
}

// TestARightThatIsMissingIsNamed: a token that may not move rolling releases.
func TestARightThatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	c := newCity(t)
	c.AddToken(fake.Token{Secret: "token", Lacks: []string{"Project: rolling release"}})
	err := c.node(ModeRolling).Route(t.Context(), "key", providertest.Routing(1, "dep_a", "dep_b", 5))
	if !fault.Is(err, fault.Denied) || !strings.Contains(fault.MessageOf(err), `"Project: rolling release"`) {
		t.Errorf("got %v", err)
	}
}
