package foreign

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/flag"
)

// mongo says a condition in the manner of MongoDB: the alternatives, or why not.
func mongo(condition any, depth int) ([][]flag.Condition, string) {
	fields, ok := condition.(map[string]any)
	if !ok || depth > 5 {
		return nil, "it is not an object, or nested too deep"
	}
	all := [][]flag.Condition{{}}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		groups, why := mongoField(field, fields[field], depth)
		if why != "" {
			return nil, why
		}
		more, ok := product(all, groups)
		if !ok {
			return nil, "it would become too many rules"
		}
		all = more
	}
	return all, ""
}

func mongoField(field string, value any, depth int) ([][]flag.Condition, string) {
	list, _ := value.([]any)
	switch field {
	case "$or", "$and":
		all := [][]flag.Condition{{}}
		if field == "$or" {
			all = nil
		}
		for _, part := range list {
			groups, why := mongo(part, depth+1)
			if why != "" {
				return nil, why
			}
			if field == "$or" {
				all = append(all, groups...)
			} else if more, ok := product(all, groups); ok {
				all = more
			} else {
				return nil, "it would become too many rules"
			}
		}
		if len(all) == 0 || len(all) > maxAlternatives {
			return nil, "it has no alternatives, or too many"
		}
		return all, ""
	case "$not", "$nor":
		parts := []any{value}
		if field == "$nor" {
			parts = list
		}
		return mongoNot(parts, depth)
	}
	if strings.HasPrefix(field, "$") {
		return nil, "there is no " + field + " here"
	}
	return mongoAttribute(field, value)
}

// mongoNot says that none of the parts holds.
func mongoNot(parts []any, depth int) ([][]flag.Condition, string) {
	all := [][]flag.Condition{{}}
	for _, part := range parts {
		groups, why := mongo(part, depth+1)
		if why != "" {
			return nil, why
		}
		for _, group := range groups {
			more, ok := product(all, opposite(group))
			if !ok {
				return nil, "it would become too many rules"
			}
			all = more
		}
	}
	return all, ""
}

func mongoAttribute(attribute string, value any) ([][]flag.Condition, string) {
	if attribute == "id" {
		attribute = "targetingKey"
	}
	operators, ok := value.(map[string]any)
	if !ok {
		operators = map[string]any{"$eq": value}
	}
	var group []flag.Condition
	for _, op := range slices.Sorted(maps.Keys(operators)) {
		n, why := mongoOperator(attribute, op, operators[op])
		if why != "" {
			return nil, why
		}
		group = append(group, n)
	}
	return [][]flag.Condition{group}, ""
}

func mongoOperator(attribute, op string, value any) (flag.Condition, string) {
	n := flag.Condition{Attribute: attribute}
	list, isList := value.([]any)
	values, ok := scalars([]any{value})
	if isList {
		values, ok = scalars(list)
	}
	if value == nil && (op == "$eq" || op == "$ne") {
		return flag.Condition{Attribute: attribute, Op: flag.Missing, Not: op == "$ne"}, ""
	}
	numbers := map[string]flag.Op{"$lt": flag.Less, "$lte": flag.AtMost, "$gt": flag.More, "$gte": flag.AtLeast}
	// A missing version satisfies $vne alone, as in the newest SDK for Go. Older ones take it for version 0.
	versions := map[string]string{"$veq": "=", "$vne": "=", "$vlt": "<", "$vlte": "<=", "$vgt": ">", "$vgte": ">="}
	switch {
	case op == "$exists":
		yes, _ := value.(bool)
		return flag.Condition{Attribute: attribute, Op: flag.Missing, Not: yes}, ""
	case op == "$inGroup" || op == "$notInGroup":
		id, _ := value.(string)
		if attribute != "targetingKey" {
			return n, "a saved group of another attribute than id"
		}
		return flag.Condition{Segment: name(id), Not: op == "$notInGroup"}, ""
	case op == "$regex":
		text, _ := value.(string)
		p, simple := pattern(attribute, text)
		if !simple {
			return n, "flagd has no regular expressions"
		}
		return p, ""
	case op == "$not":
		inner, is := value.(map[string]any)
		if !is || len(inner) != 1 {
			return n, "$not with more than one operator"
		}
		for op, v := range inner {
			p, why := mongoOperator(attribute, op, v)
			p.Not = !p.Not
			return p, why
		}
	case !ok:
		return n, "there is no " + op + " of that here"
	case op == "$eq" || op == "$in":
		n.Op = flag.Equals
	case op == "$ne" || op == "$nin":
		n.Op, n.Not = flag.Equals, true
	case numbers[op] != "":
		if _, isNumber := value.(float64); !isNumber {
			return n, "it compares text by order"
		}
		n.Op = numbers[op]
	case versions[op] != "":
		n.Op, n.Values = flag.Version, []any{versions[op] + " " + fmt.Sprint(value)}
		n.Not = op == "$vne"
		return n, ""
	default:
		return n, "there is no " + op + " here"
	}
	n.Values = values
	return n, ""
}
