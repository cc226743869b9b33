package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/internal/fault"
)

// clean takes away what would control a terminal or reorder a line: names and notes
// come from strangers.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' &&
			r <= '\u2069', r == '\u2028', r == '\u2029':
			return '\ufffd'
		}
		return r
	}, s)
}

// say prints like fmt.Fprintf, with every text argument cleaned, line by line.
func say(w io.Writer, format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			lines := strings.Split(s, "\n")
			for j := range lines {
				lines[j] = clean(lines[j])
			}
			args[i] = strings.Join(lines, "\n")
		}
	}
	_, _ = fmt.Fprintf(w, format, args...)
}

// busy says on a terminal what takes its time; what it returns takes that away.
func (c *cli) busy(what string) (done func()) {
	if !c.ErrTerminal || c.json {
		return func() {}
	}
	say(c.Err, "%s …", what)
	return func() { say(c.Err, "\r\033[K") }
}

// say prints to people on standard output.
func (c *cli) say(format string, args ...any) { say(c.Out, format, args...) }

// print writes v as JSON when that was asked for, and as people want it otherwise.
func (c *cli) print(v any, people func()) error {
	if !c.json {
		people()
		return nil
	}
	return c.encode(v, "  ")
}

// jsonLine writes v as one line of JSON, for what is followed.
func (c *cli) jsonLine(v any) error { return c.encode(v, "") }

func (c *cli) encode(v any, indent string) error {
	enc := json.NewEncoder(c.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// table prints rows under a head, or a sentence when there is none. Where a row is wider than a line, its last cell
// goes on below itself, or below the row where there is no room beside it.
func (c *cli) table(empty string, head []string, rows [][]string) {
	if len(rows) == 0 {
		c.say("%s\n", empty)
		return
	}
	rows = append([][]string{head}, rows...)
	wide, last := make([]int, len(head)), len(head)-1
	for n, row := range rows {
		rows[n] = slices.Clone(row)
		for i, cell := range row {
			if cell = clean(cell); cell == "" && n > 0 {
				cell = "-"
			}
			rows[n][i], wide[i] = cell, max(wide[i], utf8.RuneCountInString(cell))
		}
	}
	begin := 0
	for _, n := range wide[:last] {
		begin += n + gap
	}
	known := c.Width != nil && c.Width() > 0
	indent, room := begin, c.width()-begin
	switch {
	case wide[last] < least || !known: // it is no sentence, or a program reads it: a row stays a line
		room = wide[last]
	case room < wide[last] && room < least:
		indent, room = 2*gap, c.width()-2*gap
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row[:last] {
			b.WriteString(cell + strings.Repeat(" ", wide[i]-utf8.RuneCountInString(cell)+gap))
		}
		lines := wrap(row[last], room)
		if known && indent < begin && row[last] != "-" && begin+utf8.RuneCountInString(row[last]) > c.width() {
			lines = append([]string{""}, lines...)
		}
		for i, line := range lines {
			if i > 0 {
				b.WriteString("\n" + strings.Repeat(" ", indent))
			}
			b.WriteString(line)
		}
		for line := range strings.SplitSeq(b.String(), "\n") {
			_, _ = io.WriteString(c.Out, strings.TrimRight(line, " ")+"\n")
		}
	}
}

// gap is what parts the columns of a table, least what a column of sentences needs.
const (
	gap   = 3
	least = 28
)

// facts prints names and values under one another; empty values are left out.
func (c *cli) facts(pairs ...string) {
	wide := 0
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			wide = max(wide, utf8.RuneCountInString(pairs[i]))
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		name := pairs[i]
		for _, line := range wrap(clean(pairs[i+1]), c.width()-wide-4) {
			_, _ = fmt.Fprintf(c.Out, "  %-*s  %s\n", wide, name, line)
			name = ""
		}
	}
}

// wrap breaks a text between words into lines of at most so many characters. A longer word stays whole.
func wrap(text string, width int) []string {
	lines, n := []string{""}, 0
	for i, word := range strings.Split(text, " ") {
		size := utf8.RuneCountInString(word)
		switch last := len(lines) - 1; {
		case i == 0:
			lines[last], n = word, size
		case n+1+size > width:
			lines, n = append(lines, word), size
		default:
			lines[last], n = lines[last]+" "+word, n+1+size
		}
	}
	return lines
}

// when shows an instant in the reader's zone.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func whenPtr(t *time.Time) string {
	if t == nil {
		return ""
	}
	return when(*t)
}

// capital is a clause as a line of its own.
func capital(clause string) string {
	first, size := utf8.DecodeRuneInString(clause)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + clause[size:]
}

func percent(v float64) string { return fmt.Sprintf("%g %%", v) }

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// line reads one line of standard input.
func (c *cli) line() (string, error) {
	var out []byte
	b := make([]byte, 1)
	for len(out) < 4096 { // by single bytes: what follows belongs to the next question
		n, err := c.In.Read(b)
		if n == 1 {
			if b[0] == '\n' {
				break
			}
			out = append(out, b[0])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", fmt.Errorf("read standard input: %w", err)
		}
	}
	return strings.TrimSuffix(string(out), "\r"), nil
}

// secret asks for something that must not be shown.
func (c *cli) secret(prompt string) (string, error) {
	var s string
	var err error
	switch {
	case c.Interactive && c.Ask != nil:
		s, err = c.Ask(prompt)
	case c.Interactive:
		say(c.Err, "%s (this terminal shows it while you type): ", prompt)
		s, err = c.line()
	default:
		s, err = c.line()
	}
	if err == nil && s == "" {
		err = nothingGiven(prompt)
	}
	return s, err
}

func nothingGiven(prompt string) error {
	return fault.New(fault.Invalid, "input_missing", "Nothing was given for %q: type it, or send it to standard input.",
		prompt)
}

// newPassword asks for a new password, twice when a person types it.
func (c *cli) newPassword() (string, error) {
	p, err := c.secret("New password")
	if err != nil || !c.Interactive {
		return p, err
	}
	again, err := c.secret("The same again")
	if err == nil && again != p {
		err = fault.New(fault.Invalid, "passwords_differ", "The two passwords differ.")
	}
	return p, err
}

// confirm asks before something that cannot be taken back lightly.
func (c *cli) confirm(sure bool, question string) error {
	if sure {
		return nil
	}
	if !c.Interactive {
		return fault.New(fault.Refused, "not_confirmed",
			"%s Nobody answers here: when it is what you want, repeat the command with --yes.", strings.TrimSpace(question))
	}
	say(c.Err, "%s Type yes: ", question)
	answer, err := c.line()
	if err == nil && !strings.EqualFold(strings.TrimSpace(answer), "yes") {
		err = fault.New(fault.Refused, "not_confirmed", "Nothing was done.")
	}
	return err
}
