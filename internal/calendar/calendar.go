// Package calendar says when production may change.
//
// A Calendar holds freezes (nothing goes out) and release windows (things go out
// only inside them). Both may repeat by the week in a time zone of their own; a
// freeze may also be a single span of time. Check answers for one instant: open or
// closed, why in a sentence, and until when, exact across changes of summer time.
//
// A weekly span is a statement about the clock on the wall: 01:00 to 03:00 holds
// whenever a clock in the zone shows a time in between, so an hour that is shown
// twice is inside twice, and one that is left out is not inside at all.
//
// The room is pure: the present time is an argument. Rollbacks do not ask it.
package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Horizon bounds the search for the next change.
const Horizon = 400 * 24 * time.Hour

// Day is the number of minutes in a day on the clock: 24:00 is the end of the day.
const Day = 24 * 60

// Weekly is a span of the clock that repeats on days of the week. To at or before
// From reaches into the next day: 22:00 to 06:00.
type Weekly struct {
	Days []time.Weekday // the days on which it begins; none: every day
	From int            // minutes since midnight
	To   int            // minutes since midnight, at most Day
	Zone *time.Location // nil: UTC
}

// Freeze is a time in which nothing goes out: a single span, or a weekly one.
type Freeze struct {
	Name   string
	From   time.Time // of a single span
	To     time.Time // of a single span, not inside it
	Weekly *Weekly   // instead of From and To
}

// Window is a time in which releases may go out.
type Window struct {
	Name   string
	Weekly Weekly
}

// Calendar is when production may change. The zero calendar is always open.
type Calendar struct {
	Zone    *time.Location // in which sentences give times; nil: UTC
	Freezes []Freeze
	Windows []Window
}

// State is a calendar's answer for one instant.
type State struct {
	Open     bool
	Name     string    // of the freeze that closes it; empty when open or outside every window
	Sentence string    // for a person
	Until    time.Time // when Open changes next; zero when it does not within the Horizon
}

// Check says whether production may change at the time now, and until when.
func (c Calendar) Check(now time.Time) State {
	s := State{}
	s.Open, s.Name = c.open(now)
	s.Until = c.change(now, s.Open)
	until := "for longer than a year"
	if !s.Until.IsZero() {
		until = "until " + c.show(s.Until)
	}
	switch {
	case s.Open && len(c.Freezes) == 0 && len(c.Windows) == 0:
		s.Sentence = "Production is open: the calendar names no freeze and no window."
	case s.Open && s.Until.IsZero():
		s.Sentence = "Production is open: nothing in the calendar closes it."
	case s.Open:
		s.Sentence = "Production is open " + until + "."
	case s.Name != "":
		s.Sentence = fmt.Sprintf("Production is frozen by %q %s.", s.Name, until)
	default:
		s.Sentence = "Now is outside the release windows; production is closed " + until + "."
	}
	return s
}

// open reports whether production may change at t, or which freeze forbids it.
func (c Calendar) open(t time.Time) (open bool, freeze string) {
	for _, f := range c.Freezes {
		if f.holds(t) {
			return false, f.Name
		}
	}
	if len(c.Windows) == 0 {
		return true, ""
	}
	return slices.ContainsFunc(c.Windows, func(w Window) bool { return w.Weekly.Holds(t) }), ""
}

// change returns the first instant after now at which open differs, or zero.
func (c Calendar) change(now time.Time, open bool) time.Time {
	end := now.Add(Horizon)
	for t := c.next(now); !t.IsZero() && !t.After(end); t = c.next(t) {
		if is, _ := c.open(t); is != open {
			return t
		}
	}
	return time.Time{}
}

// next returns the first instant after t at which any span may begin or end. It
// moves ahead by at least one boundary of some span, of which a day has few, so the
// search within the Horizon is bounded.
func (c Calendar) next(t time.Time) time.Time {
	var first time.Time
	see := func(at time.Time) {
		if at.After(t) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	for _, f := range c.Freezes {
		if f.Weekly != nil {
			f.Weekly.edges(t, see)
			continue
		}
		see(f.From)
		see(f.To)
	}
	for _, w := range c.Windows {
		w.Weekly.edges(t, see)
	}
	return first
}

func (f Freeze) holds(t time.Time) bool {
	if f.Weekly != nil {
		return f.Weekly.Holds(t)
	}
	return !t.Before(f.From) && t.Before(f.To)
}

// Holds reports whether a clock in the span's zone shows a time inside it at t.
func (w Weekly) Holds(t time.Time) bool {
	l := t.In(zone(w.Zone))
	m := l.Hour()*60 + l.Minute()
	today := w.on(l.Weekday())
	if w.From < w.To {
		return today && w.From <= m && m < w.To
	}
	return today && m >= w.From || w.on((l.Weekday()+6)%7) && m < w.To
}

func (w Weekly) on(d time.Weekday) bool { return len(w.Days) == 0 || slices.Contains(w.Days, d) }

// edges shows every instant near after t at which Holds may change: the clock
// reaches From, To or midnight on one of the next days, or is itself set.
func (w Weekly) edges(t time.Time, see func(time.Time)) {
	z := zone(w.Zone)
	l := t.In(z)
	_, here := l.Zone()
	_, set := l.ZoneBounds()
	see(set)
	offsets := []int{here}
	if !set.IsZero() {
		_, then := set.In(z).Zone()
		offsets = append(offsets, then)
	}
	for day := -1; day <= 2; day++ {
		for _, minute := range []int{0, w.From, w.To} {
			for _, o := range offsets {
				at := time.Date(l.Year(), l.Month(), l.Day()+day, 0, minute, -o, 0, time.UTC)
				see(at)
			}
		}
	}
}

func zone(z *time.Location) *time.Location {
	if z == nil {
		return time.UTC
	}
	return z
}

func (c Calendar) show(t time.Time) string {
	z := zone(c.Zone)
	return t.In(z).Format("Mon 2 Jan 2006 15:04") + " (" + z.String() + ")"
}

// AddBusinessDays returns the time n working days (Monday to Friday) after t, at
// the same time of the day on a clock in the zone. From a weekend, the first
// working day is the Monday after it.
func AddBusinessDays(t time.Time, n int, in *time.Location) time.Time {
	l := t.In(zone(in))
	day := 0
	for n = min(n, 10_000); n > 0; {
		day++
		if wd := (int(l.Weekday()) + day) % 7; wd != int(time.Saturday) && wd != int(time.Sunday) {
			n--
		}
	}
	if day == 0 {
		return l
	}
	return time.Date(l.Year(), l.Month(), l.Day()+day, l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), l.Location())
}

// ParseClock reads a time of the day such as 9:00, 16:30 or 24:00.
func ParseClock(s string) (int, error) {
	h, m, ok := strings.Cut(s, ":")
	hour, minute := digits(h), digits(m)
	if !ok || len(m) != 2 || hour < 0 || minute < 0 || minute > 59 || hour*60+minute > Day {
		return 0, fmt.Errorf("parse time of day %q: want hours and minutes such as 16:30", s)
	}
	return hour*60 + minute, nil
}

// digits returns the number that s writes with one or two digits, or -1.
func digits(s string) int {
	if len(s) < 1 || len(s) > 2 {
		return -1
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// ParseDay reads a day of the week by its English name or its first three letters.
func ParseDay(s string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		name := strings.ToLower(d.String())
		if l := strings.ToLower(s); l == name || l == name[:3] {
			return d, nil
		}
	}
	return 0, fmt.Errorf("parse day %q: want mon, tue, wed, thu, fri, sat or sun", s)
}
