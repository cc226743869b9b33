package web

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/people"
	"github.com/slipwayhq/slipway/internal/web/page"
)

const (
	maxForm    = 64 << 10
	formCookie = "slipway_form"  // the token of forms before one is signed in
	themeName  = "slipway_theme" // light or dark
	zoneName   = "slipway_zone"  // set by script
	liveHeader = "X-Live"        // an open page looks again
)

// visit is one request for a page.
type visit struct {
	web    *Web
	w      http.ResponseWriter
	r      *http.Request
	who    access.Actor
	cookie string // of the session; empty for nobody
	frame  page.Frame
	client string
	secure bool
}

// page wraps a handler: headers, who it is, whether a form is genuine, and what is shown
// when it fails. Pages that need a person send everybody else to sign in.
func (s *Web) page(h func(*visit) error, person bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{web: s, w: w, r: r}
		v.client, v.secure = s.Client(r)
		v.headers()
		err := v.identify()
		if err == nil && person && v.cookie == "" {
			v.signInFirst()
			return
		}
		if err == nil {
			err = v.form()
		}
		if err == nil {
			err = v.counts()
		}
		if err == nil {
			err = h(v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

// headers sets what every page carries.
func (v *visit) headers() {
	h := v.w.Header()
	h.Set("Content-Security-Policy", page.Policy())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// identify finds out who it is and fills the frame.
func (v *visit) identify() error {
	v.frame = page.Frame{
		App: v.web.app, Slipway: v.web.Desk.Version, Path: v.r.URL.RequestURI(), Theme: v.theme(), Zone: v.zone(), Now: now(),
		Asset: v.web.files.Address, Done: doneSentence(v.r.URL.Query().Get("done")),
	}
	if c, err := v.r.Cookie(people.CookieName); err == nil && c.Value != "" {
		session, err := v.web.People.FromCookie(v.r.Context(), c.Value)
		if err != nil && !fault.Is(err, fault.Unknown) {
			return err
		}
		if err == nil {
			v.who, v.cookie, v.frame.CSRF = session.Actor, c.Value, session.CSRF
			v.frame.Head, v.frame.Short = v.web.Live.Head(), v.web.Desk.Short()
			v.r = v.r.WithContext(people.WithSession(v.r.Context(), c.Value))
			v.frame.Me, err = v.web.Desk.Me(v.r.Context(), v.who)
			return err
		}
	}
	if c, err := v.r.Cookie(formCookie); err == nil && len(c.Value) >= 26 && len(c.Value) <= 64 {
		v.frame.CSRF = c.Value
		return nil
	}
	v.frame.CSRF = rand.Text()
	http.SetCookie(v.w, &http.Cookie{
		Name: formCookie, Value: v.frame.CSRF, Path: "/", HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteStrictMode,
	})
	return nil
}

// signInFirst leads to the sign-in page and back again afterwards.
func (v *visit) signInFirst() {
	if v.r.Header.Get(liveHeader) != "" || v.r.URL.Path == "/live" {
		http.Error(v.w, "The session has ended.", http.StatusUnauthorized)
		return
	}
	target := "/login"
	if v.r.Method == http.MethodGet && v.r.URL.Path != "/" {
		target += "?next=" + url.QueryEscape(v.r.URL.RequestURI())
	}
	http.Redirect(v.w, v.r, target, http.StatusSeeOther)
}

// form reads a form and makes sure that it was sent from one of our pages.
func (v *visit) form() error {
	if v.r.Method == http.MethodGet || v.r.Method == http.MethodHead {
		return nil
	}
	if err := http.NewCrossOriginProtection().Check(v.r); err != nil {
		return fault.Wrap(err, fault.Denied, "cross_site", "This form was sent by a page of another site. Nothing was done.")
	}
	if err := v.parse(); err != nil {
		if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return fault.Wrap(err, fault.Invalid, "form_too_large", "The form is too large: at most %d KB.", big.Limit>>10)
		}
		return fault.Wrap(err, fault.Invalid, "form_malformed", "The form cannot be read.")
	}
	if subtle.ConstantTimeCompare([]byte(v.r.PostForm.Get("_csrf")), []byte(v.frame.CSRF)) != 1 {
		return fault.New(fault.Denied, "form_stale",
			"This form is from before you signed in. Nothing was done: go back, reload and send it again.")
	}
	return nil
}

// parse reads a form, with a file where the page takes one from somebody who has signed in.
func (v *visit) parse() error {
	if v.r.URL.Path != importPath || v.cookie == "" {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		return v.r.ParseForm()
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, 3*maxImport) // letters outside ASCII take three in a form
	err := v.r.ParseMultipartForm(3 * maxImport)
	if errors.Is(err, http.ErrNotMultipart) {
		return nil // it has been read as any other form
	}
	return err
}

// counts fills the numbers of the navigation.
func (v *visit) counts() error {
	if v.cookie == "" || v.r.Method != http.MethodGet || v.r.URL.Path == "/live" ||
		!v.who.MayAnywhere(access.ViewEnvironment) {
		return nil
	}
	open, err := v.web.Desk.Approvals(v.r.Context(), v.who, "open")
	if err != nil {
		return err
	}
	for _, a := range open {
		if a.MayDecide {
			v.frame.Waiting++
		}
	}
	incidents, err := v.web.Desk.Incidents(v.r.Context(), v.who, desk.IncidentQuery{State: "open", Limit: 100})
	v.frame.Open = len(incidents.Items)
	return err
}

// theme returns the chosen colors, empty for the system's.
func (v *visit) theme() string {
	c, err := v.r.Cookie(themeName)
	if err != nil || c.Value != "light" && c.Value != "dark" {
		return ""
	}
	return c.Value
}

// zone returns the viewer's time zone as the script reported it, or UTC.
func (v *visit) zone() *time.Location {
	c, err := v.r.Cookie(zoneName)
	if err != nil {
		return time.UTC
	}
	name, err := url.QueryUnescape(c.Value)
	if err != nil || name == "Local" || !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+/-]{0,63}$`).MatchString(name) {
		return time.UTC
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return loc
}

// value returns a field of the form without space around it.
func (v *visit) value(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }

// query returns a value of the address without space around it, bounded.
func (v *visit) query(name string) string {
	s := strings.TrimSpace(v.r.URL.Query().Get(name))
	return s[:min(len(s), 256)]
}

// local returns an address within the dashboard to go on to; another becomes home.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
