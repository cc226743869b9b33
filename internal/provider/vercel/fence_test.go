package vercel

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider/providertest"
	api "github.com/slipwayhq/slipway/internal/vercel"
)

// slowly are limits that take their time with the first spending, in which another node does its part.
type slowly struct {
	api.Limits
	held func()
}

func (s *slowly) Spend(ctx context.Context, kind, period string, limit int) (int, error) {
	if held := s.held; held != nil {
		s.held = nil
		held()
	}
	return s.Limits.Spend(ctx, kind, period, limit)
}

// TestATableIsNotWrittenOnceSomethingNewerIsWanted: between the look at the table and its writing another node has
// taken the canary back. Visitors never get it again, not even until it is repaired.
func TestATableIsNotWrittenOnceSomethingNewerIsWanted(t *testing.T) {
	t.Parallel()
	w, s := newTown(), &shelf{}
	slow := &slowly{Limits: api.NewLimits()}
	token := func(context.Context) (string, error) { return "vcp_token", nil }
	a := w.node(s, ModeProxy, func(o *Options) {
		o.Client = api.New(api.Options{Token: token, Reader: token, Limits: slow, HTTP: &http.Client{Transport: w},
			Backoff: time.Millisecond})
	})
	b := w.node(s, ModeProxy)
	slow.held = func() { mustRoute(t, b, goingBack(6, "dep_a", "dep_b")) }
	err := route(t, a, providertest.Routing(5, "dep_a", "dep_b", 5))
	if fault.ReasonOf(err) != "stale_generation" || slow.held != nil {
		t.Errorf("the overtaken routing ends as %v", err)
	}
	for _, line := range w.log {
		if strings.HasPrefix(line, "PATCH") && strings.Contains(line, `"generation":5,`) {
			t.Errorf("it is written all the same: %s", line)
		}
	}
}
