package strategy

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

type canary struct {
	Smoke      document.Toggle   `yaml:"smoke" doc:"Suite that runs before the first visitor, or off."`
	SignOff    document.Toggle   `yaml:"sign_off" doc:"Role that signs it off before the first visitor, or off."`
	Steps      ladder            `yaml:"steps" doc:"Shares of visitors in percent, rising; or adaptive: as the evidence permits."`
	Shorten    bool              `yaml:"shorten" doc:"Whether a step may end early when the evidence permits the next."`
	Bake       document.Duration `yaml:"bake" doc:"How long each share is watched; with adaptive all below 100 together."`
	MaxBake    document.Duration `yaml:"max_bake" doc:"The longest at one share; six times bake, an hour at least."`
	AtMax      string            `yaml:"at_max" doc:"What follows after max_bake without proof." enum:"hold,promote,undo"`
	Holdback   document.Percent  `yaml:"holdback" doc:"Visitors that stay on the stable version until the last step."`
	HarmBudget budget            `yaml:"harm_budget" doc:"Failed requests that an adaptive release may cost, or off."`
	Reaction   document.Duration `yaml:"reaction" doc:"Time until a worse version gets no requests any more."`
	Guard      string            `yaml:"guard" doc:"Guard that watches it."`
}

// ramp is a canary's ladder for the share of a flag.
type ramp struct {
	Steps      ladder            `yaml:"steps" doc:"Shares of users in percent, rising; or adaptive: as the evidence permits."`
	Shorten    bool              `yaml:"shorten" doc:"Whether a step may end early when the evidence permits the next."`
	Bake       document.Duration `yaml:"bake" doc:"How long each share is watched; with adaptive all below 100 together."`
	MaxBake    document.Duration `yaml:"max_bake" doc:"The longest at one share; six times bake, an hour at least."`
	AtMax      string            `yaml:"at_max" doc:"What follows after max_bake without proof." enum:"hold,promote,undo"`
	HarmBudget budget            `yaml:"harm_budget" doc:"Failed requests that an adaptive ramp may cost, or off."`
	Reaction   document.Duration `yaml:"reaction" doc:"Time until a worse variant gets no requests any more."`
	Watch      document.Duration `yaml:"watch" doc:"How long it is watched once everybody has it, before the ramp is complete."`
	Guard      string            `yaml:"guard" doc:"Guard that watches it."`
}

func (r ramp) canary() canary {
	return canary{Steps: r.Steps, Shorten: r.Shorten, Bake: r.Bake, MaxBake: r.MaxBake, AtMax: r.AtMax,
		HarmBudget: r.HarmBudget, Reaction: r.Reaction, Guard: r.Guard}
}

// budget is how many failed requests, or user-minutes, something may cost; off is 0.
type budget int

// Read reads budget in the form that people write.
func (x *budget) Read(d *document.Decoder, path []string, n *document.Node) {
	if !d.IsScalar(path, n, "a whole number") || n.Text == document.Off {
		return
	}
	v, err := strconv.ParseUint(n.Text, 10, 31)
	if err != nil || v == 0 {
		d.Wrong(n, path, fmt.Sprintf("want a whole number from 1 on, got %q", n.Text), "write for example 50, or off")
		return
	}
	*x = budget(v)
}

// Schema describes the form of budget.
func (*budget) Schema() map[string]any {
	return document.AnyOf(map[string]any{"enum": []any{document.Off}}, map[string]any{"type": "integer", "minimum": 1})
}

// ladder is a canary's shares: [5, {share: 50, bake: 1h}, 100], or adaptive.
type ladder struct {
	adaptive bool
	steps    []step
}

type step struct {
	Share amount            `yaml:"share" doc:"Percent of visitors."`
	Bake  document.Duration `yaml:"bake" doc:"How long this share is watched, when it differs."`
}

// Expand returns the long form of step.
func (*step) Expand(n *document.Node) *document.Node {
	if n.Form == document.Scalar {
		return document.Wrap("share", n)
	}
	return n
}

// Short describes the short form of step.
func (*step) Short() map[string]any { return (*amount)(nil).Schema() }

// adaptiveWord stands for the shares that evidence climbs by itself.
const adaptiveWord = "adaptive"

// Read reads ladder in the form that people write.
func (x *ladder) Read(d *document.Decoder, path []string, n *document.Node) {
	if n.Form == document.List {
		d.DecodeAt(path, n, &x.steps)
		return
	}
	if n.Form != document.Scalar || n.Text != adaptiveWord {
		d.Wrong(n, path, "want a list of shares, or the word adaptive", "write [5, 10, 25, 50, 100] or adaptive")
		return
	}
	x.adaptive = true
	for _, share := range [...]amount{5, 10, 25, 50, 100} {
		x.steps = append(x.steps, step{Share: share})
	}
}

// Schema describes the form of ladder.
func (*ladder) Schema() map[string]any {
	return document.AnyOf(map[string]any{"enum": []any{adaptiveWord}}, document.ListOf[step]())
}

// longSteps writes every step of a canary or ramp in its long form.
func longSteps(c *document.Node) {
	steps := c.Get("steps")
	if steps == nil || steps.Form != document.List {
		return
	}
	long := *steps
	long.Items = make([]*document.Node, len(steps.Items))
	for i, one := range steps.Items {
		long.Items[i] = (*step)(nil).Expand(one)
	}
	c.Set("steps", c.Has("steps").Place, &long)
}

// shares are the canary's steps with the one that holds visitors back before everybody gets the version.
func (c canary) shares() []step {
	steps := slices.Clone(c.Steps.steps)
	n, held := len(steps), c.highest()
	if c.Holdback > 0 && n > 0 && steps[n-1].Share == 100 && (n == 1 || steps[n-2].Share < held) {
		steps = slices.Insert(steps, n-1, step{Share: held})
	}
	return steps
}

// highest is the largest share that leaves the holdback where it is.
func (c canary) highest() amount { return amount(100 - 100*float64(c.Holdback)) }

// horizon is the longest time that the stable version is there to compare with: how late a regression may begin.
func (c canary) horizon() time.Duration {
	if c.Steps.adaptive {
		return time.Duration(c.MaxBake)
	}
	var sum time.Duration
	for _, one := range c.shares() {
		switch {
		case one.Share >= 100:
		case one.Bake > 0:
			sum += time.Duration(one.Bake)
		default:
			sum += time.Duration(c.Bake)
		}
	}
	return sum
}

// shareSteps are the plan's steps of a canary's or ramp's shares.
func (s *Strategy) shareSteps(c canary, stage, environment, whom string, undo bool) []release.Step {
	rules := s.rules(c.Guard)
	rules.Horizon = c.horizon()
	var add []release.Step
	for _, one := range c.shares() {
		share := strconv.FormatFloat(float64(one.Share), 'f', -1, 64)
		bake := c.Bake
		if one.Bake > 0 {
			bake = one.Bake
		}
		st := release.Step{
			ID: stage + "/share-" + share, Stage: stage, Environment: environment, Kind: release.KindShare,
			Title: share + " % of " + whom, Share: float64(one.Share), Bake: time.Duration(bake),
			MaxBake: time.Duration(c.MaxBake), Rules: rules, AutoUndo: undo, Adaptive: c.Steps.adaptive,
			Shorten: c.Shorten, AtMax: release.AtMax(c.AtMax),
		}
		if st.Adaptive {
			st.HarmBudget, st.Reaction = float64(c.HarmBudget), time.Duration(c.Reaction)
		}
		add = append(add, st)
	}
	return add
}

func (c checker) canary() {
	s := c.file.Stages.Canary
	here := func(key ...string) []string { return append(at("stages", cnyStage), key...) }
	c.suite(here("smoke"), string(s.Smoke))
	c.role(here("sign_off"), string(s.SignOff), cnyStage)
	c.shares(s, here)
	c.evidence(s, here)
	if s.AtMax == string(release.GoBack) && c.file.Rollback.Environments[cnyStage] != auto {
		c.at(here("at_max"), "rollback.canary asks people, so nothing goes back by itself",
			"write hold, or rollback: {canary: auto}")
	}
}

// shares checks a ladder.
func (c checker) shares(s canary, here func(...string) []string) {
	c.known(here("guard"), "guard", s.Guard, c.order("guards"))
	c.in(here("bake"), s.Bake, time.Millisecond, month)
	if s.MaxBake != 0 && s.MaxBake < s.Bake {
		c.at(here("max_bake"), "it is shorter than bake", "leave it out, or write a longer time")
	}
	c.in(here("max_bake"), s.MaxBake, time.Millisecond, 10*month)
	c.in(here("reaction"), s.Reaction, 0, time.Hour)
	steps := s.Steps.steps
	if len(steps) == 0 {
		c.at(here("steps"), "a canary needs a share to begin with", "write [5, 10, 25, 50, 100], or adaptive")
	}
	if len(steps) > 20 {
		c.at(here("steps"), fmt.Sprintf("%d steps are too many", len(steps)), "write at most 20")
	}
	for i, one := range steps {
		if one.Share == 0 {
			c.at(here("steps", strconv.Itoa(i)), "the step has no share", "write {share: 5, bake: 30m}")
		}
		if i > 0 && one.Share <= steps[i-1].Share {
			c.at(here("steps", strconv.Itoa(i)), fmt.Sprintf("%g %% does not come after %g %%", one.Share, steps[i-1].Share),
				"shares must rise: lowering is done by hand or by the guard")
		}
	}
}

// evidence checks what steers a canary by what is known of it.
func (c checker) evidence(s canary, here func(...string) []string) {
	if s.Shorten && s.Steps.adaptive {
		c.at(here("shorten"), "adaptive steps end as early as the evidence permits anyway", "leave shorten out")
	}
	if s.HarmBudget > 0 && !s.Steps.adaptive {
		c.at(here("harm_budget"), "only adaptive steps keep within a number of failed requests",
			"write steps: adaptive, or leave it out")
	}
	if s.Holdback == 0 {
		return
	}
	if s.Holdback < 0.01 || s.Holdback > 0.5 {
		c.at(here("holdback"), "it is out of range", "write 1% to 50%, or off")
		return
	}
	last := amount(0)
	for _, one := range s.Steps.steps {
		if one.Share < 100 {
			last = one.Share
		}
	}
	if last > s.highest() {
		c.at(here("holdback"), fmt.Sprintf("a step of %g %% keeps fewer visitors on the stable version", last),
			fmt.Sprintf("end the steps before 100 at %g at most", s.highest()))
	}
}
