package plot

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"
)

const (
	rowHeight  = 34
	crossPlace = 1.0 / 60 // crosses closer than this share of the width become one
)

func (s Strip) draw(p *pen) {
	rows := s.Rows[:min(len(s.Rows), 12)]
	f := &frame{pen: p, axis: newAxis(s.From, s.To, s.Location), top: 4, h: rowHeight * float64(max(len(rows), 1))}
	if !f.ok() {
		f.from, f.to = stripExtent(rows)
	}
	total := 0
	var words []string
	for _, r := range rows {
		passed, failed := f.count(r.Marks)
		total += passed + failed
		words = append(words, fmt.Sprintf("%s: %d checks, %d failed.", clip(r.Name, 40), passed+failed, failed))
	}
	f.open(s.ID, "plot plot-strip", cmp.Or(s.Title, "Health checks"), s.Note,
		strings.Join(words, " ")+" "+s.Empty, f.top+f.h+footRoom)
	if total == 0 {
		f.timeAxis()
		f.empty(cmp.Or(s.Empty, "No checks in this time."))
		f.end()
		return
	}
	for i, r := range rows {
		f.row(r, f.top+rowHeight*float64(i))
	}
	f.timeAxis()
	f.end()
}

func stripExtent(rows []StripRow) (from, to time.Time) {
	var all []Series
	for _, r := range rows {
		var s Series
		for _, m := range r.Marks {
			s.Points = append(s.Points, Point{At: m.At})
		}
		all = append(all, s)
	}
	return extent(all)
}

// count returns how many visible checks passed and failed.
func (f *frame) count(marks []Mark) (passed, failed int) {
	for _, m := range marks {
		switch {
		case !f.holds(m.At):
		case m.OK:
			passed++
		default:
			failed++
		}
	}
	return passed, failed
}

// row draws the checks of one version. Ticks are one path in a stretched plane, so
// that hundreds cost little; crosses keep their shape.
func (f *frame) row(r StripRow, top float64) {
	middle := top + rowHeight/2
	f.raw("<g")
	f.attr("class", "plot-row "+toneClass(r.Tone))
	f.raw(`><line class="plot-rail" x2="100%" stroke="currentColor" stroke-opacity=".25"`)
	f.px("y1", middle)
	f.px("y2", middle)
	f.raw(`/><svg class="plot-plane" width="100%" preserveAspectRatio="none" viewBox="0 0 1000 14" height="14"`)
	f.px("y", middle-7)
	f.raw(` overflow="visible"><path class="plot-ok" fill="none" stroke="currentColor" stroke-width="1.5"`)
	f.raw(` stroke-opacity=".55" vector-effect="non-scaling-stroke" d="`)
	last := math.Inf(-1)
	for _, m := range r.Marks {
		x := math.Round(f.axis.at(m.At) * 1000)
		if m.OK && f.holds(m.At) && x != last {
			f.raw("M")
			f.num(x)
			f.raw(" 2v10")
			last = x
		}
	}
	f.raw(`"/></svg>`)
	f.crosses(r.Marks, middle)
	passed, failed := f.count(r.Marks)
	f.raw(`<g class="plot-end">`)
	f.label("plot-name", "start", 1, 10, middle-2, clip(r.Name, maxLabel))
	value := fmt.Sprintf("%d ok", passed)
	switch {
	case passed+failed == 0:
		value = "no checks"
	case failed > 0:
		value = fmt.Sprintf("%d failed", failed)
	}
	f.label("plot-value", "start", 1, 10, middle+11, value)
	f.raw(`</g></g>`)
}

// crosses draws the failed checks; those that would lie on each other become one
// that says how many.
func (f *frame) crosses(marks []Mark, middle float64) {
	for i := 0; i < len(marks); i++ {
		first := marks[i]
		if first.OK || !f.holds(first.At) {
			continue
		}
		n := 1
		for i+1 < len(marks) && !marks[i+1].OK && f.holds(marks[i+1].At) &&
			math.Abs(f.axis.at(marks[i+1].At)-f.axis.at(first.At)) < crossPlace {
			n++
			i++
		}
		f.raw(`<svg class="plot-fail" overflow="visible"`)
		f.pct("x", (f.x(first.At)+f.x(marks[i].At))/2)
		f.px("y", middle)
		f.raw(`><path class="plot-knock" fill="none" stroke="none" d="M-4-4L4 4M-4 4L4-4"/>`)
		f.raw(`<path fill="none" stroke="currentColor" stroke-width="2.2" d="M-4.5-4.5L4.5 4.5M-4.5 4.5L4.5-4.5"/>`)
		f.raw("<title>")
		f.text(f.clock(first.At) + " failed")
		if n > 1 {
			f.text(fmt.Sprintf(" %d times, until %s", n, f.clock(marks[i].At)))
		}
		if first.Detail != "" {
			f.text(": " + clip(first.Detail, 200))
		}
		f.raw(`</title></svg>`)
	}
}
