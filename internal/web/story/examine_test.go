package story_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// bareFlag is a flag of the command line in a sentence.
var bareFlag = regexp.MustCompile(`(?:^|[\s(“])--[a-z]`)

// loose is a text that begins with a space and a mark that belongs to the word before it.
var loose = regexp.MustCompile(`^\s+[,.:;)]`)

// examiner reads a page and notes what no page may have.
type examiner struct {
	problems []string
	ids      map[string]bool
	labeled  map[string]bool // ids that a label names
	fields   []field
	refs     []string // ids that aria attributes name
	h1       int
	heading  int // level of the last one
	inLabel  int
	form     *form
	code     int              // elements that are open which show what is typed
	running  int              // paragraphs and values that are open: their words stand beside each other
	ended    string           // the element that ended just now, when nothing came after it
	button   *strings.Builder // text of the button that is open
}

type field struct {
	id, name string
	labeled  bool
}

type form struct {
	post, token bool
	action      string
}

// examine returns what is wrong with a page.
func examine(html []byte) []string {
	e := &examiner{ids: map[string]bool{}, labeled: map[string]bool{}}
	d := xml.NewDecoder(bytes.NewReader(html))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			e.note("the page cannot be read: %v", err)
			break
		}
		switch x := tok.(type) {
		case xml.StartElement:
			e.start(x)
		case xml.EndElement:
			e.end(x.Name.Local)
		case xml.CharData:
			e.text(string(x))
			if e.button != nil {
				e.button.Write(x)
			}
		}
	}
	e.finish()
	return e.problems
}

func (e *examiner) note(format string, args ...any) {
	e.problems = append(e.problems, fmt.Sprintf(format, args...))
}

// besides are elements that hold words of a sentence, and nothing else.
const besides = " bdi time "

// beside refuses two elements of one sentence without a space between them.
func (e *examiner) beside(name string) {
	if e.running > 0 && e.ended != "" && strings.Contains(besides, " "+name+" ") {
		e.note("a %s touches the %s before it", name, e.ended)
	}
	e.ended = ""
	if name == "p" || name == "dd" {
		e.running++
	}
}

func (e *examiner) start(x xml.StartElement) {
	e.beside(x.Name.Local)
	attrs := map[string]string{}
	for _, a := range x.Attr {
		attrs[a.Name.Local] = a.Value
		e.attribute(x.Name.Local, a.Name.Local, a.Value)
	}
	switch x.Name.Local {
	case "code", "pre", "kbd":
		e.code++
	case "script":
		if attrs["src"] == "" {
			e.note("a script stands in the page")
		}
	case "style", "img", "iframe", "object", "embed", "base":
		e.note("a %s element stands in the page", x.Name.Local)
	case "h1", "h2", "h3", "h4":
		e.head(int(x.Name.Local[1] - '0'))
	case "form":
		e.form = &form{post: attrs["method"] == "post", action: attrs["action"]}
	case "label":
		e.inLabel++
		e.labeled[attrs["for"]] = true
	case "button", "summary":
		e.button = &strings.Builder{}
		e.button.WriteString(attrs["aria-label"])
	case "input", "select", "textarea":
		if attrs["name"] == "_csrf" && attrs["value"] != "" && e.form != nil {
			e.form.token = true
		}
		if attrs["type"] != "hidden" {
			e.fields = append(e.fields, field{attrs["id"], attrs["name"], e.inLabel > 0})
		}
	}
}

func (e *examiner) attribute(element, name, value string) {
	switch {
	case name == "style" && element != "svg":
		e.note("%s has a style attribute", element)
	case strings.HasPrefix(name, "on"):
		e.note("%s has the handler %s", element, name)
	case name == "id":
		if e.ids[value] {
			e.note("id %q stands twice", value)
		}
		e.ids[value] = true
	case name == "href" || name == "action" || name == "src":
		v := strings.ToLower(strings.TrimSpace(value))
		if strings.HasPrefix(v, "javascript:") || strings.HasPrefix(v, "data:") {
			e.note("%s leads to %s", element, value)
		}
	case name == "aria-labelledby" || name == "aria-describedby":
		e.refs = append(e.refs, strings.Fields(value)...)
	}
}

func (e *examiner) head(level int) {
	if level == 1 {
		e.h1++
	}
	if level > e.heading+1 && e.h1 > 0 {
		e.note("h%d follows h%d", level, e.heading)
	}
	e.heading = level
}

// text refuses flags of the command line where nothing is typed, without the command that they are of, and a space
// before a mark that closes.
func (e *examiner) text(s string) {
	if loose.MatchString(s) && e.ended != "" && e.running > 0 {
		e.note("a space stands before %q", strings.TrimSpace(s))
	}
	e.ended = ""
	if e.code == 0 && bareFlag.MatchString(s) && !strings.Contains(s, "slipway ") {
		e.note("a page names a flag of the command line: %s", strings.TrimSpace(s))
	}
}

func (e *examiner) end(name string) {
	if e.ended = ""; strings.Contains(besides, " "+name+" ") {
		e.ended = name
	}
	switch name {
	case "p", "dd":
		e.running--
	case "code", "pre", "kbd":
		e.code--
	case "form":
		if e.form != nil && e.form.post && !e.form.token {
			e.note("the form to %s has no _csrf", e.form.action)
		}
		e.form = nil
	case "label":
		e.inLabel--
	case "button", "summary":
		if e.button != nil && strings.TrimSpace(e.button.String()) == "" {
			e.note("a button says nothing")
		}
		e.button = nil
	}
}

func (e *examiner) finish() {
	if e.h1 != 1 {
		e.note("the page has %d h1", e.h1)
	}
	for _, f := range e.fields {
		if !f.labeled && !e.labeled[f.id] {
			e.note("the field %s (%s) has no label", f.name, f.id)
		}
	}
	for _, id := range e.refs {
		if !e.ids[id] {
			e.note("there is no %q that aria names", id)
		}
	}
}
