package web

import (
	"net/http"
	"strings"
	"testing"
)

// What the API refuses, a form does not let in either.
func TestFormsAreHeldToTheLimitsOfTheAPI(t *testing.T) {
	w := open(t)
	b := w.admin(t)
	for _, tt := range []struct {
		path   string
		fields []string
	}{
		{"/releases", []string{"version", "../\x1b[2Jv2", "deployment_url", "http://127.0.0.1:3002"}},
		{"/releases", []string{"version", "v2", "deployment_url", "http://127.0.0.1:3002",
			"note", strings.Repeat("n", 3000)}},
		{"/checks/v2", []string{"name", "unit", "status", "banana"}},
		{"/incidents", []string{"environment", "production", "title", ""}},
	} {
		if got := b.post("/settings", tt.path, tt.fields...); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s %.60q: %d", tt.path, tt.fields, got.StatusCode)
		}
	}
}
