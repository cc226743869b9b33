package logic

import "slices"

// sharpen gives constant lists a set, constant shares a table, and other common forms a way that allocates nothing.
func (c *compiler) sharpen(n *node, args *tree) *node {
	switch {
	case n.op == opIn && len(n.args) == 2 && n.args[1].op == opConst && n.args[1].konst.k == kArray:
		c.sharpenIn(n, args)
	case n.op == opIn && len(n.args) == 2 && n.args[1].op == opMerge && !n.args[1].one:
		n.op, n.args = opInMerged, slices.Concat(n.args[:1], n.args[1].args)
	case n.op == opFractional && !n.one && len(n.args) > 0:
		sharpenFractional(n)
	}
	return n
}

func (c *compiler) sharpenIn(n *node, args *tree) {
	list := n.args[1].konst.list()
	n.konst = array(list)
	if len(list) <= few {
		n.op = opInSet
	} else if n.set = c.setOf(args.list[1], list); n.set != nil {
		n.op, n.konst = opInSet, value{}
	}
	if n.op == opInSet {
		n.args = []*node{n.args[0]} // and let go of the list
	}
}

func sharpenFractional(n *node) {
	var entries []value
	from := 1
	if first := n.args[0]; first.op == opArray || first.op == opConst && first.konst.k == kArray {
		from = 0
	}
	var made []*node
	fixed := true
	for _, a := range n.args[from:] {
		switch {
		case a.op == opConst:
			entries = append(entries, a.konst)
			made = append(made, constant(a.konst.first()))
		case a.op == opArray && (len(a.args) == 1 || len(a.args) == 2 && a.args[1].op == opConst):
			weight := number(1)
			if len(a.args) == 2 {
				weight = a.args[1].konst
			}
			entries = append(entries, array([]value{null(), weight}))
			made = append(made, a.args[0])
			fixed = false
		default:
			return
		}
	}
	s, ok := shares(entries)
	if !ok {
		return
	}
	if !fixed {
		s.made = made
	}
	n.op, n.split, n.args = opSplit, s, slices.Clone(n.args[:from])
}

// first is the first element of a list, null where there is none.
func (v value) first() value {
	if v.k == kArray && v.size() > 0 {
		return known(v.at(0))
	}
	return null()
}

// inMerged is in of a merge, whose list needn't be made.
func (n *node) inMerged(e *env) value {
	item := n.args[0].eval(e)
	if item.k == kThrown {
		return item
	}
	found := false
	for _, a := range n.args[1:] {
		v := a.eval(e)
		if v.k == kThrown {
			return v
		}
		if v.k != kArray {
			found = found || includes(v, item)
			continue
		}
		if !e.burn(v.size()) {
			return thrown()
		}
		for i := 0; i < v.size() && !found; i++ {
			found = includes(v.at(i), item)
		}
	}
	return boolean(found)
}
