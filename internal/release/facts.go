package release

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/guard"
)

// Facts are everything Decide may know beside the release itself.
type Facts struct {
	Now      time.Time
	Items    map[string]checklist.Item   // the strategy's checklist, by name
	Results  map[string]checklist.Result // what was reported for this version, by name
	Effects  map[string]effect.Effect    // of this release, by key
	Request  *approval.Request           // the one that Release.Request names
	NewID    string                      // id for a request, should one be opened
	Verdict  *guard.Verdict              // at the present share; nil when nothing is exposed
	Calendar Calendar                    // of production, now
	Busy     string                      // why the canary is taken by another release; empty when it is free
	Running  map[string]string           // what runs in each environment: deployment ids
	Rollback bool                        // a production rollback of this release is under way
	Foreign  string                      // what somebody else has production serve; empty while it is what was routed
	Lost     bool                        // Foreign is that what everybody gets was deleted
	Disk     string                      // that the database's disk is full; empty while there is room
	Switched string                      // of a ramp: why its flag serves nobody any more; empty while it does
	Enable   map[string]string           // flags of the step that exist: why their ramps cannot begin; empty: they can
	Command  *Command                    // a person's command; nil when the clock asks
}

// Calendar says whether production may be released to.
type Calendar struct {
	Open     bool
	Sentence string
	Until    time.Time // the next change; zero for none
}

// CommandKind is what a person asks for.
type CommandKind string

// The commands.
const (
	Pause   CommandKind = "pause"
	Resume  CommandKind = "resume"
	Promote CommandKind = "promote" // go on from here without waiting further
	Abort   CommandKind = "abort"
	SetTo   CommandKind = "share" // lower the share by hand
	Skip    CommandKind = "skip"
	Retry   CommandKind = "retry"
)

// Command is what a person asks of the release.
type Command struct {
	Kind   CommandKind
	Actor  string // for the log, e.g. user:ada
	User   string // id of the person behind it
	Name   string // as shown
	Reason string
	Step   string  // skip: which step is meant
	Share  float64 // share: percent
	Bypass bool    // whether the actor may also skip steps
}

// RouteArgs are the arguments of a Route effect. The engine adds the generation.
type RouteArgs struct {
	Stable string  `json:"stable"` // deployment ids
	Canary string  `json:"canary,omitempty"`
	Share  float64 `json:"share"`
	Salt   string  `json:"salt"`
	Ban    string  `json:"ban,omitempty"`  // deployment whose pinned sessions are no longer honored
	Flag   *Flag   `json:"flag,omitempty"` // whose share is meant, and no deployment's
}

// TargetArgs are the arguments of Deploy and Smoke effects.
type TargetArgs struct {
	Deployment string `json:"deployment"`
	URL        string `json:"url"`
	Suite      string `json:"suite,omitempty"`
	Health     string `json:"health,omitempty"`
}

// RampArgs are the arguments of a Ramp effect.
type RampArgs struct {
	Flags       []string `json:"flags"`
	Environment string   `json:"environment"`
}

// Judgement is a verdict to record on a deployment.
type Judgement struct {
	Deployment string
	Verdict    deployment.Verdict // empty: only Promoted is set
	Why        string
	Promoted   bool // it became the stable one now
	Replaces   string
}

// Placement is what runs in an environment from now on.
type Placement struct {
	Environment string
	Deployment  string
}

// Ask is a request for something beyond the release: a rollback of production, or
// an incident record.
type Ask struct {
	Title    string
	Trigger  string
	Finding  *guard.Finding // that it rests on; nil: on none of the guard's
	Findings []guard.Finding
	Detected time.Time
}

// Decision is what Decide says: the next release and everything to record with it.
// When Err is set nothing else is.
type Decision struct {
	Release    Release
	Changed    bool // whether anything is to be recorded
	Events     []event.Draft
	Effects    []effect.Effect
	Request    *approval.Request // to insert or update
	Judgements []Judgement
	Placements []Placement
	Reports    []checklist.Result // of items that Slipway has done itself
	Rollback   *Ask
	Incident   *Ask
	Next       time.Time // when to look again; zero: only when something happens
	Err        error
}

// decider carries one decision while it is made.
type decider struct {
	r      Release
	f      Facts
	d      Decision
	states bool // r has States of its own
}

// state is the one of a step, to be changed. Most looks change none, so they are copied for the first that does.
func (x *decider) state(step int) *State {
	if !x.states {
		x.r.States, x.states = slices.Clone(x.r.States), true
	}
	return &x.r.States[step]
}

func (x *decider) event(kind, actor, sentence string, data any) {
	x.d.Changed = true
	x.d.Events = append(x.d.Events, event.Draft{
		Kind: kind, Actor: actor, App: x.r.App, Environment: x.r.Step().Environment, Subject: x.r.ID, Sentence: sentence,
		Data: data,
	})
}

// say sets the release's sentence and its step's, and counts as a change only when
// it says something new. Sentences must not hold numbers that move with the clock.
func (x *decider) say(status Status, sentence string) {
	if s := x.r.State(); s.Status == status && s.Sentence == sentence && x.r.Sentence == sentence {
		return
	}
	x.d.Changed = true
	s := x.state(x.r.Cursor)
	s.Status, s.Sentence, x.r.Sentence = status, sentence, sentence
}

func (x *decider) effect(kind effect.Kind, key, lane string, args any, tries int) {
	b, err := json.Marshal(args)
	if err != nil {
		return // the argument types above cannot fail to marshal
	}
	x.d.Changed = true
	x.r.Effect = key
	x.d.Effects = append(x.d.Effects, effect.Effect{
		Key: key, Subject: x.r.ID, Lane: lane, Kind: kind, Args: b, State: effect.Pending, Tries: tries,
		Retry: x.r.Plan.Timing.Retry, Created: x.f.Now,
	})
}
