package foreign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/slipwayhq/slipway/internal/flag"
)

// gbFeature is a feature of GrowthBook's API, whose values are text, or of the payload of its SDKs.
type gbFeature struct {
	ID, Description, Owner, ValueType string
	Archived                          bool
	Tags                              []string
	DefaultValue                      json.RawMessage
	Environments                      map[string]struct {
		Enabled      bool
		DefaultValue json.RawMessage
		Rules        []gbRule
	}
	Prerequisites []json.RawMessage
	Rules         []gbRule
}

type gbRule struct {
	ID, Type, Description, HashAttribute, Seed, Key, TrackingKey string
	Enabled, AllEnvironments                                     *bool
	In                                                           []string `json:"environments"`
	Condition                                                    json.RawMessage
	Value, Force                                                 json.RawMessage
	Coverage                                                     *float64
	Values                                                       []struct {
		Value  json.RawMessage
		Weight float64
	}
	Variations          []json.RawMessage
	Weights             []float64
	Namespace           json.RawMessage
	SavedGroupTargeting []struct {
		MatchType   string
		SavedGroups []string
	}
	Prerequisites, ParentConditions []json.RawMessage
	ScheduleRules                   []json.RawMessage
	Sparse                          bool
}

func readGrowthBook(r *reader, text []byte) error {
	var file struct {
		Features    json.RawMessage
		SavedGroups map[string][]any
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	var features []gbFeature
	if list := bytes.TrimSpace(file.Features); len(list) > 0 && list[0] == '{' {
		var by map[string]gbFeature
		if err := json.Unmarshal(list, &by); err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(by)) {
			f := by[id]
			f.ID = id
			features = append(features, f)
		}
	} else if err := json.Unmarshal(file.Features, &features); err != nil {
		return err
	}
	environments := map[string]bool{}
	for i := range features {
		r.gbFeature(&features[i], environments)
	}
	for environment := range environments {
		for _, id := range slices.Sorted(maps.Keys(file.SavedGroups)) {
			var list []string
			for _, v := range file.SavedGroups[id] {
				list = append(list, fmt.Sprint(v))
			}
			r.segment(environment, flag.Segment{Key: name(id), Description: "Saved group " + id}, list)
		}
	}
	return nil
}

// gbValue is a value as JSON: the API has it as text.
func gbValue(raw json.RawMessage, kind string) json.RawMessage {
	var text string
	if kind == "" || json.Unmarshal(raw, &text) != nil {
		return raw
	}
	if kind == "string" || !json.Valid([]byte(text)) {
		return raw
	}
	return json.RawMessage(text)
}

// gbServed are all values of a feature, each once, the default one last.
func gbServed(f *gbFeature) []json.RawMessage {
	var out []json.RawMessage
	add := func(raw json.RawMessage) {
		v := compact(gbValue(raw, f.ValueType))
		if len(v) > 0 && !slices.ContainsFunc(out, func(have json.RawMessage) bool { return bytes.Equal(have, v) }) {
			out = append(out, v)
		}
	}
	rules := slices.Clone(f.Rules)
	for _, theirs := range slices.Sorted(maps.Keys(f.Environments)) {
		rules = append(rules, f.Environments[theirs].Rules...)
	}
	for _, rule := range rules {
		add(rule.Value)
		add(rule.Force)
		for _, v := range rule.Values {
			add(v.Value)
		}
		for _, v := range rule.Variations {
			add(v)
		}
	}
	for _, theirs := range slices.Sorted(maps.Keys(f.Environments)) {
		add(f.Environments[theirs].DefaultValue)
	}
	add(f.DefaultValue)
	return out
}

func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if len(raw) == 0 || json.Compact(&b, raw) != nil {
		return nil
	}
	return b.Bytes()
}

// gb is a feature on its way to a configuration.
type gb struct {
	r      *reader
	p      place
	flag   *flag.Flag
	values []json.RawMessage
	kind   string
}

// variant is the name of a value.
func (g *gb) variant(raw json.RawMessage) string {
	v := compact(gbValue(raw, g.kind))
	for i, have := range g.values {
		if bytes.Equal(have, v) {
			return at(g.flag, i)
		}
	}
	return at(g.flag, len(g.values)-1)
}

func (r *reader) gbFeature(f *gbFeature, environments map[string]bool) {
	p := place{flag: f.ID}
	if f.Archived {
		r.note(p, "it is archived", "left out: there is nothing to serve")
		return
	}
	out := flag.Flag{Key: r.key(p, f.ID), Description: f.Description, Owner: f.Owner, Tags: f.Tags,
		Client: f.ValueType == ""}
	values := gbServed(f)
	out.Kind, out.Variants = variants(values, nil)
	if out.Kind == flag.Boolean && len(values) == 1 { // both are there, so that people can turn it
		values = []json.RawMessage{json.RawMessage("true"), json.RawMessage("false")}
		_, out.Variants = variants(values, nil)
	}
	if len(out.Variants) == 0 {
		r.lose(p, "a feature without a value", "left out: there is nothing to serve")
		return
	}
	r.out.Flags = append(r.out.Flags, out)
	g := gb{r: r, flag: &out, values: values, kind: f.ValueType}
	if f.Environments == nil { // a payload of the SDKs is of one environment
		if environment := r.environment(""); environment != "" {
			environments[environment] = true
			g.config(f, environment, true, f.DefaultValue, f.Rules)
		}
		return
	}
	for _, theirs := range slices.Sorted(maps.Keys(f.Environments)) {
		e := f.Environments[theirs]
		environment := r.environment(theirs)
		if environment == "" {
			continue
		}
		environments[environment] = true
		rules := slices.Clone(e.Rules)
		for _, rule := range f.Rules { // the second version of the API has rules for several environments
			if rule.AllEnvironments != nil && *rule.AllEnvironments || slices.Contains(rule.In, theirs) {
				rules = append(rules, rule)
			}
		}
		value := e.DefaultValue
		if len(value) == 0 {
			value = f.DefaultValue
		}
		g.config(f, environment, e.Enabled, value, rules)
	}
}

func (g *gb) config(f *gbFeature, environment string, enabled bool, value json.RawMessage, rules []gbRule) {
	g.p = place{flag: g.flag.Key, environment: environment}
	c := flag.Config{Flag: g.flag.Key, Environment: environment, On: enabled}
	c.Default.Variant = g.variant(value)
	if !enabled {
		g.r.note(g.p, "it is disabled, and code gets null", "it is off, and programs use their own fallback")
	}
	for _, raw := range f.Prerequisites {
		g.r.lose(g.p, "it needs another feature: "+string(raw), "left out: add the flag under needs")
	}
	for i, rule := range rules {
		if rule.Enabled != nil && !*rule.Enabled {
			continue
		}
		groups, ok := g.conditions(&rule)
		if !ok {
			continue
		}
		serve, falls, ok := g.serve(&rule, c.Default)
		if !ok {
			continue
		}
		if falls && i < len(rules)-1 {
			g.r.lose(g.p, "users outside of a rule's share go on to the next rule",
				"they get the default: put that rule last, or give it all users")
		}
		for _, group := range groups {
			c.Rules = append(c.Rules, flag.Rule{Description: rule.Description, If: group, Serve: serve})
		}
	}
	g.r.out.Configs = append(g.r.out.Configs, c)
}

// serve is what a rule serves; falls says that users outside of its share go on.
func (g *gb) serve(rule *gbRule, rest flag.Serve) (s flag.Serve, falls, ok bool) {
	coverage := 1.0
	if rule.Coverage != nil {
		coverage = min(max(*rule.Coverage, 0), 1)
	}
	by := rule.HashAttribute
	if by == "id" {
		by = ""
	}
	switch value := slices.Concat(rule.Value, rule.Force); {
	case rule.Sparse:
		g.r.lose(g.p, "a rule whose value is merged into the default", "left out: write the whole value")
		return s, false, false
	case len(rule.ScheduleRules) > 0:
		g.r.lose(g.p, "a rule with a schedule", "left out: use before and after, or schedule a change")
		return s, false, false
	case len(rule.Namespace) > 0 && string(rule.Namespace) != "null" || rule.Type == "experiment-ref" ||
		rule.Type == "safe-rollout":
		g.r.lose(g.p, "a rule of type "+rule.Type+" that GrowthBook directs", "left out: start a ramp or a split here")
		return s, false, false
	case len(rule.Values) > 0 || len(rule.Variations) > 0:
		s = g.experiment(rule, coverage, rest)
	case len(value) > 0:
		s = share(g.variant(value), rest.Variant, coverage*100)
		if s.Variant == rest.Variant && coverage == 0 {
			return s, true, false
		}
	default:
		g.r.lose(g.p, "a rule of type "+rule.Type+" without a value", "left out")
		return s, false, false
	}
	if len(s.Split) > 0 {
		s.By, s.Salt = by, rule.Seed
		if len(s.Salt) > flag.MaxKey {
			s.Salt = ""
		}
	}
	return s, coverage < 1, true
}

func (g *gb) experiment(rule *gbRule, coverage float64, rest flag.Serve) flag.Serve {
	var names []string
	var weights []float64
	for _, v := range rule.Values {
		names, weights = append(names, g.variant(v.Value)), append(weights, v.Weight)
	}
	for i, v := range rule.Variations {
		weight := 1 / float64(len(rule.Variations))
		if i < len(rule.Weights) {
			weight = rule.Weights[i]
		}
		names, weights = append(names, g.variant(v)), append(weights, weight)
	}
	for i := range weights {
		weights[i] *= coverage
	}
	g.r.note(g.p, "an experiment "+rule.Key+rule.TrackingKey, "a split with the same shares; its results stay there")
	return split(append(names, rest.Variant), append(weights, 1-coverage), 1)
}

// conditions are the alternatives of what a rule asks for.
func (g *gb) conditions(rule *gbRule) ([][]flag.Condition, bool) {
	all := [][]flag.Condition{{}}
	lose := func(why string) ([][]flag.Condition, bool) {
		g.r.lose(g.p, "a rule with the condition "+short(rule.Condition), "left out: "+why)
		return nil, false
	}
	raw := rule.Condition
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	if len(bytes.TrimSpace(raw)) > 0 {
		var condition any
		if json.Unmarshal(raw, &condition) != nil {
			return lose("it is no JSON")
		}
		groups, why := mongo(condition, 0)
		if why != "" {
			return lose(why)
		}
		all = groups
	}
	for _, p := range slices.Concat(rule.Prerequisites, rule.ParentConditions) {
		return lose("it depends on another feature: " + short(p))
	}
	for _, t := range rule.SavedGroupTargeting {
		var groups [][]flag.Condition
		var together []flag.Condition
		for _, id := range t.SavedGroups {
			n := flag.Condition{Segment: name(id), Not: t.MatchType == "none"}
			groups, together = append(groups, []flag.Condition{n}), append(together, n)
		}
		if t.MatchType != "any" {
			groups = [][]flag.Condition{together}
		}
		more, ok := product(all, groups)
		if !ok {
			return lose("it would become too many rules")
		}
		all = more
	}
	return all, true
}

func short(raw []byte) string {
	text := []rune(string(raw))
	if len(text) > 200 {
		return string(text[:200]) + "…"
	}
	return string(text)
}
