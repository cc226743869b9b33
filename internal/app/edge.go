package app

import (
	"context"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/internal/fault"
)

// followRoute brings the edge of this process what any node published: at start, so
// that it serves at once what it served before, and then as the store changes.
func (a *App) followRoute(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	told := false // a store that is away is spoken of once
	for {
		generation, doc, err := a.DB.Route(ctx, a.opts.Strategy.App)
		if err == nil && generation > a.Edge.Table().Generation {
			err = a.apply(doc)
		}
		trouble := err != nil && ctx.Err() == nil && !fault.Is(err, fault.NotFound)
		if trouble && !told {
			a.opts.Log.Warn("follow the routing table", "error", err)
		}
		told = trouble
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// collect hands the edge's observations to the engine, and says every few seconds
// what it serves, for the other nodes.
func (a *App) collect(ctx context.Context) error {
	var told time.Time
	var serves uint64
	lost := false // likewise
	for now := range every(ctx, 250*time.Millisecond) {
		kept, err := a.deliver(ctx, now)
		if err != nil && !lost {
			a.opts.Log.Warn("keep observations", "error", err)
		}
		lost = err != nil || lost && kept == 0 // having had nothing to keep proves nothing
		if g := a.Edge.Table().Generation; g != serves || now.Sub(told) > 5*time.Second {
			if err := a.Engine.EdgeSeen(ctx, a.edgeName(), g); err != nil {
				a.opts.Log.Debug("tell what the edge serves", "error", err)
				continue
			}
			told, serves = now, g
		}
	}
	return nil
}

// every yields the time again and again until ctx ends.
func every(ctx context.Context, pause time.Duration) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				if !yield(now) {
					return
				}
			}
		}
	}
}

// deliver hands over what is complete by now, and says how many batches were kept.
func (a *App) deliver(ctx context.Context, now time.Time) (kept int, err error) {
	for {
		b, ok := a.Edge.Observer().Collect(now)
		if !ok {
			return kept, nil
		}
		if err := a.Engine.Observe(ctx, b); err != nil && ctx.Err() == nil {
			return kept, err
		}
		if len(b.Buckets) == 0 {
			return kept, nil
		}
		kept++
	}
}

// runBoth runs two parts until ctx ends or one fails.
func runBoth(ctx context.Context, a, b func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a(ctx) })
	g.Go(func() error { return b(ctx) })
	return g.Wait()
}
