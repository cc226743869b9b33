package page

import (
	"bytes"
	"encoding/json"

	"github.com/slipwayhq/slipway/api"
)

// logTick is how often the log looks again: only its newest page moves.
func logTick(q LogFilter) string {
	if q.Before != "" || q.To != "" {
		return ""
	}
	return "15"
}

// pairs are the filter's names and values for an address, without the cursor.
func (q LogFilter) pairs() []string {
	return []string{
		"q", q.Text, "kind", q.Kind, "subject", q.Subject, "actor", q.Actor, "environment", q.Environment, "from", q.From,
		"to", q.To,
	}
}

// logKinds are the beginnings and kinds that are offered for the filter.
func logKinds() []string {
	return []string{
		"access.denied", "approval.approved", "approval.opened", "approval.rejected", "approval.voided", "approval.voted",
		"check.reported", "deployment.judged", "deployment.recorded", "effect.done", "effect.failed", "guard.verdict",
		"incident.flag_off", "incident.flag_watched", "incident.opened", "incident.resolved", "release.share_set",
		"release.started", "release.step_passed", "release.waiting",
		"session.started", "token.created", "user.changed", "user.created",
	}
}

// indent lays out JSON for reading; what is not JSON stays as it is.
func indent(data json.RawMessage) string {
	if len(data) == 0 {
		return "none"
	}
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return string(data)
	}
	return b.String()
}

// logLead says what is looked at.
func logLead(f Frame, p api.EventPage, q LogFilter) string {
	switch {
	case len(p.Items) == 0 && q == (LogFilter{}):
		return "Nothing has happened yet."
	case len(p.Items) == 0:
		return "No record matches the filter."
	case q.Before != "":
		return "Records up to " + count(p.Items[0].Seq) + "."
	case q != (LogFilter{}):
		return "The newest record that matches: " + ago(p.Items[0].At, f.Now) + "."
	}
	return count(p.Items[0].Seq) + " records. The newest: " + ago(p.Items[0].At, f.Now) + "."
}
