package release

// Passed reports whether the release has succeeded in an environment: none of its steps there is left. Production is
// passed when the whole release is complete.
func (r Release) Passed(environment string) bool {
	if r.Phase == Completed {
		return true
	}
	steps := 0
	for i, p := range r.Plan.Steps {
		if p.Environment != environment {
			continue
		}
		if s := r.States[i].Status; s != StepPassed && s != StepSkipped {
			return false
		}
		steps++
	}
	return steps > 0 && environment != "production" && r.Phase != Undoing && r.Phase != Aborted
}
