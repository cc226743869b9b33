package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
)

// Whatever people write is text, on every page about flags.
func TestNoTextOfAFlagBecomesMarkup(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	who := access.System("test")
	const evil = `"'><img src=x onerror=alert(1)></script><script>alert(2)</script>javascript:alert(3)`
	const tag = "<img src=x onerror=alert(1)>" // names have no quotes
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	value, err := json.Marshal(map[string]string{evil: evil})
	must(err)
	_, err = w.desk.Flags.Create(t.Context(), who, api.CreateFlag{
		Key: "evil", Kind: "object", Description: evil, Owner: evil[:40], Tags: []string{"a"},
		Variants: []api.FlagVariant{
			{Name: "on", Value: value, Description: evil}, {Name: "off", Value: json.RawMessage(`{}`)},
		},
	})
	must(err)
	_, err = w.desk.Flags.PutSegment(t.Context(), who, "staff", "production", api.PutSegment{
		Description: evil, Excluded: []string{evil},
		Any: [][]api.FlagCondition{{{Attribute: tag, Op: "equals", Values: []any{evil}}}},
	})
	must(err)
	_, err = w.desk.Flags.ChangeMembers(t.Context(), who, "staff", "production",
		api.SegmentMembers{Add: []string{evil}, Reason: evil})
	must(err)
	_, err = w.desk.Flags.Put(t.Context(), who, "evil", "production", api.PutFlagConfig{
		On: true, Reason: evil, Rules: []api.FlagRule{
			{Description: evil, If: []api.FlagCondition{{Segment: "staff"}}, Serve: api.FlagServe{Variant: "on"}},
			{If: []api.FlagCondition{{Attribute: tag, Op: "equals", Values: []any{evil}}},
				Serve: api.FlagServe{Split: []api.FlagPortion{
					{Variant: "on", Weight: 1}, {Variant: "off", Weight: 1}}, Salt: "s"}},
		}, Default: api.FlagServe{Variant: "on"},
	})
	must(err)
	q := url.QueryEscape(evil)
	for _, path := range []string{
		"/flags", "/flags?q=" + q + "&tag=" + q + "&environment=" + q, "/flags/evil", "/flags/evil?environment=production",
		"/flags/evil?done=" + q, "/flags/evil/edit", "/flags/evil/environments/production",
		"/flags/evil/environments/production/ramp", "/flags/evil/promote?from=production&to=staging",
		"/flags/" + url.PathEscape(evil),
		"/flags/evil/environments/" + url.PathEscape(evil), "/segments", "/segments/production/staff",
		"/segments/production/staff/edit", "/segments/production/" + url.PathEscape(evil), "/flags/stale", "/log",
		"/new-flag?key=" + q,
	} {
		got := b.get(path)
		for _, markup := range []string{"<img", "<script>alert", "href=\"javascript:", "'><"} {
			if strings.Contains(got.body, markup) {
				at := strings.Index(got.body, markup)
				t.Errorf("%s answered %d with markup: %s", path, got.StatusCode,
					got.body[max(0, at-80):min(len(got.body), at+80)])
			}
		}
		if csp := got.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self';") {
			t.Errorf("%s: %q", path, csp)
		}
	}
	if got := b.get("/segments/production/staff"); !strings.Contains(got.body, "&lt;img") {
		t.Error("the page does not show it at all")
	}
}

// No form about flags does anything when another site sent it.
func TestFormsOfFlagsAreOurs(t *testing.T) {
	t.Parallel()
	w := open(t)
	b := w.admin(t)
	w.flagged(t, "checkout")
	token := tokenIn(b.get("/settings").body)
	const place = "/flags/checkout/environments/production"
	for _, path := range []string{
		"/flags", "/flags/checkout", "/flags/checkout/promote", "/flags/checkout/archive", "/flags/checkout/restore",
		place, place + "/ramp", place + "/on", place + "/off", place + "/rollout", place + "/revert",
		"/flag-drafts/fdr_1/discard", "/flag-keys", "/flag-keys/fky_1/revoke", "/segments",
		"/segments/production/staff/members", "/segments/production/staff/delete", "/incidents/inc_1/flag-off",
	} {
		for name, test := range map[string]struct {
			token  string
			header http.Header
		}{
			"no token": {}, "another site": {token, http.Header{"Sec-Fetch-Site": {"cross-site"}}},
			"another origin": {token, http.Header{"Origin": {"https://evil.example"}}},
		} {
			v := url.Values{"_csrf": {test.token}, "reason": {"x"}, "key": {"a"}, "kind": {"boolean"}, "percent": {"100"}}
			if got := b.send(path, v, test.header); got.StatusCode != http.StatusForbidden {
				t.Errorf("%s, %s: %d", path, name, got.StatusCode)
			}
		}
	}
}
