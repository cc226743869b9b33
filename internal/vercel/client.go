// Package vercel is a client of Vercel's API: the wire types and calls that Slipway uses, and the signatures of what
// Vercel sends.
//
// It knows nothing of releases. A call is repeated only where a repetition can do no harm: reads, deletions and writes
// that say the whole; never a POST, whose outcome its caller reads back instead. Rate limits are obeyed before Vercel
// has to say so twice, over all nodes that share their [Limits]; a Vercel that is away is left alone for a while by a
// breaker. Answers are read tolerantly, with fields that nobody knows, and strictly where something rests on a field:
// one that is missing is a fault and never a zero. Tokens are in headers only, and in no error.
package vercel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/remote"
)

// The addresses of Vercel.
const (
	API  = "https://api.vercel.com"
	Read = "https://edge-config.vercel.com" // where Global Config is read
)

const (
	maxAnswer = 8 << 20
	patience  = 2 * time.Second // a shorter wait for a limit is waited out
	attempts  = 3               // of a call that can do no harm
)

// Options are what a Client stands on. Token is the only one without a default.
type Options struct {
	API    string // address of the API
	Team   string // id or slug; empty: the account of the token
	Token  func(ctx context.Context) (string, error)
	Read   string                                    // address from which the Global Config is read
	Reader func(ctx context.Context) (string, error) // token of Read; nil: Global Config can't be read there
	// Connection is asked instead of Read and Reader, at each call; NotFound where there is none.
	Connection func(ctx context.Context) (Connection, error)
	HTTP       *http.Client
	Limits     Limits // shared by all nodes; nil: this process's own
	Now        func() time.Time
	Timeout    time.Duration // of one try; 15 s
	Backoff    time.Duration // before the second try; 250 ms
}

// Client speaks with Vercel. It is safe for concurrent use.
type Client struct {
	o       Options
	breaker remote.Breaker
}

// New returns a client.
func New(o Options) *Client {
	o.API, o.Read = strings.TrimRight(or(o.API, API), "/"), strings.TrimRight(or(o.Read, Read), "/")
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	if o.Limits == nil {
		o.Limits = NewLimits()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Timeout, o.Backoff = or(o.Timeout, 15*time.Second), or(o.Backoff, 250*time.Millisecond)
	return &Client{o: o}
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Plain reports whether the API is spoken to by plain http: then so are the deployments.
func (c *Client) Plain() bool { return strings.HasPrefix(c.o.API, "http://") }

type urgency struct{}

// Urgent marks calls that take something back: they wait neither for a limit's reserve nor for the breaker.
func Urgent(ctx context.Context) context.Context { return context.WithValue(ctx, urgency{}, true) }

func urgent(ctx context.Context) bool { return ctx.Value(urgency{}) != nil }

// call is one request.
type call struct {
	do     string // what it does, in words that follow "to": "promote a deployment"
	right  string // that the token needs for it
	method string
	path   string
	query  url.Values
	body   any
	raw    []byte // in the place of body
	header http.Header
	safe   bool // a repetition does no harm; GET always is
	read   bool // of the Global Config's own host
	status *int // takes the status of a good answer
}

// do makes the call, again where that is safe, and reads the answer into out unless that is nil.
func (c *Client) do(ctx context.Context, k call, out any) (http.Header, error) {
	body := k.raw
	if k.body != nil {
		var err error
		if body, err = json.Marshal(k.body); err != nil {
			return nil, fault.Wrap(err, fault.Internal, "vercel_body", "What Vercel is asked cannot be written.")
		}
	}
	wait := c.o.Backoff
	for try := 1; ; try++ {
		h, err := c.once(ctx, k, body, out)
		again := try < attempts && (k.safe || k.method == http.MethodGet) && transient(err)
		if !again {
			return h, err
		}
		pause := wait
		if r, ok := RefusalOf(err); ok && !r.Until.IsZero() {
			pause = r.Until.Sub(c.o.Now())
		}
		if pause > patience || !remote.Rest(ctx, pause) {
			return h, err
		}
		wait *= 4
	}
}

// transient reports whether the same call may succeed in a moment.
func transient(err error) bool {
	if r, ok := RefusalOf(err); ok {
		return r.Status == http.StatusTooManyRequests || r.Status >= 500
	}
	return fault.ReasonOf(err) == "vercel_unreachable"
}

// once makes the call one time.
func (c *Client) once(ctx context.Context, k call, body []byte, out any) (http.Header, error) {
	if err := c.mayCall(ctx, k); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	q, token, err := c.request(ctx, k, body)
	if err != nil {
		return nil, err
	}
	answer, err := c.o.HTTP.Do(q)
	if err != nil {
		c.breaker.Failed(ctx, c.o.Now())
		return nil, unreachable(err, k, token)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		c.breaker.Failed(ctx, c.o.Now())
		return nil, unreachable(err, k, token)
	case len(text) > maxAnswer:
		return nil, fault.New(fault.Unavailable, "vercel_answer", "Vercel's answer is larger than %d MiB: asked to %s.",
			maxAnswer>>20, k.do)
	case answer.StatusCode >= 500:
		c.breaker.Failed(ctx, c.o.Now())
	default:
		c.breaker.Worked()
	}
	until := c.note(ctx, k, answer)
	if answer.StatusCode >= 300 {
		return answer.Header, refusal(k, answer.StatusCode, until, text, token)
	}
	if k.status != nil {
		*k.status = answer.StatusCode
	}
	if out == nil || len(bytes.TrimSpace(text)) == 0 && answer.StatusCode != http.StatusOK {
		return answer.Header, nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return answer.Header, fault.Wrap(err, fault.Unavailable, "vercel_answer",
			"Vercel's answer is none that Slipway can read: asked to %s.", k.do)
	}
	return answer.Header, nil
}

func unreachable(err error, k call, token string) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the address says nothing that the sentence does not
	}
	if token != "" && strings.Contains(err.Error(), token) {
		err = errors.New(clean(err.Error(), token))
	}
	return fault.Wrap(err, fault.Unavailable, "vercel_unreachable", "Vercel does not answer: asked to %s.", k.do)
}

// request makes the request, with the token and the team.
func (c *Client) request(ctx context.Context, k call, body []byte) (*http.Request, string, error) {
	base, source := c.o.API, c.o.Token
	if k.read {
		base, source = c.o.Read, c.o.Reader
	}
	if k.read && c.o.Connection != nil {
		to, err := c.o.Connection(ctx)
		if err != nil {
			return nil, "", err
		}
		base, source = strings.TrimRight(to.Address, "/"), func(context.Context) (string, error) { return to.Token, nil }
	}
	if source == nil {
		return nil, "", fault.New(fault.Invalid, "vercel_token", "There is no token to %s with.", k.do)
	}
	token, err := source(ctx)
	if err != nil {
		return nil, "", err
	}
	query := url.Values{}
	for name, v := range k.query {
		query[name] = v
	}
	switch {
	case k.read || c.o.Team == "":
	case strings.HasPrefix(c.o.Team, "team_"):
		query.Set("teamId", c.o.Team)
	default:
		query.Set("slug", c.o.Team)
	}
	address := base + k.path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	q, err := http.NewRequestWithContext(ctx, k.method, address, bytes.NewReader(body))
	if err != nil {
		return nil, "", fault.Wrap(err, fault.Invalid, "vercel_address", "The address of Vercel's API is none.")
	}
	for name, v := range k.header {
		q.Header[name] = v
	}
	if len(body) > 0 && q.Header.Get("Content-Type") == "" {
		q.Header.Set("Content-Type", "application/json")
	}
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("Accept", "application/json")
	q.Header.Set("User-Agent", "slipway")
	return q, token, nil
}

// seg escapes a part of a path.
func seg(s string) string { return url.PathEscape(s) }
