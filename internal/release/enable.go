package release

import (
	"strings"

	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/guard"
)

// enable has the ramps of the step's flags begun. It passes once they have: they are releases of their own. It says
// false where people sign instead: when a flag is not Slipway's, or cannot be ramped and people signed that it is on.
func (x *decider) enable() bool {
	step, key := x.r.Step(), x.key("ramp")
	if len(step.Flags) == 0 {
		return false
	}
	if _, asked := x.f.Effects[key]; !asked {
		var waits []string
		for _, name := range step.Flags {
			why, exists := x.f.Enable[name]
			if !exists {
				return false
			}
			if why != "" {
				waits = append(waits, why)
			}
		}
		if open, _ := x.open(); len(waits) > 0 && len(open) == 0 {
			return false
		}
		if x.doubted() {
			x.wait("No flag is enabled while a rollback of " + x.r.Version + " is asked for or under way.")
			return true
		}
		if len(waits) > 0 {
			x.wait(x.r.Version + " waits. " + strings.Join(waits, " "))
			return true
		}
	}
	e, done := x.await(effect.Ramp, key, RampArgs{Flags: step.Flags, Environment: step.Environment},
		"Begins to enable "+strings.Join(step.Flags, ", ")+" in "+step.Environment+".")
	switch {
	case !done:
	case e.Result.OK:
		x.reports(e.Result.Sentence)
		x.pass(engineActor, e.Result.Sentence)
	default:
		x.fail(e.Result.Sentence)
	}
	return true
}

// reports says in the version's checklist that the step's items are done, where nobody has signed them.
func (x *decider) reports(sentence string) {
	for _, name := range x.r.Step().Checks {
		if res, ok := x.f.Results[name]; ok && x.f.Items[name].Open(&res, x.r.Commit) == "" {
			continue
		}
		x.d.Reports = append(x.d.Reports, checklist.Result{App: x.r.App, Version: x.r.Version, Commit: x.r.Commit,
			Name: name, Status: checklist.Passed, Summary: sentence, Actor: engineActor, At: x.f.Now})
	}
}

// doubted reports whether production may be taken back.
func (x *decider) doubted() bool {
	v := x.f.Verdict
	return x.f.Rollback || x.r.Suspect && (v == nil || v.Action != guard.Continue)
}
