package plot

import (
	"strconv"
	"time"
)

// axis is the time axis: from lies at 0, to at 1.
type axis struct {
	from, to time.Time
	in       *time.Location
	elapsed  bool // time since from, and no time of a day
}

func newAxis(from, to time.Time, in *time.Location) axis {
	if in == nil {
		in = time.UTC
	}
	return axis{from: from, to: to, in: in}
}

// ok reports whether the axis has a length that can be divided.
func (a axis) ok() bool { return a.to.Sub(a.from) > 0 }

// at returns the place of t, which may lie outside of 0 … 1.
func (a axis) at(t time.Time) float64 {
	return float64(t.Sub(a.from)) / float64(max(a.to.Sub(a.from), 1))
}

// holds reports whether t lies on the axis.
func (a axis) holds(t time.Time) bool { return !t.Before(a.from) && !t.After(a.to) }

// tick is a labeled time.
type tick struct {
	at    time.Time
	label string
}

const day = 24 * time.Hour

// ticks returns at most n+1 times that are round on the wall clock of the location,
// also across a change of its offset.
func (a axis) ticks(n int) []tick {
	if !a.ok() {
		return nil
	}
	span := a.to.Sub(a.from)
	for _, step := range []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 14 * day,
	} {
		if span/step <= time.Duration(n) {
			return a.even(step)
		}
	}
	for _, months := range []int{1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200} {
		if span/(time.Duration(months)*30*day) <= time.Duration(n) {
			return a.months(months)
		}
	}
	return nil
}

// even returns the ticks for a step of up to weeks, counted on the wall clock.
func (a axis) even(step time.Duration) []tick {
	local := a.from.In(a.in)
	y, m, d := local.Date()
	wall := time.Date(y, m, d, local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
	wall = wall.Truncate(step) // from the year 1, a Monday: weeks begin on Mondays
	var out []tick
	for range 64 {
		t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, a.in)
		if t.After(a.to) {
			break
		}
		// An hour that the clock skips or repeats gives a time twice, or one that is not round.
		again := len(out) > 0 && !t.After(out[len(out)-1].at)
		if !t.Before(a.from) && !again && t.In(a.in).Minute() == wall.Minute() && t.In(a.in).Hour() == wall.Hour() {
			out = append(out, tick{t, a.face(t, step)})
		}
		wall = wall.Add(step)
	}
	return out
}

func (a axis) months(step int) []tick {
	local := a.from.In(a.in)
	month := (int(local.Month()) - 1) / min(step, 12) * min(step, 12)
	year := local.Year()
	if step > 12 {
		year -= year % (step / 12)
	}
	var out []tick
	for i := range 64 {
		t := time.Date(year, time.Month(1+month+i*step), 1, 0, 0, 0, 0, a.in)
		if t.After(a.to) {
			break
		}
		layout := "Jan 2006"
		if step >= 12 {
			layout = "2006"
		}
		if !t.Before(a.from) {
			out = append(out, tick{t, t.Format(layout)})
		}
	}
	return out
}

func (a axis) face(t time.Time, step time.Duration) string {
	t = t.In(a.in)
	switch {
	case a.elapsed:
		return since(t.Sub(a.from))
	case step >= day || t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0:
		return t.Format("2 Jan")
	case step < time.Minute:
		return t.Format("15:04:05")
	default:
		return t.Format("15:04")
	}
}

// since writes a time that has passed: "45 s", "90 min", "6 h".
func since(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d == 0:
		return "0"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "\u00a0h"
	case d%time.Minute == 0 || d >= 10*time.Minute:
		return strconv.Itoa(int((d+30*time.Second)/time.Minute)) + "\u00a0min"
	}
	return strconv.Itoa(int(d/time.Second)) + "\u00a0s"
}

// clock writes a moment in the axis's zone, with the day when the axis is long.
func (a axis) clock(t time.Time) string {
	if a.elapsed {
		return since(t.Sub(a.from))
	}
	layout := "15:04"
	switch span := a.to.Sub(a.from); {
	case span > 2*day:
		layout = "2 Jan 15:04"
	case span < 5*time.Minute:
		layout = "15:04:05"
	}
	return t.In(a.in).Format(layout)
}

// zone returns the short name of the zone at the end of the axis.
func (a axis) zone() string {
	if a.elapsed {
		return ""
	}
	name, _ := a.to.In(a.in).Zone()
	return name
}
