package page

import "github.com/slipwayhq/slipway/api"

// mark is how a state is shown: a shape, a tone and a word, so that no meaning hangs on
// color alone.
type mark struct {
	shape string // of the icon: done, now, wait, fail, skip, none, alert, question
	tone  string // good, busy, wait, bad, broken, quiet
	word  string
}

// phaseMark returns the mark of a release's phase.
func phaseMark(phase string) mark {
	switch phase {
	case "running":
		return mark{"now", "busy", "Running"}
	case "paused":
		return mark{"pause", "wait", "Paused"}
	case "undoing":
		return mark{"back", "bad", "Going back"}
	case "completed":
		return mark{"done", "good", "Completed"}
	case "aborted":
		return mark{"stop", "bad", "Aborted"}
	case "rolled_back":
		return mark{"back", "bad", "Rolled back"}
	case "failed":
		return mark{"fail", "bad", "Failed"}
	}
	return mark{"none", "quiet", title(phase)}
}

// releaseMark is the mark of where a release stands: one that waits for somebody or something, or whose step failed,
// must not look as if it went on.
func releaseMark(r api.Release) mark {
	if r.Phase != "running" {
		return phaseMark(r.Phase)
	}
	for _, s := range r.Steps {
		switch {
		case s.ID != r.Step:
		case s.Status == "waiting":
			return stepMark(s.Status)
		case s.Status == "failed":
			return mark{"fail", "bad", "Stopped"}
		}
	}
	return phaseMark(r.Phase)
}

// stepMark returns the mark of a step's status.
func stepMark(status string) mark {
	switch status {
	case "running":
		return mark{"now", "busy", "Running"}
	case "waiting":
		return mark{"wait", "wait", "Waiting"}
	case "passed":
		return mark{"done", "good", "Passed"}
	case "failed":
		return mark{"fail", "bad", "Failed"}
	case "skipped":
		return mark{"skip", "quiet", "Skipped"}
	}
	return mark{"none", "quiet", "Not reached"}
}

// checkMark returns the mark of a check's status.
func checkMark(status string) mark {
	switch status {
	case "not_applicable":
		return mark{"skip", "quiet", "Not applicable"}
	case "missing":
		return mark{"none", "quiet", "Not reported"}
	}
	return stepMark(status)
}

// verdictMark returns the mark of a verdict's word.
func verdictMark(word string) mark {
	switch word {
	case "better_or_equal":
		return mark{"done", "good", "Better or equal"}
	case "worse":
		return mark{"alert", "bad", "Worse"}
	case "broken_measurement":
		return mark{"question", "broken", "Broken measurement"}
	}
	return mark{"none", "quiet", "Not enough evidence"}
}

// rollbackMark returns the mark of a rollback's phase.
func rollbackMark(phase string) mark {
	switch phase {
	case "requested":
		return mark{"wait", "wait", "Requested"}
	case "approved", "running", "verifying":
		return mark{"now", "busy", title(phase)}
	case "done":
		return mark{"done", "good", "Done"}
	case "failed":
		return mark{"fail", "bad", "Failed"}
	}
	return mark{"skip", "quiet", title(phase)}
}

// approvalMark returns the mark of an approval's state.
func approvalMark(state string) mark {
	switch state {
	case "open":
		return mark{"wait", "wait", "Open"}
	case "approved":
		return mark{"done", "good", "Approved"}
	case "rejected":
		return mark{"fail", "bad", "Rejected"}
	}
	return mark{"skip", "quiet", title(state)}
}

// incidentMark returns the mark of an incident.
func incidentMark(state string) mark {
	if state == "open" {
		return mark{"alert", "bad", "Open"}
	}
	return mark{"done", "good", "Resolved"}
}

// levelMark returns the mark of a finding's level.
func levelMark(level string) mark {
	switch level {
	case "info":
		return mark{"done", "good", "In order"}
	case "warn":
		return mark{"alert", "wait", "Warning"}
	case "critical":
		return mark{"alert", "bad", "Critical"}
	}
	return mark{"none", "quiet", title(level)}
}
