package foreign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// ldFlag is a flag of LaunchDarkly's REST API. A payload of its SDKs has the fields of one environment in the flag.
type ldFlag struct {
	Key, Name, Description string
	Tags                   []string
	Archived, Temporary    bool
	CreationDate           int64
	ClientSide             struct {
		UsingEnvironmentID bool `json:"usingEnvironmentId"`
	} `json:"clientSideAvailability"`
	Maintainer struct {
		Email string
	} `json:"_maintainer"`
	Variations   []json.RawMessage
	Environments map[string]ldConfig
	ldConfig
}

type ldConfig struct {
	On             bool
	Targets        []ldTarget
	ContextTargets []ldTarget
	Rules          []ldRule
	Fallthrough    ldServe
	OffVariation   *int
	Prerequisites  []struct {
		Key       string
		Variation int
	}
}

type ldTarget struct {
	Values      []string
	Variation   int
	ContextKind string
}

type ldServe struct {
	Variation *int
	Rollout   *struct {
		Variations []struct {
			Variation int
			Weight    float64
		}
		BucketBy, ContextKind string
	}
}

type ldRule struct {
	Description string
	Disabled    bool
	Clauses     []ldClause
	ldServe
}

type ldClause struct {
	Attribute, Op, ContextKind string
	Values                     []any
	Negate                     bool
}

type ldSegment struct {
	Key, Name, Description string
	Included, Excluded     []string
	IncludedContexts       []ldTarget
	ExcludedContexts       []ldTarget
	Unbounded              bool
	Rules                  []struct {
		Clauses []ldClause
		Weight  *float64
	}
}

// readLaunchDarkly reads a flag, a list of flags, {"items": flags}, or {"flags": …, "segments": …}, where the
// segments are a list or lists by environment.
func readLaunchDarkly(r *reader, text []byte) error {
	flags, segments, err := ldFile(text)
	if err != nil {
		return err
	}
	for _, theirs := range slices.Sorted(maps.Keys(segments)) {
		environment := r.environment(theirs)
		for _, raw := range segments[theirs] {
			var g ldSegment
			if err := json.Unmarshal(raw, &g); err != nil {
				return fmt.Errorf("a segment: %w", err)
			}
			if environment != "" {
				r.ldSegment(environment, &g)
			}
		}
	}
	for _, raw := range flags {
		var f ldFlag
		if err := json.Unmarshal(raw, &f); err != nil {
			return fmt.Errorf("a flag: %w", err)
		}
		r.ldFlag(&f)
	}
	r.ldNeeds()
	r.note(place{}, "attributes that are lists",
		"LaunchDarkly compares each element with every operator; here only contains looks into lists")
	return nil
}

func ldFile(text []byte) (flags []json.RawMessage, segments map[string][]json.RawMessage, err error) {
	var file struct {
		Items, Variations, Flags, Segments json.RawMessage
	}
	if list := bytes.TrimSpace(text); len(list) > 0 && list[0] == '[' {
		err = json.Unmarshal(list, &flags)
		return flags, nil, err
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, nil, err
	}
	if file.Variations != nil {
		return []json.RawMessage{text}, nil, nil
	}
	flags, _ = rawList(file.Items)
	if file.Flags != nil {
		flags, _ = rawList(file.Flags)
	}
	segments = map[string][]json.RawMessage{}
	if list, ok := rawList(file.Segments); ok && len(list) > 0 && bytesHave(list[0], `"key"`) {
		segments[""] = list
		return flags, segments, nil
	}
	var by map[string]json.RawMessage
	if file.Segments != nil && json.Unmarshal(file.Segments, &by) == nil {
		for environment, raw := range by {
			segments[environment], _ = rawList(raw)
		}
	}
	return flags, segments, nil
}

// rawList reads a list, {"items": list}, or the values of an object whose values have keys.
func rawList(text json.RawMessage) ([]json.RawMessage, bool) {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) == nil {
		return list, list != nil
	}
	var by map[string]json.RawMessage
	if json.Unmarshal(text, &by) != nil {
		return nil, false
	}
	if items, ok := by["items"]; ok {
		return rawList(items)
	}
	for _, key := range slices.Sorted(maps.Keys(by)) {
		if !bytesHave(by[key], `"key"`) || kindOf(by[key]) != flag.Object {
			return nil, false
		}
		list = append(list, by[key])
	}
	return list, len(list) > 0
}

func bytesHave(text json.RawMessage, part string) bool { return strings.Contains(string(text), part) }

func (r *reader) ldFlag(f *ldFlag) {
	p := place{flag: f.Key}
	out := flag.Flag{Key: r.key(p, f.Key), Description: f.Description, Owner: f.Maintainer.Email, Tags: f.Tags,
		Client: f.ClientSide.UsingEnvironmentID, Permanent: !f.Temporary && f.Environments != nil}
	if out.Description == "" {
		out.Description = f.Name
	}
	if f.CreationDate > 0 {
		out.Created = time.UnixMilli(f.CreationDate).UTC()
	}
	if f.Archived {
		r.note(p, "it is archived", "left out: there is nothing to serve")
		return
	}
	values, names := f.Variations, make([]string, len(f.Variations))
	if f.Environments != nil {
		values = make([]json.RawMessage, len(f.Variations))
		for i, raw := range f.Variations {
			var v struct {
				Value json.RawMessage
				Name  string
			}
			if json.Unmarshal(raw, &v) == nil {
				values[i], names[i] = v.Value, v.Name
			}
		}
	} else {
		f.Environments = map[string]ldConfig{"": f.ldConfig}
	}
	out.Kind, out.Variants = variants(values, names)
	r.out.Flags = append(r.out.Flags, out)
	for _, theirs := range slices.Sorted(maps.Keys(f.Environments)) {
		if environment := r.environment(theirs); environment != "" {
			c := f.Environments[theirs]
			r.out.Configs = append(r.out.Configs, r.ldConfig(&out, environment, &c))
		}
	}
}

// at is a variant by its place.
func at(f *flag.Flag, i int) string {
	if i < 0 || i >= len(f.Variants) {
		return fmt.Sprintf("variation-%d", i)
	}
	return f.Variants[i].Name
}

func (r *reader) ldConfig(f *flag.Flag, environment string, c *ldConfig) flag.Config {
	p := place{flag: f.Key, environment: environment}
	out := flag.Config{Flag: f.Key, Environment: environment, On: c.On}
	if c.OffVariation != nil {
		out.Off = at(f, *c.OffVariation)
	}
	for _, need := range c.Prerequisites {
		out.Needs = append(out.Needs, flag.Prerequisite{
			Flag: name(need.Key), Variants: []string{fmt.Sprintf("#%d", need.Variation)}})
	}
	for _, t := range slices.Concat(c.ContextTargets, c.Targets) {
		if len(t.Values) > 0 {
			out.Rules = append(out.Rules, r.ldTarget(p, f, t, len(out.Rules)))
		}
	}
	for _, rule := range c.Rules {
		if rule.Disabled {
			continue
		}
		serve := r.ldServe(p, f, &rule.ldServe)
		alternatives, ok := r.ldClauses(p, rule.Clauses)
		if !ok {
			continue
		}
		for _, group := range alternatives {
			out.Rules = append(out.Rules, flag.Rule{Description: rule.Description, If: group, Serve: serve})
		}
	}
	out.Default = r.ldServe(p, f, &c.Fallthrough)
	if s := out.Default; s.By != "" { // who has no such attribute gets the first part there, and the default here
		out.Rules = append(out.Rules, flag.Rule{Serve: s})
		out.Default = flag.Serve{Variant: s.Split[0].Variant}
	}
	for _, rule := range out.Rules {
		if s := rule.Serve; s.By != "" && s.Split[0].Variant != out.Default.Variant {
			r.lose(p, "users without "+s.By+" get the first part of a rollout, "+s.Split[0].Variant,
				"they get the default: write a rule before it for users whose "+s.By+" is missing")
		}
	}
	return out
}

// ldNeeds gives prerequisites the names of variants, which are known when all flags are read.
func (r *reader) ldNeeds() {
	for i := range r.out.Configs {
		c := &r.out.Configs[i]
		for j := range c.Needs {
			for k := range r.out.Flags {
				if r.out.Flags[k].Key == c.Needs[j].Flag {
					n, _ := strconv.Atoi(strings.TrimPrefix(c.Needs[j].Variants[0], "#"))
					c.Needs[j].Variants = []string{at(&r.out.Flags[k], n)}
				}
			}
			r.ldNeeded(c, c.Needs[j])
		}
	}
}

// ldNeeded looks whether a flag that is needed serves the variant while it is off: there that meets no need, here it
// does.
func (r *reader) ldNeeded(c *flag.Config, need flag.Prerequisite) {
	p := place{flag: c.Flag, environment: c.Environment}
	for _, other := range r.out.Configs {
		if other.Flag != need.Flag || other.Environment != c.Environment || other.Off != need.Variants[0] {
			continue
		}
		const done = "while that is off and serves the same variant, the need is met here: name another variant for off"
		if what := "it needs that " + need.Flag + " is on and serves " + need.Variants[0]; other.On {
			r.note(p, what, done)
		} else {
			r.lose(p, what, done)
		}
	}
}

// ldTarget is a rule for users who are named.
func (r *reader) ldTarget(p place, f *flag.Flag, t ldTarget, n int) flag.Rule {
	attribute := ldAttribute("key", t.ContextKind)
	rule := flag.Rule{Serve: flag.Serve{Variant: at(f, t.Variation)}}
	if len(t.Values) <= flag.MaxValues {
		rule.If = []flag.Condition{{Attribute: attribute, Op: flag.Equals, Values: texts(t.Values)}}
		return rule
	}
	key := fmt.Sprintf("%s-targets-%d", f.Key[:min(len(f.Key), 100)], n+1)
	g := flag.Segment{Key: key, Description: "Named for " + rule.Serve.Variant + " in " + f.Key}
	if attribute != "targetingKey" {
		g.By = attribute
	}
	r.segment(p.environment, g, t.Values)
	r.note(p, fmt.Sprintf("%d users who are named", len(t.Values)), "they are the list of segment "+key)
	rule.If = []flag.Condition{{Segment: key}}
	return rule
}

// ldAttribute is an attribute of a kind of context.
func ldAttribute(attribute, kind string) string {
	attribute = slashes(attribute)
	switch {
	case kind != "" && kind != "user" && kind != "multi":
		return kind + "." + attribute
	case attribute == "key" || attribute == "":
		return "targetingKey"
	}
	return attribute
}

func (r *reader) ldServe(p place, f *flag.Flag, s *ldServe) flag.Serve {
	if s.Rollout == nil || len(s.Rollout.Variations) == 0 {
		if s.Variation == nil {
			r.lose(p, "a rule that serves nothing", "it serves the first variant")
			return flag.Serve{Variant: at(f, 0)}
		}
		return flag.Serve{Variant: at(f, *s.Variation)}
	}
	var names []string
	var weights []float64
	for _, v := range s.Rollout.Variations {
		names = append(names, at(f, v.Variation))
		weights = append(weights, v.Weight)
	}
	out := split(names, weights, 100_000)
	by := s.Rollout.BucketBy
	if by == "" {
		by = "key"
	}
	if attribute := ldAttribute(by, s.Rollout.ContextKind); attribute != "targetingKey" && len(out.Split) > 0 {
		out.By = attribute
	}
	return out
}

// ldClauses are the alternatives of conditions that say what clauses say together.
func (r *reader) ldClauses(p place, clauses []ldClause) ([][]flag.Condition, bool) {
	all := [][]flag.Condition{{}}
	for _, c := range clauses {
		alternatives, why := sayClause(c)
		if why == "" {
			if more, ok := product(all, alternatives); ok {
				all = more
				continue
			}
			why = "it would become too many rules"
		}
		r.lose(p, fmt.Sprintf("a rule that asks whether %s %s %v", c.Attribute, c.Op, c.Values), "left out: "+why)
		return nil, false
	}
	return all, true
}

// sayClause says one clause; why says why it can't be said.
func sayClause(c ldClause) (alternatives [][]flag.Condition, why string) {
	if c.Op == "segmentMatch" {
		return ldSegments(c), ""
	}
	attribute := ldAttribute(c.Attribute, c.ContextKind)
	n := flag.Condition{Attribute: attribute, Not: c.Negate}
	values, ok := scalars(c.Values)
	if !ok {
		return nil, "its values are not strings, numbers or booleans"
	}
	simple := map[string]flag.Op{"in": flag.Equals, "startsWith": flag.StartsWith, "endsWith": flag.EndsWith,
		"contains": flag.Contains, "lessThan": flag.Less, "lessThanOrEqual": flag.AtMost, "greaterThan": flag.More,
		"greaterThanOrEqual": flag.AtLeast}
	versions := map[string]string{"semVerEqual": "=", "semVerLessThan": "<", "semVerGreaterThan": ">",
		"semVerLessThanOrEqual": "<=", "semVerGreaterThanOrEqual": ">="}
	switch op, isVersion := versions[c.Op]; {
	case simple[c.Op] != "":
		n.Op, n.Values = simple[c.Op], values
		if slices.Contains([]flag.Op{flag.Less, flag.AtMost, flag.More, flag.AtLeast}, n.Op) && len(values) > 1 {
			return nil, "it compares with several numbers"
		}
	case isVersion:
		n.Op = flag.Version
		for _, v := range values {
			text, ok := version(op, v)
			if !ok {
				return nil, "its value is no version"
			}
			n.Values = append(n.Values, text)
		}
	case c.Op == "matches":
		text, _ := values[0].(string)
		if n, ok = pattern(attribute, text); !ok || len(values) > 1 {
			return nil, "flagd has no regular expressions"
		}
		n.Not = c.Negate
	case c.Op == "before" || c.Op == "after":
		return nil, "attributes with times are Unix seconds here, and milliseconds or text there"
	default:
		return nil, "there is no such operator here"
	}
	group := []flag.Condition{n}
	if c.Negate { // there a missing attribute satisfies nothing, even negated
		group = append(group, present(attribute))
	}
	return [][]flag.Condition{group}, ""
}

func ldSegments(c ldClause) [][]flag.Condition {
	var out [][]flag.Condition
	var none []flag.Condition
	for _, v := range c.Values {
		key, _ := v.(string)
		out = append(out, []flag.Condition{{Segment: name(key)}})
		none = append(none, flag.Condition{Segment: name(key), Not: true})
	}
	if c.Negate {
		return [][]flag.Condition{none}
	}
	return out
}

func (r *reader) ldSegment(environment string, g *ldSegment) {
	p := place{segment: name(g.Key), environment: environment}
	out := flag.Segment{Key: r.key(p, g.Key), Description: g.Description}
	if g.Unbounded {
		r.lose(p, "a big segment, whose members are kept elsewhere", "it has no members: add them")
	}
	for _, t := range g.IncludedContexts {
		out.Any = append(out.Any, []flag.Condition{
			{Attribute: ldAttribute("key", t.ContextKind), Op: flag.Equals, Values: texts(t.Values)}})
	}
	if len(g.ExcludedContexts) > 0 {
		r.lose(p, "excluded contexts that are not users", "left out")
	}
	for _, x := range g.Excluded {
		if slices.Contains(g.Included, x) {
			r.note(p, "a user who is included and excluded", "only included, as there")
			continue
		}
		out.Excluded = append(out.Excluded, x)
	}
	for _, rule := range g.Rules {
		if rule.Weight != nil {
			r.lose(p, "a rule for a share of users", "left out: a segment has no shares here")
			continue
		}
		groups, ok := r.ldClauses(p, rule.Clauses)
		if ok {
			out.Any = append(out.Any, groups...)
		}
	}
	r.segment(environment, out, g.Included)
}
