package strategy

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Explain returns the whole strategy as it holds, in the file's own form, with the
// origin of every value behind it: a line of the file, or default.
func (s *Strategy) Explain() string { return s.write(true) }

// line is one line of the written tree with its remark.
type line struct{ text, remark string }

// write prints the effective tree.
func (s *Strategy) write(origins bool) string {
	var lines []line
	s.lines(&lines, s.tree, 0)
	width := 0
	for _, l := range lines {
		if n := len([]rune(l.text)); n <= 96 {
			width = max(width, n)
		}
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text)
		if origins && l.remark != "" {
			b.WriteString(strings.Repeat(" ", max(0, width-len([]rune(l.text)))) + "  # " + l.remark)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// origin says where a value comes from.
func (s *Strategy) origin(at place) string {
	if at.line == 0 {
		return "default"
	}
	return fmt.Sprintf("%s:%d", s.name, at.line)
}

// lines prints the keys of a mapping.
func (s *Strategy) lines(out *[]line, n *node, depth int) {
	pad := strings.Repeat("  ", depth)
	for _, e := range n.keys {
		key := pad + quote(e.name) + ":"
		if isPermission(e.name) {
			key = pad + e.name + ":"
		}
		v := e.value
		switch {
		case v == nil || v.form == null:
			continue
		case v.form == mapping && len(v.keys) > 0:
			*out = append(*out, line{key, ""})
			s.lines(out, v, depth+1)
		case v.form == list && v.hasMapping():
			*out = append(*out, line{key, ""})
			for _, item := range v.items {
				*out = append(*out, line{pad + "  - " + item.flow(), s.origin(item.place)})
			}
		default:
			from := v.place
			if v.form == mapping {
				from = e.place
			}
			*out = append(*out, line{key + " " + v.flow(), s.origin(from)})
		}
	}
}

func (n *node) hasMapping() bool {
	for _, item := range n.items {
		if item.form == mapping {
			return true
		}
	}
	return false
}

// flow writes a value in one line.
func (n *node) flow() string {
	switch {
	case n == nil || n.form == null:
		return "null"
	case n.form == list:
		parts := make([]string, len(n.items))
		for i, item := range n.items {
			parts[i] = item.flow()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n.form == mapping:
		parts := make([]string, 0, len(n.keys))
		for _, e := range n.keys {
			parts = append(parts, quote(e.name)+": "+e.value.flow())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n.plain && regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./% -]*$`).MatchString(n.text) && !strings.HasSuffix(n.text, " "):
		return n.text // it stood without quotes, so it can again
	}
	return quote(n.text)
}

// isPermission reports whether s reads like release:start, which as a key at the
// beginning of a line needs no quotes, but does in braces.
func isPermission(s string) bool { return regexp.MustCompile(`^[a-z]+:[a-z]+$`).MatchString(s) }

// quote writes a text so that YAML reads the same text.
func quote(s string) string {
	if regexp.MustCompile(`^\.?[A-Za-z_/][A-Za-z0-9_./-]*$`).MatchString(s) {
		switch strings.ToLower(s) {
		case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		default:
			return s
		}
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// writeDuration writes a duration as people do: 10m and not 10m0s.
func writeDuration(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
