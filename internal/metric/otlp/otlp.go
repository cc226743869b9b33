// Package otlp understands what OpenTelemetry exporters send over HTTP: metrics and traces, as protobuf or JSON.
//
// Of metrics it reads the histogram http.server.request.duration (explicit and exponential buckets, delta and
// cumulative), of traces the spans of servers. Both become requests, errors and durations of the deployment that
// the resource names by deployment.id or service.version; what names none that is known is counted and reported,
// not kept. When a deployment sends both, its metrics count: they are never sampled. What an exporter sends again,
// because an answer was lost, counts once. A cumulative series that did not grow is heard nevertheless: its version
// lives and had no requests.
//
// Nothing is built up while a body is read: each point and span is handed on and forgotten, so that memory depends
// on the body's size alone. The formats follow the OTLP specification 1.x; what is not known is passed over.
package otlp

import (
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

const (
	maxStreams = 5000    // cumulative series that are remembered
	maxCells   = 1000    // of one histogram
	maxKept    = 300_000 // cells of all cumulative series that are remembered
	maxCount   = 1e9     // requests that came on top in one point
	perCell    = 1000    // places at which the durations of a cell are laid out
	maxPlaces  = 500_000 // of one body; beyond that a cell has one place
	maxSeen    = 100_000 // points and spans that are remembered, twice over
	prefer     = 10 * time.Minute
	duration   = "http.server.request.duration"
	older      = "http.server.duration" // its name before 2023, in milliseconds
)

// Sink takes what was understood.
type Sink interface {
	// Find returns a deployment's id, or a fault when there is none.
	Find(id, version string) (string, error)
	// Put takes a bucket; a fault says why it does not count.
	Put(b metric.Bucket) error
}

// Rejected says what of a request does not count, in the words of the first reason.
type Rejected struct {
	Points int64
	Why    string
}

// Receiver turns requests of exporters into buckets. It remembers what cumulative series had counted. It is safe
// for concurrent use.
type Receiver struct {
	mu      sync.Mutex
	streams map[string]stream
	kept    int                    // cells of all of them
	metrics map[string]time.Time   // when a histogram of a deployment was last taken
	seen    [2]map[uint64]struct{} // what was taken, so that it is not taken again
	phase   float64                // where in its bucket the next duration is laid
}

// stream is the last state of a cumulative series.
type stream struct {
	start, at uint64
	cells     []cell
	heard     time.Time
}

// cell is one bucket of a histogram, in the unit of its metric.
type cell struct {
	low, high float64
	count     uint64
}

// New returns a Receiver.
func New() *Receiver {
	return &Receiver{
		streams: map[string]stream{}, metrics: map[string]time.Time{}, seen: [2]map[uint64]struct{}{{}, {}},
	}
}

// again says whether something was taken before, and notes that it is taken now. About the last hundred thousand are
// remembered.
func (r *Receiver) again(parts ...string) bool {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write(append([]byte(p), 0)) // it cannot fail
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.seen {
		if _, known := m[h.Sum64()]; known {
			return true
		}
	}
	if len(r.seen[0]) >= maxSeen {
		r.seen[1], r.seen[0] = r.seen[0], map[uint64]struct{}{}
	}
	r.seen[0][h.Sum64()] = struct{}{}
	return false
}

// heard notes that a deployment sends histograms.
func (r *Receiver) heard(deployment string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for d, at := range r.metrics {
		if now.Sub(at) > prefer {
			delete(r.metrics, d)
		}
	}
	r.metrics[deployment] = now
}

// attributes are those that matter here, as text.
type attributes map[string]string

// point is one histogram of one series.
type point struct {
	name, unit string
	delta      bool
	start, end uint64 // Unix time in nanoseconds
	attributes attributes
	cells      []cell
	none       bool // the exporter says that there is no value
}

// span is one answered request.
type span struct {
	server, failed bool
	start, end     uint64
	attributes     attributes
	id             string // of trace and span; empty when there is none
}

// reader is what both formats hand on to.
type reader struct {
	r        *Receiver
	now      time.Time
	sink     Sink
	where    string // deployment of the resource
	unknown  error  // why there is none
	identity string // of the resource
	places   int    // at which durations were laid out
	rejected Rejected
}

func (x *reader) reject(err error) {
	x.rejected.Points++
	if x.rejected.Why == "" {
		x.rejected.Why = fault.MessageOf(err)
	}
}

// resource begins what one process sent.
func (x *reader) resource(a attributes) {
	id := first(a, "deployment.id", "slipway.deployment")
	x.where, x.unknown = x.sink.Find(id, a["service.version"])
	x.identity = a.key()
}

// key tells series apart.
func (a attributes) key() string {
	var b strings.Builder
	for _, name := range names() {
		b.WriteString(a[name])
		b.WriteByte(0)
	}
	return b.String()
}

// names are the attributes that are looked at; others are passed over.
func names() []string {
	return []string{
		"deployment.id", "slipway.deployment", "service.version", "service.name", "service.instance.id",
		"host.name", "host.id", "process.pid", "container.id", "k8s.pod.uid", "http.response.status_code",
		"http.status_code", "error.type", "http.route", "http.request.method", "http.method", "url.path",
		"url.scheme", "http.target", "next.span_type", "server.address", "server.port", "network.protocol.version",
		"net.host.name", "net.host.port", "http.scheme", "http.flavor",
	}
}

func first(a attributes, keys ...string) string {
	for _, k := range keys {
		if a[k] != "" {
			return a[k]
		}
	}
	return ""
}

// failed reports whether a request counts as an error: answered 5xx, or not at all. A 4xx is the client's doing,
// also where the instrumentation names it as error.type.
func failed(a attributes) bool {
	if status := first(a, "http.response.status_code", "http.status_code"); status != "" {
		return len(status) == 3 && status[0] == '5'
	}
	return a["error.type"] != ""
}

// class puts a route into its class as well as its name tells.
func class(a attributes) metric.Class {
	path := first(a, "http.route", "url.path", "http.target")
	switch {
	case strings.HasPrefix(path, "/_next/image"):
		return metric.Image
	case strings.HasPrefix(path, "/_next/data"):
		return metric.Data
	case strings.HasPrefix(path, "/_next/"):
		return metric.Asset
	case strings.HasPrefix(path, "/api/"):
		return metric.API
	}
	return metric.Document
}

// histogram takes a point.
func (x *reader) histogram(p point) {
	if p.name != duration && p.name != older || p.none {
		return
	}
	if x.unknown != nil {
		x.reject(x.unknown)
		return
	}
	if p.end == 0 || p.start >= p.end || p.end-p.start > uint64(math.MaxInt64) || len(p.cells) > maxCells {
		x.reject(fault.New(fault.Invalid, "point_malformed", "A histogram has no time in which it was counted."))
		return
	}
	x.r.heard(x.where, x.now)
	switch {
	case p.delta && x.r.again(x.identity, p.name, p.attributes.key(), strconv.FormatUint(p.start, 10),
		strconv.FormatUint(p.end, 10)):
		return
	case !p.delta && !x.since(&p):
		return
	}
	if sum := total(p.cells); sum > maxCount {
		x.reject(fault.New(fault.Invalid, "point_malformed", "A histogram claims %d requests at once.", sum))
		return
	}
	end, width := int64((p.end+999_999_999)/1e9), max(int64((p.end-p.start+500_000_000)/1e9), 1)
	if width > metric.MaxWidth {
		x.reject(fault.New(fault.Invalid, "interval_too_long", "A point covers %d s: let the exporter send every %d s or "+
			"more often (OTEL_METRIC_EXPORT_INTERVAL=10000).", width, metric.MaxWidth/2))
		return
	}
	b := metric.Bucket{Deployment: x.where, Class: class(p.attributes), Second: end - width, Width: width}
	seconds := p.unit == "s" || p.unit == "" && p.name == duration
	x.r.mu.Lock()
	for _, c := range p.cells {
		if seconds {
			c.low, c.high = 1000*c.low, 1000*c.high
		}
		b.Requests += c.count
		x.spread(&b.Latency, c)
	}
	x.r.mu.Unlock()
	x.put(b, p.attributes)
}

// put hands a bucket on. One without requests says that its version lives.
func (x *reader) put(b metric.Bucket, a attributes) {
	if failed(a) {
		b.Errors, b.Units = b.Requests, b.Requests // no visitors are known: each failure stands for one
	} else if status := first(a, "http.response.status_code", "http.status_code"); strings.HasPrefix(status, "4") {
		b.Client = b.Requests
	}
	if err := x.sink.Put(b); err != nil {
		x.reject(err)
	}
}

// since makes a cumulative point one of what came on top since the last; false when it is the first and too long
// to know.
func (x *reader) since(p *point) bool {
	key := x.identity + p.name + p.attributes.key()
	x.r.mu.Lock()
	defer x.r.mu.Unlock()
	before, known := x.r.streams[key]
	if known && p.end <= before.at {
		return false // delivered again, or out of order
	}
	if !x.r.room(x.now, known, len(p.cells)-len(before.cells)) {
		x.reject(fault.New(fault.Limited, "series_too_many", "There are more than %d cumulative series, or their "+
			"histograms have more than %d buckets in all.", maxStreams, maxKept))
		return false
	}
	x.r.kept += len(p.cells) - len(before.cells)
	x.r.streams[key] = stream{p.start, p.end, p.cells, x.now}
	if !known || before.start != p.start {
		// A new process: all that it counted is new, unless it has counted for so long that nobody knows when.
		return p.end-p.start <= uint64(2*time.Minute)
	}
	grown, ok := minus(p.cells, before.cells)
	if !ok {
		return false
	}
	p.cells, p.start = grown, before.at
	return true
}

// room says whether one more series, or more cells of a known one, may be remembered, after letting go of those that
// have ended. The Receiver is locked.
func (r *Receiver) room(now time.Time, known bool, cells int) bool {
	fits := func() bool { return (known || len(r.streams) < maxStreams) && (cells <= 0 || r.kept+cells <= maxKept) }
	if fits() {
		return true
	}
	for k, s := range r.streams {
		if now.Sub(s.heard) > prefer {
			r.kept -= len(s.cells)
			delete(r.streams, k)
		}
	}
	return fits()
}

// minus takes what was counted before away; false when a count has fallen.
func minus(now, before []cell) ([]cell, bool) {
	type bounds struct{ low, high float64 }
	had := make(map[bounds]uint64, len(before))
	for _, c := range before {
		had[bounds{c.low, c.high}] += c.count
	}
	out := make([]cell, 0, len(now))
	for _, c := range now {
		b := bounds{c.low, c.high}
		n := had[b]
		delete(had, b)
		if n > c.count {
			return nil, false
		}
		if c.count > n {
			out = append(out, cell{c.low, c.high, c.count - n})
		}
	}
	for _, n := range had {
		if n > 0 {
			return nil, false // the buckets are others now
		}
	}
	return out, true
}

// total is how many durations cells hold, each of which holds at most 2^40.
func total(cells []cell) uint64 {
	sum := uint64(0)
	for _, c := range cells {
		sum += c.count
	}
	return sum
}

// spread lays a bucket's durations out evenly, by a sequence that goes on from point to point: few durations and
// many fall above any limit in the same proportion. The Receiver is locked.
func (x *reader) spread(into *judge.Sketch, c cell) {
	if math.IsInf(c.high, 1) {
		c.high = 2 * max(c.low, 1)
	}
	const golden = 0.6180339887498949
	many := 1 + c.count/perCell
	if x.places >= maxPlaces {
		many = c.count // a body that large tells nothing about where within a cell
	}
	for left := c.count; left > 0; left -= many {
		many = min(many, left)
		into.AddCount(c.low+x.r.phase*(c.high-c.low), uint32(many))
		x.r.phase = math.Mod(x.r.phase+golden, 1)
		x.places++
	}
}

// answered takes a span.
func (x *reader) answered(s span) {
	if !s.server {
		return
	}
	x.r.mu.Lock()
	taken, known := x.r.metrics[x.where]
	doubled := known && x.now.Sub(taken) < prefer
	x.r.mu.Unlock()
	switch {
	case doubled:
		return // the same requests are in the histogram
	case x.unknown != nil:
		x.reject(x.unknown)
		return
	case s.end < s.start || s.end == 0 || s.end > math.MaxInt64:
		x.reject(fault.New(fault.Invalid, "span_malformed", "A span ends before it begins."))
		return
	}
	if s.id != "" && x.r.again(s.id) {
		return
	}
	b := metric.Bucket{
		Deployment: x.where, Class: class(s.attributes), Second: int64(s.end / 1e9), Requests: 1,
	}
	b.Latency.AddCount(float64(s.end-s.start)/1e6, 1)
	if s.failed && first(s.attributes, "http.response.status_code", "http.status_code") == "" {
		s.attributes["error.type"] = "span"
	}
	x.put(b, s.attributes)
}
