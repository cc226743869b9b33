// Package client talks to Slipway over its HTTP API.
//
// It has a method for every operation and uses the types of package api. What is
// safe to send again is sent again when the network or the server fails for a
// moment: reads, and writes under an Idempotency-Key that the client makes itself,
// so that a command is carried out once however often it was sent. Errors are
// *Problem: they say what the caller can do, in words and as an exit code.
//
// A Client is safe for use by many goroutines.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
)

// maxAnswer bounds what the client reads of one answer.
const maxAnswer = 64 << 20

// Options change how a Client works; the zero value is good.
type Options struct {
	Token     string        // slp_…; without one only public operations work
	HTTP      *http.Client  // nil: one of its own, without redirects
	UserAgent string        // in front of the client's own
	Tries     int           // how often a safe request is sent at most; 4 when 0
	Pause     time.Duration // before the second try, doubled after each; 200 ms when 0
}

// Client talks to one Slipway.
type Client struct {
	base *url.URL
	o    Options
}

// New returns a client for the Slipway at an address such as http://127.0.0.1:4400.
func New(address string, o Options) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" ||
		u.Fragment != "" {
		return nil, &Problem{
			Kind: "invalid", Reason: "address_malformed", ExitCode: 2,
			Message: fmt.Sprintf("%q is no address of a Slipway: it looks like https://slipway.example.com.", address),
		}
	}
	if strings.ContainsAny(o.Token, "\r\n ") {
		return nil, &Problem{Kind: "invalid", Reason: "token_malformed", ExitCode: 2,
			Message: "The token holds spaces or line breaks."}
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{CheckRedirect: noRedirect, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: time.Minute,
		}}
	}
	if o.Tries <= 0 {
		o.Tries = 4
	}
	if o.Pause <= 0 {
		o.Pause = 200 * time.Millisecond
	}
	o.UserAgent = strings.TrimSpace(o.UserAgent + " slipway-client/1")
	return &Client{base: u, o: o}, nil
}

// noRedirect keeps a token from being sent to wherever an answer points.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Address returns where the client's Slipway is.
func (c *Client) Address() string { return c.base.String() }

// Problem is why a request failed.
type Problem struct {
	// what the caller can do: invalid, not_found, conflict, unknown, denied, refused, limited, unavailable, internal
	Kind     string
	Reason   string // stable word for the cause
	Message  string // for people
	Command  string // for people at a command line, where that differs; else empty
	Remedy   string // what to do about this kind of problem; may be empty
	Request  string // id of the request in Slipway's log; empty when it was not reached
	Status   int    // HTTP status; 0 when there was no answer
	ExitCode int    // for a command line
	Fields   []api.ProblemError
	Err      error // the network's error, when there was no answer

	retry time.Duration // the server's Retry-After
}

// Error returns the message.
func (p *Problem) Error() string { return p.Message }

// Unwrap returns the network's error.
func (p *Problem) Unwrap() error { return p.Err }

// call is one operation to perform.
type call struct {
	method, path string
	query        url.Values
	body         any
	key          string // Idempotency-Key
	header       http.Header
	outside      bool // path is not below /api/v1
}

// get reads.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return do[T](ctx, c, call{method: http.MethodGet, path: path, query: query})
}

// post commands, once.
func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	return do[T](ctx, c, call{method: http.MethodPost, path: path, body: body, key: rand.Text()})
}

// do performs a call, again when that is safe and may help.
func do[T any](ctx context.Context, c *Client, in call) (T, error) {
	var out T
	var body []byte
	if in.body != nil {
		var err error
		if body, err = json.Marshal(in.body); err != nil {
			return out, fmt.Errorf("marshal body of %s: %w", in.path, err)
		}
	}
	safe := in.method == http.MethodGet || in.method == http.MethodDelete || in.key != ""
	pause := c.o.Pause
	for try := 1; ; try++ {
		raw, err := c.once(ctx, in, body)
		if err == nil {
			if len(raw) == 0 {
				return out, nil
			}
			if err := json.Unmarshal(raw, &out); err != nil {
				return out, &Problem{
					Kind: "internal", Reason: "answer_unreadable", ExitCode: 1, Err: err,
					Message: "The answer of " + c.base.Host + " is not Slipway's: " + err.Error() + ".",
				}
			}
			return out, nil
		}
		p, ok := errors.AsType[*Problem](err)
		if !ok || !safe || try >= c.o.Tries || !p.passing() || ctx.Err() != nil {
			return out, err
		}
		if !wait(ctx, max(p.retry, pause/2+mathrand.N(pause))) {
			return out, err
		}
		pause *= 2
	}
}

// passing reports whether the same request may succeed in a moment.
func (p *Problem) passing() bool {
	switch {
	case p.retry > 30*time.Second:
		return false
	case p.Status == 0:
		return p.Kind == "unavailable"
	case p.Reason == "request_in_progress":
		return true
	case p.Reason == "login_throttled":
		return false
	}
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// wait pauses and reports whether ctx still holds.
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

// once sends a request once and returns the body of a good answer.
func (c *Client) once(ctx context.Context, in call, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	resp, err := c.send(ctx, in, body)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, c.unreached(err)
	}
	return raw, nil
}

// send sends a request and returns an answer that is good; every other is a Problem.
func (c *Client) send(ctx context.Context, in call, body []byte) (*http.Response, error) {
	u := c.base.JoinPath("api", "v1", in.path)
	if in.outside {
		u = c.base.JoinPath(in.path)
	}
	u.RawQuery = in.query.Encode()
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, in.method, u.String(), content)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	for name, values := range in.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", c.o.UserAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if in.key != "" {
		req.Header.Set("Idempotency-Key", in.key)
	}
	if c.o.Token != "" && req.Header.Get("Cookie") == "" {
		req.Header.Set("Authorization", "Bearer "+c.o.Token)
	}
	resp, err := c.o.HTTP.Do(req)
	if err != nil {
		return nil, c.unreached(err)
	}
	if resp.StatusCode < http.StatusMultipleChoices {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, problemOf(resp)
}

// unreached is the problem of a request without an answer.
func (c *Client) unreached(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	why := err.Error()
	if u, ok := errors.AsType[*url.Error](err); ok {
		why = u.Err.Error()
	}
	return &Problem{
		Kind: "unavailable", Reason: "unreachable", ExitCode: 7, Err: err,
		Message: fmt.Sprintf("Slipway cannot be reached at %s: %s.", c.base, why),
		Remedy:  "start it with `slipway up`, or name its address with --url or SLIPWAY_URL",
	}
}

// problemOf reads an answer that is not good.
func problemOf(resp *http.Response) *Problem {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	out := &Problem{Status: resp.StatusCode, Request: resp.Header.Get("X-Request-Id")}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		out.retry = time.Duration(s) * time.Second
	}
	var p api.Problem
	if err := json.Unmarshal(raw, &p); err == nil && p.Kind != "" {
		out.Kind, out.Reason, out.Message, out.Command = p.Kind, p.Reason, p.Detail, p.Command
		out.Remedy, out.ExitCode, out.Fields = p.Remedy, p.ExitCode, p.Errors
		return out
	}
	if out.evaluating(raw) {
		return out
	}
	out.Kind, out.Reason, out.ExitCode = "internal", "answer_unexpected", 1
	if resp.StatusCode >= http.StatusBadGateway {
		out.Kind, out.Reason, out.ExitCode = "unavailable", "gateway", 7
	}
	out.Message = fmt.Sprintf("%s answered %s, which is not Slipway's way: is there a proxy in between?",
		resp.Request.URL.Host, resp.Status)
	return out
}
