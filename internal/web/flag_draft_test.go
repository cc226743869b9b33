package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/access"
)

// approved is a strategy whose production asks before flags change.
const approved = stages + `
flags: {approve: {production: [product]}}
`

// req: FF-13
func TestAChangeThatNeedsApproval(t *testing.T) {
	t.Parallel()
	w := openWith(t, approved)
	w.admin(t)
	dora, pia := w.person(t, "dora", "devops", "product"), w.person(t, "pia", "product")
	got := dora.post("/new-flag", "/flags", "key", "new-checkout", "kind", "boolean")
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("making answered %d: %s", got.StatusCode, got.body)
	}
	const place = "/flags/new-checkout/environments/production"
	form := formIn(t, dora.get(place).body, "editor")
	if !strings.Contains(dora.get(place).body, "Send for approval") {
		t.Error("the editor does not say that approval is needed")
	}
	form.Set("on", "true")
	form.Set("reason", "checked on staging")
	form.Set("do", "save")
	got = dora.send(place, form, nil)
	if got.StatusCode != http.StatusSeeOther || !strings.Contains(got.Header.Get("Location"), "done=flag-draft") {
		t.Fatalf("saving answered %d %q: %s", got.StatusCode, got.Header.Get("Location"), got.body)
	}
	for _, path := range []string{"/flag-drafts", "/flag-drafts?state=all", "/flags/new-checkout"} {
		if got := pia.get(path); got.StatusCode != http.StatusOK || !strings.Contains(got.body, "checked on staging") {
			t.Errorf("%s answered %d without the draft: %s", path, got.StatusCode, got.body)
		}
	}
	home := pia.get("/").body
	id := between(home, `href="/approvals/`, `"`)
	got = pia.get("/approvals/" + id)
	if id == "" || got.StatusCode != http.StatusOK || !strings.Contains(got.body, "What changes") ||
		!strings.Contains(got.body, "checked on staging") {
		t.Fatalf("the approval %q answered %d: %s", id, got.StatusCode, got.body)
	}
	sees := func() bool {
		c, err := w.desk.Flags.Config(t.Context(), access.System("test"), "new-checkout", "production")
		return err == nil && c.On
	}
	if sees() {
		t.Error("it is on before anybody approved it")
	}
	got = pia.post("/approvals/"+id, "/approvals/"+id+"/approve", "hash", between(got.body, `name="hash" value="`, `"`))
	if got.StatusCode != http.StatusSeeOther {
		t.Errorf("approving answered %d: %s", got.StatusCode, got.body)
	}
}

func TestAScheduledChangeIsListedAndDiscarded(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	w.flagged(t, "new-checkout")
	const place = "/flags/new-checkout/environments/production"
	form := formIn(t, b.get(place).body, "editor")
	form.Set("default.split[0].weight", "60")
	form.Set("default.split[1].weight", "40")
	form.Set("do", "schedule")
	if got := b.send(place, form, nil); got.StatusCode != http.StatusUnprocessableEntity ||
		!strings.Contains(got.body, "Say when") {
		t.Errorf("no time answered %d", got.StatusCode)
	}
	form.Set("at", now().AddDate(0, 0, 3).UTC().Format("2006-01-02T15:04"))
	got := b.send(place, form, nil)
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("scheduling answered %d: %s", got.StatusCode, got.body)
	}
	got = b.get("/flag-drafts")
	id := between(got.body, `action="/flag-drafts/`, "/discard")
	if !strings.Contains(got.body, "Scheduled") || id == "" {
		t.Fatalf("it is not listed: %s", got.body)
	}
	if got := b.post("/flag-drafts", "/flag-drafts/"+id+"/discard"); got.StatusCode != http.StatusSeeOther {
		t.Errorf("discarding answered %d: %s", got.StatusCode, got.body)
	}
	if got := b.get("/flag-drafts?state=discarded"); !strings.Contains(got.body, "Discarded") {
		t.Errorf("it is gone: %s", got.body)
	}
	if got := b.post("/flag-drafts", "/flag-drafts/"+id+"/discard"); got.StatusCode < 400 {
		t.Errorf("discarding twice answered %d", got.StatusCode)
	}
}

// req: FF-17
func TestARampStartsFromTheFlagsPage(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	w.flagged(t, "new-checkout")
	const page, place = "/flags/new-checkout", "/flags/new-checkout/environments/production"
	if got := b.get(page); !strings.Contains(got.body, place+"/ramp") {
		t.Error("the page offers no ramp")
	}
	got := b.get(place + "/ramp")
	if got.StatusCode != http.StatusOK || strings.Contains(between(got.body, `name="steps"`, ">"), `value="5`) {
		t.Errorf("the form answered %d and must not offer less than 50 %%: %s", got.StatusCode, got.body)
	}
	seen := between(got.body, `name="revision" value="`, `"`)
	for _, bad := range [][]string{{"steps", "200"}, {"bake", "soon"}, {"steps", "80, 60"}} {
		got := b.post(page, place+"/ramp", append(bad, "variant", "on", "against", "off", "revision", seen)...)
		if got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.body, `id="problem"`) {
			t.Errorf("%v answered %d", bad, got.StatusCode)
		}
	}
	for _, stale := range []string{"", "1"} { // of a form from before the flag was turned off, say
		got := b.post(page, place+"/ramp", "variant", "on", "against", "off", "steps", "75, 100", "revision", stale)
		if got.StatusCode != http.StatusUnprocessableEntity && got.StatusCode != http.StatusConflict {
			t.Errorf("revision %q answered %d", stale, got.StatusCode)
		}
	}
	got = b.post(page, place+"/ramp", "variant", "on", "against", "off", "steps", "75, 100", "bake", "10m",
		"revision", seen)
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("starting answered %d: %s", got.StatusCode, got.body)
	}
	got = b.get(page)
	id := between(got.body, `href="/releases/rel_`, `"`)
	if !strings.Contains(got.body, "Ramping") || id == "" {
		t.Fatalf("the page does not say that it ramps: %s", got.body)
	}
	if strings.Contains(got.body, place+"/ramp") || strings.Contains(got.body, "act-rollout") {
		t.Error("what only the ramp may change is offered")
	}
	for _, path := range []string{"/flags", "/", "/releases", "/releases/rel_" + id,
		"/flags/new-checkout?environment=staging"} {
		if got := b.get(path); got.StatusCode != http.StatusOK {
			t.Errorf("%s answered %d: %s", path, got.StatusCode, got.body)
		}
	}
	if got := b.get("/releases/rel_" + id); !strings.Contains(got.body,
		`href="/flags/new-checkout?environment=production"`) {
		t.Error("the release does not lead to its flag")
	}
}
