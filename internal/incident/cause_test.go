package incident

import (
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/guard"
)

// What an incident says first is what happened; its severity and when it is over follow from that.
//
// req: IR-22
func TestAnIncidentTellsOfItsOwnCause(t *testing.T) {
	t.Parallel()
	canary := func(rule string, limit float64) Cause {
		return Cause{Version: "v2", Share: 12.5, Back: "v1", Why: "v2 is worse. It is.",
			Finding: &guard.Finding{Rule: rule, Limit: limit}}
	}
	few := Signs{Environment: "production", ErrorRate: 0.002, Requests: 1000}
	for _, x := range []struct {
		name     string
		c        Cause
		severity Severity
		happened string
		when     string
	}{
		{"slow", canary("latency_p95", 1000), SEV3,
			"v2 reached 12.5 % of visitors and was taken back to v1 by the guard (latency_p95): It is.",
			"95 % of the requests to production are answered within 1000 ms, and"},
		{"slower", canary("latency_compare", 1.1), SEV4, "(latency_compare)", "production answers as fast as before v2"},
		{"errors", canary("error_rate", 0.05), SEV4, "(error_rate)", "no more than 5 % of the requests to production fail"},
		{"more errors", canary("error_compare", 1.2), SEV4, "(error_compare)", "no more requests to production fail than"},
		{"health", canary("health", 3), SEV4, "(health)", "the health checks of production pass"},
		{"budget", canary("exposure", 100), SEV4, "(exposure)", "budget of user-minutes"},
		{"orders", canary("metric:orders", 0.9), SEV4, "(metric:orders)", "orders in production is as it was before v2"},
		{"a person", Cause{Version: "v2", Share: 5, Back: "v1", Why: "aborted by Pat: odd"}, SEV4,
			"was taken back to v1: aborted by Pat: odd.", "it is known what is wrong with v2"},
		{"a ramp", Cause{Version: "new=on", Share: 5, Flag: "new", Why: "odd"}, SEV4,
			"new=on reached 5 % of visitors; new was taken back to what it served before: odd.", "what is wrong with new=on"},
		{"a rollback", Cause{Version: "v2", Back: "v1", Asked: true, Why: "v2 is slow.", Finding: &guard.Finding{
			Rule: "latency_p95", Limit: 800}}, SEV3, "A rollback from v2 to v1 is asked for by the guard (latency_p95): v2",
			"within 800 ms"},
		{"nothing to go back to", Cause{Version: "v2", Asked: true, Why: "odd"}, SEV4, "from v2 to no known good version is",
			"it is known"},
		{"a report", Cause{Why: "Kim reports a problem"}, SEV4, "Kim reports a problem.", "what was reported is gone"},
	} {
		severity, criterion := Classify(x.c.Signs(few))
		i := Incident{Title: "Canary of v2 was taken back", Severity: severity, Criterion: criterion,
			Happened: x.c.Happened(), When: x.c.ResolvedWhen("production")}
		if severity != x.severity || !strings.Contains(i.Happened, x.happened) || !strings.Contains(i.When, x.when) {
			t.Errorf("%s: %s\n%s\n%s", x.name, severity, i.Happened, i.When)
		}
		slow := strings.HasPrefix(x.c.rule(), "latency_")
		if slow == strings.Contains(criterion, "error rate") {
			t.Errorf("%s is %s because %s", x.name, severity, criterion)
		}
		why, opening := i.Why(), i.Opening()
		if !strings.HasPrefix(why, i.Happened) || !strings.Contains(opening, why) || !strings.Contains(opening, i.When) {
			t.Errorf("%s: %q and %q do not agree", x.name, why, opening)
		}
	}
	if _, why := Classify(canary("latency_p95", 1000).Signs(Signs{ErrorRate: 0.2, Requests: 100})); !strings.Contains(why,
		"error rate from 10 %") {
		t.Errorf("the worse of two signs counts: %s", why)
	}
}
