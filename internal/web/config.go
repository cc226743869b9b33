package web

import "github.com/slipwayhq/slipway/internal/web/page"

func (s *Web) configs(v *visit) error {
	all, err := s.Desk.Configs.Configs(v.r.Context(), v.who)
	if err != nil {
		return err
	}
	return v.show(page.Configs(v.frame, all))
}

func (s *Web) config(v *visit) error {
	environment := v.r.PathValue("environment")
	c, err := s.Desk.Configs.Config(v.r.Context(), v.who, environment)
	if err != nil {
		return err
	}
	revisions, err := s.Desk.Configs.Revisions(v.r.Context(), v.who, environment, v.query("cursor"), 20)
	if err != nil {
		return err
	}
	return v.show(page.Config(v.frame, c, revisions))
}
