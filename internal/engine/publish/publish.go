// Package publish is the part of the engine that puts flags where a platform serves visitors, so that applications
// there evaluate them without asking Slipway.
//
// Each environment that the strategy names has one document under one key, and one row of work, so that one node
// writes it. A look reads what stands there and writes only what differs in what it says. Before the call the row says
// what is tried; afterwards what was read back. A crash in between, a lost answer and an overtaken node all end in
// another look.
// The writes of a day are few: changes wait for one another, and the longer the fewer are left; a kill switch waits for
// nothing and has writes that are kept for it.
package publish

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// Work is the kind of its work; an id is the kind, a slash and an environment.
const Work = "publish"

// Its times.
const (
	batch   = 2 * time.Second  // in which changes become one document
	apart   = 10 * time.Second // between two writes at least
	recheck = 5 * time.Minute  // after which it is read again though nothing changed
	retry   = 10 * time.Second // after trouble that may pass
	refused = time.Hour        // after trouble that only somebody's hand ends
	asking  = 45 * time.Second // for one look
	lasting = 2 * time.Minute  // trouble that may pass is told when it has not
)

// Document is the newest good set of definitions of an environment, in flagd's format.
type Document struct {
	Generation int64
	Newest     int64 // generation that there is: higher than Generation when it does not compile
	Text       []byte
}

// Options are what a Publisher stands on.
type Options struct {
	DB       *store.DB
	Strategy *strategy.Strategy
	Near     provider.Near // nil: nothing is published
	Key      func(environment string) string
	Document func(ctx context.Context, environment string) (Document, error)
	Write    func(ctx context.Context, f func(*store.Tx) error) error
	Append   func(ctx context.Context, tx *store.Tx, d event.Draft) (event.Event, error)
}

// Publisher publishes flags.
type Publisher struct{ Options }

// New returns a Publisher.
func New(o Options) *Publisher { return &Publisher{o} }

// Environments are those whose flags are published.
func (p *Publisher) Environments() []string {
	v, ok := p.Strategy.Vercel()
	if !ok || p.Near == nil {
		return nil
	}
	return v.Flags
}

// Begin has everything looked at now.
func (p *Publisher) Begin(ctx context.Context, tx *store.Tx) error {
	for _, e := range p.Environments() {
		if err := tx.Schedule(ctx, Work+"/"+e, Work, tx.Now()); err != nil {
			return err
		}
	}
	return nil
}

// Changed has an environment published soon, and at once where something was turned off.
func (p *Publisher) Changed(ctx context.Context, tx *store.Tx, environment string, off bool) error {
	if !slices.Contains(p.Environments(), environment) {
		return nil
	}
	at := tx.Now()
	if !off {
		at = at.Add(batch)
	}
	return tx.Schedule(ctx, Work+"/"+environment, Work, at)
}

// look is one look at an environment.
type look struct {
	*Publisher
	now    time.Time
	doc    Document
	digest string
	was    flag.Publication
	is     flag.Publication
}

// Look makes what stands near the visitors what the flags of an environment are.
func (p *Publisher) Look(ctx context.Context, id string) (time.Time, error) {
	environment := strings.TrimPrefix(id, Work+"/")
	if !slices.Contains(p.Environments(), environment) {
		return time.Time{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	l := look{Publisher: p}
	var err error
	if l.now, err = p.DB.Now(ctx); err != nil {
		return time.Time{}, err
	}
	if l.was, err = p.DB.Publication(ctx, p.Strategy.App, environment); err != nil {
		return time.Time{}, err
	}
	l.is = l.was
	if l.doc, err = p.Document(ctx, environment); err != nil {
		return l.trouble(ctx, err)
	}
	l.is.Wanted, l.is.Bytes = l.doc.Newest, len(l.doc.Text)
	if l.digest, err = Digest(l.doc.Text); err != nil {
		return l.trouble(ctx, err)
	}
	return l.settle(ctx)
}
