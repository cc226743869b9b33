// Package sim is a small virtual world: an application with versions and faults,
// and visitors who use it.
//
// The application answers like a Next.js shop as far as the edge can tell: pages
// that name their build, client data, an API, files that belong to one build and a
// health endpoint. Faults are switched while it runs. Visitors keep their cookies,
// arrive at a steady rate and count what they got. Everything listens on loopback
// and stops with its context.
package sim

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Fault is what is wrong with a shop.
type Fault struct {
	Errors  float64       // fraction of pages and API answers that fail with 500
	Latency time.Duration // added to pages and API answers
	Sick    bool          // the health endpoint fails too
}

// Shop is one running version of the application.
type Shop struct {
	version string
	build   string
	srv     *http.Server
	ln      net.Listener
	fault   atomic.Pointer[Fault]
	feature atomic.Pointer[feature]
	served  atomic.Uint64
}

// feature is something behind a flag.
type feature struct {
	on    func(ctx context.Context, visitor string) bool
	fault Fault
}

// OpenShop starts a version on a free loopback port.
func OpenShop(version string) (*Shop, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "no_port", "No port on 127.0.0.1 is free for the sample application.")
	}
	s := &Shop{version: version, build: "dpl-" + version, ln: ln}
	s.fault.Store(&Fault{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /products/{id}", s.page)
	mux.HandleFunc("GET /api/products", s.api)
	mux.HandleFunc("GET /api/health", s.health)
	mux.HandleFunc("GET /_next/static/{file...}", s.file)
	s.srv = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.srv.Serve(ln) }()
	return s, nil
}

// URL is where the version answers.
func (s *Shop) URL() string { return "http://" + s.ln.Addr().String() }

// Break switches what is wrong with the version.
func (s *Shop) Break(f Fault) { s.fault.Store(&f) }

// Feature puts something behind a flag: visitors for whom on says so get it, with what is wrong with it. They are known
// by the id that the edge tells.
func (s *Shop) Feature(on func(ctx context.Context, visitor string) bool, f Fault) {
	s.feature.Store(&feature{on, f})
}

// Spoil switches what is wrong with that which is behind the flag.
func (s *Shop) Spoil(f Fault) {
	if behind := s.feature.Load(); behind != nil {
		s.feature.Store(&feature{behind.on, f})
	}
}

// Served returns how many pages and API answers were asked of it.
func (s *Shop) Served() uint64 { return s.served.Load() }

// Crash ends the version as a killed process does: connections are cut, the port
// answers no more.
func (s *Shop) Crash() { _ = s.srv.Close() }

// Close ends the version in order.
func (s *Shop) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = s.srv.Shutdown(ctx)
	_ = s.srv.Close()
}

// fails decides by the request's number whether it is one of the failing ones, and
// waits the added latency. Spread by a hash, so that failures come in no rhythm.
func (s *Shop) fails(r *http.Request) bool {
	f := s.fault.Load()
	if behind := s.feature.Load(); behind != nil && behind.on(r.Context(), r.Header.Get("X-Slipway-Visitor")) {
		f = &behind.fault
	}
	n := s.served.Add(1)
	if f.Latency > 0 {
		timer := time.NewTimer(f.Latency)
		defer timer.Stop()
		select {
		case <-r.Context().Done():
		case <-timer.C:
		}
	}
	return float64(scatter(n)>>11)/(1<<53) < f.Errors
}

// scatter mixes a number's bits so that neighbors have nothing in common: a plain
// hash of their digits let ten requests in a row fail together, which looks like one
// version being worse.
func scatter(n uint64) uint64 {
	n *= 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

func (s *Shop) page(w http.ResponseWriter, r *http.Request) {
	if s.fails(r) {
		http.Error(w, "this page failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-App-Version", s.version)
	_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en" data-dpl-id="%s"><title>Shop %s</title>`+
		`<script src="/_next/static/app-%s.js?dpl=%s"></script><h1>Harbor shop</h1><p>This is %s.</p></html>`,
		s.build, s.version, s.build, s.build, s.version)
}

func (s *Shop) api(w http.ResponseWriter, r *http.Request) {
	if s.fails(r) {
		http.Error(w, `{"error":"failed"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"version":%q,"products":["mug","lamp","clock"]}`, s.version)
}

func (s *Shop) health(w http.ResponseWriter, _ *http.Request) {
	if s.fault.Load().Sick {
		http.Error(w, `{"status":"sick"}`, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"status":"ok","version":%q}`, s.version)
}

func (s *Shop) file(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.PathValue("file"), s.build) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/javascript")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = fmt.Fprintf(w, "// %s\n", s.build)
}
