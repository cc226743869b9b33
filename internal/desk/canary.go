package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/verdict"
)

// points is how many intervals a canary's plots have at most: with them the page stays below 60 KB.
const points = 60

// Canary returns both versions over the same time axis: from shortly before the
// first share to the release's end or now.
func (d *Desk) Canary(ctx context.Context, who access.Actor, id string) (api.Canary, error) {
	out := api.Canary{
		Stable: []api.CanaryPoint{}, Canary: []api.CanaryPoint{}, Shares: []api.Shift{}, Measured: []api.SharePoint{},
		Health:   []api.HealthPoint{},
		Verdicts: []api.VerdictMark{}, Evidence: []api.EvidencePoint{}, Shared: []api.Stretch{}, Warming: []api.Stretch{},
		Broken: []api.Stretch{}, StoodIn: []api.Stretch{},
	}
	r, err := d.find(ctx, id)
	if err != nil {
		return out, err
	}
	if err := d.see(ctx, who, r.Step().Environment); err != nil {
		return out, err
	}
	out.Release = r.ID
	out.Limits = limits(r)
	now, err := d.DB.Now(ctx)
	if err != nil {
		return out, err
	}
	from, to, step := axis(r, now)
	out.From, out.To, out.StepSecs = from.UTC(), to.UTC(), step.Seconds()
	out.Shares = d.brief(r).Shares
	if r.Exposed.IsZero() {
		return out, nil
	}
	rules, _ := shareRules(r)
	stable, err := d.seriesOf(ctx, rules.Source, r.Previous, from, to)
	if err != nil {
		return out, err
	}
	canary, err := d.seriesOf(ctx, rules.Source, r.Deployment, from, to)
	if err != nil {
		return out, err
	}
	if err := d.weighed(ctx, &out, r, step); err != nil {
		return out, err
	}
	if rules.Fallback != "" {
		if stable, err = d.instead(ctx, stable, rules.Fallback, r.Previous, out); err == nil {
			canary, err = d.instead(ctx, canary, rules.Fallback, r.Deployment, out)
		}
		if err != nil {
			return out, err
		}
	}
	for _, b := range slices.Concat(stable, canary) { // what was rolled up is known no finer
		step = max(step, time.Duration(b.Width)*time.Second)
	}
	out.StepSecs = step.Seconds()
	d.draw(&out, r, stable, canary, from, to, step)
	early := func(b metric.Bucket) bool { return b.Second < r.Exposed.Unix() }
	out.Hurt = verdict.Hurt(canary, slices.DeleteFunc(stable, early))
	return out, d.marks(ctx, &out, r, from)
}

// weighed adds how the evidence stood over time: one look of each interval.
func (d *Desk) weighed(ctx context.Context, out *api.Canary, r release.Release, step time.Duration) error {
	list, err := d.DB.VerdictsOver(ctx, r.ID, out.From, step)
	if err != nil {
		return err
	}
	for _, j := range list {
		if at := j.Verdict.StableBroken; !at.IsZero() && at.Before(j.Verdict.At) {
			out.Broken = append(out.Broken, api.Stretch{From: at.UTC(), To: j.Verdict.At.UTC(),
				Why: "the stable version itself was broken"})
		}
		if v := j.Verdict; v.From != "" {
			from := v.Silent
			if from.Before(r.Exposed) {
				from = r.Exposed
			}
			out.StoodIn = append(out.StoodIn, api.Stretch{From: from.UTC(), To: v.At.UTC(),
				Why: "Vercel's own counts stood in for a silent source"})
		}
		p, compared := verdict.Point(j.Verdict)
		if !compared || p.At.After(out.To) {
			continue
		}
		out.Evidence = append(out.Evidence, p)
		out.Shared = append(out.Shared, verdict.Stretches(j.Verdict.Report.Shared)...)
	}
	out.Shared, out.Broken = verdict.Merge(out.Shared), verdict.Merge(out.Broken)
	out.StoodIn = verdict.Merge(out.StoodIn)
	if rules, ok := shareRules(r); ok {
		out.Warming = verdict.Warming(r.Shares, rules.ColdStart, out.To)
	}
	return nil
}

// axis chooses the range and the length of an interval: whole seconds, at most
// points of them.
func axis(r release.Release, now time.Time) (from, to time.Time, step time.Duration) {
	from, to = r.Exposed, now
	if from.IsZero() {
		from = r.Created
	}
	if !r.Ended.IsZero() {
		to = r.Ended
	}
	lead := max(to.Sub(from)/10, 5*time.Second)
	from = from.Add(-min(lead, 5*time.Minute)).Truncate(time.Second)
	step = max((to.Sub(from)/points + time.Second - 1).Truncate(time.Second), time.Second)
	return from, to.Add(time.Second).Truncate(time.Second), step
}

func limits(r release.Release) api.CanaryLimits {
	rules, ok := shareRules(r)
	if !ok {
		return api.CanaryLimits{}
	}
	out := api.CanaryLimits{
		ErrorWarn: rules.ErrorRate.Warn, ErrorCritical: rules.ErrorRate.Critical,
		LatencyWarn: rules.LatencyP95.Warn, LatencyCritical: rules.LatencyP95.Critical, Suspicious: judge.Suspicion,
	}
	if rules.Alpha > 0 {
		out.TakeBack = 1 / rules.Alpha
	}
	if rules.ErrorRate.WorseBy > 0 {
		out.Tolerated = 1 + rules.ErrorRate.WorseBy
	}
	return out
}

// shareRules are the guard's rules at the release's shares.
func shareRules(r release.Release) (guard.Rules, bool) {
	if list := r.Plan.Shares(); len(list) > 0 {
		return list[0].Rules, true
	}
	return guard.Rules{}, false
}

// measured is what who sees all requests has told: the edge, or a platform's drains.
func (d *Desk) measured() *metric.Timeline { return d.Timeline.Of(d.Strategy.Measured()) }

// instead puts what another kind of sources told where it was gone by: in the stretches in which it stood in, or, when
// the verdicts that say which are gone, where there is nothing else.
func (d *Desk) instead(ctx context.Context, list []metric.Bucket, kind metric.Kind, deployment string, c api.Canary,
) ([]metric.Bucket, error) {
	if len(c.StoodIn) == 0 && len(c.Evidence) > 0 {
		return list, nil
	}
	told, err := d.seriesOf(ctx, kind, deployment, c.From, c.To)
	if err != nil || len(told) == 0 {
		return list, err
	}
	overlaps := func(b metric.Bucket, from, to int64) bool { return b.Second+b.Covers() > from && b.Second < to }
	stood := func(b metric.Bucket) bool {
		return slices.ContainsFunc(c.StoodIn, func(s api.Stretch) bool { return overlaps(b, s.From.Unix(), s.To.Unix()) })
	}
	told = slices.DeleteFunc(told, func(b metric.Bucket) bool {
		if len(c.StoodIn) > 0 {
			return !stood(b)
		}
		return slices.ContainsFunc(list, func(o metric.Bucket) bool { return overlaps(o, b.Second, b.Second+b.Covers()) })
	})
	return append(slices.DeleteFunc(list, stood), told...), nil
}

// hurtOf says where a release was hurt, where a drain tells that; it reads what was measured since its first visitor.
func (d *Desk) hurtOf(ctx context.Context, r release.Release) ([]api.HurtPlace, error) {
	rules, ok := shareRules(r)
	if !ok || r.Exposed.IsZero() || rules.Source != metric.Drain {
		return nil, nil
	}
	now, err := d.DB.Now(ctx)
	if err != nil {
		return nil, err
	}
	_, to, _ := axis(r, now)
	stable, err := d.seriesOf(ctx, rules.Source, r.Previous, r.Exposed, to)
	if err != nil {
		return nil, err
	}
	canary, err := d.seriesOf(ctx, rules.Source, r.Deployment, r.Exposed, to)
	return verdict.Hurt(canary, stable), err
}

// series reads a deployment's seconds as who sees all requests told them.
func (d *Desk) series(ctx context.Context, deployment string, from, to time.Time) ([]metric.Bucket, error) {
	return d.seriesOf(ctx, "", deployment, from, to)
}

// seriesOf reads a deployment's seconds as a kind of sources saw them from memory, and older ones from what was rolled
// up, with the length of their span as their width: one that overlaps an end is whole. Where a sample reaches into what
// memory still holds, memory is cut at its end, so that nothing is in both.
func (d *Desk) seriesOf(ctx context.Context, kind metric.Kind, deployment string, from, to time.Time,
) ([]metric.Bucket, error) {
	if kind == d.Strategy.Measured() {
		kind = ""
	}
	tl, grid := d.measured(), int64(1)
	if kind != "" {
		tl = d.Timeline.Of(kind)
	}
	if kind == metric.Observability {
		grid = 60
	}
	recent := tl.Spans(deployment, from.Unix(), to.Unix(), grid, metric.Compared()...)
	samples, err := d.DB.SamplesOf(ctx, d.Strategy.App, from, to, deployment)
	if err != nil {
		return nil, err
	}
	compared := map[string]bool{}
	for _, c := range metric.Compared() {
		compared[c.Kept(kind)] = true
	}
	samples = slices.DeleteFunc(samples, func(s store.Sample) bool { return !compared[s.Class] })
	if len(recent) > 0 {
		cut := recent[0].Second
		for _, s := range samples {
			if s.Second <= recent[0].Second {
				cut = max(cut, s.Second+s.Span)
			}
		}
		samples = slices.DeleteFunc(samples, func(s store.Sample) bool { return s.Second >= cut })
		recent = slices.DeleteFunc(recent, func(b metric.Bucket) bool { return b.Second < cut })
	}
	out := make([]metric.Bucket, 0, len(samples)+len(recent))
	for _, s := range samples {
		var b metric.Bucket
		if err := json.Unmarshal(s.Doc, &b); err != nil {
			return nil, fmt.Errorf("read sample of %s at %d: %w", deployment, s.Second, err)
		}
		b.Width = max(b.Width, s.Span)
		out = append(out, b)
	}
	return append(out, recent...), nil
}

// draw folds the seconds into intervals.
func (d *Desk) draw(out *api.Canary, r release.Release, stable, canary []metric.Bucket, from, to time.Time,
	step time.Duration) {
	n := int(to.Sub(from)/step) + 1
	s, c := fold(stable, from, step, n), fold(canary, from, step, n)
	for i := range n {
		at := from.Add(time.Duration(i) * step).UTC()
		if s[i].Requests > 0 {
			out.Stable = append(out.Stable, point(at, s[i]))
		}
		if c[i].Requests > 0 {
			out.Canary = append(out.Canary, point(at, c[i]))
		}
		if total := s[i].Requests + c[i].Requests; total > 0 {
			low, high := wilson(c[i].Requests, total)
			out.Measured = append(out.Measured, api.SharePoint{
				At: at, Share: 100 * float64(c[i].Requests) / float64(total), Low: 100 * low, High: 100 * high,
				Intended: intended(r, at.Add(step/2)),
			})
		}
	}
	var all, normal metric.Bucket
	for _, b := range canary {
		all.Add(b)
	}
	for _, b := range stable {
		normal.Add(b)
	}
	out.Exposed = all.New
	if rate, ok := normal.ErrorRate(); ok {
		out.HarmExtra = max(float64(all.Errors)-rate*float64(all.Requests), 0)
	}
}

func fold(list []metric.Bucket, from time.Time, step time.Duration, n int) []metric.Bucket {
	out := make([]metric.Bucket, n)
	for _, b := range list {
		if i := int(time.Unix(max(b.Second, from.Unix()), 0).Sub(from) / step); i >= 0 && i < n {
			out[i].Add(b)
		}
	}
	return out
}

func point(at time.Time, b metric.Bucket) api.CanaryPoint {
	p := api.CanaryPoint{At: at, Requests: b.Requests, Errors: b.Errors, Rate: float64(b.Errors) / float64(b.Requests)}
	p.RateLow, p.RateHigh = wilson(b.Errors, b.Requests)
	if b.Latency.Count() > 0 {
		p.P50, p.P95 = b.Latency.Quantile(0.5), b.Latency.Quantile(0.95)
		p.P95Low, p.P95High = b.Latency.QuantileBand(0.95, 1.96)
	}
	return p
}

// wilson returns the 95 % score interval of k out of n (Wilson 1927).
func wilson(k, n uint64) (low, high float64) {
	const z = 1.959964
	f := float64(n)
	p := float64(k) / f
	mid, half := p+z*z/(2*f), z*math.Sqrt(p*(1-p)/f+z*z/(4*f*f))
	return max((mid-half)/(1+z*z/f), 0), min((mid+half)/(1+z*z/f), 1)
}

// intended returns the share that was meant at a time.
func intended(r release.Release, at time.Time) float64 {
	share := 0.0
	for _, s := range r.Shares {
		if !s.At.After(at) {
			share = s.Share
		}
	}
	return share
}

// marks adds the health probes and the changes of the verdict.
func (d *Desk) marks(ctx context.Context, out *api.Canary, r release.Release, from time.Time) error {
	for arm, id := range map[string]string{"canary": r.Deployment, "stable": r.Previous} {
		probes, err := d.DB.ProbesOf(ctx, id, from)
		if err != nil {
			return err
		}
		for _, p := range probes {
			if p.At.After(out.To) {
				break
			}
			out.Health = append(out.Health, api.HealthPoint{
				At: p.At.UTC(), Arm: arm, OK: p.OK, Millis: float64(p.Took) / float64(time.Millisecond), Problem: p.Detail,
			})
		}
	}
	list, err := d.DB.VerdictChanges(ctx, r.ID, from, 200)
	if err != nil {
		return err
	}
	for _, j := range list {
		out.Verdicts = append(out.Verdicts, api.VerdictMark{At: j.Verdict.At.UTC(), Word: string(j.Verdict.Word),
			Action: string(j.Verdict.Action), Cause: string(j.Verdict.Cause), Sentence: j.Verdict.Sentence})
	}
	return nil
}
