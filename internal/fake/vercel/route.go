package vercel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// route is one call of the API, in each of the versions that Vercel's software uses.
type route struct {
	method   string
	versions string // separated by spaces; "-" is the path without a version
	path     string
	right    string // that a token needs
	limit    int    // calls a minute; 0 is the common limit
	do       func(*call) reply
}

// call is one request to the API. The world's lock is held while it is answered.
type call struct {
	*http.Request
	w     *World
	token *Token
	query url.Values
	body  []byte
}

// reply is what is answered: body as JSON, or raw as it is, or nothing at all.
type reply struct {
	status int
	body   any
	raw    []byte
	kind   string // content type of raw
	tag    string // ETag
}

func ok(body any) reply      { return reply{status: http.StatusOK, body: body} }
func created(body any) reply { return reply{status: http.StatusCreated, body: body} }

// empty answers without a content type: an empty body that calls itself JSON has the command line repeat its POST.
func empty(status int) reply { return reply{status: status} }

// refuse answers with the error body of Vercel's API.
func refuse(status int, code, format string, args ...any) reply {
	return refuseWith(status, code, fmt.Sprintf(format, args...), nil)
}

func refuseWith(status int, code, message string, extra object) reply {
	e := object{"code": code, "message": message}
	for k, v := range extra {
		e[k] = v
	}
	return reply{status: status, body: object{"error": e}}
}

func missing(what, name string) reply {
	return refuse(http.StatusNotFound, "not_found", "%s %q was not found.", what, name)
}

// decode reads the body; an empty one is {}.
func (c *call) decode(into any) *reply {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		r := refuse(http.StatusBadRequest, "bad_request", "Invalid request: %v.", err)
		return &r
	}
	return nil
}

// routes is the whole API.
func (w *World) routes() http.Handler {
	mux := http.NewServeMux()
	for _, group := range [][]route{
		accountRoutes(), tokenRoutes(), projectRoutes(), deploymentRoutes(), promoteRoutes(), rollingRoutes(),
		aliasRoutes(),
		metricRoutes(), flagRoutes(), webhookRoutes(), envRoutes(), customRoutes(), configRoutes(), checkRoutes(),
		oldCheckRoutes(), drainRoutes(), bypassRoutes(),
	} {
		for _, r := range group {
			for v := range strings.FieldsSeq(r.versions) {
				prefix := ""
				if v != "-" {
					prefix = "/v" + v
				}
				mux.Handle(r.method+" "+prefix+r.path, w.handle(r))
			}
		}
	}
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/ecfg_") {
			w.read(rw, r)
			return
		}
		w.o.Log("no such call: %s %s", r.Method, r.URL.Path)
		w.send(rw, r, nil, reply{status: http.StatusNotFound, body: object{"error": object{
			"code": "not_found", "message": "The requested API endpoint was not found"}}})
	})
	return mux
}

// answer is the door of the API: what the test asked to go wrong goes wrong here.
func (w *World) answer(rw http.ResponseWriter, r *http.Request) {
	if w.hinder(rw, r) {
		return
	}
	w.handler.ServeHTTP(rw, r)
}

// handle answers one route.
func (w *World) handle(r route) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.settle()
		c := &call{Request: req, w: w, query: req.URL.Query(), body: body}
		out := w.guarded(rw, r, c)
		if req.Method == http.MethodGet {
			out = w.trouble.lie(req.URL.Path, out)
		}
		data := out.encode()
		w.settle() // what follows at once is seen by the next who asks
		w.mu.Unlock()
		out.body, out.raw = nil, data
		w.send(rw, req, body, out)
	})
}

// guarded answers who may ask and how often, then the route.
func (w *World) guarded(rw http.ResponseWriter, r route, c *call) reply {
	secret, found := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	if !found {
		return refuse(http.StatusUnauthorized, "missing_token", "Missing authentication token")
	}
	c.token = w.tokens[secret]
	if c.token == nil || c.token.expired(w.o.Now()) {
		return refuseWith(http.StatusForbidden, "forbidden", "Not authorized", object{"invalidToken": true})
	}
	if limited := w.limits.count(rw.Header(), r, secret, w.o.Now()); limited != nil {
		return *limited
	}
	team := c.query.Get("teamId")
	if slug := c.query.Get("slug"); team == "" && slug == TeamSlug {
		team = TeamID
	}
	if team != "" && team != TeamID {
		return refuse(http.StatusForbidden, "forbidden", "Not authorized: no such team")
	}
	if !c.token.may(r.right) {
		return refuse(http.StatusForbidden, "forbidden", "Not authorized")
	}
	return r.do(c)
}

func (r reply) encode() []byte {
	if r.body == nil {
		return r.raw
	}
	data, err := json.Marshal(r.body)
	if err != nil {
		return fmt.Appendf(nil, `{"error":{"code":"internal","message":%q}}`, err)
	}
	return data
}

func (w *World) send(rw http.ResponseWriter, r *http.Request, body []byte, out reply) {
	data := out.encode()
	h := rw.Header()
	h.Set("Server", "Vercel")
	if out.tag != "" {
		h.Set("Etag", out.tag)
	}
	h.Set("X-Vercel-Id", "fake1::fake1-api")
	if len(data) > 0 {
		kind := out.kind
		if kind == "" {
			kind = "application/json; charset=utf-8"
		}
		h.Set("Content-Type", kind)
	}
	w.note(r, body, out.status)
	rw.WriteHeader(out.status)
	_, _ = rw.Write(data)
}

// Request is a call that somebody made to the API.
type Request struct {
	Method string
	Path   string
	Query  url.Values
	Body   string
	Token  string // name of the token, empty for an unknown one
	Agent  string
	Status int // 0 when it was not answered
	At     time.Time
}

func (w *World) note(r *http.Request, body []byte, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Body: string(body), Status: status,
		Agent: r.UserAgent(), At: w.o.Now()}
	if t := w.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]; t != nil {
		n.Token = t.name()
	}
	w.requests = append(w.requests, n)
}

// Requests returns the calls so far, in the order of their answers.
func (w *World) Requests() []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requests)
}

// ForgetRequests begins the list of calls anew.
func (w *World) ForgetRequests() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = nil
}

// page returns what a page of a list shows, newest first, and the words on its neighbors. at is an entry's time.
func page[T any](c *call, newestFirst []T, at func(T) int64) ([]T, object) {
	limit, err := strconv.Atoi(c.query.Get("limit"))
	if err != nil || limit < 1 {
		limit = 20
	}
	limit = min(limit, 100)
	until, _ := strconv.ParseInt(c.query.Get("until"), 10, 64)
	since, _ := strconv.ParseInt(c.query.Get("since"), 10, 64)
	var fit []T
	for _, v := range newestFirst {
		if (until == 0 || at(v) < until) && (since == 0 || at(v) > since) {
			fit = append(fit, v)
		}
	}
	words := object{"count": min(len(fit), limit), "next": nil, "prev": nil}
	if len(fit) > limit {
		fit = fit[:limit]
		words["next"] = at(fit[limit-1])
	}
	if len(fit) > 0 && until != 0 {
		words["prev"] = at(fit[0])
	}
	return fit, words
}

func reversed[T any](list []T) []T {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}

// stampText is a time as some answers write it.
func stampText(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
