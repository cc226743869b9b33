package incident

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/guard"
)

// FlagPhase is where the proof of a flag's turning off stands.
type FlagPhase string

// The phases, in order.
const (
	Confirming FlagPhase = "confirming" // whether it is served off
	Checking   FlagPhase = "checking"   // the smoke suite runs without it
	Watching   FlagPhase = "watching"   // the guard looks on
	Proven     FlagPhase = "done"       // all was looked at, whatever was found
)

// Finding is what one look found.
type Finding string

// The findings. What could not be looked at is never good.
const (
	Good    Finding = "good"
	Bad     Finding = "bad"
	Unknown Finding = "unknown"
)

// Found is what was found, and when.
type Found struct {
	At       time.Time `json:"at"`
	Finding  Finding   `json:"finding"`
	Sentence string    `json:"sentence"`
}

// FlagOff is a flag that was turned off to mend an incident, and what came of it. What it is proven by is
// frozen when the flag is turned off.
type FlagOff struct {
	Key         string        `json:"key"` // begins the keys of its effects
	Flag        string        `json:"flag"`
	Environment string        `json:"environment"`
	Reason      string        `json:"reason"`
	Actor       string        `json:"actor"`
	Already     bool          `json:"already,omitempty"` // it was off before
	At          time.Time     `json:"at"`
	Generation  int64         `json:"generation"`           // of the environment's flags that has it off
	Deployment  string        `json:"deployment,omitempty"` // that runs there; empty: not known
	Version     string        `json:"version,omitempty"`
	URL         string        `json:"url,omitempty"`
	Suite       string        `json:"suite,omitempty"`
	Watch       time.Duration `json:"watch"`
	Rules       guard.Rules   `json:"rules"`
	Tries       int           `json:"tries"`
	Retry       time.Duration `json:"retry"`
	Phase       FlagPhase     `json:"phase"`
	Served      Found         `json:"served,omitzero"`
	Smoked      Found         `json:"smoked,omitzero"`
	Watched     Found         `json:"watched,omitzero"`
	Sentence    string        `json:"sentence"`
}

// FlagFacts are what is known of one flag that was turned off.
type FlagFacts struct {
	On      bool           // somebody turned it on again
	Off     bool           // what programs are given says off
	Serves  string         // what they are given, in words
	Verdict *guard.Verdict // of the deployment, since it was turned off; nil: nothing is measured
}

// Facts are everything Decide may know beside the incident itself.
type Facts struct {
	Now     time.Time
	Effects map[string]effect.Effect
	Flags   map[string]FlagFacts // by FlagOff.Key
}

// Decision is what Decide says.
type Decision struct {
	Incident Incident
	Changed  bool
	Events   []event.Draft
	Effects  []effect.Effect
	Next     time.Time // zero: there is nothing to wait for
}

// patience is how long a flag may take to be served off before people are told that it is not.
const patience = 30 * time.Second

// Decide moves the proof of every flag that was turned off by at most one step. It is pure and total.
func Decide(i Incident, f Facts) Decision {
	d := Decision{Incident: i}
	d.Incident.FlagsOff = append([]FlagOff(nil), i.FlagsOff...)
	for n := range d.Incident.FlagsOff {
		if o := &d.Incident.FlagsOff[n]; o.Phase != Proven {
			(&prover{o: o, f: f, facts: f.Flags[o.Key], d: &d}).move()
		}
	}
	if d.Changed {
		d.Next = f.Now
	}
	return d
}

// Proving reports whether the flag is being turned off and looked after already.
func (i Incident) Proving(flag, environment string) bool {
	for _, o := range i.FlagsOff {
		if o.Flag == flag && o.Environment == environment && o.Phase != Proven {
			return true
		}
	}
	return false
}

type prover struct {
	o     *FlagOff
	f     Facts
	facts FlagFacts
	d     *Decision
}

func (p *prover) move() {
	switch {
	case p.facts.On:
		p.o.Phase = Proven
		p.say("incident.flag_on", "Somebody turned %s on again in %s: what was measured since says nothing of it off.",
			p.o.Flag, p.o.Environment)
	case p.o.Phase == Confirming:
		p.confirm()
	case p.o.Phase == Checking:
		p.check()
	default:
		p.watch()
	}
}

// say records what was found, and leaves it as the last word.
func (p *prover) say(kind, format string, args ...any) {
	p.o.Sentence = fmt.Sprintf(format, args...)
	p.d.Changed = true
	p.d.Events = append(p.d.Events, event.Draft{
		Kind: kind, Actor: "system:engine", App: p.d.Incident.App, Environment: p.o.Environment, Subject: p.d.Incident.ID,
		Sentence: p.o.Sentence, Data: map[string]any{"flag": p.o.Flag, "key": p.o.Key, "phase": p.o.Phase},
	})
}

func (p *prover) found(to *Found, f Finding) {
	*to = Found{At: p.f.Now, Finding: f, Sentence: p.o.Sentence}
}

// later asks for a look when nothing was decided.
func (p *prover) later(at time.Time) {
	if p.d.Next.IsZero() || at.Before(p.d.Next) {
		p.d.Next = at
	}
}

func (p *prover) confirm() {
	waited := p.f.Now.Sub(p.o.At)
	switch {
	case p.facts.Off:
		p.o.Phase = Checking
		p.say("incident.flag_served", "Confirmed: %s is served off in %s. %s", p.o.Flag, p.o.Environment, p.facts.Serves)
		p.found(&p.o.Served, Good)
	case waited >= patience:
		p.o.Phase = Checking
		p.say("incident.flag_served", "Not confirmed: after %s this server does not serve %s off in %s. %s", patience,
			p.o.Flag, p.o.Environment, p.facts.Serves)
		p.found(&p.o.Served, Bad)
	default:
		p.later(p.f.Now.Add(100 * time.Millisecond))
	}
}

// smokeArgs are the arguments of the Smoke effect, as release.TargetArgs.
type smokeArgs struct {
	Deployment string `json:"deployment"`
	URL        string `json:"url"`
	Suite      string `json:"suite"`
}

// check runs the application's smoke suite without the flag.
func (p *prover) check() {
	if p.o.URL == "" || p.o.Suite == "" {
		why := "it is not known what " + p.o.Environment + " runs"
		if p.o.URL != "" {
			why = "the strategy names no suite (rollback.verify)"
		}
		p.o.Phase = Watching
		p.say("incident.flag_checked", "No smoke suite ran without %s: %s.", p.o.Flag, why)
		p.found(&p.o.Smoked, Unknown)
		return
	}
	key := p.o.Key + "/smoke"
	e, asked := p.f.Effects[key]
	switch {
	case !asked:
		args, _ := json.Marshal(smokeArgs{p.o.Deployment, p.o.URL, p.o.Suite}) // strings
		p.d.Changed = true
		p.d.Effects = append(p.d.Effects, effect.Effect{
			Key: key, Subject: p.d.Incident.ID, Lane: "smoke/" + p.d.Incident.App, Kind: effect.Smoke, Args: args,
			State: effect.Pending, Tries: p.o.Tries, Retry: p.o.Retry, Created: p.f.Now,
		})
		p.o.Sentence = fmt.Sprintf("Runs the smoke suite %q without %s.", p.o.Suite, p.o.Flag)
	case e.State == effect.Pending:
		p.later(p.f.Now.Add(time.Second))
	case e.State == effect.Done && e.Result.OK:
		p.o.Phase = Watching
		p.say("incident.flag_checked", "Without %s, %s passes the smoke suite %q: %s", p.o.Flag, p.o.Version, p.o.Suite,
			e.Result.Sentence)
		p.found(&p.o.Smoked, Good)
	default:
		p.o.Phase = Watching
		p.say("incident.flag_checked", "Also without %s, %s fails the smoke suite %q: %s", p.o.Flag, p.o.Version, p.o.Suite,
			e.Result.Sentence)
		p.found(&p.o.Smoked, Bad)
	}
}

// watch looks at errors and response times since the flag is off.
func (p *prover) watch() {
	v := p.facts.Verdict
	until := p.o.At.Add(p.o.Watch)
	switch {
	case v != nil && v.Action == guard.Undo:
		p.o.Phase = Proven
		p.say("incident.flag_watched", "Turning %s off in %s did not mend it: %s", p.o.Flag, p.o.Environment, v.Sentence)
		p.found(&p.o.Watched, Bad)
	case p.f.Now.Before(until):
		p.later(earlier(p.f.Now.Add(time.Second), until))
	case v == nil || v.Word == guard.Broken || v.Word == guard.NotEnough:
		p.o.Phase = Proven
		says := "Nothing measures what runs there."
		if v != nil {
			says = v.Sentence
		}
		p.say("incident.flag_watched", "Watched %s for %s without %s; nothing can be said of it. %s",
			p.o.Environment, p.o.Watch, p.o.Flag, says)
		p.found(&p.o.Watched, Unknown)
	default:
		p.o.Phase = Proven
		p.say("incident.flag_watched", "Watched %s for %s without %s; it is well. %s", p.o.Environment, p.o.Watch,
			p.o.Flag, v.Sentence)
		p.found(&p.o.Watched, Good)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
