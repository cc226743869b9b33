package web

import (
	"cmp"
	"net/url"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func (s *Web) incidents(v *visit) error {
	state := v.query("state")
	p, err := s.Desk.Incidents(v.r.Context(), v.who, desk.IncidentQuery{State: state, Cursor: v.query("cursor")})
	if err != nil {
		return err
	}
	return v.show(page.IncidentList(v.frame, p, state))
}

func (s *Web) incidentNew(v *visit) error {
	c, err := s.reportPage(v, api.ReportIssue{Environment: "production"})
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) reportPage(v *visit, in api.ReportIssue) (templ.Component, error) {
	all, err := s.Desk.Environments(v.r.Context(), v.who)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range all {
		if v.who.May(access.ReportIssue, e.Name) {
			names = append(names, e.Name)
		}
	}
	return page.IncidentReport(v.frame, in, names), nil
}

func (s *Web) incidentReport(v *visit) error {
	in := api.ReportIssue{
		Environment: v.value("environment"), Title: v.value("title"), Detail: v.value("detail"),
		Critical: v.value("critical") == "true",
		Security: v.value("security") == "true",
	}
	i, err := s.Desk.ReportIssue(v.r.Context(), v.who, in)
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.reportPage(v, in) })
	}
	return v.done("/incidents/"+url.PathEscape(i.ID), "reported")
}

func (s *Web) incident(v *visit) error {
	c, err := s.incidentPage(v, api.TurnFlagOff{Environment: v.query("environment")})
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) incidentPage(v *visit, in api.TurnFlagOff) (templ.Component, error) {
	i, err := s.Desk.Incident(v.r.Context(), v.who, v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	off, err := s.flagOffForm(v, i, in)
	if err != nil {
		return nil, err
	}
	return page.Incident(v.frame, i, off), nil
}

// flagOffForm is the form that turns a flag off, for those who may while the incident is open.
func (s *Web) flagOffForm(v *visit, i api.Incident, in api.TurnFlagOff) (*page.FlagOffForm, error) {
	in.Environment = cmp.Or(in.Environment, i.Environment)
	if i.State != "open" || !v.who.May(access.SwitchFlag, in.Environment) {
		return nil, nil
	}
	form := page.FlagOffForm{In: in}
	var err error
	if form.Suspects, err = s.Desk.FlagSuspects(v.r.Context(), v.who, i.ID, in.Environment); err != nil {
		return nil, err
	}
	all, err := s.Desk.Environments(v.r.Context(), v.who)
	for _, e := range all {
		if e.Name != in.Environment && v.who.May(access.SwitchFlag, e.Name) {
			form.Elsewhere = append(form.Elsewhere, e.Name)
		}
	}
	return &form, err
}

func (s *Web) incidentFlagOff(v *visit) error {
	id := v.r.PathValue("id")
	in := api.TurnFlagOff{Flag: v.value("flag"), Environment: v.value("environment"), Reason: v.value("reason")}
	var err error
	switch other := v.value("other"); {
	case in.Flag == "":
		in.Flag = other
	case other != "" && other != in.Flag:
		err = fault.New(fault.Invalid, "two_flags", "You chose %.128s and named %.128s: leave one of them.", in.Flag, other)
	}
	if err == nil {
		_, err = s.Desk.TurnFlagOff(v.r.Context(), v.who, id, in)
	}
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.incidentPage(v, in) })
	}
	return v.done("/incidents/"+url.PathEscape(id), "incident-flag-off")
}

func (s *Web) incidentResolve(v *visit) error {
	id := v.r.PathValue("id")
	if _, err := s.Desk.ResolveIncident(v.r.Context(), v.who, id,
		api.ResolveIncident{Resolution: v.value("resolution")}); err != nil {
		return v.again(err, func() (templ.Component, error) { return s.incidentPage(v, api.TurnFlagOff{}) })
	}
	return v.done("/incidents/"+url.PathEscape(id), "resolved")
}
