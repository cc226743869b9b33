// Package github is a client of GitHub's API for a GitHub App: the calls that Slipway uses, and the signatures of what
// GitHub sends.
//
// It knows nothing of releases. The app's key makes short-lived proofs, those buy a token of the installation, and that
// is kept until it is about to end. A call is repeated only where that does no harm: reads, and changes that say the
// whole. What makes something is never repeated here: its caller looks for it first. Limits are obeyed over all nodes,
// and a GitHub that is away is left alone for a while. Keys and tokens are in headers only, and in no error.
package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/remote"
)

// API is GitHub's own address; that of an enterprise server ends in /api/v3.
const API = "https://api.github.com"

const (
	version   = "2022-11-28"
	maxAnswer = 4 << 20
	patience  = 2 * time.Second // a shorter wait for a limit is waited out
	attempts  = 3               // of a call that can do no harm
	early     = 5 * time.Minute // before its end a token is no longer used
)

// Options are what a Client stands on.
type Options struct {
	API        string // address of the API
	App        int64  // id of the GitHub App
	Repository string // OWNER/NAME
	Key        func(ctx context.Context) (string, error)
	HTTP       *http.Client
	Limits     remote.Limits // shared by all nodes; nil: this process's own
	Now        func() time.Time
	Timeout    time.Duration // of one try; 10 s
	Backoff    time.Duration // before the second try; 250 ms
}

// Client speaks with GitHub about one repository. It is safe for concurrent use.
type Client struct {
	o       Options
	breaker remote.Breaker

	mu     sync.Mutex
	rights map[string]string // of the token
	token  string
	ends   time.Time
	at     int64     // the installation
	heard  time.Time // when GitHub last answered
}

// Answered is when GitHub last answered this client, with whatever; zero where it never did.
func (c *Client) Answered() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}

func (c *Client) answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = c.o.Now()
}

// New returns a client.
func New(o Options) *Client {
	if o.API == "" {
		o.API = API
	}
	o.API = strings.TrimRight(o.API, "/")
	if o.HTTP == nil {
		o.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if o.Limits == nil {
		o.Limits = remote.NewLimits()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Backoff == 0 {
		o.Backoff = 250 * time.Millisecond
	}
	return &Client{o: o}
}

// call is one request.
type call struct {
	do     string // what it does, in words that follow "to": "begin a check run"
	right  string // that the app needs for it
	method string
	path   string
	body   any
	safe   bool // a repetition does no harm; GET always is
	app    bool // as the app itself, not as its installation
}

// do makes the call, again where that is safe, and reads the answer into out unless that is nil.
func (c *Client) do(ctx context.Context, k call, out any) error {
	var body []byte
	if k.body != nil {
		var err error
		if body, err = json.Marshal(k.body); err != nil {
			return fault.Wrap(err, fault.Internal, "github_body", "What GitHub is asked cannot be written.")
		}
	}
	wait := c.o.Backoff
	renewed := false
	for try := 1; ; try++ {
		err := c.once(ctx, k, body, out)
		r, refused := RefusalOf(err)
		if refused && r.Status == http.StatusUnauthorized && !r.App && !renewed { // nothing was done: a new token may do
			renewed = true
			c.forget()
			continue
		}
		if try >= attempts || !k.safe && k.method != http.MethodGet || !transient(err) {
			return err
		}
		pause := wait
		if refused && !r.Until.IsZero() {
			pause = r.Until.Sub(c.o.Now())
		}
		if pause > patience || !remote.Rest(ctx, pause) {
			return err
		}
		wait *= 4
	}
}

// transient reports whether the same call may succeed in a moment.
func transient(err error) bool {
	if r, ok := RefusalOf(err); ok {
		return fault.ReasonOf(err) == "github_limited" || r.Status >= 500
	}
	return fault.ReasonOf(err) == "github_unreachable"
}

// kind names the limit that calls count for: GitHub counts by installation.
func (c *Client) kind() string {
	return "github: " + strconv.FormatInt(c.o.App, 10) + " " + c.o.Repository
}

// once makes the call one time.
func (c *Client) once(ctx context.Context, k call, body []byte, out any) error {
	if err := c.mayCall(ctx, k); err != nil {
		return err
	}
	secret, err := c.proof(ctx, k)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, k.method, c.o.API+k.path, bytes.NewReader(body))
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "github_address", "The address of GitHub's API is none.")
	}
	if len(body) > 0 {
		q.Header.Set("Content-Type", "application/json")
	}
	q.Header.Set("Authorization", "Bearer "+secret)
	q.Header.Set("Accept", "application/vnd.github+json")
	q.Header.Set("X-GitHub-Api-Version", version)
	q.Header.Set("User-Agent", "slipway")
	answer, err := c.o.HTTP.Do(q)
	if err != nil {
		c.breaker.Failed(ctx, c.o.Now())
		return unreachable(err, k, secret)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		c.breaker.Failed(ctx, c.o.Now())
		return unreachable(err, k, secret)
	case len(text) > maxAnswer:
		return fault.New(fault.Unavailable, "github_answer", "GitHub's answer is larger than %d MiB: asked to %s.",
			maxAnswer>>20, k.do)
	case answer.StatusCode >= 500:
		c.breaker.Failed(ctx, c.o.Now())
	default:
		c.answered()
		c.breaker.Worked()
	}
	said := ""
	if answer.StatusCode >= 300 {
		said = message(text, secret)
	}
	until, limited := c.note(ctx, answer, said)
	if answer.StatusCode >= 300 {
		return c.refusal(k, answer, limited, until, said)
	}
	if out == nil || len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fault.Wrap(err, fault.Unavailable, "github_answer",
			"GitHub's answer is none that Slipway can read: asked to %s.", k.do)
	}
	return nil
}

func unreachable(err error, k call, secret string) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the address says nothing that the sentence does not
	}
	if strings.Contains(err.Error(), secret) {
		err = errors.New(remote.Clean(err.Error(), secret))
	}
	return fault.Wrap(err, fault.Unavailable, "github_unreachable", "GitHub does not answer: asked to %s.", k.do)
}

// mayCall refuses the call while a limit lasts, or when GitHub is left alone.
func (c *Client) mayCall(ctx context.Context, k call) error {
	now := c.o.Now()
	// Who can't tell of a limit does not stop a call: GitHub will say so itself.
	if until, err := c.o.Limits.Until(ctx, c.kind()); err == nil && until.After(now) &&
		(until.Sub(now) > patience || !remote.Rest(ctx, until.Sub(now))) {
		return limited(k, &Refusal{Status: http.StatusTooManyRequests, Message: "held", Until: until})
	}
	if until, ok := c.breaker.May(now); !ok {
		return fault.New(fault.Unavailable, "github_resting",
			"GitHub did not answer lately and is left alone until %s UTC: wanted to %s.",
			until.UTC().Format(time.TimeOnly), k.do)
	}
	return nil
}

// note reads the limits out of an answer and tells the other nodes. GitHub refuses with 403 or 429 when one is reached:
// Retry-After says when to come again, or the remaining requests are 0 until their reset. A secondary limit may be told
// in words only: then GitHub wants a minute.
func (c *Client) note(ctx context.Context, a *http.Response, said string) (until time.Time, reached bool) {
	now, h := c.o.Now(), a.Header
	refused := a.StatusCode == http.StatusTooManyRequests || a.StatusCode == http.StatusForbidden
	until = remote.After(h.Get("Retry-After"), now)
	reached = a.StatusCode == http.StatusTooManyRequests || refused && (!until.IsZero() ||
		strings.Contains(strings.ToLower(said), "rate limit"))
	if h.Get("X-RateLimit-Remaining") == "0" {
		if at, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil && until.IsZero() {
			until = time.Unix(at, 0)
		}
		reached = reached || refused
	}
	if reached && !until.After(now) {
		until = now.Add(time.Minute)
	}
	if most := now.Add(time.Hour); until.After(most) {
		until = most // nobody is locked out by a header
	}
	if until.After(now) {
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		_ = c.o.Limits.Hold(ctx, c.kind(), until)
	}
	return until, reached
}
