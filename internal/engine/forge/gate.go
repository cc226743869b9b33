package forge

import (
	"fmt"
	"strings"

	"github.com/slipwayhq/slipway/internal/release"
)

// answer is what a waiting job is told.
type answer int

// The answers.
const (
	wait answer = iota
	approve
	reject
)

// judge answers a job that is to deploy a commit to an environment, by the releases there are, newest first. What the
// newest release of the commit says counts. It has passed when every gate of the environment is open, and everything
// before the last of them is done: a gate that stands behind a canary opens behind the canary. On doubt the job waits.
// It also returns the commit as that release names it.
func judge(list []release.Release, commit, environment string) (verdict answer, why, named string) {
	for _, r := range list {
		if r.Flag == nil && len(r.Commit) >= 7 && strings.HasPrefix(commit, r.Commit) {
			verdict, why = about(r, environment)
			return verdict, why, r.Commit
		}
	}
	return wait, "Slipway knows no release of this commit. The job waits until there is one.", ""
}

func about(r release.Release, environment string) (answer, string) {
	switch r.Phase {
	case release.Completed:
		return approve, r.Version + " has passed the whole strategy."
	case release.Undoing, release.Aborted, release.RolledBack, release.Failed:
		return reject, fmt.Sprintf("%s was taken back: %s", r.Version, or(r.Reason, r.Sentence))
	case release.Paused:
		return wait, r.Version + " is paused."
	}
	if r.Suspect || !r.Blind.IsZero() || !r.Displaced.IsZero() {
		return wait, "The guard is in doubt about " + r.Version + "."
	}
	last := -1
	for i, s := range r.Plan.Steps {
		if s.Environment != environment {
			continue
		}
		if gate(s.Kind) || last < 0 { // where there is no gate, what comes before the environment is the gate
			last = i
		}
	}
	if last < 0 {
		return wait, fmt.Sprintf("No stage of the strategy happens in %s.", environment)
	}
	if gate(r.Plan.Steps[last].Kind) {
		last++
	}
	for i, s := range r.Plan.Steps[:last] {
		if i >= len(r.States) || r.States[i].Status != release.StepPassed && r.States[i].Status != release.StepSkipped {
			return wait, fmt.Sprintf("%s is not past %q yet.", r.Version, s.Title)
		}
	}
	return approve, fmt.Sprintf("%s has passed the gates of %s.", r.Version, environment)
}

func gate(k release.Kind) bool {
	return k == release.KindChecks || k == release.KindSignOff || k == release.KindWindow || k == release.KindApproval
}
