package follow

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
)

// The server's addresses for programs that evaluate by themselves.
const (
	documentPath = "/flags/v1/document"
	eventsPath   = "/flags/v1/events"
	usagePath    = "/flags/v1/usage"
)

// most bounds what is read of one answer: a list of a million ids has about 40 MB.
const most = 512 << 20

// settle lets the SDK say that the provider is ready before the provider says that it is stale already.
const settle = 100 * time.Millisecond

// spread is how long a key that was just made may take to reach every server.
const spread = 2 * time.Second

// RefusesKey reports whether a server refused the key.
func RefusesKey(err error) bool { return fault.ReasonOf(err) == "flag_key_refused" }

// Run keeps the flags those of the server until ctx ends. It tells first how the first attempt went.
func (f *Follower) Run(ctx context.Context, first chan<- error) {
	if f.said = (announced{}); f.current.Load() != nil {
		f.said.state = Ready // of the file
	}
	err := f.fetch(ctx)
	for began := time.Now(); RefusesKey(err) && time.Since(began) < spread; err = f.fetch(ctx) {
		if !wait(ctx, f.o.Retry) {
			break
		}
	}
	first <- err
	if err == nil {
		f.said.state = Ready // which the SDK says itself
	}
	f.said.failed = err != nil
	pause := f.o.Retry
	if err != nil && !wait(ctx, pause+settle) {
		return
	}
	for ctx.Err() == nil {
		began := time.Now()
		err := f.stream(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil { // it lived its time
			pause = f.o.Retry
			continue
		}
		if time.Since(began) > f.o.Longest {
			pause = f.o.Retry
		}
		f.note(f.fetch(ctx)) // in place of the stream
		f.o.Log.Debug("flags: the event stream ended", "error", err)
		if !wait(ctx, max(pause/2+rand.N(pause), retryAfter(err))) {
			return
		}
		pause = min(2*pause, f.o.Longest)
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// ask sends a request with the key.
func (f *Follower) ask(
	ctx context.Context, method, path string, body []byte, header ...string,
) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, f.base+path, content)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+f.o.Key)
	req.Header.Set("User-Agent", f.o.Agent)
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := f.o.HTTP.Do(req)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "unreachable", "%s does not answer.", f.base)
	}
	return resp, nil
}

// later is an answer that says when to ask again.
type later struct {
	error
	after time.Duration
}

// Unwrap returns what the answer was.
func (l later) Unwrap() error { return l.error }

func retryAfter(err error) time.Duration {
	if l, ok := err.(later); ok {
		return l.after
	}
	return 0
}

// refusal is what an answer means that is not the wanted one.
func (f *Follower) refusal(resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.New(fault.Denied, "flag_key_refused",
			"%s refuses the flag key (%s): make one with slipway flag-key create.", f.base, resp.Status)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil {
			seconds = 0
		}
		return later{
			fault.New(fault.Unavailable, "flags_busy", "%s answers %s.", f.base, resp.Status),
			min(time.Duration(max(seconds, 0))*time.Second, time.Minute),
		}
	}
	return fault.New(fault.Unavailable, "flags_unexpected", "%s answers %s.", f.base, resp.Status)
}

// fetch makes the server's flags those in force.
func (f *Follower) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	etag := ""
	if s := f.current.Load(); s != nil {
		etag = s.ETag
	}
	resp, err := f.ask(ctx, http.MethodGet, documentPath, nil, "Accept", "application/json", "If-None-Match", etag)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusNotModified:
		return nil
	case http.StatusOK:
	default:
		return f.refusal(resp)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "unreachable", "%s was cut off.", f.base)
	}
	s, err := read(bytes.TrimSpace(text), resp.Header.Get("ETag"), f.current.Load())
	if err != nil {
		return err
	}
	if err := f.take(s); err != nil {
		return err
	}
	if f.o.File != "" {
		if err := save(f.o.File, s); err != nil {
			f.o.Log.Warn("keep the flags", "file", f.o.File, "error", err)
		}
	}
	return nil
}

// stream follows the event stream. It fetches at its beginning, because something may have changed while there was
// none, and whenever it is told to. It returns nil when the stream is old enough to be opened anew.
func (f *Follower) stream(ctx context.Context) error {
	alive, cancel := context.WithTimeout(ctx, f.o.Age/2+rand.N(f.o.Age))
	defer cancel()
	quiet, stop := context.WithCancel(alive)
	defer stop()
	resp, err := f.ask(quiet, http.MethodGet, eventsPath, nil, "Accept", "text/event-stream")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return f.refusal(resp)
	}
	err = f.fetch(ctx)
	f.note(err)
	if fault.Is(err, fault.Unavailable) {
		return err
	}
	silence := time.AfterFunc(f.o.Silence, stop)
	defer silence.Stop()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var data []byte
	for lines.Scan() {
		silence.Reset(f.o.Silence)
		line := lines.Bytes()
		if rest, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(data, bytes.TrimPrefix(rest, []byte(" "))...)
		}
		if len(line) > 0 || len(data) == 0 {
			continue
		}
		err, data = f.told(ctx, data), nil
		if fault.Is(err, fault.Unavailable) {
			return err
		}
	}
	if alive.Err() != nil {
		return nil
	}
	return fault.Wrap(lines.Err(), fault.Unavailable, "unreachable", "The event stream of %s was cut off.", f.base)
}

// told fetches when an event says that something changed.
func (f *Follower) told(ctx context.Context, data []byte) error {
	var e struct{ Type, ETag string }
	if json.Unmarshal(data, &e) != nil || e.Type != "refetchEvaluation" {
		return nil // of a later server: not for us
	}
	if s := f.current.Load(); s != nil && s.ETag != "" {
		tag := strings.Trim(s.ETag, `"`)
		if e.ETag == tag || strings.HasSuffix(e.ETag, "-"+tag) { // behind the generation
			return nil // we have it already
		}
	}
	err := f.fetch(ctx)
	f.note(err)
	return err
}
