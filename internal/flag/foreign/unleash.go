package foreign

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipwayhq/slipway/internal/flag"
)

// unleashFile is the export of Unleash: of features with one environment, or of its whole state.
type unleashFile struct {
	Features []struct {
		Name, Description, Type, Project string
		Archived, Stale                  bool
	}
	FeatureStrategies   []unleashStrategy
	FeatureEnvironments []struct {
		FeatureName, Environment, Name string
		Enabled                        bool
		Variants                       []unleashVariant
	}
	FeatureTags []struct{ FeatureName, TagValue, TagType, Value string }
	Segments    []struct {
		ID          int
		Name        string
		Description string
		Constraints []unleashConstraint
	}
	Dependencies []struct {
		Feature      string
		Dependencies []struct {
			Feature  string
			Enabled  *bool
			Variants []string
		}
	}
}

type unleashStrategy struct {
	Name, FeatureName, Environment, Title, StrategyName string
	Disabled                                            bool
	SortOrder                                           float64
	Parameters                                          map[string]any
	Constraints                                         []unleashConstraint
	Segments                                            []int
	Variants                                            []unleashVariant
}

type unleashConstraint struct {
	ContextName, Operator, Value string
	Values                       []string
	Inverted, CaseInsensitive    bool
}

type unleashVariant struct {
	Name, Stickiness string
	Weight           float64
	Payload          *struct{ Type, Value string }
	Overrides        []struct {
		ContextName string
		Values      []string
	}
}

// disabled is the variant that clients of Unleash get when a flag with variants is off for them.
const disabled = "disabled"

func readUnleash(r *reader, text []byte) error {
	var file unleashFile
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	segments := map[int]string{}
	for _, g := range file.Segments {
		segments[g.ID] = name(g.Name)
	}
	known := map[string]bool{}
	for i := range file.Features {
		f := &file.Features[i]
		p := place{flag: f.Name}
		if f.Archived {
			r.note(p, "it is archived", "left out: there is nothing to serve")
			continue
		}
		out := flag.Flag{Key: r.key(p, f.Name), Description: f.Description,
			Permanent: slices.Contains([]string{"operational", "kill-switch", "permission"}, f.Type)}
		for _, t := range file.FeatureTags {
			if value := t.TagValue + t.Value; t.FeatureName == f.Name && value != "" {
				out.Tags = append(out.Tags, value)
			}
		}
		r.unleashVariants(&out, f.Name, &file)
		r.out.Flags = append(r.out.Flags, out)
		for _, e := range file.FeatureEnvironments {
			theirs := e.Environment
			if e.FeatureName != f.Name && (e.FeatureName != "" || e.Name != f.Name) {
				continue
			}
			if environment := r.environment(theirs); environment != "" {
				known[environment] = true
				r.unleashConfig(&out, f.Name, environment, theirs, e.Enabled, e.Variants, &file, segments)
			}
		}
	}
	for environment := range known {
		for _, g := range file.Segments {
			p := place{segment: name(g.Name), environment: environment}
			out := flag.Segment{Key: r.key(p, g.Name), Description: g.Description}
			group, ok := r.unleashConstraints(p, g.Constraints)
			if g.Constraints == nil {
				r.lose(p, "a segment without its constraints", "nobody is in it: add its conditions")
			} else if ok && len(group) > 0 {
				out.Any = [][]flag.Condition{group}
			}
			r.segment(environment, out, nil)
		}
	}
	return nil
}

// unleashVariants gives a flag the variants of all its environments and strategies; without any it is a boolean.
func (r *reader) unleashVariants(out *flag.Flag, theirs string, file *unleashFile) {
	var all []unleashVariant
	add := func(more []unleashVariant) {
		for _, v := range more {
			if !slices.ContainsFunc(all, func(have unleashVariant) bool { return have.Name == v.Name }) {
				all = append(all, v)
			}
		}
	}
	for _, e := range file.FeatureEnvironments {
		if e.FeatureName == theirs {
			add(e.Variants)
		}
	}
	for _, s := range file.FeatureStrategies {
		if s.FeatureName == theirs {
			add(s.Variants)
		}
	}
	out.Kind = flag.Boolean
	out.Variants = []flag.Variant{
		{Name: "on", Value: json.RawMessage("true")}, {Name: "off", Value: json.RawMessage("false")}}
	if len(all) == 0 {
		return
	}
	var values []json.RawMessage
	kinds := map[string]bool{}
	for _, v := range all {
		kind, value := "string", v.Name
		if v.Payload != nil {
			kind, value = v.Payload.Type, v.Payload.Value
		}
		raw := json.RawMessage(value)
		if kind != "number" && kind != "json" || !json.Valid(raw) {
			raw, _ = json.Marshal(value)
			kind = "string"
		}
		kinds[kind] = true
		values = append(values, raw)
	}
	zero := map[string]string{"number": "0", "json": "{}"}
	if len(kinds) > 1 {
		kinds = map[string]bool{"string": true}
		for i, v := range all {
			text := v.Name
			if v.Payload != nil {
				text = v.Payload.Value
			}
			values[i], _ = json.Marshal(text)
		}
		r.note(place{flag: out.Key}, "payloads of several types", "they are strings, as they stand there")
	}
	empty := json.RawMessage(`""`)
	for kind := range kinds {
		if z := zero[kind]; z != "" {
			empty = json.RawMessage(z)
		}
	}
	var names []string
	for _, v := range all {
		names = append(names, v.Name)
	}
	out.Kind, out.Variants = variants(append(values, empty), append(names, disabled))
	r.note(place{flag: out.Key}, "a flag with variants",
		"its values are the payloads; code that asked whether it is on asks for another value than "+disabled)
}

// yesNo are the variants that stand for on and off.
func yesNo(f *flag.Flag) (on, off string) {
	if f.Kind == flag.Boolean {
		return "on", "off"
	}
	return f.Variants[0].Name, f.Variants[len(f.Variants)-1].Name
}

func (r *reader) unleashConfig(f *flag.Flag, theirName, environment, theirs string, enabled bool, own []unleashVariant,
	file *unleashFile, segments map[int]string) {
	p := place{flag: f.Key, environment: environment}
	_, off := yesNo(f)
	c := flag.Config{Flag: f.Key, Environment: environment, On: enabled, Off: off, Default: flag.Serve{Variant: off}}
	for _, d := range file.Dependencies {
		if d.Feature != theirName {
			continue
		}
		for _, need := range d.Dependencies {
			r.unleashNeed(p, &c, need.Feature, need.Enabled, need.Variants)
		}
	}
	var whole, parts []flag.Rule
	any := false
	for _, s := range file.FeatureStrategies {
		if s.FeatureName != theirName || s.Environment != "" && s.Environment != theirs {
			continue
		}
		any = true
		if s.Disabled {
			continue
		}
		rule, ok := r.unleashStrategy(p, f, &s, own, segments)
		if ok && partial(f, rule.Serve) {
			parts = append(parts, rule)
		} else if ok {
			whole = append(whole, rule)
		}
	}
	if !any { // without a strategy a flag that is on is on for everybody
		c.Default = unleashServe(f, own, 100, "", "")
	}
	if len(parts) > 1 {
		r.lose(p, "several strategies for a share of users, any of which may turn it on",
			"the first whose conditions hold decides: put the larger shares first, or make one of them")
	}
	c.Rules = append(whole, parts...)
	r.out.Configs = append(r.out.Configs, c)
}

// partial says whether a strategy leaves users to the next one.
func partial(f *flag.Flag, s flag.Serve) bool {
	_, off := yesNo(f)
	return slices.ContainsFunc(s.Split, func(p flag.Portion) bool { return p.Variant == off && p.Weight > 0 }) ||
		s.Variant == off
}

func (r *reader) unleashNeed(p place, c *flag.Config, feature string, enabled *bool, names []string) {
	need := flag.Prerequisite{Flag: name(feature)}
	switch {
	case enabled != nil && !*enabled:
		r.lose(p, "it needs that "+feature+" is off", "left out: a need names the variants that must be served")
		return
	case len(names) > 0:
		for _, n := range names {
			need.Variants = append(need.Variants, name(n))
		}
	default:
		need.Variants = []string{"on"}
	}
	c.Needs = append(c.Needs, need)
}

// unleashServe is a share of the flag's variants; the others get off.
func unleashServe(f *flag.Flag, own []unleashVariant, percent float64, by, salt string) flag.Serve {
	_, off := yesNo(f)
	if len(own) == 0 {
		on, _ := yesNo(f)
		s := share(on, off, percent)
		if len(s.Split) > 0 {
			s.By, s.Salt = by, salt
		}
		return s
	}
	var names []string
	var weights []float64
	sum := 0.0
	for _, v := range own {
		sum += v.Weight
	}
	for _, v := range own {
		names = append(names, name(v.Name))
		weights = append(weights, v.Weight/max(sum, 1)*percent*100)
	}
	s := split(append(names, off), append(weights, 10000-percent*100), 0)
	if len(s.Split) > 0 {
		s.By, s.Salt = by, salt
	}
	return s
}

func (r *reader) unleashStrategy(
	p place, f *flag.Flag, s *unleashStrategy, own []unleashVariant, segments map[int]string,
) (flag.Rule, bool) {
	rule := flag.Rule{Description: s.Title}
	if len(s.Variants) > 0 {
		own = s.Variants
	}
	for _, v := range own {
		if len(v.Overrides) > 0 {
			r.lose(p, "variant "+v.Name+" has overrides", "left out: write a rule for them before this one")
		}
	}
	group, ok := r.unleashConstraints(p, s.Constraints)
	if !ok {
		return rule, false
	}
	rule.If = group
	for _, id := range s.Segments {
		rule.If = append(rule.If, flag.Condition{Segment: segments[id]})
	}
	parameter := func(name string) string {
		if v, ok := s.Parameters[name]; ok {
			return fmt.Sprint(v)
		}
		return ""
	}
	percent, by := 100.0, ""
	switch s.Name + s.StrategyName {
	case "default":
	case "userWithId":
		ids := fields(parameter("userIds"))
		if len(ids) == 0 {
			return rule, false
		}
		rule.If = append(rule.If, flag.Condition{Attribute: "targetingKey", Op: flag.Equals, Values: texts(ids)})
	case "flexibleRollout":
		percent, by = percentOf(parameter("rollout")), parameter("stickiness")
	case "gradualRolloutUserId":
		percent, by = percentOf(parameter("percentage")), "userId"
	case "gradualRolloutSessionId":
		percent, by = percentOf(parameter("percentage")), "sessionId"
	case "gradualRolloutRandom":
		percent, by = percentOf(parameter("percentage")), "random"
	default:
		r.lose(p, "strategy "+s.Name+s.StrategyName, "left out: say in rules whom it serves")
		return rule, false
	}
	if percent < 100 && by == "random" {
		r.note(p, "users are assigned at random, anew at every request",
			"they are assigned by their id, and keep what they got")
	}
	rule.Serve = unleashServe(f, own, percent, stickiness(by), "")
	return rule, true
}

func stickiness(by string) string {
	if slices.Contains([]string{"", "default", "random", "userId"}, by) {
		return ""
	}
	return by
}

func percentOf(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 100
	}
	return min(max(n, 0), 100)
}

func fields(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
}

func (r *reader) unleashConstraints(p place, constraints []unleashConstraint) (group []flag.Condition, ok bool) {
	ok = true
	for _, c := range constraints {
		n, why := sayConstraint(&c)
		if why != "" {
			r.lose(p, fmt.Sprintf("a rule that asks whether %s %s %s%s", c.ContextName, c.Operator, c.Value,
				strings.Join(c.Values, ", ")), "left out: "+why)
			ok = false
			continue
		}
		if n.Op == flag.Less || n.Op == flag.More || n.Op == flag.AtMost || n.Op == flag.AtLeast {
			r.lose(p, "it compares "+c.ContextName+", a number that Unleash's clients send as text",
				"it compares numbers: send "+n.Attribute+" as a number")
		}
		group = append(group, n)
	}
	return group, ok
}

func sayConstraint(c *unleashConstraint) (n flag.Condition, why string) {
	n = flag.Condition{Attribute: c.ContextName, Not: c.Inverted}
	if n.Attribute == "userId" {
		n.Attribute = "targetingKey"
	}
	values := c.Values
	if len(values) == 0 && c.Value != "" {
		values = []string{c.Value}
	}
	if c.CaseInsensitive {
		return n, "it ignores upper and lower case, and flagd does not"
	}
	n.Values = texts(values)
	numbers := map[string]flag.Op{"NUM_EQ": flag.Equals, "NUM_GT": flag.More, "NUM_GTE": flag.AtLeast, "NUM_LT": flag.Less,
		"NUM_LTE": flag.AtMost}
	versions := map[string]string{"SEMVER_EQ": "=", "SEMVER_GT": ">", "SEMVER_LT": "<", "SEMVER_GTE": ">=",
		"SEMVER_LTE": "<="}
	switch op := c.Operator; {
	case op == "IN":
		n.Op = flag.Equals
	case op == "NOT_IN":
		n.Op, n.Not = flag.Equals, !n.Not
	case op == "STR_STARTS_WITH":
		n.Op = flag.StartsWith
	case op == "STR_ENDS_WITH":
		n.Op = flag.EndsWith
	case op == "STR_CONTAINS":
		n.Op = flag.Contains
	case numbers[op] != "":
		number, err := strconv.ParseFloat(c.Value, 64)
		if err != nil {
			return n, "its value is no number"
		}
		n.Op, n.Values = numbers[op], []any{number}
	case versions[op] != "":
		n.Op, n.Values = flag.Version, []any{versions[op] + " " + c.Value}
	case (op == "DATE_AFTER" || op == "DATE_BEFORE") && c.ContextName == "currentTime":
		n.Attribute, n.Op, n.Values = "", flag.After, []any{wholeSeconds(c.Value)}
		if op == "DATE_BEFORE" {
			n.Op = flag.Before
		}
	case op == "REGEX":
		p, ok := pattern(n.Attribute, c.Value)
		if !ok {
			return n, "flagd has no regular expressions"
		}
		p.Not, n = n.Not, p
	default:
		return n, "there is no such operator here"
	}
	if len(n.Values) == 0 {
		return n, "it has no values"
	}
	return n, ""
}
