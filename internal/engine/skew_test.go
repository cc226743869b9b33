package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/provider"
)

// The routing of a promotion is made before what it replaces is marked as replaced.
func TestPagesOfTheReplacedVersionAreStillServed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.promoted("v2")
		calls := w.edge.Calls()
		last := calls[len(calls)-1].Routing
		i := slices.IndexFunc(last.Retired, func(a provider.Arm) bool { return a.Version == "v1" })
		if last.Stable.Version != "v2" || i < 0 {
			t.Fatalf("after the promotion of v2 the routing is %+v, want v2 with v1 retired", last)
		}
		if a := last.Retired[i]; a.Banned || time.Until(a.Until) < 50*time.Minute || time.Until(a.Until) > time.Hour {
			t.Errorf("v1 is served until %v (banned: %v), want for the strategy's hour", a.Until, a.Banned)
		}
	})
}
