package page

import (
	"strings"

	"github.com/slipwayhq/slipway/api"
)

// asked is a condition taken apart, so that names and values stand apart from words.
type asked struct {
	subject string   // attribute; empty where the words say it
	words   string   // between subject and values
	values  []string // the first ones
	more    int      // values that are not shown
	segment string   // a link
}

// shownValues is how many values of a condition are written out.
const shownValues = 4

// askedOf puts a condition into words.
func askedOf(c api.FlagCondition) asked {
	if c.Segment != "" {
		return asked{subject: "the user", words: negated("is in the segment", c.Not), segment: c.Segment}
	}
	a := asked{subject: c.Attribute}
	if c.Attribute == "targetingKey" {
		a.subject = "key"
	}
	for i, v := range c.Values {
		if i == shownValues && len(c.Values) > shownValues+1 {
			a.more = len(c.Values) - i
			break
		}
		a.values = append(a.values, scalar(v))
	}
	if (c.Op == "before" || c.Op == "after") && c.Attribute == "" {
		a.subject = "the time"
	}
	a.words = negated(opWords(c.Op), c.Not)
	return a
}

// opWords is an operator as it stands in a sentence.
func opWords(op string) string {
	switch op {
	case "equals":
		return "is"
	case "starts_with":
		return "starts with"
	case "ends_with":
		return "ends with"
	case "contains":
		return "contains"
	case "less":
		return "is less than"
	case "at_most":
		return "is at most"
	case "more":
		return "is more than"
	case "at_least":
		return "is at least"
	case "version":
		return "is a version"
	case "before":
		return "is before"
	case "after":
		return "is at or after"
	case "missing":
		return "is missing"
	}
	return human(op)
}

// negated turns words around.
func negated(words string, not bool) string {
	if !not {
		return words
	}
	if rest, ok := strings.CutPrefix(words, "is"); ok {
		return "is not" + rest
	}
	return "does not " + strings.Replace(strings.Replace(strings.Replace(words, "starts", "start", 1), "ends", "end", 1),
		"contains", "contain", 1)
}

// changePath writes the place of a change for people: "rules[0].serve" into "rule 1, serve".
func changePath(path string) string {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '/' })
	for i, p := range parts {
		name, index, ok := strings.Cut(p, "[")
		if !ok {
			parts[i] = human(p)
			continue
		}
		parts[i] = strings.TrimSuffix(human(name), "s") + " " + oneMore(strings.TrimSuffix(index, "]"))
	}
	return title(strings.Join(parts, ", "))
}

// oneMore counts from one where it is a number.
func oneMore(index string) string {
	n := 0
	for _, c := range index {
		if c < '0' || c > '9' || n > 1e6 {
			return index
		}
		n = n*10 + int(c-'0')
	}
	return count(n + 1)
}

// valueText writes one side of a change.
func valueText(raw []byte) string {
	s := string(raw)
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' && !strings.Contains(s, `\`) {
		return s[1 : len(s)-1]
	}
	return s
}

// staleLead says how many flags could go.
func staleLead(items []api.Flag) string {
	if len(items) == 0 {
		return "No flag could go."
	}
	return plural(len(items), "flag") + " could go."
}

// here reports whether the page is exactly the one at path.
func (f Frame) here(path string) bool {
	p, _, _ := strings.Cut(f.Path, "?")
	return p == path
}

// offSays is what everybody gets while the flag is off.
func offSays(c api.FlagConfig) string {
	if c.Off == "" {
		return "what the program falls back to"
	}
	return "“" + c.Off + "”"
}

// editLink leads to the editor, where the viewer may edit and no ramp is in the way.
func editLink(f Frame, x api.Flag, c api.FlagConfig) []crumb {
	if x.Archived != nil || c.Ramp != "" || !f.mayIn("flag:edit", c.Environment) {
		return nil
	}
	return []crumb{{"Edit", flagPath(x.Key, c.Environment)}}
}

// clipText cuts what is too long for its place; the whole stands in a title beside it.
func clipText(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// PlaceOf names the place that a complaint is about.
func PlaceOf(path string) string {
	if strings.ContainsAny(path, "[.") {
		return changePath(path)
	}
	switch path {
	case "at":
		return "when"
	case "do":
		return "what"
	case "rename":
		return "names of environments"
	}
	return human(path)
}
