package logic

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/bucket"
)

// Cbor is the version of fractional that hashes the CBOR encoding of what is bucketed. The one before hashes texts.
const Cbor = 3

// maxWeight is the largest sum of weights.
const maxWeight = math.MaxInt32

// split is a fractional's shares: each with the sum of weights up to it.
type split struct {
	upTo     []uint32
	variants []value
	made     []*node // in place of variants, where those are expressions
}

// pick is the variant of a hash.
func (e *env) pick(s *split, hash uint32) value {
	chosen := -1
	if len(s.upTo) > 0 {
		at := bucket.Scale(hash, s.upTo[len(s.upTo)-1])
		chosen = slices.IndexFunc(s.upTo, func(sum uint32) bool { return sum > at })
	}
	if s.made == nil {
		if chosen < 0 {
			return null()
		}
		return s.variants[chosen]
	}
	// All are evaluated: one that is wrong spoils the others.
	picked, right := null(), true
	for i, n := range s.made {
		v := n.eval(e)
		if v.k == kThrown {
			return v
		}
		right = right && !v.complex()
		if i == chosen {
			picked = known(v)
		}
	}
	if !right {
		return null()
	}
	return picked
}

// shares reads entries of a variant and perhaps a weight; false when one of them is wrong.
func shares(entries []value) (*split, bool) {
	s := &split{}
	sum := 0.0
	for _, entry := range entries {
		if entry.k != kArray || entry.size() == 0 || entry.size() > 2 {
			return nil, false
		}
		variant := entry.at(0)
		switch {
		case variant.k == kUndefined:
			variant = null()
		case variant.complex():
			return nil, false
		}
		weight := number(1)
		if entry.size() == 2 {
			weight = entry.at(1)
		}
		if weight.k != kNumber || weight.n != math.Trunc(weight.n) || math.IsInf(weight.n, 0) {
			return nil, false
		}
		if sum += math.Max(0, weight.n); sum > maxWeight {
			// Wrong as well, but only once all entries are known to be right: both end with no variant.
			return nil, false
		}
		s.upTo, s.variants = append(s.upTo, uint32(sum)), append(s.variants, variant)
	}
	return s, true
}

// fractional is the general form: its entries are made for each evaluation.
func (e *env) fractional(in []value) value {
	if e.data.k != kRoot {
		return thrown()
	}
	if len(in) == 0 {
		return null()
	}
	by, entries := value{}, in
	if e.edition >= Cbor {
		if in[0].k != kArray {
			by, entries = in[0], in[1:]
			if by.k == kNull || by.k == kUndefined {
				return null()
			}
		}
	} else if in[0].k == kText {
		by, entries = in[0], in[1:]
	}
	s, ok := shares(entries)
	if !ok {
		return null()
	}
	return e.place(s, by)
}

// divide is fractional with constant shares: the first argument, if any, is what is bucketed.
func (n *node) divide(e *env) value {
	if e.data.k != kRoot {
		return thrown()
	}
	if len(n.args) == 0 {
		return e.place(n.split, value{})
	}
	first := n.args[0]
	if first.op == opCat && len(first.args) == 2 && !first.one && e.edition < Cbor {
		a, b := first.args[0].eval(e), first.args[1].eval(e)
		if a.k == kText && b.k == kText {
			return e.pick(n.split, bucket.HashUnits(a.s, b.s)) // without joining them
		}
		var stack [128]byte
		if a.k == kText && b.k == kNumber && len(a.s) < 96 && ascii(a.s) {
			return e.pick(n.split, bucket.Hash(appendNumber(append(stack[:0], a.s...), b.n), nil))
		}
	}
	by := first.eval(e)
	switch {
	case by.k == kThrown:
		return by
	case by.k == kText, by.k != kArray && e.edition >= Cbor && by.k != kNull && by.k != kUndefined:
		return e.place(n.split, by)
	case by.k == kArray:
		return n.entry(e, by)
	}
	return null()
}

// entry is fractional whose first argument turns out to be an entry itself.
func (n *node) entry(e *env, first value) value {
	in := []value{first}
	for i, sum := range n.split.upTo {
		var v value
		if n.split.made == nil {
			v = n.split.variants[i]
		} else if v = n.split.made[i].eval(e); v.k == kThrown {
			return v
		}
		if i > 0 {
			sum -= n.split.upTo[i-1]
		}
		in = append(in, array([]value{v, number(float64(sum))}))
	}
	return e.fractional(in)
}

// place buckets by a value, or by the flag's key and the targeting key when there is none.
func (e *env) place(s *split, by value) value {
	if by.k == kText && e.edition < Cbor {
		return e.pick(s, bucket.HashUnits(by.s, ""))
	}
	var stack [256]byte
	if by.k != kUndefined {
		return e.pick(s, bucket.Hash(e.cbor(stack[:0], by), nil))
	}
	if e.edition < Cbor && e.ctx.targetingKey != "" {
		return e.pick(s, bucket.HashUnits(e.flag, e.ctx.targetingKey))
	}
	key := e.ctx.get("targetingKey")
	if key.falsy() {
		return null()
	}
	if e.edition < Cbor {
		return e.pick(s, bucket.HashUnits(e.flag, e.text(key)))
	}
	b := e.cbor(append(stack[:0], 0x82), text(e.flag))
	return e.pick(s, bucket.Hash(e.cbor(b, key), nil))
}

// cbor appends the deterministic encoding of RFC 8949, section 4.2.1; whole numbers are integers.
func (e *env) cbor(b []byte, v value) []byte {
	switch v.k {
	case kBool:
		return append(b, 0xf4+byte(v.n))
	case kNumber:
		return cborNumber(b, v.n)
	case kText:
		return append(cborHead(b, 3, uint64(len(v.s))), v.s...)
	case kArray:
		if !e.burn(v.size()) {
			return b
		}
		b = cborHead(b, 4, uint64(v.size()))
		for i := range v.size() {
			b = e.cbor(b, v.at(i))
		}
		return b
	case kObject:
		m, _ := v.ref.(map[string]any)
		if !e.burn(len(m)) {
			return b
		}
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		// By the bytes of the encoded keys: the shorter stands first.
		slices.SortFunc(keys, func(x, y string) int {
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			return strings.Compare(x, y)
		})
		b = cborHead(b, 5, uint64(len(m)))
		for _, k := range keys {
			b = e.cbor(b, text(k))
			b = e.cbor(b, of(m[k]))
		}
		return b
	}
	return append(b, 0xf6)
}

// cborHead appends a major type and a count in as few bytes as there can be.
func cborHead(b []byte, major byte, n uint64) []byte {
	switch major <<= 5; {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

// cborNumber appends an integer where the number is whole, or the shortest float that holds it.
func cborNumber(b []byte, f float64) []byte {
	switch {
	case f == math.Trunc(f) && f >= 0 && f < 1<<64:
		return cborHead(b, 0, uint64(f))
	case f == math.Trunc(f) && f < 0 && f >= -1<<63:
		return cborHead(b, 1, uint64(-(f + 1)))
	case f != f:
		return append(b, 0xf9, 0x7e, 0)
	case float64(float32(f)) != f:
		return binary.BigEndian.AppendUint64(append(b, 0xfb), math.Float64bits(f))
	}
	bits := math.Float32bits(float32(f))
	if half, ok := float16(bits); ok {
		return binary.BigEndian.AppendUint16(append(b, 0xf9), half)
	}
	return binary.BigEndian.AppendUint32(append(b, 0xfa), bits)
}

// float16 is a float of 16 bits with the same value, if there is one.
func float16(bits uint32) (uint16, bool) {
	sign, exponent, mantissa := uint16(bits>>16)&0x8000, int(bits>>23&0xff)-127, bits&0x7fffff
	switch {
	case exponent == 128 && mantissa == 0:
		return sign | 0x7c00, true
	case exponent >= -14 && exponent <= 15 && mantissa&0x1fff == 0:
		return sign | uint16(exponent+15)<<10 | uint16(mantissa>>13), true
	case exponent >= -24 && exponent < -14:
		shift := uint(-1 - exponent) // 14 to 23
		whole := mantissa | 0x800000
		if whole&(1<<shift-1) == 0 {
			return sign | uint16(whole>>shift), true
		}
	}
	return 0, false
}
