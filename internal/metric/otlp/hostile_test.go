package otlp

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slipwayhq/slipway/internal/fault"
)

// manyCells is a point whose cells hold n durations each.
func manyCells(cells int, n uint64, start uint64) []byte {
	var counts, bounds []byte
	for i := range cells {
		counts = protowire.AppendFixed64(counts, n)
		if i > 0 {
			bounds = protowire.AppendFixed64(bounds, math.Float64bits(float64(i)/100))
		}
	}
	dp := join(fixed64(2, start*1e9), fixed64(3, (start+1)*1e9), message(6, counts), message(7, bounds))
	m := join(message(1, []byte(duration)), message(3, []byte("s")), message(9, join(message(1, dp), varint(2, 1))))
	return message(1, join(message(2, message(2, m)), message(1, pair(1, "service.version", "dep_1"))))
}

// However many durations a body claims to hold, laying them out is bounded by its size: one request must not hold a
// processor for minutes.
func TestTheWorkOfABodyIsBounded(t *testing.T) {
	t.Parallel()
	s, r := &sink{}, New()
	x := &reader{r: r, now: now(), sink: s}
	var body []byte
	for i := range uint64(60) {
		body = append(body, manyCells(900, 1_000_000, second-100+i)...)
	}
	if _, err := x.done(x.metrics(body)); err != nil {
		t.Fatal(err)
	}
	if b := s.sum(); b.Requests != 60*900*1_000_000 || b.Latency.Count() != b.Requests {
		t.Errorf("%d requests and %d durations", b.Requests, b.Latency.Count())
	}
	if x.places > maxPlaces+60*900 {
		t.Errorf("%d places were looked for, want at most %d and one for each cell", x.places, maxPlaces)
	}
}

func TestCountsThatNobodyHasAreRefused(t *testing.T) {
	t.Parallel()
	s, r := &sink{}, New()
	got, err := r.Metrics(now(), manyCells(900, 1<<39, second), s)
	if err != nil || got.Points != 1 || len(s.list) != 0 || !strings.Contains(got.Why, "requests") {
		t.Errorf("%+v, %v, %d buckets", got, err, len(s.list))
	}
}

// An identifier is 16 bytes: one that is put together of a million parts is none.
func TestASpanOfManyIdentifiersIsMalformed(t *testing.T) {
	t.Parallel()
	s := bytes.Repeat(message(1, []byte("x")), 100_000)
	body := message(1, join(message(1, pair(1, "service.version", "dep_1")), message(2, message(2, s))))
	_, err := New().Traces(now(), body, &sink{})
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want a malformed body", err)
	}
}

// A small body in JSON must not become large things in memory.
func TestJSONOfMillionsOfEmptyThingsIsRefused(t *testing.T) {
	t.Parallel()
	empty := strings.Repeat("{},", 1_300_000) + "{}"
	for _, body := range []string{
		`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[` + empty + `]}}]}]}]}`,
		`{"resourceSpans":[` + empty + `]}`,
	} {
		_, err := New().MetricsJSON(now(), []byte(body), &sink{})
		_, err2 := New().TracesJSON(now(), []byte(body), &sink{})
		for _, err := range []error{err, err2} {
			if !fault.Is(err, fault.Invalid) || fault.ReasonOf(err) != "otlp_too_much" {
				t.Errorf("got %v, want a refusal", err)
			}
		}
	}
}

// What is remembered of cumulative series is bounded by what it takes, not by their number alone.
func TestCumulativeSeriesAreBoundedByTheirSize(t *testing.T) {
	t.Parallel()
	s, r := &sink{}, New()
	refused := int64(0)
	for i := range 2 * maxKept / 900 {
		x := &reader{r: r, now: now(), sink: s, where: "dep_1", identity: fmt.Sprint(i)}
		p := point{name: duration, unit: "s", start: second * 1e9, end: (second + 1) * 1e9, attributes: attributes{}}
		for k := range 900 {
			p.cells = append(p.cells, cell{float64(k), float64(k + 1), 1})
		}
		x.histogram(p)
		refused += x.rejected.Points
	}
	if r.kept > maxKept || refused == 0 {
		t.Errorf("%d cells are kept, %d points were refused", r.kept, refused)
	}
}
