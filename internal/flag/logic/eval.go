package logic

// eval evaluates an expression. All calls are static, so that env stays on the stack.
func (n *node) eval(e *env) value {
	switch n.op {
	case opConst:
		return n.konst
	case opOne:
		return n.variable(e)
	case opPath:
		return n.walk(e)
	case opData:
		return known(e.data)
	case opVar:
		return n.lookup(e)
	case opIf:
		return n.choose(e)
	case opAnd:
		return n.chain(e, false)
	case opOr:
		return n.chain(e, true)
	case opCompareTwo, opIs:
		return n.compareTwo(e)
	case opCompareThree:
		return n.compareThree(e)
	case opInSet:
		return n.inSet(e)
	case opInMerged:
		return n.inMerged(e)
	case opSplit:
		return n.divide(e)
	case opArray:
		return n.build(e)
	case opThrow:
		return thrown()
	}
	switch {
	case n.op.compares():
		return n.compareMany(e)
	case n.op.iterates():
		return n.iterate(e)
	}
	return n.call(e)
}

// build makes a list.
func (n *node) build(e *env) value {
	l := make([]value, len(n.args))
	for i, a := range n.args {
		if l[i] = a.eval(e); l[i].k == kThrown {
			return l[i]
		}
	}
	return array(l)
}

// choose is if: conditions with what follows, in pairs, and what else.
func (n *node) choose(e *env) value {
	args := n.args
	switch len(args) {
	case 0:
		return null()
	case 1:
		return args[0].eval(e)
	}
	for len(args) > 1 {
		switch args[0].test(e) {
		case failed:
			return thrown()
		case holds:
			return args[1].eval(e)
		}
		args = args[2:]
	}
	if len(args) == 1 {
		return args[0].eval(e)
	}
	return null()
}

// chain is and, or: the first element that decides, or the last.
func (n *node) chain(e *env, until bool) value {
	v := null()
	for _, a := range n.args {
		v = a.eval(e)
		if v.k == kThrown || v.truthy() == until {
			return v
		}
	}
	return v
}

// call evaluates the arguments of an operator, and then it.
func (n *node) call(e *env) value {
	if n.one {
		v := n.args[0].eval(e)
		if v.k == kThrown {
			return v
		}
		if v.k == kArray {
			if !e.burn(v.size() / 8) {
				return thrown()
			}
			return n.apply(e, v.list())
		}
		if n.op.unary() {
			return n.alone(e, v)
		}
		return n.apply(e, []value{v})
	}
	var some [4]value
	in := some[:0]
	for _, a := range n.args {
		v := a.eval(e)
		if v.k == kThrown {
			return v
		}
		in = append(in, v)
	}
	return n.apply(e, in)
}

// alone is a unary operator of what is no list.
func (n *node) alone(e *env, v value) value {
	switch n.op {
	case opNot:
		return boolean(!v.truthy())
	case opTruth:
		return boolean(v.truthy())
	case opCat:
		if v.k == kNull || v.k == kUndefined {
			return thrown()
		}
		return text(e.text(v))
	}
	if v.falsy() {
		return number(0)
	}
	if v.complex() {
		return thrown()
	}
	f := e.number(v)
	if f != f {
		return thrown()
	}
	if n.op == opSubtract {
		f = -f
	}
	return number(f)
}

// apply is an operator of a list of arguments.
func (n *node) apply(e *env, in []value) value {
	switch n.op {
	case opNot:
		return boolean(len(in) == 0 || !in[0].truthy())
	case opTruth:
		return boolean(len(in) > 0 && in[0].truthy())
	case opMissing:
		return e.missing(in)
	case opMissingSome:
		return e.missingSome(in)
	case opMerge:
		return e.merge(in)
	case opIn:
		return e.in(in)
	case opCat:
		return e.cat(in)
	case opSubstr:
		return e.substr(in)
	case opFractional:
		return e.fractional(in)
	case opSemVer:
		return e.semVer(in)
	case opStartsWith, opEndsWith:
		return e.affix(in, n.op == opStartsWith)
	}
	return e.calculate(n.op, in)
}

// iterate is an operator that evaluates its second argument for each element of the first.
func (n *node) iterate(e *env) value {
	if n.op == opReduce {
		return n.reduce(e)
	}
	var list value
	if len(n.args) > 0 {
		list = n.args[0].eval(e)
	}
	if list.k == kThrown {
		return list
	}
	if list.falsy() {
		list = array(nil)
	}
	whole := n.op == opMap || n.op == opFilter
	if whole && list.k != kArray {
		return thrown()
	}
	count := e.length(list)
	if n.op == opAll && list.k == kArray && count == 0 {
		return boolean(false)
	}
	var kept []value
	data, up := e.data, e.up
	e.up = &scope{head: list, outer: data, up: up}
	defer func() { e.data, e.up = data, up }()
	for i := range count {
		if !e.burn(1 + n.cost) {
			return thrown()
		}
		e.data = e.element(list, i)
		if whole && e.climbs {
			around := &pair{[2]string{"iterator", "index"}, [2]value{list, number(float64(i))}}
			e.up = &scope{head: value{k: kPair, ref: around}, outer: data, up: up}
		}
		var v value
		item := e.data
		if len(n.args) > 1 {
			v = n.args[1].eval(e)
		}
		if v.k == kThrown {
			return v
		}
		switch {
		case n.op == opMap:
			kept = append(kept, v)
		case n.op == opFilter && v.truthy():
			kept = append(kept, item)
		case n.op == opAll && !v.truthy():
			return boolean(false)
		case n.op == opSome && v.truthy():
			return boolean(true)
		case n.op == opNoneOf && v.truthy():
			return boolean(false)
		}
	}
	if whole {
		return array(kept)
	}
	return boolean(n.op != opSome)
}

// reduce makes one value of a list.
func (n *node) reduce(e *env) value {
	var in [3]value
	for _, i := range []int{2, 0} {
		if i >= len(n.args) {
			continue
		}
		if in[i] = n.args[i].eval(e); in[i].k == kThrown || i == 2 && in[i].nested() {
			return thrown()
		}
	}
	list, sum := in[0], in[2]
	if list.falsy() {
		list = array(nil)
	}
	first := 0
	if sum.k == kUndefined && list.size() > 0 {
		first, sum = 1, list.at(0)
	}
	if list.k != kArray || sum.k == kUndefined || len(n.args) < 2 {
		return thrown()
	}
	data, up := e.data, e.up
	e.up = &scope{head: list, outer: data, up: up}
	defer func() { e.data, e.up = data, up }()
	for i := first; i < list.size(); i++ {
		if !e.burn(1 + n.cost) {
			return thrown()
		}
		both := &pair{[2]string{"accumulator", "current"}, [2]value{sum, list.at(i)}}
		e.data = value{k: kPair, ref: both}
		if sum = n.args[1].eval(e); sum.k == kThrown || sum.nested() {
			return thrown()
		}
	}
	return sum
}

// nested reports a list or an object in a list or an object.
func (v value) nested() bool {
	switch v.k {
	case kArray:
		for i := range v.size() {
			if v.at(i).complex() {
				return true
			}
		}
	case kObject:
		m, _ := v.ref.(map[string]any)
		for _, x := range m {
			if of(x).complex() {
				return true
			}
		}
	case kPair:
		p := v.ref.(*pair)
		return p.vals[0].complex() || p.vals[1].complex()
	case kRoot:
		return true // of $flagd
	}
	return false
}
