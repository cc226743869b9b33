package logic

// verdict is a condition's end.
type verdict uint8

const (
	fails verdict = iota
	holds
	failed // it could not be evaluated
)

func said(b bool) verdict {
	if b {
		return holds
	}
	return fails
}

// test evaluates a condition: eval, and whether the value is true. The ways that conditions mostly take are short here.
func (n *node) test(e *env) verdict {
	switch n.op {
	case opIs:
		s, k := n.args[0].plainly(e)
		if k != kUndefined {
			return said((k == kText && s == n.konst.s) == (n.what == opEqual || n.what == opStrict))
		}
	case opInSet:
		if n.set != nil && n.args[0].op == opOne {
			if s, k := n.args[0].plainly(e); k == kText {
				_, found := n.set.find(s)
				return said(found)
			}
		}
	case opAnd:
		for _, a := range n.args {
			if v := a.test(e); v != holds {
				return v
			}
		}
		return said(len(n.args) > 0)
	case opOr:
		for _, a := range n.args {
			if v := a.test(e); v != fails {
				return v
			}
		}
		return fails
	case opNot, opTruth:
		if n.one && n.args[0].decides() {
			v := n.args[0].test(e)
			if n.op == opNot && v != failed {
				v = holds - v
			}
			return v
		}
	}
	v := n.eval(e)
	if v.k == kThrown {
		return failed
	}
	return said(v.truthy())
}

// decides reports conditions whose value is true or false itself.
func (n *node) decides() bool {
	return n.op == opIs || n.op == opCompareTwo || n.op == opInSet || n.op == opNot || n.op == opTruth
}

// plainly is an attribute of the context when it is a text or null, and undefined when it is neither.
func (n *node) plainly(e *env) (string, kind) {
	name := n.names[0]
	if e.data.k != kRoot || name == "$flagd" {
		return "", kUndefined
	}
	if name == "targetingKey" && e.ctx.targetingKey != "" {
		return e.ctx.targetingKey, kText
	}
	switch x := e.ctx.attributes[name].(type) {
	case string:
		return x, kText
	case nil:
		return "", kNull
	}
	return "", kUndefined
}

// is makes the comparison of an attribute with a text from that of any two.
func is(n *node) *node {
	a, b := n.args[0], n.args[1]
	if a.op == opConst {
		a, b = b, a
	}
	equality := n.what == opEqual || n.what == opStrict || n.what == opUnequal || n.what == opStrictUnequal
	if equality && a.op == opOne && b.op == opConst && b.konst.k == kText {
		n.op, n.args, n.konst = opIs, []*node{a, b}, b.konst
	}
	return n
}
