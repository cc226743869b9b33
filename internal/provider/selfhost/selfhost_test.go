package selfhost

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/edge"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
)

// world is a real edge, and a board on which tables are published and edges tell
// what they serve.
type world struct {
	t     *testing.T
	mu    sync.Mutex
	board edge.Table
	edge  *edge.Edge
	hears bool // the edge takes what is published
	seen  time.Time
	taken int
	away  error // of the place where edges are read from
}

func open(t *testing.T) *world {
	t.Helper()
	e, err := edge.New(edge.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, edge: e, hears: true}
}

func (w *world) provider() *Provider {
	return New(Options{
		Publish: w.publish, Edges: w.edges, Silent: time.Minute, Confirm: 60 * time.Millisecond, Poll: time.Millisecond,
	})
}

func (w *world) publish(_ context.Context, t edge.Table) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.Generation < w.board.Generation {
		return fault.New(fault.Conflict, "stale_generation", "%d is older than %d.", t.Generation, w.board.Generation)
	}
	if t.Generation > w.board.Generation {
		w.board = t
	}
	return w.follow()
}

func (w *world) follow() error {
	if !w.hears || w.edge.Table().Generation == w.board.Generation {
		return nil
	}
	w.taken++
	return w.edge.Apply(w.board)
}

func (w *world) edges(context.Context) (time.Time, []Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	at := now
	if !w.seen.IsZero() {
		at = w.seen
	}
	return now, []Seen{{Name: "edge-1", Generation: w.edge.Table().Generation, At: at}}, w.away
}

func (w *world) contract() providertest.World {
	return providertest.World{
		Provider: w.provider(),
		Serves: func() providertest.Served {
			t := w.edge.Table()
			return providertest.Served{Generation: t.Generation, Stable: t.Stable, Canary: t.Canary, Share: t.Share}
		},
		Changes: func() int { w.mu.Lock(); defer w.mu.Unlock(); return w.taken },
		Late: func(late bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.hears = !late
			if err := w.follow(); err != nil {
				w.t.Error(err)
			}
		},
		Silence: func() { w.mu.Lock(); defer w.mu.Unlock(); w.hears, w.seen = false, time.Now().Add(-time.Hour) },
	}
}

func TestSelfhostKeepsTheContract(t *testing.T) {
	t.Parallel()
	providertest.Run(t, func(t *testing.T) providertest.World { return open(t).contract() })
}

func TestItSaysWhoIsLate(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.hears = false
	err := w.provider().Route(t.Context(), "key", providertest.Routing(5, "dep_a", "", 0))
	if fault.ReasonOf(err) != "edges_late" || !strings.Contains(fault.MessageOf(err), "edge-1") {
		t.Errorf("got %v", err)
	}
	w.hears, w.away = true, errors.New("the store is away")
	err = w.provider().Route(t.Context(), "key", providertest.Routing(6, "dep_a", "", 0))
	if fault.ReasonOf(err) != "edges_unknown" || !fault.Is(err, fault.Unavailable) {
		t.Errorf("when nobody knows what the edges serve: %v", err)
	}
}

func TestAnOvertakenRoutingIsStaleAndNotLate(t *testing.T) {
	t.Parallel()
	w := open(t)
	p := w.provider()
	published := p.opts.Publish
	p.opts.Publish = func(ctx context.Context, table edge.Table) error {
		err := published(ctx, table)
		if table.Generation == 5 && err == nil { // the newer one comes between publishing and confirming
			newer := table
			newer.Generation = 6
			err = published(ctx, newer)
		}
		return err
	}
	err := p.Route(t.Context(), "key", providertest.Routing(5, "dep_a", "", 0))
	if !fault.Is(err, fault.Conflict) || fault.ReasonOf(err) != "stale_generation" {
		t.Errorf("got %v, want stale_generation", err)
	}
}

func TestRetiredArmsGoWithTheTable(t *testing.T) {
	t.Parallel()
	w := open(t)
	r := providertest.Routing(5, "dep_b", "", 0)
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	r.Retired = []provider.Arm{
		{ID: "dep_a", Version: "v1", URL: "http://127.0.0.1:2", BuildIDs: []string{"dpl-1"}, Until: until},
		{ID: "dep_x", Version: "v0", URL: "http://127.0.0.1:3", Banned: true},
	}
	if err := w.provider().Route(t.Context(), "key", r); err != nil {
		t.Fatal(err)
	}
	got := map[string]edge.Arm{}
	for _, a := range w.edge.Table().Arms {
		got[a.ID] = a
	}
	if a := got["dep_a"]; len(got) != 3 || !a.Until.Equal(until) || a.BuildIDs[0] != "dpl-1" || !got["dep_x"].Banned {
		t.Errorf("the edge has %+v", got)
	}
}

func TestAWrongRoutingIsNotPublished(t *testing.T) {
	t.Parallel()
	w := open(t)
	r := providertest.Routing(5, "dep_a", "dep_b", 150)
	if err := w.provider().Route(t.Context(), "key", r); err == nil || w.board.Generation != 0 {
		t.Errorf("a share of 150 %% gives %v and generation %d", err, w.board.Generation)
	}
}
