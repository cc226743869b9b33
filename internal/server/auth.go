package server

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/people"
	"github.com/slipwayhq/slipway/internal/telemetry"
)

// What a request takes from its client's bucket where it makes the server work for a
// stranger: hashing a password takes 64 MiB and a tenth of a second.
const (
	publicCost = 40
	postCost   = 10 // a form of the pages, one of which signs in
	deniedCost = 20 // a page that one may not see: it is written down
)

// authenticated lets requests to the API through when they say who they are from
// (by a token or a session's cookie), are not too many and not too large.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cost := 1.0
		if s.isPublic(r) {
			cost = publicCost
		}
		if err := s.throttle(s.clients, "client", clientKey(clientOf(r.Context()).address), cost); err != nil {
			s.refuse(w, r, err)
			return
		}
		who := &caller{actor: access.Actor{ID: "nobody", Name: "Nobody"}}
		var err error
		if s.isPublic(r) {
			err = sameSite(r)
		} else {
			who, err = s.caller(r)
		}
		if err == nil {
			err = s.limitActor(who, r)
		}
		if err == nil {
			err = s.admit(r, who)
		}
		if err == nil {
			limit := int64(maxBody)
			if r.URL.Path == observationsPath {
				limit = maxObservation
			}
			if holdsMany(r) {
				limit = maxFile
			}
			err = readBody(w, r, limit)
		}
		if err == nil {
			err = checkType(r)
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		ctx := context.WithValue(r.Context(), actorKey{}, who)
		if who.cookie != "" {
			ctx = people.WithSession(ctx, who.cookie)
		}
		next.ServeHTTP(w, r.WithContext(telemetry.With(ctx, telemetry.Actor, who.actor.ID)))
	})
}

// admit refuses, before anything of the request is read, who has an operation's
// permission nowhere: they learn nothing about what there is. Whether somebody has
// it where it is needed, the desk checks.
func (s *Server) admit(r *http.Request, who *caller) error {
	e := s.endpoint(r)
	if e.Permission == "" || who.actor.MayAnywhere(e.Permission) || who.actor.MayAnywhere(e.Or) ||
		who.actor.MayAnywhere(e.OrElse) {
		return nil
	}
	if err := s.throttle(s.actors, "denied", who.actor.ID, 10); err != nil { // each denial is an event
		return err
	}
	if err := s.Desk.Engine.Denied(r.Context(), who.actor, e.Permission, ""); err != nil {
		return err
	}
	return who.actor.Check(e.Permission, access.Everywhere)
}

// isPublic reports whether the table has the request's operation for everybody.
func (s *Server) isPublic(r *http.Request) bool {
	return slices.ContainsFunc(s.table, func(e endpoint) bool {
		return e.Public && e.Method == r.Method && "/api/v1"+e.Path == r.URL.Path
	})
}

// caller finds out who a request is from.
func (s *Server) caller(r *http.Request) (*caller, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		return s.byToken(r, h)
	}
	cookie, err := r.Cookie(people.CookieName)
	if err != nil || cookie.Value == "" {
		return nil, fault.New(fault.Unknown, "not_signed_in", "Sign in, or send a token: Authorization: Bearer slp_….")
	}
	session, err := s.People.FromCookie(r.Context(), cookie.Value)
	if err != nil {
		return nil, s.suspicious(r, err)
	}
	if !isSafe(r.Method) {
		if err := sameSite(r); err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-CSRF-Token")), []byte(session.CSRF)) != 1 {
			return nil, fault.New(fault.Denied, "csrf_token_missing",
				"A request that changes something and carries a session needs the session's X-CSRF-Token.")
		}
	}
	return &caller{actor: session.Actor, cookie: cookie.Value, renewed: func(ctx context.Context) (access.Actor, error) {
		session, err := s.People.FromCookie(ctx, cookie.Value)
		return session.Actor, err
	}}, nil
}

// maxToken is the length of the longest token that is looked at: those that platforms give to runs carry claims.
const maxToken = 16 << 10

func (s *Server) byToken(r *http.Request, header string) (*caller, error) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return nil, fault.New(fault.Unknown, "authorization_malformed", "Authorization must be: Bearer and a token.")
	}
	actor, err := s.People.FromToken(r.Context(), token)
	if err != nil {
		return nil, s.suspicious(r, err)
	}
	return &caller{actor: actor, token: token, renewed: func(ctx context.Context) (access.Actor, error) {
		return s.People.FromToken(ctx, token)
	}}, nil
}

// suspicious makes a wrong credential cost its sender twenty requests, so that
// guessing is slow.
func (s *Server) suspicious(r *http.Request, err error) error {
	if fault.Is(err, fault.Unknown) {
		if limited := s.throttle(s.clients, "credential", clientKey(clientOf(r.Context()).address), 20); limited != nil {
			return limited
		}
	}
	return err
}

// limitActor counts a request against its actor; edges have more.
func (s *Server) limitActor(who *caller, r *http.Request) error {
	l := s.actors
	if strings.HasPrefix(r.URL.Path, "/api/v1/edge/") && who.actor.MayAnywhere(access.OperateEdge) {
		l = s.edges
	}
	key := who.actor.ID
	if who.cookie == "" && who.token == "" {
		key = "client " + clientKey(clientOf(r.Context()).address)
	}
	return s.throttle(l, "actor", key, 1)
}

// throttle takes n requests from a bucket.
func (s *Server) throttle(l *limiter, name, key string, n float64) error {
	wait := l.take(key, n, time.Now())
	if wait == 0 {
		return nil
	}
	s.Metrics.Limited(name)
	return fault.Wrap(waitError{wait}, fault.Limited, "too_many_requests", "Too many requests. Wait %s.",
		max(wait.Round(time.Second), time.Second))
}

// waitError says how long to wait.
type waitError struct{ wait time.Duration }

// Error names the time.
func (e waitError) Error() string { return "wait " + e.wait.String() }

// RetryAfter returns the time.
func (e waitError) RetryAfter() time.Duration { return e.wait }

func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// sameSite refuses what a page of another site makes a browser send.
func sameSite(r *http.Request) error {
	refused := fault.New(fault.Denied, "cross_site", "This request was made by a page of another site.")
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return refused
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host != r.Host {
			return refused
		}
	}
	return nil
}

// checkType refuses bodies that are not JSON: a form can make a browser send all others.
func checkType(r *http.Request) error {
	if r.ContentLength == 0 || r.Body == nil {
		return nil
	}
	ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if ct = strings.TrimSpace(strings.ToLower(ct)); ct != "application/json" && ct != "" {
		f := fault.New(fault.Invalid, "type_unsupported", "The body's Content-Type is %q; it must be application/json.",
			cut(ct, 80))
		p := problemOf(r.Context(), f)
		p.Status = http.StatusUnsupportedMediaType
		return p
	}
	return nil
}

// known answers requests for which there is no operation with a problem, and
// OPTIONS with what there is.
func (s *Server) known(api *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := api.Handler(r); pattern != "" {
			if about, ok := r.Context().Value(requestKey{}).(*request); ok {
				about.operation = pattern
			}
			api.ServeHTTP(w, r)
			return
		}
		var allowed []string
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = m
			if _, pattern := api.Handler(other); pattern != "" {
				allowed = append(allowed, m)
				if m == http.MethodGet {
					allowed = append(allowed, http.MethodHead)
				}
			}
		}
		if len(allowed) == 0 {
			s.notFound(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(append(allowed, http.MethodOptions), ", "))
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		p := problemOf(r.Context(), fault.New(fault.Invalid, "method_not_allowed", "%s is not possible here; %s is.",
			cut(r.Method, 20), strings.Join(allowed, ", ")))
		p.Status = http.StatusMethodNotAllowed
		writeProblem(w, p)
	})
}
