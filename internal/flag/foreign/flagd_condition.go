package foreign

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// condition makes one condition of a rule: it guesses one and holds what that says in flagd's language against the
// rule, so that a guess can't change the meaning. One form that people write by hand is taken too: == with a text.
func (x *definitions) condition(n any) (flag.Condition, bool) {
	if args, ok := callOf(n, "!"); ok && len(args) == 1 {
		c, ok := x.condition(args[0])
		c.Not = !c.Not
		return c, ok
	}
	if args, ok := callOf(n, "$ref"); ok {
		evaluator, _ := args[0].(string)
		key := x.segments[evaluator]
		return flag.Condition{Segment: key}, key != ""
	}
	if c, ok := written(n); ok {
		return c, true
	}
	c, ok := guess(n)
	if !ok {
		return c, false
	}
	said, err := c.Rule()
	var again any
	if err != nil || json.Unmarshal(said, &again) != nil {
		return c, false
	}
	return c, reflect.DeepEqual(again, n)
}

// written is a loose comparison with a text that is no number, which converts nothing as long as types fit.
func written(n any) (flag.Condition, bool) {
	for _, op := range []string{"==", "!="} {
		args, ok := callOf(n, op)
		if !ok || len(args) != 2 {
			continue
		}
		path, isVar := varOf(args[0])
		text, isText := args[1].(string)
		if _, err := strconv.ParseFloat(text, 64); err == nil || !isVar || !isText || text == "" {
			return flag.Condition{}, false
		}
		return flag.Condition{Attribute: path, Op: flag.Equals, Values: []any{text}, Not: op == "!="}, true
	}
	return flag.Condition{}, false
}

// guess is what a rule may be.
func guess(n any) (flag.Condition, bool) {
	m, ok := n.(map[string]any)
	if !ok || len(m) != 1 {
		return flag.Condition{}, false
	}
	for op := range m {
		args, _ := callOf(n, op)
		switch {
		case op == "or":
			return merged(args)
		case op == "if" && len(args) == 3, op == "and" && len(args) == 2:
			return contained(args[len(args)-1])
		case op == "and" && len(args) == 3:
			return compared(args[2])
		case len(args) >= 2:
			return direct(op, args)
		}
	}
	return flag.Condition{}, false
}

// direct is an operator with an attribute and a value.
func direct(op string, args []any) (flag.Condition, bool) {
	path, ok := varOf(args[0])
	if !ok {
		return flag.Condition{}, false
	}
	c := flag.Condition{Attribute: path, Values: []any{args[1]}}
	switch op {
	case "===":
		c.Op = flag.Equals
		if args[1] == nil {
			c.Op, c.Values = flag.Missing, nil
		}
	case "in":
		c.Op = flag.Equals
		c.Values, ok = args[1].([]any)
	case "starts_with", "ends_with":
		c.Op = flag.Op(op)
	case "sem_ver":
		symbol, _ := args[1].(string)
		text, isText := args[len(args)-1].(string)
		c.Op, c.Values, ok = flag.Version, []any{symbol + " " + text}, isText && len(args) == 3
	case "<", ">=":
		seconds, isNumber := args[1].(float64)
		c.Attribute, c.Op = "", map[string]flag.Op{"<": flag.Before, ">=": flag.After}[op]
		c.Values = []any{time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)}
		ok = isNumber && path == "$flagd.timestamp" && seconds > 0 && seconds < 1e11
	default:
		ok = false
	}
	return c, ok
}

// compared is a comparison of numbers, behind what asks for their type.
func compared(n any) (flag.Condition, bool) {
	for op, ours := range map[string]flag.Op{"<": flag.Less, "<=": flag.AtMost, ">": flag.More, ">=": flag.AtLeast} {
		if args, ok := callOf(n, op); ok && len(args) == 2 {
			path, ok := varOf(args[0])
			return flag.Condition{Attribute: path, Op: ours, Values: []any{args[1]}}, ok
		}
	}
	return flag.Condition{}, false
}

// contained is the search in a list, the last part of what contains says.
func contained(n any) (flag.Condition, bool) {
	args, ok := callOf(n, "in")
	if !ok || len(args) != 2 {
		return flag.Condition{}, false
	}
	list, ok := callOf(args[1], "merge")
	if !ok || len(list) != 1 {
		return flag.Condition{}, false
	}
	path, ok := varOf(list[0])
	return flag.Condition{Attribute: path, Op: flag.Contains, Values: []any{args[0]}}, ok
}

// merged is several values of one comparison.
func merged(args []any) (flag.Condition, bool) {
	var c flag.Condition
	for i, a := range args {
		part, ok := guess(a)
		if !ok || len(part.Values) != 1 || i > 0 && (part.Attribute != c.Attribute || part.Op != c.Op) {
			return c, false
		}
		if i == 0 {
			c = part
			c.Values = nil
		}
		c.Values = slices.Concat(c.Values, part.Values)
	}
	return c, len(args) > 1
}
