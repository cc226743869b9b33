// Package world is a release's life on a virtual clock: the strategy's own plan, decided by release.Decide and watched
// by the guard and its judge, among visitors that do not exist.
//
// Nothing is decided here. A Trial is carried from look to look as the engine does it: what was measured becomes the
// guard's evidence, the verdict and the other facts go to Decide, and what Decide asks for is carried out. Routing
// takes its time; checks, sign-offs and approvals are answered after the time that is given for them, because what is
// tried is the canary and the watch of production. A test holds that the engine with its store takes the same
// decisions at the same seconds.
//
// It is pure, and deterministic in what its Source says.
package world

import (
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
)

// Source says second by second what the two versions measure. Seconds are counted from the first visitor of the
// changed version; the share is the part of the visitors that it has, 0 to 1. Durations come in the layout
// judge.SketchBins. What the tick refers to belongs to the Source and holds until the next call.
type Source interface {
	Next(second int64, share float64, into *judge.Tick)
	// Harm is what the fault did in the second that Next said last, on average and not by chance: so many requests
	// failed that would not have, and so many took longer.
	Harm() (failed, slowed float64)
}

// Harm is what a fault did to requests: on average, not by chance.
type Harm struct {
	Failed float64 // failed, and would not have without the fault
	Slowed float64 // took longer because of it
}

// Before is what was measured of the stable version before the first visitor of the changed one.
type Before struct {
	Background judge.Background
	Baseline   metric.Bucket
	Healthy    guard.Before // by the rules of the plan's first share
}

// Trial is one release to be tried.
type Trial struct {
	Plan     release.Plan
	Items    []checklist.Item // the strategy's checklist
	Source   Source
	Before   Before
	Reaction time.Duration // from the wish to route until visitors are routed so
	Answer   time.Duration // until somebody who is asked has answered
	Lag      time.Duration // until a second's measurements are known
	Longest  time.Duration // after the first visitor it is given up; 0 means a week
	Room     *Room         // of an earlier trial that is over; nil makes a new one
}

// Room is the memory that a trial keeps what was measured in: megabytes, which one trial after the other uses again.
type Room struct {
	slabs [][]uint32
	slab  int // the one in use
	taken int // of it
}

// take returns room for n counts, which hold what they held before.
func (r *Room) take(n int) []uint32 {
	const size = 1 << 16
	if r.slab < len(r.slabs) && r.taken+n > size {
		r.slab, r.taken = r.slab+1, 0
	}
	if r.slab == len(r.slabs) {
		r.slabs = append(r.slabs, make([]uint32, size))
	}
	r.taken += n
	return r.slabs[r.slab][r.taken-n : r.taken : r.taken]
}

// End is how a trial ended.
type End string

// The ends.
const (
	Promoted   End = "promoted"    // in production, verified and watched
	TakenBack  End = "taken_back"  // by the guard, before it was the stable version
	RolledBack End = "rolled_back" // the guard asked for it when it was the stable version, and people agreed
	Held       End = "held"        // waits for a person: there is no proof either way
	Unfinished End = "unfinished"  // the longest time was over
)

// Outcome is what became of a trial. Times are seconds after the first visitor.
type Outcome struct {
	End      End             `json:"end"`
	At       int64           `json:"at_s"`       // of the decision that ended it: when it was found, or promoted
	Promoted int64           `json:"promoted_s"` // when it became the stable version; -1: never
	Share    float64         `json:"share"`      // percent at the decision
	Requests uint64          `json:"requests"`   // of the changed version by then
	Harm     Harm            `json:"harm"`       // until visitors were back
	Rule     string          `json:"rule,omitempty"`
	Reason   string          `json:"reason"`
	Shares   []release.Shift `json:"shares"` // every share that was in force
}

// Stopped says whether visitors were taken back from the version.
func (o Outcome) Stopped() bool { return o.End == TakenBack || o.End == RolledBack }

// Run carries a trial to its end.
func Run(t Trial) Outcome {
	w := newRun(t)
	for w.out.End == "" {
		w.settle()
		if w.out.End == "" {
			w.advance()
		}
	}
	return w.finish()
}

// Epoch is when a virtual release begins.
func Epoch() time.Time { return time.Unix(1_800_000_000, 0).UTC() }

// The names of what does not exist.
const (
	app, version, stable = "app", "the new version", "the stable version"
	commit               = "c0ffee"
)

// byEdge is the plan as if the edge measured: what other sources bring is not modelled.
func byEdge(p release.Plan) release.Plan {
	p.Steps = slices.Clone(p.Steps)
	for i := range p.Steps {
		p.Steps[i].Rules.Source = ""
	}
	return p
}

func newRun(t Trial) *run {
	if t.Longest <= 0 {
		t.Longest = 7 * 24 * time.Hour
	}
	if t.Plan = byEdge(t.Plan); t.Room == nil {
		t.Room = new(Room)
	}
	t.Room.slab, t.Room.taken = 0, 0
	w := &run{Trial: t, now: Epoch(), out: Outcome{Promoted: -1}}
	w.f = release.Facts{
		Items: map[string]checklist.Item{}, Results: map[string]checklist.Result{}, Effects: effects{},
		Running: map[string]string{"production": stable}, Calendar: release.Calendar{Open: true}, NewID: "request",
	}
	all := 100.0
	for _, i := range t.Items {
		w.f.Items[i.Name] = i
		w.f.Results[i.Name] = checklist.Result{App: app, Version: version, Commit: commit, Name: i.Name,
			Status: checklist.Passed, Coverage: &all, At: w.now}
	}
	w.r = release.New(release.Release{
		ID: "trial", App: app, Version: version, Commit: commit, Author: "author", Deployment: version, Previous: stable,
		Unscheduled: "a trial", Plan: t.Plan,
	}, w.now)
	w.before = guard.Evidence{
		StableVersion: stable, Baseline: t.Before.Baseline, Background: t.Before.Background, Before: t.Before.Healthy,
	}
	return w
}
