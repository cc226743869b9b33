package plot

import (
	"cmp"
	"math"
)

const (
	sparkWidth  = 96
	sparkHeight = 20
)

// draw writes a small svg without axes; its last value is in its description, and
// belongs as a number beside it.
func (s Spark) draw(p *pen) {
	series := Series{Name: cmp.Or(s.Title, "Trend"), Tone: s.Tone, Gap: s.Gap, Points: s.Points}
	f := &frame{pen: p, unit: s.Unit, top: 2, h: sparkHeight - 4}
	f.from, f.to = extent([]Series{series})
	f.axis = newAxis(f.from, f.to, nil)
	l := line{Series: series, runs: runs(series, f.axis, false)}
	for i := range l.runs {
		l.runs[i] = thin(l.runs[i], f.axis, sparkWidth)
	}
	p.raw(`<svg class="plot-spark" role="img" viewBox="0 0 96 20" width="96" height="20" overflow="visible">`)
	p.raw("<title>")
	if len(l.runs) == 0 {
		p.text(clip(series.Name, 120) + ": no data")
		p.raw(`</title><path class="plot-base" stroke="currentColor" stroke-dasharray="1 3" d="M0 18H96"/></svg>`)
		return
	}
	low, high := 0.0, math.Inf(-1)
	each([]line{l}, func(q Point) { low, high = min(low, q.Value), max(high, q.Value) })
	if !(high > low) {
		high = low + 1
	}
	f.scale = scale{low: low, high: high}
	l.last = l.runs[len(l.runs)-1][len(l.runs[len(l.runs)-1])-1]
	p.text(clip(series.Name, 120) + ": " + s.Unit.write(l.last.Value, 0) + " at the end, ")
	p.text("highest " + s.Unit.write(high, 0))
	p.raw("</title><g")
	p.attr("class", "plot-line "+toneClass(s.Tone))
	p.raw(`><path fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" d="`)
	for _, run := range l.runs {
		for i, q := range run {
			x := f.x(q.At) * sparkWidth
			p.point(i == 0, x, f.y(q.Value))
			if len(run) == 1 { // a point alone: a line of no length with round ends
				p.point(false, x, f.y(q.Value))
			}
		}
	}
	p.raw(`"/><circle fill="currentColor" r="2"`)
	p.px("cx", f.x(l.last.At)*sparkWidth)
	p.px("cy", f.y(l.last.Value))
	p.raw(`/></g></svg>`)
}
