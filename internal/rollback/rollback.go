// Package rollback is the way back for production.
//
// A rollback goes from a request through approval, execution and verification to
// an outcome. Its plan names the deployment to go back to, chosen by recorded
// health, and every other that was considered. Decide moves it, purely; a failed
// rollback is a state with next actions, not an end of the road.
package rollback

import (
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/guard"
)

// Phase is where a rollback stands.
type Phase string

// The phases. Done, Rejected and Canceled are final; Failed waits for a person.
const (
	Requested Phase = "requested" // people are asked
	Approved  Phase = "approved"  // it may run
	Executing Phase = "running"   // traffic is being moved
	Verifying Phase = "verifying" // health, smoke and error rate after
	Done      Phase = "done"
	Failed    Phase = "failed"
	Rejected  Phase = "rejected"
	Canceled  Phase = "canceled"
)

// Final reports whether nothing can happen to the rollback any more.
func (p Phase) Final() bool { return p == Done || p == Rejected || p == Canceled }

// Plan is what a rollback would do.
type Plan struct {
	App         string                 `json:"app"`
	Environment string                 `json:"environment"`
	From        deployment.Deployment  `json:"from"`
	To          *deployment.Deployment `json:"to"` // nil: there is no known good deployment
	Why         string                 `json:"why"`
	Candidates  []deployment.Candidate `json:"candidates"`
	Approve     []approval.Rule        `json:"approve"` // empty: no approval is needed here
	AuthorToo   bool                   `json:"author_too,omitempty"`
	Expires     time.Duration          `json:"expires"` // of the request
	Suite       string                 `json:"suite"`   // smoke suite of the verification
	Watch       time.Duration          `json:"watch"`   // error rate after
	Rules       guard.Rules            `json:"rules"`
	Tries       int                    `json:"tries"`
	Retry       time.Duration          `json:"retry"`
}

// Rollback is one way back, requested.
type Rollback struct {
	ID          string    `json:"id"`
	App         string    `json:"app"`
	Environment string    `json:"environment"`
	Release     string    `json:"release"` // that it takes back; empty for none
	Trigger     string    `json:"trigger"` // why: a finding, a person's words
	Evidence    []Proof   `json:"evidence"`
	Author      string    `json:"author"` // who requested it
	Plan        Plan      `json:"plan"`
	Phase       Phase     `json:"phase"`
	Request     string    `json:"request,omitempty"` // id of the open approval request
	Effect      string    `json:"effect,omitempty"`  // key of the effect it waits for
	Attempt     int       `json:"attempt"`           // of the execution
	Insist      bool      `json:"insist,omitempty"`  // a person wants traffic moved without a look at the target
	Incident    string    `json:"incident,omitempty"`
	Sentence    string    `json:"sentence"`
	Detected    time.Time `json:"detected,omitzero"`
	Asked       time.Time `json:"asked,omitzero"`    // people were asked
	Allowed     time.Time `json:"allowed,omitzero"`  // people approved, or nobody had to
	Executed    time.Time `json:"executed,omitzero"` // traffic confirmed on the target
	Smoked      time.Time `json:"smoked,omitzero"`   // smoke passed after it
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	Ended       time.Time `json:"ended,omitzero"`
	Row         int64     `json:"-"`
}

// Machine returns how long it took from detection to traffic on the target without
// the time that people took to decide, and false before that is known.
func (r Rollback) Machine() (time.Duration, bool) {
	if r.Executed.IsZero() || r.Detected.IsZero() || r.Allowed.IsZero() {
		return 0, false
	}
	took := r.Executed.Sub(r.Detected)
	if !r.Asked.IsZero() {
		took -= r.Allowed.Sub(r.Asked)
	}
	return took, true
}

// Proof is one fact that the request rests upon.
type Proof struct {
	Name string `json:"name"`
	Says string `json:"says"`
}
