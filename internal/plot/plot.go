// Package plot draws the dashboard's pictures as SVG on the server.
//
// A Chart or Strip is a value: what is drawn, over which time, in which
// unit. Each is a templ.Component. The pictures are honest: uncertainty is a band,
// missing data is a gap and never a zero, limits are lines (or named with an arrow
// when they lie far above), the value axis holds zero unless it is logarithmic, and
// every plot of a page that is given the same From and To has the same time axis.
// Color never carries meaning alone: lines are named at their ends and have their
// own marks, failures are crosses.
package plot

// One picture serves every width: x is in percent, data is stretched with strokes
// that keep their width, text keeps its size, and labels with the class plot-alt
// are left out where it is narrow. There is no script, no style attribute and no
// style element: colors come from the classes in Stylesheet through custom
// properties, for light and dark. Text from outside is escaped, bounded and freed
// of control characters, and no number that is not finite reaches the output.
//
// The elements are figure.plot > figcaption (plot-title, plot-note) + svg
// (plot-svg); the classes within are those of Stylesheet, and plot-strip, plot-row,
// plot-rail, plot-tick, plot-plane, plot-dashed, plot-shade-area and plot-shade-edge,
// which are hooks that need no rule.

import (
	"context"
	"io"
	"math"
	"time"

	"github.com/a-h/templ"
)

var (
	_ templ.Component = Chart{}
	_ templ.Component = Strip{}
	_ templ.Component = Rungs{}
	_ templ.Component = Meter{}
)

// Tone is what a line or a region stands for; it decides color and mark.
type Tone string

// The tones.
const (
	Stable  Tone = "stable"  // blue, round marks
	Canary  Tone = "canary"  // orange, diamond marks
	Neutral Tone = "neutral" // gray: what was intended, what is only context
	Third   Tone = "third"   // violet, triangles: a third of several equals, such as variants
	Fourth  Tone = "fourth"  // green, upside-down triangles
)

// Unit says how values are written.
type Unit int

// The units.
const (
	Count        Unit = iota // 1,234
	Fraction                 // 0.05 is written 5 %
	Percent                  // 5 is written 5 %
	Milliseconds             // 480 is written 480 ms, 1500 is written 1.5 s
	Times                    // 1.25 is written 1.25×
)

// Point is one value at one time. NaN is a gap. Low and High are the uncertainty;
// without it both are zero.
type Point struct {
	At        time.Time
	Value     float64
	Low, High float64
}

// banded reports whether the point has a drawable uncertainty.
func (p Point) banded() bool { return finite(p.Low) && finite(p.High) && p.High > p.Low }

// Series is one line.
type Series struct {
	Name   string
	Tone   Tone
	Step   bool          // a value holds until the next point: shares
	Dashed bool          // what was intended rather than measured
	Gap    time.Duration // points farther apart are not joined; 0 joins all but NaN
	Points []Point       // ascending in time
}

// Limit is a threshold line.
type Limit struct {
	Value    float64
	Label    string // e.g. critical; the value is written behind it
	Critical bool   // drawn stronger
}

// Event is a moment that concerns the whole picture.
type Event struct {
	At    time.Time
	Label string
}

// Shade is a stretch of time with a name, e.g. a slowdown of both versions. A zero
// To lasts until the end.
type Shade struct {
	From, To time.Time
	Label    string
}

// Chart draws lines over time.
type Chart struct {
	ID        string         // unique on the page; letters, digits and hyphens
	Title     string         // what is drawn, e.g. Error rate
	Note      string         // a half-sentence behind the title
	Unit      Unit           //
	From, To  time.Time      // the time axis; the same on all plots of a page
	Location  *time.Location // of the labels; nil is UTC
	Elapsed   bool           // the axis shows the time since From, which is no moment of a day
	Low, High float64        // the value axis shows at least this; data and zero may widen it
	Log       bool           // logarithmic value axis: ratios
	Height    int            // CSS pixels with the time axis; 0 is 180
	Series    []Series       //
	Limits    []Limit        //
	Events    []Event        //
	Shades    []Shade        //
	Empty     string         // shown when there is nothing to draw: why, and what fills it
}

// Render writes the chart.
func (c Chart) Render(ctx context.Context, w io.Writer) error {
	return render(ctx, w, c.draw)
}

// Mark is one look at a health check.
type Mark struct {
	At     time.Time
	OK     bool
	Detail string // what was wrong
}

// StripRow is the checks of one version.
type StripRow struct {
	Name  string
	Tone  Tone
	Marks []Mark
}

// Strip draws health checks: a tick for each that passed, a cross for each that
// failed, one row for each version.
type Strip struct {
	ID       string
	Title    string
	Note     string
	From, To time.Time
	Location *time.Location
	Rows     []StripRow
	Empty    string
}

// Render writes the strip.
func (s Strip) Render(ctx context.Context, w io.Writer) error {
	return render(ctx, w, s.draw)
}

func render(ctx context.Context, w io.Writer, draw func(*pen)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var p pen
	draw(&p)
	_, err := w.Write(p.out)
	return err
}

// finite reports whether v can be drawn. Beyond 1e15 a sum of two values would lose
// its units, and nothing that a dashboard shows is that large.
func finite(v float64) bool { return math.Abs(v) < 1e15 } // false for NaN
