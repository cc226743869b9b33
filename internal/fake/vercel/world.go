// Package vercel is a stateful server of Vercel's API for tests and demonstrations: projects, deployments, promotions,
// rollbacks, rolling releases and what stands around them move as on Vercel, by a clock that the test may hold, and
// production's domains and every deployment really serve, on loopback.
//
// It knows nothing of the product, so that a fault in one is never hidden by the same fault in the other: Vercel's own
// software judges it (story/vercel). What could not be verified says (unverified) where it stands.
package vercel

import (
	"context"
	"crypto/sha1" //nolint:gosec // ids, not secrets
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// The plans.
const (
	Hobby      = "hobby"
	Pro        = "pro"
	Enterprise = "enterprise"
)

// Options of a world. All may be left out.
type Options struct {
	Now        func() time.Time // time.Now when nil
	Plan       string           // Pro when empty
	AliasDelay time.Duration    // how long a promotion or a rollback takes
	// Propagation is how long a write to a Global Config takes to where visitors' requests read it.
	Propagation time.Duration
	// DrainDelay is how long records wait for others before a drain delivers them together.
	DrainDelay time.Duration
	// Build makes what a deployment serves, and returns its address. It runs beside everything else; a fault is a
	// failed build. Without it, a deployment answers with its own id.
	Build func(context.Context, Deployment) (upstream string, err error)
	// Name gives a deployment its id, where it says one: a build that was made beforehand says its id in its pages.
	Name func(Deployment) string
	// Log is told what the world can't answer to anybody.
	Log func(format string, args ...any)
}

// World is one Vercel. Its methods may be called from anywhere.
type World struct {
	o       Options
	handler http.Handler

	mu          sync.Mutex
	ctx         context.Context
	stop        context.CancelFunc
	wg          sync.WaitGroup
	address     string
	seq         int
	stamped     int64
	closers     []func()
	tokens      map[string]*Token
	projects    []*project
	deployments []*deployment // oldest first
	files       map[string][]byte
	aliases     map[string]*alias
	requests    []Request
	limits      limiter
	trouble     trouble
	outbox      outbox
	hooks       []*hook
	drains      []*drain
	configs     []*config
	shared      []*variable
	served      []Served
	bypasses    []object
}

// object is a JSON object.
type object = map[string]any

// New returns a world with one person, one team and one token ("token"), which may do everything.
func New(o Options) *World {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Plan == "" {
		o.Plan = Pro
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	w := &World{o: o, tokens: map[string]*Token{"token": {Secret: "token"}}, files: map[string][]byte{},
		aliases: map[string]*alias{}}
	w.handler = w.routes()
	return w
}

// Start begins to answer, until the context ends or the world is closed.
func (w *World) Start(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ctx, w.stop = context.WithCancel(ctx)
	address, err := w.listen(http.HandlerFunc(w.answer))
	if err != nil {
		w.stop()
		return err
	}
	w.address = address
	w.wg.Go(w.live)
	return nil
}

// URL is where the API answers.
func (w *World) URL() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return "http://" + w.address
}

// Close ends everything.
func (w *World) Close() {
	w.mu.Lock()
	stop, closers := w.stop, w.closers
	w.closers = nil
	w.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	for _, c := range closers {
		c()
	}
	w.wg.Wait()
}

// listen serves on a port of loopback that the kernel chooses, and returns host and port. The lock is held.
func (w *World) listen(h http.Handler) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(w.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	w.closers = append(w.closers, func() { _ = s.Close() })
	w.wg.Go(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			w.o.Log("the listener %s ended: %v", l.Addr(), err)
		}
	})
	context.AfterFunc(w.ctx, func() { _ = s.Close() })
	return l.Addr().String(), nil
}

// live lets time pass where nobody asks.
func (w *World) live() {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-t.C:
			w.Settle()
		}
	}
}

// Settle carries out all that is due now. It happens by itself every few milliseconds, and before every answer.
func (w *World) Settle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle()
}

func (w *World) settle() {
	for _, p := range w.projects {
		w.settleAliases(p)
		w.settleRolling(p)
		w.settleChecks(p)
	}
	for _, d := range w.deployments {
		w.assign(d)
	}
	w.settleOutbox()
}

// now is the time in milliseconds.
func (w *World) now() int64 { return w.o.Now().UnixMilli() }

// stamp is the time, and later than any stamp before: pages are divided by it.
func (w *World) stamp() int64 {
	w.stamped = max(w.now(), w.stamped+1)
	return w.stamped
}

// id makes an id that says nothing of its age.
func (w *World) id(prefix string) string {
	w.seq++
	sum := sha1.Sum(fmt.Appendf(nil, "%s%d", prefix, w.seq))
	return prefix + hex.EncodeToString(sum[:12])
}
