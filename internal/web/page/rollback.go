package page

import (
	"slices"

	"github.com/slipwayhq/slipway/api"
)

// rollbackTick is how often the page of a rollback looks again by itself.
func rollbackTick(r api.Rollback) string {
	if slices.Contains([]string{"done", "rejected", "canceled"}, r.Phase) {
		return "60"
	}
	return "3"
}

func eligibleMark(ok bool) mark {
	if ok {
		return mark{"done", "good", "Can be used"}
	}
	return mark{"skip", "quiet", "Not used"}
}

// requestLead says what a rollback would do.
func requestLead(p api.RollbackPlan) string {
	if p.To == nil {
		return "There is no deployment to go back to: none in " + p.Environment + " is known to be good."
	}
	return title(p.Environment) + " would go from " + p.From.Version + " back to " + p.To.Version + "."
}

// requestEffect says what the button does.
func requestEffect(p api.RollbackPlan) string {
	s := "Asks for a rollback of " + p.Environment + ". Nothing moves before it is approved, where the strategy wants that"
	return s + "; then all visitors go back at once and an incident is opened. You can cancel the request until it runs."
}

// chosen says whether a candidate is the one that is marked when the form opens.
func chosen(p api.RollbackPlan, in api.RequestRollback, deployment string) bool {
	if in.To != "" {
		return in.To == deployment
	}
	return p.To != nil && p.To.ID == deployment
}

// rollbacksLead says how many rollbacks are under way or have failed.
func rollbacksLead(p api.RollbackPage) string {
	n := 0
	for _, r := range p.Items {
		if r.Ended == nil {
			n++
		}
	}
	switch {
	case len(p.Items) == 0:
		return "No rollback was ever needed."
	case n == 0:
		return "No rollback is under way."
	case n == 1:
		return "One rollback is under way."
	}
	return count(n) + " rollbacks are under way."
}

// eligible returns the deployments that can be gone back to.
func eligible(p api.RollbackPlan) []api.TargetAnalysis {
	return slices.DeleteFunc(slices.Clone(p.Candidates), func(c api.TargetAnalysis) bool { return !c.Eligible })
}

// mayTurnOff reports whether a flag could be turned off from the rollback's incident.
func mayTurnOff(f Frame, r api.Rollback) bool {
	return r.Incident != "" && f.May("flag:switch")
}
