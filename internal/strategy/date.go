package strategy

import (
	"fmt"
	"strconv"
	"time"
	_ "time/tzdata" // zones must be known on machines without a zone database

	"github.com/slipwayhq/slipway/internal/calendar"
)

// dates reads the calendar.
func (c checker) dates() calendar.Calendar {
	spec := c.file.Calendar
	out := calendar.Calendar{Zone: c.zone(at("calendar", "zone"), spec.Zone, time.UTC)}
	for i, f := range spec.Freezes {
		here := func(key ...string) []string { return append(at("calendar", "freezes", strconv.Itoa(i)), key...) }
		if f.Name == "" {
			c.at(here(), "the freeze has no name", "add a name: people are told it when it keeps them waiting")
		}
		z := c.zone(here("zone"), f.Zone, out.Zone)
		if len(f.Days) > 0 {
			w := calendar.Weekly{Days: weekdays(f.Days), From: c.minute(here("from"), f.From, 0), Zone: z}
			w.To = c.minute(here("to"), f.To, calendar.Day)
			c.span(here("to"), w.From, w.To)
			out.Freezes = append(out.Freezes, calendar.Freeze{Name: f.Name, Weekly: &w})
			continue
		}
		from, to := c.moment(here("from"), f.From, z), c.moment(here("to"), f.To, z)
		if !from.IsZero() && !to.IsZero() && !from.Before(to) {
			c.at(here("to"), "the freeze ends before it begins", "make to the later one")
		}
		out.Freezes = append(out.Freezes, calendar.Freeze{Name: f.Name, From: from, To: to})
	}
	for i, w := range spec.Windows {
		here := func(key ...string) []string { return append(at("calendar", "windows", strconv.Itoa(i)), key...) }
		to := int(w.To)
		if !c.find(here(), "to") && to == 0 {
			to = calendar.Day
		}
		c.span(here("to"), int(w.From), to)
		out.Windows = append(out.Windows, calendar.Window{Name: w.Name, Weekly: calendar.Weekly{
			Days: weekdays(w.Days), From: int(w.From), To: to, Zone: c.zone(here("zone"), w.Zone, out.Zone),
		}})
	}
	if n := len(out.Freezes) + len(out.Windows); n > 100 {
		c.at(at("calendar"), fmt.Sprintf("%d freezes and windows are too many", n), "write at most 100")
		return calendar.Calendar{}
	}
	return out
}

func (c checker) span(path []string, from, to int) {
	if from == to {
		c.at(path, "it ends when it begins", `write a later time; the day ends at "24:00"`)
	}
}

// zone loads a time zone; the empty name means the other one.
func (c checker) zone(path []string, name string, other *time.Location) *time.Location {
	if name == "" {
		return other
	}
	z, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		c.at(path, fmt.Sprintf("there is no time zone %q", name), "write its IANA name, for example Europe/Berlin or UTC")
		return other
	}
	return z
}

func (c checker) minute(path []string, s string, other int) int {
	if s == "" {
		return other
	}
	m, err := calendar.ParseClock(s)
	if err != nil {
		c.at(path, fmt.Sprintf("want a time of the day, got %q", s), `with days, write for example "16:30"`)
	}
	return m
}

// moment reads a date, or a date with a time, in a zone.
func (c checker) moment(path []string, s string, z *time.Location) time.Time {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, z); err == nil {
			return t
		}
	}
	c.at(path, fmt.Sprintf("want a date, got %q", s),
		"write for example 2026-12-20 or 2026-12-20 18:00; or name days for what repeats")
	return time.Time{}
}

func weekdays(days []day) []time.Weekday {
	out := make([]time.Weekday, len(days))
	for i, d := range days {
		out[i] = time.Weekday(d)
	}
	return out
}
