package providertest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
)

var _ provider.Provider = (*Fake)(nil)

// confirm is how long the Fake waits for an edge that is late.
const confirm = 50 * time.Millisecond

// Call is one call of Route.
type Call struct {
	Key     string
	Routing provider.Routing
	Err     error
}

// Fake is a provider with one edge that exists in memory only. The zero value is
// ready to use.
type Fake struct {
	// Before, when it is set, is called at the start of every Route. Its error is the
	// call's; nothing is routed then.
	Before func(ctx context.Context, key string, r provider.Routing) error

	mu      sync.Mutex
	wanted  *provider.Routing
	serves  *provider.Routing
	changes int
	calls   []Call
	late    bool
	silent  bool
}

// Route makes the routing true.
func (f *Fake) Route(ctx context.Context, key string, r provider.Routing) error {
	err := f.route(ctx, key, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, Call{key, r, err})
	return err
}

func (f *Fake) route(ctx context.Context, key string, r provider.Routing) error {
	if f.Before != nil {
		if err := f.Before(ctx, key, r); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return fault.Wrap(err, fault.Unavailable, "edges_unknown", "The call was stopped.")
	}
	if err := f.take(r); err != nil || f.follows() {
		return err
	}
	timer := time.NewTimer(confirm)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	if f.follows() {
		return nil
	}
	return fault.New(fault.Unavailable, "edges_late", "Not confirmed by the edge.")
}

// take notes what is wanted, and lets the edge follow when it does.
func (f *Fake) take(r provider.Routing) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wanted != nil && r.Generation < f.wanted.Generation {
		return fault.New(fault.Conflict, "stale_generation", "Generation %d is in force; %d comes too late.",
			f.wanted.Generation, r.Generation)
	}
	if f.wanted == nil || r.Generation > f.wanted.Generation {
		f.wanted = &r
	}
	f.follow()
	return nil
}

func (f *Fake) follow() {
	if f.late || f.silent || f.wanted == nil || f.serves != nil && f.serves.Generation == f.wanted.Generation {
		return
	}
	f.serves = f.wanted
	f.changes++
}

func (f *Fake) follows() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.silent || f.serves != nil && f.serves.Generation >= f.wanted.Generation
}

// Late makes the edge late, or lets it catch up.
func (f *Fake) Late(late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late = late
	f.follow()
}

// Silence takes the edge away.
func (f *Fake) Silence() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.silent = true
}

// Serves returns what the edge serves.
func (f *Fake) Serves() Served {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.serves == nil {
		return Served{}
	}
	s := Served{Generation: f.serves.Generation, Stable: f.serves.Stable.ID, Share: f.serves.Share}
	if f.serves.Canary != nil {
		s.Canary = f.serves.Canary.ID
	}
	return s
}

// Ramps returns the flags that the edge counts by.
func (f *Fake) Ramps() []provider.Ramp {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.serves == nil {
		return nil
	}
	return slices.Clone(f.serves.Ramps)
}

// Changes returns how often the edge got another routing.
func (f *Fake) Changes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changes
}

// Calls returns every call that has ended, in that order.
func (f *Fake) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}
