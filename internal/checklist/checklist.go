// Package checklist is the list of things that must be true before a deployment:
// tests, reviews, scans, documents, plans. Each item carries a status, a note, a
// link to its evidence, who reported it and when; an unfinished item blocks the
// gate that needs it. Outside checks arrive over the API as a CI sends them; others
// are signed by a person who holds the item's role.
package checklist

import (
	"fmt"
	"time"
)

// Status is what is known of an item.
type Status string

// The statuses. Only Passed and NotApplicable let a gate open.
const (
	Missing       Status = "missing"
	Running       Status = "running"
	Passed        Status = "passed"
	Failed        Status = "failed"
	NotApplicable Status = "not_applicable" // must be recorded, with a reason
)

// Item is an entry of the checklist.
type Item struct {
	Name     string   `json:"name"`               // snake_case, e.g. unit, e2e, security
	Title    string   `json:"title"`              // a statement, e.g. "Unit tests pass"
	Group    string   `json:"group"`              // tests, quality, flags, database, documents, approvals, rollback
	Role     string   `json:"role"`               // who signs it; empty: an outside check reports it
	Coverage float64  `json:"coverage,omitempty"` // least percent, for items that measure it; 0: none
	Stages   []string `json:"stages"`             // whose gates need it
}

// Result is what was reported for an item of one version.
type Result struct {
	App      string    `json:"app"`
	Version  string    `json:"version"`
	Commit   string    `json:"commit"`
	Name     string    `json:"name"`
	Status   Status    `json:"status"`
	Summary  string    `json:"summary"` // the note
	URL      string    `json:"url"`     // of the evidence
	Coverage *float64  `json:"coverage,omitempty"`
	Actor    string    `json:"actor"`
	At       time.Time `json:"at"`
	Row      int64     `json:"-"`
}

// Open says why the item's gate stays shut for the result (nil for none), or the
// empty string when it is satisfied. commit is the one under release: a result for
// another commit does not count.
func (i Item) Open(r *Result, commit string) string {
	switch {
	case r == nil || r.Status == Missing:
		return i.Title + ": nothing reported yet"
	case commit != "" && r.Commit != "" && r.Commit != commit:
		return fmt.Sprintf("%s: reported for commit %s, not for this one", i.Title, short(r.Commit))
	case r.Status == Running:
		return i.Title + ": still running"
	case r.Status == Failed:
		return i.Title + ": failed" + note(r.Summary)
	case r.Status == NotApplicable && r.Summary == "":
		return i.Title + ": not applicable, but no reason was given"
	case r.Status == Passed && i.Coverage > 0 && (r.Coverage == nil || *r.Coverage < i.Coverage):
		if r.Coverage == nil {
			return fmt.Sprintf("%s: coverage of at least %g %% is asked for, none was reported", i.Title, i.Coverage)
		}
		return fmt.Sprintf("%s: coverage is %g %%, at least %g %% is asked for", i.Title, *r.Coverage, i.Coverage)
	case r.Status == Passed || r.Status == NotApplicable:
		return ""
	}
	return fmt.Sprintf("%s: %q is no status", i.Title, r.Status) // nothing opens a gate but the two above
}

func note(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func short(commit string) string { return commit[:min(len(commit), 7)] }
