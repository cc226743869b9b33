package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestLinesCarryTheIDsOfTheirContext(t *testing.T) {
	var b bytes.Buffer
	log := NewLogger(&b, slog.LevelInfo, true).With("node", "a")
	ctx := With(With(With(t.Context(), Request, "req_1"), Actor, "user:ada"), Release, "")
	inner := With(ctx, Actor, "user:bob")
	log.InfoContext(inner, "asked", "operation", "x")
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"msg": "asked", "node": "a", "operation": "x", Request: "req_1", Actor: "user:bob"}
	for k, v := range want {
		if line[k] != v {
			t.Errorf("%s is %v, want %v", k, line[k], v)
		}
	}
	if _, ok := line[Release]; ok || strings.Count(b.String(), Actor) != 1 {
		t.Errorf("%s", b.String())
	}
	if ID(ctx, Actor) != "user:ada" || ID(inner, Actor) != "user:bob" || ID(context.Background(), Actor) != "" {
		t.Error("an inner context changes an outer one")
	}
	b.Reset()
	log.DebugContext(ctx, "quiet")
	NewLogger(&b, slog.LevelInfo, false).InfoContext(ctx, "a\nb", "v", "c\nmsg=forged")
	if strings.Count(b.String(), "\n") != 1 {
		t.Errorf("a line can be forged: %q", b.String())
	}
}

func TestMetricsAreNamedAndCounted(t *testing.T) {
	m := NewMetrics("v1.2.3")
	m.Request("GET /api/v1/me", 200, 3*time.Millisecond, false)
	m.Request("GET /api/v1/events", 200, time.Hour, true)
	m.Login("refused")
	m.Limited("client")
	m.Panic()
	m.Stream(1)
	m.Gauge("slipway_log_sequence", "The newest event.", func() float64 { return 7 })
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`slipway_http_requests_total{operation="GET /api/v1/me",status="200"} 1`, `slipway_logins_total{result="refused"} 1`,
		`slipway_http_limited_total{limit="client"} 1`, "slipway_panics_total 1", "slipway_event_streams 1",
		"slipway_log_sequence 7", `version="v1.2.3"`,
		`slipway_http_request_duration_seconds_bucket{operation="GET /api/v1/me",le="0.005"} 1`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(w.Body.String(), `duration_seconds_count{operation="GET /api/v1/events"}`) {
		t.Error("a stream's length is a duration")
	}
	for line := range strings.Lines(w.Body.String()) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "# HELP "), " ")
		if strings.HasPrefix(line, "# HELP ") && !strings.HasPrefix(name, "slipway_") && !strings.HasPrefix(name, "go_") &&
			!strings.HasPrefix(name, "process_") {
			t.Errorf("%s is not named slipway_…", name)
		}
	}
	other := NewMetrics("v1") // a second registry in one process
	other.Panic()
}
