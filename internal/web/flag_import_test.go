package web

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
)

const flagdExport = `{"flags":{"new-search":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"}}}`

// An import is looked at first, and does what was shown, or nothing.
func TestAnImportIsShownBeforeItIsDone(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	const place = "/flag-import"
	if got := b.get(place); got.StatusCode != http.StatusOK || !strings.Contains(got.body, "LaunchDarkly") {
		t.Fatalf("the form answered %d", got.StatusCode)
	}
	for _, bad := range []string{"", "no JSON", `{"what": "is this"}`} {
		got := b.post(place, place, "export", bad, "do", "look")
		if got.StatusCode < 400 || !strings.Contains(got.body, `id="problem"`) {
			t.Errorf("%q answered %d", bad, got.StatusCode)
		}
	}
	if got := b.post(place, place, "export", flagdExport, "rename", "prod", "do", "look"); got.StatusCode < 400 {
		t.Errorf("a malformed name answered %d", got.StatusCode)
	}
	look := b.post(place, place, "source", "flagd", "environment", "staging", "export", flagdExport, "do", "look")
	if look.StatusCode != http.StatusOK || !strings.Contains(look.body, "new-search in staging") {
		t.Fatalf("looking answered %d: %s", look.StatusCode, look.body)
	}
	if got := b.get("/flags/new-search"); got.StatusCode != http.StatusNotFound {
		t.Errorf("looking made it: %d", got.StatusCode)
	}
	form := formIn(t, look.body, "apply")
	form.Set("do", "apply")
	stale := url.Values(maps.Clone(form))
	stale["seen"] = []string{"something else"}
	if got := b.send(place, stale, nil); got.StatusCode != http.StatusConflict {
		t.Errorf("another plan than was seen answered %d", got.StatusCode)
	}
	got := b.send(place, form, nil)
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/flags?done=flag-import" {
		t.Fatalf("bringing in answered %d: %s", got.StatusCode, got.body)
	}
	if got := b.get("/flags/new-search"); got.StatusCode != http.StatusOK {
		t.Errorf("it is not there: %d", got.StatusCode)
	}
	look = b.post(place, place, "source", "flagd", "environment", "staging", "export", flagdExport, "do", "look")
	if !strings.Contains(look.body, "Nothing to do") || strings.Contains(look.body, `id="apply"`) {
		t.Errorf("the same again: %s", look.body)
	}
	if got := w.person(t, "quinn", "incident").get(place); got.StatusCode != http.StatusForbidden {
		t.Errorf("who may not edit flags gets %d", got.StatusCode)
	}
}

func TestASwitchIsScheduledFromItsPage(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	w.flagged(t, "new-checkout")
	const place = "/flags/new-checkout/environments/production/schedule"
	if got := b.get(place); got.StatusCode != http.StatusOK || !strings.Contains(got.body, "Schedule it") {
		t.Fatalf("the form answered %d", got.StatusCode)
	}
	if got := b.get(place + "?release=rel_gone"); !strings.Contains(got.body, `<select id="release"`) ||
		!strings.Contains(got.body, `<option value="rel_gone" selected`) {
		t.Errorf("releases are not offered: %s", got.body)
	}
	at := now().AddDate(0, 0, 3).UTC().Format("2006-01-02T15:04")
	for _, bad := range [][]string{{"do", "off"}, {"at", at}, {"do", "share", "at", at}, {"do", "share", "percent", "NaN",
		"at", at}, {"do", "off", "at", "soon"}} {
		if got := b.post(place, place, bad...); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%v answered %d", bad, got.StatusCode)
		}
	}
	for _, good := range [][]string{{"do", "off", "at", at, "reason", "the sale ends"}, {"do", "share", "percent", "25",
		"at", at}} {
		got := b.post(place, place, good...)
		if got.StatusCode != http.StatusSeeOther || !strings.Contains(got.Header.Get("Location"), "done=flag-schedule") {
			t.Errorf("%v answered %d %q: %s", good, got.StatusCode, got.Header.Get("Location"), got.body)
		}
	}
	if got := b.get("/flag-drafts"); strings.Count(got.body, "Scheduled") < 2 || !strings.Contains(got.body,
		"the sale ends") {
		t.Errorf("they are not listed: %s", got.body)
	}
}

func TestAPromotionAsksFromWhereToWhere(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	w.flagged(t, "new-checkout")
	for _, path := range []string{"", "?from=staging", "?from=staging&to=staging"} {
		got := b.get("/flags/new-checkout/promote" + path)
		if got.StatusCode != http.StatusOK || !strings.Contains(got.body, "Show what changes") ||
			!strings.Contains(got.body, `<option value="production"`) {
			t.Errorf("%s answered %d: %s", path, got.StatusCode, got.body)
		}
	}
}

// A browser sends the form with a file in parts.
func TestAnExportIsUploaded(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	const place = "/flag-import"
	upload := func(token, export string) answer {
		t.Helper()
		var body bytes.Buffer
		parts := multipart.NewWriter(&body)
		_ = parts.WriteField("_csrf", token)
		_ = parts.WriteField("source", "flagd")
		_ = parts.WriteField("do", "look")
		file, err := parts.CreateFormFile("file", "flags.json")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.Write([]byte(export))
		_ = parts.Close()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+place, &body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", parts.FormDataContentType())
		return b.do(r)
	}
	token := tokenIn(b.get(place).body)
	large := strings.Repeat(" ", maxForm) + flagdExport
	if got := upload(token, large); got.StatusCode != http.StatusOK || !strings.Contains(got.body, "new-search in") {
		t.Errorf("a file answered %d: %s", got.StatusCode, got.body)
	}
	if got := upload("another", flagdExport); got.StatusCode != http.StatusForbidden {
		t.Errorf("without its token it answered %d", got.StatusCode)
	}
	if got := upload(token, strings.Repeat("x", 4*maxImport)); got.StatusCode != http.StatusBadRequest &&
		got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("too large a file answered %d", got.StatusCode)
	}
	if got := b.send("/flags", url.Values{"_csrf": {token}, "description": {large}}, nil); got.StatusCode < 400 {
		t.Errorf("another form of that size answered %d", got.StatusCode)
	}
}

// What somebody turned off and said why an export turns on again only when that is ticked, with a reason.
func TestAnImportTurnsOnWhatWasTurnedOffOnlyWhenThatIsMeant(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	const place, page = "/flag-import", "/flags/new-search"
	bring := func(fields ...string) answer {
		t.Helper()
		look := b.post(place, place, "source", "flagd", "environment", "staging", "export", flagdExport, "do", "look")
		form := formIn(t, look.body, "apply")
		form.Set("do", "apply")
		for i := 0; i+1 < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		return b.send(place, form, nil)
	}
	if got := bring(); got.StatusCode != http.StatusSeeOther {
		t.Fatalf("bringing in answered %d: %s", got.StatusCode, got.body)
	}
	got := b.post(page, page+"/environments/staging/off", "reason", "orders fail", "revision", "2")
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("turning it off answered %d: %s", got.StatusCode, got.body)
	}
	if got := bring("reason", "again"); got.StatusCode < 400 || !strings.Contains(got.body, "new-search in staging") ||
		!strings.Contains(got.body, `name="turn_on"`) {
		t.Errorf("unmeant it answered %d: %s", got.StatusCode, got.body)
	}
	if got := bring("turn_on", "true"); got.StatusCode < 400 {
		t.Errorf("without a reason it answered %d", got.StatusCode)
	}
	if got := bring("turn_on", "true", "reason", "mended"); got.StatusCode != http.StatusSeeOther {
		t.Errorf("meant it answered %d: %s", got.StatusCode, got.body)
	}
}

// A share is raised of the variant that the form names, whatever the order of the variants is.
func TestTheShareIsOfTheVariantThatTheFormNames(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	const place, page = "/flag-import", "/flags/new-search"
	look := b.post(place, place, "source", "flagd", "environment", "staging", "export", flagdExport, "do", "look")
	form := formIn(t, look.body, "apply")
	form.Set("do", "apply")
	b.send(place, form, nil)
	for range 2 { // of one variant, then of a split
		body := b.get(page + "?environment=staging").body
		if !strings.Contains(body, "get “on” up to the share that you enter") {
			t.Errorf("the form names another variant: %s", body)
		}
		got := b.post(page, page+"/environments/staging/rollout", "percent", "10", "revision",
			between(body, `name="revision" value="`, `"`))
		if got.StatusCode != http.StatusSeeOther {
			t.Fatalf("setting it answered %d: %s", got.StatusCode, got.body)
		}
		if body = b.get(page + "?environment=staging").body; !strings.Contains(body, "On for 10 % of everybody") {
			t.Errorf("it serves something else: %s", body)
		}
	}
}

// Why a flag is off is said first on its page, and told apart in the list.
//
// req: FF-08 FF-12
func TestAFlagThatWasTurnedOffSaysWhy(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	w.flagged(t, "new-checkout")
	const page, place = "/flags/new-checkout?environment=production", "/flags/new-checkout/environments/production"
	revision := between(b.get(page).body, `name="revision" value="`, `"`)
	got := b.post(page, place+"/off", "reason", "orders fail", "revision", revision)
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("turning it off answered %d: %s", got.StatusCode, got.body)
	}
	for _, want := range []string{"Somebody turned it off in production", "<strong>“orders fail”</strong>"} {
		if body := b.get(page).body; !strings.Contains(body, want) {
			t.Errorf("the page does not say %q: %s", want, body)
		}
	}
	if list := b.get("/flags").body; !strings.Contains(list, "turned off") {
		t.Errorf("the list does not tell it from a flag that was never on: %s", list)
	}
}

// Where the strategy names a project on Vercel its flags can be asked in place of a file, and they are asked anew
// before they are brought in: what changed meanwhile is shown first. Elsewhere nobody is offered it.
func TestVercelIsAskedForItsFlags(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	const place = "/flag-import"
	if got := b.get(place); strings.Contains(got.body, `name="live"`) {
		t.Errorf("a project is offered, and there is none: %s", got.body)
	}
	if got := b.post(place, place, "live", "true", "do", "look"); got.StatusCode < 400 ||
		!strings.Contains(got.body, "names no project on Vercel") {
		t.Errorf("nobody could be asked, and it answered %d", got.StatusCode)
	}
	export, err := os.ReadFile("../flag/foreign/testdata/vercel.json")
	if err != nil {
		t.Fatal(err)
	}
	asked, now := 0, export
	w.desk.Flags.Live = func(context.Context) (json.RawMessage, error) { asked++; return now, nil }
	if got := b.get(place); !strings.Contains(got.body, `name="live"`) {
		t.Fatalf("the project is not offered: %s", got.body)
	}
	look := b.post(place, place, "live", "true", "only", "true", "rename", "preview = staging", "do", "look")
	if look.StatusCode != http.StatusOK || asked != 1 || !strings.Contains(look.body, `id="apply"`) {
		t.Fatalf("looking answered %d after %d questions: %s", look.StatusCode, asked, look.body)
	}
	form := formIn(t, look.body, "apply")
	form.Set("do", "apply")
	now = json.RawMessage(`{"flags":[]}`)
	if got := b.send(place, form, nil); got.StatusCode < 400 {
		t.Errorf("what was not shown was brought in: %d", got.StatusCode)
	}
	now = export
	if got := b.send(place, form, nil); got.StatusCode != http.StatusSeeOther || asked < 3 {
		t.Errorf("bringing in answered %d after %d questions: %s", got.StatusCode, asked, got.body)
	}
}
