// Package app builds the whole program by hand, runs it and stops it in order.
//
// Everything that the program is made of is constructed here, once, from options;
// nothing registers itself. Run starts the listeners, the engine, the edge of this
// process and whatever follows the log, in one group, and ends when its context
// does: listeners stop taking requests first, the store closes last.
package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/edge"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flagset"
	"github.com/slipwayhq/slipway/internal/hook"
	"github.com/slipwayhq/slipway/internal/live"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/drain"
	"github.com/slipwayhq/slipway/internal/metric/intake"
	"github.com/slipwayhq/slipway/internal/metric/otlp"
	"github.com/slipwayhq/slipway/internal/metric/prometheus"
	"github.com/slipwayhq/slipway/internal/ofrep"
	"github.com/slipwayhq/slipway/internal/people"
	"github.com/slipwayhq/slipway/internal/provider/selfhost"
	"github.com/slipwayhq/slipway/internal/server"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/telemetry"
	"github.com/slipwayhq/slipway/internal/vercel"
	"github.com/slipwayhq/slipway/internal/web"
)

// Options say what to build.
type Options struct {
	Database     string             // path of a SQLite file, or postgres://…
	Reserve      int64              // bytes kept beside a SQLite file for a full disk; 0: none
	Strategy     *strategy.Strategy // what it runs
	Folder       string             // of the strategy's file, where files that it names are; empty: none can be read
	Control      net.Listener       // dashboard and API
	Public       string             // address that others reach Control by; empty: the one it listens on
	Edge         net.Listener       // visitors; nil: no edge in this process
	Log          *slog.Logger
	Version      string
	Adopt        string // version name of what runs in production already, at first start
	MetricsToken string
	Proxies      []netip.Prefix // whose X-Forwarded-* are believed, by the dashboard and by the edge
	Pace         engine.Pace
	OnCommit     func(event.Head) // told of every commit with events; tests stop the process here
	Stop         time.Duration    // how long a stop may take; 20 s

	// Env reads the environment, in which secrets are found; os.LookupEnv when nil.
	Env func(string) (string, bool)

	Prometheus *prometheus.Options // where a Prometheus is; nil: none is asked
}

// App is the program.
type App struct {
	opts   Options
	DB     *store.DB
	Engine *engine.Engine
	People *people.People
	Desk   *desk.Desk
	Edge   *edge.Edge // nil when this process has none

	custom     *intake.Intake
	spans      *intake.Intake
	drain      *drain.Drain // nil when nothing goes by one
	hooks      *hook.Door   // likewise
	crossed    atomic.Pointer[crossChecked]
	watched    atomic.Pointer[watched]
	counting   atomic.Pointer[counting] // nil before Vercel was asked
	prometheus *prometheus.Source       // nil when none is asked

	vercel   *vercel.Client // nil behind our own edge
	flags    *flagset.Keeper
	door     *ofrep.Door
	live     *live.Live
	server   *server.Server
	timeline *metric.Timeline
	stop     context.Context //nolint:containedctx // told to long answers when the program stops
	stopping func()
}

// unreached names the database that can't be reached when the program starts, without its password.
func unreached(err error, database string) error {
	at, perr := url.Parse(database)
	if fault.ReasonOf(err) != "store_unavailable" || perr != nil || at.Host == "" {
		return err
	}
	why := ""
	if op, ok := errors.AsType[*net.OpError](err); ok {
		why = ": " + op.Err.Error()
	}
	return fault.Wrap(err, fault.Unavailable, "store_unavailable",
		"The database at %s cannot be reached%s. Look whether it runs, and at --database-url or SLIPWAY_DATABASE_URL.",
		at.Host, why)
}

// Open builds the program: it opens and migrates the store and constructs every
// part. Nothing runs yet.
func Open(ctx context.Context, opts Options) (*App, error) {
	if opts.Stop == 0 {
		opts.Stop = 20 * time.Second
	}
	if opts.Env == nil {
		opts.Env = os.LookupEnv
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	db, err := store.Open(ctx, opts.Database)
	if err != nil {
		return nil, unreached(err, opts.Database)
	}
	a := &App{opts: opts, DB: db}
	a.stop, a.stopping = context.WithCancel(context.WithoutCancel(ctx))
	if err := db.KeepReserve(opts.Reserve); err != nil {
		opts.Log.Warn("keep a reserve for a full disk", "error", err)
	}
	if err := a.build(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return a, nil
}

func (a *App) build(ctx context.Context) error {
	o := a.opts
	if o.OnCommit != nil {
		a.DB.OnCommit(o.OnCommit)
	}
	a.timeline = metric.NewTimeline(150*time.Minute, 15*time.Second)
	if o.Edge != nil {
		var err error
		if a.Edge, err = edge.New(edge.Options{Log: o.Log, TrustedProxies: o.Proxies}); err != nil {
			return fmt.Errorf("make the edge: %w", err)
		}
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 3 * time.Second, Control: engine.OnlyDeployments}).DialContext,
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     time.Minute,
		TLSHandshakeTimeout: 5 * time.Second,
	}}
	moves, platform, client := a.openTarget(client)
	a.Engine = engine.New(engine.Options{
		DB: a.DB, Strategy: o.Strategy, Provider: moves, Platform: platform, Timeline: a.timeline,
		Client: client, Log: o.Log, Pace: o.Pace, Env: o.Env, Serves: a.serving, Vault: a.openVault(),
		GitHub: a.openGitHub(), Publish: a.publishing(platform), Mirror: a.mirroring(), File: a.file,
	})
	streams, err := a.openSigning(ctx)
	if err != nil {
		return err
	}
	a.People = people.New(people.Options{DB: a.DB, Write: a.Engine.Write, Roles: o.Strategy.Roles, App: o.Strategy.App,
		Workload: a.workloads(client)})
	if err := a.openSources(); err != nil {
		return err
	}
	a.Desk = desk.New(desk.Options{
		Intake: a.custom, OTLP: otlp.New(), Spans: a.spans, Sources: a.sources,
		DB: a.DB, Engine: a.Engine, People: a.People, Strategy: o.Strategy, Timeline: a.timeline,
		Version: o.Version,
	})
	if a.vercel != nil {
		a.Desk.Flags.Live = a.liveFlags
	}
	a.openDrain()
	a.live = live.New(a.DB, o.Log)
	metrics := telemetry.NewMetrics(o.Version)
	a.openFlags(streams, metrics)
	pages, err := web.New(web.Options{
		Desk: a.Desk, People: a.People, Live: a.live, Log: o.Log, Stop: a.stop, Client: server.Client,
	})
	if err != nil {
		return fmt.Errorf("make the pages: %w", err)
	}
	var hooks http.Handler
	if a.hooks != nil {
		hooks = a.hooks
	}
	a.server, err = server.New(server.Options{
		Desk: a.Desk, People: a.People, DB: a.DB, Live: a.live, Log: o.Log, Metrics: metrics,
		Web: pages, Flags: a.door, Hooks: hooks,
		Version: o.Version, MetricsToken: o.MetricsToken, Proxies: o.Proxies, Stop: a.stop,
	})
	if err != nil {
		return fmt.Errorf("make the server: %w", err)
	}
	return nil
}

// openSigning makes or seals the key that votes are signed with, and returns what the addresses of event streams are
// made with, which is the same on all nodes. A key that can't be opened keeps nobody from starting: votes are refused
// here until it can, and nothing else is.
func (a *App) openSigning(ctx context.Context) ([]byte, error) {
	unsealed, err := a.Engine.Secrets.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	if unsealed != nil {
		a.opts.Log.Warn("the key that votes are signed with lies in the database as it is", "reason",
			fault.MessageOf(unsealed))
	}
	if err := a.Engine.Secrets.Lost(ctx); err != nil {
		a.opts.Log.Error("votes are refused: the key that they are signed with cannot be opened", "error", err)
	}
	return a.Engine.Secrets.Streams(ctx)
}

// publish stores a table for every edge and applies it to the one in this process.
func (a *App) publish(ctx context.Context, t edge.Table) error {
	doc, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("marshal edge table: %w", err)
	}
	if doc, err = a.Engine.PublishRoute(ctx, t.App, t.Generation, doc); err != nil {
		return err
	}
	return a.apply(doc)
}

// apply gives a stored table to the edge in this process.
func (a *App) apply(doc json.RawMessage) error {
	if a.Edge == nil {
		return nil
	}
	t, err := edge.DecodeTable(doc)
	if err != nil {
		return err
	}
	return a.Edge.Apply(t)
}

// edgeName names the edge of this process by its host and address; it is the same
// after a restart.
func (a *App) edgeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "this host"
	}
	return host + " " + a.opts.Edge.Addr().String()
}

// edges returns every edge that was ever heard of.
func (a *App) edges(ctx context.Context) (time.Time, []selfhost.Seen, error) {
	now, err := a.DB.Now(ctx)
	if err != nil {
		return now, nil, err
	}
	list, err := a.DB.Edges(ctx)
	if err != nil {
		return now, nil, err
	}
	out := []selfhost.Seen{}
	for _, e := range list {
		if a.Edge != nil && e.Name == a.edgeName() {
			continue // it is here, and known for certain
		}
		out = append(out, selfhost.Seen{Name: e.Name, Generation: e.Generation, At: e.Seen})
	}
	if a.Edge != nil {
		out = append(out, selfhost.Seen{Name: a.edgeName(), Generation: a.Edge.Table().Generation, At: now})
	}
	return now, out, nil
}

// SetupLink returns the address at which the first user is made, while there is none.
// It is told once: a later start makes no new link unless the old one was never used.
func (a *App) SetupLink(ctx context.Context) (string, error) {
	secret, _, err := a.People.SetupSecret(ctx)
	if err != nil || secret == "" {
		return "", err
	}
	return a.URL() + "/setup?secret=" + secret, nil
}

// URL is where the dashboard and the API are.
func (a *App) URL() string { return "http://" + a.opts.Control.Addr().String() }

// PublicURL is where others reach the dashboard: what links from elsewhere lead to.
func (a *App) PublicURL() string { return cmp.Or(a.opts.Public, a.URL()) }

// EdgeURL is where visitors come in; empty when this process has no edge.
func (a *App) EdgeURL() string {
	if a.opts.Edge == nil {
		return ""
	}
	return "http://" + a.opts.Edge.Addr().String()
}

// Handler answers the dashboard and the API.
func (a *App) Handler() http.Handler { return a.server }

// Run runs the program until ctx ends, then stops it in order and closes the store.
func (a *App) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, a.DB.Close()) }()
	defer a.stopping()
	if a.opts.Strategy.Stable != "" {
		if err := a.Engine.Adopt(ctx, a.opts.Adopt, a.opts.Strategy.Stable); err != nil {
			return fmt.Errorf("adopt what runs in production: %w", err)
		}
	}
	if a.Edge != nil { // visitors are let in when it is known where to: until then they wait, and nobody is refused
		if _, doc, err := a.DB.Route(ctx, a.opts.Strategy.App); err == nil {
			if err := a.apply(doc); err != nil {
				a.opts.Log.Warn("apply the kept routing table", "error", err)
			}
		}
	}
	if err := a.flags.Look(ctx); err != nil {
		a.opts.Log.Warn("read the flags", "error", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.flags.Run(ctx) })
	g.Go(func() error { return a.door.Run(ctx) })
	g.Go(func() error { return a.serve(ctx) })
	g.Go(func() error { return a.live.Run(ctx) })
	g.Go(func() error { return a.Engine.Run(ctx) })
	g.Go(func() error { return a.gather(ctx) })
	if counts := a.counter(); counts != nil && a.drain != nil {
		g.Go(func() error { return a.crossCheck(ctx, counts) })
		if a.stoodIn() {
			g.Go(func() error { return a.askCounts(ctx, counts) })
		}
	}
	if a.prometheus != nil {
		g.Go(func() error { return a.askPrometheus(ctx) })
	}
	if a.Edge != nil {
		g.Go(func() error { return a.Edge.Serve(ctx, a.opts.Edge) })
		g.Go(func() error { return a.followRoute(ctx) })
		g.Go(func() error { return a.collect(ctx) })
	}
	return g.Wait()
}

// serve answers the control listener and stops gracefully.
func (a *App) serve(ctx context.Context) error {
	srv := server.HTTPServer(a.server, a.opts.Log)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(a.opts.Control) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", a.URL(), err)
	case <-ctx.Done():
	}
	a.stopping() // long answers end now
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.opts.Stop)
	defer cancel()
	if err := srv.Shutdown(bounded); err != nil {
		_ = srv.Close()
	}
	return nil
}
