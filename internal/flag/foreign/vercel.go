package foreign

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/flag"
)

// vercelFile is the data that Vercel's flags are evaluated from.
type vercelFile struct {
	Definitions map[string]vercelDefinition
	Segments    map[string]vercelSegment
}

type vercelDefinition struct {
	Variants     []json.RawMessage
	Names        []string // of the variants; they have none where flags are evaluated from
	Environments map[string]json.RawMessage
}

type vercelConfig struct {
	Reuse       string
	Targets     []vercelTargets
	Rules       []vercelRule
	Fallthrough json.RawMessage
}

// vercelTargets are lists of ids by kind of entity and attribute.
type vercelTargets map[string]map[string][]string

type vercelRule struct {
	Conditions [][]json.RawMessage
	Outcome    json.RawMessage
}

type vercelSegment struct {
	Rules            []vercelRule
	Include, Exclude vercelTargets
}

func readVercel(r *reader, text []byte) error {
	var file vercelFile
	var err error
	if isVercelLive(text) {
		file, err = unpackVercel(text)
	} else {
		err = json.Unmarshal(text, &file)
	}
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(file.Definitions)) {
		d := file.Definitions[key]
		f := flag.Flag{Key: r.key(place{flag: key}, key)}
		f.Kind, f.Variants = variants(d.Variants, d.Names)
		r.out.Flags = append(r.out.Flags, f)
		for _, theirs := range slices.Sorted(maps.Keys(d.Environments)) {
			environment := r.environment(theirs)
			if environment == "" {
				continue
			}
			used[environment] = true
			if err := r.vercelConfig(&f, environment, theirs, d.Environments, 0); err != nil {
				return fmt.Errorf("%s in %s: %w", key, theirs, err)
			}
		}
	}
	for _, environment := range slices.Sorted(maps.Keys(used)) {
		for _, id := range slices.Sorted(maps.Keys(file.Segments)) {
			g := file.Segments[id]
			r.vercelSegment(environment, id, &g)
		}
	}
	if len(file.Definitions) > 0 {
		r.note(place{}, "entities, as user.id", "attributes of the same paths: send what identify returns as the context, "+
			"with the user's id as targetingKey too")
	}
	return nil
}

func (r *reader) vercelConfig(
	f *flag.Flag, environment, theirs string, all map[string]json.RawMessage, depth int,
) error {
	p := place{flag: f.Key, environment: environment}
	c := flag.Config{Flag: f.Key, Environment: environment, On: true}
	raw := all[theirs]
	if kindOf(raw) == flag.Number {
		served, _, _ := r.vercelOutcome(p, f, raw)
		c.On, c.Off, c.Default = false, served.Variant, served
		r.note(p, "it is paused", "it is off, and serves "+served.Variant+" all the same")
		r.out.Configs = append(r.out.Configs, c)
		return nil
	}
	var config vercelConfig
	if err := json.Unmarshal(raw, &config); err != nil {
		return err
	}
	if config.Reuse != "" {
		if depth > 10 || all[config.Reuse] == nil {
			r.lose(p, "it reuses environment "+config.Reuse, "left out: that leads nowhere")
			return nil
		}
		r.note(p, "it reuses environment "+config.Reuse, "a copy of that, which goes its own way from now on")
		return r.vercelConfig(f, environment, config.Reuse, all, depth+1)
	}
	var fallbacks []string
	for i, targets := range config.Targets {
		for _, n := range conditionsOf(targets) {
			c.Rules = append(c.Rules, flag.Rule{If: []flag.Condition{n}, Serve: flag.Serve{Variant: at(f, i)}})
		}
	}
	for _, rule := range config.Rules {
		groups, ok := r.vercelConditions(p, rule.Conditions)
		serve, fallback, known := r.vercelOutcome(p, f, rule.Outcome)
		if !ok || !known {
			continue
		}
		fallbacks = append(fallbacks, fallback)
		for _, group := range groups {
			c.Rules = append(c.Rules, flag.Rule{If: group, Serve: serve})
		}
	}
	rest, fallback, _ := r.vercelOutcome(p, f, config.Fallthrough)
	c.Default = rest
	if len(rest.Split) > 0 { // who can't be put into a part gets the default, as there
		c.Rules = append(c.Rules, flag.Rule{Serve: rest})
		c.Default = flag.Serve{Variant: fallback}
	}
	for _, variant := range fallbacks {
		if variant != "" && variant != c.Default.Variant {
			r.lose(p, "users who can't be put into a part of a rule's split get "+variant,
				"they get the default: write a rule before it for users whose attribute is missing")
		}
	}
	r.out.Configs = append(r.out.Configs, c)
	return nil
}

// conditionsOf are conditions any of which suffices.
func conditionsOf(targets vercelTargets) []flag.Condition {
	var out []flag.Condition
	for _, kind := range slices.Sorted(maps.Keys(targets)) {
		for _, attribute := range slices.Sorted(maps.Keys(targets[kind])) {
			for chunk := range slices.Chunk(targets[kind][attribute], flag.MaxValues) {
				out = append(out, flag.Condition{Attribute: kind + "." + attribute, Op: flag.Equals, Values: texts(chunk)})
			}
		}
	}
	return out
}

// vercelOutcome is a number, or a split by an attribute with a variant for users who lack it.
func (r *reader) vercelOutcome(p place, f *flag.Flag, raw json.RawMessage) (s flag.Serve, fallback string, ok bool) {
	var i int
	if json.Unmarshal(raw, &i) == nil && len(raw) > 0 {
		return flag.Serve{Variant: at(f, i)}, "", true
	}
	var o struct {
		Type           string
		Base           []any
		Weights        []float64
		DefaultVariant int
	}
	if err := json.Unmarshal(raw, &o); err != nil || o.Type != "split" || len(o.Weights) > len(f.Variants) {
		r.lose(p, "an outcome of type "+o.Type, "it serves the first variant")
		return flag.Serve{Variant: at(f, 0)}, "", false
	}
	sum := 0.0
	for _, w := range o.Weights {
		sum += w
	}
	s = split(variantNames(f)[:len(o.Weights)], o.Weights, max(sum, 1e-9))
	if len(s.Split) > 0 {
		s.By = pathOf(o.Base)
	}
	return s, at(f, o.DefaultVariant), true
}

func variantNames(f *flag.Flag) []string {
	var names []string
	for _, v := range f.Variants {
		names = append(names, v.Name)
	}
	return names
}

func pathOf(parts []any) string {
	text := make([]string, len(parts))
	for i, part := range parts {
		text[i] = fmt.Sprint(part)
	}
	return strings.Join(text, ".")
}

func (r *reader) vercelConditions(p place, conditions [][]json.RawMessage) ([][]flag.Condition, bool) {
	all := [][]flag.Condition{{}}
	for _, raw := range conditions {
		var left, right any
		var op string
		if len(raw) > 1 {
			_ = json.Unmarshal(raw[0], &left)
			_ = json.Unmarshal(raw[1], &op)
		}
		if len(raw) > 2 {
			_ = json.Unmarshal(raw[2], &right)
		}
		groups, why := sayVercel(left, op, right)
		if why == "" {
			if more, ok := product(all, groups); ok {
				all = more
				continue
			}
			why = "it would become too many rules"
		}
		r.lose(p, fmt.Sprintf("a rule that asks whether %v %s %v", left, op, right), "left out: "+why)
		return nil, false
	}
	return all, true
}

// sayVercel says one condition: alternatives of conditions, or why not.
func sayVercel(left any, op string, right any) ([][]flag.Condition, string) {
	if left == "segment" {
		return vercelSegments(op, right)
	}
	path, ok := left.([]any)
	if !ok {
		return nil, "its left side is unknown"
	}
	n := flag.Condition{Attribute: pathOf(path)}
	list, isList := right.([]any)
	values, scalar := scalars([]any{right})
	if isList {
		values, scalar = scalars(list)
	}
	plain, not := strings.CutPrefix(op, "!")
	n.Not = not
	switch plain {
	case "ex":
		n.Op, n.Not = flag.Missing, !not
		return one(n), ""
	case "regex":
		expression, _ := right.(map[string]any)
		text, _ := expression["pattern"].(string)
		p, ok := pattern(n.Attribute, text)
		if flags, _ := expression["flags"].(string); !ok || strings.Contains(flags, "i") {
			return nil, "flagd has no regular expressions"
		}
		p.Not = not
		return strictly(p), ""
	case "before", "after":
		return nil, "attributes with times are Unix seconds here, and text there"
	}
	if !scalar {
		return nil, "its right side is not text, a number or a boolean"
	}
	n.Values = values
	switch plain {
	case "eq":
		n.Op = flag.Equals
		return one(n), ""
	case "oneOf":
		n.Op = flag.Equals
	case "startsWith", "endsWith":
		n.Op = map[string]flag.Op{"startsWith": flag.StartsWith, "endsWith": flag.EndsWith}[plain]
	case "gt", "gte", "lt", "lte":
		n.Op = map[string]flag.Op{"gt": flag.More, "gte": flag.AtLeast, "lt": flag.Less, "lte": flag.AtMost}[plain]
	case "containsAnyOf":
		n.Op = flag.Contains
	case "containsNoneOf":
		n.Op, n.Not = flag.Contains, true
		return one(n), ""
	case "containsAllOf":
		var group []flag.Condition
		for _, v := range values {
			group = append(group, flag.Condition{Attribute: n.Attribute, Op: flag.Contains, Values: []any{v}})
		}
		return [][]flag.Condition{group}, ""
	default:
		return nil, "there is no such operator here"
	}
	return strictly(n), ""
}

func one(n flag.Condition) [][]flag.Condition { return [][]flag.Condition{{n}} }

// strictly adds to an opposite that the attribute is there, for systems in which a missing one satisfies nothing.
func strictly(n flag.Condition) [][]flag.Condition {
	if !n.Not {
		return one(n)
	}
	return [][]flag.Condition{{n, present(n.Attribute)}}
}

func vercelSegments(op string, right any) ([][]flag.Condition, string) {
	list, ok := right.([]any)
	if !ok {
		list = []any{right}
	}
	var any [][]flag.Condition
	var none []flag.Condition
	for _, v := range list {
		id, _ := v.(string)
		any = append(any, []flag.Condition{{Segment: name(id)}})
		none = append(none, flag.Condition{Segment: name(id), Not: true})
	}
	switch op {
	case "eq", "oneOf":
		return any, ""
	case "!eq", "!oneOf":
		return [][]flag.Condition{none}, ""
	}
	return nil, "there is no such operator for segments here"
}

func (r *reader) vercelSegment(environment, id string, g *vercelSegment) {
	p := place{segment: name(id), environment: environment}
	out := flag.Segment{Key: r.key(p, id)}
	for _, n := range conditionsOf(g.Include) {
		out.Any = append(out.Any, []flag.Condition{n})
	}
	excluded := conditionsOf(g.Exclude)
	for i := range excluded {
		excluded[i].Not = true
	}
	for _, rule := range g.Rules {
		var all int
		if json.Unmarshal(rule.Outcome, &all) != nil || all != 1 {
			r.lose(p, "a rule for a share of users", "left out: a segment has no shares here")
			continue
		}
		groups, ok := r.vercelConditions(p, rule.Conditions)
		if !ok {
			continue
		}
		for _, group := range groups {
			if slices.ContainsFunc(group, func(n flag.Condition) bool { return n.Segment != "" }) {
				r.lose(p, "a segment that asks for a segment", "left out: repeat its conditions")
				continue
			}
			if group = slices.Concat(group, excluded); len(group) == 0 {
				group = []flag.Condition{present("targetingKey")}
				r.note(p, "everybody is in it", "everybody with a targetingKey is in it")
			}
			out.Any = append(out.Any, group)
		}
	}
	r.segment(environment, out, nil)
}
