package web

import (
	"net/http"
	"strings"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/people"
	"github.com/slipwayhq/slipway/internal/web/page"
)

func (s *Web) login(v *visit) error {
	if v.cookie != "" {
		return v.done(local(v.query("next")), "")
	}
	pending, err := s.People.SetupPending(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page.Login(v.frame, "", local(v.query("next")), pending))
}

func (s *Web) signIn(v *visit) error {
	name, next := v.value("name"), local(v.value("next"))
	session, err := s.People.Login(v.r.Context(), name, v.r.PostForm.Get("password"), v.client, cut(v.r.UserAgent(), 256))
	if err != nil {
		status := v.refused(err)
		v.frame.Problem.Title = "Not signed in"
		return v.render(status, page.Login(v.frame, cut(name, 64), next, false))
	}
	if v.cookie != "" { // another person's on this browser: it ends
		if err := s.People.Logout(v.r.Context(), v.cookie); err != nil {
			return err
		}
	}
	http.SetCookie(v.w, session.HTTPCookie(v.secure))
	return v.done(next, "")
}

func (s *Web) logout(v *visit) error {
	if err := s.People.Logout(v.r.Context(), v.cookie); err != nil {
		return err
	}
	http.SetCookie(v.w, people.EndCookie(v.secure))
	return v.done("/login", "")
}

func (s *Web) setup(v *visit) error {
	pending, err := s.People.SetupPending(v.r.Context())
	if err != nil {
		return err
	}
	if !pending {
		return v.done("/login", "")
	}
	return v.show(page.Setup(v.frame, v.query("secret"), api.NewUser{}))
}

func (s *Web) setUp(v *visit) error {
	in := api.NewUser{Name: v.value("name"), Title: v.value("title"), Password: v.r.PostForm.Get("password")}
	if _, err := s.People.Setup(v.r.Context(), v.value("secret"), in); err != nil {
		status := v.refused(err)
		return v.render(status, page.Setup(v.frame, cut(v.value("secret"), 256), in))
	}
	session, err := s.People.Login(v.r.Context(), in.Name, in.Password, v.client, cut(v.r.UserAgent(), 256))
	if err != nil {
		return v.done("/login", "setup")
	}
	http.SetCookie(v.w, session.HTTPCookie(v.secure))
	return v.done("/", "")
}

// theme keeps the choice of colors in a cookie, with script or without.
func (s *Web) theme(v *visit) error {
	c := &http.Cookie{
		Name: themeName, Value: v.value("theme"), Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: v.secure,
		SameSite: http.SameSiteLaxMode,
	}
	if c.Value != "light" && c.Value != "dark" {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(v.w, c)
	return v.done(local(v.value("next")), "")
}

// status is for everybody. It tells whether production works, never names of versions,
// people or causes.
func (s *Web) status(v *visit) error {
	st, err := s.Desk.Status(v.r.Context(), access.System("status page"))
	if err != nil {
		return err
	}
	h := page.Health{App: st.App}
	site := page.Component{Name: "Website"}
	for _, i := range st.Incidents {
		if i.Severity == "SEV1" || i.Severity == "SEV2" {
			site.Bad = true
		}
		h.Troubles = append(h.Troubles, page.Trouble{Sentence: "We are looking into a problem.", Since: i.Opened})
	}
	h.Components = append(h.Components, site)
	return v.show(page.PublicStatus(v.frame, h))
}

func (s *Web) keys(v *visit) error { return v.show(page.Keys(v.frame)) }

func (s *Web) missing(v *visit) error {
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead {
		return fault.New(fault.NotFound, "page_not_found", "There is nothing to send to at this address.")
	}
	return fault.New(fault.NotFound, "page_not_found", "There is nothing at this address. It may have been mistyped.")
}

// cut bounds a text from outside.
func cut(s string, most int) string { return strings.ToValidUTF8(s[:min(len(s), most)], "") }
