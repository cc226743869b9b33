package foreign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/slipwayhq/slipway/internal/flag"
)

// name makes a key of any text: what keys can't have becomes a dash.
func name(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)), r == '_', r == '.':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= flag.MaxKey {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

// key is a name, with an entry where it is another one.
func (r *reader) key(p place, text string) string {
	key := name(text)
	if key == "" {
		key = "unnamed"
	}
	if key != text {
		r.note(p, fmt.Sprintf("the key %q", text), "it is called "+key+" here: code has to ask for that")
	}
	return key
}

// unique is a name that is not taken yet.
func unique(taken map[string]bool, text string) string {
	key := name(text)
	if key == "" {
		key = "v"
	}
	for n := 2; taken[key]; n++ {
		key = fmt.Sprintf("%s-%d", name(text), n)
	}
	taken[key] = true
	return key
}

// variants makes variants of values. Their names may be empty; a boolean flag's are on and off.
func variants(values []json.RawMessage, names []string) (flag.Kind, []flag.Variant) {
	var kind flag.Kind
	var out []flag.Variant
	taken := map[string]bool{}
	for i, v := range values {
		v = bytes.TrimSpace(v)
		k := kindOf(v)
		if i == 0 {
			kind = k
		}
		given := ""
		if i < len(names) {
			given = names[i]
		}
		switch {
		case k == flag.Boolean && len(values) <= 2:
			given = map[string]string{"true": "on", "false": "off"}[string(v)]
		case name(given) == "" && len(v) > 0 && len(v) < 40 && k != flag.Object:
			given = strings.Trim(string(v), `"`)
		case name(given) == "":
			given = fmt.Sprintf("v%d", i+1)
		}
		out = append(out, flag.Variant{Name: unique(taken, given), Value: slices.Clone(v)})
	}
	return kind, out
}

func kindOf(v json.RawMessage) flag.Kind {
	if len(v) == 0 {
		return ""
	}
	switch v[0] {
	case 't', 'f':
		return flag.Boolean
	case '"':
		return flag.String
	case '{':
		return flag.Object
	case '[', 'n':
		return ""
	}
	return flag.Number
}

// literal is the text of a regular expression that means no more than a text, and whether its ends are fixed.
func literal(pattern string) (text string, start, end, ok bool) {
	pattern, start = strings.CutPrefix(pattern, "^")
	if strings.HasSuffix(pattern, "$") && !strings.HasSuffix(pattern, `\$`) {
		pattern, end = strings.TrimSuffix(pattern, "$"), true
	}
	if rest, open := strings.CutSuffix(pattern, ".*"); open && !strings.HasSuffix(rest, `\`) {
		pattern, end = rest, false
	}
	if rest, open := strings.CutPrefix(pattern, ".*"); open {
		pattern, start = rest, false
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern) && !isWordByte(pattern[i+1]):
			i++
			b.WriteByte(pattern[i])
		case strings.IndexByte(`\.+*?()|[]{}^$`, c) >= 0:
			return "", false, false, false
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), start, end, b.Len() > 0
}

func isWordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_'
}

// pattern is a condition for a regular expression that is only a text.
func pattern(attribute, expression string) (flag.Condition, bool) {
	text, start, end, ok := literal(expression)
	n := flag.Condition{Attribute: attribute, Op: flag.Contains, Values: []any{text}}
	switch {
	case !ok:
		return n, false
	case start && end:
		n.Op = flag.Equals
	case start:
		n.Op = flag.StartsWith
	case end:
		n.Op = flag.EndsWith
	}
	return n, true
}

// scalars are values that a condition can have; ok is false when one is something else.
func scalars(values []any) (out []any, ok bool) {
	for _, v := range values {
		switch v := v.(type) {
		case string, float64, bool:
			out = append(out, v)
		default:
			return nil, false
		}
	}
	return out, len(out) > 0
}

// texts turns strings into values.
func texts(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// present says that an attribute is there.
func present(attribute string) flag.Condition {
	return flag.Condition{Attribute: attribute, Op: flag.Missing, Not: true}
}

// share is a split of ten thousand, with the first variant's part in percent.
func share(first, second string, percent float64) flag.Serve {
	weight := int(math.Round(min(max(percent, 0), 100) * 100))
	switch weight {
	case 10000:
		return flag.Serve{Variant: first}
	case 0:
		return flag.Serve{Variant: second}
	}
	return flag.Serve{Split: []flag.Portion{{Variant: first, Weight: weight}, {Variant: second, Weight: 10000 - weight}}}
}

// split makes a way to serve of weights, adding up what is there twice.
func split(names []string, weights []float64, whole float64) flag.Serve {
	var s flag.Serve
	for i, n := range names {
		weight := weights[i]
		if whole > 0 {
			weight = weight * 10000 / whole
		}
		w := int(math.Round(min(max(weight, 0), 1<<31-1)))
		if at := slices.IndexFunc(s.Split, func(p flag.Portion) bool { return p.Variant == n }); at >= 0 {
			s.Split[at].Weight += w
			continue
		}
		s.Split = append(s.Split, flag.Portion{Variant: n, Weight: w})
	}
	parts := slices.DeleteFunc(slices.Clone(s.Split), func(p flag.Portion) bool { return p.Weight == 0 })
	switch len(parts) {
	case 0:
		return s // Validate says what is wrong with it
	case 1:
		return flag.Serve{Variant: parts[0].Variant}
	}
	s.Split = parts
	return s
}

// maxAlternatives is how many rules one rule may become.
const maxAlternatives = 50

// product combines what must hold with alternatives of what must hold too; false when it becomes too much.
func product(all [][]flag.Condition, alternatives [][]flag.Condition) ([][]flag.Condition, bool) {
	if len(all)*len(alternatives) > maxAlternatives {
		return nil, false
	}
	var out [][]flag.Condition
	for _, have := range all {
		for _, more := range alternatives {
			out = append(out, slices.Concat(have, more))
		}
	}
	return out, true
}

// opposite negates a group of conditions that must all hold: any of the opposites suffices.
func opposite(group []flag.Condition) [][]flag.Condition {
	var out [][]flag.Condition
	for _, n := range group {
		n.Not = !n.Not
		out = append(out, []flag.Condition{n})
	}
	return out
}

// slashes turns /address/city into address.city.
func slashes(path string) string {
	if rest, ok := strings.CutPrefix(path, "/"); ok {
		return strings.ReplaceAll(rest, "/", ".")
	}
	return path
}

// versionLike fits the beginning of a version.
var versionLike = regexp.MustCompile(`^v?\d+(\.\d+)*`)

// version is a value of the operator Version.
func version(op string, value any) (string, bool) {
	text, ok := value.(string)
	if !ok || !versionLike.MatchString(text) {
		return "", false
	}
	return op + " " + text, true
}

// wholeSeconds cuts the fraction off an instant.
func wholeSeconds(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return t.Truncate(time.Second).Format(time.RFC3339)
}
