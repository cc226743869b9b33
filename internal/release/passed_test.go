package release

import "testing"

func TestPassedIsSuccessInAnEnvironment(t *testing.T) {
	t.Parallel()
	plan := Plan{Steps: []Step{
		{ID: "a", Environment: "staging"}, {ID: "b", Environment: "staging"}, {ID: "c", Environment: "production"},
	}}
	for _, c := range []struct {
		name                string
		phase               Phase
		states              []Status
		staging, production bool
	}{
		{"at the start", Running, []Status{StepPending, StepPending, StepPending}, false, false},
		{"in staging", Running, []Status{StepPassed, StepWaiting, StepPending}, false, false},
		{"past staging", Running, []Status{StepPassed, StepSkipped, StepRunning}, true, false},
		{"paused there", Paused, []Status{StepPassed, StepPassed, StepRunning}, true, false},
		{"all steps done", Running, []Status{StepPassed, StepPassed, StepPassed}, true, false},
		{"complete", Completed, []Status{StepPassed, StepPassed, StepPassed}, true, true},
		{"on its way back", Undoing, []Status{StepPassed, StepPassed, StepRunning}, false, false},
		{"aborted", Aborted, []Status{StepPassed, StepPassed, StepFailed}, false, false},
	} {
		r := Release{Phase: c.phase, Plan: plan}
		for _, s := range c.states {
			r.States = append(r.States, State{Status: s})
		}
		if r.Passed("staging") != c.staging || r.Passed("production") != c.production || r.Passed("nowhere") && c.phase !=
			Completed {
			t.Errorf("%s: staging %t, production %t", c.name, r.Passed("staging"), r.Passed("production"))
		}
	}
}
