package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// readCloser is io.ReadCloser, named so that it can be embedded unexported.
type readCloser = io.ReadCloser

// fetcher is the edge as the RoundTripper of its own proxy: it asks the arm, a
// second one where that is safe, and counts both.
type fetcher Edge

// RoundTrip asks the exchange's arm. A request that anybody may answer again (GET
// or HEAD without a body) gets a second arm in two cases: the first is not stable
// and could not be reached, or a file named by its content is missing there.
func (f *fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	e := (*Edge)(f)
	x := exchangeOf(r.Context())
	resp, err := e.transport.RoundTrip(r)
	again := (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Body == nil
	switch {
	case err != nil && again && isDial(err) && x.arm != x.routes.stable && r.Context().Err() == nil:
		x.count(sample{failure: notReached, retried: true})
		e.stats.failovers.Add(1)
		x.arm = x.routes.stable
		resp, err = e.transport.RoundTrip(x.withURL(r))
	case err == nil && again && resp.StatusCode == http.StatusNotFound && isBuildFile(r.URL.Path):
		return e.tryOther(x, r, resp), nil
	}
	if err != nil {
		return nil, err
	}
	return e.take(x, resp, isActionSkew(resp)), nil
}

// tryOther looks for a missing build file in another arm; missing is the answer
// when that has no better one.
func (e *Edge) tryOther(x *exchange, r *http.Request, missing *http.Response) *http.Response {
	first := x.arm
	if x.arm = x.routes.other(first, x.start); x.arm != nil {
		resp, err := e.transport.RoundTrip(x.withURL(r))
		if err == nil && resp.StatusCode < http.StatusBadRequest {
			discard(missing)
			return e.take(x, resp, false)
		}
		if err == nil {
			discard(resp)
		}
	}
	x.arm = first
	return e.take(x, missing, true)
}

// discard ends an answer that nobody gets, and keeps its connection when it is short.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

// isActionSkew reports whether Next.js says that it does not know a server action:
// its caller has a page of another build.
func isActionSkew(resp *http.Response) bool {
	return resp.Header.Get("X-Nextjs-Action-Not-Found") != ""
}

// take counts an answer whose header has arrived and watches its body.
func (e *Edge) take(x *exchange, resp *http.Response, skew bool) *http.Response {
	x.count(sample{status: resp.StatusCode, skew: skew, first: x.visitor.first})
	if build := resp.Header.Get(buildHeader); build != "" {
		e.learn(x.arm, build)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		if conn, ok := resp.Body.(io.ReadWriteCloser); ok {
			resp.Body = e.tunnels.open(x.arm.ID, conn)
			if now := e.routes.Load().arm(x.arm.ID); now != nil && now.Banned {
				_ = conn.Close() // the abort came between the question and the answer
			}
		}
		return resp
	}
	body := &answerBody{readCloser: resp.Body, x: x, ctx: resp.Request.Context()}
	if len(x.arm.builds) == 0 {
		if l := newLooker(resp.Header); l != nil && e.mayLook(x.arm) {
			body.look = l
		}
	}
	resp.Body = body
	return resp
}

// count records s for the exchange's arm, now.
func (x *exchange) count(s sample) {
	now := time.Now()
	s.deployment, s.class, s.excluded, s.visitor = x.arm.ID, x.class, x.excluded, x.visitor.id
	s.risk = x.arm == x.routes.canary && x.routes.table.Share < 100
	s.latency = now.Sub(x.start)
	if !s.retried {
		s.ramps, s.rampRisks = x.ramps, x.rampRisks
	}
	x.edge.observer.record(now, s)
}

// answerBody counts what a deployment sends after the header, and finds out when
// it stops too early.
type answerBody struct {
	readCloser
	x     *exchange
	ctx   context.Context //nolint:containedctx // the body lives as long as its request
	look  *looker
	bytes uint64
	ended bool
}

// Read reads from the deployment.
func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.readCloser.Read(p)
	b.bytes += uint64(n)
	if b.look != nil && n > 0 {
		build, more := b.look.see(p[:n])
		if build != "" {
			b.x.edge.learn(b.x.arm, build)
		}
		if !more {
			b.look = nil
		}
	}
	if err != nil {
		// A read also ends when the client goes away: that is no cut.
		b.end(err != io.EOF && b.ctx.Err() == nil)
	}
	return n, err
}

// Close ends the answer, early when the client went away.
func (b *answerBody) Close() error {
	b.end(false)
	return b.readCloser.Close()
}

func (b *answerBody) end(early bool) {
	if b.ended {
		return
	}
	b.ended = true
	s := sample{bytes: b.bytes}
	if early {
		s.failure = cut
	}
	if s.bytes > 0 || early {
		b.x.count(s)
	}
}

// Read reads from the client and remembers when that fails.
func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.readCloser.Read(p)
	if err != nil && err != io.EOF {
		b.broken.Store(true)
	}
	return n, err
}

// fail answers for a deployment that did not.
func (e *Edge) fail(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	var p page
	switch timeout, isNet := errors.AsType[net.Error](err); {
	case r.Context().Err() != nil:
		e.stats.aborted.Add(1) // nobody reads the answer
		w.WriteHeader(statusClientGone)
		return
	case x.body != nil && x.body.broken.Load():
		e.stats.refused.Add(1)
		writePage(w, r, badRequest())
		return
	case isDial(err):
		x.count(sample{failure: notReached})
		p = unreachable()
	case isNet && timeout.Timeout():
		x.count(sample{failure: tooLate})
		p = timedOut()
	default:
		x.count(sample{failure: broken})
		p = brokenAnswer()
	}
	e.opts.Log.DebugContext(r.Context(), "deployment failed", "deployment", x.arm.ID, "reason", p.reason, "err", err)
	w.Header().Set(DeploymentHeader, x.arm.ID)
	writePage(w, r, p)
}

// isDial reports whether no connection came about, so that nothing was sent.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
