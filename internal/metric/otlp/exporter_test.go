package otlp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testdata holds what the real exporter for Node sent (@opentelemetry/sdk-node 0.223 with instrumentation-http, an
// export a second): a server answered ten requests with 200, three with 500, one with 404, and a second later
// five with 200 after 120 ms.
func TestTheRealExporterIsUnderstood(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{
		"protobuf-cumulative-metrics", "protobuf-delta-metrics", "json-cumulative-metrics", "protobuf-cumulative-traces",
		"protobuf-delta-traces", "json-cumulative-traces",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			files, err := filepath.Glob(filepath.Join("testdata", kind+"-*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no files: %v", err)
			}
			s, r := &sink{}, New()
			read := r.Metrics
			switch {
			case kind == "json-cumulative-metrics":
				read = r.MetricsJSON
			case kind == "json-cumulative-traces":
				read = r.TracesJSON
			case strings.HasSuffix(kind, "traces"):
				read = r.Traces
			}
			for _, name := range files { // numbered as they came
				body, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				for range 1 + strings.Count(kind, "cumulative-metrics") { // cumulative points may come twice
					if got, err := read(now(), body, s); err != nil || got.Points != 0 {
						t.Fatalf("%s: rejected %+v: %v", name, got, err)
					}
				}
			}
			b := s.sum()
			if b.Requests != 19 || b.Errors != 3 || b.Client != 1 || b.Latency.Count() != 19 {
				t.Errorf("%d requests, %d errors, %d of clients, %d durations; want 19, 3, 1, 19", b.Requests, b.Errors, b.Client,
					b.Latency.Count())
			}
			if slow := b.Latency.CountAbove(99); slow != 5 {
				t.Errorf("%d requests took longer than 99 ms, want 5", slow)
			}
			for _, k := range s.list {
				if k.Width > 2 {
					t.Errorf("a bucket is %d s wide, and exports came every second", k.Width)
				}
			}
		})
	}
}
