package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What the API refuses, a form does not let in either.
func TestFormsAreHeldToTheLimitsOfTheAPI(t *testing.T) {
	w := open(t)
	b := w.signedIn(t, "ada", "admin")
	for _, tt := range []struct {
		path string
		form url.Values
	}{
		{"/releases", url.Values{"version": {"../\x1b[2Jv2"}, "deployment_url": {"http://127.0.0.1:3002"}}},
		{"/releases", url.Values{"version": {"v2"}, "deployment_url": {"http://127.0.0.1:3002"},
			"note": {strings.Repeat("n", 3000)}}},
		{"/checks/v2", url.Values{"name": {"unit"}, "status": {"banana"}}},
		{"/incidents", url.Values{"environment": {"production"}, "title": {""}}},
	} {
		if status, page, _ := b.send(tt.path, tt.form); status != http.StatusUnprocessableEntity {
			t.Errorf("%s %v: %d %.200s", tt.path, tt.form, status, page)
		}
	}
}
