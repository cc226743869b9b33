package deployment

import "time"

// Hand is a change of production that a platform told of: by whom, and what it made of it. Slipway's own changes are
// told of as well, as done by whomever the token is of.
type Hand struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"` // by the platform's clock, where it says so
	Stable string    `json:"stable,omitempty"`
	Canary string    `json:"canary,omitempty"`
	Share  float64   `json:"share,omitempty"` // of Canary
	Gone   string    `json:"gone,omitempty"`  // what was deleted
}

// Target is what the platform says that production serves, and how that stands to
// what was routed. Builds are named by the platform's own ids.
type Target struct {
	App     string    `json:"app"`
	Stable  string    `json:"stable"`
	Canary  string    `json:"canary,omitempty"`
	Share   float64   `json:"share"`            // percent of visitors that the canary has
	Pinned  bool      `json:"pinned,omitempty"` // rolled back: new builds do not reach production by themselves
	Paused  bool      `json:"paused,omitempty"` // the platform's own gate holds the canary
	Hand    Hand      `json:"hand,omitzero"`    // the last change that the platform told of
	Foreign string    `json:"foreign,omitempty"`
	Drift   string    `json:"drift,omitempty"`   // what Foreign says, without who it was
	Suspect string    `json:"suspect,omitempty"` // such a difference, seen once and not told yet
	Lost    bool      `json:"lost,omitempty"`    // Foreign is that what everybody gets was deleted
	Since   time.Time `json:"since,omitzero"`    // of Foreign: when the difference was first seen
	Silent  time.Time `json:"silent,omitzero"`   // since when the platform does not answer
	Why     string    `json:"why,omitempty"`     // of Silent
	Told    bool      `json:"told,omitempty"`    // people were told of Silent
	Seen    time.Time `json:"seen"`              // when it last answered
	Row     int64     `json:"-"`
}
