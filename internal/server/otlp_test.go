package server

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/intake"
	"github.com/slipwayhq/slipway/internal/metric/otlp"
)

func spansOf(version string, n int) string {
	at := time.Now().UnixNano()
	one := fmt.Sprintf(`{"kind":2,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":
		[{"key":"http.response.status_code","value":{"intValue":"500"}}]}`, at-5e6, at)
	return `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.version","value":{"stringValue":"` + version +
		`"}}]},"scopeSpans":[{"spans":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}]}]}`
}

func TestTelemetryIsTaken(t *testing.T) {
	t.Parallel()
	in := intake.New(intake.Options{Kind: metric.OTLP, Source: "otlp-test"})
	w := open(t, func(o *Options) {
		o.Desk.OTLP, o.Desk.Spans = otlp.New(), in
		if err := o.Desk.Engine.Adopt(t.Context(), "v1", "http://127.0.0.1:3001"); err != nil {
			t.Fatal(err)
		}
	})
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(spansOf("v1", 3)))
	_ = z.Close()
	var bomb bytes.Buffer
	z = gzip.NewWriter(&bomb)
	_, _ = z.Write(bytes.Repeat([]byte(" "), maxObservation+1))
	_ = z.Close()
	proto := "Content-Type: application/x-protobuf"
	tests := []struct {
		name, path, body string
		headers          []string
		status           int
		says             string
	}{
		{"json", "traces", spansOf("v1", 2), []string{as(w.admin)}, 200, "{}"},
		{"gzip", "traces", packed.String(), []string{as(w.admin), "Content-Encoding: gzip"}, 200, "{}"},
		{"unknown", "traces", spansOf("v9", 2), []string{as(w.admin)}, 200, `"rejectedSpans":"2"`},
		{"empty", "metrics", "", []string{as(w.admin), proto}, 200, ""},
		{"no token", "traces", spansOf("v1", 1), nil, 401, "Send a token"},
		{"wrong token", "traces", spansOf("v1", 1), []string{as("slp_wrong")}, 401, ""},
		{"malformed", "metrics", "\xff\xff", []string{as(w.admin), proto}, 400, "not what an OTLP exporter sends"},
		{"form", "metrics", "a=b", []string{as(w.admin), "Content-Type: text/plain"}, 400, "Content-Type"},
		{"bomb", "traces", bomb.String(), []string{as(w.admin), "Content-Encoding: gzip"}, 400, "larger than 4096 KiB"},
		{"zstd", "traces", "x", []string{as(w.admin), "Content-Encoding: zstd"}, 400, "gzip is understood"},
	}
	for _, test := range tests {
		r := w.do(t, http.MethodPost, "/otlp/v1/"+test.path, test.body, test.headers...)
		if r.StatusCode != test.status || !strings.Contains(r.body, test.says) {
			t.Errorf("%s: %d %.200s, want %d and %q", test.name, r.StatusCode, r.body, test.status, test.says)
		}
	}
	b, _ := in.Collect(time.Now())
	var sum metric.Bucket
	for _, k := range b.Buckets {
		sum.Add(k)
	}
	if sum.Requests != 5 || sum.Errors != 5 {
		t.Errorf("%d requests and %d errors came in, want 5 and 5", sum.Requests, sum.Errors)
	}
	if c := in.Counters(); c.Unknown == 0 {
		t.Error("nobody counts what is unknown")
	}
}

func TestTelemetryIsHeldBack(t *testing.T) {
	t.Parallel()
	in := intake.New(intake.Options{Kind: metric.OTLP, Source: "otlp-test"})
	w := open(t, func(o *Options) { o.Desk.OTLP, o.Desk.Spans = otlp.New(), in })
	for i := range 20_000 {
		_ = in.Bucket(time.Now(), metric.Bucket{Deployment: fmt.Sprint(i), Class: metric.API, Second: time.Now().Unix()})
	}
	r := w.do(t, http.MethodPost, "/otlp/v1/traces", spansOf("v1", 1), as(w.admin))
	if r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "2" {
		t.Errorf("%d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
	}
}

// Four who send slowly, or never end, do not keep the others from sending.
func TestWhoSendsSlowlyTakesNobodysTurn(t *testing.T) {
	t.Parallel()
	w := open(t, func(o *Options) {
		o.Desk.OTLP, o.Desk.Spans = otlp.New(), intake.New(intake.Options{Kind: metric.OTLP, Source: "otlp-test"})
	})
	ts := httptest.NewServer(w.Server)
	defer ts.Close()
	for range otlpAtOnce {
		conn, err := net.Dial("tcp", ts.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "POST /otlp/v1/traces HTTP/1.1\r\nHost: x\r\n"+as(w.admin)+
			"\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n")
		first := make([]byte, 12) // "100 Continue" comes when the body is waited for
		if _, err := io.ReadFull(conn, first); err != nil || string(first) != "HTTP/1.1 100" {
			t.Fatalf("%q, %v", first, err)
		}
	}
	if r := w.do(t, http.MethodPost, "/otlp/v1/traces", spansOf("v1", 1), as(w.admin)); r.StatusCode != http.StatusOK {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

// Who makes up versions does not make Slipway look for each of them.
func TestMadeUpVersionsAreNotAllLookedFor(t *testing.T) {
	t.Parallel()
	w := open(t, func(o *Options) {
		o.Desk.OTLP, o.Desk.Spans = otlp.New(), intake.New(intake.Options{Kind: metric.OTLP, Source: "otlp-test"})
		if err := o.Desk.Engine.Adopt(t.Context(), "v1", "http://127.0.0.1:3001"); err != nil {
			t.Fatal(err)
		}
	})
	var list []string
	for i := range 101 {
		version := fmt.Sprintf("made-up-%d", i)
		if i == 100 {
			version = "v1" // which nobody looks for any more
		}
		one := spansOf(version, 1)
		list = append(list, strings.TrimSuffix(strings.TrimPrefix(one, `{"resourceSpans":[`), "]}"))
	}
	body := `{"resourceSpans":[` + strings.Join(list, ",") + "]}"
	r := w.do(t, http.MethodPost, "/otlp/v1/traces", body, as(w.admin))
	if r.StatusCode != http.StatusOK || !strings.Contains(r.body, `"rejectedSpans":"101"`) {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}
