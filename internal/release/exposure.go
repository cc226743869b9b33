package release

import (
	"fmt"
	"math"

	"github.com/slipwayhq/slipway/internal/guard"
)

// overspends says why the budget of user-minutes does not permit the next share: at the present rate of users the
// least time there would cost more than what is left. Nothing when it does, or when there is no budget. Everybody is
// no matter of the budget: who gives a change to all says by that that they are at risk no longer.
func (x *decider) overspends(v *guard.Verdict) string {
	next := x.nextShare()
	if v == nil || v.Exposure.Budget == 0 || next == 0 || next >= 100 || !(x.r.Share > 0) {
		return ""
	}
	least := x.r.Plan.Steps[x.r.Cursor+1].Bake
	if step := x.r.Step(); step.Adaptive || step.Shorten {
		least = leastHeld
	}
	users := v.Exposure.Rate * next / x.r.Share // a minute
	left := v.Exposure.Budget - min(v.Exposure.Spent, v.Exposure.Budget)
	if costs := math.Ceil(users * least.Minutes()); costs > float64(left) {
		return fmt.Sprintf("%s at %s would cost more user-minutes than are left of its budget of %d. Waits for a person: "+
			"promote with a reason, or abort.", round(least), percent(next), v.Exposure.Budget)
	}
	return ""
}
