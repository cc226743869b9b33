package document

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Values that files write down in a form of their own, so that a wrong one is
// reported at its place and with an example.
type (
	// Duration is written 500ms, 10m, 24h or 2d; off is 0.
	Duration time.Duration
	// Percent is written 2% and is then 0.02; off is 0.
	Percent float64
	// Factor is written 10x; off is 0.
	Factor float64
	// Row is written 3 in a row; off is 0.
	Row int
	// Toggle is a name, or off, which is empty.
	Toggle string
)

// Off is the word for what is not wanted.
const Off = "off"

// Read reads a duration.
func (x *Duration) Read(d *Decoder, path []string, n *Node) {
	if !d.IsScalar(path, n, "a duration") {
		return
	}
	v, err := ParseDuration(n.Text)
	if err != nil {
		d.Wrong(n, path, fmt.Sprintf("want a duration, got %q", n.Text), "write for example 500ms, 30s, 10m, 24h or 7d")
		return
	}
	*x = Duration(v)
}

// ParseDuration is time.ParseDuration with days and off, and nothing negative.
func ParseDuration(s string) (time.Duration, error) {
	if s == Off {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 12)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(s)
	if err == nil && (d < 0 || s == "0" || strings.HasPrefix(s, "+")) {
		return 0, fmt.Errorf("parse duration %q: out of range", s)
	}
	return d, err
}

// ParseUnit reads a number with a unit after it.
func ParseUnit(s, unit string) (float64, bool) {
	if s == Off {
		return 0, true
	}
	before, ok := strings.CutSuffix(s, unit)
	number := strings.TrimSpace(before)
	whole, part, dot := strings.Cut(number, ".")
	if !ok || !consists(whole, digits, digits) || dot && !consists(part, digits, digits) {
		return 0, false
	}
	f, err := strconv.ParseFloat(number, 64)
	return f, err == nil && !math.IsInf(f, 0)
}

// Read reads a percentage.
func (x *Percent) Read(d *Decoder, path []string, n *Node) {
	if !d.IsScalar(path, n, "a percentage") {
		return
	}
	f, ok := ParseUnit(n.Text, "%")
	if !ok {
		d.Wrong(n, path, fmt.Sprintf("want a percentage, got %q", n.Text), "write for example 2% or 0.5%, with the sign")
		return
	}
	*x = Percent(f / 100)
}

// Read reads a factor.
func (x *Factor) Read(d *Decoder, path []string, n *Node) {
	if !d.IsScalar(path, n, "a factor") {
		return
	}
	f, ok := ParseUnit(n.Text, "x")
	if !ok || f != 0 && f <= 1 {
		d.Wrong(n, path, fmt.Sprintf("want a factor above 1, got %q", n.Text), "write for example 10x, or off")
		return
	}
	*x = Factor(f)
}

// Read reads a number in a row.
func (x *Row) Read(d *Decoder, path []string, n *Node) {
	if !d.IsScalar(path, n, "a number in a row") {
		return
	}
	text := strings.TrimSpace(strings.TrimSuffix(n.Text, "in a row"))
	v, err := strconv.ParseUint(text, 10, 16)
	if text == Off {
		v, err = 0, nil
	}
	if err != nil || v > 1000 {
		d.Wrong(n, path, fmt.Sprintf("want a number in a row, got %q", n.Text), "write for example 3 in a row, or off")
		return
	}
	*x = Row(v)
}

// Read reads a name, or off.
func (x *Toggle) Read(d *Decoder, path []string, n *Node) {
	if !d.IsScalar(path, n, "a name, or off") {
		return
	}
	switch n.Text {
	case Off, "false":
		*x = ""
	default:
		*x = Toggle(n.Text)
	}
}

// Schema describes the form.
func (*Duration) Schema() map[string]any {
	return TextSchema(`^(off|[0-9]+d|([0-9.]+(ns|us|µs|ms|s|m|h))+)$`, "10m")
}

// Schema describes the form.
func (*Percent) Schema() map[string]any {
	return TextSchema(`^(off|[0-9]+(\.[0-9]+)?%)$`, "2%")
}

// Schema describes the form.
func (*Factor) Schema() map[string]any {
	return TextSchema(`^(off|[0-9]+(\.[0-9]+)?x)$`, "10x")
}

// Schema describes the form.
func (*Toggle) Schema() map[string]any { return TextSchema(`^[a-z][a-z0-9_-]{0,63}$`, "core") }

// Schema describes the form.
func (*Row) Schema() map[string]any {
	return AnyOf(TextSchema(`^(off|[0-9]+( in a row)?)$`, "3 in a row"), map[string]any{"type": "integer", "minimum": 0})
}

// WriteDuration writes a duration as people do: 10m and not 10m0s.
func WriteDuration(d time.Duration) string {
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
