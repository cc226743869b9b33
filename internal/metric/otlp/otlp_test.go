package otlp

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/intake"
	"github.com/slipwayhq/slipway/internal/metric/metrictest"
)

// sink knows deployments by their version, which is their id.
type sink struct {
	list []metric.Bucket
	put  func(metric.Bucket) error
}

func (s *sink) Find(id, version string) (string, error) {
	if !strings.HasPrefix(id+version, "dep_") {
		return "", fault.New(fault.NotFound, "deployment_unknown", "There is no deployment %q.", id+version)
	}
	return id + version, nil
}

func (s *sink) Put(b metric.Bucket) error {
	if s.put != nil {
		return s.put(b)
	}
	s.list = append(s.list, b)
	return nil
}

func (s *sink) sum() metric.Bucket {
	var b metric.Bucket
	for _, x := range s.list {
		b.Add(x)
	}
	return b
}

func fixed64(n protowire.Number, v uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(nil, n, protowire.Fixed64Type), v)
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func pair(number protowire.Number, name, value string) []byte {
	return message(number, join(message(1, []byte(name)), message(2, message(1, []byte(value)))))
}

// histogramOf is an explicit histogram of one series with bounds of 0.1 and 1 s.
func histogramOf(version, status string, temporality, start, end uint64, counts ...uint64) []byte {
	var c, b []byte
	for _, n := range counts {
		c = protowire.AppendFixed64(c, n)
	}
	for _, x := range []float64{0.1, 1} {
		b = protowire.AppendFixed64(b, math.Float64bits(x))
	}
	code := message(9, join(message(1, []byte("http.response.status_code")), message(2, varint(3, 200))))
	if status != "200" {
		code = pair(9, "http.response.status_code", status)
	}
	dp := join(code, fixed64(2, start*1e9), fixed64(3, end*1e9), message(6, c), message(7, b))
	points := message(9, join(message(1, dp), varint(2, temporality)))
	m := join(message(1, []byte(duration)), message(3, []byte("s")), points)
	return message(1, join(message(2, message(2, m)), message(1, pair(1, "service.version", version))))
}

func spanOf(version, status string, end uint64, took time.Duration) []byte {
	s := join(varint(6, 2), fixed64(7, end-uint64(took)), fixed64(8, end),
		message(9, join(message(1, []byte("http.status_code")), message(2, varint(3, uint64(status[0]-'0')*100)))),
		pair(9, "http.route", "/api/cart"))
	return message(1, join(message(1, pair(1, "service.version", version)), message(2, message(2, s))))
}

const second = metrictest.Start

func now() time.Time { return time.Unix(second+10, 0) }

func TestDeltaHistograms(t *testing.T) {
	t.Parallel()
	s, r := &sink{}, New()
	body := join(histogramOf("dep_1", "200", 1, second, second+10, 90, 9, 1), histogramOf("dep_1", "503", 1, second,
		second+10, 4, 1, 0), histogramOf("dep_1", "404", 1, second, second+10, 5, 0, 0))
	got, err := r.Metrics(now(), body, s)
	if err != nil || got.Points != 0 {
		t.Fatalf("rejected %+v: %v", got, err)
	}
	b := s.sum()
	if b.Requests != 110 || b.Errors != 5 || b.Units != 5 || b.Client != 5 || b.Latency.Count() != 110 {
		t.Errorf("%d requests, %d errors, %d of clients, %d durations", b.Requests, b.Errors, b.Client, b.Latency.Count())
	}
	if s.list[0].Second != second || s.list[0].Width != 10 || s.list[0].Deployment != "dep_1" {
		t.Errorf("the first bucket is %+v", s.list[0])
	}
	if above := b.Latency.CountAbove(1000); above != 1 {
		t.Errorf("%d durations lie above one second, want 1", above)
	}
}

func TestCumulativeHistogramsAndRestarts(t *testing.T) {
	t.Parallel()
	s, r := &sink{}, New()
	for _, body := range [][]byte{
		histogramOf("dep_1", "200", 2, second-3600, second, 1000, 0, 0), // its beginning is long ago: only a base
		histogramOf("dep_1", "200", 2, second-3600, second+10, 1010, 5, 0),
		histogramOf("dep_1", "200", 2, second-3600, second+10, 1010, 5, 0), // again
		histogramOf("dep_1", "200", 2, second+12, second+20, 3, 0, 0),      // a new process: all of it is new
		histogramOf("dep_1", "200", 2, second+12, second+30, 2, 0, 0),      // a count that falls is not believed
		histogramOf("dep_1", "200", 2, second+12, second+40, 4, 0, 0),
	} {
		if got, err := r.Metrics(now(), body, s); err != nil || got.Points != 0 {
			t.Fatalf("rejected %+v: %v", got, err)
		}
	}
	if b := s.sum(); b.Requests != 20 {
		t.Errorf("%d requests, want 15 + 3 + 2", b.Requests)
	}
}

func TestExponentialHistograms(t *testing.T) {
	t.Parallel()
	// scale 0: base 2; offset -4: 1/16 to 1/8 s, 1/8 to 1/4 s.
	positive := join(varint(1, protowire.EncodeZigZag(-4)), message(2, []byte{6, 3}))
	dp := join(fixed64(2, second*1e9), fixed64(3, (second+5)*1e9), varint(6, 0), fixed64(7, 1), message(8, positive))
	m := join(message(1, []byte(duration)), message(3, []byte("s")), message(10, join(message(1, dp), varint(2, 1))))
	body := message(1, join(message(1, pair(1, "deployment.id", "dep_1")), message(2, message(2, m))))
	s := &sink{}
	if got, err := New().Metrics(now(), body, s); err != nil || got.Points != 0 {
		t.Fatalf("rejected %+v: %v", got, err)
	}
	b := s.sum()
	above := b.Latency.CountAbove
	if b.Requests != 10 || above(127) != 3 || above(60) != 9 || above(253) != 0 {
		t.Errorf("%d requests, of them %d above 1/8 s", b.Requests, b.Latency.CountAbove(127))
	}
}

func TestSpansCountUnlessMetricsDo(t *testing.T) {
	t.Parallel()
	s, r := &sink{}, New()
	spans := join(spanOf("dep_1", "200", second*1e9, 80*time.Millisecond), spanOf("dep_1", "500", second*1e9, time.Second))
	if got, err := r.Traces(now(), spans, s); err != nil || got.Points != 0 {
		t.Fatalf("rejected %+v: %v", got, err)
	}
	if b := s.sum(); b.Requests != 2 || b.Errors != 1 || s.list[0].Class != metric.API {
		t.Errorf("%d requests, %d errors, class %s", b.Requests, b.Errors, s.list[0].Class)
	}
	if _, err := r.Metrics(now(), histogramOf("dep_1", "200", 1, second, second+5, 1, 0, 0), s); err != nil {
		t.Fatal(err)
	}
	_, _ = r.Traces(now(), spans, s)
	if b := s.sum(); b.Requests != 3 {
		t.Errorf("%d requests: spans count beside the histogram of the same requests", b.Requests)
	}
}

func TestUnknownDeploymentsAreReported(t *testing.T) {
	t.Parallel()
	s := &sink{}
	got, err := New().Metrics(now(), join(histogramOf("v9", "200", 1, second, second+5, 1, 0, 0),
		histogramOf("dep_1", "200", 1, second, second+5, 1, 0, 0)), s)
	if err != nil || got.Points != 1 || !strings.Contains(got.Why, `no deployment "v9"`) || s.sum().Requests != 1 {
		t.Errorf("rejected %+v, %d requests: %v", got, s.sum().Requests, err)
	}
	if a := Answer(got, true, "DataPoints"); !strings.Contains(string(a), `"rejectedDataPoints":"1"`) {
		t.Errorf("the answer is %s", a)
	}
	var n uint64
	_ = each(Answer(got, false, ""), func(f field) error {
		return each(f.bytes, func(f field) error {
			n += f.value
			return nil
		})
	})
	if n != 1 {
		t.Errorf("the answer says that %d points are rejected", n)
	}
}

func TestJSONIsTheSame(t *testing.T) {
	t.Parallel()
	s, r := &sink{}, New()
	resource := `"resource":{"attributes":[{"key":"service.version","value":{"stringValue":"dep_1"}}]}`
	spans := fmt.Sprintf(`{"resourceSpans":[{%s,"scopeSpans":[{"spans":[{"kind":2,"startTimeUnixNano":"%d",
		"endTimeUnixNano":"%d","attributes":[{"key":"http.response.status_code","value":{"intValue":"500"}}]},
		{"kind":3}]}]}]}`, resource, int64(second)*1e9, int64(second)*1e9+5e6)
	if got, err := r.TracesJSON(now(), []byte(spans), s); err != nil || got.Points != 0 {
		t.Fatalf("spans: rejected %+v: %v", got, err)
	}
	points := fmt.Sprintf(`{"resourceMetrics":[{%s,"scopeMetrics":[{"metrics":[{"name":"http.server.request.duration",
		"unit":"s","histogram":{"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":"%d","timeUnixNano":"%d",
		"bucketCounts":["3","4",0],"explicitBounds":[0.1,1]}]}}]}]}]}`, resource, int64(second)*1e9, int64(second+5)*1e9)
	if got, err := r.MetricsJSON(now(), []byte(points), s); err != nil || got.Points != 0 {
		t.Fatalf("metrics: rejected %+v: %v", got, err)
	}
	if b := s.sum(); b.Requests != 8 || b.Errors != 1 || b.Latency.CountAbove(100) < 3 {
		t.Errorf("%d requests, %d errors", b.Requests, b.Errors)
	}
	for _, bad := range []string{"", "[]", `{"resourceMetrics":1}`, strings.Replace(points, `"3"`, `"x"`, 1)} {
		if _, err := r.MetricsJSON(now(), []byte(bad), s); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.40s: %v", bad, err)
		}
	}
}

type world struct {
	t *testing.T
	r *Receiver
	i *intake.Intake
}

func (w world) Serve(at time.Time, traffic ...metrictest.Traffic) {
	s := &sink{put: func(b metric.Bucket) error { return w.i.Bucket(at, b) }}
	for _, x := range traffic {
		for i := range x.Requests {
			status := "200"
			if i < x.Errors {
				status = "500"
			}
			body := spanOf(x.Deployment, status, uint64(at.UnixNano())+uint64(i), x.Took)
			if got, err := w.r.Traces(at, body, s); err != nil || got.Points > 0 {
				w.t.Fatalf("rejected %+v: %v", got, err)
			}
		}
	}
}

func (w world) Break(bool) {}

func (w world) Collect(at time.Time) []metric.Batch {
	if b, ok := w.i.Collect(at); ok {
		return []metric.Batch{b}
	}
	return nil
}

func TestReceiverKeepsTheContract(t *testing.T) {
	t.Parallel()
	metrictest.Run(t, metrictest.Contract{Kind: metric.OTLP, Latency: 0.02, Behind: 180},
		func(t *testing.T) metrictest.World {
			return world{t, New(), intake.New(intake.Options{Kind: metric.OTLP, Source: "otlp-1", Late: 20 * time.Second})}
		})
}

func FuzzBodies(f *testing.F) {
	f.Add(histogramOf("dep_1", "200", 2, second, second+5, 1, 2, 3))
	f.Add(spanOf("dep_1", "500", second*1e9, time.Second))
	f.Add([]byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"http.server.request.duration",
		"exponentialHistogram":{"dataPoints":[{"scale":3,"positive":{"offset":-1,"bucketCounts":[1]}}]}}]}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, r := &sink{}, New()
		_, _ = r.Metrics(now(), body, s)
		_, _ = r.Traces(now(), body, s)
		_, _ = r.MetricsJSON(now(), body, s)
		_, _ = r.TracesJSON(now(), body, s)
		for _, b := range s.list {
			if b.Errors > b.Requests || b.Latency.Count() != b.Requests || math.IsNaN(b.Latency.Mean()) || b.Width < 0 {
				t.Errorf("bucket %+v", b)
			}
		}
	})
}

// An exporter that did not hear the answer sends the same again, and batches overtake each other: each counts once.
//
// req: N-04
func TestWhatIsSentAgainCountsOnce(t *testing.T) {
	t.Parallel()
	one := histogramOf("dep_1", "200", 1, second, second+10, 7, 0, 0)
	two := histogramOf("dep_1", "200", 1, second+10, second+20, 5, 0, 0)
	failing := histogramOf("dep_1", "500", 1, second, second+10, 3, 0, 0)
	s, r := &sink{}, New()
	for _, body := range [][]byte{two, one, join(one, failing), failing, two} {
		if got, err := r.Metrics(now(), body, s); err != nil || got.Points != 0 {
			t.Fatalf("rejected %+v: %v", got, err)
		}
	}
	if b := s.sum(); b.Requests != 15 || b.Errors != 3 {
		t.Errorf("delta: %d requests and %d errors, want 15 and 3", b.Requests, b.Errors)
	}
	spans := `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.version","value":{"stringValue":"dep_2"}}]},
		"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"01","kind":2,"startTimeUnixNano":"1","endTimeUnixNano":"%d"}]}]}]}`
	s = &sink{}
	for _, trace := range []string{"0a", "0b", "0a"} {
		if _, err := r.TracesJSON(now(), fmt.Appendf(nil, spans, trace, second*1_000_000_000), s); err != nil {
			t.Fatal(err)
		}
	}
	if b := s.sum(); b.Requests != 2 {
		t.Errorf("spans: %d requests, want 2", b.Requests)
	}
}

// A cumulative series that does not grow says that its version lives: silence and no visitors are told apart.
//
// req: N-04
func TestACumulativeSeriesIsHeardWithoutRequests(t *testing.T) {
	t.Parallel()
	s, r := &sink{}, New()
	for _, end := range []uint64{0, 10, 20, 30} {
		if _, err := r.Metrics(now(), histogramOf("dep_1", "200", 2, second-10, second+end, 4, 0, 0), s); err != nil {
			t.Fatal(err)
		}
	}
	if b := s.sum(); b.Requests != 4 || len(s.list) != 4 || s.list[3].Second != second+20 || s.list[3].Width != 10 {
		t.Errorf("%d requests in %d buckets: %+v", b.Requests, len(s.list), s.list)
	}
}

func TestAnIntervalOfManyMinutesIsRefusedInWords(t *testing.T) {
	t.Parallel()
	s, r := &sink{}, New()
	got, err := r.Metrics(now(), histogramOf("dep_1", "200", 1, second-300, second, 4, 0, 0), s)
	if err != nil || got.Points != 1 || !strings.Contains(got.Why, "covers 300 s") || len(s.list) != 0 {
		t.Errorf("%+v %v", got, err)
	}
}

// One version sends metrics and spans, the other spans only: each is counted once, by what it has.
func TestMetricsOfOneVersionDoNotSilenceTheSpansOfAnother(t *testing.T) {
	t.Parallel()
	s, r := &sink{}, New()
	if _, err := r.Metrics(now(), histogramOf("dep_1", "200", 1, second, second+10, 7, 0, 0), s); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"dep_1", "dep_2"} {
		if _, err := r.Traces(now(), spanOf(version, "200", second*1e9, time.Millisecond), s); err != nil {
			t.Fatal(err)
		}
	}
	of := map[string]uint64{}
	for _, b := range s.list {
		of[b.Deployment] += b.Requests
	}
	if of["dep_1"] != 7 || of["dep_2"] != 1 {
		t.Errorf("%v, want 7 and 1", of)
	}
}
