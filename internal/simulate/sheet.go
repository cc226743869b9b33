package simulate

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/plot"
)

// Where things stand in the picture, in CSS pixels.
const (
	sheetWide  = 1130
	partsAt    = 200 // how often it ended how
	partsWide  = 110
	timesAt    = 570 // when
	timesWide  = 300
	timesHigh  = 20
	timesBins  = 50
	harmAt     = 896 // and what it cost
	harmWide   = 130
	sheetRow   = 30
	sheetGroup = 26
	sheetHead  = 44
)

// Picture writes a report as one SVG that needs nothing else: of each case the strategies side by side, with how
// often it ended how, the distribution of the times, and the harm beside what no judge could have avoided.
func Picture(w io.Writer, r Report) error {
	d := sheet{r: r, longest: 60}
	for _, x := range r.Results {
		for _, s := range []*Spread{x.Detection, x.Promote} {
			if s != nil {
				d.longest = max(d.longest, s.Most)
			}
		}
		if x.Failed != nil {
			d.worst = max(d.worst, x.Failed.Mean, x.Floor)
		}
	}
	t := r.Traffic
	d.s.Title, d.s.Wide = "Strategies on a virtual clock", sheetWide
	note := fmt.Sprintf("%s requests/s, %s errors; backgrounds: %s; seed %d", number(t.Rate), percent(t.Errors),
		strings.Join(r.Backgrounds, ", "), r.Seed)
	d.s.Desc = note + "."
	d.s.Text(12, 22, plot.Head, 0, d.s.Title)
	d.s.Text(260, 22, plot.Quiet, sheetWide-272, note)
	d.y = 34
	if r.Done < r.All {
		text := fmt.Sprintf("Interrupted: %d of %d releases were tried.", r.Done, r.All)
		d.s.Text(12, d.y+12, plot.Plain, 0, text)
		d.s.Desc += " " + text
		d.y += 24
	}
	d.section(true, "Healthy versions", "taken back by mistake", "promoted after")
	d.section(false, "Faulty versions", "found, held, missed", "found after")
	d.s.High = int(d.y) + 12
	return d.s.Write(w)
}

// sheet is a picture while it is drawn.
type sheet struct {
	r       Report
	s       plot.Sheet
	y       float64
	longest float64 // seconds
	worst   float64 // harm
}

// section draws the healthy or the faulty cases.
func (d *sheet) section(healthy bool, what, parts, times string) {
	first := true
	d.r.each(healthy, func(name, strategy string, x Result) {
		if x.Runs == 0 {
			return
		}
		if first {
			d.heading(healthy, what, parts, times)
			first = false
		}
		if name != "" || !d.r.several() {
			d.y += 6
			d.s.Text(12, d.y+14, plot.Bold, partsAt-24, x.Case.Name)
			if d.r.several() {
				d.y += sheetGroup - 6
			}
		}
		if d.r.several() {
			d.s.Text(24, d.y+16, plot.Plain, partsAt-36, short(strategy))
		}
		d.row(x)
		d.y += sheetRow
	})
}

func (d *sheet) heading(healthy bool, what, parts, times string) {
	d.y += 14
	d.s.Text(12, d.y+14, plot.Head, 0, what)
	d.s.Text(partsAt, d.y+14, plot.Quiet, 0, parts)
	d.s.Text(timesAt, d.y+14, plot.Quiet, 0, times+" (the mark is the median)")
	if !healthy {
		d.s.Text(harmAt, d.y+14, plot.Quiet, 0, "failed requests (the mark is the floor)")
	}
	for _, t := range []struct {
		at   float64
		name string
	}{{1, "1 s"}, {10, "10 s"}, {60, "1 min"}, {600, "10 min"}, {3600, "1 h"}, {36000, "10 h"}} {
		if t.at <= d.longest {
			d.s.Text(timesAt+d.x(t.at), d.y+32, plot.Quiet, 0, t.name)
		}
	}
	d.y += sheetHead - 4
}

// x is where a time stands on the axis, which is logarithmic from one second to the longest.
func (d *sheet) x(seconds float64) float64 {
	return timesWide * math.Log(max(seconds, 1)) / math.Log(d.longest*1.02)
}

func (d *sheet) row(x Result) {
	says := fmt.Sprintf("%s, %s: %d runs", x.Case.Name, x.Strategy, x.Runs)
	if x.Healthy {
		says += d.mistakes(x)
		says += d.times(x, x.promotedAfter(), x.Promote, "promoted")
	} else {
		says += d.endings(x)
		says += d.times(x, x.foundAfter(), x.Detection, "found")
		says += d.harm(x)
	}
	d.s.Desc += " " + says + "."
}

// mistakes draws false rollbacks with their upper limit.
func (d *sheet) mistakes(x Result) string {
	y := d.y
	text := fmt.Sprintf("%s (at most %s)", percent(x.Stopped), percent(x.Upper))
	d.s.Bar(partsAt, y+7, partsWide, 12, plot.Neutral, "")
	d.s.Bar(partsAt+1, y+8, partsWide-2, 10, plot.Surface, "")
	d.s.Bar(partsAt, y+7, partsWide*x.Stopped, 12, plot.Critical, text)
	d.s.Bar(partsAt, y+12, partsWide*x.Upper, 2, plot.Critical, text)
	if x.Held > 0 {
		text += ", " + percent(x.Held) + " held"
	}
	d.s.Text(partsAt+partsWide+8, y+17, plot.Plain, timesAt-partsAt-partsWide-16, text)
	return ", taken back by mistake " + text
}

// endings draws how faulty releases ended: found, held for a person, missed.
func (d *sheet) endings(x Result) string {
	at := float64(partsAt)
	for _, p := range []struct {
		part float64
		tone plot.Tone
		name string
	}{{x.Stopped, plot.Stable, "found"}, {x.Held, plot.Neutral, "held"}, {x.Missed, plot.Critical, "missed"}} {
		if p.part > 0 {
			d.s.Bar(at, d.y+7, max(partsWide*p.part-1, 1), 12, p.tone, p.name+" "+percent(p.part))
		}
		at += partsWide * p.part
	}
	text := percent(x.Stopped) + " found"
	if x.Held > 0 {
		text += ", " + percent(x.Held) + " held"
	}
	text += ", " + percent(x.Missed) + " missed"
	d.s.Text(partsAt+partsWide+8, d.y+17, plot.Plain, timesAt-partsAt-partsWide-16, text)
	return ", " + text
}

// times draws a distribution of times and its median.
func (d *sheet) times(x Result, list []float64, sum *Spread, name string) string {
	foot := d.y + 4 + timesHigh
	d.s.Bar(timesAt, foot, timesWide, 1, plot.Neutral, "")
	if sum == nil {
		d.s.Text(timesAt+4, foot-5, plot.Quiet, 0, "never "+name)
		return ", never " + name
	}
	var bins [timesBins + 1]int
	for _, seconds := range list {
		bins[min(int(d.x(seconds)/timesWide*timesBins), timesBins)]++
	}
	most := slices.Max(bins[:])
	tone := plot.Stable
	if x.Healthy {
		tone = plot.Neutral
	}
	for i, n := range bins {
		if n > 0 {
			high := math.Max(timesHigh*float64(n)/float64(most), 2)
			d.s.Bar(timesAt+float64(i)*timesWide/timesBins, foot-high, timesWide/timesBins-1, high, tone,
				fmt.Sprintf("%d of %d", n, x.Runs))
		}
	}
	text := fmt.Sprintf("half %s within %s, nine of ten of these within %s", name, duration(sum.Median), duration(sum.P90))
	d.s.Bar(timesAt+d.x(sum.Median)-1, foot-timesHigh-2, 2, timesHigh+6, plot.Ink, text)
	return ", " + text
}

// harm draws how many requests failed on average, beside the floor; the scale is logarithmic.
func (d *sheet) harm(x Result) string {
	if x.Failed == nil || x.Failed.Most <= 0 {
		text := x.harm()
		d.s.Text(harmAt, d.y+17, plot.Quiet, 0, text)
		if x.Slowed != nil && x.Slowed.Most > 0 {
			return ", " + text + " requests"
		}
		return ""
	}
	scale := func(v float64) float64 { return harmWide * math.Log1p(max(v, 0)) / math.Log1p(max(d.worst, 1)) }
	mean, floor := x.Failed.Mean, x.Floor
	d.s.Bar(harmAt, d.y+7, max(scale(mean), 1), 12, plot.Canary, number(mean))
	text, says := number(mean), ", "+number(mean)+" failed requests on average"
	if floor > 0 {
		d.s.Bar(harmAt+scale(floor)-1, d.y+3, 2, 20, plot.Ink, "floor "+number(floor))
		text += " (" + number(floor) + ")"
		says += " where no judge could have avoided " + number(floor)
	}
	d.s.Text(harmAt+max(scale(mean), scale(floor))+6, d.y+17, plot.Plain, 0, text)
	return says
}

// foundAfter are the times from the beginning of the fault until it was found.
func (r Result) foundAfter() []float64 {
	var out []float64
	for _, o := range r.outcomes {
		if since := float64(o.At - r.Case.Fault.Onset); o.Stopped() && since >= 0 {
			out = append(out, since)
		}
	}
	return out
}

// promotedAfter are the times until it was the stable version.
func (r Result) promotedAfter() []float64 {
	var out []float64
	for _, o := range r.outcomes {
		if o.Promoted >= 0 {
			out = append(out, float64(o.Promoted))
		}
	}
	return out
}
