package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/store"
)

// append writes an event.
func (w *world) append(t *testing.T, kind, environment string) int64 {
	t.Helper()
	var seq int64
	if err := w.db.Write(t.Context(), func(tx *store.Tx) error {
		e, err := tx.Append(t.Context(), event.Draft{
			Kind: kind, Actor: "system:test", App: "shop", Environment: environment, Subject: "x", Sentence: "It happened.",
		})
		seq = e.Seq
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return seq
}

// stream is an open event stream.
type stream struct {
	t     *testing.T
	lines chan string
	end   context.CancelFunc
	resp  *http.Response
}

func (w *world) follow(t *testing.T, query, token string, headers ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/api/v1/events"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, lines: make(chan string, 1000), end: cancel, resp: resp}
	t.Cleanup(func() { cancel(); _ = resp.Body.Close() })
	go func() {
		defer close(s.lines)
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			s.lines <- in.Text()
		}
	}()
	return s
}

// event reads the next event; ok is false when the stream ended.
func (s *stream) event() (e api.Event, raw string, ok bool) {
	s.t.Helper()
	for line := range s.lines {
		raw += line + "\n"
		if data, found := strings.CutPrefix(line, "data: "); found {
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				s.t.Fatal(err)
			}
			return e, raw, true
		}
	}
	return e, raw, false
}

func TestEventsArriveInOrderAndResume(t *testing.T) {
	w := open(t)
	s := w.follow(t, "", w.admin)
	if s.resp.Header.Get("Content-Type") != "text/event-stream" || s.resp.Header.Get("Cache-Control") != "no-store" {
		t.Error(s.resp.Header)
	}
	var last int64
	for i := range 300 { // more than one page
		last = w.append(t, fmt.Sprintf("test.k%d", i), "production")
	}
	first, _, _ := s.event()
	seen := first.Seq
	for seen < last {
		e, raw, ok := s.event()
		if !ok || e.Seq != seen+1 || !strings.Contains(raw, fmt.Sprintf("id: %d\n", e.Seq)) {
			t.Fatalf("%d after %d: %s", e.Seq, seen, raw)
		}
		seen = e.Seq
	}
	s.end()
	back := w.follow(t, "", w.admin, fmt.Sprintf("Last-Event-ID: %d", last-2))
	for _, want := range []int64{last - 1, last} {
		if e, _, ok := back.event(); !ok || e.Seq != want {
			t.Errorf("resumed with %d, want %d", e.Seq, want)
		}
	}
	if r := w.do(t, http.MethodHead, "/api/v1/events", "", as(w.admin)); r.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %d", r.StatusCode)
	}
	begin := w.follow(t, "?after=0", w.admin)
	if e, _, ok := begin.event(); !ok || e.Seq != 1 {
		t.Errorf("the first event is %d", e.Seq)
	}
	if r := w.do(t, http.MethodGet, "/api/v1/events", "", as(w.admin),
		"Last-Event-ID: x"); r.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("Last-Event-ID: x: %d", r.StatusCode)
	}
}

func TestEventsAreFilteredByWishAndByRight(t *testing.T) {
	w := open(t)
	narrow := w.token(t, "ada", "log:read@staging")
	mine := w.follow(t, "", narrow)
	releases := w.follow(t, "?kind=release.", w.admin)
	for range 250 { // pages that hold nothing for the reader
		w.append(t, "other.thing", "production")
	}
	w.append(t, "release.paused", "production")
	want := w.append(t, "release.paused", "staging")
	if e, _, ok := mine.event(); !ok || e.Seq != want || e.Environment != "staging" {
		t.Errorf("the narrow token got %+v", e)
	}
	if e, _, ok := releases.event(); !ok || e.Seq != want-1 {
		t.Errorf("release. got %+v", e)
	}
}

func TestStreamsStayAliveAndEndWithTheRight(t *testing.T) {
	w := open(t)
	w.heartbeat = 20 * time.Millisecond
	w.user(t, "root2", "admin")
	token := w.token(t, "root2")
	s := w.follow(t, "", token)
	alive := false
	for line := range s.lines {
		if line == ": alive" {
			alive = true
			break
		}
	}
	if !alive {
		t.Fatal("no heartbeat")
	}
	if r := w.do(t, http.MethodPatch, "/api/v1/users/root2", `{"disabled":true}`,
		as(w.admin)); r.StatusCode != http.StatusOK {
		t.Fatal(r.body)
	}
	var rest strings.Builder
	for line := range s.lines { // ends
		rest.WriteString(line + "\n")
	}
	if !strings.Contains(rest.String(), "event: problem") || !strings.Contains(rest.String(), `"kind":"unknown"`) {
		t.Errorf("it ended with %s", rest.String())
	}
}

// No event comes after the one that says that the right has ended: a stream does not
// wait for its heartbeat to find out.
func TestARevokedStreamGetsNothingMore(t *testing.T) {
	w := open(t) // its heartbeat is far away
	token := w.token(t, "ada", "log:read")
	s := w.follow(t, "", token)
	w.append(t, "test.before", "production")
	if e, _, ok := s.event(); !ok || e.Kind != "test.before" {
		t.Fatalf("%+v", e)
	}
	tokens, err := w.People.Tokens(t.Context(), access.System("test"))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range tokens {
		if len(k.Scopes) == 1 {
			if _, err := w.People.RevokeToken(t.Context(), access.System("test"), k.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.append(t, "test.after", "production")
	var rest strings.Builder
	for line := range s.lines { // ends
		rest.WriteString(line + "\n")
	}
	if strings.Contains(rest.String(), "test.after") || !strings.Contains(rest.String(), "event: problem") {
		t.Errorf("it ended with %s", rest.String())
	}
}

func TestStreamsAreLimitedAndEndWhenTheServerStops(t *testing.T) {
	stop, cancel := context.WithCancel(t.Context())
	w := open(t, func(o *Options) { o.Stop = stop })
	open := []*stream{}
	for range maxActorStreams {
		open = append(open, w.follow(t, "", w.admin))
	}
	if r := w.do(t, http.MethodGet, "/api/v1/events", "", as(w.admin)); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one more stream: %d", r.StatusCode)
	}
	cancel()
	for _, s := range open {
		for range s.lines { // to its end
		}
	}
	if r := w.do(t, http.MethodGet, "/readyz", ""); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready while it stops: %d", r.StatusCode)
	}
}
