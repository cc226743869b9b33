// Package logic evaluates targeting rules in flagd's dialect of JsonLogic.
//
// What a rule says is what @openfeature/flagd-core 4.0.1 makes of it without code generation,
// JavaScript's truth, coercion and mistakes included: where this package looks odd, it is odd
// there. docs/flags-semantics.md lists where it stops following.
//
// A Library holds the rules with a name. A Rule is parsed, resolved and folded once, with
// bounded depth and size, and then runs any number of times, from any number of goroutines,
// in steps that are counted: nothing that a context holds makes it run long.
package logic

import (
	"encoding/json"
	"strconv"
)

// The limits of one rule. Beyond them it is refused when it is compiled.
const (
	MaxDepth = 128     // of nesting, with named rules put in their places
	MaxSize  = 200_000 // expressions, likewise; the elements of a list of plain values count as one
)

// fuel is what one evaluation may cost: about one for every expression that is evaluated for an element of a list.
const fuel = 500_000

// What may be spent on evaluating beforehand: on one expression, and on all rules of a library.
const (
	foldFuel    = 50_000
	libraryFuel = 5_000_000
)

// Context is who a rule is evaluated for. It never changes and serves any number of evaluations.
type Context struct {
	targetingKey string
	attributes   map[string]any
}

// NewContext makes a context of a user's id and of attributes as encoding/json decodes them. The attributes are the
// context's from then on. An empty id leaves whatever targetingKey the attributes hold.
func NewContext(targetingKey string, attributes map[string]any) *Context {
	return &Context{targetingKey: targetingKey, attributes: attributes}
}

// TargetingKey is the user's id, empty where it is none or no text.
func (c *Context) TargetingKey() string { return c.get("targetingKey").s }

// Attributes are all but the id that the context was made with. They must not be changed.
func (c *Context) Attributes() map[string]any { return c.attributes }

// get is an attribute, undefined where there is none.
func (c *Context) get(name string) value {
	if name == "targetingKey" && c.targetingKey != "" {
		return text(c.targetingKey)
	}
	x, ok := c.attributes[name]
	if !ok {
		return value{}
	}
	return of(x)
}

// Outcome says how a rule ended.
type Outcome int

// The outcomes.
const (
	None    Outcome = iota // it names no variant
	Named                  // it names a variant
	Failed                 // it could not be evaluated
	Refused                // it can't be understood: an operator is unknown
)

// Rule is a compiled rule.
type Rule struct {
	root    *node
	climbs  bool // it may look at the lists that it is inside of
	edition int  // of fractional
	unknown string
}

// Refused says why the rule can't be understood; empty when it can.
func (r *Rule) Refused() string { return r.unknown }

// Run evaluates the rule for a flag and a moment in Unix seconds. The text is the variant's name.
func (r *Rule) Run(c *Context, flag string, now int64) (string, Outcome) {
	if r.unknown != "" {
		return "", Refused
	}
	e := env{ctx: c, flag: flag, now: now, fuel: fuel, climbs: r.climbs, edition: r.edition, data: value{k: kRoot}}
	v := r.root.eval(&e)
	name := v.s
	switch v.k {
	case kThrown:
		return "", Failed
	case kText:
	case kNull, kUndefined:
		name = ""
	default:
		name = e.text(v)
	}
	switch {
	case e.fuel < 0: // what was cut short on the way is not to be trusted
		return "", Failed
	case v.k == kNull, v.k == kUndefined:
		return "", None
	}
	return name, Named
}

// env is one evaluation. It lives on the stack of Run.
type env struct {
	ctx     *Context
	flag    string
	now     int64
	fuel    int
	climbs  bool
	edition int
	data    value // what var looks at: the context, or an element of a list
	up      *scope
}

// scope is what stands around an element: the list, or the list and the index, and what var looked at outside.
type scope struct {
	head, outer value
	up          *scope
}

// burn takes n of the fuel and reports whether there was as much.
func (e *env) burn(n int) bool {
	e.fuel -= n
	return e.fuel >= 0
}

// property is v[name].
func (e *env) property(v value, name string) value {
	switch v.k {
	case kRoot:
		if name == "$flagd" {
			return value{k: kFlagd}
		}
		return e.ctx.get(name)
	case kFlagd:
		switch name {
		case "flagKey":
			return text(e.flag)
		case "timestamp":
			return number(float64(e.now))
		}
	case kObject:
		if m, ok := v.ref.(map[string]any); ok {
			if x, ok := m[name]; ok {
				return of(x)
			}
		}
	case kPair:
		return v.ref.(*pair).get(name)
	case kText, kArray:
		return e.indexed(v, name)
	}
	return value{}
}

// indexed is a property of a list or a text: its length or an element.
func (e *env) indexed(v value, name string) value {
	if name == "length" {
		return number(float64(e.length(v)))
	}
	if name == "" || len(name) > 9 || name[0] == '0' && len(name) > 1 || name[0] < '0' || name[0] > '9' {
		return value{}
	}
	i, err := strconv.Atoi(name)
	if err != nil || i >= e.length(v) {
		return value{}
	}
	return e.element(v, i)
}

// length is how many elements a list has, or UTF-16 units a text.
func (e *env) length(v value) int {
	switch v.k {
	case kText:
		e.burn(len(v.s) / 64)
		return units(v.s)
	case kArray:
		return v.size()
	}
	return 0
}

// element is one element of a list or unit of a text.
func (e *env) element(v value, i int) value {
	if v.k == kText {
		e.burn(len(v.s) / 64)
		return text(cut(v.s, i, i+1))
	}
	return v.at(i)
}

// of makes a value of what encoding/json decodes into; Go's own numbers are taken too.
func of(x any) value {
	switch x := x.(type) {
	case nil:
		return value{k: kNull}
	case string:
		return text(x)
	case bool:
		return boolean(x)
	case float64:
		return number(x)
	case []any, map[string]any:
		return compound(x)
	case int:
		return number(float64(x))
	case int64:
		return number(float64(x))
	case int32:
		return number(float64(x))
	case uint64:
		return number(float64(x))
	case float32:
		return number(float64(x))
	case json.Number:
		f, err := x.Float64()
		if err != nil {
			return value{k: kNull}
		}
		return number(f)
	}
	return value{k: kNull}
}

// compound is a list or an object of a context.
func compound(x any) value {
	if _, ok := x.([]any); ok {
		return value{k: kArray, ref: x}
	}
	return value{k: kObject, ref: x}
}
