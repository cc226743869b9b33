package logic

import (
	"math"
	"reflect"
	"strings"
)

// kind is what a value is.
type kind uint8

const (
	kUndefined kind = iota // JavaScript's undefined: a list shorter than was asked for
	kNull
	kBool
	kNumber
	kText
	kArray  // ref is a []value, or the []any of a context
	kObject // ref is the map[string]any of a context, or nil: empty
	kRoot   // the context
	kFlagd  // $flagd in it
	kPair   // ref is a *pair
	kThrown // an exception
)

// value is one of JavaScript's.
type value struct {
	k   kind
	n   float64 // a number, or 1 for true
	s   string
	ref any
}

// pair is an object of two properties that the engine makes.
type pair struct {
	names [2]string
	vals  [2]value
}

func (p *pair) get(name string) value {
	for i, n := range p.names {
		if n == name {
			return p.vals[i]
		}
	}
	return value{}
}

func text(s string) value    { return value{k: kText, s: s} }
func number(n float64) value { return value{k: kNumber, n: n} }
func array(l []value) value  { return value{k: kArray, ref: l} }
func thrown() value          { return value{k: kThrown} }
func null() value            { return value{k: kNull} }

func boolean(b bool) value {
	if b {
		return value{k: kBool, n: 1}
	}
	return value{k: kBool}
}

// size is the length of a list.
func (v value) size() int {
	switch l := v.ref.(type) {
	case []value:
		return len(l)
	case []any:
		return len(l)
	}
	return 0
}

// at is an element of a list.
func (v value) at(i int) value {
	switch l := v.ref.(type) {
	case []value:
		return l[i]
	case []any:
		return of(l[i])
	}
	return value{}
}

// list is the elements of a list.
func (v value) list() []value {
	if l, ok := v.ref.([]value); ok {
		return l
	}
	l := make([]value, v.size())
	for i := range l {
		l[i] = v.at(i)
	}
	return l
}

// falsy is JavaScript's !v.
func (v value) falsy() bool {
	switch v.k {
	case kUndefined, kNull:
		return true
	case kBool:
		return v.n == 0
	case kNumber:
		return v.n == 0 || v.n != v.n
	case kText:
		return v.s == ""
	}
	return false
}

// truthy is JsonLogic's: empty lists and objects are false.
func (v value) truthy() bool {
	switch v.k {
	case kArray:
		return v.size() > 0
	case kObject:
		m, _ := v.ref.(map[string]any)
		return len(m) > 0
	}
	return !v.falsy()
}

// complex reports whether typeof v is object and v isn't null.
func (v value) complex() bool { return v.k >= kArray && v.k <= kPair }

// same is a === b; lists and objects are the same only when they are one.
func same(a, b value) bool {
	if a.k != b.k {
		return false
	}
	switch a.k {
	case kText:
		return a.s == b.s
	case kBool, kNumber:
		return a.n == b.n
	case kArray:
		return a.size() == b.size() && a.size() > 0 && address(a) == address(b)
	case kObject:
		return a.ref != nil && b.ref != nil && address(a) == address(b)
	case kPair:
		return a.ref == b.ref
	}
	return true
}

// address is where a list or an object lies.
func address(v value) uintptr { return reflect.ValueOf(v.ref).Pointer() }

// includes is how a list finds an element: ===, but NaN is found.
func includes(a, b value) bool {
	return same(a, b) || a.k == kNumber && b.k == kNumber && a.n != a.n && b.n != b.n
}

// number is JavaScript's +v.
func (e *env) number(v value) float64 {
	switch v.k {
	case kNull:
		return 0
	case kBool, kNumber:
		return v.n
	case kText:
		e.burn(len(v.s) / 64)
		return parseNumber(v.s)
	case kArray:
		return parseNumber(e.text(v))
	}
	return math.NaN()
}

// text is JavaScript's String(v).
func (e *env) text(v value) string {
	switch v.k {
	case kUndefined:
		return "undefined"
	case kNull:
		return "null"
	case kBool:
		if v.n == 1 {
			return "true"
		}
		return "false"
	case kNumber:
		return formatNumber(v.n)
	case kText:
		return v.s
	case kArray:
		var b strings.Builder
		e.join(&b, v, 0)
		return b.String()
	}
	return "[object Object]"
}

// join writes the elements of a list with commas between them.
func (e *env) join(b *strings.Builder, v value, depth int) {
	n := v.size()
	if !e.burn(n) || depth > 10_000 {
		return
	}
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		switch x := v.at(i); x.k {
		case kUndefined, kNull:
		case kArray:
			e.join(b, x, depth+1)
		default:
			s := e.text(x)
			if !e.burn(len(s) / 64) {
				return
			}
			b.WriteString(s)
		}
	}
}
