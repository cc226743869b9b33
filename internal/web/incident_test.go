package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
)

// The incident's page offers what changed lately, and turns it off without script; what was typed stays when it is
// refused.
//
// req: FF-25
func TestAFlagIsTurnedOffOnTheIncidentsPage(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	w.flagged(t, "new-checkout")
	i, err := w.desk.ReportIssue(t.Context(), access.System("test"), api.ReportIssue{Title: "orders fail"})
	if err != nil {
		t.Fatal(err)
	}
	place := "/incidents/" + i.ID
	if got := b.get(place).body; !strings.Contains(got, `name="flag" value="new-checkout"`) ||
		!strings.Contains(got, "Changed lately in production") {
		t.Errorf("the page does not offer the flag:\n%s", got)
	}
	if got := b.get(place + "?environment=staging").body; !strings.Contains(got, `name="environment" value="staging"`) {
		t.Error("the page does not offer another environment")
	}
	send := func(fields ...string) answer {
		return b.post(place, place+"/flag-off", append(fields, "environment", "production")...)
	}
	got := send("flag", "", "other", "no-such", "reason", "orders fail")
	if got.StatusCode != http.StatusNotFound || !strings.Contains(got.body, `value="no-such"`) ||
		strings.Contains(got.body, "no such page") ||
		!strings.Contains(got.body, ">orders fail</textarea>") {
		t.Errorf("an unknown flag answered %d: %s", got.StatusCode, got.body)
	}
	if got := send("flag", "new-checkout", "other", "cart", "reason", "x"); got.StatusCode != http.StatusBadRequest &&
		got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.body, "leave one of them") {
		t.Errorf("two flags answered %d", got.StatusCode)
	}
	if got := send("flag", "new-checkout", "reason", "orders fail"); got.StatusCode != http.StatusSeeOther {
		t.Fatalf("answered %d: %s", got.StatusCode, got.body)
	}
	if got := b.get(place).body; !strings.Contains(got, "because of this incident: orders fail") ||
		!strings.Contains(got, "Flags turned off") {
		t.Errorf("the page does not tell:\n%s", got)
	}
	c, err := w.desk.Flags.Config(t.Context(), access.System("test"), "new-checkout", "production")
	if err != nil || c.On {
		t.Errorf("on %t, %v", c.On, err)
	}
	if got := w.person(t, "dora", "development").get(place).body; strings.Contains(got, `id="flag-off"`) {
		t.Error("who may not turn it off is offered to")
	}
}
