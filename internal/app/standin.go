package app

import (
	"context"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/observability"
)

// Vercel's own counts are asked minute by minute, each when it has been over for a minute, while a guard may need them.
const (
	countWidth = time.Minute
	countLag   = time.Minute
	countBack  = 10 * time.Minute // that are asked for afterwards, when nobody could ask
	countEvery = 5 * time.Second
)

// countsName is one for all nodes: who asks for a minute first counts it.
const countsName = "vercel"

// counting is how asking Vercel went last.
type counting struct {
	trouble string
	until   time.Time // end of the last minute that is known
	asked   time.Time
}

// askCounts asks for what is due until ctx ends, and says once when that fails.
func (a *App) askCounts(ctx context.Context, from *observability.Source) error {
	told := false
	for range every(ctx, countEvery) {
		now, err := a.DB.Now(ctx)
		if err == nil {
			err = a.countDue(ctx, from, now)
		}
		if err != nil && !told && ctx.Err() == nil {
			a.opts.Log.Warn("ask Vercel for its own counts", "error", err)
		}
		told = err != nil
	}
	return nil
}

// countDue asks for the minutes that are over and that no node has asked for, the oldest first, while a version is
// watched by a guard that may need them. What fails is asked for again a minute later.
func (a *App) countDue(ctx context.Context, from *observability.Source, now time.Time) error {
	last := a.counting.Load()
	if last != nil && last.trouble != "" && now.Sub(last.asked) < countLag {
		return nil
	}
	since, err := a.countedSince(ctx)
	if err != nil || since.IsZero() {
		return err
	}
	known := time.Unix(a.timeline.Of(metric.Observability).Watermark(now), 0)
	begin := latest(known, since.Truncate(countWidth), now.Add(-countBack).Truncate(countWidth))
	for ; !begin.Add(countWidth + countLag).After(now); begin = begin.Add(countWidth) {
		if err := a.countMinute(ctx, from, now, begin); err != nil {
			a.counting.Store(&counting{trouble: fault.MessageOf(err), until: begin, asked: now})
			return err
		}
		a.counting.Store(&counting{until: begin.Add(countWidth), asked: now})
	}
	return nil
}

// countMinute asks for one minute and hands it on. Its number is the minute's: asked for again, here or by another
// node, it counts once.
func (a *App) countMinute(ctx context.Context, from *observability.Source, now, begin time.Time) error {
	end := begin.Add(countWidth)
	counts, err := from.Count(ctx, begin, end)
	if err != nil {
		return err
	}
	b := metric.Batch{Source: countsName, Kind: metric.Observability, Sequence: uint64(begin.Unix()) / 60, Sent: now,
		Complete: end.Unix()}
	for external, c := range counts {
		id, err := a.drained(ctx, external)
		if err != nil {
			return err
		}
		if id == "" {
			continue
		}
		// What was asked for is not told: all of it counts as what is compared. Visitors are not told either.
		b.Buckets = append(b.Buckets, metric.Bucket{Deployment: id, Class: metric.Document, Second: begin.Unix(),
			Width: int64(countWidth / time.Second), Requests: uint64(c.Requests), Errors: uint64(c.Errors),
			Units: uint64(c.Errors)})
	}
	return a.Engine.Observe(ctx, b)
}

// countedSince is from when on a guard may need what Vercel counted; zero when none does.
func (a *App) countedSince(ctx context.Context) (time.Time, error) {
	app := a.opts.Strategy.App
	first := time.Time{}
	need := func(at time.Time) {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	releases, err := a.DB.ActiveReleases(ctx, app)
	if err != nil {
		return first, err
	}
	for _, r := range releases {
		if rules, watched := r.Rules(); watched && rules.Fallback != "" {
			need(r.Exposed)
		}
	}
	rollbacks, err := a.DB.ActiveRollbacks(ctx, app)
	for _, b := range rollbacks {
		if b.Plan.Rules.Fallback != "" && !b.Executed.IsZero() {
			need(b.Executed)
		}
	}
	return first, err
}

// countsSource says how asking Vercel goes.
func (a *App) countsSource() api.MetricSource {
	s := api.MetricSource{Name: countsName, Kind: string(metric.Observability),
		Sentence: "Vercel's own counts are asked for while a version is watched: they stand in for a silent drain."}
	if c := a.counting.Load(); c != nil {
		if s.Trouble = c.trouble != ""; s.Trouble {
			s.Sentence = "Vercel's own counts could not stand in for a silent drain: " + c.trouble
		}
		s.Heard, s.Complete = stamp(c.asked), stamp(c.until)
	}
	return s
}

// stoodIn reports whether a guard may go by what Vercel counted.
func (a *App) stoodIn() bool {
	for _, step := range a.opts.Strategy.ReleasePlan().Steps {
		if step.Rules.Fallback == metric.Observability {
			return true
		}
	}
	return false
}

func latest(first time.Time, more ...time.Time) time.Time {
	for _, t := range more {
		if t.After(first) {
			first = t
		}
	}
	return first
}
