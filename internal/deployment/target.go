package deployment

import "time"

// Target is what the platform says that production serves, and how that stands to
// what was routed. Builds are named by the platform's own ids.
type Target struct {
	App     string    `json:"app"`
	Stable  string    `json:"stable"`
	Canary  string    `json:"canary,omitempty"`
	Share   float64   `json:"share"`            // percent of visitors that the canary has
	Pinned  bool      `json:"pinned,omitempty"` // rolled back: new builds do not reach production by themselves
	Paused  bool      `json:"paused,omitempty"` // the platform's own gate holds the canary
	By      string    `json:"by,omitempty"`     // who changed it last, by a webhook
	Heard   time.Time `json:"heard,omitzero"`   // when the webhook came
	Foreign string    `json:"foreign,omitempty"`
	Since   time.Time `json:"since,omitzero"`  // of Foreign: when the difference was first seen
	Silent  time.Time `json:"silent,omitzero"` // since when the platform does not answer
	Why     string    `json:"why,omitempty"`   // of Silent
	Told    bool      `json:"told,omitempty"`  // people were told of Silent
	Seen    time.Time `json:"seen"`            // when it last answered
	Row     int64     `json:"-"`
}
