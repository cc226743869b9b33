package edge

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// ownPrefix is the path that belongs to the edge and is never forwarded.
const ownPrefix = "/__slipway/"

// exchange is what the edge knows of one request. It travels in its context.
type exchange struct {
	edge    *Edge
	routes  *routes
	arm     *arm // that is asked now
	class   metric.Class
	visitor visitor
	ramps   []string // arms of the flags that are being raised

	rampRisks uint32 // a bit for each of ramps that is a variant which not everybody gets
	start     time.Time
	excluded  bool // from the comparison
	secure    bool
	body      *clientBody // of the request, nil when it has none
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// clientBody notices when the client's side of a request breaks, which is not the
// deployment's fault.
type clientBody struct {
	readCloser
	broken atomic.Bool
}

// newTransport returns the client side of the proxy. Idle connections are closed
// before Node.js closes them (after 5 s), so that a POST does not meet a closing
// connection; nothing is decompressed; HTTP/1.1 only, because upgrades need it.
func newTransport(o Options) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: o.DialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    o.MaxIdlePerArm,
		IdleConnTimeout:        4 * time.Second,
		ResponseHeaderTimeout:  o.ResponseHeaderTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		DisableCompression:     true,
		Protocols:              protocols,
	}
}

func (e *Edge) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        e.rewrite,
		Transport:      (*fetcher)(e),
		FlushInterval:  -1, // a streamed page must arrive chunk by chunk
		BufferPool:     new(buffers),
		ModifyResponse: e.finish,
		ErrorHandler:   e.fail,
		ErrorLog:       slog.NewLogLogger(e.opts.Log.Handler(), slog.LevelDebug),
	}
}

// buffers lends the 32 KiB that a body is copied through.
type buffers struct{ pool sync.Pool }

// Get lends a buffer.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

// Put takes it back.
func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

// ServeHTTP answers one request: by the arm that the table, the build id it
// carries and its visitor's bucket say.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, ownPrefix) {
		e.serveOwn(w, r)
		return
	}
	rt := e.routes.Load()
	if rt == nil {
		e.stats.refused.Add(1)
		writePage(w, r, notReady())
		return
	}
	if r.Method == http.MethodConnect {
		e.stats.refused.Add(1)
		writePage(w, r, notAllowed())
		return
	}
	x := &exchange{edge: e, routes: rt, class: classify(r), start: time.Now(), secure: isSecure(r)}
	if p := e.assign(x, r); p != nil {
		writePage(w, r, *p)
		return
	}
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		x.body = &clientBody{readCloser: r.Body}
	}
	e.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
}

// assign chooses the arm for r, or returns the page that the edge answers with.
func (e *Edge) assign(x *exchange, r *http.Request) *page {
	crawler := metric.Crawler(r.UserAgent())
	x.excluded = crawler || isPrefetch(r.Header)
	a, f := x.routes.pin(pinOf(r, x.class), x.class, x.start)
	if f == gone {
		e.stats.gone.Add(1)
		return goneVersion(x.class)
	}
	if !crawler { // a crawler is nobody: flags give it what they give to those whom they don't know
		x.visitor = e.visitorOf(x.routes, r, x.class)
		x.ramps, x.rampRisks = x.routes.drawRamps(x.visitor.id)
	}
	switch {
	case f == pinned || f == bounds:
		x.arm, x.visitor.first = a, false // it has been here
	case crawler:
		x.arm = x.routes.stable
	default:
		x.arm = x.routes.draw(x.visitor.id)
	}
	return nil
}

// rewrite turns the client's request into the one for the deployment. The host
// stays the client's: Next.js compares it with Origin for server actions.
func (e *Edge) rewrite(pr *httputil.ProxyRequest) {
	x := exchangeOf(pr.In.Context())
	out := pr.Out
	out.URL.RawQuery = pr.In.URL.RawQuery // ReverseProxy drops pairs that it cannot parse; Next.js shall see them
	out.Host = pr.In.Host
	for name := range out.Header {
		// The second kind Next.js sends to itself. Versions before 15.2.3 believe a
		// client that sends it too, and skip their middleware (CVE-2025-29927).
		if strings.HasPrefix(name, "X-Slipway-") || strings.HasPrefix(name, "X-Middleware-") {
			delete(out.Header, name)
		}
	}
	if x.visitor.id != "" {
		out.Header[VisitorHeader] = []string{x.visitor.id}
	}
	e.forward(pr)
	if x.body != nil {
		out.Body = x.body
	}
	x.aim(out)
}

// aim points a request at the exchange's arm.
func (x *exchange) aim(out *http.Request) {
	u := *out.URL
	u.Scheme, u.Host = x.arm.target.Scheme, x.arm.target.Host
	out.URL = &u
}

// forward sets X-Forwarded-*: the client's own are kept only from trusted proxies.
func (e *Edge) forward(pr *httputil.ProxyRequest) {
	in, out := pr.In, pr.Out.Header
	client, proto, host := remoteIP(in), "http", in.Host
	if in.TLS != nil {
		proto = "https"
	}
	if e.trusts(in) {
		if before := in.Header["X-Forwarded-For"]; len(before) > 0 {
			client = strings.Join(before, ", ") + ", " + client
		}
		if v := in.Header.Get("X-Forwarded-Proto"); v != "" {
			proto = v
		}
		if v := in.Header.Get("X-Forwarded-Host"); v != "" {
			host = v
		}
	} else {
		out.Del("X-Real-Ip")
		out.Del("X-Forwarded-Port")
	}
	out["X-Forwarded-For"] = []string{client}
	out["X-Forwarded-Host"] = []string{host}
	out["X-Forwarded-Proto"] = []string{proto}
}

// finish completes an answer on its way to the client.
func (e *Edge) finish(resp *http.Response) error {
	x := exchangeOf(resp.Request.Context())
	resp.Header[DeploymentHeader] = []string{x.arm.ID}
	resp.Header.Del(flagsHeader)
	if x.visitor.fresh && resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Header.Add("Set-Cookie", stickyCookie(x.routes.cookie, x.visitor.id, x.secure))
	}
	return nil
}

// withURL returns a copy of r that asks the exchange's present arm.
func (x *exchange) withURL(r *http.Request) *http.Request {
	c := *r
	x.aim(&c)
	return &c
}

var _ http.RoundTripper = (*fetcher)(nil)
