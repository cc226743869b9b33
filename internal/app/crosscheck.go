package app

import (
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/drain"
	"github.com/slipwayhq/slipway/internal/metric/observability"
)

// What a drain told is compared with what Vercel counted over a window, when both have had time for it.
const (
	checkWindow = 5 * time.Minute
	checkLag    = 5 * time.Minute
	checkLeast  = 100 // requests of a window that are worth comparing
	checkPart   = 0.8 // of Vercel's that a whole drain tells of at least
)

// crossChecked is how a drain and Vercel's own count compared last.
type crossChecked struct {
	short    bool
	sentence string
}

// counter asks Vercel for its own counts; nil where the application is not there.
func (a *App) counter() *observability.Source {
	v, ok := a.opts.Strategy.Vercel()
	if !ok {
		return nil
	}
	client := VercelClient(v, a.opts.Env, a.kept, limits{a.DB})
	return observability.New(observability.Options{
		Query: client.Metrics, Schema: client.MetricSchema,
		Project: func(ctx context.Context) (id, owner string, err error) {
			p, err := client.Project(ctx, v.Project)
			return p.ID, p.Account, err
		},
	})
}

// crossCheck compares window by window until ctx ends. What can't be compared is said, and is no trouble: nothing rests
// on it.
func (a *App) crossCheck(ctx context.Context, from *observability.Source) error {
	for range every(ctx, checkWindow) {
		now, err := a.DB.Now(ctx)
		if err == nil {
			end := now.Add(-checkLag).Truncate(checkWindow)
			err = a.compareCounts(ctx, from, end.Add(-checkWindow), end)
		}
		if err != nil && ctx.Err() == nil {
			a.crossed.Store(&crossChecked{sentence: "It could not be compared with Vercel's own count: " +
				fault.MessageOf(err)})
		}
	}
	return nil
}

// compareCounts compares one window.
func (a *App) compareCounts(ctx context.Context, from *observability.Source, begin, end time.Time) error {
	counts, err := from.Count(ctx, begin, end)
	if err != nil {
		return err
	}
	told, counted := 0.0, 0.0
	tl := a.timeline.Of(metric.Drain)
	for external, c := range counts {
		id, err := a.drained(ctx, external)
		if err != nil {
			return err
		}
		if id == "" {
			continue // a preview, another project's, or one that nobody judges
		}
		b := tl.Sum(id, begin.Unix(), end.Unix())
		told, counted = told+float64(b.Requests+b.Excluded), counted+c.Requests
	}
	out := crossChecked{sentence: fmt.Sprintf("From %s to %s UTC Vercel counted %.0f requests, the drain told of %.0f.",
		begin.UTC().Format("15:04"), end.UTC().Format("15:04"), counted, told)}
	whole := drain.Most(rulesOf(a.opts.Strategy.Drain()))
	if out.short = counted >= checkLeast && told < checkPart*whole*counted; out.short {
		out.sentence += " Compare the drain's filter and sampling with sources.drain."
	}
	a.crossed.Store(&out)
	return nil
}
