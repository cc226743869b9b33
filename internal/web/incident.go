package web

import (
	"net/url"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk"
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
	c, err := s.incidentPage(v)
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) incidentPage(v *visit) (templ.Component, error) {
	i, err := s.Desk.Incident(v.r.Context(), v.who, v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return page.Incident(v.frame, i), nil
}

func (s *Web) incidentResolve(v *visit) error {
	id := v.r.PathValue("id")
	if _, err := s.Desk.ResolveIncident(v.r.Context(), v.who, id,
		api.ResolveIncident{Resolution: v.value("resolution")}); err != nil {
		return v.again(err, func() (templ.Component, error) { return s.incidentPage(v) })
	}
	return v.done("/incidents/"+url.PathEscape(id), "resolved")
}
