package ruleform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// ValuesText writes values as they are typed: separated by commas, text without quotes unless it would be read as
// something else.
func ValuesText(all []any) string {
	out := make([]string, 0, len(all))
	for _, v := range all {
		out = append(out, valueText(v))
	}
	return strings.Join(out, ", ")
}

func valueText(v any) string {
	s, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(b)
	}
	if read, ok := literal(s); !ok || read != any(s) || s == "" || strings.ContainsAny(s, ",\"\r\n") ||
		s != strings.TrimSpace(s) {
		return quote(s)
	}
	return s
}

// namesText writes names: quotes only where a comma or a space would be lost.
func namesText(all []string) string {
	out := make([]string, 0, len(all))
	for _, s := range all {
		if s == "" || strings.ContainsAny(s, ",\"\r\n") || s != strings.TrimSpace(s) {
			s = quote(s)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// quote writes a string as JSON, without the escapes that are only needed within HTML.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can always be written
	return strings.TrimSuffix(b.String(), "\n")
}

// literal reads one value: a JSON number, true, false, null or a string in quotes, else the text itself. False is a
// string in quotes that does not end.
func literal(s string) (any, bool) {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err == nil {
		switch v.(type) {
		case []any, map[string]any:
			return s, true
		}
		return v, true
	}
	return s, !strings.HasPrefix(s, `"`)
}

// split cuts a list of values at its commas and lines, but not within quotes.
func split(s string) []string {
	var out []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && (quoted || strings.TrimSpace(s[start:i]) == ""):
			quoted = !quoted
		case !quoted && (c == ',' || c == '\n'):
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	out = append(out, s[start:])
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// texts reads each as text, whatever it looks like.
func texts(all []string) []string {
	for i, s := range all {
		if v, ok := literal(s); ok {
			if text, ok := v.(string); ok {
				all[i] = text
			}
		}
	}
	return all
}

// values reads the values of an operator.
func values(op, text string) ([]any, string) {
	if op == "missing" {
		return nil, ""
	}
	parts := split(text)
	if len(parts) == 0 {
		return nil, "Name at least one value."
	}
	var out []any
	for _, p := range parts {
		v, ok := literal(p)
		if !ok {
			return out, "The quotes around a value do not end."
		}
		switch op {
		case "starts_with", "ends_with", "version", "before", "after":
			if _, ok := v.(string); !ok {
				v = p
			}
		case "less", "at_most", "more", "at_least":
			if _, ok := v.(float64); !ok {
				return append(out, v), "“" + p + "” is no number."
			}
		}
		out = append(out, v)
	}
	return out, ""
}

// Users reads sample users, one a line: "ada plan=pro address.country=DE", or a JSON object.
func Users(text string) ([]map[string]any, []Complaint) {
	var out []map[string]any
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if len(out) == MaxSamples {
			return out, []Complaint{{"samples", fmt.Sprintf("At most %d users.", MaxSamples)}}
		}
		user, why := userOf(line)
		if why != "" {
			return out, []Complaint{{"samples", fmt.Sprintf("Line %d: %s", i+1, why)}}
		}
		out = append(out, user)
	}
	if len(out) == 0 {
		return nil, []Complaint{{"samples", "Name at least one user, such as: ada plan=pro"}}
	}
	return out, nil
}

func userOf(line string) (map[string]any, string) {
	user := map[string]any{}
	if strings.HasPrefix(line, "{") {
		if err := json.Unmarshal([]byte(line), &user); err != nil {
			return nil, "this is no JSON object."
		}
		return user, ""
	}
	for _, word := range words(line) {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			if _, twice := user["targetingKey"]; twice {
				return nil, "“" + word + "” has no value: write attribute=value."
			}
			user["targetingKey"] = word
			continue
		}
		v, ok := literal(value)
		if !ok || name == "" {
			return nil, "“" + word + "” cannot be read."
		}
		if !nest(user, strings.Split(name, "."), v) {
			return nil, "“" + name + "” is both a value and a group."
		}
	}
	return user, ""
}

// nest puts a value at a path with dots, as rules look it up.
func nest(at map[string]any, path []string, v any) bool {
	for _, name := range path[:len(path)-1] {
		next, ok := at[name].(map[string]any)
		if _, taken := at[name]; taken && !ok {
			return false
		}
		if !ok {
			next = map[string]any{}
			at[name] = next
		}
		at = next
	}
	if _, taken := at[path[len(path)-1]].(map[string]any); taken {
		return false
	}
	at[path[len(path)-1]] = v
	return true
}

// words cuts a line at its spaces, but not within quotes.
func words(line string) []string {
	var out []string
	start, quoted := -1, false
	for i := 0; i <= len(line); i++ {
		switch {
		case i < len(line) && quoted && line[i] == '\\':
			i++
		case i < len(line) && line[i] == '"':
			quoted = !quoted
			if start < 0 {
				start = i
			}
		case i == len(line) || !quoted && (line[i] == ' ' || line[i] == '\t'):
			if start >= 0 {
				out = append(out, line[start:min(i, len(line))])
			}
			start = -1
		case start < 0:
			start = i
		}
	}
	if start >= 0 {
		out = append(out, line[start:])
	}
	return out
}

// Samples writes users that show what a configuration does: one for each of the first rules, and somebody of whom
// nothing is known.
func Samples(c api.FlagConfig) string {
	names := []string{"ada", "grace", "lin", "omar"}
	var lines []string
	for _, r := range c.Rules {
		known := map[string]string{}
		for _, q := range r.If {
			if q.Segment == "" && !q.Not && len(q.Values) > 0 && q.Attribute != "" {
				known[q.Attribute] = example(q)
			}
		}
		if len(known) == 0 || len(lines) == len(names) {
			continue
		}
		name := names[len(lines)]
		if key, ok := known["targetingKey"]; ok {
			name = key
			delete(known, "targetingKey")
		}
		var words []string
		for k, v := range known {
			words = append(words, k+"="+v)
		}
		sort.Strings(words)
		lines = append(lines, strings.Join(append([]string{name}, words...), " "))
	}
	return strings.Join(append(lines, "somebody", "somebody-else"), "\n")
}

// example is a value that satisfies a condition, where that is easily said.
func example(q api.FlagCondition) string {
	v := q.Values[0]
	if n, ok := v.(float64); ok {
		switch q.Op {
		case "less":
			v = n - 1
		case "more":
			v = n + 1
		}
	}
	text := valueText(v)
	switch q.Op {
	case "starts_with":
		text = strings.Trim(text, `"`) + "1"
	case "ends_with":
		text = "a" + strings.Trim(text, `"`)
	case "version":
		text = strings.TrimLeft(strings.Trim(text, `"`), "<>=!^~ ")
	}
	if strings.ContainsAny(text, " \t") && !strings.HasPrefix(text, `"`) {
		text = quote(text)
	}
	return text
}
