package server

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func randomWord() string { return rand.Text()[:8] }

func TestEveryOperationIsDescribedAndOpenAPIIsGolden(t *testing.T) {
	w := open(t)
	golden(t, "../../api/openapi.json", string(w.OpenAPI()))
	for _, e := range w.table {
		if e.ID == "" || e.Tag == "" || e.Summary == "" || e.Path == "" || e.Method == "" {
			t.Errorf("%+v is not described", e)
		}
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Description string
			Parameters  []struct{ Name, In string }
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal(w.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	n := 0
	for path, ops := range doc.Paths {
		for method, op := range ops {
			n++
			if op.Description == "" || op.OperationID == "" || op.Responses["default"] == nil {
				t.Errorf("%s %s lacks a description or its problem", method, path)
			}
			read := 0
			for _, p := range op.Parameters {
				if p.In == "path" && strings.Contains(path, "{"+p.Name+"}") {
					read++
				}
			}
			if read != strings.Count(path, "{") {
				t.Errorf("%s %s does not read its path", method, path)
			}
		}
	}
	if doc.OpenAPI != "3.1.0" || n != len(w.table) {
		t.Errorf("openapi %s has %d operations, the table %d", doc.OpenAPI, n, len(w.table))
	}
}

// concrete puts something into a path's parameters.
func concrete(path string) string {
	return "/api/v1" + strings.NewReplacer("{id}", "rel_00000000000000000000", "{key}", "checkout",
		"{environment}", "staging").Replace(path)
}

// req: RO-15
func TestNothingIsReachableWithoutCredentials(t *testing.T) {
	w := open(t)
	for _, e := range w.table {
		r := w.do(t, e.Method, concrete(e.Path), "")
		if e.Public {
			if r.StatusCode == http.StatusUnauthorized {
				t.Errorf("%s %s is public but asks for credentials", e.Method, e.Path)
			}
			continue
		}
		p := r.problem(t)
		if r.StatusCode != http.StatusUnauthorized || p.Kind != "unknown" ||
			!strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s %s: %d %+v", e.Method, e.Path, r.StatusCode, p)
		}
	}
	for _, path := range []string{"/api/v1/", "/api/v1/secret", "/api/v1/releases/x/y/z"} {
		if r := w.do(t, http.MethodGet, path, ""); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}
