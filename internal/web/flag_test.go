package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
)

// flagged makes a flag that is on in production for half of all, with a segment and a rule.
func (w *world) flagged(t *testing.T, key string) api.Flag {
	t.Helper()
	who := access.System("test")
	if _, err := w.desk.Flags.Create(t.Context(), who, api.CreateFlag{Key: key, Kind: "boolean",
		Tags: []string{"q4"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.Flags.PutSegment(t.Context(), who, "staff", "production", api.PutSegment{
		Any: [][]api.FlagCondition{{{Attribute: "email", Op: "ends_with", Values: []any{"@shop.example"}}}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.Flags.Put(t.Context(), who, key, "production", api.PutFlagConfig{
		On: true, Off: "off", Rules: []api.FlagRule{
			{If: []api.FlagCondition{{Segment: "staff"}}, Serve: api.FlagServe{Variant: "on"}},
			{If: []api.FlagCondition{{Attribute: "n", Op: "equals", Values: []any{5.0, "5", true}}},
				Serve: api.FlagServe{Split: []api.FlagPortion{{Variant: "off", Weight: 1}, {Variant: "on", Weight: 2}}}},
		},
		Default: api.FlagServe{Split: []api.FlagPortion{{Variant: "on", Weight: 5000}, {Variant: "off", Weight: 5000}}},
	}); err != nil {
		t.Fatal(err)
	}
	x, err := w.desk.Flags.Flag(t.Context(), who, key)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// formIn returns what a browser would send of the form with this id when nobody touched it.
func formIn(t *testing.T, html, id string) url.Values {
	t.Helper()
	v := url.Values{}
	tag := regexp.MustCompile(`(?s)<(input|select|textarea)( [^>]*)>(?:(.*?)</(?:select|textarea)>)?`)
	attr := func(s, name string) string {
		m := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(s)
		if m == nil {
			return ""
		}
		return unescape(m[1])
	}
	_, inside, ok := strings.Cut(html, `id="`+id+`"`)
	inside, _, _ = strings.Cut(inside, "</form>")
	if !ok {
		t.Fatalf("there is no form %s", id)
	}
	add := func(all string, outside bool) {
		// A select or text ends at its own tag, an input at once: cut them apart first.
		for _, m := range tag.FindAllStringSubmatch(regexp.MustCompile(`(<input [^>]*>)`).ReplaceAllString(all,
			"$1</select>"), -1) {
			name := attr(m[2], "name")
			if name == "" || outside && attr(m[2], "form") != id {
				continue
			}
			switch m[1] {
			case "textarea":
				v.Add(name, unescape(m[3]))
			case "select":
				if o := regexp.MustCompile(`<option value="([^"]*)" selected`).FindStringSubmatch(m[3]); o != nil {
					v.Add(name, unescape(o[1]))
				} else if o := regexp.MustCompile(`<option value="([^"]*)"`).FindStringSubmatch(m[3]); o != nil {
					v.Add(name, unescape(o[1]))
				}
			default:
				kind := attr(m[2], "type")
				if (kind == "checkbox" || kind == "radio") && !strings.Contains(m[2], " checked") {
					continue
				}
				v.Add(name, attr(m[2], "value"))
			}
		}
	}
	add(inside, false)
	add(strings.Replace(html, inside, "", 1), true)
	return v
}

func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&amp;", "&").Replace(s)
}

// req: FF-12
func TestEveryPageAboutFlagsShows(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	for _, path := range []string{"/flags", "/new-flag", "/flags/stale", "/segments", "/new-segment"} {
		if got := b.get(path); got.StatusCode != http.StatusOK {
			t.Errorf("%s answered %d on a fresh Slipway: %s", path, got.StatusCode, got.body)
		}
	}
	w.flagged(t, "new-checkout")
	w.flagged(t, "new")
	for _, path := range []string{
		"/flags", "/flags?q=check&state=on&tag=q4&environment=production", "/flags/new-checkout", "/flags/new",
		"/flags/new-checkout?environment=staging", "/flags/new-checkout/edit", "/flags/stale",
		"/flags/new-checkout/promote?from=staging&to=production", "/flags/new-checkout/environments/production",
		"/segments", "/segments/production/staff", "/segments/production/staff/edit",
	} {
		got := b.get(path)
		if got.StatusCode != http.StatusOK || len(got.body) > 60<<10 {
			t.Errorf("%s answered %d with %d bytes: %s", path, got.StatusCode, len(got.body), got.body)
		}
	}
	if got := b.get("/flags"); !strings.Contains(got.body, ">new-checkout<") || !strings.Contains(got.body, "50\u00a0%") {
		t.Errorf("the list does not show the flag with its share: %s", got.body)
	}
	for path, want := range map[string]int{
		"/flags/nothing": http.StatusNotFound, "/flags/new-checkout/environments/mars": http.StatusUnprocessableEntity,
		"/segments/production/nobody": http.StatusNotFound,
	} {
		if got := b.get(path); got.StatusCode != want {
			t.Errorf("%s answered %d, want %d", path, got.StatusCode, want)
		}
	}
}

// req: FF-12
func TestAFlagsWayWithFormsOnly(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.admin(t)
	b := w.person(t, "dora", "devops", "development", "product")
	got := b.post("/new-flag", "/flags", "key", "new-checkout", "kind", "boolean", "description", "One page", "tags",
		"a, b",
		"expires", "2031-01-01")
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/flags/new-checkout?done=flag" {
		t.Fatalf("making answered %d %q: %s", got.StatusCode, got.Header.Get("Location"), got.body)
	}
	const page, place = "/flags/new-checkout", "/flags/new-checkout/environments/production"
	revision := func() string { return between(b.get(page).body, `name="revision" value="`, `"`) }
	step := func(what string, fields ...string) {
		t.Helper()
		got := b.post(page, place+"/"+what, append(fields, "revision", revision())...)
		if got.StatusCode != http.StatusSeeOther || !strings.Contains(got.Header.Get("Location"), "done=flag-"+what) {
			t.Fatalf("%s answered %d %q: %s", what, got.StatusCode, got.Header.Get("Location"), got.body)
		}
		if got := b.get(got.Header.Get("Location")); !strings.Contains(got.body, `id="done"`) {
			t.Errorf("what %s did is not said", what)
		}
	}
	step("on", "reason", "checked on staging")
	step("rollout", "percent", "12.5")
	if got := b.get(page); !strings.Contains(got.body, "12.5\u00a0%") {
		t.Error("the share is not shown")
	}
	if got := b.post(page, place+"/off", "revision", revision()); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("turning production off without a reason answered %d", got.StatusCode)
	}
	step("off", "reason", "payment errors")
	if got := b.get(page); !strings.Contains(got.body, "payment errors") {
		t.Error("the reason is not shown")
	}
	got = b.post(page, place+"/revert", "revision", revision(), "to", "2")
	if got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("bringing it back on without a reason answered %d", got.StatusCode)
	}
	step("revert", "to", "2", "reason", "mended")
	if got := b.post(page, place+"/rollout", "revision", revision(), "percent",
		"101"); got.StatusCode != http.StatusUnprocessableEntity ||
		!strings.Contains(got.body, `id="problem"`) {
		t.Errorf("101 %% answered %d", got.StatusCode)
	}
	if got := b.post(page, place+"/off", "revision", "1", "reason", "an old page"); got.StatusCode != http.StatusConflict {
		t.Errorf("a stale click answered %d", got.StatusCode)
	}
	fields := formIn(t, strings.Replace(b.get(page+"/edit").body, `class="form"`, `id="f"`, 1), "f")
	fields.Set("description", "Another")
	if got := b.send(page, fields, nil); got.StatusCode != http.StatusSeeOther {
		t.Errorf("describing answered %d: %s", got.StatusCode, got.body)
	}
	x, err := w.desk.Flags.Flag(t.Context(), access.System("test"), "new-checkout")
	if err != nil || x.Description != "Another" || len(x.Tags) != 2 || x.Expires == nil || len(x.Variants) != 2 {
		t.Errorf("after describing: %+v %v", x, err)
	}
}

// req: FF-12
func TestTheEditorSavesWhatItShows(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	x := w.flagged(t, "new-checkout")
	const place = "/flags/new-checkout/environments/production"
	before := x.Environments[len(x.Environments)-1]
	form := formIn(t, b.get(place).body, "editor")

	form.Set("do", "add:rules")
	got := b.send(place, form, nil)
	if got.StatusCode != http.StatusOK || !strings.Contains(got.body, `name="rules[2].if[0].op"`) {
		t.Fatalf("adding a rule answered %d", got.StatusCode)
	}
	form = formIn(t, got.body, "editor")
	form.Set("do", "save")
	got = b.send(place, form, nil)
	if got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Name at least one value.") ||
		!strings.Contains(got.body, "Name what is asked about") {
		t.Fatalf("an unfinished rule answered %d: %s", got.StatusCode, got.body)
	}
	form.Set("do", "remove:rules[2]")
	form = formIn(t, b.send(place, form, nil).body, "editor")
	form.Set("do", "save")
	form.Set("reason", "only looked")
	got = b.send(place, form, nil)
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("saving answered %d: %s", got.StatusCode, got.body)
	}
	c, err := w.desk.Flags.Config(t.Context(), access.System("test"), "new-checkout", "production")
	if err != nil {
		t.Fatal(err)
	}
	if diff := changed(before, c); diff != "" {
		t.Errorf("saving unchanged rules changed them:\n%s", diff)
	}

	form.Set("revision", "1")
	form.Set("default.split[0].weight", "60")
	form.Set("default.split[1].weight", "40")
	if got = b.send(place, form, nil); c.Revision > 1 && (got.StatusCode != http.StatusConflict ||
		!strings.Contains(got.body, "What stands there now") || !strings.Contains(got.body, `value="60"`)) {
		t.Fatalf("a conflict answered %d and must show both: %s", got.StatusCode, got.body)
	}
	form = formIn(t, got.body, "editor")
	form.Set("do", "save")
	if got = b.send(place, form, nil); got.StatusCode != http.StatusSeeOther {
		t.Errorf("saving over it answered %d: %s", got.StatusCode, got.body)
	}
	form.Set("rules[0].if[0].values", "nobody-made-this")
	form.Set("revision", between(b.get(place).body, `name="revision" value="`, `"`))
	if got = b.send(place, form, nil); got.StatusCode < 400 || !strings.Contains(got.body, `id="problem"`) ||
		!strings.Contains(between(got.body, `id="problem"`, "</div>"), "nobody-made-this") {
		t.Errorf("an unknown segment answered %d and must be named: %s", got.StatusCode, got.body)
	}
}

func TestSegmentsWithFormsOnly(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	form := formIn(t, b.get("/new-segment").body, "editor")
	form.Set("do", "add:any")
	form = formIn(t, b.send("/segments", form, nil).body, "editor")
	for name, value := range map[string]string{"key": "beta", "environment": "production", "any[0][0].attribute": "plan",
		"any[0][0].values": "pro, team", "excluded": "eve\nmallory", "do": "save"} {
		form.Set(name, value)
	}
	got := b.send("/segments", form, nil)
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/segments/production/beta?done=segment" {
		t.Fatalf("making answered %d: %s", got.StatusCode, got.body)
	}
	if got := b.send("/segments", form, nil); got.StatusCode != http.StatusConflict {
		t.Errorf("making it twice answered %d: %s", got.StatusCode, got.body)
	}
	const page = "/segments/production/beta"
	if got := b.post(page, page+"/members", "add", "ada\ngrace", "remove", ""); got.StatusCode != http.StatusSeeOther {
		t.Fatalf("adding answered %d: %s", got.StatusCode, got.body)
	}
	if got := b.get(page); !strings.Contains(got.body, ">grace<") || !strings.Contains(got.body, ">mallory<") {
		t.Errorf("the page does not say who is in: %s", got.body)
	}
	if got := w.person(t, "quinn", "qa").get(page); got.StatusCode != http.StatusOK || strings.Contains(got.body,
		">grace<") {
		t.Errorf("somebody who may not edit sees the names: %d", got.StatusCode)
	}
	old := formIn(t, b.get(page+"/edit").body, "editor")
	old.Set("do", "save")
	old.Set("description", "first")
	if got := b.send("/segments", old, nil); got.StatusCode != http.StatusSeeOther {
		t.Fatalf("saving answered %d: %s", got.StatusCode, got.body)
	}
	if got := b.send("/segments", old, nil); got.StatusCode != http.StatusConflict || !strings.Contains(got.body,
		"Take theirs") {
		t.Errorf("a conflict answered %d: %s", got.StatusCode, got.body)
	}
	seen := between(b.get(page).body, `name="revision" value="`, `"`)
	for _, bad := range [][]string{{"to", "1"}, {"to", "first", "revision", seen}, {"to", "99", "revision", seen}} {
		if got := b.post(page, page+"/revert", bad...); got.StatusCode < 400 {
			t.Errorf("%v answered %d", bad, got.StatusCode)
		}
	}
	if got := b.post(page, page+"/revert", "to", "1", "revision", seen); got.StatusCode != http.StatusSeeOther {
		t.Errorf("bringing back answered %d: %s", got.StatusCode, got.body)
	}
	if got := b.get(page); !strings.Contains(got.body, "back to revision 1") || !strings.Contains(got.body, ">grace<") {
		t.Errorf("it is not back: %s", got.body)
	}
	if got := b.post(page, page+"/delete"); got.StatusCode != http.StatusSeeOther {
		t.Errorf("removing answered %d: %s", got.StatusCode, got.body)
	}
}

// req: FF-13
func TestWhoMayNotChangeAFlagIsTold(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.admin(t)
	w.flagged(t, "new-checkout")
	b := w.person(t, "quinn", "incident")
	const place = "/flags/new-checkout/environments/production"
	form := formIn(t, b.get(place).body, "editor")
	form.Set("do", "save")
	form.Set("default.split[0].weight", "60")
	form.Set("default.split[1].weight", "40")
	if got := b.send(place, form, nil); got.StatusCode != http.StatusForbidden || !strings.Contains(got.body,
		`value="60"`) {
		t.Errorf("saving answered %d; what was typed must stay", got.StatusCode)
	}
	got := b.post("/new-flag", "/flags", "key", "mine")
	if got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, "flag:edit") {
		t.Errorf("making answered %d", got.StatusCode)
	}
	if got := b.post("/flags/new-checkout", "/flags/new-checkout/archive"); got.StatusCode != http.StatusForbidden {
		t.Errorf("archiving answered %d", got.StatusCode)
	}
}

// changed says how what two configurations serve differs.
func changed(a, b api.FlagConfig) string {
	for _, c := range []*api.FlagConfig{&a, &b} {
		c.Revision, c.Updated, c.By, c.Reason, c.Since, c.Sentence = 0, nil, "", "", nil, ""
	}
	return cmp.Diff(a, b)
}

func TestKeysOfFlagsAreShownOnce(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	if got := b.post("/flag-keys", "/flag-keys", "name", "web", "environment", "mars"); got.StatusCode < 400 ||
		!strings.Contains(got.body, `value="web"`) {
		t.Errorf("a key of an unknown environment answered %d", got.StatusCode)
	}
	got := b.post("/flag-keys", "/flag-keys", "name", "web", "environment", "production", "kind", "public",
		"origins", "https://shop.example")
	if got.StatusCode != http.StatusOK || !strings.Contains(got.body, "slwf_pub_") {
		t.Fatalf("making answered %d: %s", got.StatusCode, got.body)
	}
	got = b.get("/flag-keys")
	if strings.Contains(got.body, "slwf_pub_") || !strings.Contains(got.body, "https://shop.example") {
		t.Errorf("the list shows: %s", got.body)
	}
	id := between(got.body, `action="/flag-keys/`, "/revoke")
	if got := b.post("/flag-keys", "/flag-keys/"+id+"/revoke"); got.Header.Get("Location") != "/flag-keys?done=revoked" {
		t.Errorf("revoking answered %d: %s", got.StatusCode, got.body)
	}
	if got := w.person(t, "quinn", "qa").get("/flag-keys"); got.StatusCode != http.StatusForbidden {
		t.Errorf("somebody without the permission is answered %d", got.StatusCode)
	}
}
