// Package follow keeps an edge that runs as its own process up to date.
//
// A Follower fetches tables from the control plane by long poll, remembers the last
// one in a checked file, and delivers what the edge observed. When the control plane
// is away the edge keeps serving, also after a restart; observations wait in a
// bounded backlog of which the oldest go first.
//
// It never holds up the proxying, and it never lets an older table, a damaged file or
// half a table take effect.
package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/internal/edge"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
)

// The headers by which an edge tells the control plane who and how far it is.
const (
	NameHeader       = "X-Slipway-Edge"
	GenerationHeader = "X-Slipway-Edge-Generation"
)

// The control plane's addresses for edges.
const (
	TablePath        = "/api/v1/edge/table"
	ObservationsPath = "/api/v1/edge/observations"
)

// Options set up a Follower.
type Options struct {
	Control  string        // the control plane's address, such as https://slipway.example.com
	Token    string        // sent as a bearer
	Name     string        // of this edge, for people; the edge's source by default
	File     string        // keeps the last table; none when empty
	Client   *http.Client  // one that follows no redirects by default
	Backlog  int           // batches kept while the control plane is away; 600 by default
	Wait     time.Duration // how long a question for a new table may stay open; 25 s by default
	Every    time.Duration // between deliveries of observations; 1 s by default
	MinRetry time.Duration // first pause after a failure; 250 ms by default
	MaxRetry time.Duration // longest pause; 15 s by default
	Log      *slog.Logger  // discards by default
}

func (o Options) withDefaults(source string) Options {
	if o.Name == "" {
		o.Name = source
	}
	if o.Client == nil {
		o.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the token is for this address only
		}}
	}
	if o.Backlog == 0 {
		o.Backlog = 600
	}
	if o.Wait == 0 {
		o.Wait = 25 * time.Second
	}
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.MinRetry == 0 {
		o.MinRetry = 250 * time.Millisecond
	}
	if o.MaxRetry == 0 {
		o.MaxRetry = 15 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Follower keeps an edge in its own process up to date: it fetches tables from
// the control plane, remembers the last one in a file, and delivers observations.
// The proxying never waits for it.
type Follower struct {
	edge *edge.Edge
	opts Options
	base string

	mu        sync.Mutex
	asked     bool      // control has answered, or not answered, at least once
	connected bool      // the last question for a table was answered
	since     time.Time // when that last changed
	lost      uint64    // batches of observations that were dropped and not told of
}

// New returns a follower for e, and starts e from the file when there is a
// good one. A damaged file is logged and left out: the edge then waits for control.
func New(e *edge.Edge, opts Options) (*Follower, error) {
	opts = opts.withDefaults(e.Source())
	u, err := url.Parse(opts.Control)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fault.New(fault.Invalid, "control_url", "the control plane's address %q is not a URL", opts.Control)
	}
	if !isName(opts.Name) || strings.ContainsAny(opts.Token, "\r\n") {
		return nil, fault.New(fault.Invalid, "edge_name", "the edge's name or token has characters that no header can carry")
	}
	f := &Follower{edge: e, opts: opts, base: strings.TrimSuffix(opts.Control, "/")}
	f.since = time.Now()
	if opts.File != "" {
		f.start()
	}
	return f, nil
}

// start applies the table of the file.
func (f *Follower) start() {
	t, builds, found, err := loadSnapshot(f.opts.File)
	if err == nil && found {
		f.edge.Restore(t, builds)
		err = f.edge.Apply(t)
	}
	switch {
	case err != nil:
		f.opts.Log.Warn("edge does not start from its file", "file", f.opts.File, "err", err)
	case found:
		f.opts.Log.Info("edge starts from its file", "file", f.opts.File, "generation", t.Generation)
	}
}

// Run follows until ctx ends, then tries once to deliver what it still holds.
func (f *Follower) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { f.followTables(ctx); return nil })
	g.Go(func() error { f.deliver(ctx); return nil })
	err := g.Wait()
	f.save()
	return err
}

// followTables asks for tables until ctx ends.
func (f *Follower) followTables(ctx context.Context) {
	retry := f.newRetry()
	for ctx.Err() == nil {
		asked := time.Now()
		changed, err := f.fetch(ctx)
		if ctx.Err() != nil {
			return
		}
		f.noteConnected(err)
		switch {
		case err != nil:
			pause(ctx, retry.next())
			continue
		case !changed && time.Since(asked) < f.opts.MinRetry:
			pause(ctx, f.opts.MinRetry) // a control plane that does not wait is not asked without end
		}
		retry.reset()
	}
}

// noteConnected remembers and logs when control goes away or comes back, and what that has cost.
func (f *Follower) noteConnected(err error) {
	now := time.Now()
	f.mu.Lock()
	before, first, away, lost := f.connected, !f.asked, now.Sub(f.since), f.lost
	f.asked = true
	if before != (err == nil) {
		f.connected, f.since = err == nil, now
	}
	if !before && err == nil {
		f.lost = 0 // it is told below
	}
	f.mu.Unlock()
	switch {
	case (before || first) && err != nil:
		f.opts.Log.Warn("control is away; the edge keeps its table", "generation", f.generation(), "err", err)
	case !before && err == nil:
		f.opts.Log.Info("control answers", "generation", f.generation(), "after", away.Round(time.Millisecond),
			"batches_lost", lost)
	}
}

func (f *Follower) generation() uint64 { return f.edge.Table().Generation }

// fetch asks once for a newer table and applies it. A table that the edge refuses
// counts as a failure of the control plane, so that it is not asked for again at once.
func (f *Follower) fetch(ctx context.Context) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.opts.Wait+10*time.Second)
	defer cancel()
	wait := strconv.Itoa(int(f.opts.Wait / time.Second))
	req, err := f.request(ctx, http.MethodGet, TablePath+"?wait="+wait, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("If-None-Match", `"`+strconv.FormatUint(f.generation(), 10)+`"`)
	resp, err := f.opts.Client.Do(req)
	if err != nil {
		return false, fmt.Errorf("ask for the table: %w", err)
	}
	defer discard(resp)
	switch resp.StatusCode {
	case http.StatusNotModified, http.StatusNoContent:
		return false, nil
	case http.StatusOK:
	default:
		return false, fmt.Errorf("ask for the table: control answers %s", resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, edge.MaxTableBytes+1))
	if err != nil {
		return false, fmt.Errorf("read the table: %w", err)
	}
	return f.take(b)
}

// take applies a table that arrived.
func (f *Follower) take(b []byte) (changed bool, err error) {
	t, err := edge.DecodeTable(b)
	before := f.generation()
	if err == nil {
		err = f.edge.Apply(t)
	}
	if err != nil {
		return false, fmt.Errorf("take the table: %w", err)
	}
	if t.Generation == before {
		return false, nil
	}
	f.opts.Log.Info("edge has a new table", "generation", t.Generation, "share", t.Share, "canary", t.Canary)
	f.save()
	return true, nil
}

// save writes the table in force to the file. Without it the edge still serves.
func (f *Follower) save() {
	t := f.edge.Table()
	if f.opts.File == "" || t.Generation == 0 {
		return
	}
	if err := saveSnapshot(f.opts.File, t, f.edge.Builds()); err != nil {
		f.opts.Log.Error("edge cannot keep its table in a file", "file", f.opts.File, "err", err)
	}
}

func (f *Follower) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, f.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("build the request to control: %w", err)
	}
	if f.opts.Token != "" {
		req.Header.Set("Authorization", "Bearer "+f.opts.Token)
	}
	req.Header.Set(NameHeader, f.opts.Name)
	req.Header.Set(GenerationHeader, strconv.FormatUint(f.generation(), 10))
	return req, nil
}

// isName reports whether a header can carry s.
func isName(s string) bool {
	return s != "" && len(s) <= 128 && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// discard reads the little that is left of an answer, so that its connection can be
// used again.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

// retry is a pause that doubles, with jitter so that edges do not come back at once.
type retry struct{ least, most, pause time.Duration }

func (f *Follower) newRetry() *retry { return &retry{least: f.opts.MinRetry, most: f.opts.MaxRetry} }

func (r *retry) next() time.Duration {
	r.pause = min(max(2*r.pause, r.least), r.most)
	return r.pause/2 + rand.N(r.pause/2+1)
}

func (r *retry) reset() { r.pause = 0 }

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// errRejected marks a batch that the control plane will never take.
var errRejected = errors.New("the control plane rejects the batch")

// backlog is what waits for delivery, oldest first.
type backlog struct {
	batches []metric.Batch
	limit   int
}

// push adds a batch and returns how many had to be dropped for it.
func (b *backlog) push(m metric.Batch) (dropped uint64) {
	for len(b.batches) >= b.limit {
		b.batches = b.batches[1:]
		dropped++
	}
	b.batches = append(b.batches, m)
	return dropped
}
