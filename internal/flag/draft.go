package flag

import (
	"encoding/json"
	"time"
)

// Draft is a change of a configuration or a segment that was asked for and waits: for approval, for its time, or for
// a release to succeed.
type Draft struct {
	ID          string     `json:"id"`
	App         string     `json:"app"`
	Environment string     `json:"environment"`
	Flag        string     `json:"flag,omitempty"`    // key
	Segment     string     `json:"segment,omitempty"` // key, instead of a flag's
	State       DraftState `json:"state"`
	At          time.Time  `json:"at,omitzero"`       // when it is made
	Release     string     `json:"release,omitempty"` // id of the release after whose success in the environment it is made

	Actor  string `json:"actor"` // who asked for it, as the log names them
	User   string `json:"user"`
	Name   string `json:"name"`
	Reason string `json:"reason,omitempty"`

	Order    json.RawMessage `json:"order"`          // what was asked for
	Base     int64           `json:"base,omitempty"` // revision that it was made for; 0: whatever is there then
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"` // exactly this is approved
	Sentence string          `json:"sentence"`
	Request  string          `json:"request,omitempty"` // id of the approval request
	Why      string          `json:"why,omitempty"`     // it came to nothing
	Created  time.Time       `json:"created"`
	Ended    time.Time       `json:"ended,omitzero"`
	Row      int64           `json:"-"`
}

// DraftState is where a draft stands.
type DraftState string

// The states of a draft. All but the first two are final.
const (
	Waiting   DraftState = "waiting"   // for approval
	Scheduled DraftState = "scheduled" // for its time or its release
	Applied   DraftState = "applied"
	Rejected  DraftState = "refused" // by those who were asked, or nobody decided in time
	Discarded DraftState = "discarded"
	Failed    DraftState = "failed" // it did not fit any more
)

// Final reports whether nothing can happen to it any more.
func (s DraftState) Final() bool { return s != Waiting && s != Scheduled }
