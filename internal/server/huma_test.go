package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/telemetry"
)

// small is a server with operations of the test's own, without the doors around.
func small(t *testing.T) (*Server, http.Handler) {
	t.Helper()
	s := open(t).Server
	mux := http.NewServeMux()
	h := s.newAPI(mux)
	failing := map[string]error{
		"plain": errors.New("connect to postgres://slipway:hunter2@db failed"),
		"wrapped": fmt.Errorf("claim release: %w",
			fault.Wrap(errors.New("pq: hunter2"), fault.Conflict, "changed_meanwhile", "It was changed.")),
		"hidden": fault.Wrap(errors.New("hunter2"), fault.Internal, "some_defect", "The secret is hunter2."),
		"slow":   fmt.Errorf("read hunter2: %w", context.DeadlineExceeded),
	}
	register(s, h, endpoint{ID: "fail", Method: http.MethodGet, Path: "/fail/{id}", Tag: "T", Summary: "S"},
		func(_ context.Context, _ access.Actor, in *ByID) (api.Release, error) {
			return api.Release{}, failing[in.ID]
		})
	register(s, h, endpoint{ID: "lists", Method: http.MethodGet, Path: "/lists", Tag: "T", Summary: "S"},
		func(context.Context, access.Actor, *none) (api.Approval, error) { return api.Approval{}, nil })
	register(s, h, endpoint{ID: "boom", Method: http.MethodGet, Path: "/boom", Tag: "T", Summary: "S"},
		func(context.Context, access.Actor, *none) (api.Release, error) { panic("hunter2") })
	register(s, h, endpoint{ID: "user", Method: http.MethodPost, Path: "/user", Tag: "T", Summary: "S"},
		func(context.Context, access.Actor, *with[api.NewUser]) (api.User, error) { return api.User{}, nil })
	corrected(h)
	return s, s.around(mux)
}

func ask(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/api/v1"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// (1) What is no fault is Internal, and its text stays in the log.
func TestPlainErrorsDoNotReachTheCaller(t *testing.T) {
	_, h := small(t)
	tests := []struct {
		id, kind, reason string
		status           int
	}{
		{"plain", "internal", "internal", 500},
		{"wrapped", "conflict", "changed_meanwhile", 409},
		{"hidden", "internal", "internal", 500},
		{"slow", "unavailable", "too_slow", 503},
	}
	for _, tt := range tests {
		w := ask(h, http.MethodGet, "/fail/"+tt.id, "")
		body := w.Body.String()
		if strings.Contains(body, "hunter2") || strings.Contains(body, "claim release") {
			t.Errorf("%s tells the caller %s", tt.id, body)
		}
		if w.Code != tt.status || !strings.Contains(body, `"reason":"`+tt.reason+`"`) ||
			!strings.Contains(body, `"kind":"`+tt.kind+`"`) ||
			w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", tt.id, w.Code, body)
		}
	}
}

// (2) The documentation needs nothing from elsewhere.
func TestDocumentationIsOurOwn(t *testing.T) {
	w := open(t)
	for _, path := range []string{"/docs", "/api/docs", "/openapi.json", "/schemas/Release.json", "/openapi-3.0.json"} {
		if r := w.do(t, http.MethodGet, path, ""); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	for _, path := range []string{"/api", "/problems/strategy_invalid", "/problems/kinds"} {
		r := w.do(t, http.MethodGet, path, "")
		if r.StatusCode != http.StatusOK || strings.Contains(r.body, "<script") || strings.Contains(r.body, "//unpkg") ||
			strings.Contains(r.body, "http://") {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
		if !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s has no policy", path)
		}
	}
	for _, bad := range []string{"/problems/%3Cscript%3E", "/problems/a.b", "/problems/" + strings.Repeat("a", 100)} {
		if r := w.do(t, http.MethodGet, bad, ""); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", bad, r.StatusCode)
		}
	}
	if r := w.do(t, http.MethodGet, "/api/openapi.json", ""); r.StatusCode != http.StatusOK ||
		r.body != string(w.OpenAPI()) {
		t.Error("openapi.json is not served")
	}
}

// (3) Bodies have no $schema. (4) Lists are empty, never null. (5) No schema says null.
func TestBodiesAreWhatTheTypesSay(t *testing.T) {
	s, h := small(t)
	w := ask(h, http.MethodGet, "/lists", "")
	body := w.Body.String()
	if w.Code != http.StatusOK || strings.Contains(body, "$schema") || strings.Contains(body, "null") ||
		strings.Contains(w.Header().Get("Link"), "schema") {
		t.Errorf("%d %s %v", w.Code, body, w.Header())
	}
	for _, want := range []string{`"rules":[]`, `"votes":[]`, `"evidence":[]`, `"changed":{}`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s lacks %s", body, want)
		}
	}
	if doc := string(s.OpenAPI()); strings.Contains(doc, `"null"`) || strings.Contains(doc, "$schema") ||
		strings.Contains(doc, "ErrorModel") {
		t.Error("openapi.json says null, $schema or ErrorModel")
	}
}

func TestPanicsEndNothingButTheirRequest(t *testing.T) {
	_, h := small(t)
	w := ask(h, http.MethodGet, "/boom", "")
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "hunter2") ||
		w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What huma says about input has its places, and not the values: one may be a password.
func TestComplaintsNameThePlaceAndNotTheValue(t *testing.T) {
	_, h := small(t)
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	tests := []struct {
		name, body, want string
		status           int
	}{
		{"short", `{"name":"ada","roles":[],"password":"hunter2"}`, "body.password", 422},
		{"unknown", `{"name":"ada","roles":[],"password":"hunter2hunter2","admin":true}`, "body.admin", 422},
		{"missing", `{"password":"hunter2hunter2"}`, "name", 422},
		{"type", `{"name":7,"roles":[],"password":"hunter2hunter2"}`, "body.name", 422},
		{"null list", `{"name":"ada","roles":null,"password":"hunter2hunter2"}`, "body.roles", 422},
		{"bad name", `{"name":"a b","roles":[],"password":"hunter2hunter2"}`, "body.name", 422},
		{"no JSON", `hunter2`, "body", 400},
		{"two values", `{} {"password":"hunter2"}`, "body", 400},
		{"too deep", deep, "nested", 400},
		{"nothing", ``, "body", 400},
	}
	for _, tt := range tests {
		w := ask(h, http.MethodPost, "/user", tt.body)
		body := w.Body.String()
		if w.Code != tt.status || !strings.Contains(body, tt.want) || !strings.Contains(body, `"kind":"invalid"`) ||
			strings.Contains(body, "hunter2") {
			t.Errorf("%s: %d %s", tt.name, w.Code, body)
		}
	}
}

func TestProblemsOfEveryKind(t *testing.T) {
	ctx := telemetry.With(t.Context(), telemetry.Request, "req_1")
	for _, row := range fault.Table() {
		f := fault.New(row.Kind, "some_reason", "A sentence.")
		f.Fields = []fault.Field{{Path: "body.x", Message: "is wrong"}}
		f = f.At(fault.Page, "Tick it.").At(fault.Command, "Use --it.")
		p := problemOf(ctx, fmt.Errorf("do it: %w", f))
		if p.Status != row.Status || p.ExitCode != row.Exit || p.Kind != string(row.Kind) || p.Instance != "req_1" ||
			p.Remedy != row.Remedy {
			t.Errorf("%+v", p)
		}
		internal := row.Kind == fault.Internal
		if (p.Detail == "A sentence.") == internal || (len(p.Errors) == 1) == internal {
			t.Errorf("%s: %+v", row.Kind, p)
		}
		if want := "A sentence. Use --it."; (p.Command == want) == internal || strings.Contains(p.Detail, "it.") {
			t.Errorf("%s: at the command line: %+v", row.Kind, p)
		}
		if (p.GetHeaders().Get("WWW-Authenticate") != "") != (row.Status == 401) {
			t.Errorf("%s: %v", row.Kind, p.GetHeaders())
		}
	}
}
