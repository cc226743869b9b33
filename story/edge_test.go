package story

import (
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// An edge in its own process serves on while every control node is away, and what it
// saw meanwhile arrives when one is back.
//
// req: RB-28 CD-17
func TestEdgeServesWithoutControl(t *testing.T) {
	t.Parallel()
	for _, kind := range storetest.Engines(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			o := options{edit: []string{"bake: 300ms", "bake: 1h"}}
			s := open(t, kind, prepared(t, kind), o, 1)
			s.nodes[0].revive = true
			s.opens(o)
			s.until("visitors on v2", func() bool { _, _ = s.drives("v2"); return s.at.Table().Share == 50 })
			known, n := s.measured("v2"), s.nodes[0]
			n.hold()
			served := s.shops["v2"].Served()
			s.pass(400) // two seconds
			if n := s.failures(); n > 0 || s.at.Table().Share != 50 {
				t.Errorf("%d requests failed while control was away, the share is %g", n, s.at.Table().Share)
			}
			if s.shops["v2"].Served() <= served {
				t.Error("v2 had no visitors while control was away")
			}
			n.goOn()
			s.until("all that the edge saw", func() bool { return s.measured("v2") >= known+400 })
			_, err := s.by("inez").ActOnRelease(s.ctx, "v2", "abort", api.ReleaseAction{Reason: "enough"})
			s.ok(err)
			s.ends("v2", "aborted")
			s.until("the edge to hear of it", func() bool { return s.at.Table().Canary == "" })
			if n := s.failures(); n > 0 {
				t.Errorf("%d requests failed", n)
			}
		})
	}
}

// measured returns how many requests Slipway knows of since a version has visitors.
func (s *site) measured(version string) uint64 {
	c, err := s.admin().Canary(s.ctx, version)
	if err != nil {
		return 0
	}
	var sum uint64
	for _, p := range append(c.Stable, c.Canary...) {
		sum += p.Requests
	}
	return sum
}
