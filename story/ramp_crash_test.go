package story

import (
	"slices"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/sim"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
)

// A ramp ends as it does without a crash, wherever the control process is killed: taken back when its variant is worse,
// with everybody when it is not.
//
// req: FF-15 FF-17 RB-28
func TestACrashChangesNoRamp(t *testing.T) {
	t.Parallel()
	for _, c := range []crash{goodRamp(), badRamp()} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.tell(t)
		})
	}
}

// goodRamp gives everybody a variant that is as good.
func goodRamp() crash {
	return crash{
		name: "good ramp", from: "release.started", part: 3,
		live: func(s *site) { s.checkout(sim.Fault{}) },
		end: func(s *site) bool {
			r, ok := s.ramps(api.RampFlag{Steps: []float64{50}, BakeSeconds: 0.3})
			return ok && r.Ended != nil
		},
		want: []string{"release.started", "release.completed"},
		look: func(s *site, t *testing.T) { s.ramped(t, "completed", 100) },
	}
}

// badRamp takes a variant back that fails.
func badRamp() crash {
	return crash{
		name: "bad ramp", from: "release.started", part: 2, cuts: []int64{2, 3},
		live: func(s *site) { s.checkout(sim.Fault{Errors: 0.6}) },
		end: func(s *site) bool {
			r, ok := s.ramps(api.RampFlag{Steps: []float64{30}, BakeSeconds: 3600})
			return ok && r.Ended != nil
		},
		want: []string{"release.started", "release.undoing", "release.restored", "release.aborted", "incident.opened"},
		look: func(s *site, t *testing.T) {
			s.ramped(t, "aborted", 0)
			s.until("nobody gets it any more", func() bool {
				before := s.failures()
				s.pass(50)
				return s.failures() == before
			})
		},
	}
}

// ramps starts the ramp unless there is one, and returns it. Slipway may be away at any moment.
func (s *site) ramps(in api.RampFlag) (api.Release, bool) {
	list, err := s.admin().Releases(s.ctx, client.ReleaseQuery{})
	if err != nil {
		return api.Release{}, false
	}
	for _, r := range list.Items {
		if r.Version == "checkout=on" {
			return r, true
		}
	}
	_, _ = s.by("pia").RampFlag(s.ctx, "checkout", "production", in)
	return api.Release{}, false
}

// ramped looks at how a ramp ended.
func (s *site) ramped(t *testing.T, phase string, share float64) {
	t.Helper()
	r, _ := s.ramps(api.RampFlag{})
	c, err := s.admin().FlagConfig(s.ctx, "checkout", "production")
	s.ok(err)
	if r.Phase != phase || !c.On || c.Ramp != "" || c.Share != share {
		t.Errorf("the ramp is %s (%s), the flag: %+v", r.Phase, r.Sentence, c)
	}
	s.until("the edge counts no arm", func() bool { return len(s.at.Table().Ramps) == 0 })
	s.until("every effect has ended", func() bool {
		return len(s.events("effect.recorded")) == len(s.events("effect.done"))+len(s.events("effect.superseded"))
	})
	if table := s.at.Table(); table.Canary != "" || s.runs("production") != "v1" {
		t.Errorf("the edge serves %s and canary %q", table.Stable, table.Canary)
	}
}

// Two nodes on one PostgreSQL: one dies in the middle of a ramp, then the database goes away and comes back. The
// variant turns bad meanwhile and is taken back by the node that lives.
//
// req: FF-17 RB-28
func TestARampWithTwoNodesOfWhichOneDies(t *testing.T) {
	t.Parallel()
	if !slices.Contains(storetest.Engines(t), store.PostgreSQL) {
		return // Engines has said so
	}
	pg, address := postgres(t)
	tokens := moved(t, address)
	c, o := badRamp(), options{rate: 60, crowd: 150}
	s := open(t, store.PostgreSQL, address, o, 2)
	s.tokens = tokens
	s.opens(o)
	s.checkout(sim.Fault{})
	in := api.RampFlag{Steps: []float64{30}, BakeSeconds: 3600}
	s.until("users have it", func() bool { r, _ := s.ramps(in); return r.Share == 30 })
	s.nodes[0].kill()
	s.pass(60)
	pg.does("stop")
	s.pass(60)
	if n := s.failures(); n > 0 {
		t.Errorf("%d requests failed while the database was away", n)
	}
	s.shops["v1"].Spoil(sim.Fault{Errors: 0.6})
	pg.does("start")
	s.until("the end of the story", func() bool { return c.end(s) })
	c.look(s, t)
	s.sound(t, c.want)
	if n := s.nodes[1].started(); n != 1 {
		t.Errorf("the node that lives was started %d times", n)
	}
}
