package document

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/internal/fault"
)

// maxProblems bounds how many problems one reading reports.
const maxProblems = 50

// Problem is one thing that is wrong with a file.
type Problem struct {
	File    string
	Line    int    // from 1; 0 when the problem is in no line
	Column  int    // from 1, in characters
	Width   int    // of what is marked
	Path    string // e.g. stages.canary.steps.2
	Message string // what is wrong
	Remedy  string // what to do about it
}

// String returns the problem in one line.
func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	s := masked(p.Message)
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Remedy != "" {
		s += "; " + p.Remedy
	}
	return where + ": " + s
}

// Problems is everything that is wrong with a file. It is an error, and a fault of
// the kind Invalid.
type Problems struct {
	Name   string
	Reason string // of the fault; document_invalid when empty
	List   []Problem
	src    []byte
}

// Error returns every problem with its place, a picture of the line and a remedy.
func (p *Problems) Error() string {
	var b strings.Builder
	for i, one := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.Picture(one))
	}
	switch n := len(p.List); {
	case n == 1:
		b.WriteString("\n1 problem")
	case n >= maxProblems:
		fmt.Fprintf(&b, "\n%d problems, and perhaps more", n)
	default:
		fmt.Fprintf(&b, "\n%d problems", n)
	}
	return b.String()
}

// Unwrap returns the fault that the problems are.
func (p *Problems) Unwrap() error {
	reason := p.Reason
	if reason == "" {
		reason = "document_invalid"
	}
	f := fault.New(fault.Invalid, reason, "%s", p.Error())
	for _, one := range p.List {
		path := one.Path
		if path == "" { // it is no key: the line is the place
			path = fmt.Sprintf("%s:%d:%d", one.File, one.Line, one.Column)
		}
		f.Fields = append(f.Fields, fault.Field{Path: path, Message: one.String()})
	}
	return f
}

// Picture returns one problem with the lines around it and a caret beneath it.
func (p *Problems) Picture(one Problem) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", one.File, one.Line, one.Column)
	if one.Path != "" {
		b.WriteString(one.Path + ": ")
	}
	b.WriteString(masked(one.Message) + "\n")
	lines := strings.Split(strings.ReplaceAll(string(p.src), "\r\n", "\n"), "\n")
	if one.Line > 0 && one.Line <= len(lines) {
		for n := max(1, one.Line-1); n <= one.Line; n++ {
			mark := " "
			if n == one.Line {
				mark = ">"
			}
			fmt.Fprintf(&b, "%s %4d | %s\n", mark, n, Clean(lines[n-1]))
		}
		room := len([]rune(Clean(lines[one.Line-1])))
		column := min(one.Column, room+1)
		width := max(1, min(one.Width, room-column+1))
		fmt.Fprintf(&b, "       | %s%s\n", strings.Repeat(" ", column-1), strings.Repeat("^", width))
	}
	if one.Remedy != "" {
		b.WriteString("         " + one.Remedy + "\n")
	}
	return b.String()
}

// masked hides what stands between :// and @, as in an address with a password: problems end in the logs of others. The
// length stays, so that the caret does.
func masked(s string) string {
	return regexp.MustCompile(`://[^/@\s"']+@`).ReplaceAllStringFunc(s, func(m string) string {
		return "://" + strings.Repeat("•", utf8.RuneCountInString(m)-4) + "@"
	})
}

// Clean makes a line of the file safe for a terminal and for other eyes, and bounds its length.
func Clean(s string) string {
	s = masked(s)
	r := []rune(strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s))
	if len(r) > 200 {
		return string(r[:199]) + "…"
	}
	return string(r)
}

// AddAt records a problem at a place.
func (p *Problems) AddAt(at Place, path, message, remedy string) {
	if len(p.List) >= maxProblems {
		return
	}
	one := Problem{
		File: p.Name, Line: at.Line, Column: at.Column, Width: at.Width, Path: path,
		Message: Clean(message), Remedy: Clean(remedy),
	}
	if !slices.Contains(p.List, one) {
		p.List = append(p.List, one)
	}
}

// Sort brings the problems into the order of the file.
func (p *Problems) Sort() {
	slices.SortStableFunc(p.List, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}

// Join writes a path for people.
func Join(path []string) string { return strings.Join(path, ".") }

// isText reports whether src is UTF-8 without NUL.
func isText(src []byte) bool { return utf8.Valid(src) && bytes.IndexByte(src, 0) < 0 }

// nearest returns the name that was perhaps meant by got, or the empty string.
func nearest(got string, names []string) string {
	best, least := "", 1+min(len(got), 12)/3
	for _, name := range names {
		if d := distance(strings.ToLower(got), name); d < least || d == least && best == "" && d <= 1 {
			best, least = name, d
		}
	}
	return best
}

// distance is the number of letters to add, remove, change or swap.
func distance(a, b string) int {
	if len(a) > MaxName || len(b) > MaxName {
		return MaxName
	}
	two, one := make([]int, len(b)+1), make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one, row = one, row, two
	}
	return one[len(b)]
}

// Choose writes the remedy for a word that is none of the known ones.
func Choose(got string, names []string) string {
	if n := nearest(got, names); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	if len(names) == 0 {
		return "remove it"
	}
	return "there are: " + strings.Join(names, ", ")
}
