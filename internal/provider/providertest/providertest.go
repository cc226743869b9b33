// Package providertest holds the promise of package provider as tests, for every
// implementation, and a fake that keeps it.
//
// Run is called by each provider's own test with a function that opens it over a
// small world: an edge that can be made late or silent. The Fake moves no traffic;
// it is for tests of whoever asks for routings, and passes Run itself.
package providertest

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
)

// Served is what new visitors get.
type Served struct {
	Generation uint64
	Stable     string // deployment ids
	Canary     string
	Share      float64
}

// World is a provider with the edge that it moves.
type World struct {
	Provider provider.Provider
	Serves   func() Served   // by the edge, now
	Changes  func() int      // how often the edge got another routing
	Late     func(late bool) // the edge lives but takes no routing for now; false: it catches up
	Silence  func()          // the edge takes nothing and is heard of no more
	Platform bool            // nobody can be left out: what the platform does not confirm is not routed
}

// Run holds a provider to the contract. open makes a new world for each test.
func Run(t *testing.T, open func(t *testing.T) World) {
	t.Helper()
	tests := []struct {
		name string
		run  func(t *testing.T, w World)
	}{
		{"a routing is served when Route returns", testServes},
		{"the same key again changes nothing", testRepeats},
		{"generations only rise", testRises},
		{"calls that overtake each other end at the newest", testOvertakes},
		{"an edge that is late leaves it unconfirmed", testLate},
		{"a silent edge is left out", testSilent},
		{"a call ends with its context", testEnds},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
	}
}

// Routing returns a routing of the contract's application.
func Routing(generation uint64, stable, canary string, share float64) provider.Routing {
	r := provider.Routing{
		App: "shop", Generation: generation, Salt: "salt", Share: share, Stable: arm(stable),
	}
	for step := 1; step <= 20; step++ {
		r.Steps = append(r.Steps, float64(step))
	}
	r.Steps = append(r.Steps, 50, 100)
	if canary != "" {
		a := arm(canary)
		r.Canary = &a
	}
	return r
}

func arm(id string) provider.Arm {
	return provider.Arm{ID: id, Version: "version-of-" + id, URL: "http://127.0.0.1:1",
		External: "dpl_" + strings.TrimPrefix(id, "dep_")}
}

func testServes(t *testing.T, w World) {
	for i, want := range []Served{
		{Generation: 3, Stable: "dep_a"}, {Generation: 4, Stable: "dep_a", Canary: "dep_b", Share: 5},
		{Generation: 9, Stable: "dep_a", Canary: "dep_b", Share: 50}, {Generation: 12, Stable: "dep_b"},
	} {
		if err := w.Provider.Route(t.Context(), want.Stable, routingOf(want)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, w.Serves()); diff != "" || w.Changes() != i+1 && !w.Platform {
			t.Fatalf("after %d changes: %s", w.Changes(), diff)
		}
	}
}

func routingOf(s Served) provider.Routing { return Routing(s.Generation, s.Stable, s.Canary, s.Share) }

func testRepeats(t *testing.T, w World) {
	r := Routing(7, "dep_a", "dep_b", 10)
	once := 0
	for i := range 3 {
		if err := w.Provider.Route(t.Context(), "key", r); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			once = w.Changes()
		}
	}
	if w.Changes() != once || once == 0 || once > 1 && !w.Platform || w.Serves().Share != 10 {
		t.Errorf("three calls with one key made %d changes: %+v", w.Changes(), w.Serves())
	}
}

func testRises(t *testing.T, w World) {
	if err := w.Provider.Route(t.Context(), "undo", Routing(8, "dep_a", "", 0)); err != nil {
		t.Fatal(err)
	}
	err := w.Provider.Route(t.Context(), "raise", Routing(7, "dep_a", "dep_b", 50))
	if !fault.Is(err, fault.Conflict) || fault.ReasonOf(err) != "stale_generation" {
		t.Errorf("an older routing gives %v, want stale_generation", err)
	}
	if got := w.Serves(); got.Generation != 8 || got.Canary != "" {
		t.Errorf("the undo was undone: %+v", got)
	}
}

func testOvertakes(t *testing.T, w World) {
	order := rand.New(rand.NewPCG(1, 2)).Perm(20)
	errs := make([]error, len(order))
	var calls sync.WaitGroup
	for _, n := range order {
		calls.Go(func() {
			errs[n] = w.Provider.Route(t.Context(), "key", Routing(uint64(n+1), "dep_a", "dep_b", float64(n+1)))
		})
	}
	calls.Wait()
	for n, err := range errs {
		if err != nil && (fault.ReasonOf(err) != "stale_generation" || n == len(errs)-1) {
			t.Errorf("generation %d: %v", n+1, err)
		}
	}
	if got := w.Serves(); got.Generation != 20 || got.Share != 20 {
		t.Errorf("it ends at %+v, want generation 20", got)
	}
}

func testLate(t *testing.T, w World) {
	if err := w.Provider.Route(t.Context(), "first", Routing(1, "dep_a", "", 0)); err != nil {
		t.Fatal(err)
	}
	w.Late(true)
	r := Routing(2, "dep_a", "dep_b", 5)
	if err := w.Provider.Route(t.Context(), "second", r); !fault.Is(err, fault.Unavailable) {
		t.Errorf("an edge that does not follow gives %v, want unavailable", err)
	}
	w.Late(false)
	if err := w.Provider.Route(t.Context(), "second", r); err != nil || w.Serves().Generation != 2 {
		t.Errorf("once it has caught up: %v, %+v", err, w.Serves())
	}
}

func testSilent(t *testing.T, w World) {
	if err := w.Provider.Route(t.Context(), "first", Routing(1, "dep_a", "", 0)); err != nil {
		t.Fatal(err)
	}
	w.Silence()
	err := w.Provider.Route(t.Context(), "second", Routing(2, "dep_a", "dep_b", 5))
	if w.Platform {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("a platform that does not answer gives %v, want unavailable", err)
		}
		return
	}
	if err != nil {
		t.Errorf("an edge that nobody hears of holds everything up: %v", err)
	}
}

func testEnds(t *testing.T, w World) {
	if err := w.Provider.Route(t.Context(), "first", Routing(1, "dep_a", "", 0)); err != nil {
		t.Fatal(err)
	}
	w.Late(true)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	asked := time.Now()
	if err := w.Provider.Route(ctx, "second", Routing(2, "dep_a", "dep_b", 5)); err == nil {
		t.Error("it says that a late edge has followed")
	}
	if took := time.Since(asked); took > 5*time.Second {
		t.Errorf("it took %s to see that its context had ended", took)
	}
}
