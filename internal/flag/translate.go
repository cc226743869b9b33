package flag

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// node is a piece of a rule in flagd's language: an operator with its arguments, or a JSON value.
type node any

func call(op string, args ...node) node { return map[string]node{op: args} }
func attribute(path string) node        { return map[string]node{"var": path} }

// every and either are and and or without idle wrapping. Of nothing they are true and false.
func every(nodes []node) node {
	if len(nodes) == 0 {
		return true
	}
	return joined("and", nodes)
}

func either(nodes []node) node {
	if len(nodes) == 0 {
		return false
	}
	return joined("or", nodes)
}

func joined(op string, nodes []node) node {
	if len(nodes) == 1 {
		return nodes[0]
	}
	return call(op, nodes...)
}

// Document turns a valid set into flagd's definition document. Archived flags are not in it, nor are segments that no
// flag asks for. References go one level deep only, because flagd's clients replace them in any order: a segment is a
// named evaluator, a needed flag is written out where it is asked for.
func (s *Set) Document() (*Document, error) {
	x := s.index()
	d := &Document{
		Flags: make(map[string]Definition, len(s.Flags)),
		Metadata: map[string]any{
			MetaSet: s.App + "/" + s.Environment, MetaVersion: strconv.FormatInt(s.Generation, 10),
		},
	}
	used := map[string]bool{}
	for i := range s.Flags {
		f := &s.Flags[i]
		if !f.Archived.IsZero() {
			continue
		}
		definition, err := x.define(f)
		if err != nil {
			return nil, err
		}
		d.Flags[f.Key] = definition
		x.usedBy(f.Key, used)
	}
	for key := range used {
		g := x.segments[key]
		if g == nil {
			return nil, fault.New(fault.Invalid, "flag_set_invalid", "There is no segment %q that a rule asks for.", key)
		}
		text := s.Rules[key]
		if text == nil {
			var err error
			if text, err = g.Rule(s.Lists[key]); err != nil {
				return nil, err
			}
		}
		if d.Evaluators == nil {
			d.Evaluators = map[string]json.RawMessage{}
		}
		d.Evaluators[segmentPrefix+key] = text
	}
	return d, nil
}

// marshal leaves < and > as they are: flagd's documents are read by people too.
func marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "flag_document", "the rule can't be written")
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// usedBy adds the segments that a flag's rule asks for, itself or through flags that it needs.
func (x *index) usedBy(key string, used map[string]bool) {
	c := x.configs[key]
	if c == nil || !c.On {
		return
	}
	for _, segment := range c.Segments() {
		used[segment] = true
	}
	for _, need := range c.Needs {
		x.usedBy(need.Flag, used)
	}
}

// define is what a flag does here, as flagd has it.
func (x *index) define(f *Flag) (Definition, error) {
	d := Definition{State: Enabled, Variants: make(map[string]json.RawMessage, len(f.Variants))}
	for _, v := range f.Variants {
		d.Variants[v.Name] = v.Value
	}
	if f.Client || f.Bucketing != 2 {
		d.Metadata = map[string]any{}
	}
	if f.Client {
		d.Metadata[MetaClient] = true
	}
	if f.Bucketing != 2 {
		d.Metadata[MetaBucketing] = float64(f.Bucketing) // as a decoder would have it
	}
	c := x.configs[f.Key]
	switch {
	case c == nil || !c.On && c.Off == "":
		d.State = Disabled
		return d, nil
	case !c.On:
		d.DefaultVariant = &c.Off
		return d, nil
	}
	rule, err := x.target(f, c, &d)
	if err != nil || rule == nil {
		return d, err
	}
	d.Targeting, err = marshal(rule)
	return d, err
}

// target is the rule of a flag that is on. It says in the definition what is left to the default.
func (x *index) target(f *Flag, c *Config, d *Definition) (node, error) {
	if len(c.Needs) > 0 {
		if x.circle(f.Key) != nil {
			return nil, fault.New(fault.Invalid, "flag_set_invalid", "%s needs itself: take it out of needs.", f.Key)
		}
		if depth, inlined := x.chain(f.Key); depth > MaxChain || inlined > MaxInlined {
			return nil, fault.New(fault.Invalid, "flag_set_invalid",
				"%s needs too many flags: at most %d in a chain, %d in all.", f.Key, MaxChain, MaxInlined)
		}
	}
	if c.Default.Variant != "" {
		d.DefaultVariant = &c.Default.Variant
	}
	t := translation{index: x, key: f.Key}
	switch off := c.Off; {
	case len(c.Needs) == 0:
		return t.chain(c), nil
	case off != "":
		return call("if", t.needs(c), t.chain(c), off), nil
	}
	// Only a rule without a default says that there is no variant, so everybody is named in the rule.
	d.DefaultVariant, t.explicit = nil, true
	return call("if", t.needs(c), t.chain(c), nil), nil
}

// translation writes one flag's rule.
type translation struct {
	*index
	key string // of the flag in whose document the rule stands
	// explicit says that the rule must name the variant of everybody: the document's default is not the config's.
	explicit bool
}

// needs is true when every needed flag serves one of its variants.
func (t translation) needs(c *Config) node {
	met := make([]node, len(c.Needs))
	for i, need := range c.Needs {
		met[i] = call("in", t.needed(need.Flag), need.Variants)
	}
	return every(met)
}

// needed is the variant that another flag serves, or null.
func (t translation) needed(key string) node {
	f, c := t.flags[key], t.configs[key]
	switch {
	case f == nil || c == nil || !f.Archived.IsZero() || len(c.Targeting) > 0:
		return nil
	case !c.On && c.Off == "":
		return nil
	case !c.On:
		return c.Off
	}
	inner := translation{index: t.index, key: key, explicit: true}
	rule := inner.chain(c)
	if len(c.Needs) == 0 {
		return rule
	}
	var off node
	if c.Off != "" {
		off = c.Off
	}
	return call("if", inner.needs(c), rule, off)
}

// chain is the rules in their order. Null leaves a user to the document's default.
func (t translation) chain(c *Config) node {
	if len(c.Targeting) > 0 {
		if t.explicit {
			return call("if", call("===", c.Targeting, nil), c.Default.Variant, c.Targeting)
		}
		return c.Targeting
	}
	var args []node
	for _, r := range c.Rules {
		served := t.serve(r.Serve, c)
		if len(r.If) == 0 {
			return t.closed(args, served, c)
		}
		args = append(args, allOf(r.If), served)
	}
	rest := t.serve(c.Default, c)
	if c.Default.Variant != "" && !t.explicit {
		rest = nil // the document's default says it, with the reason DEFAULT
	}
	return t.closed(args, rest, c)
}

func (t translation) closed(args []node, rest node, c *Config) node {
	if len(args) == 0 {
		if name, ok := rest.(string); ok && !t.explicit {
			// A rule is an object in flagd's schema.
			return call("if", true, name, nil)
		}
		return rest
	}
	return call("if", append(args, rest)...)
}

// serve is a variant's name, or the split that chooses one. Who can't be bucketed gets null, or what explicit asks for.
func (t translation) serve(s Serve, c *Config) node {
	if s.Variant != "" {
		return s.Variant
	}
	parts := make([]node, len(s.Split))
	for i, p := range s.Split {
		parts[i] = []node{p.Variant, p.Weight}
	}
	by, salt := s.By, s.Salt
	if by == "" {
		by = targetingKey
	}
	if salt == "" {
		salt = t.key
	}
	if by == targetingKey && salt == t.key && !t.explicit {
		return call("fractional", parts...)
	}
	var fallback node
	if t.explicit && c.Default.Variant != "" {
		fallback = c.Default.Variant
	}
	bucketed := call("fractional", append([]node{call("cat", salt, attribute(by))}, parts...)...)
	return call("if", bucketable(by), bucketed, fallback)
}

// bucketable is true of strings that are not empty, and of numbers.
func bucketable(path string) node {
	if path == targetingKey {
		return call("and", isString(path), call("!==", attribute(path), ""))
	}
	return call("!", call("in", scalar(path), []node{nil, true, false, ""}))
}

func allOf(conditions []Condition) node {
	nodes := make([]node, len(conditions))
	for i := range conditions {
		nodes[i] = conditions[i].rule()
	}
	return every(nodes)
}

// Rule is the segment in flagd's language, with its members.
func (g *Segment) Rule(members []string) (json.RawMessage, error) { return marshal(g.rule(members)) }

func (g *Segment) rule(list []string) node {
	by := g.By
	if by == "" {
		by = targetingKey
	}
	var ways []node
	if len(list) > 0 {
		ways = append(ways, call("in", attribute(by), list))
	}
	for _, group := range g.Any {
		ways = append(ways, allOf(group))
	}
	if len(ways) == 0 {
		ways = append(ways, call("in", attribute(by), []string{})) // an evaluator is an object in flagd's schema
	}
	if len(g.Excluded) == 0 {
		return either(ways)
	}
	return call("and", call("!", call("in", attribute(by), g.Excluded)), either(ways))
}

// Rule is the condition in flagd's language.
func (n *Condition) Rule() (json.RawMessage, error) { return marshal(n.rule()) }

func (n *Condition) rule() node {
	rule := n.plain()
	if n.Not {
		return call("!", rule)
	}
	return rule
}

func (n *Condition) plain() node {
	if n.Segment != "" {
		return map[string]node{"$ref": segmentPrefix + n.Segment}
	}
	if n.Op == Missing {
		return call("===", attribute(n.Attribute), nil)
	}
	if n.Op == Equals && len(n.Values) > 1 {
		return call("in", attribute(n.Attribute), n.Values)
	}
	ways := make([]node, len(n.Values))
	for i, v := range n.Values {
		ways[i] = n.compare(v)
	}
	return either(ways)
}

// compare is one value's part of a condition. flagd's comparisons turn one type into another, and clients fail upon
// types they don't expect, so every form here first asks for the type, where the operator does not do that itself.
func (n *Condition) compare(value any) node {
	a := attribute(n.Attribute)
	switch n.Op {
	case StartsWith, EndsWith:
		return call(string(n.Op), a, value) // null unless both are strings
	case Contains:
		if _, ok := value.(string); ok {
			return call("if", isString(n.Attribute), call("in", value, a), call("in", value, call("merge", a)))
		}
		// merge makes a list of a single value, which would be equal and is no list.
		return call("and", call("!==", a, value), call("in", value, call("merge", a)))
	case Version:
		text, _ := value.(string)
		op, version, _ := versionRange(text)
		return call("sem_ver", a, op, version)
	case Before, After:
		return n.instant(value)
	case Less:
		return numeric(n.Attribute, "<", value)
	case AtMost:
		return numeric(n.Attribute, "<=", value)
	case More:
		return numeric(n.Attribute, ">", value)
	case AtLeast:
		return numeric(n.Attribute, ">=", value)
	}
	return call("===", a, value)
}

func (n *Condition) instant(value any) node {
	text, _ := value.(string)
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return false
	}
	op := "<"
	if n.Op == After {
		op = ">="
	}
	if n.Attribute == "" {
		return call(op, attribute("$flagd.timestamp"), t.Unix())
	}
	return numeric(n.Attribute, op, t.Unix())
}

// isString is true of strings only: the operator gives null for everything else.
func isString(path string) node { return call("starts_with", attribute(path), "") }

// scalar is an attribute's value when it is a string, a number or a boolean, else null. fractional is the one operator
// that tells scalars from lists and objects without failing: with a single part it returns that part, or null.
func scalar(path string) node { return call("fractional", "", []node{attribute(path), 1}) }

// numeric compares numbers, and is not true of anything else.
func numeric(path, op string, value any) node {
	return call("and",
		call("!", call("in", scalar(path), []node{nil, true, false})),
		call("!", isString(path)),
		call(op, attribute(path), value))
}
