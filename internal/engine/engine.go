// Package engine is the only writer of Slipway and the only thing that moves.
//
// It is asked by people (commands) and by time (work that is due), and always does
// the same four things: it gathers facts, lets a pure room decide, records the
// decision with its events and effects in one commit, and carries the effects out
// afterwards, recording what came of them. A crash at any point leaves either
// nothing or a recorded effect that is tried again under its key.
//
// Deciding, acting and measuring are separate pools of work: a hanging effect or a
// slow probe never keeps a release from being looked at. Nodes are equal: work is
// claimed with a lease, every update compares a version.
package engine

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/engine/configs"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/engine/forge"
	"github.com/slipwayhq/slipway/internal/engine/incidents"
	"github.com/slipwayhq/slipway/internal/engine/mirror"
	"github.com/slipwayhq/slipway/internal/engine/publish"
	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/engine/target"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
	"github.com/slipwayhq/slipway/internal/vault"
	"github.com/slipwayhq/slipway/internal/watch"
)

// Options are what the engine stands on.
type Options struct {
	DB       *store.DB
	Strategy *strategy.Strategy
	Provider provider.Provider
	Platform provider.Platform // the provider again, where it builds and keeps deployments itself; nil otherwise
	Timeline *metric.Timeline
	Client   *http.Client       // for health probes, smoke checks and webhooks
	Key      ed25519.PrivateKey // signs votes; nil: the one that Secrets keeps
	Node     string             // unique per process; made when empty
	Log      *slog.Logger
	Pace     Pace
	Env      func(name string) (string, bool) // resolves ${env:NAME}: secrets of smoke checks and webhooks
	Serves   func(environment, flag string) incidents.Serving
	Vault    *vault.Vault                      // seals secrets; nil: none can be kept
	File     func(name string) ([]byte, error) // reads a file that the strategy names; nil: there is none
	GitHub   forge.Options                     // by what releases are shown at GitHub; the rest of it is the engine's
	Publish  publish.Options                   // by what flags reach a platform; the rest of it is the engine's
	Mirror   mirror.Options                    // by what they are written to a system of flags; likewise
}

// Pace are the engine's own times. Zero values get defaults.
type Pace struct {
	Poll     time.Duration // between looks for due work; 200 ms
	Lease    time.Duration // of claimed work; 15 s
	Effect   time.Duration // limit of one try of an effect; 60 s
	Await    time.Duration // how long a platform may be at what it was asked for, such as a build; 1 h
	Roll     time.Duration // between roll-ups of observations; 1 min
	KeepRaw  time.Duration // of batches before they are rolled up; as long as evidence is read
	KeepRows time.Duration // of samples of 10 s, probes, and verdicts after their release has ended; 48 h
}

func (p Pace) withDefaults() Pace {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&p.Poll, 200*time.Millisecond)
	set(&p.Lease, 15*time.Second)
	set(&p.Effect, time.Minute)
	set(&p.Await, time.Hour)
	set(&p.Roll, time.Minute)
	set(&p.KeepRaw, watch.History)
	set(&p.KeepRows, 48*time.Hour)
	return p
}

// Engine moves releases and rollbacks.
type Engine struct {
	Options
	Flags     *flags.Writer
	Target    *target.Watcher
	Incidents *incidents.Writer
	Secrets   *secrets.Keeper
	Configs   *configs.Writer
	Publisher *publish.Publisher
	Mirror    *mirror.Mirror
	Forge     *forge.Teller

	wake chan struct{} // capacity 1: something was committed

	mu   sync.Mutex
	told map[string]time.Time // trouble that the log knows of

	watch *watch.Watcher
}

// New returns an engine that does nothing until Run.
func New(opts Options) *Engine {
	opts.Pace = opts.Pace.withDefaults()
	if opts.Node == "" {
		opts.Node = ident.New("node", time.Now())
	}
	if opts.Env == nil {
		opts.Env = func(string) (string, bool) { return "", false }
	}
	e := &Engine{Options: opts, wake: make(chan struct{}, 1), told: map[string]time.Time{}}
	e.Secrets = secrets.New(secrets.Options{DB: opts.DB, App: opts.Strategy.App, Vault: opts.Vault, Write: e.Write,
		Append: e.append, Signing: func() string { s, _ := opts.Env(secrets.EnvSigning); return s }})
	opts.Publish.DB, opts.Publish.Strategy, opts.Publish.Write, opts.Publish.Append = opts.DB, opts.Strategy, e.Write,
		e.append
	e.Publisher = publish.New(opts.Publish)
	opts.GitHub.DB, opts.GitHub.Strategy, opts.GitHub.Write, opts.GitHub.Append = opts.DB, opts.Strategy, e.Write, e.append
	opts.GitHub.Stable = func(ctx context.Context, tx *store.Tx) (string, error) {
		d, err := e.stable(ctx, tx)
		if fault.ReasonOf(err) == "no_stable" {
			err = nil // nothing is in production yet
		}
		return d.ID, err
	}
	e.Forge = forge.New(opts.GitHub)
	opts.Mirror.DB, opts.Mirror.Strategy, opts.Mirror.Write, opts.Mirror.Append = opts.DB, opts.Strategy, e.Write, e.append
	e.Mirror = mirror.New(opts.Mirror)
	e.Flags = flags.New(flags.Options{DB: opts.DB, Strategy: opts.Strategy, Append: e.append, Changed: e.changed})
	e.Target = target.New(target.Options{DB: opts.DB, Strategy: opts.Strategy, Platform: opts.Platform,
		WorkRelease: workRelease, Write: e.Write, Append: e.append, Stable: e.stable, Register: e.Register,
		Config: e.configOf})
	e.Configs = configs.New(configs.Options{DB: opts.DB, Strategy: opts.Strategy, Platform: opts.Platform,
		Secrets: e.Secrets, Write: e.Write, Append: e.append, Effects: e.recordEffects, Register: e.Register,
		File: opts.File})
	e.Incidents = incidents.New(incidents.Options{DB: opts.DB, Strategy: opts.Strategy, Flags: e.Flags, Append: e.append,
		Effects: e.recordEffects, Verdict: e.since, Serves: opts.Serves})
	e.watch = watch.New(opts.DB, opts.Timeline, opts.Log)
	opts.DB.OnCommit(func(event.Head) { e.nudge() })
	return e
}

// changed tells who follows an environment's flags.
func (e *Engine) changed(ctx context.Context, tx *store.Tx, environment string, off bool) error {
	if err := e.Publisher.Changed(ctx, tx, environment, off); err != nil {
		return err
	}
	return e.Mirror.Changed(ctx, tx, environment, off)
}

// nudge wakes the loops of this node.
func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Write opens a write transaction for rooms that keep their own nouns, such as
// people. It is the only way to one.
func (e *Engine) Write(ctx context.Context, f func(*store.Tx) error) error { return e.DB.Write(ctx, f) }

// now returns the time that claims and decisions are made by.
func (e *Engine) now(ctx context.Context) (time.Time, error) { return e.DB.Now(ctx) }

// app is the application of the strategy.
func (e *Engine) app() string { return e.Strategy.App }

// system returns a draft of an event by Slipway itself.
func (e *Engine) system(kind, environment, subject, sentence string, data any) event.Draft {
	return event.Draft{
		Kind: kind, Actor: "system:engine", App: e.app(), Environment: environment, Subject: subject, Sentence: sentence,
		Data: data,
	}
}
