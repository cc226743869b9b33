package web

import (
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func (s *Web) settings(v *visit) error { return v.show(page.SettingsMe(v.frame)) }

// password changes the viewer's own password.
func (s *Web) password(v *visit) error {
	current, fresh := v.r.PostForm.Get("current"), v.r.PostForm.Get("password")
	if _, err := s.Desk.ChangeUser(v.r.Context(), v.who, v.who.User,
		api.ChangeUser{Current: &current, Password: &fresh}); err != nil {
		return v.again(err, func() (templ.Component, error) { return page.SettingsMe(v.frame), nil })
	}
	return v.done("/settings", "password")
}

func (s *Web) people(v *visit) error {
	c, err := s.peoplePage(v, api.NewUser{})
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) peoplePage(v *visit, in api.NewUser) (templ.Component, error) {
	users, err := s.Desk.Users(v.r.Context(), v.who)
	if err != nil {
		return nil, err
	}
	roles, err := s.Desk.Roles(v.r.Context(), v.who)
	if err != nil {
		return nil, err
	}
	return page.SettingsPeople(v.frame, users, roles, in), nil
}

func (s *Web) personAdd(v *visit) error {
	in := api.NewUser{
		Name: v.value("name"), Title: v.value("title"), Password: v.r.PostForm.Get("password"),
		Roles: slices.Clone(v.r.PostForm["roles"]),
	}
	if _, err := s.Desk.CreateUser(v.r.Context(), v.who, in); err != nil {
		return v.again(err, func() (templ.Component, error) { return s.peoplePage(v, in) })
	}
	return v.done("/settings/people", "person")
}

func (s *Web) person(v *visit) error {
	c, err := s.personPage(v)
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) personPage(v *visit) (templ.Component, error) {
	u, err := s.find(v, v.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	roles, err := s.Desk.Roles(v.r.Context(), v.who)
	if err != nil {
		return nil, err
	}
	return page.SettingsPerson(v.frame, u, roles), nil
}

// find returns a user by id.
func (s *Web) find(v *visit, id string) (api.User, error) {
	users, err := s.Desk.Users(v.r.Context(), v.who)
	if err != nil {
		return api.User{}, err
	}
	for _, u := range users {
		if u.ID == id {
			return u, nil
		}
	}
	return api.User{}, fault.New(fault.NotFound, "user_not_found", "There is no such person.")
}

// personChange sends only what differs: a change of roles ends sessions, so that one that
// is none must not be sent.
func (s *Web) personChange(v *visit) error {
	id := v.r.PathValue("id")
	u, err := s.find(v, id)
	if err != nil {
		return err
	}
	var in api.ChangeUser
	if title := v.value("title"); title != u.Title {
		in.Title = &title
	}
	if roles := append([]string{}, v.r.PostForm["roles"]...); !sameSet(roles, u.Roles) {
		in.Roles = &roles
	}
	if disabled := v.value("disabled") == "true"; disabled != u.Disabled {
		in.Disabled = &disabled
	}
	if password := v.r.PostForm.Get("password"); password != "" {
		in.Password = &password
	}
	if _, err := s.Desk.ChangeUser(v.r.Context(), v.who, id, in); err != nil {
		return v.again(err, func() (templ.Component, error) { return s.personPage(v) })
	}
	return v.done("/settings/people", "person")
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func (s *Web) tokens(v *visit) error {
	c, err := s.tokensPage(v, nil, api.NewToken{})
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) tokensPage(v *visit, made *api.Token, in api.NewToken) (templ.Component, error) {
	all, err := s.Desk.Tokens(v.r.Context(), v.who)
	if err != nil {
		return nil, err
	}
	return page.SettingsTokens(v.frame, all, made, in), nil
}

// tokenMake answers with the secret itself instead of a redirect: it is shown once, and
// an address would keep it.
func (s *Web) tokenMake(v *visit) error {
	in := api.NewToken{Name: v.value("name"), Scopes: strings.Fields(strings.ReplaceAll(v.value("scopes"), ",", " "))}
	days, err := strconv.Atoi(v.value("days"))
	if err != nil || days < 1 || days > 3660 {
		err = fault.New(fault.Invalid, "days_invalid", "A token lasts between 1 and 3660 days.")
		return v.again(err, func() (templ.Component, error) { return s.tokensPage(v, nil, in) })
	}
	in.Days = days
	made, err := s.Desk.CreateToken(v.r.Context(), v.who, in)
	if err != nil {
		return v.again(err, func() (templ.Component, error) { return s.tokensPage(v, nil, in) })
	}
	c, err := s.tokensPage(v, &made, api.NewToken{})
	if err != nil {
		return err
	}
	return v.show(c)
}

func (s *Web) tokenRevoke(v *visit) error {
	if _, err := s.Desk.RevokeToken(v.r.Context(), v.who, v.r.PathValue("id")); err != nil {
		return v.again(err, func() (templ.Component, error) { return s.tokensPage(v, nil, api.NewToken{}) })
	}
	return v.done("/settings/tokens", "revoked")
}

func (s *Web) roles(v *visit) error {
	all, err := s.Desk.Roles(v.r.Context(), v.who)
	if err != nil {
		return err
	}
	return v.show(page.SettingsRoles(v.frame, all))
}
