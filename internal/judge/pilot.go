package judge

import (
	"fmt"
	"time"
)

// Action is what a Pilot asks for.
type Action int

// The actions.
const (
	HoldOn   Action = 0
	Promote  Action = 1
	RollBack Action = 2
)

// Route says how a share rises: by evidence (Adaptive), or at each step of Steps after a bake.
type Route struct {
	Adaptive bool
	Steps    []float64     // shares, 0 to 1, ascending, without 1; empty: 0.05, 0.10, 0.25, 0.50
	Bake     time.Duration // at each fixed step [15m]
}

// Move is a Pilot's answer to one tick.
type Move struct {
	Action Action
	Next   float64 // share to go to; 0 keep the present one (or, with RollBack, none)
	Reason string
}

// Pilot steers a share by a Judge: the decision table of statistics 2.5 and 2.6, for those who bring their own
// pipeline.
type Pilot struct {
	j      *Judge
	route  Route
	final  *Move
	reason string
	key    reasonKey
}

type reasonKey struct {
	state State
	next  float64
}

// NewPilot begins a judgement that steers.
func NewPilot(s Settings, r Route) *Pilot {
	if len(r.Steps) == 0 {
		r.Steps = []float64{0.05, 0.10, 0.25, 0.50}
	}
	if r.Bake <= 0 {
		r.Bake = 15 * time.Minute
	}
	return &Pilot{j: New(s), route: r}
}

// Judge returns what the pilot steers by.
func (p *Pilot) Judge() *Judge { return p.j }

// Tick judges one tick and says what to do. What was promoted or rolled back stays so.
func (p *Pilot) Tick(t *Tick) Move {
	if p.final != nil {
		return *p.final
	}
	p.j.Tick(t)
	switch a := p.j.Answer(); a.State {
	case Bad:
		p.final = &Move{Action: RollBack, Reason: p.against(a)}
		return *p.final
	case Blind:
		return p.say(a, 0, "The measurement is broken: nothing is known, so nothing advances.")
	case Suspicious:
		return p.say(a, 0, "It looks worse, but that is not certain yet: the share may not rise.")
	default:
		return p.climb(a, t)
	}
}

// next is the step after the present share; 1 after the last.
func (p *Pilot) next() float64 {
	for _, s := range p.route.Steps {
		if s > p.j.share+1e-9 {
			return s
		}
	}
	return 1
}

func (p *Pilot) climb(a Answer, t *Tick) Move {
	switch {
	case p.j.astray > 0:
		return p.say(a, 0, "This tick came out of order and is left out.")
	case !(t.Share > 0):
		return p.say(a, 0, "It gets no visitors, so nothing is known of it.")
	}
	to := p.next()
	if !p.route.Adaptive {
		switch {
		case p.j.here < p.route.Bake.Seconds():
			return p.say(a, 0, "It is no worse so far; it bakes at this share.")
		case a.State == Warming:
			return p.say(a, 0, "Too little is known of it yet.")
		}
		return p.rise(to, "It baked at this share and is no worse.")
	}
	c := p.j.Climb(to)
	switch {
	case c.Cleared:
		return p.rise(to, "")
	case c.Slow:
		return p.say(a, 1, "That half as many requests again are slow is not ruled out yet.")
	case c.Have < c.Need:
		return p.say(a, c.Excluded, "")
	}
	return p.say(a, 2, "It stays at this share a little longer.")
}

func (p *Pilot) rise(to float64, reason string) Move {
	if reason == "" {
		reason = fmt.Sprintf("That it fails %g times as often is ruled out.", p.j.Climb(to).Excluded)
	}
	if to >= 1 {
		p.final = &Move{Action: Promote, Next: 1, Reason: reason}
		return *p.final
	}
	return Move{Next: to, Reason: reason}
}

// say keeps the text of an effect that is not ruled out yet, so that a tick costs no allocation.
func (p *Pilot) say(a Answer, what float64, text string) Move {
	if text != "" {
		return Move{Reason: text}
	}
	if k := (reasonKey{a.State, what}); k != p.key || p.reason == "" {
		p.key, p.reason = k, fmt.Sprintf("That it fails %g times as often is not ruled out yet.", what)
	}
	return Move{Reason: p.reason}
}

func (p *Pilot) against(a Answer) string {
	r := p.j.Report()
	switch a.Lead {
	case "errors":
		return fmt.Sprintf("It fails more often: %s of %d requests, %s of %d on the stable version.",
			percent(over(r.Canary.Units, r.Canary.Requests)), r.Canary.Requests,
			percent(over(r.Stable.Units, r.Stable.Requests)), r.Stable.Requests)
	case "latency", "slow":
		return fmt.Sprintf("It is slower: 95 %% within %.0f ms, within %.0f ms on the stable version.", r.Canary.P95,
			r.Stable.P95)
	}
	return "It is worse by " + a.Lead + "."
}
