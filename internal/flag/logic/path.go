package logic

import "strings"

// splitPath takes a path apart at its dots. A backslash keeps a dot, a slash or a backslash.
func splitPath(s string) []string {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && strings.IndexByte(`./\`, s[i+1]) >= 0:
			i++
			part.WriteByte(s[i])
		case c == '.':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	if len(parts) != len(s) {
		parts = append(parts, part.String())
	}
	return parts
}

// one is var of one name.
func (n *node) variable(e *env) value {
	name := n.names[0]
	if e.data.k != kRoot && e.data.falsy() {
		return null()
	}
	return known(e.property(e.data, name))
}

// known turns undefined into null.
func known(v value) value {
	if v.k == kUndefined {
		return null()
	}
	return v
}

// walk is var of two or three names: what is false on the way is the answer.
func (n *node) walk(e *env) value {
	v := e.data
	for _, name := range n.names {
		if v.falsy() {
			break
		}
		v = e.property(v, name)
	}
	return known(v)
}

// lookup is var in general: with a default, and with names that are made.
func (n *node) lookup(e *env) value {
	var key, otherwise value
	switch {
	case n.one && n.names != nil:
		return e.follow(e.data, n.names, value{})
	case n.one:
		key = n.args[0].eval(e)
		if key.k == kArray {
			l := key
			key = value{}
			if l.size() > 0 {
				key = l.at(0)
			}
			if l.size() > 1 {
				otherwise = l.at(1)
			}
		}
	default:
		for i, a := range n.args {
			v := a.eval(e)
			if v.k == kThrown {
				return v
			}
			switch i {
			case 0:
				key = v
			case 1:
				otherwise = v
			}
		}
	}
	if key.k == kThrown {
		return key
	}
	return e.search(key, otherwise)
}

// search looks for a key, from further out for every ../ that it begins with.
func (e *env) search(key, otherwise value) value {
	from, above, i := e.data, e.up, 0
	for key.k == kText && strings.HasPrefix(key.s, "../") && above != nil {
		if i == 0 {
			from = above.head
		} else {
			from = above.outer
		}
		key.s = key.s[3:]
		if i++; i == 2 && strings.HasPrefix(key.s, "../") {
			// The third step leads into what surrounds the list itself.
			key.s = key.s[3:]
			above, i = above.up, 1
			from = value{}
			if above != nil {
				from = above.head
			}
		}
	}
	if key.k == kUndefined || key.k == kNull || key.k == kText && key.s == "" {
		return from
	}
	name := e.text(key)
	if !e.burn(len(name) / 16) {
		return thrown()
	}
	return e.follow(from, splitPath(name), otherwise)
}

// follow is the property at the end of a path.
func (e *env) follow(from value, names []string, otherwise value) value {
	for _, name := range names {
		if from.k != kNull && from.k != kUndefined {
			from = e.property(from, name)
		} else {
			from = value{}
		}
		if from.k == kUndefined {
			return known(otherwise)
		}
	}
	return from
}

// missing is the list of those keys that the data doesn't have.
func (e *env) missing(keys []value) value {
	if !e.burn(len(keys)) {
		return thrown()
	}
	var l []value
	for _, k := range keys {
		name := e.text(k)
		if !e.burn(len(name) / 16) {
			return thrown()
		}
		v := e.data
		for _, part := range splitPath(name) {
			if v.falsy() {
				v = value{}
			} else {
				v = e.property(v, part)
			}
			if v.k == kUndefined {
				l = append(l, k)
				break
			}
		}
	}
	return array(l)
}

// missingSome is missing, or empty when enough of the keys are there.
func (e *env) missingSome(in []value) value {
	var need, keys value
	if len(in) > 0 {
		need = in[0]
	}
	if len(in) > 1 {
		keys = in[1]
	}
	var l []value
	switch keys.k {
	case kUndefined, kNull:
		return thrown()
	case kArray:
		l = keys.list()
	case kText:
		for i := range units(keys.s) {
			if !e.burn(1 + len(keys.s)/16) {
				return thrown()
			}
			l = append(l, text(cut(keys.s, i, i+1)))
		}
	}
	m := e.missing(l)
	if m.k == kThrown || float64(len(l)-m.size()) >= e.number(need) {
		if m.k != kThrown {
			return array(nil)
		}
	}
	return m
}
