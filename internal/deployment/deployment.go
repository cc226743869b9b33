// Package deployment is the noun for an immutable build that runs somewhere.
//
// A deployment carries what was found out about it (its Verdict, with the reason),
// because the way back is chosen by recorded health and never by recency:
// LastKnownGood looks at every deployment and says of each why it may or may not be
// gone back to.
package deployment

import (
	"fmt"
	"slices"
	"time"
)

// Verdict is what is known of a deployment's health in production.
type Verdict string

// The verdicts.
const (
	Unknown Verdict = "unknown" // never finished its watch in production
	Good    Verdict = "good"    // promoted, verified and watched without a finding
	Bad     Verdict = "bad"     // taken back, failed or rejected: never again
)

// Deployment is an immutable build that runs somewhere.
type Deployment struct {
	ID          string    `json:"id"`
	App         string    `json:"app"`
	Version     string    `json:"version"`
	Commit      string    `json:"commit"`
	URL         string    `json:"url"`
	External    string    `json:"external,omitempty"`  // the platform's own id of it, such as dpl_…
	BuildIDs    []string  `json:"build_ids,omitempty"` // the application's own deployment ids, e.g. NEXT_DEPLOYMENT_ID
	Environment string    `json:"environment"`         // where it was last put
	Config      string    `json:"config,omitempty"`    // the revision of the variables that it was built with: see configuration.Ref
	Preview     bool      `json:"preview"`             // a pull request's; never counted as production
	Verdict     Verdict   `json:"verdict"`
	Why         string    `json:"why"` // of the verdict
	Created     time.Time `json:"created"`
	Promoted    time.Time `json:"promoted,omitzero"` // when it became stable
	Verified    time.Time `json:"verified,omitzero"` // when its verification in production passed
	Replaced    time.Time `json:"replaced,omitzero"` // when another became stable
	Gone        time.Time `json:"gone,omitzero"`     // when the platform was found to have it no more
	Row         int64     `json:"-"`
}

// Candidate is a deployment with the reason why it is, or is not, a way back.
type Candidate struct {
	Deployment Deployment `json:"deployment"`
	Eligible   bool       `json:"eligible"`
	Why        string     `json:"why"`
}

// LastKnownGood returns the deployment to go back to from the one with id current,
// and what was thought of every other, best first. It is the eligible deployment
// that was verified last: one with a recorded good verdict that was promoted to
// production, is no preview and has no open incident (listed by deployment id in
// troubled).
func LastKnownGood(all []Deployment, current string, troubled map[string]string) (*Deployment, []Candidate) {
	var out []Candidate
	for _, d := range all {
		if d.ID == current {
			continue
		}
		c := Candidate{Deployment: d}
		c.Eligible, c.Why = eligible(d, troubled[d.ID])
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Candidate) int {
		if a.Eligible != b.Eligible {
			if a.Eligible {
				return -1
			}
			return 1
		}
		return b.Deployment.Verified.Compare(a.Deployment.Verified)
	})
	if len(out) == 0 || !out[0].Eligible {
		return nil, out
	}
	return &out[0].Deployment, out
}

func eligible(d Deployment, trouble string) (bool, string) {
	switch {
	case d.Preview:
		return false, "a preview deployment never ran as production"
	case !d.Gone.IsZero():
		return false, "it was deleted on the platform"
	case d.Verdict == Bad:
		return false, "its recorded verdict is bad: " + d.Why
	case d.Promoted.IsZero():
		return false, "it was never promoted to production"
	case d.Verdict != Good:
		return false, "it never finished its watch in production, so nothing is known of its health"
	case trouble != "":
		return false, "it has an open incident: " + trouble
	}
	return true, fmt.Sprintf("verified in production at %s: %s", d.Verified.UTC().Format(time.RFC3339), d.Why)
}

// Unfit says why production cannot go back to a deployment, also when a person chose it; empty when it can.
func (d Deployment) Unfit() string {
	switch {
	case d.Preview:
		return "it is a preview"
	case !d.Gone.IsZero():
		return "it was deleted on the platform"
	case d.Verdict == Bad:
		return "its verdict is bad: " + d.Why
	case d.Promoted.IsZero():
		return "production never ran it; start a release of it"
	}
	return ""
}
