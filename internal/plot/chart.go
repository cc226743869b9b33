package plot

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// The frame of every chart, in CSS pixels. The room to the left and right of the
// plane belongs to the stylesheet (margins of plot-svg), so that it does not shrink
// with the picture.
const (
	headRoom      = 18 // for the labels of events
	footRoom      = 22 // for the time axis
	defaultHeight = 180
	narrow        = 262 // width of the plane on a phone of 390 px
	wide          = 560 // below this labels with plot-alt are hidden
	glyph         = 6.2 // mean width of a character
	maxPoints     = 240 // of one line; more are thinned to their extremes
	maxLabel      = 12  // characters of a name at a line's end
)

// frame is a chart while it is drawn.
type frame struct {
	*pen
	axis
	scale
	unit   Unit
	top, h float64 // of the plane
	lines  []line
	alone  bool   // there is nothing to draw
	taken  []spot // where thresholds have their names
}

// line is a series cut to what is visible.
type line struct {
	Series
	runs [][]Point // without gaps, none empty
	last Point
}

func (c Chart) draw(p *pen) {
	f := c.frame(p)
	title := cmp.Or(c.Title, "Chart")
	f.open(c.ID, "plot", title, c.Note, f.describe(c), f.top+f.h+footRoom)
	if f.alone {
		f.timeAxis()
		f.empty(cmp.Or(c.Empty, "No data in this time."))
		f.end()
		return
	}
	f.shades(c.Shades)
	f.grid()
	f.events(c.Events)
	f.limits(c.Limits)
	f.plane()
	f.limitLabels(c.Limits)
	f.shadeLabels(c.Shades)
	f.ends()
	f.timeAxis()
	f.end()
}

// frame works out the axes and cuts the series.
func (c Chart) frame(p *pen) *frame {
	height := float64(min(max(cmp.Or(c.Height, defaultHeight), 90), 2000))
	f := &frame{pen: p, unit: c.Unit, top: 8, alone: true}
	if len(c.Events) > 0 {
		f.top = headRoom
	}
	f.h = height - headRoom - footRoom // the same with and without events
	f.axis = newAxis(c.From, c.To, c.Location)
	f.elapsed = c.Elapsed
	if !f.ok() {
		f.from, f.to = extent(c.Series)
	}
	for _, s := range c.Series {
		l := line{Series: s, runs: runs(s, f.axis, c.Log)}
		if n := len(l.runs); n > 0 {
			f.alone = false
			last := l.runs[n-1]
			if l.last = last[len(last)-1]; l.last.At.After(f.to) && len(last) > 1 {
				l.last = last[len(last)-2]
			}
		}
		f.lines = append(f.lines, l)
	}
	f.scale = c.scale(f)
	return f
}

// extent returns the time that the points take.
func extent(series []Series) (from, to time.Time) {
	for _, s := range series {
		for _, q := range s.Points {
			if finite(q.Value) && (from.IsZero() || q.At.Before(from)) {
				from = q.At
			}
			if finite(q.Value) && q.At.After(to) {
				to = q.At
			}
		}
	}
	if !to.After(from) {
		to = from.Add(time.Minute)
	}
	return from, to
}

// runs returns the visible stretches of a series without a gap.
func runs(s Series, a axis, log bool) [][]Point {
	points := s.Points
	byTime := func(a, b Point) int { return a.At.Compare(b.At) }
	if !slices.IsSortedFunc(points, byTime) {
		points = slices.Clone(points)
		slices.SortStableFunc(points, byTime)
	}
	var out [][]Point
	var run []Point
	flush := func() {
		if visible(run, s.Step && s.Gap == 0, a) {
			out = append(out, thin(run, a, maxPoints))
		}
		run = nil
	}
	for i, q := range points {
		if !finite(q.Value) || log && q.Value <= 0 {
			flush()
			continue
		}
		if i > 0 && s.Gap > 0 && q.At.Sub(points[i-1].At) > s.Gap {
			flush()
		}
		if len(run) == 1 && q.At.Before(a.from) {
			run[0] = q // of what lies before the axis only the last point matters
			continue
		}
		after := q.At.After(a.to)
		if !after || !s.Step && len(run) > 0 { // a line needs the point beyond the axis to reach its end
			run = append(run, q)
		}
		if after {
			break
		}
	}
	flush()
	return out
}

// visible reports whether a part of the run lies on the axis. A step that holds on
// is visible from its first point.
func visible(run []Point, holdsOn bool, a axis) bool {
	if len(run) == 0 || run[0].At.After(a.to) {
		return false
	}
	return holdsOn || !run[len(run)-1].At.Before(a.from)
}

// thin keeps, for each column of a long run, the points with the lowest and the
// highest value: averages would hide a spike.
func thin(run []Point, a axis, most int) []Point {
	if len(run) <= most {
		return run
	}
	columns := float64(most / 2)
	out := make([]Point, 0, most+2)
	out = append(out, run[0])
	for i := 1; i < len(run)-1; {
		column := math.Floor(a.at(run[i].At) * columns)
		low, high := i, i
		for ; i < len(run)-1 && math.Floor(a.at(run[i].At)*columns) == column; i++ {
			if run[i].Value < run[low].Value {
				low = i
			}
			if run[i].Value > run[high].Value {
				high = i
			}
		}
		out = append(out, run[min(low, high)])
		if low != high {
			out = append(out, run[max(low, high)])
		}
	}
	return append(out, run[len(run)-1])
}

// scale returns the value axis. It holds every value. Limits widen it to two and a
// half times the values at most: one that lies farther is named with an arrow.
func (c Chart) scale(f *frame) scale {
	low, high := math.Inf(1), math.Inf(-1)
	each(f.lines, func(q Point) { low, high = min(low, q.Value), max(high, q.Value) })
	if f.alone {
		low, high = 0, 0
	}
	if finite(c.High) && c.High != 0 {
		high = max(high, c.High)
	}
	if finite(c.Low) && c.Low != 0 {
		low = min(low, c.Low)
	}
	if c.Log {
		return c.logScale(f, low, high)
	}
	low = min(low, 0)
	reach := high * 2.5
	for _, l := range sortedLimits(c.Limits) {
		if l.Value > 0 && (l.Value <= reach || high <= 0) {
			high = max(high, l.Value*1.08)
		}
	}
	low, high = widen(f.lines, low, high)
	if !(high > low) {
		high = low + [...]float64{Count: 1, Fraction: 0.01, Percent: 1, Milliseconds: 100, Times: 1}[c.Unit.known()]
	}
	return linear(low, high, int(f.h/34))
}

// widen makes room for nine of ten bands, and for all that stay below twice the
// values: three early requests, of which anything may be true, must not flatten the
// rest. A wider band runs out of the plane.
func widen(lines []line, low, high float64) (float64, float64) {
	var tops, feet []float64
	each(lines, func(q Point) {
		if q.banded() {
			tops, feet = append(tops, q.High), append(feet, q.Low)
		}
	})
	if len(tops) == 0 {
		return low, high
	}
	slices.Sort(tops)
	slices.Sort(feet)
	n := len(tops) - 1
	return min(low, max(feet[0], min(low*2, feet[n/10]))), max(high, min(tops[n], max(high*2, tops[n-n/10])))
}

func (c Chart) logScale(f *frame, low, high float64) scale {
	for _, l := range c.Limits {
		if finite(l.Value) && l.Value > 0 {
			low, high = min(low, l.Value), max(high, l.Value)
		}
	}
	if !(low > 0) || !finite(high) {
		low, high = 0.5, 2
	}
	lowest, highest := low/4, high*4
	each(f.lines, func(q Point) {
		if q.banded() && q.Low > 0 {
			low, high = min(low, max(q.Low, lowest)), max(high, min(q.High, highest))
		}
	})
	return logarithmic(low, high)
}

// known returns the unit, Count for one that does not exist.
func (u Unit) known() Unit {
	if u < Count || u > Times {
		return Count
	}
	return u
}

func each(lines []line, do func(Point)) {
	for _, l := range lines {
		for _, run := range l.runs {
			for _, q := range run {
				do(q)
			}
		}
	}
}

// sortedLimits returns at most eight limits that can be drawn, the lowest first.
func sortedLimits(limits []Limit) []Limit {
	out := slices.DeleteFunc(slices.Clone(limits), func(l Limit) bool { return !finite(l.Value) })
	slices.SortStableFunc(out, func(a, b Limit) int { return cmp.Compare(a.Value, b.Value) })
	return out[:min(len(out), 8)]
}

// y returns the pixel of a value.
func (f *frame) y(v float64) float64 { return f.top + f.h*(1-f.scale.at(v)) }

// x returns the place of a time, held on the axis.
func (f *frame) x(t time.Time) float64 { return min(max(f.axis.at(t), 0), 1) }
