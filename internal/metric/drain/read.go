package drain

import (
	"bytes"
	"hash/maphash"
	"strconv"

	"github.com/slipwayhq/slipway/internal/fault"
)

// maxNames is how many deployments one body may name.
const maxNames = 100

// fact is what one line tells of one request.
type fact struct {
	request uint64 // hash of its id
	order   order  // not yet in its deployment's place
	name    int32  // which of the body's names
	weight  int32
	visitor uint32 // of a failure; 0: unknown
	spot    int32  // of a failure: which of the body's, from 1 on; 0: unknown
	from    from   // of a failure
}

// vital is what one browser measured.
type vital struct {
	name   int32
	metric string
	device string
	second int64
	value  float64
}

// read is what one body holds.
type read struct {
	names  []string // deployments, as the platform names them
	index  map[string]int32
	facts  []fact
	vitals []vital
	rows   uint64 // that were read
	lines  uint64 // of them: of a log
	newest int64  // of them, Unix milliseconds
	broken uint64 // rows that are none, or lack what every row has
	many   uint64 // rows of more deployments than one body may name

	spots   []spot // where requests failed
	spotted map[string]int32
	key     []byte
}

// reader reads bodies. It holds what is the same for all.
type reader struct {
	seed    maphash.Seed
	rules   []Rule
	weights []int64
}

// read reads a list of rows, or rows one after the other, each in a line. Rows that are none are counted; what comes
// after one in a list is lost, because nobody knows where the next begins.
func (x *reader) read(body []byte) (*read, error) {
	out := &read{index: map[string]int32{}}
	s := &scanner{b: body}
	list := s.take('[')
	var r record
	for {
		c := s.next()
		if c == 0 || list && c == ']' {
			break
		}
		before := s.i
		if !s.record(&r) {
			out.broken++
			if list {
				break
			}
			end := bytes.IndexByte(body[before:], '\n')
			if end < 0 {
				break
			}
			s.i = before + end + 1
			continue
		}
		out.rows++
		x.row(out, &r)
		if list && !s.take(',') && s.next() != ']' {
			out.broken++
			break
		}
	}
	if out.rows == 0 && out.broken > 0 {
		return nil, fault.New(fault.Invalid, "drain_malformed",
			"The body is neither a list of records nor one record in each line.")
	}
	return out, nil
}

// row takes one row.
func (x *reader) row(out *read, r *record) {
	ms := r.at()
	if ms == 0 || len(r.deployment) == 0 || len(r.deployment) > 128 {
		if !bytes.HasPrefix(r.schema, []byte("vercel.analytics.")) { // which names no deployment
			out.broken++
		}
		return
	}
	if len(r.schema) > 0 {
		x.measured(out, r, ms)
		return
	}
	out.lines++
	out.newest = max(out.newest, ms)
	status, by, ok := r.ended()
	if !ok {
		return
	}
	name, ok := out.name(r.deployment)
	if !ok {
		return
	}
	request := r.request
	if len(request) == 0 {
		request = r.id
	}
	if len(request) == 0 {
		out.broken++
		return
	}
	weight := x.weights[len(x.rules)]
	if len(x.rules) > 0 {
		weight = x.weights[match(x.rules, string(r.environment), string(r.asked()))]
	}
	f := fact{
		request: maphash.Bytes(x.seed, request), order: orderOf(by, status, ms, r.class()), name: name,
		weight: int32(weight),
	}
	if f.order.counts() {
		f.visitor, f.from = x.visitor(r)
		f.spot = out.spot(r)
	}
	out.facts = append(out.facts, f)
}

// measured takes a row of speed insights.
func (x *reader) measured(out *read, r *record, ms int64) {
	if !bytes.HasPrefix(r.schema, []byte("vercel.speed_insights.")) || len(r.device) > 128 {
		return
	}
	value, err := strconv.ParseFloat(string(r.value), 64)
	if err != nil || !(value >= 0) || value > 1e9 {
		out.broken++
		return
	}
	var metric string
	switch string(r.vital) {
	case "LCP":
		metric = "lcp"
	case "INP":
		metric = "inp"
	case "CLS":
		metric = "cls"
	case "FCP":
		metric = "fcp"
	case "TTFB":
		metric = "ttfb"
	default:
		return
	}
	if name, ok := out.name(r.deployment); ok {
		out.vitals = append(out.vitals, vital{name, metric, string(r.device), ms / 1000, value})
	}
}

// name gives the number of a deployment's name in the body.
func (r *read) name(deployment []byte) (int32, bool) {
	n, known := r.index[string(deployment)]
	if !known && len(r.names) >= maxNames {
		r.many++
		return 0, false
	}
	if !known {
		n = int32(len(r.names))
		r.names = append(r.names, string(deployment))
		r.index[r.names[n]] = n
	}
	return n, true
}
