package foreign

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/flag"
)

// readFlagd reads a definition document. What fits into rules becomes rules, the rest stays in flagd's language.
func readFlagd(r *reader, text []byte) error {
	d, err := flag.ParseDocument(text)
	if err != nil {
		return err
	}
	environment := r.o.Environment
	if set, _ := d.Metadata[flag.MetaSet].(string); environment == "" && strings.Contains(set, "/") {
		environment = set[strings.LastIndex(set, "/")+1:]
	}
	if environment = r.environment(environment); environment == "" {
		return nil
	}
	x := &definitions{reader: r, environment: environment, bodies: map[string]any{}, segments: map[string]string{}}
	for _, key := range slices.Sorted(maps.Keys(d.Evaluators)) {
		var body any
		if err := json.Unmarshal(d.Evaluators[key], &body); err != nil {
			return fmt.Errorf("evaluator %s: %w", key, err)
		}
		x.bodies[key] = body
		x.segment(key, body)
	}
	for _, key := range slices.Sorted(maps.Keys(d.Flags)) {
		definition := d.Flags[key]
		x.flag(key, &definition)
	}
	return nil
}

// definitions is a document that is being read.
type definitions struct {
	*reader
	environment string
	bodies      map[string]any    // of evaluators
	segments    map[string]string // keys of segments by the names of evaluators that could become one
}

// segment makes an evaluator a segment, where it can be one.
func (x *definitions) segment(evaluator string, body any) {
	g := flag.Segment{Key: name(strings.TrimPrefix(evaluator, "segment/"))}
	if _, taken := x.taken(g.Key); taken || g.Key == "" {
		return
	}
	var list []string
	if args, ok := callOf(body, "and"); ok && len(args) == 2 {
		if not, ok := callOf(args[0], "!"); ok && len(not) == 1 {
			if by, names, ok := membership(not[0]); ok {
				g.By, g.Excluded, body = by, names, args[1]
			}
		}
	}
	ways := []any{body}
	if args, ok := callOf(body, "or"); ok {
		ways = args
	}
	for i, way := range ways {
		if by, names, ok := membership(way); ok && i == 0 && (len(g.Excluded) == 0 || by == g.By) {
			g.By, list = by, names
			continue
		}
		groups, ok := x.groups(way, 0)
		if !ok || slices.ContainsFunc(groups, func(group []flag.Condition) bool {
			return len(group) == 0 || slices.ContainsFunc(group, func(n flag.Condition) bool { return n.Segment != "" })
		}) {
			return
		}
		g.Any = append(g.Any, groups...)
	}
	if g.By == "targetingKey" {
		g.By = ""
	}
	x.segments[evaluator] = g.Key
	x.reader.segment(x.environment, g, list)
}

func (x *definitions) taken(key string) (string, bool) {
	for evaluator, have := range x.segments {
		if have == key {
			return evaluator, true
		}
	}
	return "", false
}

// membership is whether an attribute is one of many strings.
func membership(n any) (by string, names []string, ok bool) {
	args, ok := callOf(n, "in")
	if !ok || len(args) != 2 {
		return "", nil, false
	}
	by, isVar := varOf(args[0])
	list, isList := args[1].([]any)
	if !isVar || !isList {
		return "", nil, false
	}
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return "", nil, false
		}
		names = append(names, text)
	}
	return by, names, true
}

// callOf is the arguments of an operator.
func callOf(n any, op string) ([]any, bool) {
	m, ok := n.(map[string]any)
	if !ok || len(m) != 1 {
		return nil, false
	}
	args, there := m[op]
	if !there {
		return nil, false
	}
	if list, ok := args.([]any); ok {
		return list, true
	}
	return []any{args}, true
}

// varOf is the path of an attribute.
func varOf(n any) (string, bool) {
	args, ok := callOf(n, "var")
	if !ok || len(args) != 1 {
		return "", false
	}
	path, ok := args[0].(string)
	return path, ok && path != ""
}

func (x *definitions) flag(theirs string, d *flag.Definition) {
	p := place{flag: theirs}
	f := flag.Flag{Key: x.key(p, theirs), Bucketing: 2, Client: d.Metadata[flag.MetaClient] == true}
	if v, ok := d.Metadata[flag.MetaBucketing].(float64); ok && v == 3 {
		f.Bucketing = 3
	}
	for _, key := range slices.Sorted(maps.Keys(d.Metadata)) {
		if key != flag.MetaClient && key != flag.MetaBucketing {
			x.note(p, "metadata "+key, "left out: a flag has an owner, tags and a description here")
		}
	}
	names := map[string]string{}
	taken := map[string]bool{}
	for _, v := range slices.Sorted(maps.Keys(d.Variants)) {
		names[v] = unique(taken, v)
		f.Variants = append(f.Variants, flag.Variant{Name: names[v], Value: compact(d.Variants[v])})
	}
	if len(f.Variants) > 0 {
		f.Kind = kindOf(f.Variants[0].Value)
	}
	p = place{flag: f.Key, environment: x.environment}
	c := flag.Config{Flag: f.Key, Environment: x.environment, On: d.State == flag.Enabled}
	if d.DefaultVariant != nil {
		c.Default.Variant = names[*d.DefaultVariant]
		if c.Default.Variant == "" {
			c.Default.Variant = *d.DefaultVariant
		}
	}
	x.out.Flags = append(x.out.Flags, f)
	var rule any
	if len(d.Targeting) > 0 && json.Unmarshal(d.Targeting, &rule) != nil {
		rule = nil
	}
	if m, ok := rule.(map[string]any); !ok || len(m) == 0 {
		rule = nil
	}
	if !x.chain(p, &f, &c, names, rule) {
		x.raw(p, &c, names, rule)
	}
	if c.Default.Variant == "" && len(c.Default.Split) == 0 {
		if c.On {
			x.lose(p, "users for whom it has no variant", "they would get the first one")
		}
		if len(f.Variants) > 0 {
			c.Default.Variant = f.Variants[0].Name
		}
	}
	x.out.Configs = append(x.out.Configs, c)
}

// raw keeps a rule in flagd's language, with evaluators that are no segments written out.
func (x *definitions) raw(p place, c *flag.Config, names map[string]string, rule any) {
	for theirs, ours := range names {
		if theirs != ours {
			x.lose(p, "its rule names variant "+theirs, "the variant is called "+ours+" here, and its rule can't be rewritten")
			return
		}
	}
	rule, ok := x.inline(rule, 0)
	text, err := json.Marshal(rule)
	if !ok || err != nil {
		x.lose(p, "its rule", "left out: it refers to what is not there, or to itself")
		return
	}
	c.Targeting = text
	x.note(p, "its rule says what rules here can't", "it stays in flagd's language")
}

func (x *definitions) inline(rule any, depth int) (any, bool) {
	if depth > 64 {
		return nil, false
	}
	switch rule := rule.(type) {
	case []any:
		out := make([]any, len(rule))
		for i, n := range rule {
			var ok bool
			if out[i], ok = x.inline(n, depth+1); !ok {
				return nil, false
			}
		}
		return out, true
	case map[string]any:
		if ref, ok := rule["$ref"].(string); ok && len(rule) == 1 {
			if key := x.segments[ref]; key != "" {
				return map[string]any{"$ref": "segment/" + key}, true
			}
			body, there := x.bodies[ref]
			if !there {
				return nil, false
			}
			return x.inline(body, depth+8)
		}
		out := make(map[string]any, len(rule))
		for op, n := range rule {
			var ok bool
			if out[op], ok = x.inline(n, depth+1); !ok {
				return nil, false
			}
		}
		return out, true
	}
	return rule, true
}

// chain makes rules of a rule, where that serves the same.
func (x *definitions) chain(p place, f *flag.Flag, c *flag.Config, names map[string]string, rule any) bool {
	if rule == nil {
		return true
	}
	args, ok := callOf(rule, "if")
	if !ok {
		args = []any{rule}
	}
	if len(args)%2 == 0 {
		args = append(args, nil)
	}
	var rules []flag.Rule
	for i := 0; i+1 < len(args); i += 2 {
		groups, ok := x.groups(args[i], 0)
		serve, known := x.serve(f, names, args[i+1])
		if !ok || !known || len(rules)+len(groups) > flag.MaxRules || len(serve.Split) > 0 && c.Default.Variant == "" {
			return false
		}
		for _, group := range groups {
			rules = append(rules, flag.Rule{If: group, Serve: serve})
		}
	}
	if rest := args[len(args)-1]; rest != nil {
		serve, known := x.serve(f, names, rest)
		switch {
		case !known:
			return false
		case c.Default.Variant == "":
			c.Default = serve
		case serve.Variant != c.Default.Variant:
			rules = append(rules, flag.Rule{Serve: serve})
		}
	}
	c.Rules = rules
	x.loosely(p, rule)
	return true
}

// loosely says where rules ask for the type and flagd does not.
func (x *definitions) loosely(p place, rule any) {
	text, _ := json.Marshal(rule)
	if strings.Contains(string(text), `"=="`) || strings.Contains(string(text), `"!="`) {
		x.note(p, "== and != convert types", "rules compare type and value: 5 is not \"5\"")
	}
}

// serve is a variant's name, or a split that any user without a bucket leaves to the default.
func (x *definitions) serve(f *flag.Flag, names map[string]string, n any) (flag.Serve, bool) {
	switch v := n.(type) {
	case string:
		return flag.Serve{Variant: names[v]}, names[v] != ""
	case bool:
		text := strconv.FormatBool(v)
		return flag.Serve{Variant: names[text]}, names[text] != ""
	}
	if args, ok := callOf(n, "fractional"); ok {
		return parts(names, args)
	}
	guarded, ok := callOf(n, "if")
	if !ok || len(guarded) != 3 || guarded[2] != nil {
		return flag.Serve{}, false
	}
	args, ok := callOf(guarded[1], "fractional")
	if !ok || len(args) < 2 {
		return flag.Serve{}, false
	}
	value, ok := callOf(args[0], "cat")
	if !ok || len(value) != 2 {
		return flag.Serve{}, false
	}
	salt, isText := value[0].(string)
	by, isVar := varOf(value[1])
	s, ok := parts(names, args[1:])
	if !ok || !isText || !isVar || salt == "" || len(s.Split) == 0 {
		return flag.Serve{}, false
	}
	if salt != f.Key {
		s.Salt = salt
	}
	if by != "targetingKey" || s.Salt == "" { // by its own key and id it would be written as the short form
		s.By = by
	}
	return s, sameGuard(guarded[0], by)
}

// sameGuard says whether a condition is the one that this house puts before a split.
func sameGuard(guard any, by string) bool {
	attribute := map[string]any{"var": by}
	text := map[string]any{"starts_with": []any{attribute, ""}}
	if by == "targetingKey" {
		return reflect.DeepEqual(guard, map[string]any{"and": []any{
			text, map[string]any{"!==": []any{attribute, ""}}}})
	}
	scalar := map[string]any{"fractional": []any{"", []any{attribute, 1.0}}}
	return reflect.DeepEqual(guard, map[string]any{"!": []any{
		map[string]any{"in": []any{scalar, []any{nil, true, false, ""}}}}})
}

// parts are the entries of a fractional without a value to bucket by.
func parts(names map[string]string, args []any) (flag.Serve, bool) {
	var s flag.Serve
	for _, a := range args {
		entry, ok := a.([]any)
		if !ok || len(entry) == 0 || len(entry) > 2 {
			return s, false
		}
		variant, ok := entry[0].(string)
		weight := 1.0
		if len(entry) == 2 {
			weight, ok = entry[1].(float64)
			if _, isText := entry[0].(string); !isText {
				ok = false
			}
		}
		if !ok || names[variant] == "" || weight != float64(int32(weight)) || weight < 0 ||
			slices.ContainsFunc(s.Split, func(p flag.Portion) bool { return p.Variant == names[variant] }) {
			return s, false
		}
		s.Split = append(s.Split, flag.Portion{Variant: names[variant], Weight: int(weight)})
	}
	return s, len(s.Split) > 0
}

// groups are the alternatives of conditions that a condition stands for.
func (x *definitions) groups(n any, depth int) ([][]flag.Condition, bool) {
	if depth > 8 {
		return nil, false
	}
	if n == true {
		return [][]flag.Condition{{}}, true
	}
	if c, ok := x.condition(n); ok {
		return one(c), true
	}
	if args, ok := callOf(n, "or"); ok {
		var all [][]flag.Condition
		for _, a := range args {
			groups, ok := x.groups(a, depth+1)
			if !ok || len(all)+len(groups) > maxAlternatives {
				return nil, false
			}
			all = append(all, groups...)
		}
		return all, len(all) > 0
	}
	args, ok := callOf(n, "and")
	if !ok || len(args) == 0 {
		return nil, false
	}
	all := [][]flag.Condition{{}}
	for _, a := range args {
		groups, ok := x.groups(a, depth+1)
		if !ok {
			return nil, false
		}
		if all, ok = product(all, groups); !ok {
			return nil, false
		}
	}
	return all, true
}
