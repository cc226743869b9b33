// Package ofrep is the door for programs that evaluate feature flags: OpenFeature's
// remote evaluation protocol (OFREP 0.3.0) for every SDK, and under /flags/v1 the
// definitions in flagd's format for those that evaluate by themselves, the stream
// that tells them of changes, and what they report of usage.
//
// It answers from memory alone (see flagset), so that it serves while the store is
// away. It stands beside the API and not behind it: nothing here is done twice, and
// everything that a request needs was prepared when the set changed. A context, which
// may name a person, is evaluated and forgotten: it is in no log, not even in an error.
package ofrep

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/flagset"
)

// The paths.
const (
	evaluatePath = "/ofrep/v1/evaluate/flags"
	documentPath = "/flags/v1/document"
	eventsPath   = "/flags/v1/events"
	usagePath    = "/flags/v1/usage"
)

// Options are what a door is made of.
type Options struct {
	Flags *flagset.Keeper
	// Token returns who acts by an API token; nil knows none.
	Token func(context.Context, string) (access.Actor, error)
	// TokenOf returns who acts by the API token with a hash: SHA-256, in hexadecimal.
	TokenOf func(ctx context.Context, hash string) (access.Actor, error)
	// Address returns where a request comes from, alike for all whom one person may be: that of the connection when nil.
	Address func(*http.Request) string
	// Secret signs the addresses of event streams. All nodes have the same.
	Secret []byte
	Log    *slog.Logger
	// Stop ends streams when the server stops.
	Stop context.Context //nolint:containedctx // it outlives every request
	// Rate is how many requests a second one key may make of this node: 20,000 when 0. Twice as many may come at once.
	Rate float64
	// Streams is how many event streams may be open: 20,000 when 0.
	Streams int
	// KeyStreams is how many of them may be open with one key: three quarters when 0.
	KeyStreams int
	// AddressStreams is how many of them may be open with public keys from one address: a twentieth when 0.
	AddressStreams int
	// Panicked counts a caught panic.
	Panicked func()
}

// Door answers requests.
type Door struct {
	Options
	views   sync.Map // of *view by environment
	tokens  tokens
	askers  addresses // with public keys
	reports addresses // likewise, of usage
	hub     *hub
	scratch sync.Pool
	shards  atomic.Int64

	evaluations atomic.Int64 // requests answered: single and bulk
	evaluated   atomic.Int64 // flags, of them
	nanos       atomic.Int64 // that took
	unchanged   atomic.Int64 // of them without evaluating
	refused     atomic.Int64 // without a key that holds
	limited     atomic.Int64
}

// New returns a door. Its streams are told of changes while Run runs.
func New(o Options) *Door {
	if o.Rate == 0 {
		o.Rate = 20_000
	}
	if o.Streams == 0 {
		o.Streams = 20_000
	}
	if o.KeyStreams == 0 {
		o.KeyStreams = max(1, o.Streams*3/4)
	}
	if o.AddressStreams == 0 {
		o.AddressStreams = max(1, o.Streams/20)
	}
	if o.Address == nil {
		o.Address = peer
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Stop == nil {
		o.Stop = context.Background()
	}
	if o.Panicked == nil {
		o.Panicked = func() {}
	}
	d := &Door{Options: o}
	d.tokens.by, d.tokens.wrong = map[string]known{}, map[string]time.Time{}
	d.scratch.New = func() any { return &scratch{shard: int(d.shards.Add(1)) % flagset.Shards} }
	d.hub = newHub(d)
	o.Flags.OnChange(d.hub.changed)
	return d
}

// tenth is the part of what one public key may ask that one address may.
const tenth = 10

// peer is the address of the connection.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Run tells open streams of changes, and that they are alive, until ctx ends.
func (d *Door) Run(ctx context.Context) error { return d.hub.run(ctx) }

// Numbers are what the door has done since its start.
type Numbers struct {
	Evaluations, Unchanged, Refused, Limited int64
	Streams                                  int
	Flags                                    int64         // that were evaluated
	Took                                     time.Duration // that
}

// Numbers returns them.
func (d *Door) Numbers() Numbers {
	return Numbers{
		d.evaluations.Load(), d.unchanged.Load(), d.refused.Load(), d.limited.Load(), d.hub.seats.open(),
		d.evaluated.Load(), time.Duration(d.nanos.Load()),
	}
}

// scratch is what one request needs for a moment.
type scratch struct {
	in, out []byte
	shard   int
}

// mostScratch is how large a buffer may be that is kept for the next request.
const mostScratch = 256 << 10

// ServeHTTP answers a request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			d.Panicked()
			d.Log.ErrorContext(r.Context(), "a request for flags panicked", "panic", fmt.Sprintf("%T", p),
				"stack", string(debug.Stack()))
			fail(w, http.StatusInternalServerError, failure{Details: "Something went wrong inside Slipway."})
		}
	}()
	path := r.URL.Path
	if rest, ok := strings.CutPrefix(path, evaluatePath); ok {
		switch {
		case rest == "" || rest == "/":
			d.at(w, r, http.MethodPost, d.bulk)
			return
		case rest[0] == '/' && len(rest) <= 1+maxKey && !strings.Contains(rest[1:], "/"):
			d.at(w, r, http.MethodPost, d.single)
			return
		}
	}
	switch path {
	case documentPath:
		d.at(w, r, http.MethodGet, d.document)
	case eventsPath:
		d.at(w, r, http.MethodGet, d.events)
	case usagePath:
		d.at(w, r, http.MethodPost, d.usage)
	default:
		fail(w, http.StatusNotFound, failure{Details: "There is nothing at this address."})
	}
}

// at answers what can be answered without knowing who asks, and lets through who has a key.
func (d *Door) at(
	w http.ResponseWriter, r *http.Request, method string, do func(http.ResponseWriter, *http.Request, *caller),
) {
	origin := r.Header.Get("Origin")
	if origin != "" {
		w.Header()["Vary"] = varyOrigin()
	}
	switch {
	case r.Method == http.MethodOptions:
		preflight(w, method, origin)
		return
	case r.Method != method && !(r.Method == http.MethodHead && method == http.MethodGet):
		w.Header().Set("Allow", method+", OPTIONS")
		fail(w, http.StatusMethodNotAllowed, failure{Details: r.Method[:min(len(r.Method), 16)] + " is not possible here."})
		return
	}
	var c caller
	if problem := d.admit(w, r, origin, &c); problem != nil {
		fail(w, problem.status, problem.failure)
		return
	}
	do(w, r, &c)
}

// preflight answers what a browser asks before it lets a page ask. It carries no key: whether the page may have the
// answer is decided with it.
func preflight(w http.ResponseWriter, method, origin string) {
	h := w.Header()
	if origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Methods", method+", OPTIONS")
		h.Set("Access-Control-Allow-Headers",
			"authorization, x-api-key, content-type, if-none-match, cache-control, pragma, last-event-id")
		h.Set("Access-Control-Max-Age", "7200")
	}
	h.Set("Allow", method+", OPTIONS")
	w.WriteHeader(http.StatusNoContent)
}

func varyOrigin() []string { return []string{"Origin"} }

// failure is the body of an answer that is none, as OFREP has it.
type failure struct {
	Key     string `json:"key,omitempty"`
	Code    string `json:"errorCode,omitempty"`
	Details string `json:"errorDetails,omitempty"`
}

// fail answers with a failure.
func fail(w http.ResponseWriter, status int, f failure) {
	out := make([]byte, 0, 256)
	out = append(out, '{')
	for _, field := range [...]struct{ name, text string }{
		{"key", f.Key}, {"errorCode", f.Code}, {"errorDetails", f.Details},
	} {
		if field.text == "" {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), field.name...), `":`...)
		out = appendString(out, field.text)
	}
	write(w, status, append(out, '}'))
}

// write answers with JSON.
func write(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	if h["Cache-Control"] == nil {
		h["Cache-Control"] = []string{"no-store"}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// retry says when to come again, in whole seconds.
func retry(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int((wait+time.Second-1)/time.Second))))
}
