package drain

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// scanner walks over JSON without building anything: a drain's records have some forty fields of which a dozen are
// read. What it hands out lies in the body. It is lenient inside of what is passed over and never recurses.
type scanner struct {
	b []byte
	i int
}

// next skips white space and returns the byte that comes, 0 at the end.
func (s *scanner) next() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// take skips white space and one byte, when it is the wanted one.
func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.i++
	return true
}

// raw reads a string and returns what stands between the quotes, escapes as they are.
func (s *scanner) raw() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	begin := s.i
	for {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			return nil, false
		}
		end := s.i + n
		s.i = end + 1
		back := end
		for back > begin && s.b[back-1] == '\\' {
			back--
		}
		if (end-back)%2 == 0 {
			return s.b[begin:end], true
		}
	}
}

// text reads a string, its escapes resolved.
func (s *scanner) text() ([]byte, bool) {
	s.next()
	begin := s.i
	raw, ok := s.raw()
	if !ok || bytes.IndexByte(raw, '\\') < 0 {
		return raw, ok
	}
	var out string
	if json.Unmarshal(s.b[begin:s.i], &out) != nil {
		return nil, false
	}
	return []byte(out), true
}

// bare reads a number or a word.
func (s *scanner) bare() []byte {
	begin := s.i
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ',', '}', ']', ' ', '\t', '\n', '\r', '"', '{', '[', ':':
			return s.b[begin:s.i]
		}
		s.i++
	}
	return s.b[begin:s.i]
}

// skip passes over one value.
func (s *scanner) skip() bool {
	switch s.next() {
	case '"':
		_, ok := s.raw()
		return ok
	case '{', '[':
		return s.nested()
	}
	return len(s.bare()) > 0
}

// nested passes over an object or a list.
func (s *scanner) nested() bool {
	for depth := 0; s.i < len(s.b); {
		switch s.b[s.i] {
		case '"':
			if _, ok := s.raw(); !ok {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				s.i++
				return true
			}
		}
		s.i++
	}
	return false
}

// value reads a string, a number or a word as text, of a list the first such; anything else as nothing.
func (s *scanner) value() ([]byte, bool) {
	switch s.next() {
	case '"':
		return s.text()
	case '{':
		return nil, s.nested()
	case '[':
		begin := *s
		begin.i++
		var first []byte
		if begin.next() == '"' {
			first, _ = begin.text()
		}
		return first, s.nested()
	}
	word := s.bare()
	if string(word) == "null" {
		return nil, true
	}
	return word, len(word) > 0
}

// object reads an object and hands each key to field, which reads its value.
func (s *scanner) object(field func(key []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		key, ok := s.text()
		if !ok || !s.take(':') || !field(key) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// whole reads an integer; ok is false for anything else, and for one beyond what an instant in milliseconds takes.
func whole(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 32 {
		return 0, false
	}
	digits := b
	if digits[0] == '-' {
		digits = digits[1:]
	}
	for _, c := range digits {
		if c < '0' || c > '9' || len(digits) > 15 {
			f, err := strconv.ParseFloat(string(b), 64)
			return int64(f), err == nil && f > -1e15 && f < 1e15
		}
		n = 10*n + int64(c-'0')
	}
	if b[0] == '-' {
		n = -n
	}
	return n, len(digits) > 0
}
