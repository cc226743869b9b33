package document

import (
	"fmt"
	"strconv"
	"strings"
)

// line is one line of the written tree with its remark.
type line struct{ text, remark string }

// Write writes a tree down as YAML. With a name, every value gets a remark with its
// origin: a line of the file of that name, or default.
func Write(tree *Node, name string) string {
	w := writer{name: name}
	w.mapping(tree, 0)
	width := 0
	for _, l := range w.lines {
		if n := len([]rune(l.text)); n <= 96 {
			width = max(width, n)
		}
	}
	var b strings.Builder
	for _, l := range w.lines {
		b.WriteString(l.text)
		if name != "" && l.remark != "" {
			b.WriteString(strings.Repeat(" ", max(0, width-len([]rune(l.text)))) + "  # " + l.remark)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// writer collects the lines of a tree.
type writer struct {
	name  string
	lines []line
}

// add writes a line with the origin of what stands at a place.
func (w *writer) add(text string, at Place) {
	remark := "default"
	if at.Line > 0 {
		remark = fmt.Sprintf("%s:%d", w.name, at.Line)
	}
	w.lines = append(w.lines, line{text, remark})
}

// mapping writes the keys of a mapping.
func (w *writer) mapping(n *Node, depth int) {
	pad := strings.Repeat("  ", depth)
	for _, e := range n.Keys {
		key := pad + Quote(e.Name) + ":"
		if isPair(e.Name) {
			key = pad + e.Name + ":"
		}
		v := e.Value
		switch {
		case v == nil || v.Form == Null:
			continue
		case v.Form == Mapping && len(v.Keys) > 0:
			w.lines = append(w.lines, line{key, ""})
			w.mapping(v, depth+1)
		case v.Form == List && v.hasMapping():
			w.lines = append(w.lines, line{key, ""})
			for _, item := range v.Items {
				w.add(pad+"  - "+item.flow(), item.Place)
			}
		default:
			from := v.Place
			if v.Form == Mapping {
				from = e.Place
			}
			w.add(key+" "+v.flow(), from)
		}
	}
}

func (n *Node) hasMapping() bool {
	for _, item := range n.Items {
		if item.Form == Mapping {
			return true
		}
	}
	return false
}

// flow writes a value in one line.
func (n *Node) flow() string {
	switch {
	case n == nil || n.Form == Null:
		return "null"
	case n.Form == List:
		parts := make([]string, len(n.Items))
		for i, item := range n.Items {
			parts[i] = item.flow()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n.Form == Mapping:
		parts := make([]string, 0, len(n.Keys))
		for _, e := range n.Keys {
			parts = append(parts, Quote(e.Name)+": "+e.Value.flow())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n.Plain && consists(n.Text, lower+upper+digits, lower+upper+digits+"_./% -") && !strings.HasSuffix(n.Text, " "):
		return n.Text // it stood without quotes, so it can again
	case n.Plain && isNumber(n.Text):
		return n.Text
	}
	return Quote(n.Text)
}

// isNumber reports whether s is a number as JSON has them, which begins with a sign perhaps.
func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && consists(strings.TrimPrefix(s, "-"), digits, digits+".eE+-")
}

// isPair reports whether s reads like release:start, which as a key at the
// beginning of a line needs no quotes, but does in braces.
func isPair(s string) bool {
	a, b, _ := strings.Cut(s, ":")
	return consists(a, lower, lower) && consists(b, lower, lower)
}

// Quote writes a text so that YAML reads the same text.
func Quote(s string) string {
	if consists(strings.TrimPrefix(s, "."), lower+upper+"_/", lower+upper+digits+"_./-") {
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
