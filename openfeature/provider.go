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
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	of "github.com/open-feature/go-sdk/openfeature"
	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flagset/follow"
)

// name is what the provider is called in events and hooks.
const name = "slipway"

// Option changes how a Provider works.
type Option func(*settings)

// settings are what options change.
type settings struct {
	follow.Options
	patience time.Duration
	every    time.Duration
}

// WithFile keeps the last good flags in a file. A program that starts while no server answers begins with them. The
// file is for this key alone, and only its owner can read it: rules may name people.
func WithFile(path string) Option { return func(s *settings) { s.File = path } }

// WithHTTPClient sends requests through another client. It must not have a Timeout: the event stream stays open.
func WithHTTPClient(c *http.Client) Option { return func(s *settings) { s.HTTP = c } }

// WithLogger tells a logger what goes wrong. Without it only events do.
func WithLogger(l *slog.Logger) Option { return func(s *settings) { s.Log = l } }

// WithPatience bounds how long the start waits for the first answer; 10 s without it.
func WithPatience(d time.Duration) Option { return func(s *settings) { s.patience = d } }

// WithRetry sets the first and the longest pause after a failure; 250 ms and 30 s without it. While the event stream
// can't be opened the flags are fetched at each attempt, so the longest pause is also how often they are polled then.
func WithRetry(first, longest time.Duration) Option {
	return func(s *settings) { s.Retry, s.Longest = first, longest }
}

// WithReports sets how often sums of what was served are sent; a minute without it, and 0 sends none.
func WithReports(every time.Duration) Option { return func(s *settings) { s.every = every } }

// Provider evaluates the flags of one environment. It implements the OpenFeature SDK's FeatureProvider,
// ContextAwareStateHandler and EventHandler.
type Provider struct {
	settings settings
	follower *follow.Follower
	reporter *follow.Reporter
	current  atomic.Pointer[snapshot]
	usage    usage
	events   chan of.Event

	mu   sync.Mutex
	stop context.CancelFunc
	done chan struct{}
}

// New returns a provider for the Slipway at an address and a server key (slwf_srv_…), which names the environment. It
// asks nothing yet: the SDK starts it.
func New(address, key string, options ...Option) (*Provider, error) {
	p := &Provider{events: make(chan of.Event, 64)}
	s := &p.settings
	s.patience, s.every = 10*time.Second, time.Minute
	for _, option := range options {
		option(s)
	}
	s.Address, s.Key, s.Agent, s.Took, s.Told = address, key, "slipway-openfeature-go/1", p.took, p.told
	var err error
	if p.follower, err = follow.New(s.Options); err != nil {
		return nil, err
	}
	p.reporter = &follow.Reporter{Follower: p.follower, Due: p.usage.due, Every: s.every}
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
	p.follower.Restore()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop, p.done = stop, make(chan struct{})
	first := make(chan error, 1)
	go p.run(running, first, p.done)
	patience := time.NewTimer(p.settings.patience)
	defer patience.Stop()
	var err error
	select {
	case err = <-first:
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		err = fault.New(fault.Unavailable, "flags_slow", "%s did not answer within %s.", p.follower.Address(),
			p.settings.patience)
	}
	if err == nil || p.current.Load() != nil {
		return nil
	}
	code := of.ProviderNotReadyCode
	if follow.RefusesKey(err) {
		code = of.ProviderFatalCode
	}
	return &of.ProviderInitError{ErrorCode: code, Message: err.Error()}
}

// run follows and reports until ctx ends.
func (p *Provider) run(ctx context.Context, first chan<- error, done chan<- struct{}) {
	defer close(done)
	var g errgroup.Group
	g.Go(func() error { p.follower.Run(ctx, first); return nil })
	if p.settings.every > 0 {
		g.Go(func() error { p.reporter.Run(ctx); return nil })
	}
	_ = g.Wait() // neither fails
}

// Shutdown stops the provider, as ShutdownWithContext does, within 5 s.
func (p *Provider) Shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.ShutdownWithContext(ctx); err != nil {
		p.emit(of.ProviderError, of.ProviderEventDetails{Message: "The last report was not sent: " + err.Error()})
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
	if p.settings.every == 0 {
		return nil
	}
	return p.reporter.Finish(ctx)
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

// told tells the SDK how it goes.
func (p *Provider) told(state follow.State, words string) {
	switch state {
	case follow.Ready:
		p.emit(of.ProviderReady, of.ProviderEventDetails{Message: words})
	case follow.Stale:
		p.emit(of.ProviderStale, of.ProviderEventDetails{Message: words})
	case follow.Wrong:
		p.emit(of.ProviderError, of.ProviderEventDetails{Message: words, ErrorCode: of.GeneralCode})
	}
}

// snapshot is what flags were at one generation. It never changes.
type snapshot struct {
	*follow.Snapshot
	values map[string]map[string]*served
}

// served is a variant of a flag with its value, read once, and how often it was served.
type served struct {
	value any // of an object nil: everybody gets one of their own
	count *counter
}

// took puts flags in force.
func (p *Provider) took(f *follow.Snapshot, changed []string) {
	s := &snapshot{Snapshot: f, values: make(map[string]map[string]*served, len(f.Document.Flags))}
	for key, d := range f.Document.Flags {
		s.values[key] = make(map[string]*served, len(d.Variants)+1)
		s.values[key][""] = &served{count: p.usage.counter(key, "")}
		for variant, raw := range d.Variants {
			v := &served{count: p.usage.counter(key, variant)}
			if err := json.Unmarshal(raw, &v.value); err != nil {
				v.value = nil // it is read again when it is served, and refused then
			}
			if _, object := v.value.(map[string]any); object {
				v.value = nil
			}
			s.values[key][variant] = v
		}
	}
	p.current.Store(s)
	if len(changed) > 0 {
		p.emit(of.ProviderConfigChange, of.ProviderEventDetails{
			Message: fmt.Sprintf("Generation %d: %d flags changed.", f.Generation, len(changed)), FlagChanges: changed,
		})
	}
}
