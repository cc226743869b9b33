package mirror

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
)

// The most that one flag may become.
const (
	maxRules  = 200
	maxListed = 500 // members of segments, which are written out in each rule that asks for them
	maxEach   = 20  // values that are written as conditions of their own; more are one list
)

// refusal says why something cannot be said alike, and what to do about it; command does that on the command line.
type refusal struct{ why, remedy, command string }

func refuse(remedy, why string, args ...any) *refusal {
	return &refusal{why: fmt.Sprintf(why, args...), remedy: remedy}
}

// by adds the command that does what the remedy says.
func (r *refusal) by(command string) *refusal {
	r.command = command
	return r
}

// ways are alternatives of conditions that must all hold. None at all never holds; one without conditions always does.
type ways [][]Condition

func never() ways  { return nil }
func always() ways { return ways{nil} }

// and is the product of both.
func (w ways) and(o ways) (ways, *refusal) {
	if len(w)*len(o) > maxRules {
		return nil, refuse("divide the rule, or ask for fewer things at once", "it would become more than %d rules", maxRules)
	}
	var out ways
	for _, a := range w {
		for _, b := range o {
			out = append(out, slices.Concat(a, b))
		}
	}
	return out, nil
}

// kind is of what type an attribute must be for a condition to mean the same there.
type kind string

const (
	text   kind = "text"
	number kind = "a number"
)

// asked are the attributes of one flag: their names there, and what is taken for granted of them.
type asked struct {
	paths map[string]string // names there → here
	kinds map[string]kind
}

func newAsked() *asked {
	return &asked{paths: map[string]string{}, kinds: map[string]kind{userID: text}}
}

const (
	targetingKey = "targetingKey"
	userID       = "user.id"
)

// name is an attribute there.
func (a *asked) name(path string) (Entity, *refusal) {
	there := path
	switch strings.Count(path, ".") {
	case 0:
		there = "user." + path
		if path == targetingKey {
			there = userID
		}
	case 1:
	default:
		return Entity{}, refuse("send it as KIND.ATTRIBUTE, and ask for that",
			"%s has more than two parts; an attribute at Vercel has a kind and a name", path)
	}
	of, attribute, _ := strings.Cut(there, ".")
	for _, part := range []string{of, attribute} {
		if slices.Contains([]string{"toString", "toLocaleString", "valueOf", "hasOwnProperty", "isPrototypeOf",
			"propertyIsEnumerable"}, part) {
			return Entity{}, refuse("give the attribute another name", "every object of JavaScript has a %s", part)
		}
	}
	was, known := a.paths[there]
	if known && was != path && there != userID { // user.id is the targetingKey there by convention
		return Entity{}, refuse("ask for one of them only", "%s and %s have the same name at Vercel, %s", was, path, there)
	}
	a.paths[there] = path
	return Entity{Type: "entity", Kind: of, Attribute: attribute}, nil
}

// granted takes for granted of which type an attribute is, where it is there.
func (a *asked) granted(e Entity, k kind) *refusal {
	name := e.Kind + "." + e.Attribute
	if was, known := a.kinds[name]; known && was != k {
		return refuse("compare it as one of them only",
			"%s is compared as text and as a number, and Vercel takes a text that reads as a number for one", name)
	}
	a.kinds[name] = k
	return nil
}

// assumed is what was taken for granted, in words.
func (a *asked) assumed() []string {
	var out []string
	for name, k := range a.kinds {
		if name != userID {
			out = append(out, fmt.Sprintf("%s is %s wherever it is there", name, k))
		}
	}
	slices.Sort(out)
	return out
}

// single are the conditions of one operator and its values.
func single(e Entity, cmp string, values ...any) ways {
	var w ways
	for _, v := range values {
		w = append(w, []Condition{{e, cmp, v}})
	}
	return w
}

// none asks that no value holds, all at once.
func none(e Entity, cmp string, values []any) []Condition {
	var all []Condition
	for _, v := range values {
		all = append(all, Condition{e, cmp, v})
	}
	return all
}

// condition says one condition, or its opposite.
func (t *teller) condition(n flag.Condition, not bool) (ways, *refusal) {
	not = not != n.Not
	if n.Segment != "" {
		return t.segment(n.Segment, not)
	}
	switch {
	case n.Op == flag.Version:
		return nil, refuse("compare a number, or list the versions", "Vercel compares no versions (%s)", n.Attribute)
	case (n.Op == flag.Before || n.Op == flag.After) && n.Attribute == "":
		return nil, refuse("schedule the change here instead", "a rule at Vercel knows no time of the day").
			by("slipway flag schedule " + t.flag.Key + " --at TIME")
	}
	e, no := t.name(n.Attribute)
	if no != nil {
		return nil, no
	}
	switch n.Op {
	case flag.Missing:
		if not {
			return ways{{{Left: e, Cmp: "ex"}}}, nil
		}
		return ways{{{Left: e, Cmp: "!ex"}}}, nil
	case flag.Equals:
		return equals(e, n.Values, not), nil
	case flag.StartsWith, flag.EndsWith:
		cmp := map[flag.Op]string{flag.StartsWith: "startsWith", flag.EndsWith: "endsWith"}[n.Op]
		if !not {
			return single(e, cmp, n.Values...), nil
		}
		if no := t.granted(e, text); no != nil {
			return nil, no
		}
		return ways{{{Left: e, Cmp: "!ex"}}, none(e, "!"+cmp, n.Values)}, nil
	case flag.Contains:
		return t.holds(e, n.Values, not)
	}
	return t.compare(e, n, not)
}

// equals holds for one of the values. A missing attribute equals none, which !oneOf does not say and !eq does.
func equals(e Entity, values []any, not bool) ways {
	var listed, truths []any
	for _, v := range values {
		if _, is := v.(bool); is {
			truths = append(truths, v)
			continue
		}
		listed = append(listed, v)
	}
	if not {
		all := none(e, "!eq", truths)
		if len(listed) <= maxEach {
			return ways{append(all, none(e, "!eq", listed)...)}
		}
		return ways{{{Left: e, Cmp: "!ex"}}, append(all, Condition{e, "!oneOf", list(listed)})}
	}
	w := single(e, "eq", truths...)
	switch len(listed) {
	case 0:
	case 1:
		w = append(w, []Condition{{e, "eq", listed[0]}})
	default:
		w = append(w, []Condition{{e, "oneOf", list(listed)}})
	}
	return w
}

// holds says contains, which is of a text here or of a list.
func (t *teller) holds(e Entity, values []any, not bool) (ways, *refusal) {
	if not {
		return nil, refuse("turn it around: a rule before it for users whose attribute contains it, then one for the rest",
			"Vercel asks otherwise for what a text does not contain, and for what a list does not")
	}
	var listed []any
	var w ways
	for _, v := range values {
		switch v := v.(type) {
		case bool:
			return nil, refuse("send it as text", "a list at Vercel has no truth values")
		case string:
			w = append(w, []Condition{{e, "regex", contains(v)}})
		}
		listed = append(listed, v)
	}
	return append(w, []Condition{{e, "containsAnyOf", list(listed)}}), nil
}

// compare says less, more and their kin: of numbers, and of times as Unix seconds.
func (t *teller) compare(e Entity, n flag.Condition, not bool) (ways, *refusal) {
	right := n.Values[0]
	op := n.Op
	if op == flag.Before || op == flag.After {
		said, _ := right.(string)
		at, err := time.Parse(time.RFC3339, said)
		if err != nil {
			return nil, refuse("write it as 2026-12-01T09:00:00Z", "%v is no time", right)
		}
		right = at.Unix()
		op = map[flag.Op]flag.Op{flag.Before: flag.Less, flag.After: flag.AtLeast}[op]
	}
	if no := t.granted(e, number); no != nil {
		return nil, no
	}
	cmp := map[flag.Op]string{flag.Less: "lt", flag.AtMost: "lte", flag.More: "gt", flag.AtLeast: "gte"}
	opposite := map[flag.Op]flag.Op{flag.Less: flag.AtLeast, flag.AtMost: flag.More, flag.More: flag.AtMost,
		flag.AtLeast: flag.Less}
	if !not {
		return ways{{{e, cmp[op], right}}}, nil
	}
	return ways{{{Left: e, Cmp: "!ex"}}, {{e, cmp[opposite[op]], right}}}, nil
}

// segment writes a segment's conditions out: segments at Vercel are of the whole project, and here of an environment.
func (t *teller) segment(key string, not bool) (ways, *refusal) {
	i := slices.IndexFunc(t.set.Segments, func(g flag.Segment) bool { return g.Key == key })
	if i < 0 {
		return nil, refuse("create it", "there is no segment %s", key)
	}
	g := t.set.Segments[i]
	members := t.set.Lists[key]
	if t.listed += g.Listed + len(g.Excluded); t.listed > maxListed || len(members) < g.Listed {
		return nil, refuse("send an attribute that says who is in it, and ask for that",
			"segment %s names too many users to be written out at Vercel (at most %d)", key, maxListed)
	}
	by := g.By
	if by == "" {
		by = targetingKey
	}
	named := func(names []string) flag.Condition {
		n := flag.Condition{Attribute: by, Op: flag.Equals}
		for _, name := range names {
			n.Values = append(n.Values, name)
		}
		return n
	}
	groups := g.Any
	if len(members) > 0 {
		groups = append([][]flag.Condition{{named(members)}}, groups...)
	}
	if not {
		return t.outside(groups, named(g.Excluded))
	}
	in := never()
	for _, group := range groups {
		w, no := t.all(group)
		if no != nil {
			return nil, no
		}
		in = append(in, w...)
	}
	if len(g.Excluded) == 0 {
		return in, nil
	}
	out, no := t.condition(named(g.Excluded), true)
	if no != nil {
		return nil, no
	}
	return in.and(out)
}

// outside is the opposite of a segment: excluded, or in none of its groups.
func (t *teller) outside(groups [][]flag.Condition, excluded flag.Condition) (ways, *refusal) {
	w := always()
	for _, group := range groups {
		fails := never()
		for _, n := range group {
			one, no := t.condition(n, true)
			if no != nil {
				return nil, no
			}
			fails = append(fails, one...)
		}
		var no *refusal
		if w, no = w.and(fails); no != nil {
			return nil, no
		}
	}
	if len(excluded.Values) == 0 {
		return w, nil
	}
	out, no := t.condition(excluded, false)
	return append(w, out...), no
}

// all are conditions that must all hold.
func (t *teller) all(conditions []flag.Condition) (ways, *refusal) {
	w := always()
	for _, n := range conditions {
		one, no := t.condition(n, false)
		if no != nil {
			return nil, no
		}
		if w, no = w.and(one); no != nil {
			return nil, no
		}
	}
	return w, nil
}
