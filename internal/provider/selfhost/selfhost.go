// Package selfhost moves the traffic of a self-hosted application through
// Slipway's own edges.
//
// A routing becomes the edges' table: it is published (stored, so that edges in
// other processes can follow it, and applied to the edge in this one) and then
// confirmed. An edge that was heard of lately and has not reported the table's
// generation leaves the routing unconfirmed; one that fell silent is left out, as
// nobody can say whom it serves.
package selfhost

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/edge"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
)

var _ provider.Provider = (*Provider)(nil)

// Seen is what is known of an edge.
type Seen struct {
	Name       string
	Generation uint64
	At         time.Time
}

// Options are what the provider stands on.
type Options struct {
	Sticky  edge.Sticky
	Publish func(ctx context.Context, t edge.Table) error                  // stores it; refuses older generations
	Edges   func(ctx context.Context) (now time.Time, e []Seen, err error) // every edge that was ever heard of
	Silent  time.Duration                                                  // after this an edge is left out
	Confirm time.Duration                                                  // how long a call waits for edges
	Poll    time.Duration                                                  // between looks at the edges
}

// Provider is the self-hosted target.
type Provider struct{ opts Options }

// New returns a provider.
func New(opts Options) *Provider { return &Provider{opts} }

// Route publishes the routing as the edges' table and waits for them to confirm it.
func (p *Provider) Route(ctx context.Context, key string, r provider.Routing) error {
	t := p.table(r)
	if err := t.Validate(); err != nil {
		return fmt.Errorf("make edge table for %s: %w", key, err)
	}
	if err := p.opts.Publish(ctx, t); err != nil {
		return fmt.Errorf("publish edge table %d for %s: %w", t.Generation, key, err)
	}
	err := p.confirm(ctx, t.Generation)
	if err == nil {
		return nil
	}
	// A newer routing that was published meanwhile is what the edges serve then: that is told apart from edges that are
	// late by publishing once more, which is refused for what is older.
	if overtaken := p.opts.Publish(ctx, t); fault.ReasonOf(overtaken) == "stale_generation" {
		return fmt.Errorf("confirm edge table %d for %s: %w", t.Generation, key, overtaken)
	}
	return err
}

// confirm waits until every edge that is alive serves the generation.
func (p *Provider) confirm(ctx context.Context, generation uint64) error {
	ctx, cancel := context.WithTimeout(ctx, p.opts.Confirm)
	defer cancel()
	tick := time.NewTicker(p.opts.Poll)
	defer tick.Stop()
	for {
		late, err := p.late(ctx, generation)
		if err == nil && len(late) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			if err != nil {
				return fault.Wrap(err, fault.Unavailable, "edges_unknown",
					"It is not known whether the edges serve the new routing.")
			}
			return fault.New(fault.Unavailable, "edges_late", "Not confirmed by %s.", strings.Join(late, ", "))
		case <-tick.C:
		}
	}
}

// late returns the names of the edges that are alive and serve another table. One
// that is ahead follows another database, such as the one that a backup replaced: it
// does not serve this table either.
func (p *Provider) late(ctx context.Context, generation uint64) ([]string, error) {
	now, edges, err := p.opts.Edges(ctx)
	if err != nil {
		return nil, err
	}
	var late []string
	for _, e := range edges {
		if now.Sub(e.At) < p.opts.Silent && e.Generation != generation {
			late = append(late, e.Name)
		}
	}
	return late, nil
}

func (p *Provider) table(r provider.Routing) edge.Table {
	t := edge.Table{
		Generation: r.Generation, App: r.App, Salt: r.Salt, Stable: r.Stable.ID, Sticky: p.opts.Sticky,
		Arms: []edge.Arm{arm(r.Stable)},
	}
	if r.Canary != nil {
		t.Canary, t.Share = r.Canary.ID, r.Share
		t.Arms = append(t.Arms, arm(*r.Canary))
	}
	for _, a := range r.Retired {
		t.Arms = append(t.Arms, arm(a))
	}
	for _, x := range r.Ramps {
		t.Ramps = append(t.Ramps, edge.Ramp(x))
	}
	return t
}

func arm(a provider.Arm) edge.Arm {
	return edge.Arm{ID: a.ID, Version: a.Version, URL: a.URL, BuildIDs: a.BuildIDs, Until: a.Until, Banned: a.Banned}
}
