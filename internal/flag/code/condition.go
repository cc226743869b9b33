// Package code holds flags as people write them: conditions and ways to serve as one
// line, and whole environments as a file in a repository.
//
// Parse reads such a file strictly, with the place of everything that is wrong, and
// File.YAML writes one that reads the same. Nothing here asks a server.
package code

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
)

// Words of conditions that are no attribute unless they are quoted.
const (
	wordNot     = "not"
	wordSegment = "segment"
	wordNow     = "now"
)

// aliases are marks that may stand for operators.
func aliases() map[string]flag.Op {
	return map[string]flag.Op{
		"=": flag.Equals, "==": flag.Equals, "is": flag.Equals, "in": flag.Equals, "<": flag.Less, "<=": flag.AtMost,
		">": flag.More, ">=": flag.AtLeast,
	}
}

// ParseCondition reads a condition of one line:
//
//	plan equals pro, team        not segment staff        age at_least 18
//	app version >= 1.4.0         email missing            now before 2027-01-31T00:00:00Z
//
// Operators are those of the model, or =, <, <=, > and >=. Values are divided by commas. Numbers, true and false are
// what they are; a text that looks like one, or has a comma in it, stands in quotes as in JSON.
func ParseCondition(text string) (flag.Condition, error) {
	var n flag.Condition
	if !utf8.ValidString(text) {
		return n, wrong(text, "it is not UTF-8")
	}
	word, quoted, rest, err := next(text)
	if err == nil && word == wordNot && !quoted {
		n.Not = true
		word, quoted, rest, err = next(rest)
	}
	if err != nil {
		return n, err
	}
	if word == "" && !quoted {
		return n, wrong(text, "it is empty: write for example plan equals pro, or segment beta")
	}
	if word == wordSegment && !quoted {
		key, _, more, err := next(rest)
		if err != nil || key == "" || more != "" {
			return n, wrong(text, "one segment stands after the word segment: write segment beta")
		}
		n.Segment = key
		return n, nil
	}
	if n.Attribute = word; word == wordNow && !quoted {
		n.Attribute = ""
	}
	op, _, rest, err := next(rest)
	if err != nil {
		return n, err
	}
	n.Op = flag.Op(op)
	if o, ok := aliases()[op]; ok {
		n.Op = o
	}
	if op == "!=" {
		n.Op, n.Not = flag.Equals, !n.Not
	}
	if !slices.Contains(flag.Ops(), n.Op) {
		return n, wrong(text, "%q is no operator: use %s", op, opNames())
	}
	n.Values, err = parseValues(rest)
	switch {
	case err != nil:
		return n, err
	case n.Op == flag.Missing && len(n.Values) > 0:
		return n, wrong(text, "missing needs no value")
	case n.Op != flag.Missing && len(n.Values) == 0:
		return n, wrong(text, "a value is missing after %s", op)
	}
	return n, nil
}

func opNames() string {
	var out []string
	for _, op := range flag.Ops() {
		out = append(out, string(op))
	}
	return strings.Join(out, ", ")
}

func wrong(text, format string, args ...any) error {
	return fault.New(fault.Invalid, "condition_malformed", "%q can't be read: %s.", text, fmt.Sprintf(format, args...))
}

// next takes the first word, or quoted text, off a text.
func next(text string) (word string, quoted bool, rest string, err error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, `"`) {
		word, rest, err = unquote(text)
		return word, true, strings.TrimSpace(rest), err
	}
	word, rest, _ = strings.Cut(text, " ")
	return word, false, strings.TrimSpace(rest), nil
}

// unquote takes a text in quotes off the beginning.
func unquote(text string) (word, rest string, err error) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			if err := json.Unmarshal([]byte(text[:i+1]), &word); err != nil {
				return "", "", wrong(text, "a text in quotes is written as in JSON")
			}
			return word, text[i+1:], nil
		}
	}
	return "", "", wrong(text, "a quote is not closed")
}

// parseValues reads values that are divided by commas.
func parseValues(text string) ([]any, error) {
	var out []any
	for rest := strings.TrimSpace(text); rest != ""; {
		var v any
		if strings.HasPrefix(rest, `"`) {
			word, more, err := unquote(rest)
			if err != nil {
				return nil, err
			}
			v, rest = word, strings.TrimSpace(more)
			if rest != "" && rest[0] != ',' {
				return nil, wrong(text, "a comma is missing after %q", word)
			}
			rest = strings.TrimPrefix(rest, ",")
		} else {
			word, more, _ := strings.Cut(rest, ",")
			if v, rest = scalar(strings.TrimSpace(word)), more; v == "" {
				return nil, wrong(text, "an empty value: write \"\" for an empty text")
			}
		}
		out = append(out, v)
		rest = strings.TrimSpace(rest)
		if rest == "" && strings.HasSuffix(strings.TrimSpace(text), ",") {
			return nil, wrong(text, "a value is missing after the last comma")
		}
	}
	return out, nil
}

// scalar is what a word without quotes means.
func scalar(word string) any {
	var v any
	if json.Unmarshal([]byte(word), &v) == nil {
		switch v.(type) {
		case bool, float64:
			return v
		}
	}
	return word
}

// ConditionText writes a condition as ParseCondition reads it.
func ConditionText(n flag.Condition) string {
	var parts []string
	if n.Not {
		parts = append(parts, wordNot)
	}
	if n.Segment != "" {
		return strings.Join(append(parts, wordSegment, name(n.Segment)), " ")
	}
	at := wordNow
	if n.Attribute != "" || n.Op != flag.Before && n.Op != flag.After {
		at = name(n.Attribute)
	}
	parts = append(parts, at, string(n.Op))
	if len(n.Values) > 0 {
		values := make([]string, 0, len(n.Values))
		for _, v := range n.Values {
			values = append(values, valueText(v))
		}
		parts = append(parts, strings.Join(values, ", "))
	}
	return strings.Join(parts, " ")
}

// name writes an attribute, with quotes where it would be read as something else.
func name(s string) string {
	if s == "" || s == wordNot || s == wordSegment || s == wordNow || strings.ContainsAny(s, "\"\\") ||
		strings.ContainsFunc(s, unicode.IsSpace) {
		return quote(s)
	}
	return s
}

func quote(s string) string {
	text, _ := json.Marshal(s) // a text can always be written
	return string(text)
}

func valueText(v any) string {
	switch v := v.(type) {
	case string:
		_, plain := scalar(v).(string)
		if v == "" || !plain || strings.ContainsAny(v, ",\"\\\n\t") || strings.TrimSpace(v) != v {
			return quote(v)
		}
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(text)
}

// ParseServe reads what users get: a variant, or shares as on:25,off:75, in any unit.
func ParseServe(text string) (flag.Serve, error) {
	if !strings.Contains(text, ":") {
		if text = strings.TrimSpace(text); text == "" {
			return flag.Serve{}, fault.New(fault.Invalid, "serve_malformed", "Say which variant: on, or on:25,off:75.")
		}
		return flag.Serve{Variant: text}, nil
	}
	var s flag.Serve
	for part := range strings.SplitSeq(text, ",") {
		variant, weight, _ := strings.Cut(part, ":")
		n, err := strconv.Atoi(strings.TrimSpace(weight))
		if err != nil || n < 0 || strings.TrimSpace(variant) == "" {
			return s, fault.New(fault.Invalid, "serve_malformed",
				"%q is no share: write VARIANT:WEIGHT with a whole number, as in on:25,off:75.", strings.TrimSpace(part))
		}
		s.Split = append(s.Split, flag.Portion{Variant: strings.TrimSpace(variant), Weight: n})
	}
	return s, nil
}

// ParseRule reads a rule of one line: conditions joined by and, an arrow, and what is served.
//
//	plan equals pro and not segment staff -> on:50,off:50
func ParseRule(text string) (flag.Rule, error) {
	at := strings.LastIndex(text, "->")
	if at < 0 {
		return flag.Rule{}, fault.New(fault.Invalid, "rule_malformed",
			"%q is no rule: write for example \"plan equals pro -> on\".", text)
	}
	serve, err := ParseServe(text[at+2:])
	if err != nil {
		return flag.Rule{}, err
	}
	r := flag.Rule{Serve: serve}
	if strings.TrimSpace(text[:at]) == "everybody" {
		return r, nil
	}
	r.If, err = ParseGroup(text[:at])
	return r, err
}

// divide splits at a separator outside of quotes.
func divide(text, by string) []string {
	var out []string
	from, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(text[i:], by):
			out = append(out, text[from:i])
			from = i + len(by)
			i = from - 1
		}
	}
	return append(out, text[from:])
}

// ParseGroup reads conditions that are joined by and.
func ParseGroup(text string) ([]flag.Condition, error) {
	var out []flag.Condition
	for _, part := range divide(text, " and ") {
		n, err := ParseCondition(part)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// Named gives rules without an id the id of the rule that they stand for: the one that says the same, or else the one
// at the same place, if nobody claims it. A rule that was written without its id stays the rule it was.
func Named(want, have []flag.Rule) []flag.Rule {
	out := slices.Clone(want)
	taken := map[string]bool{}
	for _, r := range out {
		taken[r.ID] = true
	}
	claim := func(i int, h flag.Rule) bool {
		if out[i].ID != "" || h.ID == "" || taken[h.ID] {
			return false
		}
		out[i].ID, taken[h.ID] = h.ID, true
		return true
	}
	for i := range out {
		for _, h := range have {
			if says(out[i]) == says(h) && claim(i, h) {
				break
			}
		}
	}
	for i := range out {
		if i < len(have) {
			claim(i, have[i])
		}
	}
	return out
}

// says is what a rule decides, as a text to compare.
func says(r flag.Rule) string {
	text, _ := json.Marshal(flag.Rule{If: r.If, Serve: r.Serve}) // it came from JSON, or from a text
	return string(text)
}
