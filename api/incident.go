package api

import "time"

// Incident is a record of something that went wrong.
type Incident struct {
	ID           string     `json:"id"`
	App          string     `json:"app"`
	Environment  string     `json:"environment"`
	Title        string     `json:"title"`
	Severity     string     `json:"severity" enum:"SEV1,SEV2,SEV3,SEV4"`
	Criterion    string     `json:"criterion" doc:"Written criterion that matched: why it has this severity."`
	Happened     string     `json:"happened" doc:"What it was opened for: which version, which rule, its numbers, and what it was taken back to."`
	Rule         string     `json:"rule" doc:"Rule of the guard that it was opened for, e.g. latency_p95; empty for none."`
	ResolvedWhen string     `json:"resolved_when" doc:"What must be true for it to be over; empty for old ones."`
	State        string     `json:"state" enum:"open,resolved"`
	Opened       time.Time  `json:"opened"`
	Resolved     *time.Time `json:"resolved,omitempty"`
	Release      string     `json:"release"`
	Rollback     string     `json:"rollback"`
	ReviewDue    *time.Time `json:"review_due,omitempty"`
	Sentence     string     `json:"sentence"`
	FlagsOff     []FlagOff  `json:"flags_off" doc:"Flags that were turned off to mend it, in that order."`
	Timeline     []Event    `json:"timeline"`
}

// FlagOff is a flag that was turned off to mend an incident, and what came of it.
type FlagOff struct {
	Flag        string        `json:"flag"`
	Environment string        `json:"environment"`
	Reason      string        `json:"reason"`
	Actor       string        `json:"actor"`
	At          time.Time     `json:"at"`
	Already     bool          `json:"already" doc:"It was off before: nothing was changed."`
	Phase       string        `json:"phase" enum:"confirming,checking,watching,done"`
	Until       *time.Time    `json:"until,omitempty" doc:"Until when the guard watches; absent when it is done."`
	Confirmed   *FlagOffFound `json:"confirmed,omitempty" doc:"Whether the server serves it off."`
	Smoked      *FlagOffFound `json:"smoked,omitempty" doc:"What the smoke suite (rollback.verify) says without it."`
	Watched     *FlagOffFound `json:"watched,omitempty" doc:"What the guard says of the time since."`
	Sentence    string        `json:"sentence"`
}

// FlagOffFound is what one look at a flag that was turned off found.
type FlagOffFound struct {
	At       time.Time `json:"at"`
	Finding  string    `json:"finding" enum:"good,bad,unknown" doc:"unknown: it could not be looked at."`
	Sentence string    `json:"sentence"`
}

// TurnFlagOff turns a flag off because of an incident.
type TurnFlagOff struct {
	Flag        string `json:"flag" minLength:"1" maxLength:"128"`
	Environment string `json:"environment,omitempty" maxLength:"64" doc:"The incident's when empty."`
	Reason      string `json:"reason" minLength:"1" maxLength:"1000"`
}

// FlagSuspects are the flags that could be turned off to mend an incident.
type FlagSuspects struct {
	Environment string        `json:"environment"`
	Since       time.Time     `json:"since" doc:"What changed from then on was changed lately."`
	Items       []FlagSuspect `json:"items" doc:"Those that changed lately first, the newest before the others."`
}

// FlagSuspect is a flag that could be turned off.
type FlagSuspect struct {
	Flag     string     `json:"flag"`
	On       bool       `json:"on"`
	Recent   bool       `json:"recent" doc:"It is on, and changed or ramped lately."`
	Changed  *time.Time `json:"changed,omitempty"`
	Ramp     string     `json:"ramp" doc:"Release that raises it now; empty for none."`
	Sentence string     `json:"sentence" doc:"The last change, of those that changed lately."`
}
