package logic

import "strings"

// answer says whether an expression depends on nothing.
type answer uint8

const (
	unasked answer = iota
	yes
	no
	throws // asking fails, and with it the making of the expression
)

// deterministic tells whether the engine evaluates an expression while it makes it. Inside is set for what is evaluated
// for the elements of a list: there, var is known as soon as the list is.
func deterministic(t *tree, inside bool) answer {
	if t == nil {
		return yes
	}
	i := 0
	if inside {
		i = 1
	}
	if t.det[i] == unasked {
		t.det[i] = determine(t, inside)
	}
	return t.det[i]
}

func determine(t *tree, inside bool) answer {
	switch t.form {
	case isList:
		return every(t.list, inside)
	case isObject:
	default:
		return yes
	}
	name, args := t.method()
	if args == nil {
		return yes
	}
	switch o := operator(name); {
	case o == opNone:
		return throws
	case o == opVar:
		if inside && !strings.Contains(spelled(args), "../../") {
			return yes
		}
		return no
	case o == opMissing:
		if args.width() == 0 {
			return yes
		}
		return no
	case o == opMissingSome, o.own():
		return no
	case o.iterates():
		return overList(args, inside)
	}
	return deterministic(args, inside)
}

// overList asks the list and, inside of it, what is evaluated for its elements.
func overList(args *tree, inside bool) answer {
	if args.form == isPlain && args.plain.k == kNull {
		return throws
	}
	var list, each *tree
	if l, ok := args.args(); ok {
		if len(l) > 0 {
			list = l[0]
		}
		if len(l) > 1 {
			each = l[1]
		}
	}
	if a := deterministic(list, inside); a != yes {
		return a
	}
	return deterministic(each, true)
}

func every(list []*tree, inside bool) answer {
	for _, t := range list {
		if a := deterministic(t, inside); a != yes {
			return a
		}
	}
	return yes
}

// spelled is String(t), as far as it matters to a search for ../.
func spelled(t *tree) string {
	switch t.form {
	case isPlain:
		return t.plain.s
	case isList:
		var parts []string
		for _, c := range t.list {
			parts = append(parts, spelled(c))
		}
		return strings.Join(parts, ",")
	case isValues:
		var parts []string
		for _, v := range t.vals {
			parts = append(parts, v.s)
		}
		return strings.Join(parts, ",")
	}
	return ""
}
