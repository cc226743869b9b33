package page

import "github.com/slipwayhq/slipway/api"

// approvalLead says how many requests wait for the viewer.
func approvalLead(f Frame, all []api.Approval) string {
	switch {
	case len(all) == 0:
		return "Nothing waits for approval."
	case f.Waiting == 0:
		return plural(len(all), "request") + " open; none waits for you."
	case f.Waiting == 1:
		return "One request waits for you."
	}
	return count(f.Waiting) + " requests wait for you."
}

// approvalSentence is what the page of one request begins with.
func approvalSentence(f Frame, a api.Approval) string {
	if a.State == "open" {
		return "Open for " + coarse(f.Now.Sub(a.Opened)) + ". " + approvalSay(a)
	}
	return approvalSay(a)
}

// approvalEffect completes "when everybody has approved, …".
func approvalEffect(a api.Approval) string {
	if a.Kind == "rollback" {
		return a.Environment + " goes back to " + a.Version + " at once."
	}
	return a.Version + " goes on into " + a.Environment + "."
}

func voteMark(approve bool) mark {
	if approve {
		return mark{"done", "good", "Approved"}
	}
	return mark{"fail", "bad", "Rejected"}
}

// subjectPath is where the thing stands that an approval is about.
func subjectPath(kind, id string) string {
	if kind == "rollback" {
		return to("rollbacks", id)
	}
	return to("releases", id)
}
