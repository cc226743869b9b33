package logic

import "crypto/sha256"

// large is the length from which a named rule is kept: making a list of a million ids anew takes a second.
const large = 16 << 10

// Kept are the large named rules of a document as they were made, for the library of the document that follows: a
// change of a flag then costs nothing for lists that stayed as they were. It never changes.
type Kept map[sum]*tree

// sum is of a rule's text, which alone says what is made of it.
type sum [sha256.Size]byte

// Kept returns what the rules that were compiled so far leave to the next library.
func (l *Library) Kept() Kept { return l.kept }

// keep keeps a named rule without its lists, which its node has in a smaller form. Only what segments are made of is
// kept: the compiler never looks into such a rule from outside, and it means the same wherever it is used.
func (l *Library) keep(t *tree, n *node) {
	text, ok := l.sums[t]
	if !ok || len(t.keys) != 1 || asks(t) || climbs(t, map[*tree]bool{}) {
		return
	}
	switch operator(t.keys[0]) {
	case opIn, opAnd, opOr:
	default:
		return
	}
	l.kept[text] = &tree{
		form: isObject, keys: t.keys, list: []*tree{{}}, size: t.size, depth: t.depth, shared: true, made: n,
		det: [2]answer{deterministic(t, false), deterministic(t, true)},
	}
}

// asks reports whether there is another named rule in a rule.
func asks(t *tree) bool {
	for _, c := range t.list {
		if c.shared || asks(c) {
			return true
		}
	}
	return false
}
