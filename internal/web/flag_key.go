package web

import (
	"cmp"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/web/page"
	"github.com/slipwayhq/slipway/internal/web/ruleform"
)

func (s *Web) flagKeys(v *visit) error {
	c, err := s.flagKeysPage(v, nil, api.CreateFlagKey{})
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) flagKeysPage(v *visit, made *api.FlagKey, in api.CreateFlagKey) (templ.Component, error) {
	all, err := s.Desk.Flags.Keys(v.r.Context(), v.who, "")
	if err != nil {
		return nil, err
	}
	var environments []string
	for _, e := range s.Desk.Strategy.Environments() {
		if v.who.May(access.ManageFlagKeys, e.Name) {
			environments = append(environments, e.Name)
		}
	}
	return page.FlagKeys(v.frame, all, made, in, environments), nil
}

// flagKeyMake answers with the secret itself instead of a redirect: it is shown once, and an address would keep it.
func (s *Web) flagKeyMake(v *visit) error {
	in := api.CreateFlagKey{Name: v.value("name"), Environment: v.value("environment"),
		Kind: cmp.Or(v.value("kind"), "server"), Origins: ruleform.Lines(v.value("origins"))}
	made, err := s.Desk.Flags.CreateKey(v.r.Context(), v.who, in)
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.flagKeysPage(v, nil, in) })
	}
	c, err := s.flagKeysPage(v, &made, api.CreateFlagKey{})
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) flagKeyRevoke(v *visit) error {
	if _, err := s.Desk.Flags.RevokeKey(v.r.Context(), v.who, v.r.PathValue("id")); err != nil {
		return v.again(err, func() (templ.Component, error) { return s.flagKeysPage(v, nil, api.CreateFlagKey{}) })
	}
	return v.done("/flag-keys", "revoked")
}
