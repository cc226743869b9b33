package web

import (
	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/internal/desk/flags"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func (s *Web) flagDrafts(v *visit) error {
	c, err := s.flagDraftsPage(v)
	if err != nil {
		return err
	}
	return v.show(c)
}

// flagDraftsPage lists those that are open, or what the address asks for.
func (s *Web) flagDraftsPage(v *visit) (templ.Component, error) {
	state := v.query("state")
	q := flags.DraftQuery{State: state, Cursor: v.query("cursor"), Limit: 30}
	switch state {
	case "":
		q.State = "open"
	case "all":
		q.State = ""
	}
	p, err := s.Desk.Flags.Drafts(v.r.Context(), v.who, q)
	if err != nil {
		return nil, err
	}
	return page.FlagDrafts(v.frame, p, state), nil
}

func (s *Web) flagDraftDiscard(v *visit) error {
	if _, err := s.Desk.Flags.Discard(v.r.Context(), v.who, v.r.PathValue("id"), v.value("reason")); err != nil {
		return v.again(err, func() (templ.Component, error) { return s.flagDraftsPage(v) })
	}
	return v.done("/flag-drafts", "discard")
}
