package logic

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// tree is a rule as JSON. The keys of objects keep JavaScript's order, and a list of plain values is kept as one.
type tree struct {
	form  form
	plain value   // when form is isPlain
	list  []*tree // elements of a list, or values of an object
	keys  []string
	vals  []value // elements, when form is isValues

	size   int // expressions in it, named rules in their places
	depth  int
	det    [2]answer // see deterministic
	shared bool      // a named rule: compiled once
	made   *node     // of a named rule that an earlier library compiled
}

type form uint8

const (
	isPlain form = iota
	isList
	isValues
	isObject
)

// method is the operator of an object and what it is applied to.
func (t *tree) method() (string, *tree) {
	if t.form != isObject || len(t.keys) == 0 {
		return "", nil
	}
	return t.keys[0], t.list[0]
}

// at is the argument of an operator, nil where there is none.
func (t *tree) at(name string) *tree {
	if i := slices.Index(t.keys, name); i >= 0 {
		return t.list[i]
	}
	return nil
}

// args are the elements of a list; false when it is none.
func (t *tree) args() ([]*tree, bool) {
	switch t.form {
	case isList:
		return t.list, true
	case isValues:
		l := make([]*tree, len(t.vals))
		for i, v := range t.vals {
			l[i] = &tree{plain: v, size: 1}
		}
		return l, true
	}
	return nil, false
}

// width is the number of elements of a list, -1 when it is none.
func (t *tree) width() int {
	switch t.form {
	case isList:
		return len(t.list)
	case isValues:
		return len(t.vals)
	}
	return -1
}

// reader makes a tree of JSON that is known to be valid.
type reader struct {
	src string
	i   int
}

// read parses a text; it is only called with valid JSON.
func read(src string) *tree {
	r := &reader{src: src}
	return r.value()
}

func (r *reader) blank() byte {
	for r.i < len(r.src) {
		switch c := r.src[r.i]; c {
		case ' ', '\t', '\n', '\r', ',', ':':
			r.i++
		default:
			return c
		}
	}
	return 0
}

func (r *reader) value() *tree {
	switch r.blank() {
	case '{':
		return r.object()
	case '[':
		return r.array()
	}
	v := r.scalar()
	v.s = strings.Clone(v.s) // so that the whole text needn't be kept
	return &tree{plain: v}
}

func (r *reader) array() *tree {
	r.i++
	t := &tree{form: isValues}
	for {
		switch r.blank() {
		case ']', 0:
			r.i++
			return t
		case '{', '[':
			if t.form == isValues {
				t.list, _ = t.args()
				t.form, t.vals = isList, nil
			}
			t.list = append(t.list, r.value())
		default:
			if t.form == isList {
				t.list = append(t.list, r.value())
			} else {
				t.vals = append(t.vals, r.scalar())
			}
		}
	}
}

func (r *reader) object() *tree {
	r.i++
	t := &tree{form: isObject}
	for {
		if c := r.blank(); c == '}' || c == 0 {
			r.i++
			t.sort()
			return t
		}
		key := strings.Clone(r.text())
		v := r.value()
		if i := slices.Index(t.keys, key); i >= 0 && len(t.keys) < 64 {
			t.list[i] = v
		} else {
			t.keys, t.list = append(t.keys, key), append(t.list, v)
		}
	}
}

// sort puts keys that are indexes first, as JavaScript does.
func (t *tree) sort() {
	if len(t.keys) < 2 {
		return
	}
	order := Order(t.keys)
	if slices.Equal(order, t.keys) {
		return
	}
	list := make([]*tree, len(order))
	for i, k := range order {
		list[i] = t.at(k)
	}
	t.keys, t.list = order, list
}

// Order is how JavaScript goes through the keys of an object that were written in this order: indexes first.
func Order(keys []string) []string {
	var first, then []string
	for _, k := range keys {
		if index(k) >= 0 {
			first = append(first, k)
		} else {
			then = append(then, k)
		}
	}
	slices.SortStableFunc(first, func(a, b string) int { return index(a) - index(b) })
	return append(first, then...)
}

// index is the number that a key is, -1 when it is none.
func index(k string) int {
	if n, err := strconv.ParseUint(k, 10, 32); err == nil && n < math.MaxUint32 && strconv.FormatUint(n, 10) == k {
		return int(n)
	}
	return -1
}

func (r *reader) scalar() value {
	switch r.src[r.i] {
	case '"':
		return text(r.text())
	case 't':
		r.i += 4
		return boolean(true)
	case 'f':
		r.i += 5
		return boolean(false)
	case 'n':
		r.i += 4
		return null()
	}
	start := r.i
	for r.i < len(r.src) && strings.IndexByte("+-.eE0123456789", r.src[r.i]) >= 0 {
		r.i++
	}
	f, _ := strconv.ParseFloat(r.src[start:r.i], 64)
	if r.i == start {
		r.i++ // not reached with valid JSON
	}
	return number(f)
}

// text reads a string, without a copy where it has no escapes.
func (r *reader) text() string {
	start := r.i
	escaped := false
	for r.i++; r.i < len(r.src) && r.src[r.i] != '"'; r.i++ {
		if r.src[r.i] == '\\' {
			escaped = true
			r.i++
		}
	}
	r.i = min(r.i+1, len(r.src))
	raw := r.src[start:r.i]
	if escaped || !ascii(raw) {
		return unescape(raw)
	}
	return raw[1 : len(raw)-1]
}

// unescape reads a string with its quotes, and mends what is no UTF-8.
func unescape(raw string) string {
	var s string
	if json.Unmarshal([]byte(raw), &s) != nil {
		return "" // not reached with valid JSON
	}
	return s
}

// Keys are the keys of a JSON object, which must be valid, in JavaScript's order; nil of anything else.
func Keys(src []byte) []string {
	r := &reader{src: string(src)}
	if r.blank() != '{' {
		return nil
	}
	r.i++
	var keys []string
	for c := r.blank(); c != '}' && c != 0; c = r.blank() {
		keys = append(keys, strings.Clone(r.text()))
		r.skip()
	}
	return Order(keys)
}

// skip passes over a value.
func (r *reader) skip() {
	for depth := 0; ; {
		switch r.blank() {
		case 0:
			return
		case '{', '[':
			depth++
			r.i++
		case '}', ']':
			depth--
			r.i++
		case '"':
			r.text()
		default:
			r.scalar()
		}
		if depth == 0 {
			return
		}
	}
}

// Targets reports whether a targeting says anything: nothing, null, false, 0, {} and [] don't.
func Targets(src []byte) bool {
	if !json.Valid(src) {
		return len(src) > 0 // and is refused
	}
	r := &reader{src: string(src)}
	switch r.blank() {
	case '{', '[':
		r.i++
		c := r.blank()
		return c != '}' && c != ']'
	case '"':
		return r.text() != ""
	}
	return false
}
