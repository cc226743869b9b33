package edge

import (
	"net/url"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/bucket"
	"github.com/slipwayhq/slipway/internal/metric"
)

// routes is a table made ready for requests. It never changes; a new table, or a
// newly learned build id, makes new routes.
type routes struct {
	table    Table
	cookie   string
	stable   *arm
	canary   *arm // nil when there is none
	arms     []*arm
	ramps    []ramp
	byBuild  map[string]*arm // nil for an id that two arms answer to: it tells nothing
	complete bool            // every arm's build ids are known, so an unknown id is a gone version
}

// arm is one deployment of the routes.
type arm struct {
	Arm
	target *url.URL
	builds []string // configured or learned
}

// compile makes routes of a validated table and the build ids learned so far.
func compile(t Table, learned map[string][]string) (*routes, error) {
	rt := &routes{table: t, cookie: t.Sticky.cookie(), byBuild: map[string]*arm{}, complete: true,
		ramps: compileRamps(t.Ramps)}
	for _, a := range t.Arms {
		u, err := a.target()
		if err != nil {
			return nil, err
		}
		p := &arm{Arm: a, target: u, builds: a.BuildIDs}
		if len(p.builds) == 0 {
			p.builds = learned[a.ID]
		}
		rt.arms = append(rt.arms, p)
		rt.complete = rt.complete && len(p.builds) > 0
		for _, b := range p.builds {
			if other, taken := rt.byBuild[b]; taken && other != p {
				rt.byBuild[b] = nil
			} else {
				rt.byBuild[b] = p
			}
		}
		switch a.ID {
		case t.Stable:
			rt.stable = p
		case t.Canary:
			rt.canary = p
		}
	}
	return rt, nil
}

// arm returns the arm of a deployment, or nil.
func (rt *routes) arm(id string) *arm {
	i := slices.IndexFunc(rt.arms, func(a *arm) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return rt.arms[i]
}

// serves reports whether pinned requests may still go to a.
func (rt *routes) serves(a *arm, now time.Time) bool {
	if a.Banned {
		return false
	}
	return a == rt.stable || a == rt.canary || a.Until.IsZero() || now.Before(a.Until)
}

// draw assigns a visitor by the one hash.
func (rt *routes) draw(id string) *arm {
	if rt.canary != nil && !rt.canary.Banned && bucket.Of(rt.table.Salt, id).In(rt.table.Share) {
		return rt.canary
	}
	return rt.stable
}

// fate is what becomes of a request that carries a build id.
type fate int

const (
	free   fate = iota // the id says nothing: draw
	pinned             // to the arm beside it
	bounds             // the version was aborted: leave it, to stable
	gone               // the version is no more, and nobody else may answer
)

// pin decides about a request of class that carries the build id.
func (rt *routes) pin(id string, class metric.Class, now time.Time) (*arm, fate) {
	if id == "" {
		return nil, free
	}
	a, known := rt.byBuild[id]
	switch {
	case known && a == nil:
		return nil, free
	case known && rt.serves(a, now):
		return a, pinned
	case known && a.Banned && class != metric.Action:
		return rt.stable, bounds
	case !known && !rt.complete:
		return nil, free
	}
	// A server action of another build would run with arguments that it was not
	// made for, and a navigation would mix two builds in one page.
	if class == metric.Action || class == metric.Data {
		return nil, gone
	}
	return nil, free
}

// other returns the arm to try after a failed on something that any version may
// answer: stable for all others, and for stable the canary or else an arm that is
// still honored. It is nil when there is none.
func (rt *routes) other(failed *arm, now time.Time) *arm {
	if failed != rt.stable {
		return rt.stable
	}
	if rt.canary != nil && rt.serves(rt.canary, now) {
		return rt.canary
	}
	for _, a := range rt.arms {
		if a != rt.stable && rt.serves(a, now) {
			return a
		}
	}
	return nil
}
