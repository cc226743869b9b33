package flagset

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/internal/store"
)

// Shards is how many counters stand behind one: who counts adds to that of its own shard, so that cores do not wait
// for one another.
const Shards = 4

// line is the length of a cache line.
const line = 64

// Usage counts how often variants are served, shown and seen to fail. It knows no user.
type Usage struct {
	app string
	mu  sync.Mutex
	by  map[name]*Counter
}

type name struct{ environment, flag, variant string }

// Counter counts one variant of a flag.
type Counter struct {
	evaluations [Shards]padded
	exposures   atomic.Int64
	errors      atomic.Int64
}

type padded struct {
	atomic.Int64
	_ [line - 8]byte
}

func newUsage(app string) *Usage { return &Usage{app: app, by: map[name]*Counter{}} }

// Counter returns the counter of a variant, which stays the same; the variant is empty for a program's own fallback.
func (u *Usage) Counter(environment, flag, variant string) *Counter {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := name{environment, flag, variant}
	c := u.by[n]
	if c == nil {
		c = &Counter{}
		u.by[n] = c
	}
	return c
}

// Evaluated counts an evaluation.
func (c *Counter) Evaluated(shard int) { c.evaluations[shard%Shards].Add(1) }

// Reported adds what a program has counted by itself.
func (c *Counter) Reported(evaluations, exposures, errors int64) {
	c.evaluations[0].Add(evaluations)
	c.exposures.Add(exposures)
	c.errors.Add(errors)
}

// Take returns what was counted since the last time, as of the minute with that moment, and begins anew.
func (u *Usage) Take(at time.Time) []store.FlagUsage {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []store.FlagUsage
	for n, c := range u.by {
		row := store.FlagUsage{
			App: u.app, Environment: n.environment, Flag: n.flag, Variant: n.variant, Span: 60,
			At:        at.Unix() - at.Unix()%60,
			Exposures: c.exposures.Swap(0), Errors: c.errors.Swap(0),
		}
		for i := range c.evaluations {
			row.Evaluations += c.evaluations[i].Swap(0)
		}
		if row.Evaluations+row.Exposures+row.Errors > 0 {
			out = append(out, row)
		}
	}
	return out
}

// Return gives back what could not be stored.
func (u *Usage) Return(list []store.FlagUsage) {
	for _, row := range list {
		u.Counter(row.Environment, row.Flag, row.Variant).Reported(row.Evaluations, row.Exposures, row.Errors)
	}
}

// minute is when things that are done once a minute are due.
type minute struct{ next, hour time.Time }

// newMinute returns one that is first due at the next full minute.
func newMinute(now time.Time) *minute {
	return &minute{next: now.Truncate(time.Minute).Add(time.Minute), hour: now.Add(time.Minute)}
}

func (m *minute) pass(ctx context.Context, k *Keeper, now time.Time) {
	if now.Before(m.next) {
		return
	}
	m.next = now.Truncate(time.Minute).Add(time.Minute)
	m.write(ctx, k, now)
	if k.Keep != nil && !now.Before(m.hour) {
		m.hour = now.Add(time.Hour)
		if err := k.Keep(ctx); err != nil && ctx.Err() == nil {
			k.Log.WarnContext(ctx, "sum up the usage of flags", "error", err.Error())
		}
	}
}

// write stores what was counted; what cannot be stored is counted later.
func (m *minute) write(ctx context.Context, k *Keeper, now time.Time) {
	if k.Write == nil {
		return
	}
	rows := k.Usage.Take(now.Add(-30 * time.Second)) // most of it happened in the minute that is over
	err := k.Write(ctx, rows)
	if err != nil {
		k.Usage.Return(rows)
	} else {
		err = k.noteKeys(ctx)
	}
	if err != nil && ctx.Err() == nil {
		k.Log.WarnContext(ctx, "store the usage of flags: it is counted later", "error", err.Error())
	}
}
