package web

import (
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
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
	return v.show(page.FlagSchedule(v.frame, x, c, page.ScheduleFields{Do: do, Release: v.query("release")}))
}

func (s *Web) flagScheduled(v *visit) error {
	x, c, err := s.ramped(v)
	if err != nil {
		return err
	}
	in := page.ScheduleFields{Do: v.value("do"), Percent: v.value("percent"), At: v.value("at"),
		Release: v.value("release"), Reason: v.value("reason")}
	send, err := scheduleOf(in, v.frame.Zone)
	change := api.FlagChange{}
	if err == nil {
		change, err = s.Desk.Flags.Schedule(v.r.Context(), v.who, x.Key, c.Environment, send)
	}
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return page.FlagSchedule(v.frame, x, c, in), nil })
	}
	return v.flagDone(x.Key, c.Environment, "flag-schedule", change)
}

// scheduleOf reads the form. Its time has no zone: it is the viewer's.
func scheduleOf(in page.ScheduleFields, zone *time.Location) (api.ScheduleFlag, error) {
	out := api.ScheduleFlag{Reason: in.Reason, AfterRelease: in.Release}
	var bad []ruleform.Complaint
	switch on := in.Do == "on"; in.Do {
	case "on", "off":
		out.On = &on
	case "share":
		share, err := strconv.ParseFloat(in.Percent, 64)
		if err != nil || !(share >= 0 && share <= 100) {
			bad = append(bad, ruleform.Complaint{Path: "percent", Message: "A share is a number of percent between 0 and 100."})
		}
		out.Rollout = &api.RolloutFlag{Percent: share, Reason: in.Reason}
	default:
		bad = append(bad, ruleform.Complaint{Path: "do", Message: "Say what is to be done then."})
	}
	if in.At != "" || in.Release == "" {
		at, err := time.ParseInLocation("2006-01-02T15:04", in.At, zone)
		if err != nil {
			bad = append(bad, ruleform.Complaint{Path: "at", Message: "Say when: a day and a time, or a release."})
		}
		out.At = &at
	}
	return out, complain(bad)
}
