package web

import (
	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func (s *Web) home(v *visit) error {
	st := api.Status{App: s.app, Sentence: "You have no role that lets you see anything here yet. Ask an admin."}
	if v.who.MayAnywhere(access.ViewEnvironment) {
		var err error
		if st, err = s.Desk.Status(v.r.Context(), v.who); err != nil {
			return err
		}
	}
	today, err := v.events(desk.EventQuery{Limit: 60})
	if err != nil {
		return err
	}
	return v.show(page.Home(v.frame, st, today))
}

// events returns events for those who may read them, and none for others: a page that
// only shows them beside something else is not refused for it.
func (v *visit) events(q desk.EventQuery) ([]api.Event, error) {
	if !v.who.MayAnywhere(access.ReadLog) {
		return nil, nil
	}
	p, err := v.web.Desk.Events(v.r.Context(), v.who, q)
	return p.Items, err
}
