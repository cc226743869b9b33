package logic

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// few is the length up to which a list is looked through as it is.
const few = 6

// set finds plain values. Its texts lie in one piece of memory without a pointer: 1,000,000 ids take what their letters
// take and seven bytes each.
type set struct {
	seed    maphash.Seed
	slots   []uint32 // where a text begins in blob, and one; 0 is free
	blob    []byte   // each with its length before it
	numbers map[float64]struct{}
	other   []value // booleans, null and NaN, once each
}

// newSet makes a set of plain values; nil when there is another value among them, or too many texts.
func newSet(list []value) *set {
	s := &set{seed: maphash.MakeSeed(), numbers: map[float64]struct{}{}}
	texts, size := 0, 0
	for _, v := range list {
		switch v.k {
		case kText:
			texts++
			size += len(v.s) + 1 + bits.Len(uint(len(v.s)))/8
		case kNull, kBool, kNumber:
			s.add(v)
		default:
			return nil
		}
	}
	if size > 1<<31 {
		return nil
	}
	s.slots = make([]uint32, texts+texts/2+1)
	s.blob = make([]byte, 0, size)
	for _, v := range list {
		if v.k != kText {
			continue
		}
		if i, found := s.find(v.s); !found {
			s.slots[i] = uint32(len(s.blob)) + 1
			s.blob = binary.AppendUvarint(s.blob, uint64(len(v.s)))
			s.blob = append(s.blob, v.s...)
		}
	}
	return s
}

// add takes what is no text.
func (s *set) add(v value) {
	if v.k == kNumber && v.n == v.n {
		s.numbers[v.n] = struct{}{}
		return
	}
	if !s.has(v) {
		s.other = append(s.other, v)
	}
}

// find is the slot of a text, or the free one where it belongs.
func (s *set) find(text string) (int, bool) {
	i, _ := bits.Mul64(maphash.String(s.seed, text), uint64(len(s.slots)))
	for {
		at := s.slots[i]
		if at == 0 {
			return int(i), false
		}
		b := s.blob[at-1:]
		n, w := uint64(b[0]), 1
		if n >= 0x80 {
			n, w = binary.Uvarint(b)
		}
		if n == uint64(len(text)) && string(b[w:w+int(n)]) == text {
			return int(i), true
		}
		if i++; i == uint64(len(s.slots)) {
			i = 0
		}
	}
}

// has reports whether the value is in the set.
func (s *set) has(v value) bool {
	switch {
	case v.k == kText:
		_, found := s.find(v.s)
		return found
	case v.k == kNumber && v.n == v.n:
		_, found := s.numbers[v.n]
		return found
	}
	for _, o := range s.other {
		if includes(o, v) {
			return true
		}
	}
	return false
}

// setOf is the set of a constant list, made once where rules share the list.
func (c *compiler) setOf(t *tree, list []value) *set {
	if !t.shared {
		return newSet(list)
	}
	s, ok := c.library.sets[t]
	if !ok {
		s = newSet(list)
		c.library.sets[t] = s
	}
	return s
}

// inSet is in of a constant list.
func (n *node) inSet(e *env) value {
	v := n.args[0].eval(e)
	if v.k == kThrown {
		return v
	}
	if n.set != nil {
		return boolean(n.set.has(v))
	}
	for _, x := range n.konst.ref.([]value) {
		if includes(x, v) {
			return boolean(true)
		}
	}
	return boolean(false)
}
