package otlp

import (
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slipwayhq/slipway/internal/fault"
)

// field is one field of a protobuf message: its number, and its value as a number or as bytes.
type field struct {
	number protowire.Number
	value  uint64
	bytes  []byte
}

// each calls f for each field of a message.
func each(b []byte, f func(field) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return malformed()
		}
		b = b[n:]
		x := field{number: number}
		switch kind {
		case protowire.VarintType:
			x.value, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			x.value, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			x.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return malformed()
		}
		b = b[n:]
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

func malformed() error {
	return fault.New(fault.Invalid, "otlp_malformed", "The body is not what an OTLP exporter sends.")
}

// Metrics reads an ExportMetricsServiceRequest in protobuf.
func (r *Receiver) Metrics(now time.Time, body []byte, sink Sink) (Rejected, error) {
	x := &reader{r: r, now: now, sink: sink}
	return x.done(x.metrics(body))
}

func (x *reader) metrics(body []byte) error {
	return each(body, func(f field) error {
		if f.number != 1 {
			return nil
		}
		return x.resources(f.bytes, func(scope field) error {
			if scope.number != 2 {
				return nil
			}
			return x.metric(scope.bytes)
		})
	})
}

// Traces reads an ExportTraceServiceRequest in protobuf.
func (r *Receiver) Traces(now time.Time, body []byte, sink Sink) (Rejected, error) {
	x := &reader{r: r, now: now, sink: sink}
	return x.done(each(body, func(f field) error {
		if f.number != 1 {
			return nil
		}
		return x.resources(f.bytes, func(scope field) error {
			if scope.number != 2 {
				return nil
			}
			return x.span(scope.bytes)
		})
	}))
}

func (x *reader) done(err error) (Rejected, error) { return x.rejected, err }

// resources reads a ResourceMetrics or ResourceSpans: 1 is the resource, 2 are scopes. The resource may come last.
func (x *reader) resources(b []byte, f func(field) error) error {
	a := attributes{}
	err := each(b, func(r field) error {
		if r.number != 1 {
			return nil
		}
		return each(r.bytes, func(k field) error {
			if k.number == 1 {
				return a.read(k.bytes)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	x.resource(a)
	return each(b, func(r field) error {
		if r.number != 2 {
			return nil
		}
		return each(r.bytes, f)
	})
}

// read reads a KeyValue whose name is looked at.
func (a attributes) read(b []byte) error {
	var name, value string
	err := each(b, func(f field) error {
		switch f.number {
		case 1:
			name = string(f.bytes)
		case 2:
			return each(f.bytes, func(v field) error {
				switch v.number {
				case 1:
					value = string(v.bytes)
				case 2, 3:
					value = strconv.FormatInt(int64(v.value), 10)
				}
				return nil
			})
		}
		return nil
	})
	if err == nil && len(value) <= 256 && slices.Contains(names(), name) {
		a[name] = value
	}
	return err
}

func (x *reader) metric(b []byte) error {
	var p point
	err := each(b, func(f field) error {
		switch f.number {
		case 1:
			p.name = string(f.bytes)
		case 3:
			p.unit = string(f.bytes)
		}
		return nil
	})
	if err != nil || p.name != duration && p.name != older {
		return err
	}
	return each(b, func(f field) error {
		if f.number != 9 && f.number != 10 {
			return nil
		}
		err := each(f.bytes, func(h field) error {
			if h.number == 2 {
				p.delta = h.value == 1
			}
			return nil
		})
		if err != nil {
			return err
		}
		return each(f.bytes, func(h field) error {
			if h.number != 1 {
				return nil
			}
			one := p
			read := one.explicit
			if f.number == 10 {
				read = one.exponential
			}
			if err := read(h.bytes); err != nil {
				return err
			}
			x.histogram(one)
			return nil
		})
	})
}

// common reads what both forms of a point have.
func (p *point) common(f field, attributesAt protowire.Number) error {
	switch f.number {
	case attributesAt:
		return p.attributes.read(f.bytes)
	case 2:
		p.start = f.value
	case 3:
		p.end = f.value
	}
	return nil
}

func (p *point) explicit(b []byte) error {
	p.attributes = attributes{}
	var counts []uint64
	var bounds []float64
	err := each(b, func(f field) error {
		switch f.number {
		case 6:
			return fixed(f, func(v uint64) { counts = append(counts, v) })
		case 7:
			return fixed(f, func(v uint64) { bounds = append(bounds, math.Float64frombits(v)) })
		case 10:
			p.none = f.value&1 == 1
		}
		return p.common(f, 9)
	})
	if err == nil {
		p.cells, err = explicit(counts, bounds)
	}
	return err
}

// fixed reads a repeated field of eight bytes each, packed or one by one.
func fixed(f field, add func(uint64)) error {
	if f.bytes == nil {
		add(f.value)
		return nil
	}
	if len(f.bytes)%8 != 0 || len(f.bytes) > 8*maxCells {
		return malformed()
	}
	for b := f.bytes; len(b) > 0; b = b[8:] {
		v, _ := protowire.ConsumeFixed64(b)
		add(v)
	}
	return nil
}

// explicit makes cells of counts between bounds.
func explicit(counts []uint64, bounds []float64) ([]cell, error) {
	if len(counts) != len(bounds)+1 || len(counts) > maxCells || !slices.IsSorted(bounds) {
		return nil, malformed()
	}
	cells := make([]cell, 0, len(counts))
	low := 0.0
	for i, n := range counts {
		high := math.Inf(1)
		if i < len(bounds) {
			high = max(bounds[i], low)
		}
		if math.IsNaN(high) || n > 1<<40 {
			return nil, malformed()
		}
		if n > 0 {
			cells = append(cells, cell{low, high, n})
		}
		low = high
	}
	return cells, nil
}

func (p *point) exponential(b []byte) error {
	p.attributes = attributes{}
	var zero uint64
	var scale, offset int64
	var threshold float64
	var counts []uint64
	err := each(b, func(f field) error {
		switch f.number {
		case 6:
			scale = protowire.DecodeZigZag(f.value)
		case 7:
			zero = f.value
		case 8:
			return each(f.bytes, func(k field) error {
				switch {
				case k.number == 1:
					offset = protowire.DecodeZigZag(k.value)
				case k.number == 2 && k.bytes == nil:
					counts = append(counts, k.value)
				case k.number == 2:
					for b := k.bytes; len(b) > 0; {
						v, n := protowire.ConsumeVarint(b)
						if n < 0 || len(counts) > maxCells {
							return malformed()
						}
						counts, b = append(counts, v), b[n:]
					}
				}
				return nil
			})
		case 10:
			p.none = f.value&1 == 1
		case 14:
			threshold = math.Float64frombits(f.value)
		}
		return p.common(f, 1)
	})
	if err == nil {
		p.cells, err = exponential(scale, offset, zero, threshold, counts)
	}
	return err
}

// exponential makes cells of a histogram whose i-th bucket lies between base^i and base^(i+1), base = 2^(2^-scale).
func exponential(scale, offset int64, zero uint64, threshold float64, counts []uint64) ([]cell, error) {
	if scale < -10 || scale > 20 || len(counts) > maxCells || zero > 1<<40 || math.IsNaN(threshold) {
		return nil, malformed()
	}
	var cells []cell
	if zero > 0 {
		cells = append(cells, cell{0, max(threshold, 0), zero})
	}
	exponent := math.Ldexp(1, -int(scale))
	for i, n := range counts {
		at := float64(offset) + float64(i)
		low, high := math.Exp2(at*exponent), math.Exp2((at+1)*exponent)
		if n > 1<<40 || math.IsInf(low, 1) {
			return nil, malformed()
		}
		if n > 0 {
			cells = append(cells, cell{low, high, n})
		}
	}
	return cells, nil
}

func (x *reader) span(b []byte) error {
	s := span{attributes: attributes{}}
	err := each(b, func(f field) error {
		switch f.number {
		case 1, 2: // trace and span: 16 and 8 bytes
			if s.id += hex.EncodeToString(f.bytes); len(s.id) > 2*64 {
				return malformed()
			}
		case 6:
			s.server = f.value == 2
		case 7:
			s.start = f.value
		case 8:
			s.end = f.value
		case 9:
			return s.attributes.read(f.bytes)
		case 15:
			return each(f.bytes, func(k field) error {
				if k.number == 3 {
					s.failed = k.value == 2
				}
				return nil
			})
		}
		return nil
	})
	if err == nil {
		x.answered(s)
	}
	return err
}

func message(n protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), b)
}

func varint(n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
}
