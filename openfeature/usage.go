package openfeature

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// counter counts how often a variant was served.
type counter struct{ atomic.Int64 }

// mostCounts is how many sums one report has.
const mostCounts = 1000

// usage sums what was served until it is reported. A variant keeps its counter from snapshot to snapshot.
type usage struct {
	mu       sync.Mutex
	counters map[[2]string]*counter // by flag and variant
	report   *api.ReportFlagUsage   // made, and not taken by the server yet
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

// due returns the report to send: the one that did not arrive, or a new one; nil when nothing was served.
func (u *usage) due() *api.ReportFlagUsage {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.report != nil {
		return u.report
	}
	r := &api.ReportFlagUsage{}
	for at, c := range u.counters {
		if len(r.Items) == mostCounts {
			break
		}
		if n := c.Swap(0); n > 0 {
			r.Items = append(r.Items, api.FlagCount{Flag: at[0], Variant: at[1], Evaluations: n})
		}
	}
	if len(r.Items) == 0 {
		return nil
	}
	slices.SortFunc(r.Items, func(a, b api.FlagCount) int {
		return cmp.Or(cmp.Compare(a.Flag, b.Flag), cmp.Compare(a.Variant, b.Variant))
	})
	u.report = r
	return r
}

// over forgets a report that arrived, or that no server will ever take.
func (u *usage) over() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.report = nil
}

// report sends sums until ctx ends, each program at another moment of the interval.
func (p *Provider) report(ctx context.Context) {
	for wait(ctx, p.every*3/4+mathrand.N(p.every/2+1)) {
		if err := p.sendUsage(ctx); err != nil {
			p.log.Debug("report what was served", "error", err)
		}
	}
}

// sendUsage sends what was served and not reported yet. What does not arrive is sent again; what is served
// meanwhile goes on being summed up.
func (p *Provider) sendUsage(ctx context.Context) error {
	r := p.usage.due()
	if r == nil {
		return nil
	}
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode what was served: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	resp, err := p.ask(ctx, http.MethodPost, usagePath, body, "Content-Type", "application/json")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 300 {
		err = p.refusal(resp)
	}
	if refused := resp.StatusCode >= 400 && resp.StatusCode < 500; err == nil ||
		refused && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusUnauthorized {
		p.usage.over()
	}
	return err
}
