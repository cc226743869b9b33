// Package verdict is a verdict as people get it: the guard's numbers as wire types
// with their sentences, how they stood over time, and before a canary begins what
// it can and cannot know.
//
// The judge knows ratios and e-values, the guard knows sentences, the strategy
// knows what is tolerated and whether evidence raises the share. Here they come
// together once, so that the page, the terminal, the API and an approver read the
// same. It decides nothing.
package verdict

import (
	"math"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/release"
)

// Context is what a verdict is read beside.
type Context struct {
	Changed, Stable string       // names of the versions
	Step            release.Step // that the release is at: its rules, and how its share rises
}

// Wire is a verdict as the API has it.
func Wire(v guard.Verdict, c Context) api.Verdict {
	out := api.Verdict{
		At: v.At.UTC(), Word: string(v.Word), Action: string(v.Action), Cause: string(v.Cause),
		Sentence: v.Sentence, Requests: v.Requests,
		More: v.MoreRequests, MoreSeconds: v.MoreTime.Seconds(), Sureness: v.Sureness, Findings: []api.Finding{},
		State: string(v.State), ClearedTo: v.ClearedTo, Lacks: v.Lacks, Mode: string(v.Mode),
		From: string(v.From),
	}
	for to, at := range map[**time.Time]time.Time{&out.StableBroken: v.StableBroken, &out.StableHealthy: v.StableHealthy,
		&out.Silent: v.Silent} {
		if !at.IsZero() {
			*to = &at
		}
	}
	if e := v.Exposure; e.Spent > 0 || e.Budget > 0 {
		out.Exposure = &api.UserMinutes{Spent: e.Spent, Budget: e.Budget, Rate: e.Rate}
	}
	for _, f := range v.Findings {
		out.Findings = append(out.Findings, api.Finding{
			Rule: f.Rule, Arm: f.Arm, Level: string(f.Level), Value: f.Value, Limit: f.Limit, Unit: f.Unit, Sentence: f.Sentence,
		})
	}
	if v.Report != nil {
		out.Comparison = comparison(v, c)
	}
	return out
}

func comparison(v guard.Verdict, c Context) *api.Comparison {
	r := v.Report
	told := v.Told(c.Changed, c.Stable)
	out := &api.Comparison{
		Says: api.Says{Compared: told.Compared, Sure: told.Sure, RuledOut: told.RuledOut, Needs: told.Needs,
			Harm: told.Harm},
		E: math.Exp(min(r.LogE, 600)), LogE: r.LogE, MaxLogE: r.MaxLogE, Alpha: c.Step.Rules.Alpha,
		Mode: string(r.Mode), ModeWhy: r.Why, Metrics: []api.MetricEvidence{},
		Weighed: c.Step.Rules.Weights != (guard.Weights{}),
		Canary:  totals(r.Canary), Stable: totals(r.Stable), RuledOut: r.RuledOut, Open: r.Open,
		More: r.MoreRequests, MoreSecs: r.MoreSeconds, Harm: r.Harm, HarmFloor: r.HarmFloor, Limit: r.Limit,
		Shared: Stretches(r.Shared), ShareLogE: r.ShareLogE,
	}
	for _, m := range r.Metrics {
		out.Metrics = append(out.Metrics, evidenceOf(m, c.Step.Rules))
	}
	if r.WarmUntil > 0 {
		at := time.Unix(r.WarmUntil, 0).UTC()
		out.WarmUntil = &at
	}
	if n := v.Next; n != nil {
		out.Next = &api.NextShare{
			Share: 100 * n.To, Excluded: n.Excluded, Have: n.Have, Need: n.Need, Slow: n.Slow, Seconds: n.Seconds,
			More: n.MoreRequests, MoreSecs: n.MoreSeconds, Decides: c.Step.Adaptive,
		}
	}
	return out
}

func totals(t judge.Totals) api.ArmTotals {
	return api.ArmTotals{Requests: t.Requests, Errors: t.Errors, Units: t.Units, P50: t.P50, P95: t.P95, P99: t.P99}
}

func ratio(i judge.Interval) api.Ratio {
	if !i.Known {
		return api.Ratio{}
	}
	return api.Ratio{Known: true, Value: i.Value, Low: i.Low, High: i.High, Open: i.Open}
}

// evidenceOf adds to a metric's evidence what the rules say of it: unit, direction and tolerance.
func evidenceOf(m judge.MetricReport, rules guard.Rules) api.MetricEvidence {
	out := api.MetricEvidence{
		Name: m.Name, Role: "decide", Leads: m.Leads, Weight: m.Weight, E: math.Exp(min(m.LogE, 600)), LogE: m.LogE,
		MaxLogE: m.MaxLogE, Ratio: ratio(m.Ratio), Canary: m.Canary, Stable: m.Stable, Units: m.Units, Judged: m.Judged,
		RuledOut: m.RuledOut,
	}
	switch m.Name {
	case "errors":
		out.Unit, out.Tolerated, out.Ratio.Anytime = "fraction", 1+rules.ErrorRate.WorseBy, out.Ratio.Known
		return out
	case "latency":
		out.Unit, out.Tolerated = "ms", 1+rules.LatencyP95.WorseBy
		return out
	}
	if m.Signal {
		out.Role, out.Weight = "signal", 0
	}
	i := slices.IndexFunc(rules.Metrics, func(r guard.MetricRule) bool { return r.Name == m.Name })
	if i < 0 {
		return out
	}
	rule := rules.Metrics[i]
	out.Unit, out.Higher, out.Tolerated = rule.Unit, rule.Higher, 1+rule.WorseBy
	if rule.Higher {
		out.Tolerated = 1 - rule.WorseBy
	}
	switch {
	case rule.Kind == judge.Rate:
		out.Unit = "fraction"
	case rule.Kind == judge.Durations && out.Unit == "":
		out.Unit = "ms"
	}
	return out
}

// Stretches are spans of seconds as times.
func Stretches(spans []judge.Span) []api.Stretch {
	out := []api.Stretch{}
	for _, s := range spans {
		out = append(out, api.Stretch{From: time.Unix(s.From, 0).UTC(), To: time.Unix(s.To, 0).UTC(), Why: s.Why})
	}
	return out
}

// Point is how a comparison stood at a look; false when nothing was compared.
func Point(v guard.Verdict) (api.EvidencePoint, bool) {
	r := v.Report
	if r == nil {
		return api.EvidencePoint{}, false
	}
	p := api.EvidencePoint{At: v.At.UTC(), State: string(v.State), LogE: r.LogE, MaxLogE: r.MaxLogE, RuledOut: r.RuledOut}
	if len(r.Metrics) > 0 && r.Metrics[0].Name == "errors" {
		p.Ratio = ratio(r.Metrics[0].Ratio)
		p.Ratio.Anytime = p.Ratio.Known
	}
	return p, true
}

// Merge joins stretches of several looks: of those that begin together the longest stays.
func Merge(all []api.Stretch) []api.Stretch {
	out := []api.Stretch{}
	slices.SortStableFunc(all, func(a, b api.Stretch) int { return a.From.Compare(b.From) })
	for _, s := range all {
		n := len(out) - 1
		if n >= 0 && !s.From.After(out[n].To) && s.Why == out[n].Why {
			if s.To.After(out[n].To) {
				out[n].To = s.To
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// Warming are the times after each rise in which durations were not judged, up to now.
func Warming(shares []release.Shift, cold time.Duration, now time.Time) []api.Stretch {
	out := []api.Stretch{}
	if cold <= 0 {
		return out
	}
	last := 0.0
	for i, s := range shares {
		rises := s.Share > last && s.Share < 100
		last = s.Share
		if !rises {
			continue
		}
		to := s.At.Add(cold)
		if i+1 < len(shares) && shares[i+1].At.Before(to) {
			to = shares[i+1].At
		}
		if to.After(now) {
			to = now
		}
		out = append(out, api.Stretch{From: s.At.UTC(), To: to.UTC(), Why: "cold caches"})
	}
	return out
}
