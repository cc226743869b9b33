// Package provider is the contract for what moves traffic.
//
// A provider makes a Routing true: who is stable, who is the canary, which share of
// visitors it gets. Route is idempotent and keyed: the same key and routing again
// change nothing. Generations only rise: a late, older routing is refused as stale,
// so that an undo can never be undone by a slow raise. Route returns when new
// requests are served by it, or with an Unavailable fault when that is not known.
package provider

import (
	"context"
	"time"
)

// Arm is a deployment that can be routed to.
type Arm struct {
	ID       string
	Version  string
	URL      string
	External string // the platform's own id of it, such as dpl_…; empty where the target has none
	BuildIDs []string
	Until    time.Time // for retired arms: until when pinned sessions are honored
	Banned   bool      // nobody is sent here any more, pinned or not
}

// Routing says who gets what.
type Routing struct {
	App        string
	Generation uint64
	Salt       string // of the assignment, one per release
	Stable     Arm
	Canary     *Arm
	Share      float64 // percent, for the canary
	Retired    []Arm
	Ramps      []Ramp // flags whose visitors are to be counted by variant; nobody is routed by them

	Steps []float64 // percent: every share that the canary is to take, rising; for platforms that want them beforehand
	Back  bool      // it takes something back: nothing may make it wait
}

// Ramp is a flag whose share is being raised by the application's visitors.
type Ramp struct {
	ID      string // flag:ENVIRONMENT/KEY; with "=" and a variant it is an arm
	Salt    string // of the flag's split
	Share   float64
	Variant string
	Against string
}

// Provider moves the traffic of one target platform: the self-hosted edge, and Vercel
// in two ways.
type Provider interface {
	// Route makes the routing true. Faults: Conflict (stale_generation) when a newer
	// one is in force, Invalid (share_impossible) when the platform can't give this
	// share, Unavailable when it could not be confirmed: try again. Unavailable
	// (under_way) when the platform has taken the call and is still at it: that uses up no try.
	Route(ctx context.Context, key string, r Routing) error
}
