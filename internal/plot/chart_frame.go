package plot

import (
	"strings"
	"unicode/utf8"
)

// grid draws a line and a label for each value tick.
func (f *frame) grid() {
	f.raw(`<g class="plot-grid" stroke="currentColor" stroke-opacity=".15">`)
	for _, v := range f.scale.ticks {
		f.raw(`<line x2="100%"`)
		f.px("y1", f.y(v))
		f.px("y2", f.y(v))
		f.raw(`/>`)
	}
	f.raw(`</g><g class="plot-axis">`)
	for _, v := range f.scale.ticks {
		f.label("plot-tick", "end", 0, -8, f.y(v)+4, f.unit.write(v, f.step))
	}
	f.raw(`</g>`)
}

// timeAxis draws the base line, its ticks and the zone.
func (f *frame) timeAxis() {
	bottom := f.top + f.h
	f.raw(`<g class="plot-axis"><line class="plot-base" x2="100%" stroke="currentColor"`)
	f.px("y1", bottom)
	f.px("y2", bottom)
	f.raw(`/>`)
	ticks := f.axis.ticks(8)
	for i, t := range ticks {
		x := f.x(t.at)
		f.raw(`<line class="plot-base" stroke="currentColor"`)
		f.pct("x1", x)
		f.pct("x2", x)
		f.px("y1", bottom)
		f.px("y2", bottom+4)
		f.raw(`/>`)
		class := "plot-tick"
		if len(ticks) > 4 && (len(ticks)-1-i)%2 == 1 {
			class = "plot-tick plot-alt"
		}
		f.label(class, "middle", x, 0, bottom+17, t.label)
	}
	f.label("plot-tick plot-zone", "start", 1, 22, bottom+17, f.zone())
	f.raw(`</g>`)
}

// empty writes an explanation into the plane.
func (f *frame) empty(text string) {
	lines := wrap(clip(text, 200), 38)
	y := f.top + f.h/2 - float64(len(lines)-1)*8 + 4
	for i, line := range lines {
		f.label("plot-empty", "middle", 0.5, 0, y+float64(i)*16, line)
	}
}

// wrap breaks s between words into lines of at most n characters where it can.
func wrap(s string, n int) []string {
	var out []string
	for word := range strings.FieldsSeq(s) {
		word = clip(word, n)
		last := len(out) - 1
		if last >= 0 && utf8.RuneCountInString(out[last])+1+utf8.RuneCountInString(word) <= n {
			out[last] += " " + word
			continue
		}
		out = append(out, word)
	}
	return out
}

// shades draws the named stretches of time behind everything.
func (f *frame) shades(shades []Shade) {
	for _, s := range shades[:min(len(shades), 50)] {
		to := s.To
		if to.IsZero() {
			to = f.to
		}
		if !to.After(s.From) || s.From.After(f.to) || to.Before(f.from) {
			continue
		}
		a, b := f.x(s.From), f.x(to)
		f.raw(`<g class="plot-shade"><title>`)
		f.text(clip(s.Label, 200) + ", " + f.clock(s.From) + "–" + f.clock(to))
		f.raw(`</title><rect class="plot-shade-area" fill="currentColor" fill-opacity=".08"`)
		f.pct("x", a)
		f.pct("width", b-a)
		f.px("y", f.top)
		f.px("height", f.h)
		f.raw(`/>`)
		for _, x := range []float64{a, b} {
			f.raw(`<line class="plot-shade-edge" stroke="currentColor" stroke-opacity=".4"`)
			f.pct("x1", x)
			f.pct("x2", x)
			f.px("y1", f.top)
			f.px("y2", f.top+f.h)
			f.raw(`/>`)
		}
		f.raw(`</g>`)
	}
}

// shadeLabels names the stretches above the data.
func (f *frame) shadeLabels(shades []Shade) {
	free := -1.0
	f.raw(`<g class="plot-shade">`)
	for _, s := range shades[:min(len(shades), 50)] {
		if s.From.After(f.to) || !s.To.IsZero() && s.To.Before(f.from) {
			continue
		}
		rows := wrap(clip(s.Label, 60), 20)
		longest := ""
		for _, row := range rows {
			if utf8.RuneCountInString(row) > utf8.RuneCountInString(longest) {
				longest = row
			}
		}
		// Where there is no room to the right of its begin the label ends where the stretch ends: it stays inside, and
		// above its stretch.
		x, dx, anchor := f.x(s.From), 5.0, "start"
		if x+breadth(longest)/narrow > 1 {
			x, dx, anchor = 1, -5, "end"
			if !s.To.IsZero() && s.To.Before(f.to) {
				x = f.x(s.To)
			}
		}
		class, next := fit("plot-halo plot-small", longest, x, anchor, free)
		if class == "" {
			continue
		}
		y := clearOf(f.taken, spotOf(longest, anchor, x, f.top+12), len(rows))
		if y+float64(len(rows)-1)*lineHeight > f.top+f.h {
			continue // its title says it
		}
		for i, row := range rows {
			f.label(class, anchor, x, dx, y+float64(i)*lineHeight, row)
		}
		free = next
	}
	f.raw(`</g>`)
}

// lineHeight is from one line of small text to the next.
const lineHeight = 13

// spot is where a line of text stands: from a to b across the narrow plane (0 to 1), at y.
type spot struct{ a, b, y float64 }

func spotOf(text, anchor string, x, y float64) spot {
	w := breadth(text) / narrow
	if anchor == "end" {
		return spot{x - w, x, y}
	}
	return spot{x, x + w, y}
}

// clearOf returns where, from a spot down, so many lines of text cover nothing that is taken.
func clearOf(taken []spot, p spot, rows int) float64 {
	for moved := true; moved; {
		moved = false
		for _, t := range taken {
			if p.a < t.b && t.a < p.b && t.y+lineHeight > p.y && t.y < p.y+float64(rows)*lineHeight {
				p.y, moved = t.y+lineHeight, true
			}
		}
	}
	return p.y
}

// events draws a line for each moment and its label above the plane where there is
// room; the others keep theirs as a title.
func (f *frame) events(events []Event) {
	free := -1.0
	for _, e := range events[:min(len(events), 100)] {
		if !f.holds(e.At) {
			continue
		}
		x := f.x(e.At)
		f.raw(`<g class="plot-event"><title>`)
		f.text(f.clock(e.At) + " " + clip(e.Label, 200))
		f.raw(`</title><line stroke="currentColor" stroke-opacity=".5" stroke-dasharray="1 3"`)
		f.pct("x1", x)
		f.pct("x2", x)
		f.px("y1", f.top-2)
		f.px("y2", f.top+f.h)
		f.raw(`/><svg overflow="visible"`)
		f.pct("x", x)
		f.px("y", f.top-3)
		f.raw(`><path d="M-3-3H3L0 2Z" fill="currentColor"/></svg>`)
		text, anchor := clip(e.Label, 24), "middle"
		if x > 0.9 {
			anchor = "end"
		} else if x < 0.05 {
			anchor = "start"
		}
		if class, next := fit("plot-small", text, x, anchor, free); class != "" {
			f.label(class, anchor, x, 0, f.top-9, text)
			free = next
		}
		f.raw(`</g>`)
	}
}

// breadth is about how wide a label is, with what keeps it from the next.
func breadth(text string) float64 { return float64(utf8.RuneCountInString(text))*glyph + 8 }

// fit says whether a label at x overlaps what ends at free (both 0 to 1): it returns
// the class with plot-alt when there is room only on a wide screen, and no class when
// there is none, and where the label ends on the narrow screen, or on the wide one.
func fit(class, text string, x float64, anchor string, free float64) (string, float64) {
	span := func(plane float64) (float64, float64) {
		w := breadth(text) / plane
		switch anchor {
		case "middle":
			return x - w/2, x + w/2
		case "end":
			return x - w, x
		default:
			return x, x + w
		}
	}
	if a, b := span(narrow); text != "" && a >= free && (b <= 1.15) {
		return class, b
	}
	if a, b := span(wide); text != "" && a >= free && b <= 1.1 {
		return class + " plot-alt", b
	}
	return "", free
}
