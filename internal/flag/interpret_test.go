package flag

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// interpreter answers from the model as its comments say, slowly and without flagd's language. It shares nothing with
// the translation but the types.
type interpreter struct {
	set *Set
	now time.Time
}

// none is what a user gets who is left to the program's own fallback.
const none = "(none)"

func (in interpreter) flag(key string) *Flag {
	for i := range in.set.Flags {
		if in.set.Flags[i].Key == key {
			return &in.set.Flags[i]
		}
	}
	return nil
}

// variant is what a user gets; decide says also which rule served it.
func (in interpreter) variant(key string, user map[string]any) string {
	variant, _ := in.decide(key, user)
	return variant
}

func (in interpreter) decide(key string, user map[string]any) (variant, rule string) {
	var c *Config
	for i := range in.set.Configs {
		if in.set.Configs[i].Flag == key {
			c = &in.set.Configs[i]
		}
	}
	if f := in.flag(key); c == nil || f == nil || !f.Archived.IsZero() {
		return none, ""
	}
	off := c.Off
	if off == "" {
		off = none
	}
	if !c.On {
		return off, ""
	}
	for _, need := range c.Needs {
		if !slices.Contains(need.Variants, in.variant(need.Flag, user)) {
			return off, ""
		}
	}
	for _, r := range c.Rules {
		if in.all(r.If, user) {
			got, fell := in.serve(r.Serve, c, user)
			if fell {
				return got, ""
			}
			return got, r.ID
		}
	}
	got, _ := in.serve(c.Default, c, user)
	return got, ""
}

// serve gives who can't be bucketed the default when that is one variant; fell says that somebody can't be.
func (in interpreter) serve(s Serve, c *Config, user map[string]any) (variant string, fell bool) {
	if s.Variant != "" {
		return s.Variant, false
	}
	by, salt := s.By, s.Salt
	if by == "" {
		by = "targetingKey"
	}
	if salt == "" {
		salt = c.Flag
	}
	var id string
	switch v := lookUp(user, by).(type) {
	case string:
		id = v
	case float64:
		if by != "targetingKey" {
			id = strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	if id == "" {
		if c.Default.Variant != "" {
			return c.Default.Variant, true
		}
		return none, true
	}
	sum := 0
	for _, p := range s.Split {
		sum += p.Weight
	}
	point, below := int(uint64(slowHash(salt+id))*uint64(sum)>>32), 0
	for _, p := range s.Split {
		below += p.Weight
		if point < below {
			return p.Variant, false
		}
	}
	return "(no part)", false
}

// slowHash is MurmurHash3 x86 32-bit with seed 0.
func slowHash(s string) uint32 {
	mix := func(k uint32) uint32 { return bits.RotateLeft32(k*0xcc9e2d51, 15) * 0x1b873593 }
	var h, tail uint32
	for i := range len(s) &^ 3 {
		if i%4 == 0 {
			h = bits.RotateLeft32(h^mix(uint32(s[i])|uint32(s[i+1])<<8|uint32(s[i+2])<<16|uint32(s[i+3])<<24), 13)*5 + 0xe6546b64
		}
	}
	for i := len(s) &^ 3; i < len(s); i++ {
		tail |= uint32(s[i]) << (8 * (i & 3))
	}
	h ^= mix(tail) ^ uint32(len(s))
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

func lookUp(user map[string]any, path string) any {
	var v any = user
	for part := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

func (in interpreter) all(conditions []Condition, user map[string]any) bool {
	for _, n := range conditions {
		holds := false
		switch {
		case n.Segment != "":
			holds = in.member(n.Segment, user)
		case n.Op == Missing:
			holds = lookUp(user, n.Attribute) == nil
		default:
			for _, v := range n.Values {
				holds = holds || in.one(n, v, user)
			}
		}
		if holds == n.Not {
			return false
		}
	}
	return true
}

func (in interpreter) member(key string, user map[string]any) bool {
	for _, g := range in.set.Segments {
		if g.Key != key {
			continue
		}
		by := g.By
		if by == "" {
			by = "targetingKey"
		}
		id, isText := lookUp(user, by).(string)
		if isText && slices.Contains(g.Excluded, id) {
			return false
		}
		if isText && slices.Contains(in.set.Lists[key], id) {
			return true
		}
		return slices.ContainsFunc(g.Any, func(group []Condition) bool { return in.all(group, user) })
	}
	return false
}

func (in interpreter) one(n Condition, value any, user map[string]any) bool {
	have := lookUp(user, n.Attribute)
	text, isText := have.(string)
	wanted, _ := value.(string)
	amount, isNumber := have.(float64)
	limit, _ := value.(float64)
	switch n.Op {
	case Equals:
		return same(have, value)
	case StartsWith:
		return isText && strings.HasPrefix(text, wanted)
	case EndsWith:
		return isText && strings.HasSuffix(text, wanted)
	case Contains:
		if _, ok := value.(string); ok && isText {
			return strings.Contains(text, wanted)
		}
		list, _ := have.([]any)
		return slices.ContainsFunc(list, func(v any) bool { return same(v, value) })
	case Less:
		return isNumber && amount < limit
	case AtMost:
		return isNumber && amount <= limit
	case More:
		return isNumber && amount > limit
	case AtLeast:
		return isNumber && amount >= limit
	case Version:
		return isText && inRange(text, wanted)
	case Before, After:
		at, _ := time.Parse(time.RFC3339, wanted)
		if n.Attribute == "" {
			amount, isNumber = float64(in.now.Unix()), true
		}
		return isNumber && (amount < float64(at.Unix())) == (n.Op == Before)
	}
	panic(fmt.Sprint("an operator that the interpreter does not know: ", n.Op))
}

// same is equality of scalars of one type.
func same(a, b any) bool {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return ok && a == b
	case float64:
		b, ok := b.(float64)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	}
	return false
}

// inRange knows versions of three small numbers only: the others are core's to test.
func inRange(have, wanted string) bool {
	op, text, _ := strings.Cut(wanted, " ")
	var a, b [3]int
	if n, err := fmt.Sscanf(have, "%d.%d.%d", &a[0], &a[1], &a[2]); n != 3 || err != nil {
		return false
	}
	if n, err := fmt.Sscanf(text, "%d.%d.%d", &b[0], &b[1], &b[2]); n != 3 || err != nil {
		return false
	}
	order := slices.Compare(a[:], b[:])
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "^":
		return a[0] == b[0]
	case "~":
		return a[0] == b[0] && a[1] == b[1]
	}
	return false
}

// dice makes random environments and users that are made of the same few values, so that conditions hold often.
type dice struct{ *rand.Rand }

func (d dice) one(of ...any) any { return of[d.IntN(len(of))] }

func (d dice) word() string { return d.one("a", "ab", "abc", "bc", "5", "true", "", "pro").(string) }

func (d dice) number() float64 { return d.one(0.0, 1.0, 5.0, -3.0, 2.5, 1796000000.0).(float64) }

func (d dice) scalar() any {
	return d.one(d.word(), d.word(), d.number(), d.one(true, false))
}

func (d dice) version() string { return fmt.Sprintf("%d.%d.%d", d.IntN(3), d.IntN(3), d.IntN(3)) }

// user has attributes of every type, and often lacks one.
func (d dice) user() map[string]any {
	user := map[string]any{}
	for _, name := range []string{"s", "t", "n"} {
		switch d.IntN(8) {
		case 0:
		case 1:
			user[name] = nil
		case 2:
			user[name] = []any{d.scalar(), d.scalar()}
		case 3:
			user[name] = map[string]any{"deep": d.scalar()}
		default:
			user[name] = d.scalar()
		}
	}
	// Where m is "", 0 or false, flagd-core itself disagrees about m.deep: its interpreter gives m, its compiler null.
	user["m"] = d.one(nil, "word", map[string]any{"deep": d.scalar()}, []any{})
	user["v"] = d.one(d.version(), "x", true, nil)
	switch d.IntN(6) {
	case 0:
	case 1:
		user["targetingKey"] = ""
	default:
		user["targetingKey"] = fmt.Sprint("u", d.IntN(40))
	}
	return user
}

func (d dice) condition(segments []string) Condition {
	n := Condition{Not: d.IntN(4) == 0}
	if len(segments) > 0 && d.IntN(4) == 0 {
		n.Segment = segments[d.IntN(len(segments))]
		return n
	}
	n.Attribute = d.one("s", "t", "n", "m.deep", "targetingKey", "none").(string)
	n.Op = Ops()[d.IntN(len(Ops()))]
	values := 1
	switch n.Op {
	case Missing:
		return n
	case Equals, Contains, StartsWith, EndsWith, Version:
		values += d.IntN(3)
	}
	for range values {
		switch n.Op {
		case Equals:
			n.Values = append(n.Values, d.scalar())
		case Contains:
			n.Values = append(n.Values, d.one("a", "ab", "5", "pro", true, 5.0))
		case StartsWith, EndsWith:
			n.Values = append(n.Values, d.one("a", "ab", "c", "pro", "true"))
		case Less, AtMost, More, AtLeast:
			n.Values = append(n.Values, d.number())
		case Version:
			n.Attribute = "v"
			op := d.one("=", "!=", "<", "<=", ">", ">=", "^", "~").(string)
			n.Values = append(n.Values, op+" "+d.version())
		default:
			n.Attribute = d.one("", "n").(string)
			n.Values = append(n.Values, d.one("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "1970-01-01T00:00:02Z"))
		}
	}
	return n
}

func (d dice) conditions(segments []string) []Condition {
	var all []Condition
	for range d.IntN(3) {
		all = append(all, d.condition(segments))
	}
	return all
}

func (d dice) serve(f *Flag) Serve {
	if d.IntN(2) == 0 {
		return Serve{Variant: f.Variants[d.IntN(len(f.Variants))].Name}
	}
	s := Serve{By: d.one("", "", "targetingKey", "s", "n").(string), Salt: d.one("", "", f.Key, "salt").(string)}
	for _, i := range d.Perm(len(f.Variants)) {
		s.Split = append(s.Split, Portion{f.Variants[i].Name, 1 + d.IntN(4)})
	}
	return s
}

// environment is a random valid set of flags.
func (d dice) environment() *Set {
	s := &Set{App: "shop", Environment: "production", Generation: 1, Lists: map[string][]string{}}
	var segments []string
	for i := range 3 {
		g := Segment{Key: fmt.Sprint("g", i), By: d.one("", "", "s").(string)}
		for range d.IntN(3) {
			if all := d.conditions(nil); len(all) > 0 {
				g.Any = append(g.Any, all)
			}
		}
		for range d.IntN(4) {
			g.Excluded = append(g.Excluded, fmt.Sprint("u", d.IntN(40)))
			s.Lists[g.Key] = append(s.Lists[g.Key], d.one("ab", "pro", fmt.Sprint("u", d.IntN(40))).(string))
		}
		segments = append(segments, g.Key)
		s.Segments = append(s.Segments, g)
	}
	for i := range 4 {
		f := Flag{Key: fmt.Sprint("f", i), Kind: String, Bucketing: 2}
		for j := range 1 + d.IntN(3) {
			f.Variants = append(f.Variants, Variant{Name: fmt.Sprint("v", j), Value: fmt.Append(nil, `"`, j, `"`)})
		}
		c := Config{Flag: f.Key, On: d.IntN(6) > 0, Default: d.serve(&f)}
		if d.IntN(2) == 0 {
			c.Off = "v0"
		}
		for range d.IntN(2) * d.IntN(3) {
			if i > 0 {
				other := s.Flags[d.IntN(i)]
				if !slices.ContainsFunc(c.Needs, func(p Prerequisite) bool { return p.Flag == other.Key }) {
					variant := d.one("v0", other.Variants[len(other.Variants)-1].Name).(string)
					c.Needs = append(c.Needs, Prerequisite{other.Key, []string{variant}})
				}
			}
		}
		for j := range d.IntN(4) {
			c.Rules = append(c.Rules, Rule{ID: fmt.Sprint("r", j), If: d.conditions(segments), Serve: d.serve(&f)})
		}
		s.Flags = append(s.Flags, f)
		s.Configs = append(s.Configs, c)
	}
	return s
}
