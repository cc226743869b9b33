package scan

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// read looks for keys in one file.
func (s *scanner) read(name string, text []byte) {
	lines, found := newLines(text), 0
	for at := 0; at < len(text); {
		i := bytes.IndexAny(text[at:], "\"'`")
		if i < 0 {
			return
		}
		open := at + i
		end := open + 1
		for end < len(text) && isKeyByte(text[end]) {
			end++
		}
		at = open + 1
		if end == open+1 || end >= len(text) || text[end] != text[open] || !s.keys[string(text[open+1:end])] {
			continue
		}
		at = end + 1
		ref := lines.place(name, open)
		ref.Key = string(text[open+1 : end])
		classify(&ref, text, open, end+1)
		s.result.References = append(s.result.References, ref)
		if found++; found >= maxInFile {
			s.skip(name, fmt.Sprintf("only the first %d places are told", maxInFile))
			return
		}
	}
}

func isKeyByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_' || b == '.'
}

// lines finds lines by their offsets, in the order of a file.
type lines struct {
	text            []byte
	line, start     int
	counted, column int // characters of the line that are counted, up to which offset
}

func newLines(text []byte) *lines { return &lines{text: text, line: 1} }

// place is the reference at an offset, which lies after the one before.
func (l *lines) place(name string, offset int) Reference {
	for {
		i := bytes.IndexByte(l.text[l.counted:offset], '\n')
		if i < 0 {
			break
		}
		l.start, l.counted, l.column = l.counted+i+1, l.counted+i+1, 0
		l.line++
	}
	l.column += utf8.RuneCount(l.text[l.counted:offset])
	l.counted = offset
	return Reference{
		Path: name, Line: l.line, Column: l.column + 1, Test: isTest(name),
		Snippet: snippet(l.text[l.start:], offset-l.start),
	}
}

// snippet is a line without its indent; of a long one the part around the place.
func snippet(text []byte, at int) string {
	from := max(0, at-maxSnippet/2)
	if end := bytes.IndexByte(text[:min(len(text), maxSnippet)], '\n'); end >= at || end < 0 && len(text) <= maxSnippet {
		from = 0
	}
	text = text[from:min(len(text), from+maxSnippet)]
	line, _, ended := bytes.Cut(text, []byte{'\n'})
	shown := strings.TrimSpace(strings.ToValidUTF8(string(line), ""))
	if from > 0 {
		shown = "…" + shown
	}
	if !ended && len(text) == maxSnippet {
		shown += "…"
	}
	return shown
}

var (
	callBefore      = regexp.MustCompile(`([A-Za-z_$][\w$.]*)\s*(?:<[^<>()]*>)?\(\s*(?:[\w$.]+\s*,\s*)?$`)
	keyBefore       = regexp.MustCompile(`(?i)["']?\b(?:key|flag|flagKey|flag_key|featureKey|name|id)["']?\s*[:=]\s*$`)
	constantBefore  = regexp.MustCompile(`([A-Za-z_]\w*)\s*(?::\s*[\w<>" |]+)?\s*(?::=|=)\s*$`)
	assignedBefore  = regexp.MustCompile(`(\w+)(?:\s*,\s*\w+)*\s*:?=\s*(?:await\s+)?[\w$.]*$`)
	componentBefore = regexp.MustCompile(`<([A-Z][\w.]*)\b([^<>]*)$`)
	flagCall        = regexp.MustCompile(`(?i)flag|feature|variation|variant|toggle|experiment|is_?(?:on|enabled)|` +
		`(?:boolean|string|number|object|int|float)_?(?:value|details)|evaluate|treatment|gate|decide`)
)

// classify says how the code around a quoted key asks for it: text[open:end] is the key with its quotes.
func classify(r *Reference, text []byte, open, end int) {
	before := window(text, open)
	after := text[end:min(len(text), end+400)]
	switch {
	case componentBefore.Match(before):
		m := componentBefore.FindSubmatch(before)
		tag, _, _ := bytes.Cut(after, []byte{'>'})
		r.Form, r.Name = Component, string(m[1])
		r.Sure = flagCall.MatchString(r.Name)
		r.Stays = whenOn
		if bytes.Contains(bytes.ToLower(m[1]), []byte("off")) || offAttribute.Match(m[2]) || offAttribute.Match(tag) {
			r.Stays = whenOff
		}
	case callBefore.Match(before):
		m := callBefore.FindSubmatchIndex(before)
		r.Form, r.Name = Call, string(before[m[2]:m[3]])
		r.Sure = flagCall.MatchString(r.Name)
		r.Stays = branch(before[:m[2]], after)
	case keyBefore.Match(before):
		r.Form, r.Sure = Definition, isCode(r.Path)
		if !r.Sure {
			r.Sure = bytes.Contains(text, []byte("flag"))
		}
	case constantBefore.Match(before) && isCode(r.Path):
		r.Form, r.Name = Constant, string(constantBefore.FindSubmatch(before)[1])
		r.Sure = flagCall.MatchString(r.Name) || flagCall.MatchString(path.Base(r.Path))
	default:
		r.Form = Text
		r.Sure = bytes.HasPrefix(bytes.TrimLeft(after, " \t"), []byte{':'}) && bytes.Contains(text, []byte(`"flags"`))
	}
}

// window is what stands before a place: enough to see a call and the statement that it is in.
func window(text []byte, at int) []byte {
	before := text[max(0, at-400):at]
	if i := bytes.LastIndex(before, []byte("\n\n")); i >= 0 {
		before = before[i+2:]
	}
	return before
}

func isCode(name string) bool {
	return !slices.Contains([]string{
		".md", ".mdx", ".txt", ".json", ".yaml", ".yml", ".toml", ".html", ".xml", ".css", "",
	}, strings.ToLower(path.Ext(name)))
}

// What stays at a place, as far as its text tells; stays makes words of it.
const (
	whenOn  = "on"
	whenOff = "off"
	whenIf  = "if"
	whenNot = "if not"
	chosen  = "? :"
	given   = "value "
)

var (
	offAttribute = regexp.MustCompile(`(?:^|\s)(?:off|not|inverted|unless)(?:\s|=\{?"?true|/|$)`)
	choice       = regexp.MustCompile(`^\?(?:[^.?]|$)`)
	ifBefore     = regexp.MustCompile(`\b(?:if|elif|unless|when)\b\s*\(?\s*(!|not\s)?\s*\(?\s*(?:await\s+)?[\w$.]*$`)
)

// branch says what hangs on a call: an if, a choice, or a name that holds the value.
func branch(before, after []byte) string {
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	if m := ifBefore.FindSubmatch(line); m != nil {
		if len(m[1]) > 0 {
			return whenNot
		}
		return whenIf
	}
	rest, _, _ := bytes.Cut(after, []byte{'\n'})
	if close := bytes.IndexByte(rest, ')'); close >= 0 {
		next := bytes.TrimLeft(rest[close+1:], ") ")
		if choice.Match(next) {
			return chosen
		}
		if bytes.HasPrefix(next, []byte("&&")) {
			return whenOn
		}
	}
	if m := assignedBefore.FindSubmatch(line); m != nil {
		return given + string(m[1])
	}
	return ""
}

// stays says for a variant which branch stays at a place.
func stays(found, variant string) string {
	on := variant == "" || variant == "on" || variant == "true" || variant == "enabled"
	off := variant == "off" || variant == "false" || variant == "disabled"
	name, isValue := strings.CutPrefix(found, given)
	switch {
	case found == "" || variant == "":
		return ""
	case isValue:
		return name + " has one value from now on: follow its uses"
	case !on && !off:
		return "what is done for " + variant
	case found == chosen && on:
		return "what stands between ? and :"
	case found == chosen:
		return "what stands after :"
	case found == whenIf && on, found == whenNot && off:
		return "the block of the if; its else goes"
	case found == whenIf, found == whenNot:
		return "the block of the else; the if goes"
	case found == whenOn && on, found == whenOff && off:
		return "what is inside"
	}
	return "nothing: what is inside goes"
}

// constants are the names that hold keys, where they are long enough to mean only that.
func (s *scanner) constants() map[string]string {
	names := map[string]string{}
	for _, r := range s.result.References {
		if r.Form == Constant && r.Sure && len(r.Name) >= 5 && !r.Test {
			names[r.Name] = r.Key
		}
	}
	return names
}

// uses looks for the names of constants in one file.
func uses(name string, text []byte, names map[string]string) []Reference {
	if !isCode(name) {
		return nil
	}
	var found []Reference
	lines := newLines(text)
	for at := 0; at < len(text) && len(found) < maxInFile; {
		if !isNameByte(text[at]) {
			at++
			continue
		}
		end := at
		for end < len(text) && isNameByte(text[end]) {
			end++
		}
		key, ok := names[string(text[at:end])]
		if ok && !constantAfter.Match(text[end:min(len(text), end+120)]) && !imported(text, at) {
			r := lines.place(name, at)
			r.Key, r.Form, r.Name, r.Sure = key, Name, string(text[at:end]), true
			before := window(text, at)
			if m := callBefore.FindSubmatchIndex(before); m != nil {
				r.Stays = branch(before[:m[2]], text[end:min(len(text), end+400)])
			}
			found = append(found, r)
		}
		at = end
	}
	return found
}

var constantAfter = regexp.MustCompile("^\\s*(?::\\s*[\\w<>\" |]+)?\\s*(?::=|=)\\s*[\"'`]")

func isNameByte(b byte) bool { return isKeyByte(b) && b != '-' && b != '.' }

// imported says whether a name stands in a line that brings it in.
func imported(text []byte, at int) bool {
	line := text[bytes.LastIndexByte(text[:at], '\n')+1 : at]
	line = bytes.TrimSpace(line)
	return bytes.HasPrefix(line, []byte("import ")) || bytes.HasPrefix(line, []byte("from ")) ||
		bytes.HasPrefix(line, []byte("export {"))
}
