package web

import (
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func (s *Web) events(v *visit) error { return s.logPage(v, nil) }

// eventsVerify walks the chain and shows the log with what was found.
func (s *Web) eventsVerify(v *visit) error {
	report, err := s.Desk.VerifyLog(v.r.Context(), v.who)
	if err != nil {
		return err
	}
	return s.logPage(v, &report)
}

func (s *Web) logPage(v *visit, report *api.LogReport) error {
	f := page.LogFilter{
		Text: v.query("q"), Kind: v.query("kind"), Subject: v.query("subject"), Actor: v.query("actor"),
		Environment: v.query("environment"),
		From:        v.query("from"), To: v.query("to"), Before: v.query("cursor"),
	}
	q := desk.EventQuery{Kind: f.Kind, Subject: f.Subject, Actor: f.Actor, Environment: f.Environment, Text: f.Text,
		Limit: 100}
	var err error
	if f.Before != "" {
		if q.Before, err = strconv.ParseInt(f.Before, 10, 64); err != nil {
			return fault.New(fault.Invalid, "cursor_invalid", "The address does not name a place in the log.")
		}
	}
	if q.From, err = v.date(f.From, 0); err != nil {
		return err
	}
	if q.To, err = v.date(f.To, 1); err != nil {
		return err
	}
	p, err := s.Desk.Events(v.r.Context(), v.who, q)
	if err != nil {
		return err
	}
	return v.show(page.Log(v.frame, p, f, report))
}

// date reads a day of the viewer's calendar; days are added, so that the end of a
// stretch is the day's end.
func (v *visit) date(s string, days int) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, s, v.frame.Zone)
	if err != nil {
		return at, fault.New(fault.Invalid, "date_invalid", "A day is written 2026-11-20.")
	}
	return at.AddDate(0, 0, days), nil
}

func (s *Web) event(v *visit) error {
	none := fault.New(fault.NotFound, "record_not_found", "The log has no such record that you may read.")
	seq, err := strconv.ParseInt(v.r.PathValue("seq"), 10, 64)
	if err != nil || seq < 1 {
		return none
	}
	p, err := s.Desk.Events(v.r.Context(), v.who, desk.EventQuery{After: seq - 1, Before: seq + 1, Limit: 1,
		Ascending: true})
	if err != nil {
		return err
	}
	if len(p.Items) == 0 || p.Items[0].Seq != seq {
		return none
	}
	return v.show(page.Event(v.frame, p.Items[0]))
}
