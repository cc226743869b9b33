package logic

import (
	"math"
	"strings"
)

// calculate is arithmetic over a list of arguments.
func (e *env) calculate(o op, in []value) value {
	if o == opMin || o == opMax {
		return extreme(in, o == opMax)
	}
	if len(in) > 0 && in[0].complex() {
		return thrown()
	}
	switch {
	case len(in) == 0 && o == opAdd:
		return number(0)
	case len(in) == 0 && o == opMultiply:
		return number(1)
	case len(in) == 0, len(in) == 1 && o == opModulo:
		return thrown()
	}
	f := e.number(in[0])
	if len(in) == 1 {
		return single(o, f)
	}
	for _, v := range in[1:] {
		if v.complex() || o == opDivide && v.falsy() {
			return thrown()
		}
		f = operate(o, f, e.number(v))
	}
	if f != f || o == opDivide && math.IsInf(f, 1) {
		return thrown()
	}
	return number(f)
}

func operate(o op, a, b float64) float64 {
	switch o {
	case opAdd:
		return a + b
	case opSubtract:
		return a - b
	case opMultiply:
		return a * b
	case opDivide:
		return a / b
	}
	return math.Mod(a, b)
}

// single is arithmetic of a list of one.
func single(o op, f float64) value {
	switch {
	case o == opSubtract:
		return number(-f) // NaN passes
	case o == opDivide && f != 0:
		f = 1 / f
	case o == opDivide:
		return thrown()
	}
	if f != f {
		return thrown()
	}
	return number(f)
}

// extreme is the least or the greatest; all must be numbers.
func extreme(in []value, most bool) value {
	if len(in) == 0 {
		return thrown()
	}
	best := in[0]
	for _, v := range in {
		if v.k != kNumber {
			return thrown()
		}
		if most && v.n > best.n || !most && v.n < best.n {
			best = v
		}
	}
	return best
}

// cat joins texts; null is none.
func (e *env) cat(in []value) value {
	var b strings.Builder
	for _, v := range in {
		if v.k == kNull || v.k == kUndefined {
			continue
		}
		s := e.text(v)
		if !e.burn(1 + len(s)/32) {
			return thrown()
		}
		b.WriteString(s)
	}
	return text(b.String())
}

// merge makes one list of lists and of what is none.
func (e *env) merge(in []value) value {
	l := make([]value, 0, len(in))
	for _, v := range in {
		if v.k != kArray {
			l = append(l, v)
			continue
		}
		if !e.burn(v.size()) {
			return thrown()
		}
		for i := range v.size() {
			l = append(l, v.at(i))
		}
	}
	return array(l)
}

// in finds an element in a list or a text in a text.
func (e *env) in(in []value) value {
	var item, whole value
	if len(in) > 0 {
		item = in[0]
	}
	if len(in) > 1 {
		whole = in[1]
	}
	switch {
	case whole.falsy():
		return boolean(false)
	case whole.k == kText:
		s := e.text(item)
		if !e.burn(len(whole.s) / 64) {
			return thrown()
		}
		return boolean(strings.Contains(whole.s, s))
	case whole.k == kArray:
		if !e.burn(whole.size() / 8) {
			return thrown()
		}
		for i := range whole.size() {
			if includes(whole.at(i), item) {
				return boolean(true)
			}
		}
		return boolean(false)
	}
	return thrown()
}

// substr is a part of a text: from an index, which counts from the end when it is negative, and so many units; a
// negative number leaves as many out at the end.
func (e *env) substr(in []value) value {
	var from, count value
	if len(in) == 0 || in[0].k != kText {
		return thrown()
	}
	if len(in) > 1 {
		from = in[1]
	}
	if len(in) > 2 {
		count = in[2]
	}
	s := in[0].s
	if !e.burn(len(s) / 32) {
		return thrown()
	}
	if n := e.number(count); n < 0 {
		s = part(s, e.number(from), math.Inf(1))
		if count.k == kText || count.complex() {
			// The length and the text are joined, not added.
			return text(part(s, 0, parseNumber(formatNumber(float64(units(s)))+e.text(count))))
		}
		return text(part(s, 0, float64(units(s))+n))
	}
	if count.k == kUndefined {
		return text(part(s, e.number(from), math.Inf(1)))
	}
	return text(part(s, e.number(from), e.number(count)))
}

// part is JavaScript's s.substr(from, count).
func part(s string, from, count float64) string {
	length := float64(units(s))
	whole := func(f float64) float64 {
		if f != f {
			return 0
		}
		return math.Trunc(f)
	}
	from, count = whole(from), whole(count)
	if from < 0 {
		from = math.Max(length+from, 0)
	}
	end := math.Min(from+math.Max(count, 0), length)
	if from >= end {
		return ""
	}
	return cut(s, int(from), int(end))
}

// affix is starts_with and ends_with.
func (e *env) affix(in []value, start bool) value {
	if e.data.k != kRoot {
		return thrown() // flagd's operators know only the context itself
	}
	if len(in) != 2 || in[0].k != kText || in[1].k != kText {
		return null()
	}
	if start {
		return boolean(strings.HasPrefix(in[0].s, in[1].s))
	}
	return boolean(strings.HasSuffix(in[0].s, in[1].s))
}
