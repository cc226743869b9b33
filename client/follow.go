package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// signIn makes a session.
func (c *Client) signIn(ctx context.Context, in api.Login) (*http.Response, api.Session, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, api.Session{}, fmt.Errorf("marshal login: %w", err)
	}
	resp, err := c.send(ctx, call{method: http.MethodPost, path: "sessions"}, body)
	if err != nil {
		return nil, api.Session{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	var s api.Session
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&s); err != nil {
		return nil, api.Session{}, c.unreached(err)
	}
	return resp, s, nil
}

// Follow selects events to follow.
type Follow struct {
	After       int64 // begin after this event; a negative number: after the newest
	Kind        string
	Subject     string
	Actor       string
	Environment string
	Lost        func(error) // called when the connection is lost, before it is made again; may be nil
}

// silence is how long a stream may be without a sign of life.
const silence = 45 * time.Second

// Events are followed as they happen. A lost connection is made again, after the
// last event that arrived, so that none is missed and none comes twice. The
// sequence ends with an error when the server refuses, and without one when ctx ends.
func (c *Client) Follow(ctx context.Context, f Follow) iter.Seq2[api.Event, error] {
	return func(yield func(api.Event, error) bool) {
		after, pause := f.After, c.o.Pause
		for {
			more := true
			err := c.stream(ctx, f, after, func(e api.Event) bool {
				after, pause = e.Seq, c.o.Pause
				more = yield(e, nil)
				return more
			}, func(newest int64) {
				if after < 0 {
					after = newest
				}
			})
			if !more || ctx.Err() != nil {
				return
			}
			if p, ok := errors.AsType[*Problem](err); ok && !p.passing() {
				yield(api.Event{}, err)
				return
			}
			if f.Lost != nil {
				f.Lost(err)
			}
			if !wait(ctx, pause/2+mathrand.N(pause)) {
				return
			}
			pause = min(pause*2, 10*time.Second)
		}
	}
}

// stream reads one connection until it ends or take wants no more.
func (c *Client) stream(ctx context.Context, f Follow, after int64, take func(api.Event) bool,
	begun func(int64)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := call{
		method: http.MethodGet, path: "events", header: http.Header{"Accept": {"text/event-stream"}},
		query: query("kind", f.Kind, "subject", f.Subject, "actor", f.Actor, "environment", f.Environment),
	}
	if after >= 0 {
		in.query.Set("after", strconv.FormatInt(after, 10))
	}
	resp, err := c.send(ctx, in, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if n, err := strconv.ParseInt(resp.Header.Get("X-Slipway-Seq"), 10, 64); err == nil {
		begun(n)
	}
	quiet := time.AfterFunc(silence, cancel) // the other side is gone without a word
	defer quiet.Stop()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 64<<10), 8<<20)
	var data []byte
	problem := false
	for lines.Scan() {
		quiet.Reset(silence)
		line := lines.Bytes()
		switch {
		case len(line) == 0 && len(data) > 0:
			if problem {
				return streamProblem(data)
			}
			var e api.Event
			if err := json.Unmarshal(data, &e); err != nil {
				return c.unreached(fmt.Errorf("an event is unreadable: %w", err))
			}
			if !take(e) {
				return nil
			}
			data, problem = nil, false
		case bytes.HasPrefix(line, []byte("data:")):
			data = append(data, bytes.TrimPrefix(line[len("data:"):], []byte(" "))...)
		case strings.TrimSpace(string(bytes.TrimPrefix(line, []byte("event:")))) == "problem":
			problem = true
		}
	}
	if err := lines.Err(); err != nil {
		return c.unreached(err)
	}
	return c.unreached(io.ErrUnexpectedEOF)
}

// streamProblem is what the server said before it ended a stream.
func streamProblem(data []byte) error {
	var p api.Problem
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("unmarshal the stream's problem: %w", err)
	}
	return &Problem{
		Kind: p.Kind, Reason: p.Reason, Message: p.Detail, Command: p.Command, Remedy: p.Remedy,
		Request: p.Instance, Status: p.Status,
		ExitCode: p.ExitCode,
		Fields:   p.Errors,
	}
}
