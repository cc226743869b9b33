package forge

import (
	"slices"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/release"
)

// rests is a release at its only step, in a phase.
func rests(phase release.Phase, status release.Status, actor string, reached float64) release.Release {
	return release.Release{Version: "v2", Phase: phase, Reached: reached, Detected: time.Unix(1, 0),
		Plan:   release.Plan{Steps: []release.Step{{ID: "staging/smoke", Title: "Smoke checks"}}},
		States: []release.State{{Status: status, Actor: actor}}}
}

// How a release ended is concluded as somebody expects who knows GitHub.
func TestConclusions(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		r    release.Release
		want string
	}{
		"completed":                       {rests(release.Completed, release.StepPassed, "", 100), "success"},
		"rolled back":                     {rests(release.RolledBack, release.StepFailed, "", 100), "failure"},
		"its record is damaged":           {rests(release.Failed, release.StepFailed, "", 0), "failure"},
		"taken back by the guard":         {rests(release.Aborted, release.StepFailed, "", 50), "failure"},
		"taken back by a person":          {rests(release.Aborted, release.StepFailed, "user:bo", 50), "failure"},
		"its smoke checks failed":         {rests(release.Aborted, release.StepFailed, "", 0), "failure"},
		"a person's, before visitors":     {rests(release.Aborted, release.StepFailed, "user:bo", 0), "cancel" + "led"},
		"still on its way":                {rests(release.Running, release.StepWaiting, "", 50), ""},
		"paused":                          {rests(release.Paused, release.StepRunning, "user:bo", 50), ""},
		"on its way back":                 {rests(release.Undoing, release.StepFailed, "", 50), ""},
		"a step failed, a person decides": {rests(release.Running, release.StepFailed, "", 0), ""},
	} {
		if c := check(x.r); c.Conclusion != x.want || (x.want != "") != (c.Status == "completed") || c.Output.Title == "" {
			t.Errorf("%s: %s %q (%s), want %q", name, c.Status, c.Conclusion, c.Output.Title, x.want)
		}
	}
}

// Nothing but a completed release gets through a branch that requires the check: GitHub lets through what succeeded,
// and what is neutral or was skipped as well.
func TestOnlyACompletedReleasePasses(t *testing.T) {
	t.Parallel()
	passes := []string{"success", "neutral", "skipped"}
	for _, p := range []release.Phase{release.Running, release.Paused, release.Undoing, release.Completed, release.Aborted,
		release.RolledBack, release.Failed, "", "a phase of later"} {
		for _, s := range []release.Status{release.StepPending, release.StepRunning, release.StepWaiting, release.StepPassed,
			release.StepFailed, release.StepSkipped, ""} {
			for _, actor := range []string{"", "user:bo"} {
				for _, reached := range []float64{0, 50, 100} {
					c := check(rests(p, s, actor, reached))
					if slices.Contains(passes, c.Conclusion) != (p == release.Completed) {
						t.Errorf("%s, its step %s by %q, seen by %g %%: %s", p, s, actor, reached, c.Conclusion)
					}
				}
			}
		}
	}
}
