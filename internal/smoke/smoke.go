// Package smoke asks a running deployment the questions of a probe.Suite.
//
// Checks run in order, against one base address, with the cookies that the answers
// set, so that a suite can sign in, look and sign out. Bodies are read up to a
// limit, redirects are followed on the same host only, and everything ends with the
// context. ${env:NAME} in headers and bodies is filled in when a check runs; what
// was filled in is kept out of every sentence.
//
// How an answer is judged is the probe room's matter.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/probe"
)

// MaxBody is how much of an answer is read.
const MaxBody = 1 << 20

// UserAgent is what the runner calls itself when Options name nothing else.
const UserAgent = "slipway-smoke/1"

const (
	maxRedirects   = 5
	defaultTimeout = 30 * time.Second
	grace          = 2 * time.Second // an answer that is late is still told how late
)

// Options say how a suite is run. The zero value is good.
type Options struct {
	Timeout   time.Duration               // of one check; 30 s when zero
	UserAgent string                      // UserAgent when empty
	Lookup    func(string) (string, bool) // of ${env:NAME}; os.LookupEnv when nil
}

// Run asks every check of the suite at base and reads the answers. It returns when
// all are read or the context ends; a check that was not asked has failed.
func Run(ctx context.Context, client *http.Client, base string, suite probe.Suite, opts Options) probe.Report {
	start := time.Now()
	r, err := newRunner(client, base, opts)
	if err != nil {
		results := make([]probe.Result, len(suite.Checks))
		for i, c := range suite.Checks {
			results[i] = probe.Read(c, probe.Answer{Err: fault.MessageOf(err)})
		}
		return probe.Conclude(suite.Name, results, time.Since(start))
	}
	results := make([]probe.Result, len(suite.Checks))
	for i, c := range suite.Checks { // in order, as a sign-in needs
		results[i] = r.check(ctx, c)
	}
	return probe.Conclude(suite.Name, results, time.Since(start))
}

// Sighting is what an address answered when it was asked who it is.
type Sighting struct {
	OK       bool // it answered with a success
	Status   int  // 0 when there was no answer
	Header   http.Header
	Body     []byte // at most MaxBody
	Took     time.Duration
	Sentence string
}

// Identity fetches path at base once, for health probes and for "the deployment
// answers as itself". It waits for as long as within says, and follows no redirect:
// an endpoint that sends elsewhere has not answered for itself.
func Identity(ctx context.Context, client *http.Client, base, path string, within time.Duration) Sighting {
	r, err := newRunner(client, base, Options{UserAgent: "slipway-health/1", Timeout: within})
	if err != nil {
		return Sighting{Sentence: fault.MessageOf(err)}
	}
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := probe.Check{Path: path}
	a := r.ask(ctx, c, nil)
	s := Sighting{Status: a.Status, Header: a.Header, Body: a.Body, Took: a.Took}
	s.OK = a.Err == "" && a.Status >= 200 && a.Status < 300
	switch {
	case a.Err != "":
		s.Status, s.Sentence = 0, "No answer: "+a.Err+"."
	default:
		s.Sentence = fmt.Sprintf("HTTP %d in %s.", a.Status, probe.Round(a.Took))
	}
	return s
}

// runner runs the checks of one suite.
type runner struct {
	client http.Client
	base   *url.URL
	opts   Options
}

func newRunner(client *http.Client, base string, opts Options) (*runner, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fault.New(fault.Invalid, "address_invalid", "%q is no address to ask", base)
	}
	if opts.Timeout <= 0 {
		opts.Timeout = defaultTimeout
	}
	if opts.UserAgent == "" {
		opts.UserAgent = UserAgent
	}
	if opts.Lookup == nil {
		opts.Lookup = os.LookupEnv
	}
	r := &runner{base: u, opts: opts}
	if client != nil {
		r.client = *client
	}
	r.client.Timeout = 0 // each check has its own, on its context
	r.client.Jar = &jar{}
	return r, nil
}

// check runs one check.
func (r *runner) check(ctx context.Context, c probe.Check) probe.Result {
	c, secrets, err := r.fill(c)
	if err != nil {
		return probe.Read(c, probe.Answer{Err: fault.MessageOf(err)})
	}
	res := probe.Read(c, r.ask(ctx, c, c.Want.Status))
	for _, s := range secrets {
		res.Sentence = strings.ReplaceAll(res.Sentence, s, "•••")
	}
	return res
}

// fill puts values into the check's placeholders and returns them.
func (r *runner) fill(c probe.Check) (probe.Check, []string, error) {
	var secrets []string
	var missing string
	fill := func(s string) string {
		return placeholder().ReplaceAllStringFunc(s, func(m string) string {
			name := m[len("${env:") : len(m)-1]
			v, ok := r.opts.Lookup(name)
			if !ok || v == "" {
				missing = name
				return ""
			}
			secrets = append(secrets, v)
			return v
		})
	}
	headers := make(map[string]string, len(c.Headers))
	for k, v := range c.Headers {
		headers[k] = fill(v)
	}
	c.Headers, c.Body = headers, fill(c.Body)
	if missing != "" {
		return c, nil, fault.New(fault.Refused, "variable_missing", "the variable %s, which the check needs, is not set",
			missing)
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // a part of another comes after it
	return c, secrets, nil
}

func placeholder() *regexp.Regexp { return regexp.MustCompile(`\$\{env:[A-Za-z_][A-Za-z0-9_]*\}`) }

// ask sends one request and reads what comes back.
func (r *runner) ask(ctx context.Context, c probe.Check, want []int) probe.Answer {
	limit := r.opts.Timeout
	if c.Want.Within > 0 {
		limit = min(limit, c.Want.Within+grace)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := r.request(ctx, c)
	if err != nil {
		return probe.Answer{Err: "the request cannot be built"}
	}
	client := r.client
	if client.CheckRedirect == nil {
		client.CheckRedirect = r.redirects(want)
	}
	start := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return probe.Answer{Err: reason(err, limit), Took: time.Since(start)}
	}
	defer func() { _ = res.Body.Close() }() // the answer is read already
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxBody+1))
	a := probe.Answer{Status: res.StatusCode, Header: res.Header, Body: body, Took: time.Since(start)}
	if err != nil {
		a.Err = "the answer broke off: " + reason(err, limit)
	}
	if len(a.Body) > MaxBody {
		a.Body, a.Cut = a.Body[:MaxBody], true
	}
	return a
}

func (r *runner) request(ctx context.Context, c probe.Check) (*http.Request, error) {
	at, err := r.base.Parse(c.Path)
	if err != nil {
		return nil, fmt.Errorf("parse path %s: %w", c.Path, err)
	}
	if at.Host != r.base.Host {
		return nil, fmt.Errorf("path %s leads to another host", c.Path)
	}
	method := c.Method
	if method == "" {
		method = http.MethodGet
	}
	var body io.Reader
	if c.Body != "" {
		body = strings.NewReader(c.Body)
	}
	req, err := http.NewRequestWithContext(ctx, method, at.String(), body)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("User-Agent", r.opts.UserAgent)
	req.Header.Set("Accept", "*/*")
	for k, v := range c.Headers {
		if strings.EqualFold(k, "host") {
			req.Host = v
			continue
		}
		req.Header.Set(k, v)
	}
	return req, nil
}

// redirects follows a few, on the same host, unless the redirect itself is wanted.
func (r *runner) redirects(want []int) func(*http.Request, []*http.Request) error {
	wanted := slices.ContainsFunc(want, func(s int) bool { return s >= 300 && s < 400 })
	return func(next *http.Request, via []*http.Request) error {
		if wanted || next.URL.Host != r.base.Host || len(via) > maxRedirects {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

// reason says in words why there was no answer, without the address: it stands
// beside the result already.
func reason(err error, limit time.Duration) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("nothing within %s", limit)
	case errors.Is(err, context.Canceled):
		return "the run was stopped"
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return err.Error()
}
