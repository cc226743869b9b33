package strategy

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

type flagSpec struct {
	Approve    map[string]quorum `yaml:"approve" doc:"Environments whose flags and segments change only when these roles approve."`
	Attributes []string          `yaml:"attributes" doc:"What rules may ask of a user; any, when none is named."`
	Stale      staleSpec         `yaml:"stale" doc:"When the code of a flag may go."`
	Ramp       ramp              `yaml:"ramp" doc:"How a flag's share is raised under a guard."`
}

type staleSpec struct {
	RolledOut document.Duration `yaml:"rolled_out" doc:"Everybody has got the same for this long; or off."`
	Unseen    document.Duration `yaml:"unseen" doc:"Nobody has evaluated it for this long; or off."`
}

// Flags says how feature flags are changed.
type Flags struct {
	Approve    map[string][]approval.Rule // by environment; one that is not named asks nobody
	Expires    time.Duration              // of a request
	Attributes []string                   // that rules may ask for; empty: any
	RolledOut  time.Duration              // after which a flag that serves everybody the same is stale; 0: never
	Unseen     time.Duration              // likewise one that nobody evaluates
}

// Flags returns how feature flags are changed.
func (s *Strategy) Flags() Flags {
	f := s.file.Flags
	out := Flags{
		Approve: map[string][]approval.Rule{}, Expires: time.Duration(s.file.Approvals.Expires),
		Attributes: slices.Clone(f.Attributes), RolledOut: time.Duration(f.Stale.RolledOut),
		Unseen: time.Duration(f.Stale.Unseen),
	}
	for env, rules := range f.Approve {
		out.Approve[env] = slices.Clone(rules)
	}
	return out
}

func (c checker) flags() {
	f := c.file.Flags
	for _, env := range slices.Sorted(maps.Keys(f.Approve)) {
		path := at("flags", "approve", env)
		if !c.knownKey(path, "environment", c.order("environments")) {
			continue
		}
		if len(f.Approve[env]) == 0 {
			c.at(path, "nobody is asked", "name a role, for example [product], or leave the environment out")
		}
		c.approvers(path, f.Approve[env], env)
	}
	for i, name := range f.Attributes {
		if name == "" || len(name) > document.MaxName || slices.Contains(f.Attributes[:i], name) {
			c.at(at("flags", "attributes", strconv.Itoa(i)), "it is no attribute, or is there twice",
				"name every attribute once, as rules write it: plan, address.country")
		}
	}
	here := func(key ...string) []string { return append(at("flags", "ramp"), key...) }
	c.shares(f.Ramp.canary(), here)
	c.evidence(f.Ramp.canary(), here)
	c.in(here("watch"), f.Ramp.Watch, time.Millisecond, month)
	c.in(at("flags", "stale", "rolled_out"), f.Stale.RolledOut, 0, 24*month)
	c.in(at("flags", "stale", "unseen"), f.Stale.Unseen, 0, 24*month)
}
