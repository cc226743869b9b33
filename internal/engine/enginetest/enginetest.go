// Package enginetest runs an engine with flags on a virtual clock, for the tests of rooms that take flags elsewhere.
//
// What such a room stands on beside the engine, and what it takes flags to, is its test's own.
package enginetest

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/store/storetest"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// World is an engine of the app shop, and Ada, who changes its flags.
type World struct {
	*engine.Engine
	t   *testing.T
	Ctx context.Context
}

// Open opens an engine by a strategy, with what else it stands on. It does not run.
func Open(t *testing.T, text string, o engine.Options) *World {
	t.Helper()
	plan, err := strategy.Parse("slipway.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	o.Strategy, o.Log = plan, slog.New(slog.DiscardHandler)
	return &World{Engine: engine.New(o), t: t, Ctx: t.Context()}
}

// Play runs a test on a virtual clock while the engine that it opens runs. The database is new.
func Play(t *testing.T, open func(t *testing.T, db *store.DB) *World, test func()) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := open(t, storetest.Open(t, store.SQLite))
		w.OK(w.DB.Write(w.Ctx, func(tx *store.Tx) error {
			return tx.InsertUser(w.Ctx, &store.User{ID: Ada().User, Name: "ada", Roles: []string{"admin"}, Created: tx.Now()})
		}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		Pass(5 * time.Second)
		test()
		cancel()
		w.OK(<-done)
	})
}

// Ada is who changes flags.
func Ada() access.Actor { return access.Actor{ID: "user:ada", User: "usr_ada", Name: "Ada"} }

// Pass lets time pass, and everything be done that is due by then.
func Pass(d time.Duration) {
	<-time.NewTimer(d).C
	synctest.Wait()
}

// OK stops the test on an error.
func (w *World) OK(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// Create makes a flag.
func (w *World) Create(key string) {
	w.t.Helper()
	_, err := w.Flags.Create(w.Ctx, Ada(), flag.Flag{Key: key})
	w.OK(err)
}

// Do changes a flag in production.
func (w *World) Do(key string, kind flags.Kind) {
	w.t.Helper()
	_, err := w.Flags.Do(w.Ctx, Ada(), flags.Order{Kind: kind, Flag: key, Environment: "production", Reason: "a test"},
		flags.How{})
	w.OK(err)
}

// Told counts the events of a kind.
func (w *World) Told(kind string) int {
	w.t.Helper()
	p, err := w.DB.Events(w.Ctx, store.EventFilter{Kind: kind})
	w.OK(err)
	return len(p)
}
