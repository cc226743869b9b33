package plot

import (
	"fmt"
	"strings"
)

// describe tells the chart in words.
func (f *frame) describe(c Chart) string {
	var b strings.Builder
	if f.ok() {
		b.WriteString(strings.TrimSpace("From "+f.clock(f.from)+" to "+f.clock(f.to)+" "+f.zone()) + ".")
	}
	for _, l := range f.lines[:min(len(f.lines), 8)] {
		b.WriteString(" " + f.describeLine(l))
	}
	if f.alone {
		b.WriteString(" " + c.Empty)
	}
	for _, l := range sortedLimits(c.Limits) {
		fmt.Fprintf(&b, " Limit %s: %s.", clip(l.Label, 40), c.Unit.write(l.Value, 0))
	}
	for _, s := range c.Shades[:min(len(c.Shades), 8)] {
		fmt.Fprintf(&b, " %s from %s.", clip(s.Label, 80), f.clock(s.From))
	}
	for _, e := range c.Events[:min(len(c.Events), 12)] {
		fmt.Fprintf(&b, " %s: %s.", f.clock(e.At), clip(e.Label, 80))
	}
	return strings.TrimSpace(b.String())
}

func (f *frame) describeLine(l line) string {
	name := clip(l.Name, 40)
	if len(l.runs) == 0 {
		return name + ": no data."
	}
	low, high := l.last.Value, l.last.Value
	each([]line{l}, func(q Point) { low, high = min(low, q.Value), max(high, q.Value) })
	s := fmt.Sprintf("%s: %s at %s", name, f.unit.write(l.last.Value, 0), f.clock(l.last.At))
	if l.last.banded() {
		s += fmt.Sprintf(" (uncertain between %s and %s)", f.unit.write(l.last.Low, 0), f.unit.write(l.last.High, 0))
	}
	if high > low {
		s += fmt.Sprintf(", between %s and %s in all", f.unit.write(low, 0), f.unit.write(high, 0))
	}
	if n := len(l.runs) - 1; n > 0 {
		s += fmt.Sprintf(", with %d gaps", n)
	}
	return strings.Replace(s, "1 gaps", "1 gap", 1) + "."
}
