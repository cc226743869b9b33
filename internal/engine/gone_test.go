package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/engine/target"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/store"
)

// ran records a build that production ran before, verified so long ago.
func (w *world) ran(p *platform, version string, ago time.Duration) string {
	w.t.Helper()
	id := w.build(p, version)
	w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
		at := tx.Now().Add(-ago)
		return tx.InsertDeployment(w.ctx, &deployment.Deployment{ID: "dep_" + version, App: "shop", Version: version,
			URL: w.shops[version].URL, External: id, BuildIDs: []string{id}, Environment: "production",
			Verdict: deployment.Good, Created: at, Promoted: at, Verified: at, Replaced: tx.Now()})
	}))
	return id
}

// deletes has somebody delete a build, or bring it back.
func (w *world) deletes(p *platform, id string, gone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.builds, func(b provider.Build) bool { return b.External == id })
	if p.builds[i].Gone, p.builds[i].State = gone, provider.Ready; gone {
		p.builds[i].State = provider.Failed
	}
}

// later has the target looked at as if that had not been done for a while.
func (w *world) later() {
	w.t.Helper()
	w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
		t, err := tx.Target(w.ctx, "shop")
		if err != nil {
			return err
		}
		t.Seen = t.Seen.Add(-time.Hour)
		return tx.PutTarget(w.ctx, t)
	}))
	w.lookOut()
}

// TestWhatIsGoneIsNoWayBack: a build that production would go back to and that was deleted on the platform is found
// without anybody telling, named in the log, and the one before it is offered.
func TestWhatIsGoneIsNoWayBack(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t)
	w.ran(p, "v0", 2*time.Hour)
	last := w.ran(p, "v00", time.Hour)
	back := func(want string) {
		t.Helper()
		plan, err := w.PlanRollback(w.ctx, "production")
		if err != nil || plan.To == nil || plan.To.Version != want {
			t.Fatalf("it would go back to %+v, want %s (%v)", plan.To, want, err)
		}
	}
	back("v00")
	w.deletes(p, last, true)
	w.later()
	back("v0")
	if list := w.events("deployment.gone"); len(list) != 1 || !strings.HasPrefix(list[0].Sentence,
		"v00 (dpl_v00) was deleted") {
		t.Errorf("the log says %+v", list)
	}
	_, err := w.RequestRollback(w.ctx, person("inez", "incident"), "production", "it fails", "dep_v00")
	if fault.ReasonOf(err) != "target_unfit" {
		t.Errorf("a person chooses it all the same: %v", err)
	}
	w.deletes(p, last, false)
	if _, err := w.Target.LookAtBuild(w.ctx, target.BuildPrefix+last); err != nil {
		t.Fatal(err)
	}
	back("v00")
	b, err := w.RequestRollback(w.ctx, person("inez", "incident"), "production", "it fails", "")
	w.ok(err)
	b = w.settleBack(b.ID)
	w.deletes(p, last, true) // while people decide
	if _, err := w.Target.LookAtBuild(w.ctx, target.BuildPrefix+last); err != nil {
		t.Fatal(err)
	}
	_, err = w.Vote(w.ctx, person("ivan", "incident"), b.Request, true, w.request(b.Request).Hash, "")
	w.ok(err)
	b = w.settleBack(b.ID)
	if s, _ := p.Serving(w.ctx); b.Phase != "failed" || !strings.Contains(b.Sentence, "v00 was deleted") ||
		s.Stable != "dpl_1" {
		t.Errorf("it is %s, %s is served: %s", b.Phase, s.Stable, b.Sentence)
	}
}

// TestADeletedProductionIsNamed: the build that everybody gets was deleted. The platform names it as what is served all
// the same; it is told who did it, a canary waits even where the strategy goes back by itself, and nothing is put back.
func TestADeletedProductionIsNamed(t *testing.T) {
	t.Parallel()
	w, p := onPlatform(t, "project: shop", "project: shop, drift: undo")
	w.ran(p, "v0", 2*time.Hour)
	r := w.shown(p, "v2")
	w.deletes(p, "dpl_1", true)
	w.ok(w.Target.Heard(w.ctx, deployment.Hand{By: "Grace", Gone: "dpl_1"}, "dpl_1"))
	if _, err := w.Target.LookAtBuild(w.ctx, target.BuildPrefix+"dpl_1"); err != nil {
		t.Fatal(err)
	}
	w.lookOut()
	w.lookOut()
	r = w.settle(r.ID)
	if s, _ := p.Serving(w.ctx); r.Displaced.IsZero() || s.Canary != "dpl_v2" || !strings.HasPrefix(r.Sentence,
		"Grace deleted v1, which everybody gets, and not through Slipway.") ||
		!strings.Contains(r.Sentence, "slipway rollback plan") {
		t.Errorf("%s, %+v is served: %s", r.Phase, s, r.Sentence)
	}
	if n := len(w.events("target.changed")); n != 1 {
		t.Errorf("people were told %d times", n)
	}
	known, err := w.DB.Target(w.ctx, "shop")
	if err != nil || !known.Lost {
		t.Errorf("%+v, %v", known, err)
	}
	plan, err := w.PlanRollback(w.ctx, "production")
	if err != nil || plan.To == nil || plan.To.Version != "v0" {
		t.Errorf("offered is %+v, %v", plan.To, err)
	}
	w.deletes(p, "dpl_1", false)
	w.later()
	w.lookOut()
	if got := w.settle(r.ID); !got.Displaced.IsZero() || len(w.events("deployment.back")) != 1 {
		t.Errorf("it is there again, and %s waits: %s", got.Version, got.Sentence)
	}
}
