// Package metric is the contract for measurements of running versions.
//
// A source (the edge first, then drains, Prometheus, OTLP) delivers Batches of
// Buckets: sums and sketches for one deployment, one route class and one second.
// Buckets add up, are attributed to the version that served (not the one that was
// meant to), and carry no request, no visitor and no address. A batch is named by
// its source and sequence number, so that delivering it twice counts it once.
package metric

import (
	"time"

	"github.com/slipwayhq/slipway/internal/bucket"
	"github.com/slipwayhq/slipway/internal/judge"
)

// Class groups requests that behave alike.
type Class string

// The route classes.
const (
	Document Class = "document" // a page that a browser navigates to
	Data     Class = "data"     // RSC and /_next/data: a client navigation
	Action   Class = "action"   // a server action
	API      Class = "api"      // /api/…
	Asset    Class = "asset"    // /_next/static, public files
	Image    Class = "image"    // /_next/image
	Other    Class = "other"
)

// Classes returns every class.
func Classes() []Class { return []Class{Document, Data, Action, API, Asset, Image, Other} }

// Bucket is what one source saw of one deployment and class in one second.
type Bucket struct {
	Deployment string       `json:"deployment"`
	Class      Class        `json:"class"`
	Second     int64        `json:"second"`   // Unix time of its start
	Requests   uint64       `json:"requests"` // that count for the comparison
	Errors     uint64       `json:"errors"`   // of these: answered 5xx, timed out, refused, cut
	Timeouts   uint64       `json:"timeouts"` // of the errors: no answer in time
	Connect    uint64       `json:"connect"`  // of the errors: the version could not be reached
	Client     uint64       `json:"client"`   // answered 4xx; not errors
	Skew       uint64       `json:"skew"`     // of Client: signs of version skew
	Excluded   uint64       `json:"excluded"` // prefetches, crawlers and probes, counted nowhere else
	Bytes      uint64       `json:"bytes"`    // of answer bodies
	New        uint64       `json:"new"`      // visitors assigned to this deployment for the first time
	Latency    judge.Sketch `json:"latency"`  // to the first byte of the answer

	Width int64  `json:"width,omitempty"` // seconds that it covers from Second on; 0 means 1
	Units uint64 `json:"units,omitempty"` // visitors with a failure, each at most once in 60 s
	Slow  uint64 `json:"slow,omitempty"`  // beyond the source's slow bound: the p95 of all versions in the minute before
	// Minutes are user-minutes: visitors of a version that not everybody has, each once in every minute of the clock.
	Minutes uint64 `json:"minutes,omitempty"`

	Slices *Slices `json:"slices,omitempty"` // by the hash of the visitor; nil when the source knows no visitors
	Hurt   []Hurt  `json:"hurt,omitempty"`   // where the errors were, as far as the source knows
}

// Slices are sums over twenty equal parts of the visitors, by the hash of their key: placebo canaries. The part of a
// visitor is the same at every source of a kind and independent of the part that a release exposes. A drain knows
// units only, and there a unit is an address, each at most once in 60 s on all versions together: see Visitors.
type Slices struct {
	Requests [judge.Slices]uint32 `json:"requests,omitzero"`
	Units    [judge.Slices]uint32 `json:"units,omitzero"`
	Slow     [judge.Slices]uint32 `json:"slow,omitzero"`
}

// placebo is the salt of the slices: their assignment has nothing to do with any release's.
const placebo = "placebo"

// SliceOf is the part of the visitors that one belongs to.
func SliceOf(visitor string) int {
	return int(bucket.Of(placebo, visitor)) * judge.Slices / bucket.Size
}

// Visitors is how many failed, of all slices.
func (s *Slices) Visitors() uint64 {
	n := uint64(0)
	for _, u := range s.Units {
		n += uint64(u)
	}
	return n
}

// Add merges o's sums into s.
func (s *Slices) Add(o Slices) {
	for i := range s.Units {
		s.Requests[i] += o.Requests[i]
		s.Units[i] += o.Units[i]
		s.Slow[i] += o.Slow[i]
	}
}

// Value is what one source saw of one custom metric of one deployment in a span.
type Value struct {
	Deployment string     `json:"deployment"`
	Metric     string     `json:"metric"`
	Second     int64      `json:"second"`
	Width      int64      `json:"width,omitempty"` // seconds; 0 means 1
	Sums       judge.Sums `json:"sums"`
}

// Kind is a family of sources. A version's errors and durations are taken from one kind only: two that see the same
// requests would count them twice.
type Kind string

// The kinds of sources.
const (
	Edge       Kind = "edge"
	Prometheus Kind = "prometheus"
	OTLP       Kind = "otlp"
	Drain      Kind = "drain" // what a platform delivers of its requests
	App        Kind = "app"   // POST /api/v1/metrics: custom metrics of the application itself
	// Observability is what a platform itself has counted of each deployment, minute by minute and of all classes
	// together. No guard goes by it first: it stands in for a drain that is silent.
	Observability Kind = "observability"
)

// others are the kinds beside the edge.
func others() []Kind { return []Kind{Prometheus, OTLP, Drain, App, Observability} }

// Covers returns the seconds that b covers, at least 1.
func (b Bucket) Covers() int64 { return max(b.Width, 1) }

// Add merges o's sums into b; deployment, class, second and width stay b's.
func (b *Bucket) Add(o Bucket) {
	b.Requests += o.Requests
	b.Errors += o.Errors
	b.Timeouts += o.Timeouts
	b.Connect += o.Connect
	b.Client += o.Client
	b.Skew += o.Skew
	b.Excluded += o.Excluded
	b.Bytes += o.Bytes
	b.New += o.New
	b.Latency.Merge(o.Latency)
	b.Units += o.Units
	b.Slow += o.Slow
	if len(o.Hurt) > 0 {
		b.Hurt = Hurts(b.Hurt, o.Hurt)
	}
	b.Minutes += o.Minutes
	if o.Slices != nil {
		sum := Slices{}
		if b.Slices != nil {
			sum = *b.Slices
		}
		sum.Add(*o.Slices)
		b.Slices = &sum
	}
}

// ErrorRate returns the share of requests that failed, and false when there were
// no requests: no data is never 0.
func (b Bucket) ErrorRate() (float64, bool) {
	if b.Requests == 0 {
		return 0, false
	}
	return float64(b.Errors) / float64(b.Requests), true
}

// Queries are PromQL templates for one version: $deployment, $version and $window are filled in. Each gives what was
// added within the window; Latency gives it by the label le, in seconds.
type Queries struct {
	Requests string `json:"requests"`
	Errors   string `json:"errors"`
	Latency  string `json:"latency,omitempty"`
}

// Batch is one delivery of a source.
type Batch struct {
	Source   string    `json:"source"`         // unique per process, e.g. edge-7f3a
	Kind     Kind      `json:"kind,omitempty"` // empty means Edge
	Sequence uint64    `json:"sequence"`       // rises by one with each batch of the source
	Sent     time.Time `json:"sent"`
	Complete int64     `json:"complete"` // every second before this Unix time is final
	Buckets  []Bucket  `json:"buckets"`
	Values   []Value   `json:"values,omitempty"` // custom metrics
}
