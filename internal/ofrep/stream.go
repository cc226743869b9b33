package ofrep

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
)

// How streams are served. A stream is a connection and nothing else: no goroutine waits behind it, so that ten thousand
// of them cost little. A few writers go through their shares of them.
const (
	writers   = 8
	heartbeat = 20 * time.Second
	// stall is how long a connection may take a message: a hundred bytes, for which the system has room unless the
	// reader has been away for long. One that does not take it is ended; it comes back and asks again. On a busy machine
	// the time may pass before anything is tried, so it is tried again.
	stall     = 20 * time.Millisecond
	tries     = 3
	helloTime = 5 * time.Second
	again     = 2 * time.Second // between two looks whether tokens still hold
	swept     = time.Second     // between two looks who has left: ten thousand who come back at once need the room
)

// hub holds the open streams.
type hub struct {
	d      *Door
	parts  [writers]part
	next   atomic.Int64
	seats  seats
	closed atomic.Bool
}

// part is a writer's share.
type part struct {
	mu      sync.Mutex // held while it writes, too
	streams map[*stream]struct{}
	wake    chan struct{}
	swept   time.Time // when it was last looked who has left
}

// stream is one open event stream.
type stream struct {
	caller
	conn net.Conn
	raw  syscall.RawConn // nil where there is none, as over TLS
	seen int64           // generation that it was told of last
	beat time.Time
	lost atomic.Bool // its token does not hold any more
}

func newHub(d *Door) *hub {
	h := &hub{d: d}
	for i := range h.parts {
		h.parts[i].streams = map[*stream]struct{}{}
		h.parts[i].wake = make(chan struct{}, 1)
	}
	return h
}

// changed wakes the writers.
func (h *hub) changed(string) {
	for i := range h.parts {
		h.parts[i].stir()
	}
}

// stir wakes a writer.
func (p *part) stir() {
	select {
	case p.wake <- struct{}{}:
	default: // it has not begun yet
	}
}

// run writes until ctx ends, then closes every stream.
func (h *hub) run(ctx context.Context) error {
	var all sync.WaitGroup
	for i := range h.parts {
		all.Go(func() { h.parts[i].run(ctx, h) })
	}
	all.Go(func() { h.watch(ctx) })
	all.Wait()
	return nil
}

func (p *part) run(ctx context.Context, h *hub) {
	tick := time.NewTicker(heartbeat / 20)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			h.closed.Store(true)
			p.pass(h, time.Now(), true)
			return
		case <-h.d.Stop.Done():
			h.closed.Store(true)
			p.pass(h, time.Now(), true)
			return
		case <-p.wake:
		case <-tick.C:
		}
		p.pass(h, time.Now(), false)
	}
}

// pass tells every stream what it has not heard, and ends those that may not go on.
func (p *part) pass(h *hub, now time.Time, end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	views := map[string]*view{}
	sweep := now.Sub(p.swept) >= swept
	if sweep {
		p.swept = now
	}
	for s := range p.streams {
		v, ok := views[s.environment]
		if !ok {
			v = h.d.view(s.environment)
			views[s.environment] = v
		}
		if end || !s.mayGoOn(h.d, now) || sweep && s.gone() || !s.tell(v, now) {
			delete(p.streams, s)
			h.seats.leave(&s.caller)
			_ = s.conn.Close()
		}
	}
}

// mayGoOn reports whether the stream's key still holds.
func (s *stream) mayGoOn(d *Door, now time.Time) bool {
	switch {
	case s.key != nil && s.key.Ended(), s.lost.Load(), !s.until.IsZero() && now.After(s.until):
		return false
	}
	return true
}

// watch asks again and again whether the tokens of streams still hold. It does so beside those who write, who must not
// wait for the store.
func (h *hub) watch(ctx context.Context) {
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.d.Stop.Done():
			return
		case <-tick.C:
			h.recheck(ctx)
		}
	}
}

// recheck ends the streams of tokens that do not hold any more, or may not look where the stream is. While nobody can
// say they go on, as what a token asks for does.
func (h *hub) recheck(ctx context.Context) {
	by := map[string][]*stream{}
	for i := range h.parts {
		p := &h.parts[i]
		p.mu.Lock()
		for s := range p.streams {
			if s.token != "" && h.d.TokenOf != nil {
				by[s.token] = append(by[s.token], s)
			}
		}
		p.mu.Unlock()
	}
	ended := false
	for hash, streams := range by {
		limit, cancel := context.WithTimeout(ctx, again)
		ask := func(ctx context.Context) (access.Actor, error) { return h.d.TokenOf(ctx, hash) }
		who, wait, err := h.d.tokens.actor(limit, ask, hash, func() string { return "" }, time.Now())
		cancel()
		if wait > 0 || ctx.Err() != nil {
			continue
		}
		for _, s := range streams {
			if err != nil || !who.May(access.ViewEnvironment, s.environment) {
				s.lost.Store(true)
				ended = true
			}
		}
	}
	if ended {
		h.changed("")
	}
}

// gone reports whether the reader has closed the connection. It asks the system, and waits for nothing.
func (s *stream) gone() bool {
	if s.raw == nil {
		return false
	}
	closed := false
	err := s.raw.Read(func(fd uintptr) bool {
		var one [1]byte
		n, err := syscall.Read(int(fd), one[:]) // a reader has nothing more to say
		closed = n == 0 && err == nil || err != nil && err != syscall.EAGAIN && err != syscall.EINTR
		return true
	})
	return closed || err != nil
}

// tell sends what is due. It reports whether the stream is still there.
func (s *stream) tell(v *view, now time.Time) bool {
	var message []byte
	switch {
	case v != nil && v.set.Generation != s.seen:
		message, s.seen = v.news(s.public), v.set.Generation
	case !now.Before(s.beat):
		message = []byte(": alive\n\n")
	default:
		return true
	}
	s.beat = now.Add(heartbeat)
	for range tries {
		_ = s.conn.SetWriteDeadline(time.Now().Add(stall))
		n, err := s.conn.Write(message)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err == nil && n == len(message)
		}
	}
	return false
}

// events opens a stream that tells of changes.
func (d *Door) events(w http.ResponseWriter, r *http.Request, c *caller) {
	v := d.view(c.environment)
	if v == nil {
		d.missing(w, "")
		return
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}
	if d.hub.closed.Load() {
		d.missing(w, "")
		return
	}
	if p, wait := d.hub.seats.take(&d.Options, c); p != nil {
		d.limited.Add(1)
		retry(w, wait)
		fail(w, p.status, p.failure)
		return
	}
	hello := d.hello(w.Header(), v, c, r.Header.Get("Last-Event-ID"))
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		d.hub.seats.leave(c)
		fail(w, http.StatusNotImplemented, failure{Details: "Event streams need HTTP/1.1."})
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	_ = conn.SetWriteDeadline(time.Now().Add(helloTime))
	if _, err := conn.Write(hello); err != nil {
		d.hub.seats.leave(c)
		_ = conn.Close()
		return
	}
	s := &stream{caller: *c, conn: conn, seen: v.set.Generation, beat: c.now.Add(heartbeat)}
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			s.raw = raw
		}
	}
	p := &d.hub.parts[d.hub.next.Add(1)%writers]
	p.mu.Lock()
	p.streams[s] = struct{}{}
	p.mu.Unlock()
	if d.hub.closed.Load() {
		p.pass(d.hub, c.now, true)
	} else if d.Flags.Set(c.environment) != v.set || c.key != nil && c.key.Ended() { // meanwhile
		p.stir()
	}
}

// hello is the beginning of a stream. One who was there before and has missed nothing hears nothing; everybody else is
// told to ask, because something may have changed between their last answer and now. Those who were cut off at once do
// not all come back at once.
func (d *Door) hello(h http.Header, v *view, c *caller, last string) []byte {
	out := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n" +
		"Connection: close\r\nX-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\n")
	for _, name := range []string{"Access-Control-Allow-Origin", "Vary"} {
		if value := h.Get(name); value != "" { // an origin that a key was checked against, without line breaks
			out = append(out, name+": "+value+"\r\n"...)
		}
	}
	out = append(out, "\r\nretry: "+strconv.Itoa(1000+rand.IntN(2000))+"\n\n"...)
	if last != strconv.FormatInt(v.set.Generation, 10) {
		return append(out, v.news(c.public)...)
	}
	return append(out, ": nothing was missed\n\n"...)
}
