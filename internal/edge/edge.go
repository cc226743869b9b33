// Package edge is the data plane for a self-hosted Next.js application: a reverse
// proxy that splits visitors between a stable and a canary deployment.
//
// It promises that a new Table reaches every new request at once and fails none;
// that a visitor who is in the canary at 5 % is in it at 10 %; that a request that
// names its build is answered by that build as long as it is honored; and that
// every answer is counted for the deployment that gave it. It streams, tunnels
// upgrades and holds no body in memory.
//
// It does not cache, does not terminate TLS, does not decide anything about a
// release and never waits for the control plane: see DESIGN.md.
package edge

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
)

// DeploymentHeader names, in an answer, the deployment that gave it.
const DeploymentHeader = "X-Slipway-Deployment"

// VisitorHeader carries, in a request to a deployment, the id by which the visitor was assigned, so that flags are
// split by the same id. What a client sends under this name is dropped. Crawlers have none.
const VisitorHeader = "X-Slipway-Visitor"

// flagsHeader, in a deployment's answer, tells which variants it served. It is nobody else's business, and no evidence
// either: see DESIGN.md, "Flags".
const flagsHeader = "X-Slipway-Flags"

// Options set up an Edge. The zero value is usable.
type Options struct {
	Source                string         // names this process in batches; made up when empty
	TrustedProxies        []netip.Prefix // whose X-Forwarded-* are believed and kept; none by default
	DialTimeout           time.Duration  // to reach a deployment; 3 s by default
	ResponseHeaderTimeout time.Duration  // from the end of the request to the answer's header; 30 s by default
	MaxIdlePerArm         int            // idle connections kept for each deployment; 512 by default
	MaxHeaderBytes        int            // of a request; 64 KiB by default
	RetainSeconds         int            // of observations that nobody collects; 300 by default
	Drain                 time.Duration  // how long a stop waits for running requests; 30 s by default
	Log                   *slog.Logger   // discards by default
}

// withDefaults fills what is not set.
func (o Options) withDefaults() Options {
	if o.Source == "" {
		o.Source = ident.New("edge", time.Now())
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 3 * time.Second
	}
	if o.ResponseHeaderTimeout == 0 {
		o.ResponseHeaderTimeout = 30 * time.Second
	}
	if o.MaxIdlePerArm == 0 {
		o.MaxIdlePerArm = 512
	}
	if o.MaxHeaderBytes == 0 {
		o.MaxHeaderBytes = 64 << 10
	}
	if o.RetainSeconds == 0 {
		o.RetainSeconds = 300
	}
	if o.Drain == 0 {
		o.Drain = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Edge is the proxy. All its methods may be called at once.
type Edge struct {
	opts      Options
	routes    atomic.Pointer[routes] // nil until a table is applied
	observer  *Observer
	transport *http.Transport
	proxy     *httputil.ReverseProxy
	tunnels   tunnels
	stats     counters

	mu      sync.Mutex          // serializes the making of routes
	learned map[string][]string // build ids by deployment
	looked  map[string]int      // documents looked into by deployment
}

// counters are Stats while they count.
type counters struct {
	aborted, gone, failovers, refused atomic.Uint64
}

// Stats are sums since the start that belong to no deployment.
type Stats struct {
	Aborted        uint64 `json:"aborted"`         // requests that the client gave up before an answer
	Gone           uint64 `json:"gone"`            // requests for builds that are no more, answered by the edge
	Failovers      uint64 `json:"failovers"`       // requests that stable answered because another could not be reached
	Refused        uint64 `json:"refused"`         // requests that the edge refused: malformed, or no table yet
	DroppedSeconds uint64 `json:"dropped_seconds"` // of observations that nobody collected
	Tunnels        int    `json:"tunnels"`         // open now
}

// New returns an edge without a table: it answers 503 until Apply.
func New(opts Options) (*Edge, error) {
	opts = opts.withDefaults()
	if opts.DialTimeout < 0 || opts.ResponseHeaderTimeout < 0 || opts.RetainSeconds < 1 || opts.MaxHeaderBytes < 4096 {
		return nil, fault.New(fault.Invalid, "edge_options", "the edge's timeouts and limits must be positive")
	}
	e := &Edge{
		opts:      opts,
		observer:  newObserver(opts.Source, opts.RetainSeconds),
		transport: newTransport(opts),
		learned:   map[string][]string{},
		looked:    map[string]int{},
	}
	e.proxy = e.newProxy()
	return e, nil
}

// Apply makes t the table of every request that begins after it returns. It
// refuses an invalid table, an older generation, and a different table of the
// same generation; the present one then stays. Tunnels to a banned deployment are
// cut, so that their clients come back to stable; all others go on.
func (e *Edge) Apply(t Table) error {
	if err := t.Validate(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := e.routes.Load(); now != nil {
		switch have := now.table; {
		case t.Generation < have.Generation:
			return fault.New(fault.Conflict, "table_older",
				"generation %d is older than %d, which is in force", t.Generation, have.Generation)
		case t.Generation == have.Generation && !t.equal(have):
			return fault.New(fault.Conflict, "table_differs",
				"generation %d is in force with other contents", t.Generation)
		case t.Generation == have.Generation:
			return nil
		}
		e.forget(now.table, t)
	}
	rt, err := compile(t.normal(), e.learned)
	if err != nil {
		return err
	}
	e.routes.Store(rt)
	e.tunnels.closeWhere(func(id string) bool { a := rt.arm(id); return a != nil && a.Banned })
	return nil
}

// Table returns a copy of the table in force; its generation is 0 when there is none.
func (e *Edge) Table() Table {
	rt := e.routes.Load()
	if rt == nil {
		return Table{}
	}
	return rt.table.normal()
}

// Observer returns what the edge counts.
func (e *Edge) Observer() *Observer { return e.observer }

// Source returns the name of this process in batches.
func (e *Edge) Source() string { return e.opts.Source }

// Stats returns the sums that belong to no deployment.
func (e *Edge) Stats() Stats {
	return Stats{
		Aborted:        e.stats.aborted.Load(),
		Gone:           e.stats.gone.Load(),
		Failovers:      e.stats.failovers.Load(),
		Refused:        e.stats.refused.Load(),
		DroppedSeconds: e.observer.Dropped(),
		Tunnels:        e.tunnels.count(),
	}
}

// Close cuts the tunnels that are still open and closes idle connections.
// Requests that run are the server's to end: see Serve.
func (e *Edge) Close() {
	e.tunnels.closeAll()
	e.transport.CloseIdleConnections()
}
