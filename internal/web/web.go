// Package web is the dashboard: pages that people read and forms that they send, over
// the same desk as the HTTP API.
//
// A request is answered in one way: who asks is found out from the session's cookie, the
// desk is asked for wire types, a page of web/page renders them. Forms post and are
// redirected, so that a reload repeats nothing; what was refused is shown on the page it
// came from, with what was typed. Pages work without script. With it, an open page keeps
// itself current: /live says that the log has moved, the page is fetched again, and its
// live parts are morphed. Permissions are never decided here.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/live"
	"github.com/slipwayhq/slipway/internal/people"
	"github.com/slipwayhq/slipway/internal/web/static"
)

// Options are what the dashboard is made of.
type Options struct {
	Desk   *desk.Desk
	People *people.People
	Live   *live.Live
	Log    *slog.Logger // nil discards

	// Client says where a request comes from: its address, and whether it came over TLS.
	// Nil takes the connection's, which is right when no proxy stands before Slipway.
	Client func(*http.Request) (address string, secure bool)
	// Stop ends the streams of open pages when the server stops; nil is never.
	Stop context.Context //nolint:containedctx // it outlives every request
}

// Web answers requests for pages.
type Web struct {
	Options
	app   string // name of the application
	files *static.Files
	mux   *http.ServeMux

	streams streams // of open pages
}

// New returns the dashboard's handler.
func New(o Options) (*Web, error) {
	if o.Desk == nil || o.People == nil || o.Live == nil {
		return nil, errors.New("web needs a desk, people and live")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Client == nil {
		o.Client = connection
	}
	if o.Stop == nil {
		o.Stop = context.Background()
	}
	files, err := static.Load()
	if err != nil {
		return nil, err
	}
	s := &Web{Options: o, app: o.Desk.Strategy.App, files: files, mux: http.NewServeMux()}
	s.routes()
	return s, nil
}

// ServeHTTP answers a request.
func (s *Web) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// routes is every address of the dashboard.
func (s *Web) routes() {
	open := func(pattern string, h func(*visit) error) { s.mux.Handle(pattern, s.page(h, false)) }
	page := func(pattern string, h func(*visit) error) { s.mux.Handle(pattern, s.page(h, true)) }

	s.mux.Handle("GET "+static.Prefix, s.files)
	open("GET /login", s.login)
	open("POST /login", s.signIn)
	open("GET /setup", s.setup)
	open("POST /setup", s.setUp)
	open("POST /theme", s.theme)
	open("GET /status", s.status)

	page("POST /logout", s.logout)
	page("GET /live", s.live)
	page("GET /keys", s.keys)
	page("GET /{$}", s.home)
	page("GET /releases", s.releases)
	page("GET /releases/new", s.releaseNew)
	page("POST /releases", s.releaseStart)
	page("GET /releases/{id}", s.release)
	page("GET /releases/{id}/canary", s.canary)
	page("POST /releases/{id}/{action}", s.releaseAct)
	page("GET /checks/{version}", s.checks)
	page("POST /checks/{version}", s.checkReport)
	page("GET /approvals", s.approvals)
	page("GET /approvals/{id}", s.approval)
	page("POST /approvals/{id}/{decision}", s.approvalDecide)
	page("GET /rollbacks", s.rollbacks)
	page("GET /rollbacks/new", s.rollbackNew)
	page("POST /rollbacks", s.rollbackRequest)
	page("GET /rollbacks/{id}", s.rollback)
	page("POST /rollbacks/{id}/{action}", s.rollbackAct)
	page("GET /incidents", s.incidents)
	page("GET /incidents/new", s.incidentNew)
	page("POST /incidents", s.incidentReport)
	page("GET /incidents/{id}", s.incident)
	page("POST /incidents/{id}/flag-off", s.incidentFlagOff)
	page("POST /incidents/{id}/resolve", s.incidentResolve)
	page("GET /log", s.events)
	page("POST /log/verify", s.eventsVerify)
	page("GET /log/{seq}", s.event)
	page("GET /settings", s.settings)
	page("POST /settings/password", s.password)
	page("GET /settings/people", s.people)
	page("POST /settings/people", s.personAdd)
	page("GET /settings/people/{id}", s.person)
	page("POST /settings/people/{id}", s.personChange)
	page("GET /settings/tokens", s.tokens)
	page("POST /settings/tokens", s.tokenMake)
	page("POST /settings/tokens/{id}/revoke", s.tokenRevoke)
	page("GET /settings/roles", s.roles)
	page("GET /config", s.configs)
	page("GET /config/{environment}", s.config)
	page("GET /config/{environment}/variable", s.configVariable)
	page("GET /config/{environment}/revisions/{number}", s.configRevision)
	page("POST /config/{environment}/draft", s.configDraft)
	page("POST /config/{environment}/rollback", s.configBack)
	page("POST /config/{environment}/{deed}", s.configDo)
	s.flagRoutes(page)
	page("/", s.missing)
}

// flagRoutes are the addresses of what is about flags. A word that is no key stands elsewhere, so that a flag may be
// named new.
func (s *Web) flagRoutes(page func(string, func(*visit) error)) {
	page("GET /flags", s.flags)
	page("GET /new-flag", s.flagNew)
	page("POST /flags", s.flagMake)
	page("GET /flags/stale", s.flagsStale)
	page("GET /flags/{key}", s.flag)
	page("POST /flags/{key}", s.flagChange)
	page("GET /flags/{key}/edit", s.flagDescribe)
	page("GET /flags/{key}/promote", s.flagPromote)
	page("POST /flags/{key}/promote", s.flagPromoteDo)
	page("POST /flags/{key}/{action}", s.flagArchive)
	page("GET /flags/{key}/environments/{environment}", s.flagEdit)
	page("POST /flags/{key}/environments/{environment}", s.flagEdited)
	page("GET /flags/{key}/environments/{environment}/ramp", s.flagRamp)
	page("POST /flags/{key}/environments/{environment}/ramp", s.flagRampStart)
	page("GET /flags/{key}/environments/{environment}/schedule", s.flagSchedule)
	page("POST /flags/{key}/environments/{environment}/schedule", s.flagScheduled)
	page("POST /flags/{key}/environments/{environment}/{action}", s.flagAct)
	page("GET "+importPath, s.flagImport)
	page("POST "+importPath, s.flagImported)
	page("GET /flag-drafts", s.flagDrafts)
	page("POST /flag-drafts/{id}/discard", s.flagDraftDiscard)
	page("GET /flag-keys", s.flagKeys)
	page("POST /flag-keys", s.flagKeyMake)
	page("POST /flag-keys/{id}/revoke", s.flagKeyRevoke)
	page("GET /segments", s.segments)
	page("GET /new-segment", s.segmentNew)
	page("POST /segments", s.segmentEdited)
	page("GET /segments/{environment}/{key}", s.segment)
	page("GET /segments/{environment}/{key}/edit", s.segmentEdit)
	page("POST /segments/{environment}/{key}/{action}", s.segmentAct)
}

// connection says where a request comes from by its connection.
func connection(r *http.Request) (string, bool) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return host, r.TLS != nil
}

// now is the time of an answer.
func now() time.Time { return time.Now() }
