package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/internal/engine/configs"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/engine/forge"
	"github.com/slipwayhq/slipway/internal/engine/incidents"
	"github.com/slipwayhq/slipway/internal/engine/mirror"
	"github.com/slipwayhq/slipway/internal/engine/publish"
	"github.com/slipwayhq/slipway/internal/engine/target"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

// The kinds of work.
const (
	workRelease  = "release"
	workRollback = "rollback"
	workRoute    = "route"
	workEffect   = "effect"
	workNotify   = "notify"
	workHealth   = "health"
	workKeep     = "keep"
)

// handler does one piece of work and says when to look again; zero for never,
// unless it is woken.
type handler func(ctx context.Context, id string) (time.Time, error)

// pool is a number of workers for some kinds of work.
type pool struct {
	name     string
	workers  int
	handlers map[string]handler
}

// Run works until ctx ends, finishes what it holds, and returns.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.begin(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it began
		}
		return err
	}
	pools := []pool{
		{"decide", 4, map[string]handler{workRelease: e.lookAtRelease, workRollback: e.lookAtRollback,
			flags.Work: e.Flags.Look, incidents.Work: e.Incidents.Look}},
		{"route", 4, map[string]handler{workRoute: e.carryOut}}, // of its own: no slow check keeps visitors waiting
		{"act", 6, map[string]handler{workEffect: e.carryOut}},
		{"tell", 4, map[string]handler{workNotify: e.carryOut}},
		{"measure", 4, map[string]handler{workHealth: e.probeHealth}},
		{"observe", 2, map[string]handler{target.Work: e.Target.Look, target.WorkBuild: e.Target.LookAtBuild,
			configs.Work: e.Configs.Look}},
		{"publish", 2, map[string]handler{publish.Work: e.Publisher.Look,
			mirror.Work: e.Mirror.Look}}, // of its own: a kill switch waits for nothing
		{"github", 3, map[string]handler{forge.Work: e.Forge.Look}}, // of its own: nothing waits for GitHub
		{"keep", 1, map[string]handler{workKeep: e.keep}},
	}
	g, ctx := errgroup.WithContext(ctx)
	wakes := make([]chan struct{}, len(pools))
	for i, p := range pools {
		wakes[i] = make(chan struct{}, 1)
		g.Go(func() error { return e.serve(ctx, p, wakes[i]) })
	}
	g.Go(func() error { return e.spread(ctx, wakes) })
	if e.DB.Room().Reserve > 0 || e.DB.Dialect() == store.PostgreSQL {
		g.Go(func() error { return e.mindDisk(ctx) })
	}
	if e.DB.Dialect() == "postgres" {
		g.Go(func() error { return e.followBatches(ctx) })
	}
	return g.Wait()
}

// begin takes up what was measured before this process started, and schedules the
// housekeeping.
func (e *Engine) begin(ctx context.Context) error {
	now, err := e.now(ctx)
	if err != nil {
		return fmt.Errorf("read the clock: %w", err)
	}
	if e.DB.Dialect() == store.SQLite {
		if err := e.DB.Free(ctx, now); err != nil {
			return err
		}
	}
	if err := e.readBatches(ctx, now.Add(-e.Pace.KeepRaw)); err != nil {
		return fmt.Errorf("read recent observations: %w", err)
	}
	return e.DB.Write(
		ctx,
		func(tx *store.Tx) error {
			if e.Platform != nil {
				for _, kind := range []string{target.Work, configs.Work} {
					if err := tx.Schedule(ctx, kind, kind, now); err != nil {
						return err
					}
				}
			}
			if err := e.Forge.Begin(ctx, tx); err != nil {
				return err
			}
			if err := e.Publisher.Begin(ctx, tx); err != nil {
				return err
			}
			if err := e.Mirror.Begin(ctx, tx); err != nil {
				return err
			}
			return tx.Schedule(ctx, workKeep, workKeep, now.Add(e.Pace.Roll))
		},
	)
}

// spread hands one wake to every pool.
func (e *Engine) spread(ctx context.Context, wakes []chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.wake:
			for _, w := range wakes {
				select {
				case w <- struct{}{}:
				default:
				}
			}
		}
	}
}

// serve claims the pool's work as it becomes due and keeps its workers busy.
func (e *Engine) serve(ctx context.Context, p pool, wake <-chan struct{}) error {
	kinds := make([]string, 0, len(p.handlers))
	for k := range p.handlers {
		kinds = append(kinds, k)
	}
	free := make(chan struct{}, p.workers)
	for range p.workers {
		free <- struct{}{}
	}
	var held sync.WaitGroup
	defer held.Wait()
	for {
		n := e.claim(ctx, kinds, len(free), func(w store.Work) {
			<-free
			held.Go(func() {
				e.work(ctx, p.handlers[w.Kind], w)
				free <- struct{}{}
				e.nudge()
			})
		})
		if n > 0 && len(free) > 0 {
			continue
		}
		timer := time.NewTimer(e.Pace.Poll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// claim takes up to limit due rows. Looking costs a read; only when something is
// due does it write.
func (e *Engine) claim(ctx context.Context, kinds []string, limit int, start func(store.Work)) int {
	if limit == 0 || ctx.Err() != nil {
		return 0
	}
	now, err := e.now(ctx)
	if err == nil {
		var due time.Time
		if due, err = e.DB.NextDue(ctx, kinds); err == nil && (due.IsZero() || due.After(now)) {
			return 0
		}
	}
	var work []store.Work
	if err == nil {
		work, err = e.DB.Claim(ctx, e.Node, kinds, limit, e.Pace.Lease, now)
	}
	if err != nil {
		if ctx.Err() == nil {
			e.complain(ctx, slog.LevelWarn, "claim work", "", err)
		}
		return 0
	}
	for _, w := range work {
		start(w)
	}
	return len(work)
}

// work runs a handler under the lease and gives the lease back. A panic or an error
// costs this look, not the loop: the work is looked at again a little later.
func (e *Engine) work(ctx context.Context, h handler, w store.Work) {
	held, cancel := context.WithCancel(ctx)
	defer cancel()
	go e.renew(held, cancel, w)
	next, err := e.guarded(held, h, w)
	if err != nil && held.Err() == nil {
		level := slog.LevelError
		if k := fault.KindOf(err); k == fault.Conflict || k == fault.Unavailable {
			level = slog.LevelInfo
		}
		e.complain(ctx, level, "look at work", w.ID, err)
	}
	if err != nil {
		next = e.later(ctx, time.Second)
	}
	giving, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	if err := e.DB.GiveBack(giving, w, next); err != nil && !fault.Is(err, fault.Conflict) &&
		!fault.Is(err, fault.NotFound) {
		e.Log.Warn("give work back", "id", w.ID, "error", err)
	}
}

// later is a time from now by the clock that claims go by.
func (e *Engine) later(ctx context.Context, d time.Duration) time.Time {
	now, err := e.now(ctx)
	if err != nil {
		now = time.Now()
	}
	return now.Add(d)
}

// complain logs trouble once, and again every half minute while it lasts: a database
// that is away is looked for many times a second.
func (e *Engine) complain(ctx context.Context, level slog.Level, what, id string, err error) {
	const again, most = 30 * time.Second, 1000
	now := time.Now()
	e.mu.Lock()
	known, told := e.told[what+id]
	quiet := told && now.Sub(known) < again
	if !quiet {
		if len(e.told) >= most {
			clear(e.told)
		}
		e.told[what+id] = now
	}
	e.mu.Unlock()
	if !quiet {
		e.Log.Log(ctx, level, what, "id", id, "error", err)
	}
}

func (e *Engine) guarded(ctx context.Context, h handler, w store.Work) (next time.Time, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Wrap(
				fmt.Errorf("%v\n%s", p, debug.Stack()),
				fault.Internal,
				"internal",
				"A worker stopped at %s.",
				w.ID,
			)
		}
	}()
	return h(ctx, w.ID)
}

// renew keeps the lease while the work goes on, and stops the work when it is lost.
func (e *Engine) renew(ctx context.Context, cancel func(), w store.Work) {
	defer func() {
		if p := recover(); p != nil {
			e.Log.Error("renew lease", "id", w.ID, "panic", p)
			cancel()
		}
	}()
	tick := time.NewTicker(e.Pace.Lease / 3)
	defer tick.Stop()
	trusted := time.Now().Add(e.Pace.Lease * 4 / 5)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := e.now(ctx)
		if err == nil {
			err = e.DB.Renew(ctx, w, e.Pace.Lease, now)
		}
		switch {
		case err == nil:
			trusted = time.Now().Add(e.Pace.Lease * 4 / 5)
		case fault.Is(err, fault.Conflict), time.Now().After(trusted):
			cancel()
			return
		}
	}
}

// retryConflict runs f again when another writer was faster.
func retryConflict(ctx context.Context, f func() error) error {
	var err error
	for range 8 {
		if err = f(); err == nil || ctx.Err() != nil || !errors.Is(err, errStale) {
			return err
		}
	}
	return err
}

// errStale marks a decision that was made on a row that changed meanwhile.
var errStale = errors.New("decided on a row that has changed")

// stale tells apart a lost comparison, which is decided again, from other conflicts.
func stale(err error) error {
	if fault.ReasonOf(err) == "changed_meanwhile" {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	return err
}
