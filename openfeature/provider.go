// Package openfeature lets Go programs evaluate Slipway's flags through the OpenFeature SDK.
//
// A Provider evaluates in the process: no evaluation asks the network. It fetches the flags
// of one environment, which its key names, follows an event stream, and fetches again when
// something changed. When no server answers it goes on with what it has, and with WithFile
// also after a restart. What it can't read it refuses as a whole, and what it already had
// stays. It reports how often each variant was served, in sums, once a minute.
//
//	provider, err := openfeature.New("https://slipway.example.com", os.Getenv("SLIPWAY_FLAGS_KEY"))
//	…
//	err = of.SetProviderAndWait(provider)
//
// It must not be used before SetProvider has started it, and may be used by any number of
// goroutines.
package openfeature

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"
	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/internal/fault"
)

// name is what the provider is called in events and hooks.
const name = "slipway"

// Option changes how a Provider works.
type Option func(*Provider)

// WithFile keeps the last good flags in a file. A program that starts while no server answers begins with them. The
// file is for this key alone, and only its owner can read it: rules may name people.
func WithFile(path string) Option { return func(p *Provider) { p.file = path } }

// WithHTTPClient sends requests through another client. It must not have a Timeout: the event stream stays open.
func WithHTTPClient(c *http.Client) Option { return func(p *Provider) { p.http = c } }

// WithLogger tells a logger what goes wrong. Without it only events do.
func WithLogger(l *slog.Logger) Option { return func(p *Provider) { p.log = l } }

// WithPatience bounds how long the start waits for the first answer; 10 s without it.
func WithPatience(d time.Duration) Option { return func(p *Provider) { p.patience = d } }

// WithRetry sets the first and the longest pause after a failure; 250 ms and 30 s without it. While the event stream
// can't be opened the flags are fetched at each attempt, so the longest pause is also how often they are polled then.
func WithRetry(first, longest time.Duration) Option {
	return func(p *Provider) { p.retry, p.longest = first, longest }
}

// WithReports sets how often sums of what was served are sent; a minute without it, and 0 sends none.
func WithReports(every time.Duration) Option { return func(p *Provider) { p.every = every } }

// Provider evaluates the flags of one environment. It implements the OpenFeature SDK's FeatureProvider,
// ContextAwareStateHandler and EventHandler.
type Provider struct {
	base, key      string
	file           string
	http           *http.Client
	log            *slog.Logger
	patience       time.Duration
	retry, longest time.Duration
	every          time.Duration
	silence        time.Duration // how long the stream may be without a sign of life
	age            time.Duration // after which the stream is opened anew

	current atomic.Pointer[snapshot]
	usage   usage
	events  chan of.Event
	said    announced // of the goroutine that follows

	mu   sync.Mutex
	stop context.CancelFunc
	done chan struct{}
}

// New returns a provider for the Slipway at an address and a server key (slwf_srv_…), which names the environment. It
// asks nothing yet: the SDK starts it.
func New(address, key string, options ...Option) (*Provider, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return nil, fault.New(fault.Invalid, "address_malformed",
			"%q is no address of a Slipway: it looks like https://slipway.example.com.", address)
	}
	if key == "" || strings.ContainsAny(key, "\r\n ") {
		return nil, fault.New(fault.Invalid, "flag_key_malformed",
			"The flag key is empty or holds spaces: make one with slipway flag-key create.")
	}
	p := &Provider{
		base: u.String(), key: key, log: slog.New(slog.DiscardHandler), patience: 10 * time.Second,
		retry: 250 * time.Millisecond, longest: 30 * time.Second, every: time.Minute, silence: 90 * time.Second,
		age: 10 * time.Minute, events: make(chan of.Event, 64),
	}
	for _, option := range options {
		option(p)
	}
	if p.http == nil {
		p.http = &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // the key is for this address only
			},
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
				TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
			},
		}
	}
	p.retry, p.longest = max(p.retry, time.Millisecond), max(p.retry, p.longest)
	return p, nil
}

// Metadata names the provider.
func (p *Provider) Metadata() of.Metadata { return of.Metadata{Name: name} }

// Hooks are none.
func (p *Provider) Hooks() []of.Hook { return nil }

// EventChannel carries what happens: ready, configuration changed, stale, error.
func (p *Provider) EventChannel() <-chan of.Event { return p.events }

// Init starts the provider, as InitWithContext does.
func (p *Provider) Init(c of.EvaluationContext) error {
	return p.InitWithContext(context.Background(), c)
}

// InitWithContext starts the provider: with the flags of the server, or with those of the file when no server answers.
// An error means that it has none; it keeps trying, and is ready as soon as it has.
func (p *Provider) InitWithContext(ctx context.Context, _ of.EvaluationContext) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		return nil // one provider may be set for several domains
	}
	if p.current.Load() == nil && p.file != "" {
		p.start()
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop, p.done = stop, make(chan struct{})
	first := make(chan error, 1)
	go p.run(running, first, p.done)
	patience := time.NewTimer(p.patience)
	defer patience.Stop()
	var err error
	select {
	case err = <-first:
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		err = fault.New(fault.Unavailable, "flags_slow", "%s did not answer within %s.", p.base, p.patience)
	}
	if err == nil || p.current.Load() != nil {
		return nil
	}
	code := of.ProviderNotReadyCode
	if refusesKey(err) {
		code = of.ProviderFatalCode
	}
	return &of.ProviderInitError{ErrorCode: code, Message: err.Error()}
}

// run follows and reports until ctx ends.
func (p *Provider) run(ctx context.Context, first chan<- error, done chan<- struct{}) {
	defer close(done)
	var g errgroup.Group
	g.Go(func() error { p.follow(ctx, first); return nil })
	if p.every > 0 {
		g.Go(func() error { p.report(ctx); return nil })
	}
	_ = g.Wait() // neither fails
}

// Shutdown stops the provider, as ShutdownWithContext does, within 5 s.
func (p *Provider) Shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.ShutdownWithContext(ctx); err != nil {
		p.log.Warn("stop the flags", "error", err)
	}
}

// ShutdownWithContext stops the provider and sends what was not reported yet. It can be started again.
func (p *Provider) ShutdownWithContext(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop == nil {
		return nil
	}
	p.stop()
	select {
	case <-p.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.stop = nil
	for range 2 { // what did not arrive before, and what came since
		if p.every == 0 {
			break
		}
		if err := p.sendUsage(ctx); err != nil {
			return err
		}
	}
	return nil
}

// emit hands an event to the SDK. When nobody takes events the oldest goes, so that following never waits.
func (p *Provider) emit(kind of.EventType, d of.ProviderEventDetails) {
	e := of.Event{ProviderName: name, EventType: kind, ProviderEventDetails: d}
	for {
		select {
		case p.events <- e:
			return
		default:
		}
		select {
		case <-p.events:
		default:
		}
	}
}

// announced is what was said last of how it goes.
type announced struct {
	state  of.EventType // ready, stale or error
	detail string
	failed bool // the attempt before failed too
}

// note says how an attempt to have the newest flags went, when that differs from before. A first failure is not spoken
// of: most are over at the second attempt.
func (p *Provider) note(err error) {
	s := &p.said
	f, refused := errors.AsType[*fault.Error](err)
	refused = refused && f.Kind != fault.Unavailable
	switch {
	case err == nil:
		if s.state != of.ProviderReady {
			p.emit(of.ProviderReady, of.ProviderEventDetails{Message: "The flags are those of the server."})
		}
		*s = announced{state: of.ProviderReady}
	case refused && s.state == of.ProviderError && s.detail == f.Message:
	case refused:
		*s = announced{state: of.ProviderError, detail: f.Message, failed: true}
		p.log.Error("flags refused", "error", err)
		p.emit(of.ProviderError, of.ProviderEventDetails{Message: f.Message, ErrorCode: of.GeneralCode})
	case !s.failed:
		s.failed = true
		s.detail = cmp.Or(s.detail, err.Error())
	case s.state == of.ProviderReady && p.current.Load() != nil:
		s.state = of.ProviderStale
		p.log.Warn("flags may be out of date", "error", err)
		p.emit(of.ProviderStale, of.ProviderEventDetails{
			Message: "No server answers: the flags are the last that were seen.",
		})
	}
}
