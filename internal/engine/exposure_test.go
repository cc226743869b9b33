package engine

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// budgeted lets the world's guard keep a budget of user-minutes. 100 visitors a second, each a new one, are 6,000
// user-minutes a minute for everybody: 300 at 5 %.
func (c *climb) budgeted(budget string) {
	c.t.Helper()
	c.stop()
	c.Engine = c.open(c.plan("steps: [50], bake: 300ms, smoke: off", "steps: [5, 10, 100], bake: 2m, smoke: off",
		"every: 100ms", "every: 5s", "{warn: 3%, critical: 10%, for: 1s, spike: 10x, compare: {worse_by: 25%}}",
		"{warn: 50%, critical: 60%, for: 10s, compare: {worse_by: 5%}}", "min_requests: 10",
		"min_requests: 30\n    exposure_budget: "+budget, "window: 2s", "window: 10s", "blind: 10s", "blind: 30s",
		"look: 100ms", "look: 1s", "watch: 300ms", "watch: 1m"))
	c.begin()
}

// The budget of a flag's ramp is spent by the users who were given the variant, as the edges counted them, over all
// shares and though the node is killed; what is spent is in the verdict. When it would not last for the next share the
// rise waits, and when it is spent the variant is taken back.
//
// req: N-05 N-03
func TestARampSpendsItsBudget(t *testing.T) {
	t.Parallel()
	if !long() {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		c := flagged(t)
		c.budgeted("3000")
		id := c.ramp().ID // 5 % for 3 min: about 900; 25 % for 3 min would be 4,500
		c.die()
		time.Sleep(5 * time.Second)
		c.again()
		r := c.wait(id, 10*time.Minute, "it waits", func(r release.Release) bool {
			return strings.Contains(r.Sentence, "left of its budget of 3000")
		})
		if r.Share != 5 || r.State().Status != release.StepWaiting {
			t.Errorf("at %g %%: %s", r.Share, r.Sentence)
		}
		last, err := c.DB.LatestVerdict(c.ctx, id)
		c.ok(err)
		if e := last.Verdict.Exposure; e.Spent < 700 || e.Spent > 1200 || e.Budget != 3000 || e.Rate < 200 || e.Rate > 400 {
			t.Errorf("after three minutes at 5 %%: %+v", e)
		}
		for began := time.Now(); !c.release(id).Phase.Final() && time.Since(began) < 20*time.Minute; {
			time.Sleep(time.Second)
		}
		if r = c.release(id); r.Phase != release.Aborted || r.Reached != 5 ||
			!strings.Contains(r.Reason, "did not prove itself within its budget") {
			t.Errorf("%s at %g %%: %s", r.Phase, r.Share, r.Reason)
		}
		if lasted := r.Detected.Sub(r.Exposed); lasted < 8*time.Minute || lasted > 12*time.Minute {
			t.Errorf("3,000 user-minutes at 300 a minute lasted %v", lasted)
		}
		if got := c.config(); got.Default.Percent("on") != 0 {
			t.Errorf("the flag serves %+v", got.Default)
		}
	})
}

// A canary within its budget goes out as without one, and its verdicts can be made again from their evidence, the
// user-minutes too.
//
// req: N-05
func TestACanaryWithinItsBudgetGoesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := climbs(t, "steps: [50], bake: 1m")
		c.budgeted("10000")
		id := c.out().ID
		c.wait(id, 20*time.Minute, "everybody has it", at(100))
		var last store.Judged
		list, err := c.DB.VerdictsOf(c.ctx, id, time.Time{}, 5000)
		c.ok(err)
		for _, j := range list {
			if j.Verdict.Exposure.Spent >= last.Verdict.Exposure.Spent {
				last = j
			}
		}
		if e := last.Verdict.Exposure; e.Spent < 1500 || e.Spent > 2300 || e.Budget != 10_000 {
			t.Errorf("two minutes at 5 and at 10 %%: %+v", e)
		}
	})
}
