package plot

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Rung is a regression that is ruled out, or not yet.
type Rung struct {
	Times    float64 // so many times as much
	Excluded bool
}

// Rungs draws a ratio with its limits on a logarithmic axis, beside the regressions that are ruled out: everything to
// the right of the smallest excluded rung is shaded, and each rung is a full mark when it is excluded and a hollow one
// when it is not.
type Rungs struct {
	ID, Title, Note string
	Name            string  // of the ratio, at the right: e.g. v2 ÷ v1
	Known           bool    // whether there is a ratio
	Value           float64 //
	Low, High       float64 // its limits
	Open            bool    // there is no upper limit
	Tolerated       float64 // ratio up to which nothing is held against it; 0 none
	Rungs           []Rung
}

// Render writes the picture.
func (r Rungs) Render(ctx context.Context, w io.Writer) error { return render(ctx, w, r.draw) }

// Where things stand, in pixels from the top.
const (
	rungsTop    = 16
	rungsMiddle = 36
	rungsBase   = 56
	rungsHeight = 92
)

func (r Rungs) draw(p *pen) {
	r.Rungs = slices.Clone(r.Rungs[:min(len(r.Rungs), 8)])
	r.Rungs = slices.DeleteFunc(r.Rungs, func(x Rung) bool { return !(x.Times > 0) || math.IsInf(x.Times, 0) })
	slices.SortStableFunc(r.Rungs, func(a, b Rung) int { return cmp.Compare(a.Times, b.Times) })
	r.Known = r.Known && finite(r.Value) && finite(r.Low) && finite(r.High)
	s := r.scale()
	p.open(r.ID, "plot plot-rungs", cmp.Or(r.Title, "Ruled out"), r.Note, r.describe(), rungsHeight)
	r.excluded(p, s)
	r.axis(p, s)
	r.interval(p, s)
	p.end()
}

// place is where a ratio stands, held on the axis.
func place(s scale, v float64) float64 { return min(max(s.at(v), 0), 1) }

func (r Rungs) scale() scale {
	low, high := 0.5, 16.0
	if r.Known {
		low = min(low, max(r.Low, 0.25), max(r.Value, 0.25))
		if !r.Open {
			high = max(high, min(r.High, 100))
		}
		high = max(high, min(r.Value, 100))
	}
	for _, x := range r.Rungs {
		high = max(high, min(x.Times*1.5, 1000))
	}
	return scale{low: low, high: high, log: true}
}

// smallest is the smallest excluded rung, 0 when none is.
func (r Rungs) smallest() float64 {
	for _, x := range r.Rungs {
		if x.Excluded {
			return x.Times
		}
	}
	return 0
}

func (r Rungs) excluded(p *pen, s scale) {
	from := r.smallest()
	if from == 0 {
		return
	}
	x := place(s, from)
	p.raw(`<g class="plot-excluded"><rect fill="currentColor" fill-opacity=".14"`)
	p.pct("x", x)
	p.pct("width", 1-x)
	p.px("y", rungsTop)
	p.px("height", rungsBase-rungsTop)
	p.raw(`/><line stroke="currentColor" stroke-width="2"`)
	p.pct("x1", x)
	p.pct("x2", x)
	p.px("y1", rungsTop)
	p.px("y2", rungsBase)
	p.raw(`/>`)
	p.label("plot-small plot-strong", "end", 1, -6, rungsTop-4, "ruled out")
	p.raw(`</g>`)
}

// axis draws the base line, what is equal and what is tolerated, and the rungs with their names.
func (r Rungs) axis(p *pen, s scale) {
	p.raw(`<g class="plot-axis"><line class="plot-base" x2="100%" stroke="currentColor"`)
	p.px("y1", rungsBase)
	p.px("y2", rungsBase)
	p.raw(`/>`)
	p.upright(place(s, 1), rungsTop, rungsBase, "")
	p.label("plot-tick", "middle", place(s, 1), 0, rungsBase+20, "equal")
	if r.Tolerated > 1 {
		p.upright(place(s, r.Tolerated), rungsTop-2, rungsBase, "2 3")
		p.label("plot-small", "middle", place(s, r.Tolerated), 0, rungsTop-4, "tolerated "+Times.write(r.Tolerated, 0))
	}
	p.raw(`</g>`)
	for _, x := range r.Rungs {
		p.raw("<g")
		class, word := "plot-rung", "not yet"
		if x.Excluded {
			class, word = "plot-rung plot-excluded", "ruled out"
		}
		p.attr("class", class)
		p.raw(`><svg overflow="visible"`)
		p.pct("x", place(s, x.Times))
		p.px("y", rungsBase)
		if x.Excluded {
			p.raw(`><path d="M-5-5H5V5H-5Z" fill="currentColor"/>`)
			p.raw(`<path class="plot-cut" d="M-2.6 0L-.6 2.2L2.8-2" fill="none"/>`)
		} else {
			p.raw(`><path class="plot-hollow" d="M-4.5-4.5H4.5V4.5H-4.5Z" stroke="currentColor"/>`)
		}
		p.raw("<title>")
		p.text(Times.write(x.Times, 0) + " " + word)
		p.raw("</title></svg>")
		p.label("plot-strong plot-small", "middle", place(s, x.Times), 0, rungsBase+20, Times.write(x.Times, 0))
		p.label("plot-small plot-alt", "middle", place(s, x.Times), 0, rungsBase+33, word)
		p.raw("</g>")
	}
}

// upright draws a line from top to bottom.
func (p *pen) upright(x, top, bottom float64, dash string) {
	p.raw(`<line stroke="currentColor" stroke-opacity=".6"`)
	p.pct("x1", x)
	p.pct("x2", x)
	p.px("y1", top)
	p.px("y2", bottom)
	if dash != "" {
		p.attr("stroke-dasharray", dash)
	}
	p.raw(`/>`)
}

// interval draws the ratio and its limits; an open one fades out to the right.
func (r Rungs) interval(p *pen, s scale) {
	p.raw(`<g class="plot-canary">`)
	if !r.Known {
		p.raw(`</g>`)
		p.label("plot-name", "start", 1, 10, rungsMiddle-2, clip(r.Name, maxLabel))
		p.label("plot-value", "start", 1, 10, rungsMiddle+11, "not known") // a word more leaves the picture
		return
	}
	low, high := place(s, r.Low), place(s, r.High)
	if r.Open {
		high = 1
	}
	p.raw(`<rect fill="currentColor" fill-opacity=".28" height="12"`)
	p.pct("x", low)
	p.pct("width", max(high-low, 0.002))
	p.px("y", rungsMiddle-6)
	p.raw(`/>`)
	p.raw(`<svg overflow="visible"`)
	p.pct("x", place(s, r.Value))
	p.px("y", rungsMiddle)
	p.raw(`><path fill="currentColor" d="M0-5.5L5.5 0L0 5.5L-5.5 0Z"/></svg><g class="plot-end">`)
	p.label("plot-name", "start", 1, 10, rungsMiddle-2, clip(r.Name, maxLabel))
	value, limits := Times.write(r.Value, 0), r.limits()
	if r.Open && r.Low <= 0 {
		value, limits = "anything yet", ""
	}
	p.label("plot-value", "start", 1, 10, rungsMiddle+11, value)
	if limits != "" {
		p.label("plot-value", "start", 1, 10, rungsMiddle+24, limits)
	}
	p.raw(`</g></g>`)
}

// limits reads "0.6 to 2.8", short enough for the room at the right.
func (r Rungs) limits() string {
	if r.Open {
		return "from " + number(r.Low, 0)
	}
	return number(r.Low, 0) + "–" + number(r.High, 0)
}

func (r Rungs) describe() string {
	var b strings.Builder
	if r.Known {
		fmt.Fprintf(&b, "The ratio is %s, uncertain %s.", Times.write(r.Value, 0),
			strings.Replace(r.limits(), "–", " to ", 1))
	} else {
		b.WriteString("The ratio is not known yet.")
	}
	for _, x := range slices.Backward(r.Rungs) {
		word := "not ruled out yet"
		if x.Excluded {
			word = "ruled out"
		}
		fmt.Fprintf(&b, " %s: %s.", Times.write(x.Times, 0), word)
	}
	if r.Tolerated > 0 {
		fmt.Fprintf(&b, " Tolerated: %s.", Times.write(r.Tolerated, 0))
	}
	return b.String()
}

// Meter draws one amount as a bar from zero, with a mark that it is measured against: no gauge, a length.
type Meter struct {
	ID, Title, Note string
	Value           float64
	Says            string  // of the value, at the right
	Mark            float64 // 0 none
	Marked          string  // of the mark, above it
}

// Render writes the bar.
func (m Meter) Render(ctx context.Context, w io.Writer) error { return render(ctx, w, m.draw) }

func (m Meter) draw(p *pen) {
	value, mark := max(m.Value, 0), max(m.Mark, 0)
	if !finite(value) {
		value = 0
	}
	if !finite(mark) {
		mark = 0
	}
	desc := strings.TrimSpace(m.Says + " " + m.Marked)
	p.open(m.ID, "plot plot-meter", cmp.Or(m.Title, "Amount"), m.Note, desc, 38)
	most := max(value, mark) * 1.25
	if most == 0 {
		most = 1
	}
	p.raw(`<g class="plot-axis"><rect class="plot-track" fill="currentColor" fill-opacity=".12" y="18"`)
	p.raw(` width="100%" height="10"/></g>`)
	p.raw(`<g class="plot-canary"><rect fill="currentColor" y="18" height="10"`)
	p.pct("width", value/most)
	p.raw(`/></g>`)
	if mark > 0 {
		x := mark / most
		p.raw(`<g class="plot-event">`)
		p.upright(x, 13, 33, "")
		anchor := "middle"
		if x > 0.8 {
			anchor = "end"
		} else if x < 0.2 {
			anchor = "start"
		}
		p.label("plot-small", anchor, x, 0, 10, clip(m.Marked, 40))
		p.raw(`</g>`)
	}
	p.raw(`<g class="plot-end plot-canary">`)
	p.label("plot-name", "start", 1, 10, 27, clip(m.Says, 16))
	p.raw(`</g>`)
	p.end()
}
