package otlp

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// number is a number that OTLP's JSON writes as a number or, when it has 64 bits, as text.
type number string

// UnmarshalJSON reads either form.
func (n *number) UnmarshalJSON(b []byte) error {
	*n = number(strings.Trim(string(b), `"`))
	return nil
}

func (n number) uint() uint64 {
	v, _ := strconv.ParseUint(string(n), 10, 64) // what is none is 0, which nothing here takes for a time or count
	return v
}

func (n number) int() int64 {
	v, _ := strconv.ParseInt(string(n), 10, 64)
	return v
}

func (n number) float() float64 {
	v, err := strconv.ParseFloat(string(n), 64)
	if err != nil && n != "" {
		return math.NaN()
	}
	return v
}

type jsonAttribute struct {
	Key   string `json:"key"`
	Value struct {
		String *string `json:"stringValue"`
		Int    number  `json:"intValue"`
	} `json:"value"`
}

func readAttributes(list []jsonAttribute) attributes {
	a := attributes{}
	for _, k := range list {
		value := string(k.Value.Int)
		if k.Value.String != nil {
			value = *k.Value.String
		}
		if len(value) <= 256 && slices.Contains(names(), k.Key) {
			a[k.Key] = value
		}
	}
	return a
}

type jsonResource struct {
	Attributes []jsonAttribute `json:"attributes"`
}

type jsonPoint struct {
	Attributes []jsonAttribute `json:"attributes"`
	Start      number          `json:"startTimeUnixNano"`
	End        number          `json:"timeUnixNano"`
	Counts     []number        `json:"bucketCounts"`
	Bounds     []number        `json:"explicitBounds"`
	Flags      number          `json:"flags"`
	Scale      number          `json:"scale"`
	Zero       number          `json:"zeroCount"`
	Threshold  number          `json:"zeroThreshold"`
	Positive   struct {
		Offset number   `json:"offset"`
		Counts []number `json:"bucketCounts"`
	} `json:"positive"`
}

type jsonHistogram struct {
	Points      []jsonPoint `json:"dataPoints"`
	Temporality number      `json:"aggregationTemporality"`
}

type jsonMetrics struct {
	Resources []struct {
		Resource jsonResource `json:"resource"`
		Scopes   []struct {
			Metrics []struct {
				Name        string         `json:"name"`
				Unit        string         `json:"unit"`
				Histogram   *jsonHistogram `json:"histogram"`
				Exponential *jsonHistogram `json:"exponentialHistogram"`
			} `json:"metrics"`
		} `json:"scopeMetrics"`
	} `json:"resourceMetrics"`
}

type jsonTraces struct {
	Resources []struct {
		Resource jsonResource `json:"resource"`
		Scopes   []struct {
			Spans []struct {
				Trace      string          `json:"traceId"`
				ID         string          `json:"spanId"`
				Kind       number          `json:"kind"`
				Start      number          `json:"startTimeUnixNano"`
				End        number          `json:"endTimeUnixNano"`
				Attributes []jsonAttribute `json:"attributes"`
				Status     struct {
					Code number `json:"code"`
				} `json:"status"`
			} `json:"spans"`
		} `json:"scopeSpans"`
	} `json:"resourceSpans"`
}

// maxObjects bounds the objects of a body in JSON: an empty one is two bytes long and takes a hundred times as many in
// memory. A body of 4 MiB with real attributes has about half as many.
const maxObjects = 250_000

func decode(body []byte, into any) error {
	if n := bytes.Count(body, []byte("{")); n > maxObjects {
		return fault.New(fault.Invalid, "otlp_too_much", "The body has %d objects, at most %d are read: let the exporter "+
			"send smaller batches, or protobuf.", n, maxObjects)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fault.Wrap(err, fault.Invalid, "otlp_malformed", "The body is not what an OTLP exporter sends.")
	}
	return nil
}

// MetricsJSON is Metrics for JSON.
func (r *Receiver) MetricsJSON(now time.Time, body []byte, sink Sink) (Rejected, error) {
	x := &reader{r: r, now: now, sink: sink}
	var m jsonMetrics
	if err := decode(body, &m); err != nil {
		return x.rejected, err
	}
	for _, resource := range m.Resources {
		x.resource(readAttributes(resource.Resource.Attributes))
		for _, scope := range resource.Scopes {
			for _, k := range scope.Metrics {
				p := point{name: k.Name, unit: k.Unit}
				for _, h := range []*jsonHistogram{k.Histogram, k.Exponential} {
					if err := x.pointsJSON(p, h, h == k.Exponential); err != nil {
						return x.rejected, err
					}
				}
			}
		}
	}
	return x.rejected, nil
}

func (x *reader) pointsJSON(p point, h *jsonHistogram, exponents bool) error {
	if h == nil {
		return nil
	}
	whole := func(list []number) []uint64 {
		out := make([]uint64, len(list))
		for i, n := range list {
			v, err := strconv.ParseUint(string(n), 10, 64)
			if err != nil {
				v = math.MaxUint64 // is refused below: what is no count must not become none
			}
			out[i] = v
		}
		return out
	}
	for _, d := range h.Points {
		if len(d.Counts) > maxCells || len(d.Positive.Counts) > maxCells {
			return malformed()
		}
		p.delta = h.Temporality == "1" || h.Temporality == "AGGREGATION_TEMPORALITY_DELTA"
		p.start, p.end, p.attributes = d.Start.uint(), d.End.uint(), readAttributes(d.Attributes)
		p.none = d.Flags.uint()&1 == 1
		bounds := make([]float64, len(d.Bounds))
		for i, b := range d.Bounds {
			bounds[i] = b.float()
		}
		var err error
		if exponents {
			p.cells, err = exponential(d.Scale.int(), d.Positive.Offset.int(), d.Zero.uint(), d.Threshold.float(),
				whole(d.Positive.Counts))
		} else {
			p.cells, err = explicit(whole(d.Counts), bounds)
		}
		if err != nil {
			return err
		}
		x.histogram(p)
	}
	return nil
}

// TracesJSON is Traces for JSON.
func (r *Receiver) TracesJSON(now time.Time, body []byte, sink Sink) (Rejected, error) {
	x := &reader{r: r, now: now, sink: sink}
	var t jsonTraces
	if err := decode(body, &t); err != nil {
		return x.rejected, err
	}
	for _, resource := range t.Resources {
		x.resource(readAttributes(resource.Resource.Attributes))
		for _, scope := range resource.Scopes {
			for _, s := range scope.Spans {
				x.answered(span{
					server: s.Kind == "2" || s.Kind == "SPAN_KIND_SERVER",
					failed: s.Status.Code == "2" || s.Status.Code == "STATUS_CODE_ERROR",
					start:  s.Start.uint(), end: s.End.uint(), attributes: readAttributes(s.Attributes),
					id: s.Trace + s.ID,
				})
			}
		}
	}
	return x.rejected, nil
}

// Answer is the body of a good answer: an ExportMetricsServiceResponse or ExportTraceServiceResponse, which look
// alike.
func Answer(r Rejected, inJSON bool, what string) []byte {
	if inJSON {
		partial := map[string]any{}
		if r.Points > 0 {
			partial["partialSuccess"] = map[string]any{
				"rejected" + what: strconv.FormatInt(r.Points, 10), "errorMessage": r.Why,
			}
		}
		out, _ := json.Marshal(partial) // text and numbers only
		return out
	}
	if r.Points == 0 {
		return []byte{}
	}
	return message(1, append(varint(1, uint64(r.Points)), message(2, []byte(r.Why))...))
}

// Failure is the body of an error: a google.rpc.Status.
func Failure(why string, inJSON bool) []byte {
	if inJSON {
		out, _ := json.Marshal(map[string]any{"message": why})
		return out
	}
	return message(2, []byte(why))
}
