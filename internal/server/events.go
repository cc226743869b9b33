package server

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/desk"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
)

// Limits of event streams.
const (
	maxStreams      = 1000 // of everybody
	maxActorStreams = 32
	eventsAtOnce    = 200
	writeTime       = 15 * time.Second // for one message to a slow reader
)

// streams counts those that are open.
type streams struct {
	mu  sync.Mutex
	by  map[string]int
	all int
}

// open counts a stream of the actor's, or says that there are too many.
func (s *streams) open(actor string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams || s.by[actor] >= maxActorStreams {
		return fault.New(fault.Limited, "too_many_streams", "Too many event streams are open. Close one.")
	}
	if s.by == nil {
		s.by = map[string]int{}
	}
	s.by[actor]++
	s.all++
	return nil
}

func (s *streams) close(actor string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.by[actor]--; s.by[actor] == 0 {
		delete(s.by, actor)
	}
}

func (s *Server) eventOperation(h huma.API) {
	type query struct {
		Filters
		After       string `query:"after" maxLength:"20" doc:"Begin after this event; after the newest when absent."`
		LastEventID string `header:"Last-Event-ID" maxLength:"20" doc:"The same, as a browser sends it when it comes back."`
	}
	op := func(o *huma.Operation) {
		o.Responses = map[string]*huma.Response{"200": {
			Description: "An event stream: id is the event's number, data the event. Comments keep it alive.",
			Content: map[string]*huma.MediaType{"text/event-stream": {
				Schema: &huma.Schema{Type: huma.TypeString, Description: "text/event-stream; each data line is an Event."},
			}},
		}}
	}
	registerStream(s, h, endpoint{
		ID: "follow-log", Method: http.MethodGet, Path: "/events", Tag: "Log", Summary: "Follow the log as it grows",
		About: "Server-sent events. Only events that the caller may see arrive. The stream ends when the caller's " +
			"right to it does.",
		Permission: access.ReadLog,
	}, op, func(ctx context.Context, who access.Actor, in *query) (func(http.ResponseWriter, *http.Request), error) {
		begin := int64(-1)
		if from := cmp.Or(in.LastEventID, in.After); from != "" {
			id, err := strconv.ParseInt(from, 10, 64)
			if err != nil || id < 0 {
				return nil, fault.New(fault.Invalid, "event_id_malformed", "%q is not the number of an event.", cut(from, 20))
			}
			begin = id
		}
		q := desk.EventQuery{Kind: in.Kind, Subject: in.Subject, Actor: event.ActorOf(in.Actor),
			Environment: in.Environment}
		return s.stream(ctx, who, begin, q)
	})
}

// stream checks that the caller may follow, before the answer begins.
func (s *Server) stream(ctx context.Context, who access.Actor, begin int64, q desk.EventQuery) (
	func(http.ResponseWriter, *http.Request), error,
) {
	probe := q
	probe.Limit = 1
	if _, err := s.Desk.Events(ctx, who, probe); err != nil {
		return nil, err
	}
	head, err := s.DB.Head(ctx)
	if err != nil {
		return nil, err
	}
	if begin < 0 || begin > head.Seq {
		begin = head.Seq
	}
	if err := s.streams.open(who.ID); err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, r *http.Request) {
		defer s.streams.close(who.ID)
		s.Metrics.Stream(1)
		defer s.Metrics.Stream(-1)
		f := &feed{s: s, w: w, control: http.NewResponseController(w), who: who, query: q, after: begin}
		f.run(r)
	}, nil
}

// feed is one open event stream.
type feed struct {
	s       *Server
	w       http.ResponseWriter
	control *http.ResponseController
	who     access.Actor
	query   desk.EventQuery
	after   int64
}

// run sends events until the reader goes away, may not read any more, or the server
// stops.
func (f *feed) run(r *http.Request) {
	ctx := r.Context()
	sub := f.s.Live.Subscribe(f.after)
	defer sub.Close()
	f.w.Header().Set("Content-Type", "text/event-stream")
	f.w.Header().Set("Cache-Control", "no-store")
	f.w.Header().Set("X-Accel-Buffering", "no")
	f.w.Header().Set("X-Slipway-Seq", strconv.FormatInt(f.after, 10)) // where a new reader begins, to come back to
	f.w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	beat := time.NewTicker(f.s.heartbeat)
	defer beat.Stop()
	err := f.send("retry: 2000\n\n")
	for err == nil {
		if err = f.catchUp(ctx); err != nil {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-f.s.Stop.Done():
			return
		case <-sub.C():
		case <-beat.C:
			if err = f.send(": alive\n\n"); err == nil {
				err = f.stillAllowed(ctx)
			}
		}
	}
	if ctx.Err() == nil && !isGone(err) {
		f.s.logProblem(ctx, "follow-log", err)
		raw, merr := json.Marshal(problemOf(ctx, err).Problem)
		if merr == nil {
			_ = f.send("event: problem\ndata: " + string(raw) + "\n\n")
		}
	}
}

// catchUp sends every event after the last one.
func (f *feed) catchUp(ctx context.Context) error {
	for {
		head := f.s.Live.Head() // before the question: what comes meanwhile is asked for next time
		q := f.query
		q.After, q.Ascending, q.Limit = f.after, true, eventsAtOnce
		page, err := f.s.Desk.Events(ctx, f.who, q)
		if err != nil {
			return err
		}
		if len(page.Items) > 0 { // asked after the reading: what a right's end is followed by is not sent
			rights := f.who.Grants
			if err := f.stillAllowed(ctx); err != nil {
				return err
			}
			if !slices.Equal(rights, f.who.Grants) {
				continue
			}
		}
		for _, e := range page.Items {
			if err := f.event(e); err != nil {
				return err
			}
		}
		next, err := strconv.ParseInt(page.Next, 10, 64)
		if err != nil || next <= f.after && len(page.Items) == 0 {
			f.after = max(f.after, head) // what was left out was not for this reader
			return nil
		}
		f.after = max(f.after, next)
	}
}

func (f *feed) event(e api.Event) error {
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("marshal event %d: %w", e.Seq, err)
	}
	if err := f.send("id: " + strconv.FormatInt(e.Seq, 10) + "\ndata: " + string(raw) + "\n\n"); err != nil {
		return err
	}
	f.after = e.Seq
	return nil
}

// goneError says that the reader is away.
type goneError struct{ err error }

// Error says why.
func (e goneError) Error() string { return "the reader is gone: " + e.err.Error() }

func isGone(err error) bool {
	_, ok := err.(goneError) //nolint:errorlint // made here and never wrapped
	return ok
}

func (f *feed) send(text string) error {
	_ = f.control.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := f.w.Write([]byte(text)); err != nil {
		return goneError{err}
	}
	if err := f.control.Flush(); err != nil {
		return goneError{err}
	}
	return nil
}

// stillAllowed asks again whether the token or session holds: a revoked one ends
// the stream, not only the next request.
func (f *feed) stillAllowed(ctx context.Context) error {
	c, _ := ctx.Value(actorKey{}).(*caller)
	if c == nil || c.renewed == nil {
		return nil
	}
	actor, err := c.renewed(ctx)
	if err != nil {
		return err
	}
	f.who = actor
	return nil
}
