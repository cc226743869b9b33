package configuration

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Form is how a value must look.
type Form string

// The forms.
const (
	Text Form = ""
	URL  Form = "url"
	Port Form = "port"
)

// Need is a line of a manifest: a variable that an environment must have.
type Need struct {
	Key         string
	Line        int
	Form        Form
	Optional    bool
	Development bool // it must not be in production
}

// Manifest is what an environment needs, as a file in the style of .env.example says.
type Manifest struct {
	Name  string // of the file
	Needs []Need
}

// Get returns what the manifest says of a variable.
func (m Manifest) Get(key string) (Need, bool) {
	i := slices.IndexFunc(m.Needs, func(n Need) bool { return n.Key == key })
	if i < 0 {
		return Need{}, false
	}
	return m.Needs[i], true
}

// Problem is something that is wrong with an environment's variables.
type Problem struct {
	Key      string
	Sentence string
	Where    string // place in the manifest; empty where it is not about a line
}

const (
	longestManifest = 256 << 10
	mostNeeds       = 2000
)

// ParseManifest reads a file in the style of .env.example. Each NAME=example is a variable that is needed. Words in the
// comment above it, or behind it, say more: optional, url, port, development only. Where nothing is said of the form,
// the name (…_URL, PORT) or the example (https://…) does. Lines that can't be read are problems; the rest holds.
func ParseManifest(name string, text []byte) (Manifest, []Problem) {
	m := Manifest{Name: name}
	if len(text) > longestManifest {
		return m, []Problem{{Sentence: fmt.Sprintf("%s has more than %d KiB: it is no list of variables.", name,
			longestManifest>>10)}}
	}
	var bad []Problem
	comment, line := "", 0
	for raw := range strings.Lines(string(text)) {
		line++
		s := strings.TrimSpace(strings.TrimPrefix(raw, "\ufeff"))
		if s == "" {
			comment = ""
			continue
		}
		if rest, ok := strings.CutPrefix(s, "#"); ok {
			comment += " " + rest
			continue
		}
		where := name + ":" + strconv.Itoa(line)
		key, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(s, "export ")), "=")
		if key = strings.TrimSpace(key); !ok || CheckName(key) != nil {
			bad = append(bad, Problem{Where: where, Sentence: "The line is no NAME=example."})
			comment = ""
			continue
		}
		value, behind := unquote(value)
		n := need(key, value, comment+" "+behind)
		n.Line, comment = line, ""
		switch _, twice := m.Get(key); {
		case twice:
			bad = append(bad, Problem{Key: key, Where: where, Sentence: key + " stands there twice."})
		case len(m.Needs) == mostNeeds:
			return m, append(bad, Problem{Where: where, Sentence: "There are too many variables."})
		default:
			m.Needs = append(m.Needs, n)
		}
	}
	return m, bad
}

// unquote takes quotes and the comment behind a value off.
func unquote(s string) (value, comment string) {
	s = strings.TrimSpace(s)
	if s != "" && strings.ContainsRune(`"'`, rune(s[0])) {
		if end := strings.IndexByte(s[1:], s[0]); end >= 0 {
			_, comment, _ = strings.Cut(s[end+2:], "#")
			return s[1 : end+1], comment
		}
	}
	if strings.HasPrefix(s, "#") {
		return "", s[1:]
	}
	value, comment, _ = strings.Cut(s, " #")
	return strings.TrimSpace(value), comment
}

// need reads what the words around a variable say.
func need(key, example, comment string) Need {
	n := Need{Key: key}
	words := strings.FieldsFunc(strings.ToLower(comment), func(r rune) bool {
		return (r < 'a' || r > 'z') && r != '-'
	})
	has := func(list ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
	}
	n.Optional = has("optional")
	n.Development = has("development-only", "dev-only") ||
		strings.Contains(strings.Join(words, " "), "development only")
	n.Optional = n.Optional || n.Development
	upper := strings.ToUpper(key)
	switch {
	case has("url"), strings.HasSuffix(upper, "_URL"), upper == "URL", strings.Contains(example, "://"):
		n.Form = URL
	case has("port"), strings.HasSuffix(upper, "_PORT"), upper == "PORT":
		n.Form = Port
	}
	return n
}

// Given is a variable with what is known of its value.
type Given struct {
	Key   string
	Value string
	Known bool // Value is what it has; otherwise only its presence is known
}

// Check says what is wrong with an environment's variables by its manifest: missing, empty, malformed, or for
// development only in production. No sentence holds a value.
func (m Manifest) Check(environment string, given []Given) []Problem {
	out := []Problem{}
	production := environment == "production" || environment == "canary"
	for _, n := range m.Needs {
		where := m.Name + ":" + strconv.Itoa(n.Line)
		add := func(format string) {
			out = append(out, Problem{Key: n.Key, Where: where, Sentence: fmt.Sprintf(format, n.Key)})
		}
		i := slices.IndexFunc(given, func(g Given) bool { return g.Key == n.Key })
		switch {
		case i < 0 && n.Optional:
		case i < 0:
			add("%s is missing.")
		case n.Development && production:
			add("%s is for development only: take it out of " + environment + ".")
		case !given[i].Known:
		case strings.TrimSpace(given[i].Value) == "" && !n.Optional:
			add("%s is empty.")
		case strings.TrimSpace(given[i].Value) == "":
		case n.Form == URL && !isURL(given[i].Value):
			add("%s is no URL such as https://api.example.com.")
		case n.Form == URL && production && local(given[i].Value):
			add("%s points at this machine itself (localhost), which only development can mean.")
		case n.Form == Port && !isPort(given[i].Value):
			add("%s is no port: a number from 1 to 65535.")
		}
	}
	return out
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && (u.Host != "" || strings.HasPrefix(u.Opaque, "/") || u.Scheme == "file") &&
		strings.TrimSpace(s) == s
}

func local(s string) bool {
	u, err := url.Parse(s)
	return err == nil && slices.Contains([]string{"localhost", "127.0.0.1", "::1", "0.0.0.0"}, u.Hostname())
}

func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1 && n <= 65535 && strconv.Itoa(n) == s
}

// ParseFile reads the values of a file in the style of .env: NAME=value, with quotes or without. Lines that can't be
// read are problems, and no problem holds a value.
func ParseFile(name string, text []byte) ([]Given, []Problem) {
	var out []Given
	var bad []Problem
	line := 0
	for raw := range strings.Lines(string(text)) {
		line++
		s := strings.TrimSpace(strings.TrimPrefix(raw, "\ufeff"))
		if s == "" || s[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(s, "export ")), "=")
		if key = strings.TrimSpace(key); !ok || CheckName(key) != nil {
			bad = append(bad, Problem{Where: name + ":" + strconv.Itoa(line), Sentence: "The line is no NAME=value."})
			continue
		}
		value, _ = unquote(value)
		i := slices.IndexFunc(out, func(g Given) bool { return g.Key == key })
		if i >= 0 {
			out[i].Value = value // the last one holds, as everywhere
			continue
		}
		out = append(out, Given{Key: key, Value: value, Known: true})
	}
	return out, bad
}
