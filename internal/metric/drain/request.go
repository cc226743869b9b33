package drain

import (
	"slices"

	"github.com/slipwayhq/slipway/internal/metric"
)

// order is how one request ended as far as its lines have told, in one number: of two, the larger is what is known
// better, whichever came first. So lines may come twice, late and in any order.
//
//	63 62 | 61     | 60..51 | 50..9                 | 8..6  | 5..0
//	rank  | failed | status | time in ms, inverted  | class | deployment
type order uint64

// What an order has room for.
const (
	maxPlaces  = 64
	placeBits  = 6
	classBits  = 3
	timeBits   = 42
	statusBits = 10
)

func orderOf(by rank, status, ms int64, class metric.Class) order {
	failed := uint64(0)
	if status == crashed || status >= 500 {
		failed = 1
	}
	c := uint64(slices.Index(metric.Classes(), class))
	o := uint64(by)<<1 | failed
	o = o<<statusBits | uint64(status)&(1<<statusBits-1)
	o = o<<timeBits | (latest - 1 - uint64(ms))
	return order((o<<classBits | c) << placeBits)
}

// in puts the request into a deployment's place.
func (o order) in(place int) order { return o | order(place) }

func (o order) place() int { return int(o & (maxPlaces - 1)) }

func (o order) class() metric.Class { return metric.Classes()[o>>placeBits&(1<<classBits-1)] }

// ms is when it came in, in Unix milliseconds.
func (o order) ms() int64 { return latest - 1 - int64(o>>(placeBits+classBits)&(1<<timeBits-1)) }

func (o order) second() int64 { return o.ms() / 1000 }

// at is the order with another one's time.
func (o order) at(other order) order {
	const mask = order(1<<timeBits-1) << (placeBits + classBits)
	return o&^mask | other&mask
}

// status is 1023 for a function that gave no answer.
func (o order) status() int64 {
	return int64(o >> (placeBits + classBits + timeBits) & (1<<statusBits - 1))
}

func (o order) failed() bool { return o>>61&1 == 1 }

func (o order) rank() rank { return rank(o >> 62) }

// scale is how many parts one request has: by how much one counts more than another is a whole number of them.
const scale = 1000

// sums is a bucket in the making, in parts of requests.
type sums struct {
	deployment string

	requests, errors, timeouts, client, skew, excluded int64
	spans                                              metric.Bucket

	alone    int64            // failures of which nobody knows whose they were
	visitors map[uint32]tries // of the others
	froms    map[from]int     // failures by where they came from
	hurt     map[spot]int64
}

// add counts a request with its weight, or takes it back with the negative of it.
func (s *sums) add(o order, weight int64) {
	status := o.status()
	if o.rank() == nowhere {
		s.excluded += weight
		return
	}
	s.requests += weight
	switch {
	case o.failed():
		s.errors += weight
		if status == 504 {
			s.timeouts += weight
		}
	case status >= 400:
		s.client += weight
		// Next.js answers 409 for a server action, and the proxy 404 for a file, that another build had.
		if c := o.class(); c == metric.Action && status == 409 || c == metric.Asset && status == 404 {
			s.skew += weight
		}
	}
}

// bucket is what counts of a deployment's second. Where its log is drained, traces tell durations only: the same
// requests are in the log.
func (s *sums) bucket(logged bool) metric.Bucket {
	if !logged {
		return s.spans
	}
	whole := func(parts int64) uint64 { return uint64(max(parts+scale/2, 0)) / scale }
	b := metric.Bucket{
		Requests: whole(s.requests), Errors: whole(s.errors), Timeouts: whole(s.timeouts), Client: whole(s.client),
		Skew: whole(s.skew), Excluded: whole(s.excluded), Latency: s.spans.Latency,
	}
	return b
}

// Rule says that only a part of the requests is delivered, as a drain's sampling does.
type Rule struct {
	Rate        float64 // of requests that are delivered, above 0 and up to 1
	Environment string  // empty: any
	Path        string  // beginning of their paths; empty: any
}

// Most is the share of the requests that fall under the most complete rule which is delivered.
func Most(rules []Rule) float64 {
	most, all := 0.0, false
	for _, r := range rules {
		most = max(most, r.Rate)
		all = all || r.Environment == "" && r.Path == ""
	}
	if !all {
		return 1
	}
	return most
}

// weights are how much a request counts under each rule, the last one where none holds. Requests are not multiplied by
// what was left out altogether, because a hundred that nobody saw are no evidence: only what one rule leaves out more
// than another is undone, so that rates over both are right.
func weights(rules []Rule) []int64 {
	most := Most(rules)
	out := make([]int64, 0, len(rules)+1)
	for _, r := range rules {
		w := int64(scale)
		if r.Rate > 0 {
			w = int64(min(scale*most/r.Rate+0.5, 1000*scale))
		}
		out = append(out, w)
	}
	return append(out, scale)
}

// match is the rule that a request falls under: the first that holds.
func match(rules []Rule, environment, path string) int {
	for i, r := range rules {
		if (r.Environment == "" || r.Environment == environment) && len(path) >= len(r.Path) && path[:len(r.Path)] == r.Path {
			return i
		}
	}
	return len(rules)
}
