package simulate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// candidate is a change of a strategy that may do better.
type candidate struct {
	word  string // what it is called in a sentence
	lines []string
	edit  func(p *release.Plan)
}

// same is how much worse a part may be and still count as the same.
const same = 0.02

// Suggest says what to write into the first strategy: the bakes that its traffic asks for, and which changes promote
// sooner or take fewer healthy releases back at the same rate of misses. The changes are tried, not guessed: in a part
// of the runs, on the traffic of the report.
func Suggest(ctx context.Context, o Options, r Report) []Suggestion {
	return append(bakes(o.Strategies[0].Plan, r), tried(ctx, o, r)...)
}

// shares are a plan's steps beside a stable version.
func shares(p release.Plan) []release.Step {
	return slices.DeleteFunc(p.Shares(), func(s release.Step) bool { return s.Share >= 100 })
}

// bakes says what the first share can know in its bake.
func bakes(p release.Plan, r Report) []Suggestion {
	list := shares(p)
	if len(list) == 0 || list[0].Rules.ErrorRate.WorseBy <= 0 {
		return nil
	}
	first := list[0]
	have := first.Bake
	if first.Adaptive {
		have = first.MaxBake
	}
	need := func(ratio, share float64) time.Duration {
		p0 := max(r.Traffic.Errors, 1e-5)
		if p0*ratio >= 1 {
			return 0
		}
		settings := first.Rules.Settings(judge.Background{})
		for _, e := range judge.Forecast(r.Traffic.Rate, p0, share/100, have, settings).Effects {
			if e.Ratio == ratio {
				return time.Duration(min(e.Seconds, 1e9)) * time.Second
			}
		}
		return 0
	}
	var seen []string
	for _, ratio := range [3]float64{2, 3, 5} {
		if d := need(ratio, first.Share); d > 0 {
			seen = append(seen, fmt.Sprintf("%gx in about %s", ratio, duration(d.Seconds())))
		}
	}
	if len(seen) == 0 {
		return nil
	}
	s := Suggestion{Lines: []string{}, Sentence: fmt.Sprintf(
		"At %g %% of this traffic more errors are seen so: %s. The bake is %s.", first.Share,
		strings.Join(seen, ", "), document.WriteDuration(have))}
	if d := need(2, first.Share); d > have && !first.Adaptive {
		s.Sentence += " A doubled rate is not seen in it: bake longer, or begin with more visitors."
		longer := (d + time.Minute - 1).Truncate(time.Minute)
		if longer <= 12*time.Hour {
			s.Lines = append(s.Lines, fmt.Sprintf("stages: {canary: {bake: %s}}", document.WriteDuration(longer)))
		}
		for _, share := range [4]float64{10, 20, 25, 50} {
			if share > first.Share && need(2, share) <= have {
				s.Lines = append(s.Lines, fmt.Sprintf("stages: {canary: {steps: [%g, 50, 100]}}   # or: sees it within %s", share,
					document.WriteDuration(have)))
				break
			}
		}
	}
	return []Suggestion{s}
}

// candidates are the changes that may help the first strategy.
func candidates(p release.Plan, r Report) []candidate {
	each := func(f func(s *release.Step)) func(p *release.Plan) {
		return func(p *release.Plan) {
			for i := range p.Steps {
				if p.Steps[i].Kind == release.KindShare {
					f(&p.Steps[i])
				}
			}
		}
	}
	var out []candidate
	if list := shares(p); len(list) > 0 && !list[0].Adaptive {
		if !list[0].Shorten {
			out = append(out, candidate{"shorten: on", []string{"stages: {canary: {shorten: on}}"},
				each(func(s *release.Step) { s.Shorten = true })})
		}
		out = append(out, candidate{"steps: adaptive", []string{"stages: {canary: {steps: adaptive}}"}, adaptive})
	}
	by := map[string]int{}
	for _, x := range r.Results {
		if x.Healthy && x.Strategy == r.Results[0].Strategy {
			for rule, n := range x.By {
				by[rule] += n
			}
		}
	}
	guard := ""
	if list := shares(p); len(list) > 0 {
		guard = list[0].Rules.Name
	}
	if by["error_spike"] > 0 {
		out = append(out, candidate{"spike: off", []string{fmt.Sprintf("guards: {%s: {error_rate: {spike: off}}}", guard)},
			func(p *release.Plan) { editRules(p, func(s *release.Step) { s.Rules.ErrorRate.Spike = 0 }) }})
	}
	if limit := p.Steps[len(p.Steps)-1].Rules.ErrorRate.Critical; by["error_rate"] > 0 && limit > 0 && limit < 0.4 {
		higher := math.Round(200*limit) / 100 // doubled
		out = append(out, candidate{
			fmt.Sprintf("critical: %g%%", 100*higher),
			[]string{fmt.Sprintf("guards: {%s: {error_rate: {critical: %g%%}}}", guard, 100*higher)},
			func(p *release.Plan) { editRules(p, func(s *release.Step) { s.Rules.ErrorRate.Critical = higher }) },
		})
	}
	return out
}

func editRules(p *release.Plan, f func(s *release.Step)) {
	for i := range p.Steps {
		if k := p.Steps[i].Kind; k == release.KindShare || k == release.KindWatch {
			f(&p.Steps[i])
		}
	}
}

// adaptive is the plan with shares that evidence climbs.
func adaptive(p *release.Plan) {
	list := shares(*p)
	i := slices.IndexFunc(p.Steps, func(s release.Step) bool { return s.Kind == release.KindShare })
	rest := slices.DeleteFunc(slices.Clone(p.Steps), func(s release.Step) bool { return s.Kind == release.KindShare })
	var climb []release.Step
	for _, share := range [5]float64{5, 10, 25, 50, 100} {
		s := list[0]
		s.ID, s.Title = fmt.Sprintf("canary/share-%g", share), fmt.Sprintf("%g %% of visitors", share)
		s.Share, s.Adaptive, s.Shorten, s.Rules.Horizon = share, true, false, s.MaxBake
		climb = append(climb, s)
	}
	p.Steps = slices.Insert(rest, i, climb...)
}

// tried runs the candidates.
func tried(ctx context.Context, o Options, r Report) []Suggestion {
	base := o.Strategies[0]
	list := candidates(base.Plan, r)
	if len(list) == 0 {
		return nil
	}
	o.Cases = slices.DeleteFunc(Cases(), func(c Case) bool {
		return c.Name != "healthy" && c.Name != "errors-2x" && c.Name != "errors-3x"
	})
	o.Runs, o.Healthy, o.Strategies, o.Progress = min(o.Runs, 48), min(o.Healthy, 96), []Strategy{base}, nil
	for _, c := range list {
		s := Strategy{Name: c.word, Items: base.Items, Plan: base.Plan}
		s.Plan.Steps = slices.Clone(base.Plan.Steps)
		c.edit(&s.Plan)
		o.Strategies = append(o.Strategies, s)
	}
	all, err := Run(ctx, o)
	if err != nil {
		return nil
	}
	of := func(i int) [3]Result { return [3]Result(all.Results[3*i : 3*i+3]) }
	var out []Suggestion
	for i, c := range list {
		if s, worth := c.compare(of(0), of(i+1)); worth {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		out = append(out, Suggestion{Lines: []string{}, Sentence: fmt.Sprintf(
			"Tried and not better at the same false rollbacks and misses: %s.",
			listed(list, func(c candidate) string { return c.word }))})
	}
	return out
}

// compare says whether a candidate is better: sooner in production or fewer healthy ones taken back, and nothing worse.
func (c candidate) compare(now, then [3]Result) (Suggestion, bool) {
	if now[0].Promote == nil || then[0].Promote == nil {
		return Suggestion{}, false
	}
	missed := func(x [3]Result) float64 { return max(x[1].Missed+x[1].Held, x[2].Missed+x[2].Held) }
	sooner := then[0].Promote.Median < 0.9*now[0].Promote.Median
	safer := then[0].Stopped < now[0].Stopped-same
	worse := then[0].Stopped > now[0].Stopped+same || missed(then) > missed(now)+same ||
		then[0].Promote.Median > 1.1*now[0].Promote.Median || then[0].Held > now[0].Held+same
	s := Suggestion{Lines: c.lines, Sentence: fmt.Sprintf(
		"%s: promoted after %s (now %s), false rollbacks %s (%s), doubled and tripled errors missed %s (%s), in %d healthy "+
			"and %d faulty runs of each.", c.word, duration(then[0].Promote.Median), duration(now[0].Promote.Median),
		percent(then[0].Stopped), percent(now[0].Stopped), percent(missed(then)), percent(missed(now)), then[0].Runs,
		then[1].Runs+then[2].Runs)}
	return s, (sooner || safer) && !worse
}
