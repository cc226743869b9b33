// Package words says flags in plain words.
//
// A person who approves a change, reads the history or looks at a page should not
// have to read rules. Config says in one sentence who sees what, Rule and Condition
// say their part of it, and Diff says what a change does. The words are made from the
// model alone, so that page, terminal, API and approvers read the same.
package words

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/internal/flag"
)

// most is how many rules a sentence tells before it only counts the others.
const most = 4

// Config says who sees what in an environment: "On for staff and 25 % of everybody else; off for the rest."
func Config(f *flag.Flag, c *flag.Config) string {
	if !c.On {
		if c.Off == "" {
			return "Off: programs use their own fallback."
		}
		return sentence(fmt.Sprintf("off: everybody gets %s", name(f, c.Off)))
	}
	text := ""
	if len(c.Needs) > 0 {
		text = "only where " + needs(c.Needs) + ": "
	}
	if len(c.Targeting) > 0 {
		return sentence(text + "a rule in flagd's language decides; " + name(f, c.Default.Variant) + " for whom it leaves")
	}
	return sentence(text + strings.Join(clauses(f, c), "; "))
}

// clauses are the rules in order, with those that serve the same variant one after the other said together.
func clauses(f *flag.Flag, c *flag.Config) []string {
	var parts []string
	var whom []string
	last := ""
	flush := func() {
		if len(whom) > 0 {
			parts = append(parts, name(f, last)+" for "+join(whom, "and"))
		}
		whom = nil
	}
	for i, r := range c.Rules {
		if i >= most {
			flush()
			parts = append(parts, fmt.Sprintf("then %s", count(len(c.Rules)-i, "more rule", "more rules")))
			break
		}
		variant := only(r.Serve)
		if variant == "" {
			flush()
			parts = append(parts, split(f, r.Serve, Who(r.If), "the rest of them"))
			continue
		}
		if variant != last {
			flush()
			last = variant
		}
		whom = append(whom, Who(r.If))
		if len(r.If) == 0 {
			flush()
			return parts
		}
	}
	rest := "everybody else"
	if len(c.Rules) == 0 {
		rest = "everybody"
	}
	return append(parts, ending(f, c.Default, &whom, last, rest, flush)...)
}

// ending tells of everybody whom no rule serves, together with the clause before where both serve the same.
func ending(f *flag.Flag, s flag.Serve, whom *[]string, last, rest string, flush func()) []string {
	first, second, percent := halves(s)
	if first == "" || first != last || len(*whom) == 0 {
		flush()
		if variant := only(s); variant != "" {
			return []string{name(f, variant) + " for " + rest}
		}
		return []string{split(f, s, rest, "the rest")}
	}
	text := name(f, last) + " for " + join(append(*whom, percent+" of "+rest), "and")
	*whom = nil
	return []string{text, name(f, second) + " for the rest"}
}

// only is the variant that everybody gets, or nothing when there is a choice.
func only(s flag.Serve) string {
	if s.Variant != "" {
		return s.Variant
	}
	variant := ""
	for _, p := range s.Split {
		if p.Weight > 0 && variant != "" {
			return ""
		}
		if p.Weight > 0 {
			variant = p.Variant
		}
	}
	return variant
}

// halves divides a split of two into its variants and the share of the first.
func halves(s flag.Serve) (first, second, percent string) {
	if len(s.Split) != 2 || s.By != "" || only(s) != "" {
		return "", "", ""
	}
	return s.Split[0].Variant, s.Split[1].Variant, Percent(s.Split, 0)
}

// split says who gets which part: "on for 25 % of staff; off for the rest of them".
func split(f *flag.Flag, s flag.Serve, whom, rest string) string {
	by := ""
	if s.By != "" && s.By != "targetingKey" {
		by = ", by " + s.By
	}
	if len(s.Split) == 2 {
		return fmt.Sprintf("%s for %s of %s%s; %s for %s", name(f, s.Split[0].Variant), Percent(s.Split, 0), whom, by,
			name(f, s.Split[1].Variant), rest)
	}
	var parts []string
	for i, p := range s.Split {
		if i >= most && len(s.Split) > most+1 {
			parts = append(parts, count(len(s.Split)-i, "more variant", "more variants"))
			break
		}
		parts = append(parts, name(f, p.Variant)+" for "+Percent(s.Split, i))
	}
	return join(parts, "and") + " of " + whom + by
}

// Serve says what is served: "on", or "25 % on and 75 % off".
func Serve(f *flag.Flag, s flag.Serve) string {
	if s.Variant != "" {
		return name(f, s.Variant)
	}
	var parts []string
	for i, p := range s.Split {
		parts = append(parts, Percent(s.Split, i)+" "+name(f, p.Variant))
	}
	text := join(parts, "and")
	if s.By != "" && s.By != "targetingKey" {
		text += " by " + s.By
	}
	if s.Salt != "" {
		text += " with salt " + s.Salt
	}
	return text
}

// Percent is a portion's share of its split.
func Percent(split []flag.Portion, i int) string {
	sum := 0
	for _, p := range split {
		sum += p.Weight
	}
	if sum == 0 {
		return "0 %"
	}
	share := float64(split[i].Weight) * 100 / float64(sum)
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(share, 'f', 2, 64), "0"), ".") + " %"
}

// name is a variant's name: on and off stand as they are where they say what they mean, others in quotes.
func name(f *flag.Flag, variant string) string {
	if f != nil && f.Kind == flag.Boolean && (variant == "on" || variant == "off") {
		return variant
	}
	return strconv.Quote(variant)
}

// Rule says one rule: "On for users whose plan is pro."
func Rule(f *flag.Flag, r *flag.Rule) string {
	if variant := only(r.Serve); variant != "" {
		return sentence(name(f, variant) + " for " + Who(r.If))
	}
	return sentence(split(f, r.Serve, Who(r.If), "the rest of them"))
}

// Segment says who is in a segment.
func Segment(g *flag.Segment) string {
	var parts []string
	by := ""
	if g.By != "" && g.By != "targetingKey" {
		by = " by " + g.By
	}
	if g.Listed > 0 {
		parts = append(parts, count(g.Listed, "listed user", "listed users")+by)
	}
	for i, group := range g.Any {
		if i >= most {
			parts = append(parts, count(len(g.Any)-i, "more group", "more groups"))
			break
		}
		parts = append(parts, Who(group))
	}
	text := join(parts, "and")
	if text == "" {
		text = "nobody"
	}
	if n := len(g.Excluded); n > 0 {
		text += ", but for " + count(n, "excluded user", "excluded users") + by
	}
	return sentence(text)
}

func needs(all []flag.Prerequisite) string {
	parts := make([]string, len(all))
	for i, n := range all {
		parts[i] = n.Flag + " serves " + join(n.Variants, "or")
	}
	return join(parts, "and")
}

// sentence begins with a capital letter, unless a quotation does, and ends with a full stop.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

// join is a list for people: "a, b and c".
func join(parts []string, last string) string {
	switch n := len(parts); n {
	case 0:
		return ""
	case 1:
		return parts[0]
	default:
		return strings.Join(parts[:n-1], ", ") + " " + last + " " + parts[n-1]
	}
}

// count is a number with its noun, and its thousands apart.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " " + many
}

// Who says for whom conditions hold, together: "staff whose plan is pro, from 1 Dec 2026 09:00 UTC on".
func Who(conditions []flag.Condition) string {
	var in, out, whose, when []string
	for i := range conditions {
		n := &conditions[i]
		switch {
		case n.Segment != "" && n.Not:
			out = append(out, n.Segment)
		case n.Segment != "":
			in = append(in, n.Segment)
		case n.Attribute == "" && (n.Op == flag.Before || n.Op == flag.After):
			when = append(when, Condition(n))
		default:
			whose = append(whose, Condition(n))
		}
	}
	text := "users"
	switch {
	case len(in) == 1:
		text = in[0]
	case len(in) > 1:
		text = "users in " + join(in, "and")
	case len(whose) == 0 && len(out) > 0:
		text = "everybody but " + join(out, "and")
		out = nil
	case len(whose) == 0:
		text = "everybody"
	}
	if len(out) > 0 {
		text += " not in " + join(out, "or")
	}
	if len(whose) > 0 {
		text += " whose " + join(whose, "and whose")
	}
	if len(when) > 0 {
		text += " " + join(when, "and")
	}
	return text
}

// Condition says one condition: "plan is pro or team".
func Condition(n *flag.Condition) string {
	if n.Segment != "" {
		return yes(n, "in ", "not in ") + n.Segment
	}
	what := n.Attribute
	if what == "targetingKey" {
		what = "id"
	}
	clock := what == ""
	switch n.Op {
	case flag.Equals:
		return what + yes(n, " is ", " is not ") + alternatives(n)
	case flag.StartsWith:
		return what + yes(n, " starts with ", " does not start with ") + alternatives(n)
	case flag.EndsWith:
		return what + yes(n, " ends with ", " does not end with ") + alternatives(n)
	case flag.Contains:
		return what + yes(n, " contains ", " does not contain ") + alternatives(n)
	case flag.Less:
		return what + yes(n, " is less than ", " is not less than ") + alternatives(n)
	case flag.AtMost:
		return what + yes(n, " is at most ", " is not at most ") + alternatives(n)
	case flag.More:
		return what + yes(n, " is more than ", " is not more than ") + alternatives(n)
	case flag.AtLeast:
		return what + yes(n, " is at least ", " is not at least ") + alternatives(n)
	case flag.Version:
		return what + yes(n, " is a version ", " is not a version ") + alternatives(n)
	case flag.Missing:
		return what + yes(n, " is missing", " is there")
	case flag.Before:
		if clock {
			return yes(n, "before ", "not before ") + alternatives(n)
		}
		return what + yes(n, " is before ", " is not before ") + alternatives(n)
	case flag.After:
		if clock {
			return yes(n, "from ", "not from ") + alternatives(n) + " on"
		}
		return what + yes(n, " is at or after ", " is not at or after ") + alternatives(n)
	}
	return what + " " + string(n.Op) + " " + alternatives(n)
}

func yes(n *flag.Condition, positive, negative string) string {
	if n.Not {
		return negative
	}
	return positive
}

func alternatives(n *flag.Condition) string {
	parts := make([]string, 0, len(n.Values))
	for i, v := range n.Values {
		if i >= most && len(n.Values) > most+1 {
			parts = append(parts, count(len(n.Values)-i, "other", "others"))
			break
		}
		parts = append(parts, value(n.Op, v))
	}
	return join(parts, "or")
}

// value shows a value as people write it: text without quotes where that can't be misread.
func value(op flag.Op, v any) string {
	text, ok := v.(string)
	if !ok {
		return fmt.Sprint(v)
	}
	if op == flag.Before || op == flag.After {
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return t.UTC().Format("2 Jan 2006 15:04 MST")
		}
	}
	plain := !slices.Contains([]string{"", "true", "false", "null", "or", "and"}, text) &&
		!strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '"' || r == ',' }) &&
		(op == flag.Version || !strings.Contains(text, " "))
	if _, err := strconv.ParseFloat(text, 64); err == nil && op == flag.Equals || !plain {
		return strconv.Quote(text)
	}
	return text
}
