package flag

import "time"

// Publication is what of an environment's flags stands where a platform serves visitors, and what is wrong with that.
type Publication struct {
	App         string    `json:"app"`
	Environment string    `json:"environment"`
	Generation  int64     `json:"generation"`        // that stands there, as it was read back; 0: none
	Digest      string    `json:"digest,omitempty"`  // of its definitions
	Bytes       int       `json:"bytes,omitempty"`   // of the whole document
	Taken       time.Time `json:"taken,omitzero"`    // what was switched before is in it
	Written     time.Time `json:"written,omitzero"`  // when it was written last
	Seen        time.Time `json:"seen,omitzero"`     // when it was last read back
	Trying      int64     `json:"trying,omitempty"`  // generation that is being written: recorded before the call
	Wanted      int64     `json:"wanted,omitempty"`  // the newest generation there was at the last look
	Refused     string    `json:"refused,omitempty"` // digest of what the platform does not take: not tried again as it is
	Trouble     string    `json:"trouble,omitempty"` // why what stands there is not the newest
	Since       time.Time `json:"since,omitzero"`    // of Trouble
	Told        bool      `json:"told,omitempty"`    // the log has it
	Next        time.Time `json:"next,omitzero"`     // when it is written, where the budget makes it wait
	Left        int       `json:"left"`              // writes of the period that are left for it
	Lapses      time.Time `json:"lapses,omitzero"`   // end of the period
	Row         int64     `json:"-"`
}
