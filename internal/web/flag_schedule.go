package web

import (
	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/web/page"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

// flagSchedule is the form that has a flag switched, or a share set, later.
func (s *Web) flagSchedule(v *visit) error {
	x, c, err := s.ramped(v)
	if err != nil {
		return err
	}
	do := "on"
	if c.On {
		do = "off"
	}
	p, err := s.schedulePage(v, x, c, page.ScheduleFields{Do: do, Release: v.query("release")})
	if err != nil {
		return err
	}
	return v.show(p)
}

// schedulePage offers the releases that are under way.
func (s *Web) schedulePage(v *visit, x api.Flag, c api.FlagConfig, in page.ScheduleFields) (templ.Component, error) {
	active, err := s.Desk.Releases(v.r.Context(), v.who, desk.ReleaseQuery{Phase: "active", Limit: offered})
	if err != nil {
		return nil, err
	}
	return page.FlagSchedule(v.frame, x, c, in, active.Items), nil
}

func (s *Web) flagScheduled(v *visit) error {
	x, c, err := s.ramped(v)
	if err != nil {
		return err
	}
	in := page.ScheduleFields{Do: v.value("do"), Percent: v.value("percent"), At: v.value("at"),
		Release: v.value("release"), Reason: v.value("reason")}
	send, bad := ruleform.Schedule(in.Do, in.Percent, in.At, in.Release, v.frame.Zone)
	if send.Reason = in.Reason; send.Rollout != nil { // of the variant that the form names
		send.Rollout.Variant, send.Rollout.Against, send.Rollout.Reason = page.Raised(x, c), page.Against(x, c), in.Reason
	}
	err = complain(bad)
	change := api.FlagChange{}
	if err == nil {
		change, err = s.Desk.Flags.Schedule(v.r.Context(), v.who, x.Key, c.Environment, send)
	}
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.schedulePage(v, x, c, in) })
	}
	return v.flagDone(x.Key, c.Environment, "flag-schedule", change)
}
