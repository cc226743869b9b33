package cli

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// flat is a text without its lines.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestTablesFitALine: the last cell goes on below itself, and below the row where there is no room beside it. In a
// pipe, where a line has no end, a row stays a line for whoever looks for words in it.
func TestTablesFitALine(t *testing.T) {
	t.Parallel()
	sentence := strings.TrimSpace(strings.Repeat("v2 waits for a person. ", 6))
	for _, c := range []struct {
		name  string
		width int
		id    int // characters of the first cell
		lines int
	}{
		{"as long as it takes", 400, 20, 2},
		{"beside", 80, 20, 4},
		{"below", 80, 60, 4},
		{"in a pipe", 0, 60, 2},
	} {
		var out bytes.Buffer
		x := &cli{Options: Options{Out: &out, Width: func() int { return c.width }}}
		x.table("", []string{"ID", "STATE"}, [][]string{{strings.Repeat("x", c.id), sentence}})
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != c.lines {
			t.Errorf("%s:\n%s", c.name, out.String())
		}
		for _, line := range lines {
			if c.width > 0 && utf8.RuneCountInString(line) > c.width || strings.HasSuffix(line, " ") {
				t.Errorf("%s: %q", c.name, line)
			}
		}
		if got := flat(out.String()); !strings.HasSuffix(got, sentence) {
			t.Errorf("%s: something is lost: %s", c.name, got)
		}
	}
}

func TestHelpFitsALine(t *testing.T) {
	t.Parallel()
	root := New(Options{})
	for _, c := range root.Commands() {
		for text := range strings.SplitSeq(c.Long+"\n"+c.UsageString(), "\n") {
			copied := len(text) > 2 && text[:2] == "  " && text[2] != ' ' && text[2] != '-' // examples and lists of commands
			if utf8.RuneCountInString(text) > line && !copied {
				t.Errorf("%s: %q", c.CommandPath(), text)
			}
		}
	}
}
