// Package incident is the record of something that went wrong, in its first form:
// a severity by written criteria, a state, the things it is about, and the flags that
// were turned off to mend it. Its timeline is not kept here: it is read from the log.
package incident

import "time"

// Severity is how bad it is, SEV1 the worst.
type Severity string

// The severities.
const (
	SEV1 Severity = "SEV1" // critical
	SEV2 Severity = "SEV2" // high
	SEV3 Severity = "SEV3" // medium
	SEV4 Severity = "SEV4" // low
)

// State is where an incident stands.
type State string

// The states.
const (
	Open     State = "open"
	Resolved State = "resolved"
)

// Incident is a record of something that went wrong.
type Incident struct {
	ID          string    `json:"id"`
	App         string    `json:"app"`
	Environment string    `json:"environment"`
	Title       string    `json:"title"`
	Severity    Severity  `json:"severity"`
	Criterion   string    `json:"criterion"`               // the one that matched
	Happened    string    `json:"happened,omitempty"`      // what it was opened for, in a sentence
	Rule        string    `json:"rule,omitempty"`          // of the guard that took something back, where one did
	When        string    `json:"resolved_when,omitempty"` // what must be true for it to be over
	State       State     `json:"state"`
	Release     string    `json:"release,omitempty"`
	Rollback    string    `json:"rollback,omitempty"`
	Deployment  string    `json:"deployment,omitempty"`
	Opened      time.Time `json:"opened"`
	Resolved    time.Time `json:"resolved,omitzero"`
	Resolution  string    `json:"resolution,omitempty"`
	ReviewDue   time.Time `json:"review_due,omitzero"`
	FlagsOff    []FlagOff `json:"flags_off,omitempty"` // turned off to mend it, in that order
	Row         int64     `json:"-"`
}

// Opening says of an incident what people are told first: what happened, why it has its severity and when it is over.
func (i Incident) Opening() string {
	says := string(i.Severity) + ": " + i.Title + ". " + i.Why()
	if i.When != "" {
		says += " Resolve it when " + i.When + "."
	}
	return says
}

// Why says what happened, and then why that has this severity.
func (i Incident) Why() string {
	says := string(i.Severity) + " because " + i.Criterion + "."
	if i.Happened != "" {
		says = i.Happened + " " + says
	}
	return says
}
