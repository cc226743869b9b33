package logic

import "strings"

// node is a compiled expression.
type node struct {
	op    op
	what  op      // the comparison of opCompareTwo and opCompareThree
	konst value   // of opConst; the list of opIn where it is constant
	args  []*node // the arguments
	one   bool    // args is the one argument as it is, and not a list of one
	names []string
	set   *set
	split *split
	cost  int // of one evaluation, roughly
}

// throwing is an expression that fails whenever it is reached.
func throwing() *node { return &node{op: opThrow, cost: 1} }

func constant(v value) *node { return &node{op: opConst, konst: v, cost: 1} }

// compiler makes nodes of a tree, and evaluates at once what depends on nothing.
type compiler struct{ library *Library }

// compile makes an expression. It reports false when the engine would fail on making it, whatever the context.
func (c *compiler) compile(t *tree) (*node, bool) {
	if t.made != nil {
		return t.made, true
	}
	if t.shared {
		if n, ok := c.library.compiled[t]; ok {
			return n, n != nil
		}
		fuel := c.library.fuel
		n, ok := c.make(t)
		switch {
		case !ok:
			n = nil
		case c.library.fuel == fuel: // else another rule would have more of it when this one is kept
			c.library.keep(t, n)
		}
		c.library.compiled[t] = n
		return n, ok
	}
	return c.make(t)
}

// lazily makes an argument that is made only when it is reached.
func (c *compiler) lazily(t *tree) *node {
	n, ok := c.compile(t)
	if !ok {
		return throwing()
	}
	return n
}

func (c *compiler) make(t *tree) (*node, bool) {
	switch t.form {
	case isPlain:
		return constant(t.plain), true
	case isValues:
		return constant(array(t.vals)), true
	case isList:
		return c.list(t)
	}
	if n, ok, found := c.idiom(t); found {
		return n, ok
	}
	if len(t.keys) == 0 {
		return constant(value{k: kObject}), true
	}
	if len(t.keys) > 1 {
		return nil, false
	}
	name, args := t.method()
	o := operator(name)
	det := deterministic(t, false)
	if det == throws {
		return nil, false
	}
	var n *node
	ok := true
	if o.lazy() {
		n = c.lazy(o, args)
	} else {
		n, ok = c.eager(o, args)
	}
	if !ok {
		return nil, false
	}
	n.cost = max(n.cost, t.size)
	if det == yes {
		return c.fold(n)
	}
	return c.sharpen(n, args), true
}

// fold evaluates an expression that depends on nothing, as long as that is cheap.
func (c *compiler) fold(n *node) (*node, bool) {
	most := min(foldFuel, c.library.fuel)
	e := env{ctx: &Context{}, fuel: most, climbs: true, data: value{k: kObject}} // where there is no data it is {}
	v := n.eval(&e)
	c.library.fuel -= most - max(e.fuel, 0)
	if e.fuel < 0 {
		return n, true // it is evaluated when it is needed
	}
	if v.k == kThrown {
		return nil, false
	}
	return constant(v), true
}

// list makes a list, constant where its elements are.
func (c *compiler) list(t *tree) (*node, bool) {
	n := &node{op: opArray, cost: t.size}
	fixed := true
	for _, a := range t.list {
		m, ok := c.compile(a)
		if !ok {
			return nil, false
		}
		n.args = append(n.args, m)
		fixed = fixed && m.op == opConst
	}
	if !fixed {
		return n, true
	}
	l := make([]value, len(n.args))
	for i, m := range n.args {
		l[i] = m.konst
	}
	return constant(array(l)), true
}

// lazy makes an operator that evaluates its arguments itself.
func (c *compiler) lazy(o op, t *tree) *node {
	args, ok := t.args()
	if !ok {
		return throwing()
	}
	n := &node{op: o}
	for _, a := range args {
		n.args = append(n.args, c.lazily(a))
	}
	return n
}

// eager makes any other operator.
func (c *compiler) eager(o op, t *tree) (*node, bool) {
	n := &node{op: o}
	args, isArgs := t.args()
	switch {
	case isArgs && o.unary() && len(args) == 1 && args[0].width() < 0:
		t, n.one = args[0], true
	case !isArgs && t.form == isPlain && !o.unary():
		args, isArgs = []*tree{t}, true
	case !isArgs:
		n.one = true
	}
	if n.one {
		m, ok := c.compile(t)
		if !ok {
			return nil, false
		}
		n.args = []*node{m}
		if o == opVar {
			return c.variable(n)
		}
		return n, true
	}
	for _, a := range args {
		m, ok := c.compile(a)
		if !ok {
			return nil, false
		}
		n.args = append(n.args, m)
	}
	return n, true
}

// variable makes var with one argument; the engine has ways of its own for short paths.
func (c *compiler) variable(n *node) (*node, bool) {
	m := n.args[0]
	if m.op != opConst {
		return n, true
	}
	key := m.konst
	e := env{fuel: fuel}
	switch {
	case key.falsy():
		return &node{op: opData}, true
	case key.k == kNumber:
		return &node{op: opOne, names: []string{e.text(key)}}, true
	case key.k == kArray:
		for _, v := range key.list() {
			if v.k == kText && (v.s == "." || v.s == `\`) {
				return nil, false
			}
		}
		return &node{op: opOne, names: []string{e.text(key)}}, true
	case key.k != kText:
		return nil, false
	case !strings.ContainsAny(key.s, `.\`):
		return &node{op: opOne, names: []string{key.s}}, true
	}
	if strings.HasPrefix(key.s, "../") {
		return n, true
	}
	n.names = splitPath(key.s)
	if len(n.names) == 2 || len(n.names) == 3 {
		n.op, n.args = opPath, nil
	}
	return n, true
}

// idiom makes what the engine makes in ways of its own. Found is false where it has none.
func (c *compiler) idiom(t *tree) (n *node, ok, found bool) {
	if a := t.at("if"); a != nil && a.width() == 3 {
		n, ok = c.choice(a)
		return n, ok, true
	}
	if a := t.at("filter"); a != nil && a.width() == 2 {
		args, _ := a.args()
		m, ok := c.compile(args[1])
		switch {
		case !ok:
			return nil, false, true
		case m.op == opConst && m.konst.truthy():
			n, ok = c.compile(args[0])
			return n, ok, true
		case m.op == opConst:
			return constant(array(nil)), true, true
		}
	}
	for _, name := range []string{"<", "<=", ">", ">=", "==", "===", "!=", "!=="} {
		if a := t.at(name); a != nil && (a.width() == 2 || a.width() == 3) {
			n, ok = c.compare(operator(name), a)
			return n, ok, true
		}
	}
	if a := t.at("reduce"); a != nil && a.width() >= 0 {
		return c.sum(a)
	}
	return nil, false, false
}

// choice makes an if of three: both its ways are made, though one is taken.
func (c *compiler) choice(t *tree) (*node, bool) {
	n, ok := c.eager(opIf, t)
	if !ok {
		return nil, false
	}
	n.cost = t.size
	if when := n.args[0]; when.op == opConst {
		if when.konst.truthy() {
			return n.args[1], true
		}
		return n.args[2], true
	}
	return n, true
}

// compare makes a comparison of two or three.
func (c *compiler) compare(o op, t *tree) (*node, bool) {
	n, ok := c.eager(opCompareTwo, t)
	if !ok {
		return nil, false
	}
	n.what, n.cost = o, t.size
	fixed := true
	for _, a := range n.args {
		fixed = fixed && a.op == opConst
	}
	if len(n.args) == 3 {
		n.op = opCompareThree
	}
	if fixed {
		return c.fold(n)
	}
	if n.op == opCompareTwo {
		n = is(n)
	}
	return n, true
}

// sum makes a reduce that adds or multiplies all elements into that operator itself.
func (c *compiler) sum(t *tree) (n *node, ok, found bool) {
	args, _ := t.args()
	if len(args) < 2 || args[1].form == isPlain && args[1].plain.k == kNull {
		return nil, false, true
	}
	for _, by := range []struct {
		name  string
		start float64
	}{{"+", 0}, {"*", 1}} {
		a := args[1].at(by.name)
		if a == nil || !folds(a) {
			continue
		}
		start := &tree{plain: number(by.start), size: 1}
		if len(args) > 2 && !(by.name == "+" && args[2].form == isPlain && args[2].plain.falsy()) {
			start = args[2]
		}
		inner := &tree{form: isObject, keys: []string{by.name}, list: []*tree{args[0]}, size: t.size}
		both := &tree{form: isList, list: []*tree{inner, start}, size: t.size}
		n, ok = c.compile(&tree{form: isObject, keys: []string{by.name}, list: []*tree{both}, size: t.size})
		return n, ok, true
	}
	return nil, false, false
}

// folds reports the arguments accumulator and current, in any order.
func folds(t *tree) bool {
	args, _ := t.args()
	if len(args) != 2 {
		return false
	}
	var names [2]string
	for i, a := range args {
		v := a.at("var")
		if v == nil || v.form != isPlain || v.plain.falsy() {
			return false
		}
		names[i] = v.plain.s
	}
	return names == [2]string{"accumulator", "current"} || names == [2]string{"current", "accumulator"}
}
