// Package server is Slipway's door for programs: the HTTP API under /api/v1, its
// description, the stream of events, health and metrics. Pages are behind the same
// door but belong to web.
//
// Each operation is one line in a table (see operations) that says what it does,
// which permission it needs and where it is; what it does is a call of desk, which
// checks the permission. Everything that all operations share (who asks, how much
// they may send, how often, which answer a repeated POST gets, how an error looks)
// is done once, around them. Nothing here changes state itself.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/live"
	"github.com/slipwayhq/slipway/internal/people"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/telemetry"
)

// Options are what a server is made of.
type Options struct {
	Desk    *desk.Desk
	People  *people.People
	DB      *store.DB // answers to repeated requests, readiness
	Live    *live.Live
	Log     *slog.Logger
	Metrics *telemetry.Metrics
	Web     http.Handler // pages: everything that is not the API's; nil answers 404
	Hooks   http.Handler // platforms that deliver by themselves and prove it by a signature; nil answers 404
	Flags   http.Handler // programs that evaluate flags; it does all by itself; nil: see Web
	Version string       // of Slipway

	// Ready says whether this node can do its work; nil asks the store only.
	Ready func(context.Context) error
	// MetricsToken opens /metrics to those who send it; without one only this
	// machine may read it.
	MetricsToken string
	// Proxies are the addresses whose X-Forwarded-For and -Proto are believed.
	Proxies []netip.Prefix
	// Rate is how many requests a second one actor may make; 50 when 0. Sixteen
	// times as many may come at once.
	Rate float64
	// Stop ends long answers (event streams, waiting edges) when the server stops.
	Stop context.Context //nolint:containedctx // it outlives every request
}

// Server answers requests.
type Server struct {
	Options
	handler   http.Handler
	table     []endpoint
	document  []byte // openapi.json
	actors    *limiter
	edges     *limiter
	clients   *limiter
	readers   *limiter // clients too, by the pages that they look at
	streams   streams
	exporters chan struct{} // one for each body that is understood now
	held      held          // bodies of deliveries
	heartbeat time.Duration
}

// New returns a server.
func New(o Options) (*Server, error) {
	if o.Rate == 0 {
		o.Rate = 50
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.NewMetrics(o.Version)
	}
	if o.Stop == nil {
		o.Stop = context.Background()
	}
	s := &Server{
		Options: o, heartbeat: 15 * time.Second,
		actors:  newLimiter(o.Rate, o.Rate*16),
		edges:   newLimiter(o.Rate*10, o.Rate*100),
		clients: newLimiter(o.Rate*4, o.Rate*32),
		readers: newLimiter(o.Rate*4, o.Rate*32), exporters: make(chan struct{}, otlpAtOnce),
		held: held{of: map[string]int64{}},
	}
	mux := http.NewServeMux()
	var err error
	if s.document, err = s.routes(mux); err != nil {
		return nil, err
	}
	s.handler = s.around(mux)
	s.Metrics.Gauge("slipway_log_sequence", "Number of the newest event that this node knows of.",
		func() float64 { return float64(s.Live.Head()) })
	s.diskMetrics()
	s.Metrics.Gauge("slipway_live_subscriptions", "Who is told when the log moves: streams, pages and edges.",
		func() float64 { return float64(s.Live.Watchers()) })
	return s, nil
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Flags != nil && (strings.HasPrefix(r.URL.Path, "/ofrep/") || strings.HasPrefix(r.URL.Path, "/flags/v1/")) {
		s.Flags.ServeHTTP(w, r) // each microsecond counts there: nothing is around it
		return
	}
	s.handler.ServeHTTP(w, r)
}

// OpenAPI returns the description of the API, as api/openapi.json holds it.
func (s *Server) OpenAPI() []byte { return s.document }

// HTTPServer returns an http.Server for h with the limits that every listener of
// the control plane has. A request's header must arrive within five seconds, its
// body within thirty (see around); an answer that is no stream must be read within
// sixty.
func HTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// routes puts everything on the mux and returns the API's description.
func (s *Server) routes(mux *http.ServeMux) ([]byte, error) {
	api := http.NewServeMux()
	document, err := s.describe(api)
	if err != nil {
		return nil, err
	}
	mux.Handle("/api/v1/", s.authenticated(s.idempotent(s.known(api))))
	mux.HandleFunc("POST /otlp/v1/metrics", s.takeOTLP(false))
	mux.HandleFunc("POST /otlp/v1/traces", s.takeOTLP(true))
	if s.Hooks != nil {
		mux.Handle("/hooks/", s.hooked(s.Hooks))
	} else {
		mux.HandleFunc("/hooks/", s.notFound)
	}
	mux.HandleFunc("GET /api/openapi.json", s.openAPI)
	mux.HandleFunc("GET /api", s.page)
	mux.HandleFunc("GET /problems/{reason}", s.problemPage)
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.mayMeasure(s.Metrics.Handler()))
	mux.HandleFunc("/api/", s.notFound)
	if s.Web != nil {
		mux.Handle("/", s.pages(s.Web))
	} else {
		mux.HandleFunc("/", s.notFound)
	}
	return document, nil
}

type actorKey struct{}

// caller is who a request comes from and how they proved it.
type caller struct {
	actor   access.Actor
	cookie  string // of the session; empty for a token
	token   string
	renewed func(context.Context) (access.Actor, error) // asks again whether the proof still holds
}

// actorOf returns who the request is from.
func actorOf(ctx context.Context) access.Actor {
	c, _ := ctx.Value(actorKey{}).(*caller)
	if c == nil {
		return access.Actor{ID: "nobody", Name: "Nobody"}
	}
	return c.actor
}
