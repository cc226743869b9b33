package flag

import "time"

// Follower is what of an environment's flags stands in another system that keeps flags of its own, as far as Slipway
// wrote it there or saw it there.
type Follower struct {
	App         string            `json:"app"`
	Environment string            `json:"environment"`
	There       string            `json:"there"`                // what the environment is called there
	Generation  int64             `json:"generation,omitempty"` // of the flags here that were looked at last
	Known       map[string]int64  `json:"known,omitempty"`      // revisions there that decide as the flags here, by key
	Writing     []string          `json:"writing,omitempty"`    // flags that are being written: recorded before the calls
	Unsaid      []string          `json:"unsaid,omitempty"`     // flags here that cannot be said alike there
	Stuck       []string          `json:"stuck,omitempty"`      // of those, the ones that stand there, as they were
	Foreign     []string          `json:"foreign,omitempty"`    // flags that somebody else changed there, or made there first
	Hands       map[string]string `json:"hands,omitempty"`      // who did, by flag, where it is told there
	Dropped     map[string]string `json:"dropped,omitempty"`    // who took flags away that stood there, by a webhook
	Same        int               `json:"same"`                 // how many decide alike
	Behind      int               `json:"behind"`               // how many are to be written still
	Written     time.Time         `json:"written,omitzero"`     // when it was written last
	Seen        time.Time         `json:"seen,omitzero"`        // when it was read back last
	By          string            `json:"by,omitempty"`         // who had it written last
	Trouble     string            `json:"trouble,omitempty"`    // why it does not follow
	Since       time.Time         `json:"since,omitzero"`       // of Trouble
	Told        string            `json:"told,omitempty"`       // what of trouble and strangers the log has
	Row         int64             `json:"-"`
}
