package logic

import (
	"crypto/sha256"
	"encoding/json"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Library is the named rules of a document. It is used while rules are compiled, and not from many goroutines.
type Library struct {
	names    []string
	places   map[string]int // of the names
	raw      []*tree
	resolved []*tree
	compiled map[*tree]*node
	sets     map[*tree]*set
	fuel     int           // for evaluating beforehand, over all rules
	sums     map[*tree]sum // of the large rules
	kept     Kept
}

// NewLibrary reads named rules, in the order in which their document has them. What an earlier library kept of them is
// not made again.
func NewLibrary(names []string, rules map[string]json.RawMessage, earlier Kept) (*Library, error) {
	l := &Library{
		names: Order(names), compiled: map[*tree]*node{}, sets: map[*tree]*set{}, fuel: libraryFuel,
		places: make(map[string]int, len(names)), sums: map[*tree]sum{}, kept: Kept{},
	}
	for i, name := range l.names {
		l.places[name] = i
		var text sum
		if len(rules[name]) >= large {
			text = sha256.Sum256(rules[name])
			if t := earlier[text]; t != nil {
				l.kept[text] = t
				l.raw = append(l.raw, t)
				continue
			}
		}
		if !json.Valid(rules[name]) {
			return nil, fault.New(fault.Invalid, "bad_flags", "$evaluators.%s is no JSON.", name)
		}
		t := read(string(rules[name]))
		if depth(t) > MaxDepth {
			return nil, tooDeep("$evaluators." + name)
		}
		l.raw = append(l.raw, t)
		if len(rules[name]) >= large {
			l.sums[t] = text
		}
	}
	l.resolved = make([]*tree, len(l.raw))
	// A named rule may use those after it. So the last is resolved first.
	for i := len(l.raw) - 1; i >= 0; i-- {
		l.resolved[i] = l.raw[i]
		if l.raw[i].made == nil {
			l.resolved[i] = l.resolve(l.raw[i], i+1)
			l.resolved[i].shared = true
		}
	}
	for i, t := range l.resolved {
		if err := bounds(t, "$evaluators."+l.names[i]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func tooDeep(path string) error {
	return fault.New(fault.Invalid, "bad_flags", "%s is nested more than %d deep.", path, MaxDepth)
}

func bounds(t *tree, path string) error {
	if t.depth > MaxDepth {
		return tooDeep(path)
	}
	if t.size > MaxSize {
		return fault.New(fault.Invalid, "bad_flags", "%s has more than %d expressions.", path, MaxSize)
	}
	return nil
}

// Compile makes a rule of JSON. Path names it in faults; version is that of fractional.
func (l *Library) Compile(src []byte, path string, version int) (*Rule, error) {
	if !json.Valid(src) {
		return nil, fault.New(fault.Invalid, "bad_flags", "%s is no JSON.", path)
	}
	t := read(string(src))
	if depth(t) > MaxDepth {
		return nil, tooDeep(path)
	}
	t = l.resolve(t, 0)
	if err := bounds(t, path); err != nil {
		return nil, err
	}
	r := &Rule{edition: version}
	r.unknown = unknown(t, path, map[*tree]bool{})
	if r.unknown != "" {
		return r, nil
	}
	c := compiler{library: l}
	root, ok := c.compile(t)
	if !ok {
		root = throwing()
	}
	r.root, r.climbs = root, climbs(t, map[*tree]bool{})
	return r, nil
}

// depth is how deep a tree is nested, at most a little more than the limit.
func depth(t *tree) int {
	type at struct {
		t *tree
		d int
	}
	deepest := 0
	stack := []at{{t, 1}}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		deepest = max(deepest, top.d)
		if deepest > MaxDepth {
			break
		}
		for _, c := range top.t.list {
			stack = append(stack, at{c, top.d + 1})
		}
	}
	return deepest
}

// resolve puts named rules in the places of {"$ref": name}. flagd does it with the text, one name after the other: so a
// rule that is put in may use only the names from least on; any other reference stays, and is an unknown operator.
func (l *Library) resolve(t *tree, least int) *tree {
	if len(t.keys) == 1 && t.keys[0] == "$ref" && t.list[0].form == isPlain && t.list[0].plain.k == kText {
		if i, ok := l.places[t.list[0].plain.s]; ok && i >= least {
			return l.resolved[i]
		}
	}
	t.size, t.depth = 1, 1
	for i, c := range t.list {
		c = l.resolve(c, least)
		t.list[i] = c
		t.size = min(t.size+c.size, 2*MaxSize)
		t.depth = max(t.depth, c.depth+1)
	}
	return t
}

// unknown finds an operator that is none, as flagd-core looks for them: only the first key of an object counts.
func unknown(t *tree, path string, seen map[*tree]bool) string {
	if t.shared {
		if seen[t] {
			return ""
		}
		seen[t] = true
	}
	if t.form == isList {
		for _, c := range t.list {
			if s := unknown(c, path, seen); s != "" {
				return s
			}
		}
		return ""
	}
	name, args := t.method()
	if args == nil {
		return ""
	}
	if operator(name) == opNone {
		if name == "$ref" {
			return path + " refers to a named rule that is not there, or that stands before the one that uses it"
		}
		return path + " has the unknown operator " + name
	}
	return unknown(args, path+"."+name, seen)
}

// climbs reports whether a rule may look at what surrounds an element.
func climbs(t *tree, seen map[*tree]bool) bool {
	if t.shared {
		if seen[t] {
			return false
		}
		seen[t] = true
	}
	if name, args := t.method(); name == "var" {
		if args.form != isPlain || len(args.plain.s) > 2 && args.plain.s[:3] == "../" {
			return true
		}
	}
	for _, c := range t.list {
		if climbs(c, seen) {
			return true
		}
	}
	return false
}
