package vercel

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Served is a request of a visitor.
type Served struct {
	Domain     string
	Path       string
	Deployment string // id of who answered; empty: nobody
	Status     int
	At         time.Time
	Took       time.Duration
}

// ServedRequests returns what was served so far.
func (w *World) ServedRequests() []Served {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Served(nil), w.served...)
}

// way is what is known of a visitor's request once it is decided who answers.
type way struct {
	deployment *deployment
	cookies    []*http.Cookie
	canary     bool // a canary answers, and the configuration wants it to be said
	pinned     bool
	unknown    bool // it is pinned to what is not there, or too old
	elsewhere  bool // the build had another origin answer
}

// servesDeployment serves a deployment's own address, which may be protected.
func (w *World) servesDeployment(d *deployment) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		a := way{deployment: d}
		open := !d.project.protected || w.bypassed(rw, r, d.project)
		w.mu.Unlock()
		if !open {
			w.stopVisitor(rw, r, http.StatusUnauthorized, "DEPLOYMENT_PROTECTED", "Authentication Required")
			return
		}
		w.serve(rw, r, a)
	})
}

// bypassed reports whether the request carries the project's bypass, and keeps it in a cookie where that is asked.
func (w *World) bypassed(rw http.ResponseWriter, r *http.Request, p *project) bool {
	const name = "x-vercel-protection-bypass"
	for _, secret := range []string{r.Header.Get(name), r.URL.Query().Get(name), cookie(r, "_vercel_jwt")} {
		if secret == "" || p.bypass[secret] == nil {
			continue
		}
		set := r.Header.Get("x-vercel-set-bypass-cookie") + r.URL.Query().Get("x-vercel-set-bypass-cookie")
		if set != "" {
			http.SetCookie(rw, &http.Cookie{Name: "_vercel_jwt", Value: secret, Path: "/", HttpOnly: true})
		}
		return true
	}
	return false
}

// servesDomain serves a domain: by what it points at, the rolling release and skew protection.
func (w *World) servesDomain(dom *domain) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.settle()
		a := w.decide(dom.name, r)
		w.mu.Unlock()
		switch {
		case a.unknown:
			w.stopVisitor(rw, r, http.StatusNotFound, "DEPLOYMENT_NOT_FOUND", "The deployment could not be found")
		case a.deployment == nil:
			w.stopVisitor(rw, r, http.StatusNotFound, "DEPLOYMENT_NOT_FOUND", "The domain points at no deployment")
		default:
			for _, c := range a.cookies {
				http.SetCookie(rw, c)
			}
			w.serve(rw, r, a)
		}
	})
}

// decide says who answers a request to a domain. The lock is held.
func (w *World) decide(name string, r *http.Request) way {
	a := w.aliases[name]
	if a == nil {
		return way{}
	}
	p := a.project
	if pin := w.pin(p, r); pin != nil {
		return *pin
	}
	roll := p.lastRolling("")
	if roll != nil && roll.state == "COMPLETE" && p.last.open() && p.last.to == roll.canary && a.deployment == roll.base {
		return way{deployment: roll.canary} // nobody goes back to the base while the domains follow
	}
	if roll == nil || roll.state != "ACTIVE" || a.deployment != roll.base {
		return way{deployment: a.deployment}
	}
	return w.assignVisitor(roll, r)
}

// assignVisitor puts a visitor into the canary or the base, and keeps it there by a cookie of deployment and bucket.
func (w *World) assignVisitor(roll *rolling, r *http.Request) way {
	const size = 10000
	share := roll.share(w.now())
	name := "_vcrr_" + roll.salt[3:11]
	id, text, found := strings.Cut(cookie(r, name), "|")
	bucket, err := strconv.Atoi(text)
	if !found || err != nil || id != roll.canary.id {
		bucket, found = bucketOf(roll.salt+visitor(r), size), false
	}
	q := r.URL.Query()
	switch {
	case q.Get("vcrrForceCanary") == "true":
		bucket, found = -1, false
	case q.Get("vcrrForceStable") == "true":
		bucket, found = size, false
	}
	out := way{deployment: roll.base}
	if float64(bucket) < share*size/100 {
		out.deployment, out.canary = roll.canary, roll.config.Header
	}
	if !found && document(r) {
		out.cookies = append(out.cookies, &http.Cookie{Name: name, Value: roll.canary.id + "|" + strconv.Itoa(bucket),
			Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	return out
}

// visitor is the address that a bucket is derived from: the first that was forwarded.
func visitor(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
	if first = strings.TrimSpace(first); first != "" {
		return first
	}
	host, _, _ := strings.Cut(r.RemoteAddr, ":")
	return host
}

func document(r *http.Request) bool {
	if dest := r.Header.Get("Sec-Fetch-Dest"); dest != "" {
		return dest == "document"
	}
	return r.Method == http.MethodGet && r.Header.Get("RSC") == "" && !strings.HasPrefix(r.URL.Path, "/_next/") &&
		r.URL.Query().Get("dpl") == ""
}

func cookie(r *http.Request, name string) string {
	if c, err := r.Cookie(name); err == nil {
		return c.Value
	}
	return ""
}

// pin is skew protection: a request that names the deployment of its page goes there. Documents are pinned by the
// cookie only.
func (w *World) pin(p *project, r *http.Request) *way {
	if p.maxAge == 0 || r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return nil
	}
	id := ""
	if !document(r) {
		id = r.Header.Get("x-deployment-id")
		if id == "" {
			id = r.URL.Query().Get("dpl")
		}
	}
	if id == "" {
		id = cookie(r, "__vdpl")
	}
	if id == "" {
		return nil
	}
	d := w.deployment(id)
	old := d != nil && (w.now()-d.created > p.maxAge*1000 && d != p.production || d.created < p.boundary)
	if d == nil || d.project != p || d.state != ready || old {
		return &way{unknown: true}
	}
	return &way{deployment: d, pinned: true}
}

// serve passes a request on to what the deployment's build made.
func (w *World) serve(rw http.ResponseWriter, r *http.Request, a way) {
	d := a.deployment
	w.mu.Lock()
	state, upstream, id := d.state, d.upstream, d.id
	w.seq++
	trace := fmt.Sprintf("fake1::fake1-%d", w.seq)
	w.mu.Unlock()
	h := rw.Header()
	h.Set("X-Vercel-Id", trace)
	h.Set("Server", "Vercel")
	if state != ready {
		w.stopVisitor(rw, r, http.StatusNotFound, "DEPLOYMENT_NOT_READY", "The deployment is "+state)
		return
	}
	h.Set("X-Vercel-Deployment-Url", d.url)
	h.Set("X-Vercel-Deployment-Id", id) // (unverified) a help for tests
	if a.canary {
		h.Set("X-Vercel-Canary", "true") // (unverified) the header's name is in no schema
	}
	c := &counted{ResponseWriter: rw, status: http.StatusOK}
	began := w.o.Now()
	if upstream == "" {
		h.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(c, `<html data-dpl-id="%s"><p>%s</p></html>`, id, id)
	} else {
		a.elsewhere = w.proxy(c, r, upstream, d)
	}
	w.visited(r, a, c.status, c.bytes, trace, began)
}

// proxy reports whether the build had the request answered by another deployment, as a proxy.ts does that rewrites it.
func (w *World) proxy(rw http.ResponseWriter, r *http.Request, upstream string, d *deployment) (elsewhere bool) {
	target, err := url.Parse(upstream)
	if err != nil {
		w.stopVisitor(rw, r, http.StatusBadGateway, "BAD_UPSTREAM", err.Error())
		return false
	}
	p := httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(target)
			pr.Out.Host = r.Host
			for _, k := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				pr.Out.Header[k] = r.Header.Values(k)
			}
			if pr.Out.Header.Get("X-Forwarded-For") == "" {
				pr.Out.Header.Set("X-Forwarded-For", visitor(r))
			}
			pr.Out.Header.Set("X-Forwarded-Host", r.Host)
			pr.Out.Header.Set("X-Forwarded-Proto", "http")
			pr.Out.Header.Set("X-Vercel-Deployment-Url", d.url)
			pr.Out.Header.Set("X-Vercel-Id", rw.Header().Get("X-Vercel-Id"))
			pr.Out.Header.Set("X-Real-Ip", visitor(r))
		},
		ModifyResponse: func(res *http.Response) error {
			elsewhere = answeredBy(rw.Header(), res.Header, d.id)
			return nil
		},
		ErrorHandler: func(rw http.ResponseWriter, r *http.Request, err error) {
			w.o.Log("%s does not answer: %v", d.id, err)
			w.stopVisitor(rw, r, http.StatusBadGateway, "FUNCTION_INVOCATION_FAILED", "The function crashed")
		},
	}
	p.ServeHTTP(rw, r)
	return elsewhere
}

// answeredBy says whether another deployment than id gave the answer, and leaves its word of who it was. What a
// proxy.ts says to the platform reaches no visitor.
func answeredBy(out, answer http.Header, id string) bool {
	for name := range answer {
		if strings.HasPrefix(name, "X-Middleware-") {
			delete(answer, name)
		}
	}
	by := answer.Get("X-Vercel-Deployment-Id")
	if by == "" || by == id {
		return false
	}
	for _, name := range []string{"Server", "X-Vercel-Deployment-Id", "X-Vercel-Deployment-Url", "X-Vercel-Id"} {
		delete(out, name)
	}
	return true
}

// stopVisitor answers as Vercel's own error page does.
func (w *World) stopVisitor(rw http.ResponseWriter, _ *http.Request, status int, code, text string) {
	rw.Header().Set("X-Vercel-Error", code)
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	_, _ = fmt.Fprintf(rw, "%s\n\n%s\n", text, code)
}

// counted sees what is answered, and holds nothing back.
type counted struct {
	http.ResponseWriter
	once   sync.Once
	status int
	bytes  int64
}

func (c *counted) WriteHeader(status int) {
	if status >= 200 { // others announce more
		c.once.Do(func() { c.status = status })
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Write(b []byte) (int, error) {
	c.once.Do(func() {})
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// Unwrap lets the proxy flush.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Boundary is what a test may read of skew protection: nothing made before it is served to those that are pinned.
func (w *World) Boundary(idOrName string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.project(idOrName); p != nil && p.boundary > 0 {
		return time.UnixMilli(p.boundary)
	}
	return time.Time{}
}

// Bypasses returns the secrets that open a project's deployments.
func (w *World) Bypasses(idOrName string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	if p := w.project(idOrName); p != nil {
		for s := range maps.Keys(p.bypass) {
			out = append(out, s)
		}
	}
	return out
}

// Wait waits until a deployment is no longer being built.
func (w *World) Wait(ctx context.Context, idOrHost string) (Deployment, error) {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for {
		d, found := w.Deployment(idOrHost)
		if !found || d.State != queued && d.State != building {
			return d, nil
		}
		select {
		case <-ctx.Done():
			return d, ctx.Err()
		case <-t.C:
		}
	}
}
