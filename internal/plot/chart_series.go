package plot

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// limits draws the thresholds' lines, behind the data.
func (f *frame) limits(limits []Limit) {
	for _, l := range f.seen(limits) {
		dash := "2 4"
		if l.Critical {
			dash = "6 4"
		}
		f.raw("<g")
		f.attr("class", limitClass(l))
		f.raw(`><line x2="100%" stroke="currentColor"`)
		f.px("y1", f.y(l.Value))
		f.px("y2", f.y(l.Value))
		f.attr("stroke-dasharray", dash)
		f.raw("/></g>")
	}
}

// limitLabels names the thresholds above the data. A label stands above its line at the left, where the oldest data
// is. The lower of two close lines has its label below; where there is no room below, at the right, as high as the
// other's. Where three are close, the middle one has it at the right.
func (f *frame) limitLabels(limits []Limit) {
	seen := f.seen(limits)
	below := false // whether the label of the limit before stands below its line
	for i, l := range seen {
		y := f.y(l.Value)
		near := i+1 < len(seen) && y-f.y(seen[i+1].Value) < 16
		crowded := i > 0 && f.y(seen[i-1].Value)-y < 16
		x, dx, anchor, shift := 0.0, 6.0, "start", -4.0
		switch {
		case near && crowded:
			x, dx, anchor = 1, -6, "end"
		case near && y+14 >= f.top+f.h:
			x, dx, anchor, shift = 1, -6, "end", f.y(seen[i+1].Value)-4-y
		case near, y < f.top+13 && !(crowded && below):
			shift = 12
		}
		below = shift > 0
		f.raw("<g")
		f.attr("class", limitClass(l))
		f.raw(">")
		f.label("plot-halo plot-small", anchor, x, dx, y+shift, f.limitText(l))
		f.taken = append(f.taken, spotOf(f.limitText(l), anchor, x, y+shift), spot{0, 1, y + 2}) // its name, and its line
		f.raw("</g>")
	}
	var beyond []string
	for _, l := range sortedLimits(limits) {
		if f.scale.at(l.Value) > 1 {
			beyond = append(beyond, f.limitText(l))
		}
	}
	if len(beyond) > 0 {
		f.raw(`<g class="plot-limit">`)
		text := "↑ " + strings.Join(beyond, ", ")
		f.label("plot-halo plot-small", "end", 1, -6, f.top+11, text)
		f.taken = append(f.taken, spotOf(text, "end", 1, f.top+11))
		f.raw("</g>")
	}
}

// seen returns the limits within the picture, the lowest first.
func (f *frame) seen(limits []Limit) []Limit {
	return slices.DeleteFunc(sortedLimits(limits), func(l Limit) bool {
		at := f.scale.at(l.Value)
		return at < 0 || at > 1
	})
}

func (f *frame) limitText(l Limit) string {
	return strings.TrimSpace(clip(l.Label, 20) + " " + f.unit.write(l.Value, 0))
}

func limitClass(l Limit) string {
	if l.Critical {
		return "plot-limit plot-critical"
	}
	return "plot-limit"
}

// plane draws bands and lines. Its x is stretched to the width of the picture, with
// strokes that keep theirs; y is in pixels. It cuts off what lies outside.
func (f *frame) plane() {
	f.raw(`<svg class="plot-plane" width="100%" preserveAspectRatio="none"`)
	f.px("y", f.top-2)
	f.px("height", f.h+4)
	f.raw(` viewBox="0 `)
	f.num(f.top - 2)
	f.raw(` 1000 `)
	f.num(f.h + 4)
	f.raw(`">`)
	for _, l := range f.lines {
		f.band(l)
	}
	for _, l := range f.lines {
		f.stroke(l)
	}
	f.raw(`</svg>`)
	for _, l := range f.lines {
		f.dots(l)
	}
}

// band draws the uncertainty of each stretch that has one.
func (f *frame) band(l line) {
	var d pen
	for _, run := range l.runs {
		for start := 0; start < len(run); {
			n := 0
			for start+n < len(run) && run[start+n].banded() {
				n++
			}
			if part := run[start : start+n]; n > 1 {
				for i, q := range part {
					d.point(i == 0, f.planeX(q.At), f.planeY(q.High))
				}
				for _, q := range slices.Backward(part) {
					d.point(false, f.planeX(q.At), f.planeY(q.Low))
				}
				d.raw("Z")
			}
			start += max(n, 1)
		}
	}
	if len(d.out) == 0 {
		return
	}
	f.raw("<path")
	f.attr("class", "plot-band "+toneClass(l.Tone))
	f.raw(` fill="currentColor" fill-opacity=".16" d="`)
	f.out = append(f.out, d.out...)
	f.raw(`"/>`)
}

// stroke draws the line itself.
func (f *frame) stroke(l line) {
	if len(l.runs) == 0 {
		return
	}
	class := "plot-line " + toneClass(l.Tone)
	if l.Dashed {
		class += " plot-dashed"
	}
	f.raw("<path")
	f.attr("class", class)
	f.raw(` fill="none" stroke="currentColor" stroke-width="1.75" vector-effect="non-scaling-stroke"`)
	if l.Dashed {
		f.raw(` stroke-dasharray="4 3"`)
	}
	f.raw(` d="`)
	for _, run := range l.runs {
		for i, q := range run {
			x, y := f.planeX(q.At), f.planeY(q.Value)
			if l.Step && i > 0 {
				f.raw("H")
				f.num(x)
				f.raw("V")
				f.num(y)
				continue
			}
			f.point(i == 0, x, y)
		}
		if l.Step && f.holdsOn(l) {
			f.raw("H")
			f.num(f.planeX(f.to))
		}
	}
	f.raw(`"/>`)
}

// holdsOn reports whether the last value of a step goes on to the end of the axis.
func (f *frame) holdsOn(l line) bool { return l.Step && l.Gap == 0 && l.last.At.Before(f.to) }

// point adds a point to a path of the plane: a move or a line. Lines are written as
// the difference of rounded places, which is short and does not drift.
func (p *pen) point(first bool, x, y float64) {
	px, py := int(math.Round(x)), int(math.Round(y*10))
	if first {
		p.raw("M")
		p.tenths(px * 10)
		p.raw(" ")
		p.tenths(py)
	} else {
		p.raw("l")
		p.tenths((px - p.x) * 10)
		if py >= p.y {
			p.raw(" ")
		}
		p.tenths(py - p.y)
	}
	p.x, p.y = px, py
}

func (f *frame) planeX(t time.Time) float64 { return min(max(f.axis.at(t), -2), 3) * 1000 }

func (f *frame) planeY(v float64) float64 { return f.top + f.h*(1-min(max(f.scale.at(v), -2), 3)) }

// dots marks points that no line joins, every point of a sparse line with its
// uncertainty, and the last point.
func (f *frame) dots(l line) {
	total := 0
	for _, run := range l.runs {
		total += len(run)
	}
	f.raw("<g")
	f.attr("class", "plot-dots "+toneClass(l.Tone))
	f.raw(">")
	for _, run := range l.runs {
		for _, q := range run {
			sparse := len(run) == 1 || total <= 12 && !l.Step
			if f.holds(q.At) && (sparse || q == l.last && !f.holdsOn(l)) {
				f.whisker(q, len(run) == 1)
				f.dot(l.Tone, f.x(q.At), f.y(q.Value), f.clock(q.At)+" "+f.unit.write(q.Value, 0))
			}
		}
	}
	if f.holdsOn(l) {
		f.dot(l.Tone, 1, f.y(l.last.Value), f.clock(f.to)+" "+f.unit.write(l.last.Value, 0))
	}
	f.raw("</g>")
}

// whisker draws the uncertainty of a point that has no neighbor to form a band with.
func (f *frame) whisker(q Point, alone bool) {
	if !alone || !q.banded() {
		return
	}
	f.raw(`<line class="plot-whisker" stroke="currentColor"`)
	f.pct("x1", f.x(q.At))
	f.pct("x2", f.x(q.At))
	f.px("y1", max(f.y(q.High), f.top))
	f.px("y2", min(f.y(q.Low), f.top+f.h))
	f.raw(`/>`)
}

// dot draws a mark in the shape of the tone: round for stable, a diamond for canary,
// triangles for a third and a fourth, a square for the rest.
func (f *frame) dot(tone Tone, x, y float64, title string) {
	f.raw(`<svg overflow="visible"`)
	f.pct("x", x)
	f.px("y", y)
	f.raw(`><path fill="currentColor" d="`)
	switch tone {
	case Stable:
		f.raw("M-3 0A3 3 0 1 1 3 0A3 3 0 1 1-3 0Z")
	case Canary:
		f.raw("M0-4.2L4.2 0L0 4.2L-4.2 0Z")
	case Third:
		f.raw("M0-3.8L3.8 3H-3.8Z")
	case Fourth:
		f.raw("M0 3.8L3.8-3H-3.8Z")
	default:
		f.raw("M-2.5-2.5H2.5V2.5H-2.5Z")
	}
	f.raw(`"><title>`)
	f.text(title)
	f.raw(`</title></path></svg>`)
}

// tag is the label at the end of a line.
type tag struct {
	name, value string
	tone        Tone
	y           float64
}

// ends names each line where it ends, with its last value, or with the time when it
// ended when that is not now.
func (f *frame) ends() {
	var tags []tag
	for _, l := range f.lines[:min(len(f.lines), 5)] {
		t := tag{name: clip(l.Name, maxLabel), tone: l.Tone, value: "no data", y: f.top + f.h}
		if len(l.runs) > 0 {
			t.y = min(max(f.y(l.last.Value), f.top), f.top+f.h)
			t.value = f.unit.write(l.last.Value, 0)
			if !f.holdsOn(l) && f.axis.at(l.last.At) < 0.92 {
				t.value = "until " + f.clock(l.last.At)
			}
		}
		tags = append(tags, t)
	}
	spread(tags, 30, f.top-2, f.top+f.h-14)
	for _, t := range tags {
		f.raw("<g")
		f.attr("class", "plot-end "+toneClass(t.tone))
		f.raw(">")
		f.label("plot-name", "start", 1, 10, t.y, t.name)
		f.label("plot-value", "start", 1, 10, t.y+13, t.value)
		f.raw("</g>")
	}
}

// spread moves labels apart so that they stand at least gap pixels from each other,
// between top and bottom when they find room there.
func spread(tags []tag, gap, top, bottom float64) {
	slices.SortStableFunc(tags, func(a, b tag) int { return cmp.Compare(a.y, b.y) })
	for i := range tags {
		tags[i].y = max(tags[i].y-2, top)
		if i > 0 {
			tags[i].y = max(tags[i].y, tags[i-1].y+gap)
		}
	}
	for i := len(tags) - 1; i >= 0; i-- {
		limit := bottom
		if i < len(tags)-1 {
			limit = tags[i+1].y - gap
		}
		tags[i].y = min(tags[i].y, limit)
	}
}
