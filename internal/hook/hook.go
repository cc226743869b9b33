// Package hook is the door at which a platform delivers by itself: Vercel's drains and webhooks, and GitHub's webhooks.
//
// Who comes in proves it by a signature over the body, with any of the secrets that are valid now; nobody learns why
// a signature was refused. What is delivered again counts once, whichever node it came to before: drains and GitHub's
// events by what they hold, Vercel's events by the id in them. A delivery is answered when its numbers are added up, or
// when the event was handed on, which takes milliseconds: the work itself waits in the store. What could not be taken
// is answered so that it comes again. Nothing here decides anything.
package hook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/github"
	"github.com/slipwayhq/slipway/internal/metric/drain"
	"github.com/slipwayhq/slipway/internal/metric/intake"
	"github.com/slipwayhq/slipway/internal/metric/otlp"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/vercel"
)

// Kind is what is delivered.
type Kind string

// The kinds of deliveries.
const (
	Drains   Kind = "drains"
	Webhooks Kind = "webhooks"
	Code     Kind = "github"
)

const (
	maxDrain   = 16 << 20         // bytes of a drain's delivery when unpacked
	maxWebhook = 1 << 20          // of a webhook
	atOnce     = 4                // bodies that are unpacked and read at the same time: it bounds the memory
	patience   = 10 * time.Second // that a delivery waits for its turn
	handing    = 20 * time.Second // that an event may take to be handed on; Vercel waits for thirty
	drainsKept = 30 * time.Minute // for which a drain's delivery is known again
)

// Options say who may deliver, and to whom.
type Options struct {
	// Secrets returns the secrets that are valid now; several while one is being changed, none: the door is shut.
	Secrets func(context.Context, Kind) ([]string, error)
	// Verify is answered where Vercel asks whether an address is ours, before it sends to it; empty: it is not.
	Verify string
	DB     *store.DB      // remembers deliveries, for all nodes
	Drain  *drain.Drain   // nil: no drain is taken
	Spans  *otlp.Receiver // nil: no traces are taken
	Hook   func(context.Context, vercel.Event) error
	Forge  func(context.Context, github.Event) error // nil: nothing is taken from GitHub
	Log    *slog.Logger
}

// Status says what came to one door.
type Status struct {
	Deliveries uint64 `json:"deliveries"` // taken
	Repeated   uint64 `json:"repeated"`   // of them: left out, because they were taken before
	Refused    uint64 `json:"refused"`    // for their signature
	Failed     uint64 `json:"failed"`     // to be delivered again
	// Signed says which body the last signature of a packed one was right for: packed or unpacked.
	Signed string `json:"signed,omitempty"`
}

// Door takes deliveries. It is safe for concurrent use.
type Door struct {
	o     Options
	mux   *http.ServeMux
	turns chan struct{}

	mu     sync.Mutex
	status map[Kind]Status
	warned time.Time
	tidied time.Time
}

// New returns a Door.
func New(o Options) *Door {
	d := &Door{o: o, mux: http.NewServeMux(), turns: make(chan struct{}, atOnce), status: map[Kind]Status{}}
	if d.o.Log == nil {
		d.o.Log = slog.New(slog.DiscardHandler)
	}
	drains := d.take(Drains, maxDrain, d.drained)
	d.mux.Handle("GET /hooks/vercel/drains", http.HandlerFunc(d.verify))
	d.mux.Handle("POST /hooks/vercel/drains", drains)
	d.mux.Handle("POST /hooks/vercel/drains/v1/traces", drains) // what an OTLP exporter makes of the address
	d.mux.Handle("POST /hooks/vercel/webhooks", d.take(Webhooks, maxWebhook, d.told))
	d.mux.Handle("POST /hooks/github", d.take(Code, maxWebhook, d.forge))
	return d
}

// ServeHTTP takes a delivery.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	d.mux.ServeHTTP(w, r)
}

// Status returns what came to a door.
func (d *Door) Status(k Kind) Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status[k]
}

func (d *Door) note(k Kind, change func(*Status)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.status[k]
	change(&s)
	d.status[k] = s
}

// verify answers whether the address is ours.
func (d *Door) verify(w http.ResponseWriter, r *http.Request) {
	if d.o.Verify == "" {
		answer(w, r, fault.New(fault.NotFound, "not_found", "There is nothing here to read."))
		return
	}
	w.Header().Set("X-Vercel-Verify", d.o.Verify)
	answer(w, r, nil)
}

// take is what both doors do before and after the work.
func (d *Door) take(k Kind, limit int, work func(context.Context, *http.Request, []byte) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.o.Verify != "" && k == Drains {
			w.Header().Set("X-Vercel-Verify", d.o.Verify)
			if r.ContentLength == 0 && r.Header.Get(vercel.SignatureHeader) == "" {
				answer(w, r, nil) // nothing is taken
				return
			}
		}
		if p := proofOf(k); len(r.Header.Get(p.header)) != p.length { // nobody's body is kept for nothing
			answer(w, r, d.forged(r, k))
			return
		}
		var kept bytes.Buffer // of the right size at once: what grows takes three times as much
		kept.Grow(int(max(0, min(r.ContentLength, int64(limit)))) + bytes.MinRead)
		_, err := kept.ReadFrom(http.MaxBytesReader(w, r.Body, int64(limit)))
		raw := kept.Bytes()
		if err != nil {
			answer(w, r, fault.Wrap(err, fault.Invalid, "body_incomplete", "The body did not arrive whole, or is too large."))
			return
		}
		// The body is here: how long it took may no longer cut the work short.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		answer(w, r, d.signed(r, k, raw, limit, work))
	})
}

// signed lets the work be done on a body whose signature is right.
func (d *Door) signed(r *http.Request, k Kind, raw []byte, limit int,
	work func(context.Context, *http.Request, []byte) error,
) error {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	select {
	case d.turns <- struct{}{}:
		defer func() { <-d.turns }()
	case <-ctx.Done():
		return fault.New(fault.Limited, "too_many_requests", "Too much is delivered at once. Send it again.")
	}
	secrets, err := d.o.Secrets(ctx, k)
	if err != nil {
		return err
	}
	p := proofOf(k)
	signature := r.Header.Get(p.header)
	right := p.signed(raw, signature, secrets...)
	// Whether Vercel signs what it sends or what it packed is not written anywhere: either is proof of the secret.
	body, err := intake.Unpack(r.Header.Get("Content-Encoding"), bytes.NewReader(raw), int64(limit))
	if !right && (err != nil || !p.signed(body, signature, secrets...)) {
		return d.forged(r, k)
	}
	if err != nil {
		return err
	}
	err = work(r.Context(), r, body)
	d.note(k, func(s *Status) {
		switch {
		case bytes.Equal(raw, body): // either way is the same
		case right:
			s.Signed = "packed"
		default:
			s.Signed = "unpacked"
		}
		if err != nil {
			s.Failed++
		} else {
			s.Deliveries++
		}
	})
	if err != nil {
		d.o.Log.WarnContext(r.Context(), "take a delivery", "kind", string(k), "error", err)
	}
	return err
}

// forged refuses and counts a wrong signature, and tells of it now and then: most likely a secret is not the one
// that is set.
func (d *Door) forged(r *http.Request, k Kind) error {
	d.note(k, func(s *Status) { s.Refused++ })
	d.mu.Lock()
	again := time.Since(d.warned) > time.Minute
	if again {
		d.warned = time.Now()
	}
	d.mu.Unlock()
	if again {
		d.o.Log.WarnContext(r.Context(), "a delivery has no right signature", "kind", string(k))
	}
	return fault.New(fault.Denied, "forbidden", "Forbidden.")
}

// once does what was not done before for the same id. What fails may come again, and what was begun by a node that died
// is taken over.
func (d *Door) once(ctx context.Context, k Kind, id string, now time.Time, work func() error) error {
	as := "vercel:" + string(k)
	if k == Code {
		as = string(k)
	}
	before, err := d.o.DB.BeginIdempotent(ctx, id, as, "", now)
	switch {
	case err != nil:
		return err
	case before != nil && before.Status == 0:
		return fault.New(fault.Unavailable, "delivery_running", "The same is being taken. Send it again.")
	case before != nil:
		d.note(k, func(s *Status) { s.Repeated++ })
		return nil
	}
	err = work()
	kept := context.WithoutCancel(ctx)
	if err != nil && !fault.Is(err, fault.Invalid) { // which it would be again
		if dropped := d.o.DB.DropIdempotent(kept, id, as); dropped != nil {
			d.o.Log.WarnContext(ctx, "let a delivery come again", "kind", string(k), "error", dropped)
		}
		return err
	}
	if kept := d.o.DB.FinishIdempotent(kept, id, as, http.StatusOK, nil); kept != nil {
		d.o.Log.WarnContext(ctx, "remember a delivery", "kind", string(k), "error", kept)
	}
	return err
}

// tidy forgets old deliveries of drains: there are many, and what comes later than that counts nowhere.
func (d *Door) tidy(ctx context.Context, now time.Time) {
	d.mu.Lock()
	due := now.Sub(d.tidied) > time.Minute
	if due {
		d.tidied = now
	}
	d.mu.Unlock()
	if !due {
		return
	}
	if _, err := d.o.DB.PruneIdempotentOf(ctx, "vercel:"+string(Drains), now.Add(-drainsKept)); err != nil {
		d.o.Log.WarnContext(ctx, "forget old deliveries", "error", err)
	}
}

// drained takes a drain's delivery: rows of any of its kinds, or traces.
func (d *Door) drained(ctx context.Context, r *http.Request, body []byte) error {
	if d.o.Drain == nil {
		return fault.New(fault.NotFound, "not_found", "No drain is taken here.")
	}
	now, err := d.o.DB.Now(ctx)
	if err != nil {
		return err
	}
	d.tidy(ctx, now)
	sum := sha256.Sum256(body)
	return d.once(ctx, Drains, hex.EncodeToString(sum[:]), now, func() error {
		form := formOf(r.Header.Get("Content-Type"), body)
		if form == rows {
			return d.o.Drain.Take(ctx, now, body)
		}
		if d.o.Spans == nil {
			return fault.New(fault.Invalid, "traces_off", "No traces are taken here.")
		}
		read := d.o.Spans.TracesJSON
		if form == spans {
			read = d.o.Spans.Traces
		}
		_, err := read(now, body, d.o.Drain.Spans(ctx, now))
		return err
	})
}

// told hands an event on.
func (d *Door) told(ctx context.Context, _ *http.Request, body []byte) error {
	ev, err := vercel.DecodeEvent(body)
	if err != nil {
		return err
	}
	if !known(ev) || d.o.Hook == nil {
		return nil
	}
	now, err := d.o.DB.Now(ctx)
	if err != nil {
		return err
	}
	return d.once(ctx, Webhooks, ev.ID, now, func() error {
		ctx, cancel := context.WithTimeout(ctx, handing)
		defer cancel()
		return d.o.Hook(ctx, ev)
	})
}

// proof is how a platform signs.
type proof struct {
	header string
	length int
	signed func(body []byte, signature string, secrets ...string) bool
}

func proofOf(k Kind) proof {
	if k == Code {
		return proof{github.SignatureHeader, github.SignatureLength, github.Signed}
	}
	return proof{vercel.SignatureHeader, vercel.SignatureLength, vercel.Signed}
}

// forge hands an event of GitHub's on.
func (d *Door) forge(ctx context.Context, r *http.Request, body []byte) error {
	if d.o.Forge == nil {
		return fault.New(fault.NotFound, "not_found", "Nothing of GitHub is taken here.")
	}
	kind := r.Header.Get(github.EventHeader)
	if kind != "deployment_protection_rule" && kind != "check_run" {
		return nil // such as the ping with which it begins
	}
	ev, err := github.DecodeEvent(kind, body)
	if err != nil || !ev.Wanted() {
		return err // the app is told of each of its own check runs
	}
	now, err := d.o.DB.Now(ctx)
	if err != nil {
		return err
	}
	// The id of a delivery stands beside what is signed: what is sent again under another one is still the same.
	sum := sha256.Sum256(body)
	return d.once(ctx, Code, hex.EncodeToString(sum[:]), now, func() error {
		ctx, cancel := context.WithTimeout(ctx, handing)
		defer cancel()
		return d.o.Forge(ctx, ev)
	})
}

// known says whether anybody could want an event.
func known(ev vercel.Event) bool {
	for _, family := range []string{
		"deployment.", "project.", "edge-config.", "global-config.", "flag.", "alerts.", "observability.", "firewall.",
	} {
		if strings.HasPrefix(ev.Type, family) {
			return true
		}
	}
	return false
}

// form is how a drain's body is written.
type form int

const (
	rows      form = iota // JSON, a list or one in each line
	spansJSON             // OTLP
	spans                 // OTLP as protobuf
)

// formOf tells forms apart: all drains may come to one address.
func formOf(contentType string, body []byte) form {
	if protobuf(contentType) {
		return spans
	}
	start := bytes.TrimLeft(body[:min(len(body), 256)], " \t\r\n{")
	if bytes.HasPrefix(start, []byte(`"resourceSpans"`)) {
		return spansJSON
	}
	return rows
}

func protobuf(contentType string) bool {
	return contentType == "application/x-protobuf" || contentType == "application/protobuf"
}

// answer writes what came of a delivery.
func answer(w http.ResponseWriter, r *http.Request, err error) {
	packed := protobuf(r.Header.Get("Content-Type"))
	if err == nil && packed { // an empty message: all of it is taken
		w.Header().Set("Content-Type", "application/x-protobuf")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		_, _ = io.WriteString(w, "{}\n")
		return
	}
	row := fault.RowOf(fault.KindOf(err))
	status := row.Status
	switch row.Kind {
	case fault.Limited, fault.Internal:
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "5")
	case fault.Invalid:
		status = http.StatusBadRequest
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": fault.MessageOf(err)})
}
