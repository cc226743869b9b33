package flag

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Validate says everything that is wrong with what a flag does in an environment. The set holds the flag, and the
// segments and other flags that the config may ask for; what it holds for this config is not looked at.
func (c Config) Validate(s *Set) error {
	all := newComplaints()
	x := s.index()
	x.configs[c.Flag] = &c
	x.checkConfig(all, &c)
	return all.err("flag_config_invalid", "The configuration can't be kept")
}

// Validate says everything that is wrong with a segment. Attributes are those that it may ask for; none: any.
func (g Segment) Validate(attributes ...string) error {
	all := newComplaints()
	g.check(all, attributes)
	return all.err("segment_invalid", "The segment can't be kept")
}

// Validate says everything that is wrong with a whole environment, so that what was kept can be held to newer rules.
func (s *Set) Validate() error {
	all := newComplaints()
	x := s.index()
	for i := range s.Flags {
		f := &s.Flags[i]
		f.check(all.in("flags/%s", f.Key))
		if x.flags[f.Key] != f {
			all.in("flags/%s", f.Key).say("the key is there twice")
		}
	}
	for i := range s.Segments {
		g := &s.Segments[i]
		g.check(all.in("segments/%s", g.Key), s.Attributes)
		checkMembers(all.in("segments/%s.members", g.Key), s.Lists[g.Key])
	}
	for i := range s.Configs {
		x.checkConfig(all.in("configs/%s", s.Configs[i].Flag), &s.Configs[i])
	}
	return all.err("flag_set_invalid", "The flags of the environment don't fit together")
}

// ValidateMembers says what is wrong with names that shall be added to a segment.
func ValidateMembers(members []string) error {
	all := newComplaints()
	checkMembers(all.in("members"), members)
	return all.err("segment_invalid", "The members can't be added")
}

func checkMembers(c complaints, members []string) {
	for i, m := range members {
		if m == "" || len(m) > MaxWord {
			c.in("[%d]", i).say("a member has 1 to %d bytes", MaxWord)
		}
	}
}

// index finds things by key.
type index struct {
	*Set
	flags    map[string]*Flag
	configs  map[string]*Config
	segments map[string]*Segment
}

func (s *Set) index() *index {
	x := &index{
		Set:      s,
		flags:    make(map[string]*Flag, len(s.Flags)),
		configs:  make(map[string]*Config, len(s.Configs)),
		segments: make(map[string]*Segment, len(s.Segments)),
	}
	for i := range s.Flags {
		x.flags[s.Flags[i].Key] = &s.Flags[i]
	}
	for i := range s.Configs {
		x.configs[s.Configs[i].Flag] = &s.Configs[i]
	}
	for i := range s.Segments {
		x.segments[s.Segments[i].Key] = &s.Segments[i]
	}
	return x
}

func (x *index) checkConfig(c complaints, config *Config) {
	f := x.flags[config.Flag]
	if f == nil {
		c.in("flag").say("there is no flag %q: create it first", config.Flag)
		return
	}
	if !f.Archived.IsZero() {
		c.in("flag").say("%q is archived: restore it first", f.Key)
	}
	if config.Off != "" {
		checkVariant(c.in("off"), f, config.Off)
	}
	if len(config.Reason) > MaxText {
		c.in("reason").say("%d bytes: at most %d", len(config.Reason), MaxText)
	}
	x.checkNeeds(c.in("needs"), config)
	x.checkUses(c, config)
	checkServe(c.in("default"), f, config.Default)
	if len(config.Targeting) > 0 {
		x.checkTargeting(c.in("targeting"), config)
	}
	if len(config.Rules) > MaxRules {
		c.in("rules").say("%d rules: at most %d; put users into segments", len(config.Rules), MaxRules)
	}
	ids := map[string]bool{}
	for i, r := range config.Rules {
		at := c.in("rules[%d]", i)
		checkKey(at.in("id"), r.ID)
		if ids[r.ID] {
			at.in("id").say("%q is there twice: give each rule an id of its own", r.ID)
		}
		ids[r.ID] = true
		if len(r.Description) > MaxText {
			at.in("description").say("%d bytes: at most %d", len(r.Description), MaxText)
		}
		x.checkConditions(at.in("if"), r.If)
		checkServe(at.in("serve"), f, r.Serve)
	}
}

func (x *index) checkConditions(c complaints, conditions []Condition) {
	if len(conditions) > MaxConditions {
		c.say("%d conditions: at most %d", len(conditions), MaxConditions)
	}
	for i, condition := range conditions {
		at := c.in("[%d]", i)
		if condition.Segment == "" {
			condition.check(at, x.Attributes)
			continue
		}
		if condition.Attribute != "" || condition.Op != "" || len(condition.Values) > 0 {
			at.say("it asks for a segment and for an attribute: make two conditions of it")
		}
		if x.segments[condition.Segment] == nil {
			at.in("segment").say("there is no segment %q in this environment: create it first", condition.Segment)
		}
	}
}

func (g Segment) check(c complaints, attributes []string) {
	checkKey(c.in("key"), g.Key)
	if len(g.Description) > MaxText {
		c.in("description").say("%d bytes: at most %d", len(g.Description), MaxText)
	}
	if g.By != "" {
		checkAttribute(c.in("by"), g.By, nil)
	}
	if len(g.Any) > MaxGroups {
		c.in("any").say("%d groups: at most %d", len(g.Any), MaxGroups)
	}
	for i, group := range g.Any {
		at := c.in("any[%d]", i)
		switch {
		case len(group) == 0:
			at.say("the group has no condition: everybody would be in the segment")
		case len(group) > MaxConditions:
			at.say("%d conditions: at most %d", len(group), MaxConditions)
		}
		for j, condition := range group {
			if condition.Segment != "" {
				at.in("[%d].segment", j).say("a segment can't ask for a segment: repeat its conditions here")
				continue
			}
			condition.check(at.in("[%d]", j), attributes)
		}
	}
	if len(g.Excluded) > MaxExcluded {
		c.in("excluded").say("%d names: at most %d", len(g.Excluded), MaxExcluded)
	}
	checkMembers(c.in("excluded"), g.Excluded)
}

func checkVariant(c complaints, f *Flag, name string) {
	if !slices.ContainsFunc(f.Variants, func(v Variant) bool { return v.Name == name }) {
		c.say("%q has no variant %q: use one of %s", f.Key, name, listed(variantNames(f)))
	}
}

func variantNames(f *Flag) []string {
	names := make([]string, len(f.Variants))
	for i, v := range f.Variants {
		names[i] = v.Name
	}
	return names
}

// listed is a list for people, with an end where it is long.
func listed(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

func checkServe(c complaints, f *Flag, s Serve) {
	switch {
	case s.Variant != "" && len(s.Split) > 0:
		c.say("it names a variant and a split: keep one of them")
	case s.Variant == "" && len(s.Split) == 0:
		c.say("it serves nothing: name a variant or a split")
	case s.Variant != "":
		checkVariant(c.in("variant"), f, s.Variant)
		if s.By != "" || s.Salt != "" {
			c.say("by and salt belong to a split: leave them out")
		}
		return
	}
	if s.By != "" {
		checkAttribute(c.in("by"), s.By, nil)
	}
	if len(s.Salt) > MaxKey {
		c.in("salt").say("%d bytes: at most %d", len(s.Salt), MaxKey)
	}
	if len(s.Split) > MaxVariants {
		c.in("split").say("%d parts: at most %d", len(s.Split), MaxVariants)
	}
	sum, seen := 0, map[string]bool{}
	for i, p := range s.Split {
		at := c.in("split[%d]", i)
		checkVariant(at.in("variant"), f, p.Variant)
		if seen[p.Variant] {
			at.in("variant").say("%q is there twice: add the weights up", p.Variant)
		}
		seen[p.Variant] = true
		if p.Weight < 0 || p.Weight > 1<<31-1 {
			at.in("weight").say("%d: a weight is 0 to 2147483647", p.Weight)
			return
		}
		sum += p.Weight
	}
	if len(s.Split) > 0 && (sum == 0 || sum > 1<<31-1) {
		c.in("split").say("the weights add up to %d: make it 1 to 2147483647; 10000 makes a point 0.01 %%", sum)
	}
}

// checkAttribute holds a path to what every client reads alike.
func checkAttribute(c complaints, path string, known []string) {
	switch {
	case path == "":
		c.say("it is empty: name an attribute, as plan or address.country")
	case len(path) > 256:
		c.say("%d bytes: at most 256", len(path))
	case strings.HasPrefix(path, "$flagd"):
		c.say("$flagd is set by the evaluator: before and after without an attribute compare the time")
	case strings.ContainsAny(path, `/\"`) || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' }):
		c.say("%q has a slash, a quote or a control character in it", path)
	case slices.ContainsFunc(strings.Split(path, "."), func(p string) bool {
		return p == "" || p == "__proto__" || p == "constructor" || p == "prototype"
	}):
		c.say("%q has an empty part, or a word that JavaScript keeps for itself", path)
	case len(known) > 0 && path != targetingKey && !slices.Contains(known, path):
		c.say("there is no attribute %q: use targetingKey or one of %s", path, listed(known))
	}
}

func (n Condition) check(c complaints, attributes []string) {
	if !slices.Contains(Ops(), n.Op) {
		names := make([]string, len(Ops()))
		for i, op := range Ops() {
			names[i] = string(op)
		}
		c.in("op").say("%q is no operator: use one of %s", n.Op, strings.Join(names, ", "))
		return
	}
	if clock := n.Op == Before || n.Op == After; !clock || n.Attribute != "" {
		checkAttribute(c.in("attribute"), n.Attribute, attributes)
	}
	switch single := slices.Contains([]Op{Less, AtMost, More, AtLeast, Before, After}, n.Op); {
	case n.Op == Missing:
		if len(n.Values) > 0 {
			c.in("values").say("missing takes none: leave them out")
		}
		return
	case len(n.Values) == 0:
		c.in("values").say("there is none: name what the attribute is compared with")
	case single && len(n.Values) > 1:
		c.in("values").say("%s takes one value: make a rule for each, or take the wider one", n.Op)
	case len(n.Values) > MaxValues:
		c.in("values").say("%d values: at most %d; a longer list is a segment", len(n.Values), MaxValues)
	}
	for i, v := range n.Values {
		n.checkOne(c.in("values[%d]", i), v)
	}
}

func (n Condition) checkOne(c complaints, value any) {
	text, isText := value.(string)
	if len(text) > MaxWord {
		c.say("%d bytes: at most %d", len(text), MaxWord)
		return
	}
	_, err := number(value)
	_, isTruth := value.(bool)
	switch n.Op {
	case Equals, Contains:
		if text == "" && isText && n.Op == Contains {
			c.say("an empty string is in every string: for attributes that are there use missing with not")
		}
		if !isText && err != nil && !isTruth {
			c.say("it is neither a string, a number nor a boolean; for null use missing")
		}
	case StartsWith, EndsWith:
		if !isText {
			c.say("%s compares strings: put the value in quotes", n.Op)
		} else if text == "" {
			c.say("every string does that with an empty one: for attributes that are there use missing with not")
		}
	case Less, AtMost, More, AtLeast:
		if err != nil {
			c.say("%s compares numbers: leave the quotes out", n.Op)
		}
	case Version:
		if _, _, ok := versionRange(text); !isText || !ok {
			c.say(`write an operator and a version, as ">= 1.4.0": the operators are = != < <= > >= ^ ~`)
		}
	case Before, After:
		if t, err := time.Parse(time.RFC3339, text); !isText || err != nil {
			c.say("write an instant as 2026-12-01T09:00:00Z")
		} else if t.Nanosecond() != 0 {
			c.say("instants have whole seconds: leave the fraction out")
		}
	}
}

// versionRange divides ">= 1.4.0" into its operator and a version that every client reads.
func versionRange(text string) (op, version string, ok bool) {
	version = strings.TrimLeft(text, "=!<>^~")
	op = text[:len(text)-len(version)]
	version = strings.TrimSpace(version)
	if !slices.Contains([]string{"=", "!=", "<", "<=", ">", ">=", "^", "~"}, op) {
		return "", "", false
	}
	return op, version, versionText.MatchString(version) && len(version) <= 256 && fits(version)
}

var versionText = regexp.MustCompile(`^[vV]?(?:\d{1,15}(?:\.\d{1,15})?|` +
	`(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)` +
	`(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?` +
	`(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)$`)

// fits says whether the numbers of a version are exact in every client: JavaScript's are exact up to 2^53.
func fits(version string) bool {
	core, _, _ := strings.Cut(strings.TrimLeft(version, "vV"), "+")
	core, _, _ = strings.Cut(core, "-")
	for part := range strings.SplitSeq(core, ".") {
		if n, err := strconv.ParseUint(part, 10, 64); err != nil || n > 1<<53-1 {
			return false
		}
	}
	return true
}

// checkTargeting holds a raw rule to its limits, and to names that are there.
func (x *index) checkTargeting(c complaints, config *Config) {
	if len(config.Rules) > 0 {
		c.say("it stands in place of rules: keep one of them")
	}
	if config.Default.Variant == "" {
		c.say("beside it the default must be one variant")
	}
	if len(config.Targeting) > MaxTargeting {
		c.say("%d bytes: at most %d", len(config.Targeting), MaxTargeting)
		return
	}
	depth, ok := depthOf(config.Targeting)
	switch {
	case !ok || kindOf(config.Targeting) != Object:
		c.say("it is not a JSON object: write a rule in flagd's language")
		return
	case depth > MaxDepth:
		c.say("it is nested %d deep: at most %d", depth, MaxDepth)
		return
	}
	var rule any
	if err := json.Unmarshal(config.Targeting, &rule); err != nil {
		c.say("it can't be read: %v", err)
		return
	}
	for _, name := range references(rule) {
		key, isSegment := strings.CutPrefix(name, segmentPrefix)
		if !isSegment || x.segments[key] == nil {
			c.say("there is nothing called %q here: a rule may ask for segment/KEY of a segment of this environment", name)
			return
		}
	}
	if why := refused(config.Targeting, references(rule)); why != "" {
		c.say("flagd can't evaluate it: %s", why)
	}
}

// refused says why flagd's clients would not evaluate a rule; empty when they do.
func refused(rule json.RawMessage, names []string) string {
	const key = "flag"
	d := &Document{
		Flags:      map[string]Definition{key: {State: Enabled, Variants: map[string]json.RawMessage{}, Targeting: rule}},
		Evaluators: map[string]json.RawMessage{},
	}
	for _, name := range names {
		d.Evaluators[name] = json.RawMessage(`{"!!":[false]}`)
	}
	s, err := Compile(d)
	if err != nil {
		return fault.MessageOf(err)
	}
	if e := s.Evaluate(key, NewContext("", nil), time.Unix(0, 0)); e.Code == ParseError {
		return e.Detail
	}
	return ""
}

// references returns the names in {"$ref": name} within a rule, in the order they are met.
func references(rule any) []string {
	var found []string
	switch rule := rule.(type) {
	case []any:
		for _, r := range rule {
			found = append(found, references(r)...)
		}
	case map[string]any:
		if name, ok := rule["$ref"].(string); ok && len(rule) == 1 {
			return []string{name}
		}
		for _, r := range rule {
			found = append(found, references(r)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
