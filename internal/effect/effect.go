// Package effect is what Slipway is about to do to the outside world.
//
// An effect is written down, with a key, in the same commit as the decision that
// asks for it, and tried afterwards. The key makes a repeated try harmless: after a
// crash the same call is made again and the other side recognizes it. A later
// effect of the same lane supersedes the ones before it that were not tried yet.
package effect

import (
	"encoding/json"
	"time"
)

// Kind is what is to be done.
type Kind string

// The kinds of effect.
const (
	Deploy Kind = "deploy" // the deployment answers as itself
	Smoke  Kind = "smoke"  // a smoke suite
	Route  Kind = "route"  // who gets what: stable, canary, share
	Notify Kind = "notify" // tell people
	Ramp   Kind = "ramp"   // begin to raise the shares of flags

	Configure Kind = "configure" // write environment variables to the platform

	Show   Kind = "show"   // how a release stands, where its code is
	Answer Kind = "answer" // a job there that waits for a decision
)

// State is where an effect stands.
type State string

// The states of an effect.
const (
	Pending    State = "pending"
	Done       State = "done"
	Failed     State = "failed"     // for good: the tries are used up, or trying again cannot help
	Superseded State = "superseded" // a later one took its place before it was tried
)

// Effect is one entry.
type Effect struct {
	Key      string          `json:"key"`     // e.g. rel_…/canary/share-5/1
	Subject  string          `json:"subject"` // id of the release or rollback it belongs to
	Lane     string          `json:"lane"`    // e.g. route: see the package comment
	Kind     Kind            `json:"kind"`
	Args     json.RawMessage `json:"args"`
	State    State           `json:"state"`
	Result   Result          `json:"result"`
	Attempts int             `json:"attempts"`
	Tries    int             `json:"tries"` // allowed
	Retry    time.Duration   `json:"retry"` // between tries
	Created  time.Time       `json:"created"`
	Ended    time.Time       `json:"ended,omitzero"`
	Row      int64           `json:"-"`
}

// Result is what came of an effect.
type Result struct {
	OK       bool            `json:"ok"`
	Sentence string          `json:"sentence"`
	Data     json.RawMessage `json:"data,omitempty"`
}
