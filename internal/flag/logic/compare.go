package logic

// textual reports what is compared as it is: a text or null.
func textual(v value) bool { return v.k == kText || v.k == kNull }

// strict reports the comparisons that don't coerce.
func strict(o op) bool { return o == opStrict || o == opStrictUnequal }

// compareTwo is a comparison of two.
func (n *node) compareTwo(e *env) value {
	a := n.args[0].eval(e)
	if a.k == kThrown {
		return a
	}
	b := n.args[1].eval(e)
	if b.k == kThrown {
		return b
	}
	return e.compare(n.what, a, b)
}

// compareThree is whether b lies between a and c. The last is evaluated only when it matters.
func (n *node) compareThree(e *env) value {
	a := n.args[0].eval(e)
	if a.k == kThrown {
		return a
	}
	b := n.args[1].eval(e)
	if b.k == kThrown {
		return b
	}
	v := e.compare(n.what, a, b)
	if v.k == kThrown || v.n == 0 {
		return v
	}
	c := n.args[2].eval(e)
	if c.k == kThrown {
		return c
	}
	return e.compare(n.what, b, c)
}

// compareMany is a comparison of any other number.
func (n *node) compareMany(e *env) value {
	if len(n.args) < 2 {
		return thrown()
	}
	last := n.args[0].eval(e)
	for i, a := range n.args[1:] {
		if last.k == kThrown {
			return last
		}
		v := a.eval(e)
		if v.k == kThrown {
			return v
		}
		if (strict(n.op) || textual(v) && textual(last)) && !e.raw(n.op, last, v) {
			return boolean(false)
		}
		x, ok := e.numeric(v)
		if !ok || x != x && last.k != kNull {
			return thrown()
		}
		y := e.number(last)
		if i == 0 {
			if y, ok = e.numeric(last); !ok || y != y {
				return thrown()
			}
		}
		if !relate(n.op, y, x) {
			return boolean(false)
		}
		last = v
	}
	return boolean(true)
}

// compare is what the engine makes of two values: texts as texts, all else as numbers, and what is no number fails.
func (e *env) compare(o op, a, b value) value {
	if strict(o) || textual(a) && textual(b) {
		return boolean(e.raw(o, a, b))
	}
	x, ok := e.numeric(a)
	if !ok || x != x {
		return thrown()
	}
	y, ok := e.numeric(b)
	if !ok || y != y && a.k != kNull {
		return thrown()
	}
	return boolean(relate(o, x, y))
}

// numeric is the number that a value is compared as; false for lists, objects and NaN.
func (e *env) numeric(v value) (float64, bool) {
	if v.complex() || v.k == kNumber && v.n != v.n {
		return 0, false
	}
	return e.number(v), true
}

// raw is JavaScript's own comparison: of any values where it is strict, else of texts and null.
func (e *env) raw(o op, a, b value) bool {
	switch o {
	case opStrict:
		return same(a, b)
	case opStrictUnequal:
		return !same(a, b)
	case opEqual:
		return a.k == b.k && a.s == b.s
	case opUnequal:
		return a.k != b.k || a.s != b.s
	}
	if a.k == kText && b.k == kText {
		if !e.burn(min(len(a.s), len(b.s)) / 64) {
			return false
		}
		return relate(o, float64(order(a.s, b.s)), 0)
	}
	return relate(o, e.number(a), e.number(b))
}

func relate(o op, a, b float64) bool {
	switch o {
	case opLess:
		return a < b
	case opAtMost:
		return a <= b
	case opMore:
		return a > b
	case opAtLeast:
		return a >= b
	case opEqual, opStrict:
		return a == b
	}
	return a != b
}
