//go:build full

package flag_test

import (
	"fmt"
	"math/rand/v2"
)

// generator makes random documents and contexts that know a little of each other.
type generator struct{ *rand.Rand }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) N(n int) int { return g.IntN(n) }

func (g *generator) text() string {
	return pick(g, "", "a", "b", "c", "pro", "free", "1", "2.5", " 3 ", "0x10", "true", "null", "1.2.3", "v2.0",
		"1.10.0-rc.1",
		"user-1", "user-2", "plan", "é", "日本語 text", "x.y", "Infinity", "1e3", "-5", "abcdef", "ab", "ef", "$flagd", "on")
}

func (g *generator) number() any {
	return pick[any](g, 0, 1, 2, 3, -1, 1.5, 10, 25, 50, 100, 1e21, 1e-7, 123456789, -0.5, 1700000000)
}

func (g *generator) scalar() any {
	switch g.N(10) {
	case 0:
		return nil
	case 1:
		return g.N(2) == 0
	case 2, 3, 4:
		return g.number()
	}
	return g.text()
}

// names are paths into what context makes, and some that lead nowhere.
func (g *generator) name() string {
	return pick(g, "plan", "age", "version", "email", "tags", "numbers", "mixed", "object", "object.k", "object.deep.x",
		"object.deep.list.0", "empty", "nothing", "nowhere", "nowhere.at.all", "zero.x", "zero", "tags.0",
		"tags.length", "plan.length",
		"plan.0", "targetingKey", "$flagd.flagKey", "$flagd.timestamp", "$flagd", "words", "yes", "no", `dotted\.key`,
		"object.deep.list.length", "objects.0.k", "object.none.x")
}

func (g *generator) variable(inside bool) any {
	name := any(g.name())
	if inside && g.N(4) > 0 {
		name = pick[any](g, "", "", "k", "length", "0", "accumulator", "current", "../", "../index", "../../plan",
			"../../../plan", "../../../../plan", "../iterator.0", "../0", "current.k")
	}
	switch g.N(14) {
	case 0:
		return dict{"var": list{name}}
	case 1:
		return dict{"var": list{name, g.scalar()}}
	case 2:
		return dict{"var": pick[any](g, "", nil, 0, 1, list{}, list{nil}, list{"", 1}, true, list{"../plan", "d"})}
	case 3:
		return dict{"var": pick[any](g, dict{"var": "plan"}, list{dict{"var": "email"}, "d"}, dict{"cat": list{"pl", "an"}},
			list{list{"plan"}}, dict{"if": list{dict{"var": "yes"}, "plan", "age"}})}
	}
	return dict{"var": name}
}

// some makes n expressions.
func (g *generator) some(depth, n int, inside bool) list {
	l := make(list, n)
	for i := range l {
		l[i] = g.rule(depth, inside)
	}
	return l
}

func (g *generator) rule(depth int, inside bool) any {
	if depth <= 0 || g.N(8) == 0 {
		switch g.N(8) {
		case 0, 1, 2, 3:
			return g.variable(inside)
		case 4:
			return g.listOf(g.N(4))
		}
		return g.scalar()
	}
	depth--
	switch g.N(13) {
	case 0, 1:
		return dict{pick(g, "==", "===", "!=", "!==", "<", "<=", ">", ">="): g.some(depth, pick(g, 2, 2, 2, 2, 3, 3,
			0, 1, 4), inside)}
	case 2:
		return dict{"if": g.some(depth, pick(g, 3, 3, 3, 2, 5, 4, 1, 0), inside)}
	case 3:
		return dict{pick(g, "and", "or"): g.some(depth, pick(g, 2, 2, 3, 1, 0), inside)}
	case 4:
		if g.N(2) == 0 {
			return dict{pick(g, "!", "!!"): g.rule(depth, inside)}
		}
		return dict{pick(g, "!", "!!"): g.some(depth, pick(g, 1, 1, 1, 0, 2), inside)}
	case 5:
		if g.N(5) == 0 {
			return dict{pick(g, "+", "-", "*", "/", "%", "min", "max"): g.rule(depth, inside)}
		}
		return dict{pick(g, "+", "-", "*", "/", "%", "min", "max"): g.some(depth, pick(g, 2, 2, 2, 1, 3, 0), inside)}
	case 6:
		return dict{"in": pick[any](g, list{g.rule(depth, inside), g.rule(depth, inside)},
			list{g.variable(inside), g.listOf(g.N(20))}, list{g.scalar(), g.variable(inside)}, g.some(depth, g.N(3), inside))}
	case 7:
		return g.iterate(depth, inside)
	case 8:
		return dict{pick(g, "cat", "merge", "cat", "substr"): pick[any](g, g.some(depth, 1+g.N(3), inside),
			g.rule(depth, inside))}
	case 9:
		return pick[any](g, dict{"missing": list{g.name(), g.name()}}, dict{"missing": g.rule(depth, inside)},
			dict{"missing": g.some(depth, g.N(3), inside)},
			dict{"missing_some": list{g.N(3), list{g.name(), g.name(), g.name()}}},
			dict{"missing_some": list{g.rule(depth, inside), g.rule(depth, inside)}})
	case 10:
		return g.ours(depth, inside)
	}
	return g.usual(depth, inside)
}

// usual is what people write.
func (g *generator) usual(depth int, inside bool) any {
	switch g.N(6) {
	case 0:
		return dict{"if": list{g.usual(depth, inside), g.text(), g.rule(depth, inside)}}
	case 1:
		return dict{"==": list{dict{"var": pick(g, "plan", "email", "version")}, g.text()}}
	case 2:
		return dict{"in": list{dict{"var": pick(g, "plan", "targetingKey", "tags", "age")}, g.listOf(g.N(12))}}
	case 3:
		return dict{"substr": list{dict{"var": "email"}, pick[any](g, 0, -3, 2, "1", nil), pick[any](g, 1, -2, 5,
			"3", "-1", nil)}}
	case 4:
		return dict{"fractional": list{list{"a", 50}, list{"b", 25}, list{"c", 25}}}
	}
	return dict{pick(g, "<", ">="): list{dict{"var": "age"}, g.number()}}
}

func (g *generator) listOf(n int) any {
	l := make(list, n)
	for i := range l {
		l[i] = g.scalar()
	}
	return l
}

func (g *generator) iterate(depth int, inside bool) any {
	over := pick[any](g, dict{"var": pick(g, "tags", "numbers", "mixed", "words", "objects", "nowhere", "plan",
		"object")},
		g.listOf(g.N(4)), g.rule(depth, inside))
	switch name := pick(g, "map", "filter", "reduce", "all", "none", "some", "some"); {
	case g.N(20) == 0:
		return dict{name: pick[any](g, list{}, list{over}, nil, "x", g.rule(depth, inside), g.some(depth, 3, true))}
	case name == "reduce":
		each := pick[any](g, dict{pick(g, "+", "*", "cat", "max"): list{dict{"var": "current"},
			dict{"var": "accumulator"}}},
			dict{pick(g, "+", "*", "-"): list{dict{"var": "accumulator"}, dict{"var": "current"}}}, g.rule(depth, true))
		return dict{name: pick(g, list{over, each}, list{over, each, g.scalar()}, list{over, each, g.rule(depth, inside)})}
	default:
		return dict{name: list{over, g.rule(depth, true)}}
	}
}

// ours are flagd's own operators.
func (g *generator) ours(depth int, inside bool) any {
	entry := func() any {
		return pick[any](g, list{pick(g, "a", "b", "c")}, list{pick(g, "a", "b", "c"), 1 + g.N(50)},
			list{pick[any](g, "a", true, 1, nil), 10}, list{"c", pick[any](g, -5, 0, 1.5, "1", 3e9, nil)}, list{}, "x",
			list{g.rule(depth, inside), g.rule(depth, inside)}, list{"b",
				dict{"-": list{dict{"var": "$flagd.timestamp"}, 1000000000}}})
	}
	switch g.N(6) {
	case 0:
		return dict{pick(g, "starts_with", "ends_with"): pick(g, list{dict{"var": "email"}, g.text()},
			list{dict{"var": "email"}, pick(g, "a", "ab", "ef", "f")}, g.some(depth, g.N(4), inside))}
	case 1:
		version := func() any {
			return pick[any](g, "1.2.3", "v1.2", "2", "1.2.3-rc.1", "1.2.3-rc.2+b", "01.2.3", "1.2.3.4", 1.2, 3, "x",
				" 1.2.3", "=1.0.0",
				dict{"var": "version"}, dict{"var": "version"}, g.rule(depth, inside))
		}
		return dict{"sem_ver": list{version(), pick[any](g, "=", "!=", "<", "<=", ">", ">=", "^", "~", "?"), version()}}
	case 2:
		by := pick[any](g, dict{"var": "email"}, dict{"cat": list{dict{"var": "$flagd.flagKey"},
			dict{"var": "email"}}}, g.text(),
			g.rule(depth, inside))
		return dict{"fractional": list{by, entry(), entry(), entry()}}
	case 3:
		return dict{"fractional": list{list{"a", 1 + g.N(9)}, list{"b", 1 + g.N(9)}, list{"c", 1 + g.N(9)}}}
	case 4:
		return dict{"fractional": pick[any](g, g.rule(depth, inside), list{}, list{entry()}, "a")}
	}
	return dict{"fractional": list{entry(), entry()}}
}

func (g *generator) context() dict {
	c := dict{}
	put := func(name string, from ...any) {
		if g.N(5) > 0 {
			c[name] = pick(g, from...)
		}
	}
	put("targetingKey", fmt.Sprintf("user-%d", g.N(1000)), fmt.Sprintf("user-%d", g.N(3)), "", "ключ-ü", "日本語",
		"鿿鿿鿿", "a鿿", 12, 1.5,
		"🚀x", nil, true)
	put("plan", "pro", "free", "1", 1, nil, "", "abcdef")
	put("age", 0, 1, 25, 42.5, "25", nil, true, "x", -1)
	put("version", "1.2.3", "1.2.4-rc.1", "v2.0.0", "2", 2, 1.2, "none")
	put("email", "abcdef", "a", "", "é-mail", fmt.Sprintf("u%d@ab.ef", g.N(100)), 7)
	put("tags", list{}, list{"a"}, list{"a", "b", "pro"}, list{"", "x"}, list{0, 1})
	put("numbers", list{1, 2, 3}, list{}, list{1, "2", nil}, list{0})
	put("mixed", list{1, "a", nil, true, list{1, "a"}, dict{"k": 1}}, list{list{}, dict{}})
	put("words", list{"ab", "cd", "ef"}, list{"1", "2"}, "abc")
	put("object", dict{"k": "a", "deep": dict{"x": 5, "list": list{"a", 2}}}, dict{}, dict{"k": nil},
		dict{"deep": 0}, "text")
	put("objects", list{dict{"k": "a"}, dict{"k": 2}}, list{})
	put("empty", "", list{}, dict{})
	put("nothing", nil)
	put("zero", 0, false)
	put("yes", true, 1, "yes")
	put("no", false, 0, nil)
	put("dotted.key", "dot")
	put("$flagd", "mine", dict{"flagKey": "x"})
	return c
}

func (g *generator) document(flags int) dict {
	all := dict{}
	for i := range flags {
		f := dict{"state": "ENABLED", "variants": dict{"a": "A", "b": dict{"deep": list{1, 2}}, "c": 3.5,
			"true": true, "false": nil,
			"1": "one", "pro": "p", "0": 0}}
		if g.N(3) > 0 {
			f["defaultVariant"] = pick[any](g, "a", "c", "pro", nil, "")
		}
		if g.N(30) == 0 {
			f["state"] = "DISABLED"
		}
		f["targeting"] = g.targeting()
		if g.N(5) == 0 {
			f["metadata"] = dict{"owner": "x", "n": 1}
		}
		all[fmt.Sprintf("flag-%d", i)] = f
	}
	return dict{
		"flags": all,
		"$evaluators": dict{
			"first":  dict{"in": list{dict{"var": "plan"}, list{"pro", "abcdef", "1"}}},
			"second": dict{"or": list{dict{"$ref": "first"}, dict{"$ref": "third"}}},
			"third":  g.rule(2, false),
		},
		"metadata": dict{"set": "s"},
	}
}

func (g *generator) targeting() any {
	switch g.N(12) {
	case 0:
		return pick[any](g, dict{}, nil, list{}, "a", "", 0, false, true, list{"a"}, list{dict{"var": "plan"}})
	case 1:
		return dict{"if": list{dict{"$ref": pick(g, "first", "second", "third", "fourth")}, "a", "b"}}
	case 2:
		return pick[any](g, dict{"nope": 1}, dict{"if": list{true, dict{"nope": list{}}}}, dict{"==": list{1, 1},
			"var": "x"},
			dict{"var": "plan", "x": 1}, dict{"cat": list{dict{"a": 1, "b": 2}}})
	case 3, 4:
		return dict{"if": list{g.rule(4, false), pick[any](g, "a", "b", true, 1), pick[any](g, "c", nil, "d",
			g.rule(2, false))}}
	case 5, 6:
		return dict{"if": list{g.rule(3, false), "a", g.rule(3, false), "b", g.usual(2, false)}}
	case 7:
		return g.ours(2, false)
	}
	return g.rule(4, false)
}
