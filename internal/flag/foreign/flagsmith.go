package foreign

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/flag"
)

// flagsmithFile is the environment document of Flagsmith, from which its SDKs evaluate locally.
type flagsmithFile struct {
	Name    string
	Project struct {
		Segments []flagsmithSegment
	}
	States     []flagsmithState `json:"feature_states"`
	Identities []struct {
		Identifier string
		Features   []flagsmithState `json:"identity_features"`
	} `json:"identity_overrides"`
}

type flagsmithState struct {
	Feature struct {
		Name, Type string
	}
	Enabled bool
	Value   json.RawMessage `json:"feature_state_value"`
	Segment *struct {
		Priority *float64
	} `json:"feature_segment"`
	Multivariate []struct {
		Option struct {
			Value json.RawMessage
		} `json:"multivariate_feature_option"`
		Percent float64 `json:"percentage_allocation"`
	} `json:"multivariate_feature_state_values"`
}

type flagsmithSegment struct {
	ID     float64
	Name   string
	Rules  []flagsmithRule
	States []flagsmithState `json:"feature_states"`
}

type flagsmithRule struct {
	Type       string
	Rules      []flagsmithRule
	Conditions []struct {
		Operator string
		Property string `json:"property_"`
		Value    any
	}
}

func readFlagsmith(r *reader, text []byte) error {
	var file flagsmithFile
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	environment := r.o.Environment
	if environment == "" {
		environment = r.environment(file.Name)
	}
	if environment == "" {
		return nil
	}
	for i := range file.Project.Segments {
		r.flagsmithSegment(environment, &file.Project.Segments[i])
	}
	for i := range file.States {
		r.flagsmithFlag(environment, &file, &file.States[i])
	}
	return nil
}

// given is a value of Flagsmith: none is true for a flag that is only on or off.
func (s *flagsmithState) given() json.RawMessage {
	v := compact(s.Value)
	if len(v) == 0 || string(v) == "null" || string(v) == `""` {
		return nil
	}
	return v
}

func (r *reader) flagsmithFlag(environment string, file *flagsmithFile, s *flagsmithState) {
	key := s.Feature.Name
	p := place{flag: name(key), environment: environment}
	var states []*flagsmithState // all that are about this feature
	states = append(states, s)
	for i := range file.Project.Segments {
		for j := range file.Project.Segments[i].States {
			if o := &file.Project.Segments[i].States[j]; o.Feature.Name == key {
				states = append(states, o)
			}
		}
	}
	for i := range file.Identities {
		for j := range file.Identities[i].Features {
			if o := &file.Identities[i].Features[j]; o.Feature.Name == key {
				states = append(states, o)
			}
		}
	}
	var values []json.RawMessage
	add := func(v json.RawMessage) {
		if v != nil && !slices.ContainsFunc(values, func(have json.RawMessage) bool { return string(have) == string(v) }) {
			values = append(values, v)
		}
	}
	for _, o := range states {
		add(o.given())
		for _, m := range o.Multivariate {
			add(compact(m.Option.Value))
		}
	}
	f := flag.Flag{Key: r.key(place{flag: key}, key)}
	plain := len(values) == 0
	if plain {
		values = []json.RawMessage{json.RawMessage("true"), json.RawMessage("false")}
	} else if mixed(values) {
		for i, v := range values {
			if kindOf(v) != flag.String {
				values[i], _ = json.Marshal(string(v))
			}
		}
		r.note(p, "values of several types", "they are strings")
	}
	f.Kind, f.Variants = variants(values, nil)
	r.out.Flags = append(r.out.Flags, f)
	c := flag.Config{Flag: f.Key, Environment: environment, On: s.Enabled, Default: r.flagsmithServe(p, &f, s, plain)}
	switch {
	case plain:
		c.Off, c.Default = "off", flag.Serve{Variant: "on"}
	case !s.Enabled:
		r.note(p, "it is disabled and has a value all the same", "while it is off, programs use their own fallback")
		c.Default = flag.Serve{Variant: f.Variants[0].Name}
	}
	r.flagsmithOverrides(p, &f, &c, file, key, plain)
	r.out.Configs = append(r.out.Configs, c)
}

func mixed(values []json.RawMessage) bool {
	for _, v := range values {
		if kindOf(v) != kindOf(values[0]) {
			return true
		}
	}
	return false
}

func (r *reader) flagsmithServe(p place, f *flag.Flag, s *flagsmithState, plain bool) flag.Serve {
	if plain {
		return flag.Serve{Variant: map[bool]string{true: "on", false: "off"}[s.Enabled]}
	}
	variant := func(v json.RawMessage) string {
		for _, have := range f.Variants {
			text, _ := json.Marshal(string(v))
			if string(have.Value) == string(v) || string(have.Value) == string(text) {
				return have.Name
			}
		}
		return f.Variants[0].Name
	}
	own := variant(s.given())
	if !s.Enabled {
		r.lose(p, "an override that disables the feature", "it serves "+own+": say which variant stands for off")
	}
	if len(s.Multivariate) == 0 {
		return flag.Serve{Variant: own}
	}
	var names []string
	var weights []float64
	rest := 100.0
	for _, m := range s.Multivariate {
		names, weights = append(names, variant(compact(m.Option.Value))), append(weights, m.Percent)
		rest -= m.Percent
	}
	return split(append(names, own), append(weights, math.Max(rest, 0)), 100)
}

// flagsmithOverrides are rules for identities, then for segments by their priority.
func (r *reader) flagsmithOverrides(
	p place, f *flag.Flag, c *flag.Config, file *flagsmithFile, key string, plain bool,
) {
	type override struct {
		rule     flag.Rule
		priority float64
	}
	var all []override
	for i := range file.Identities {
		for j := range file.Identities[i].Features {
			if o := &file.Identities[i].Features[j]; o.Feature.Name == key {
				all = append(all, override{flag.Rule{If: []flag.Condition{{
					Attribute: "targetingKey", Op: flag.Equals, Values: []any{file.Identities[i].Identifier}}},
					Serve: r.flagsmithServe(p, f, o, plain)}, -1})
			}
		}
	}
	for i := range file.Project.Segments {
		g := &file.Project.Segments[i]
		for j := range g.States {
			if o := &g.States[j]; o.Feature.Name == key {
				priority := math.MaxFloat64
				if o.Segment != nil && o.Segment.Priority != nil {
					priority = *o.Segment.Priority
				}
				all = append(all, override{flag.Rule{If: []flag.Condition{{Segment: segmentKey(g)}},
					Serve: r.flagsmithServe(p, f, o, plain)}, priority})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b override) int {
		if a.priority < b.priority {
			return -1
		}
		if a.priority > b.priority {
			return 1
		}
		return 0
	})
	if !c.On && len(all) > 0 {
		c.On = true // overrides hold where the environment is off
		off := flag.Serve{Variant: "off"}
		if !plain {
			off = flag.Serve{Variant: f.Variants[0].Name}
			r.lose(p, "it is disabled but for overrides", "everybody else gets "+off.Variant+": say what stands for off")
		}
		c.Default = off
	}
	for _, o := range all {
		c.Rules = append(c.Rules, o.rule)
	}
}

func segmentKey(g *flagsmithSegment) string { return name(fmt.Sprintf("%s-%g", g.Name, g.ID)) }

func (r *reader) flagsmithSegment(environment string, g *flagsmithSegment) {
	p := place{segment: segmentKey(g), environment: environment}
	out := flag.Segment{Key: segmentKey(g), Description: g.Name}
	all := [][]flag.Condition{{}}
	why := ""
	for i := range g.Rules {
		groups, reason := sayFlagsmith(&g.Rules[i], 0)
		if reason != "" {
			why = reason
			break
		}
		more, ok := product(all, groups)
		if !ok {
			why = "it would become too many groups"
			break
		}
		all = more
	}
	switch {
	case why != "":
		r.lose(p, "its rules", "nobody is in it: "+why)
	case len(all) == 1 && len(all[0]) == 0:
		r.lose(p, "a segment without rules", "nobody is in it")
	default:
		out.Any = all
	}
	r.segment(environment, out, nil)
}

// sayFlagsmith says a rule with all that is nested in it.
func sayFlagsmith(rule *flagsmithRule, depth int) ([][]flag.Condition, string) {
	if depth > 5 {
		return nil, "it is nested too deep"
	}
	var parts [][][]flag.Condition
	for _, c := range rule.Conditions {
		n, why := sayTrait(c.Operator, c.Property, c.Value)
		if why != "" {
			return nil, why
		}
		parts = append(parts, n)
	}
	for i := range rule.Rules {
		groups, why := sayFlagsmith(&rule.Rules[i], depth+1)
		if why != "" {
			return nil, why
		}
		parts = append(parts, groups)
	}
	if rule.Type == "ANY" && len(parts) > 0 {
		return slices.Concat(parts...), ""
	}
	all := [][]flag.Condition{{}}
	for _, part := range parts {
		if rule.Type == "NONE" {
			for _, group := range part {
				more, ok := product(all, opposite(group))
				if !ok {
					return nil, "it would become too many groups"
				}
				all = more
			}
			continue
		}
		more, ok := product(all, part)
		if !ok {
			return nil, "it would become too many groups"
		}
		all = more
	}
	return all, ""
}

// loose are the values that a text stands for: Flagsmith turns it into the type of the trait.
func loose(text string) []any {
	out := []any{text}
	if n, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) {
		out = append(out, n)
	}
	if text == "true" || text == "false" {
		out = append(out, text == "true")
	}
	return out
}

func sayTrait(operator, property string, value any) ([][]flag.Condition, string) {
	text := ""
	if value != nil {
		text = fmt.Sprint(value)
	}
	n := flag.Condition{Attribute: property}
	if v, ok := strings.CutSuffix(text, ":semver"); ok {
		ops := map[string]string{"EQUAL": "=", "NOT_EQUAL": "!=", "GREATER_THAN": ">", "GREATER_THAN_INCLUSIVE": ">=",
			"LESS_THAN": "<", "LESS_THAN_INCLUSIVE": "<="}
		if ops[operator] == "" {
			return nil, "there is no " + operator + " of versions here"
		}
		n.Op, n.Values = flag.Version, []any{ops[operator] + " " + v}
		return one(n), ""
	}
	numbers := map[string]flag.Op{"GREATER_THAN": flag.More, "GREATER_THAN_INCLUSIVE": flag.AtLeast,
		"LESS_THAN": flag.Less, "LESS_THAN_INCLUSIVE": flag.AtMost}
	switch {
	case operator == "EQUAL":
		n.Op, n.Values = flag.Equals, loose(text)
	case operator == "NOT_EQUAL":
		n.Op, n.Values, n.Not = flag.Equals, loose(text), true
		return strictly(n), ""
	case operator == "IN":
		n.Op = flag.Equals
		for part := range strings.SplitSeq(text, ",") {
			n.Values = append(n.Values, loose(part)...)
		}
	case operator == "CONTAINS":
		n.Op, n.Values = flag.Contains, []any{text}
	case operator == "NOT_CONTAINS":
		n.Op, n.Values, n.Not = flag.Contains, []any{text}, true
		return strictly(n), ""
	case operator == "IS_SET":
		n.Op, n.Not = flag.Missing, true
	case operator == "IS_NOT_SET":
		n.Op = flag.Missing
	case operator == "REGEX":
		p, ok := pattern(property, text)
		if !ok {
			return nil, "flagd has no regular expressions"
		}
		n = p
	case numbers[operator] != "":
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, "it compares text by order"
		}
		n.Op, n.Values = numbers[operator], []any{number}
	default:
		return nil, "there is no " + operator + " here"
	}
	return one(n), ""
}
