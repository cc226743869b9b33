package ofrep_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/internal/ofrep"
	"github.com/slipwayhq/slipway/internal/store"
)

func (w *world) revoke(id string) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error {
		return tx.RevokeFlagKey(w.t.Context(), store.FlagKey{ID: id, App: "shop"}, tx.Now())
	})
}

func TestWhoMayAsk(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name   string
		header []string
		status int
	}{
		{"nobody", nil, 401},
		{"a cookie", []string{"Cookie", "slipway_session=abc"}, 401},
		{"another scheme", []string{"Authorization", "Basic " + w.server}, 401},
		{"an unknown key", []string{"X-API-Key", "slwf_srv_" + strings.Repeat("a", 37)}, 401},
		{"half a key", []string{"X-API-Key", w.server[:20]}, 401},
		{"a long one", []string{"Authorization", "Bearer slp_" + strings.Repeat("a", 5000)}, 401},
		{"a server key", []string{"X-API-Key", w.server}, 200},
		{"a public key", []string{"Authorization", "bearer " + w.public}, 200},
		{"a server key in a page", []string{"X-API-Key", w.server, "Origin", "https://shop.example"}, 403},
		{"a token", []string{"Authorization", "Bearer " + token}, 200},
		{"a wrong token", []string{"Authorization", "Bearer slp_other"}, 401},
	} {
		got := w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags", "{}", test.header...)
		if got.status != test.status {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
		if challenge := got.header.Get("WWW-Authenticate"); (challenge != "") != (got.status == 401) {
			t.Errorf("%s: %q", test.name, challenge)
		}
	}
	if got := w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags?environment=staging", "{}", "Authorization",
		"Bearer "+token); got.status != 403 {
		t.Errorf("a token in an environment that it may not see: %d", got.status)
	}
	for _, secret := range []string{w.server, w.public, token} {
		if strings.Contains(w.log.String(), secret) {
			t.Error("the log has a secret")
		}
	}
	w.revoke("fky_backend")
	w.until("the key is refused", func() bool { return w.single("checkout", "{}").status == 401 })
}

func TestPublicKeysSeeNoRules(t *testing.T) {
	w := newWorld(t)
	l := w.list(w.bulk(w.public, `{}`))
	if want := []string{"banner", "checkout", "limits", "price"}; !slices.Equal(l.keys(), want) {
		t.Errorf("a page sees %v", l.keys())
	}
	got := w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags/secret", "{}", "X-API-Key", w.public)
	none := w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags/nothing", "{}", "X-API-Key", w.public)
	if got.status != 404 || strings.ReplaceAll(none.body, "nothing", "secret") != got.body {
		t.Errorf("a flag that is not for pages looks as one that is not there: %d %s", got.status, got.body)
	}
	if got := w.ask(http.MethodGet, "/flags/v1/document", "", "X-API-Key", w.public); got.status != 403 ||
		strings.Contains(got.body, "banner") {
		t.Errorf("the definitions: %d %s", got.status, got.body)
	}
	report := w.ask(http.MethodPost, "/flags/v1/usage", `{"items":[{"flag":"secret","variant":"on","exposures":5}]}`,
		"X-API-Key", w.public)
	if report.body != `{"counted":0,"unknown":1}` {
		t.Errorf("a report on a flag that is not for pages: %s", report.body)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	only := w.key("public", "shop-only", "https://shop.example")
	for _, path := range []string{"/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/a", "/flags/v1/events"} {
		got := w.ask(http.MethodOptions, path, "", "Origin", "https://shop.example",
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "if-none-match")
		allowed := got.header.Get("Access-Control-Allow-Headers")
		if got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != "https://shop.example" {
			t.Errorf("preflight of %s: %d %v", path, got.status, got.header)
		}
		for _, name := range []string{"if-none-match", "content-type", "authorization", "x-api-key"} {
			if !strings.Contains(allowed, name) {
				t.Errorf("%s is not allowed: %s", name, allowed)
			}
		}
	}
	for _, test := range []struct {
		key, origin, allowed string
		status               int
	}{
		{w.public, "https://anywhere.example", "https://anywhere.example", 200},
		{only, "https://shop.example", "https://shop.example", 200},
		{only, "https://evil.example", "", 403},
		{only, "null", "", 403},
		{only, "", "", 200},
	} {
		header := []string{}
		if test.origin != "" {
			header = append(header, "Origin", test.origin)
		}
		got := w.bulk(test.key, "{}", header...)
		if got.status != test.status {
			t.Errorf("%s: %d", test.origin, got.status)
		}
		if got.status == 200 && got.header.Get("Access-Control-Allow-Origin") != test.allowed {
			t.Errorf("%s may read the answer as %v", test.origin, got.header)
		}
		if test.allowed != "" && !strings.Contains(got.header.Get("Access-Control-Expose-Headers"), "ETag") {
			t.Error("the page cannot see the ETag")
		}
		if test.origin != "" && got.header.Get("Vary") != "Origin" {
			t.Errorf("a cache would mix up origins: %v", got.header)
		}
	}
}

func TestRates(t *testing.T) {
	w := newWorld(t, func(o *ofrep.Options) { o.Rate = 5 })
	busy := w.key("server", "busy")
	limited := 0
	for range 12 { // ten at once are allowed
		got := w.ask(http.MethodPost, "/ofrep/v1/evaluate/flags", "{}", "X-API-Key", busy)
		if got.status == http.StatusTooManyRequests {
			limited++
			if got.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After: %q", got.header.Get("Retry-After"))
			}
		}
	}
	if limited == 0 || limited > 3 {
		t.Errorf("%d of 12 were too many", limited)
	}
	if got := w.single("checkout", "{}"); got.status != 200 {
		t.Errorf("another key: %d", got.status)
	}
	if n := w.door.Numbers().Limited; n != int64(limited) {
		t.Errorf("%d are counted", n)
	}
}
