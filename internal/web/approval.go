package web

import (
	"net/url"
	"strconv"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func (s *Web) approvals(v *visit) error {
	all, err := s.Desk.Approvals(v.r.Context(), v.who, "open")
	if err != nil {
		return err
	}
	return v.show(page.ApprovalList(v.frame, all))
}

func (s *Web) approval(v *visit) error {
	c, err := s.approvalPage(v)
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) approvalPage(v *visit) (templ.Component, error) {
	a, err := s.Desk.Approval(v.r.Context(), v.who, v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var draft *api.FlagDraft
	if a.Kind == "flag" {
		d, err := s.Desk.Flags.Draft(v.r.Context(), v.who, a.Subject)
		if err != nil {
			return nil, err
		}
		draft = &d
	}
	return page.Approval(v.frame, a, draft), nil
}

// approvalDecide records a decision about exactly what was shown: the form carries its
// hash.
func (s *Web) approvalDecide(v *visit) error {
	id, decision := v.r.PathValue("id"), v.r.PathValue("decision")
	if decision != "approve" && decision != "reject" {
		return s.missing(v)
	}
	in := api.Decision{Hash: v.value("hash"), Reason: v.value("reason")}
	if _, err := s.Desk.Decide(v.r.Context(), v.who, id, decision == "approve", in); err != nil {
		return v.again(err, func() (templ.Component, error) { return s.approvalPage(v) })
	}
	return v.done("/approvals/"+url.PathEscape(id), map[string]string{"approve": "approved",
		"reject": "rejected"}[decision])
}

func (s *Web) rollbacks(v *visit) error {
	p, err := s.Desk.Rollbacks(v.r.Context(), v.who, v.query("cursor"), 0)
	if err != nil {
		return err
	}
	return v.show(page.RollbackList(v.frame, p))
}

func (s *Web) rollbackNew(v *visit) error {
	in := api.RequestRollback{Environment: v.query("environment"), To: v.query("to")}
	p, err := s.Desk.PlanRollback(v.r.Context(), v.who, in.Environment)
	if err != nil {
		return err
	}
	return v.show(page.RollbackRequest(v.frame, p, in))
}

func (s *Web) rollbackRequest(v *visit) error {
	in := api.RequestRollback{Environment: v.value("environment"), Reason: v.value("reason"), To: v.value("to")}
	b, err := s.Desk.RequestRollback(v.r.Context(), v.who, in)
	if err != nil {
		return v.again(err, func() (templ.Component, error) {
			p, err := s.Desk.PlanRollback(v.r.Context(), v.who, in.Environment)
			return page.RollbackRequest(v.frame, p, in), err
		})
	}
	return v.done("/rollbacks/"+url.PathEscape(b.ID), "rollback")
}

func (s *Web) rollback(v *visit) error {
	c, err := s.rollbackPage(v)
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) rollbackPage(v *visit) (templ.Component, error) {
	b, err := s.Desk.Rollback(v.r.Context(), v.who, v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return page.Rollback(v.frame, b), nil
}

func (s *Web) rollbackAct(v *visit) error {
	id, action := v.r.PathValue("id"), v.r.PathValue("action")
	in := api.RollbackAction{Reason: v.value("reason"), To: v.value("to")}
	var err error
	if in.Revision, err = strconv.ParseInt(v.value("revision"), 10, 64); err != nil {
		err = fault.New(fault.Invalid, "revision_missing", "The form does not say what you looked at. Reload the page.")
	} else {
		_, err = s.Desk.ActRollback(v.r.Context(), v.who, id, action, in)
	}
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.rollbackPage(v) })
	}
	return v.done("/rollbacks/"+url.PathEscape(id), action)
}
