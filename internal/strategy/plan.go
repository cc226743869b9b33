package strategy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// The stages, which are also the names of the environments they happen in.
const (
	devStage  = "development"
	stgStage  = "staging"
	cnyStage  = "canary"
	prodStage = "production"
	rampStage = "ramp" // of a flag; no environment
)

// auto and ask are the two ways back.
const (
	auto = "auto"
	ask  = "approve"
)

// ReleasePlan returns the steps of a release in their order.
//
// A share of 100 is the canary's last step: every visitor is on the new version
// while the old one still stands by, untouched, and going back is as automatic as at
// 5 %. Only then are people asked, because what they approve is that the new
// version becomes the stable one, from where going back needs an approval again.
func (s *Strategy) ReleasePlan() release.Plan {
	p := s.plan
	p.Steps = slices.Clone(p.Steps)
	return p
}

// RampPlan returns the steps of a ramp of a flag in an environment. Shares and bake stand in place of the strategy's
// where they are given. A ramp goes back by itself: it changes a flag's share, which nobody approved in the first
// place, and no deployment. Its end is everybody, whatever its last share is: they get it under the guard too, and are
// watched for a while.
func (s *Strategy) RampPlan(environment string, shares []float64, bake time.Duration) release.Plan {
	c := s.file.Flags.Ramp.canary()
	if len(shares) > 0 {
		c.Steps = ladder{}
		for _, share := range shares {
			c.Steps.steps = append(c.Steps.steps, step{Share: amount(share)})
		}
	}
	if bake > 0 {
		c.Bake, c.MaxBake = document.Duration(bake), max(c.MaxBake, document.Duration(6*bake))
		for i := range c.Steps.steps {
			c.Steps.steps[i].Bake = 0
		}
	}
	if n := len(c.Steps.steps); n > 0 && c.Steps.steps[n-1].Share < 100 {
		c.Steps.steps = append(slices.Clip(c.Steps.steps), step{Share: 100})
	}
	t := s.file.Timing
	p := release.Plan{Strategy: s.Hash(), Timing: release.Timing{
		Look: time.Duration(t.Look), Skew: time.Duration(t.Skew), Retry: time.Duration(t.Retry), Tries: t.Tries,
	}}
	p.Steps = s.shareSteps(c, rampStage, environment, "users", true)
	p.Steps = append(p.Steps, release.Step{
		ID: rampStage + "/watch", Stage: rampStage, Environment: environment, Kind: release.KindWatch,
		Title: "Watched in " + environment, Bake: time.Duration(s.file.Flags.Ramp.Watch), AutoUndo: true,
		Rules: p.Steps[len(p.Steps)-1].Rules, // the same: what the judge knows is not forgotten between them
	})
	for i := range p.Steps {
		p.Steps[i].Rules.Health = guard.HealthRule{} // two variants live in one deployment
	}
	return p
}

// TrialPlan is what a simulation runs: a release's steps, or those of a ramp in production.
func (s *Strategy) TrialPlan(ramp bool) release.Plan {
	if ramp {
		return s.RampPlan(prodStage, nil, 0)
	}
	return s.ReleasePlan()
}

// makePlan puts the stages' steps together.
func (s *Strategy) makePlan() release.Plan {
	t := s.file.Timing
	p := release.Plan{Strategy: s.Hash(), Timing: release.Timing{
		Look: time.Duration(t.Look), Skew: time.Duration(t.Skew), Retry: time.Duration(t.Retry), Tries: t.Tries,
	}}
	if v, ok := s.Vercel(); ok {
		p.OneWay, p.Drift = v.Canary != Proxy, v.Drift
	}
	p.Steps = append(p.Steps, s.gate(devStage, s.file.Checks.Required.Development)...)
	p.Steps = append(p.Steps, s.stagingSteps()...)
	p.Steps = append(p.Steps, s.canarySteps()...)
	p.Steps = append(p.Steps, s.productionSteps()...)
	return p
}

// gate returns the step that waits for checks, or none.
func (s *Strategy) gate(stage string, items []string) []release.Step {
	if len(items) == 0 {
		return nil
	}
	return []release.Step{{
		ID: stage + "/checks", Stage: stage, Environment: stage, Kind: release.KindChecks, Checks: items,
		Title: "Checks: " + strings.Join(items, ", "),
	}}
}

func (s *Strategy) stagingSteps() []release.Step {
	stg := s.file.Stages.Staging
	undo := s.file.Rollback.Environments[stgStage] == auto
	add := s.gate(stgStage, s.file.Checks.Required.Staging)
	add = append(add, release.Step{
		ID: "staging/deploy", Stage: stgStage, Environment: stgStage, Kind: release.KindDeploy, Title: "Deploy to staging",
		AutoUndo: undo,
	})
	if stg.Smoke != "" {
		add = append(add, smokeStep(stgStage, "smoke", string(stg.Smoke), undo))
	}
	if stg.Load != "" {
		add = append(add, release.Step{
			ID: "staging/load", Stage: stgStage, Environment: stgStage, Kind: release.KindChecks, Checks: []string{loadItem},
			Title: fmt.Sprintf("Load test: %s", stg.Load),
		})
	}
	if stg.SignOff != "" {
		add = append(add, s.signOff(stgStage, string(stg.SignOff)))
	}
	if stg.Flags != "" {
		add = append(add, release.Step{
			ID: "staging/flags", Stage: stgStage, Environment: stgStage, Kind: release.KindChecks, Checks: []string{flagsTested},
			Title: "Feature flags are tested",
		})
	}
	return add
}

func (s *Strategy) canarySteps() []release.Step {
	c := s.file.Stages.Canary
	undo := s.file.Rollback.Environments[cnyStage] == auto
	add := s.gate(cnyStage, s.file.Checks.Required.Canary)
	add = append(add, release.Step{
		ID: "canary/deploy", Stage: cnyStage, Environment: cnyStage, Kind: release.KindDeploy, Title: "Deploy as canary",
		AutoUndo: undo,
	})
	if c.Smoke != "" {
		add = append(add, smokeStep(cnyStage, "smoke", string(c.Smoke), undo))
	}
	if c.SignOff != "" {
		add = append(add, s.signOff(cnyStage, string(c.SignOff)))
	}
	return append(add, s.shareSteps(s.file.Stages.Canary, cnyStage, cnyStage, "visitors", undo)...)
}

func (s *Strategy) productionSteps() []release.Step {
	p := s.file.Stages.Production
	step := func(id string, kind release.Kind, title string) release.Step {
		return release.Step{
			ID: "production/" + id, Stage: prodStage, Environment: prodStage, Kind: kind, Title: title, Production: true,
		}
	}
	add := s.gate(prodStage, s.file.Checks.Required.Production)
	if p.Window {
		add = append(add, step("window", release.KindWindow, "Schedule and calendar"))
	}
	approve := step("approval", release.KindApproval, "Approval for production")
	approve.Approve, approve.Expires = p.Approve, time.Duration(s.file.Approvals.Expires)
	add = append(add, approve, step("promote", release.KindPromote, "Becomes the stable version"))
	if len(p.EnableFlags) > 0 {
		flags := step("flags", release.KindChecks, "Enable flags: "+strings.Join(p.EnableFlags, ", "))
		flags.Checks, flags.Flags = []string{enableFlags}, slices.Clone(p.EnableFlags)
		add = append(add, flags)
	}
	verify := step("verify", release.KindSmoke, "Verification: "+p.Verify)
	verify.Suite = p.Verify
	watch := step("watch", release.KindWatch, "Watched in production")
	watch.Bake, watch.Rules = time.Duration(p.Watch), s.rules(p.Guard)
	return append(add, verify, watch)
}

func smokeStep(stage, id, suite string, undo bool) release.Step {
	return release.Step{
		ID: stage + "/" + id, Stage: stage, Environment: stage, Kind: release.KindSmoke, Suite: suite,
		Title: "Smoke checks: " + suite, AutoUndo: undo,
	}
}

func (s *Strategy) signOff(stage, role string) release.Step {
	return release.Step{
		ID: stage + "/sign-off", Stage: stage, Environment: stage, Kind: release.KindSignOff, Role: role,
		Checks: []string{signOffItem(role, stage)}, Title: s.roleTitle(role) + " signs off " + stage,
	}
}
