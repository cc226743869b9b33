package openfeature

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/flagset/follow"
)

// counter counts how often a variant was served.
type counter struct{ atomic.Int64 }

// usage sums what was served until it is reported. A variant keeps its counter from snapshot to snapshot.
type usage struct {
	mu       sync.Mutex
	counters map[[2]string]*counter // by flag and variant
}

func (u *usage) counter(flag, variant string) *counter {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.counters == nil {
		u.counters = map[[2]string]*counter{}
	}
	c := u.counters[[2]string{flag, variant}]
	if c == nil {
		c = &counter{}
		u.counters[[2]string{flag, variant}] = c
	}
	return c
}

// due returns what was served since the last time.
func (u *usage) due() []api.FlagCount {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []api.FlagCount
	for at, c := range u.counters {
		if len(out) == follow.MostCounts {
			break
		}
		if n := c.Swap(0); n > 0 {
			out = append(out, api.FlagCount{Flag: at[0], Variant: at[1], Evaluations: n})
		}
	}
	slices.SortFunc(out, func(a, b api.FlagCount) int {
		return cmp.Or(cmp.Compare(a.Flag, b.Flag), cmp.Compare(a.Variant, b.Variant))
	})
	return out
}
