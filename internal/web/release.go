package web

import (
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func (s *Web) releases(v *visit) error {
	phase := v.query("phase")
	p, err := s.Desk.Releases(v.r.Context(), v.who, desk.ReleaseQuery{Phase: phase, Cursor: v.query("cursor"), Limit: 20})
	if err != nil {
		return err
	}
	return v.show(page.ReleaseList(v.frame, p, phase))
}

func (s *Web) releaseNew(v *visit) error {
	return v.show(page.ReleaseStart(v.frame, api.StartRelease{Version: v.query("version"),
		Deployment: v.query("deployment_url")}))
}

func (s *Web) releaseStart(v *visit) error {
	in := api.StartRelease{
		Version: v.value("version"), Commit: v.value("commit"), Deployment: v.value("deployment_url"), Note: v.value("note"),
		Scheduled: v.value("scheduled"), Unscheduled: v.value("unscheduled_reason"), Urgent: v.value("urgent") == "true",
	}
	typed := in
	if in.Scheduled != "" { // the form's field has no zone: it is the viewer's
		at, err := time.ParseInLocation("2006-01-02T15:04", in.Scheduled, v.frame.Zone)
		if err != nil {
			err = fault.New(fault.Invalid, "scheduled_invalid", "The time it is scheduled for cannot be read.")
			return v.again(err, func() (templ.Component, error) { return page.ReleaseStart(v.frame, typed), nil })
		}
		in.Scheduled = at.Format(time.RFC3339)
	}
	r, err := s.Desk.StartRelease(v.r.Context(), v.who, in)
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return page.ReleaseStart(v.frame, typed), nil })
	}
	return v.done("/releases/"+url.PathEscape(r.ID), "started")
}

func (s *Web) release(v *visit) error {
	c, err := s.releasePage(v)
	if err != nil {
		return err
	}
	return v.show(c)
}

// releasePage gathers what the page of a release shows.
func (s *Web) releasePage(v *visit) (templ.Component, error) {
	ctx := v.r.Context()
	r, err := s.Desk.Release(ctx, v.who, v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var parts page.ReleaseParts
	if r.Flag == nil { // a ramp has no checklist
		if parts.Checks, err = s.Desk.Checks(ctx, v.who, r.Version); err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
	}
	if parts.Events, err = v.events(desk.EventQuery{Subject: r.ID, Limit: 60}); err != nil {
		return nil, err
	}
	if r.Reached > 0 {
		c, err := s.Desk.Canary(ctx, v.who, r.ID)
		if err != nil {
			return nil, err
		}
		parts.Canary = &c
	}
	return page.Release(v.frame, r, parts), nil
}

func (s *Web) canary(v *visit) error {
	c, err := s.canaryPage(v)
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) canaryPage(v *visit) (templ.Component, error) {
	r, err := s.Desk.Release(v.r.Context(), v.who, v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	c, err := s.Desk.Canary(v.r.Context(), v.who, r.ID)
	if err != nil {
		return nil, err
	}
	return page.Canary(v.frame, r, c), nil
}

// releaseAct does what a button says. An answer that is refused is shown on the release's
// page, where the present state stands.
func (s *Web) releaseAct(v *visit) error {
	id, action := v.r.PathValue("id"), v.r.PathValue("action")
	if action == "rollback" {
		return s.rollbackFromRelease(v, id)
	}
	in := api.ReleaseAction{Reason: v.value("reason"), Step: v.value("step"), Passed: v.value("passed") == "true"}
	var err error
	if in.Revision, err = strconv.ParseInt(v.value("revision"), 10, 64); err != nil {
		err = fault.New(fault.Invalid, "revision_missing", "The form does not say what you looked at. Reload the page.")
	}
	if share := v.value("share"); err == nil && share != "" {
		if in.Share, err = strconv.ParseFloat(share, 64); err != nil || !(in.Share >= 0 && in.Share <= 100) {
			err = fault.New(fault.Invalid, "share_invalid", "A share is a number of percent between 0 and 100.")
		}
	}
	if err == nil {
		_, err = s.Desk.Act(v.r.Context(), v.who, id, action, in)
	}
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.releasePage(v) })
	}
	return v.done("/releases/"+url.PathEscape(id), action)
}

// rollbackFromRelease asks for a rollback of the environment that the release is in.
func (s *Web) rollbackFromRelease(v *visit, id string) error {
	r, err := s.Desk.Release(v.r.Context(), v.who, id)
	if err != nil {
		return err
	}
	in := api.RequestRollback{Reason: v.value("reason")}
	for _, step := range r.Steps {
		if step.ID == r.Step {
			in.Environment = step.Environment
		}
	}
	b, err := s.Desk.RequestRollback(v.r.Context(), v.who, in)
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.releasePage(v) })
	}
	return v.done("/rollbacks/"+url.PathEscape(b.ID), "rollback")
}

func (s *Web) checks(v *visit) error {
	c, err := s.checksPage(v)
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) checksPage(v *visit) (templ.Component, error) {
	version := v.r.PathValue("version")
	all, err := s.Desk.Checks(v.r.Context(), v.who, version)
	if err != nil {
		return nil, err
	}
	return page.Checks(v.frame, version, all), nil
}

func (s *Web) checkReport(v *visit) error {
	version := v.r.PathValue("version")
	in := api.ReportCheck{
		Version: version, Commit: v.value("commit"), Name: v.value("name"), Status: v.value("status"),
		Summary: v.value("summary"),
		URL:     v.value("url"),
	}
	if _, err := s.Desk.ReportCheck(v.r.Context(), v.who, in); err != nil {
		return v.again(err, func() (templ.Component, error) { return s.checksPage(v) })
	}
	return v.done("/checks/"+url.PathEscape(version), "check")
}
