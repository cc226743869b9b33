package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/telemetry"
)

// The limits of every request.
const (
	maxPath        = 2048
	maxQuery       = 4096
	maxBody        = 1 << 20
	maxObservation = 4 << 20
	bodyTime       = 30 * time.Second
)

type requestKey struct{}

// request is what around found out; known adds the operation.
type request struct {
	url       *url.URL
	client    client
	operation string
}

// client is where a request comes from.
type client struct {
	address string
	secure  bool // over TLS
}

// around is what happens to every request, page or API: it gets an id, its client
// is found out, its size is limited, it is counted and logged, and a panic in it
// ends nothing but itself.
func (s *Server) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		from := s.client(r)
		id := ident.New("req", start)
		ctx := telemetry.With(r.Context(), telemetry.Request, id)
		ctx = telemetry.With(ctx, telemetry.Trace, traceID(r.Header.Get("Traceparent")))
		about := &request{url: r.URL, client: from, operation: "other"}
		ctx = context.WithValue(ctx, requestKey{}, about)
		out := &answer{ResponseWriter: w}
		r = r.WithContext(ctx)
		defer func() {
			if p := recover(); p != nil {
				s.panicked(out, r, p)
			}
			s.Metrics.Request(about.operation, out.status(), time.Since(start), out.streamed)
			s.Log.DebugContext(r.Context(), "request", "method", r.Method, "path", cut(r.URL.Path, 200), "status", out.status(),
				"bytes", out.bytes, "took", time.Since(start).String(), "client", from.address)
		}()
		secureHeaders(out.Header(), id, from.secure)
		if len(r.URL.EscapedPath()) > maxPath || len(r.URL.RawQuery) > maxQuery {
			p := problemOf(ctx, fault.New(fault.Invalid, "address_too_long",
				"The address is too long: at most %d characters of path and %d of query.", maxPath, maxQuery))
			p.Status = http.StatusRequestURITooLong
			writeProblem(out, p)
			return
		}
		if !isSafe(r.Method) && !hasOwnLimit(r.URL.Path) {
			if err := s.throttle(s.clients, "form", clientKey(from.address), postCost); err != nil {
				s.refuse(out, r, err)
				return
			}
		}
		if r.Body != nil && r.Body != http.NoBody {
			_ = http.NewResponseController(out).SetReadDeadline(start.Add(bodyTime))
			r.Body = http.MaxBytesReader(out, r.Body, maxObservation)
		}
		next.ServeHTTP(out, r)
	})
}

// hasOwnLimit reports whether a request that is no form is counted by who sent it.
func hasOwnLimit(path string) bool {
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/otlp/") || strings.HasPrefix(path, "/hooks/")
}

// hooked counts what a client delivers, and what was refused for its signature more. It bounds what it takes in memory.
func (s *Server) hooked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := clientKey(clientOf(r.Context()).address)
		if err := s.throttle(s.clients, "hook", key, 1); err != nil {
			s.refuse(w, r, err)
			return
		}
		size := r.ContentLength
		if size < 0 || size > maxObservation { // it does not say, or is cut off there
			size = maxObservation
		}
		if !s.held.add(key, size) {
			s.Metrics.Limited("hook")
			s.refuse(w, r, fault.New(fault.Limited, "too_many_requests", "Too much is delivered at once. Send it again."))
			return
		}
		defer s.held.add(key, -size)
		out := &answer{ResponseWriter: w}
		next.ServeHTTP(out, r)
		if out.code == http.StatusForbidden {
			_ = s.clients.take(key, deniedCost, time.Now())
		}
	})
}

// pages counts what a client asks of the dashboard. What it was denied counts more:
// each denial is an event, and the log keeps it for good.
func (s *Server) pages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := clientKey(clientOf(r.Context()).address)
		if isSafe(r.Method) { // a form has paid elsewhere
			if err := s.throttle(s.readers, "page", key, 1); err != nil {
				s.refuse(w, r, err)
				return
			}
		}
		out := &answer{ResponseWriter: w}
		next.ServeHTTP(out, r)
		if out.code == http.StatusForbidden {
			_ = s.readers.take(key, deniedCost, time.Now())
		}
	})
}

// panicked answers for a handler that cannot any more, and keeps the stack for the log.
func (s *Server) panicked(w *answer, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p) // the way to cut a connection on purpose
	}
	s.Metrics.Panic()
	s.Log.ErrorContext(r.Context(), "a request panicked", "method", r.Method, "path", cut(r.URL.Path, 200),
		"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if w.code == 0 {
		writeProblem(w, problemOf(r.Context(), fmt.Errorf("panic: %v", p)))
	}
}

// secureHeaders sets what every answer carries. Pages set a Content-Security-Policy
// of their own that allows what they need.
func secureHeaders(h http.Header, id string, secure bool) {
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// client finds out where r comes from. X-Forwarded-For is read from its end for as
// long as the one who wrote it is a known proxy.
func (s *Server) client(r *http.Request) client { return clientBehind(s.Proxies, r) }

// AddressBehind returns where a request comes from when these proxies are believed. All of whom one person may be are
// alike, so that it can be counted by.
func AddressBehind(proxies []netip.Prefix, r *http.Request) string {
	return clientKey(clientBehind(proxies, r).address)
}

func clientBehind(proxies []netip.Prefix, r *http.Request) client {
	c := client{address: r.RemoteAddr, secure: r.TLS != nil}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		c.address = host
	}
	if !isProxy(proxies, c.address) {
		return c
	}
	c.secure = c.secure || r.Header.Get("X-Forwarded-Proto") == "https"
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && isProxy(proxies, c.address); i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		c.address = a.Unmap().String()
	}
	return c
}

func isProxy(proxies []netip.Prefix, address string) bool {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	for _, p := range proxies {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

func clientOf(ctx context.Context) client {
	if about, ok := ctx.Value(requestKey{}).(*request); ok {
		return about.client
	}
	return client{}
}

// Client says where a request that came through the server is from, for handlers
// behind it: the client's address, and whether it came over TLS.
func Client(r *http.Request) (address string, secure bool) {
	c := clientOf(r.Context())
	return c.address, c.secure
}

// traceID returns the trace's id of a W3C traceparent, or "".
func traceID(header string) string {
	parts := strings.Split(header, "-")
	if len(parts) != 4 || len(parts[1]) != 32 || strings.Trim(parts[1], "0123456789abcdef") != "" {
		return ""
	}
	return parts[1]
}

// readBody takes the whole body of an API request, in time and within the limit, so
// that nothing behind it waits for the network.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	tooLarge := fault.New(fault.Invalid, "body_too_large", "The body is larger than %d KiB.", limit>>10)
	if r.ContentLength > limit {
		return tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return tooLarge
		}
		return fault.Wrap(err, fault.Invalid, "body_incomplete", "The body did not arrive whole within %s.", bodyTime)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}

// answer remembers what was answered.
type answer struct {
	http.ResponseWriter
	code     int
	bytes    int64
	streamed bool
}

// WriteHeader remembers the status.
func (a *answer) WriteHeader(code int) {
	if a.code == 0 && code >= http.StatusOK {
		a.code = code
	}
	a.ResponseWriter.WriteHeader(code)
}

// Write counts the bytes.
func (a *answer) Write(b []byte) (int, error) {
	if a.code == 0 {
		a.code = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(b)
	a.bytes += int64(n)
	return n, err
}

// Flush sends what was written; a flushed answer counts as a stream.
func (a *answer) Flush() {
	a.streamed = true
	_ = http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController through.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) status() int {
	if a.code == 0 {
		return http.StatusOK
	}
	return a.code
}
