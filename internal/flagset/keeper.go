// Package flagset keeps, in memory, what programs need to evaluate flags: for each
// environment the compiled snapshot with its document, and the keys that programs
// prove themselves with.
//
// A keeper follows the log. When something of an environment changed it reads the
// whole set, translates and compiles it, and puts it in the place of the one before:
// readers load a pointer and never wait. A set that does not compile is refused as a
// whole, and the last good one stays; so does everything while the store is away.
// What readers count (see Usage) is summed here and handed out once a minute.
package flagset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/live"
	"github.com/slipwayhq/slipway/internal/store"
)

// How a keeper follows the log.
const (
	quiet  = 20 * time.Millisecond  // between two looks, so that a burst of changes is one
	again  = time.Second            // after which it looks though nobody woke it
	forced = 100 * time.Millisecond // between two looks that readers ask for
	most   = time.Second            // that a reader waits for one: the store may hang, and they go on without it
)

// Options are what a keeper stands on.
type Options struct {
	DB           *store.DB
	Live         *live.Live
	App          string
	Environments []string
	Log          *slog.Logger
	// Write adds to what is stored of usage; nil keeps nothing.
	Write func(context.Context, []store.FlagUsage) error
	// Keep sums up what is stored of usage, once an hour.
	Keep func(context.Context) error
}

// Keeper holds the newest good set of every environment.
type Keeper struct {
	Options
	Usage  *Usage
	places map[string]*place
	keys   atomic.Pointer[keys]

	turn   chan struct{} // held by who looks
	looked time.Time
	away   bool

	hooks   sync.Mutex
	changed []func(environment string)

	refusals atomic.Int64
}

// place is where the sets of one environment stand.
type place struct {
	set     atomic.Pointer[Set]
	refused int64 // generation that did not compile
	wrong   atomic.Bool
	lists   map[string]list // of segments, so that only those that changed are read
}

// list is a segment with its members, as a document has it.
type list struct {
	revision int64
	updated  time.Time // a segment that was deleted and made again has the same revisions
	rule     json.RawMessage
}

func (l list) of(s *flag.Segment) bool {
	return l.rule != nil && l.revision == s.Revision && l.updated.Equal(s.Updated)
}

// Set is what decides about the flags of one environment. It never changes.
type Set struct {
	Environment string
	Generation  int64
	Snapshot    *flag.Snapshot
	Document    []byte // flagd's format
	Digest      string // of the document, in hexadecimal
	Variants    map[string][]string
	Timed       bool // what somebody gets may change with time alone
}

// New returns a keeper that holds nothing before Look or Run.
func New(o Options) *Keeper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{Options: o, Usage: newUsage(o.App), places: map[string]*place{}, turn: make(chan struct{}, 1)}
	for _, e := range o.Environments {
		k.places[e] = &place{lists: map[string]list{}}
	}
	k.keys.Store(&keys{generation: -1})
	return k
}

// Set returns the newest good set of an environment: nil when there is no such environment, or nothing was read yet.
func (k *Keeper) Set(environment string) *Set {
	p := k.places[environment]
	if p == nil {
		return nil
	}
	return p.set.Load()
}

// OnChange adds a function that is called after a set was replaced, with its environment, and after keys changed, with
// store.KeysGeneration.
func (k *Keeper) OnChange(hook func(environment string)) {
	k.hooks.Lock()
	defer k.hooks.Unlock()
	k.changed = append(k.changed[:len(k.changed):len(k.changed)], hook)
}

func (k *Keeper) tell(environment string) {
	k.hooks.Lock()
	hooks := k.changed
	k.hooks.Unlock()
	for _, hook := range hooks {
		hook(environment)
	}
}

// Refused returns how many sets did not compile since the start, and whether the newest of any environment is one.
func (k *Keeper) Refused() (all int64, now bool) {
	for _, p := range k.places {
		now = now || p.wrong.Load()
	}
	return k.refusals.Load(), now
}

// Run follows the log until ctx ends, and hands out what was counted.
func (k *Keeper) Run(ctx context.Context) error {
	sub := k.Live.Subscribe(0)
	defer sub.Close()
	tick := time.NewTicker(again)
	defer tick.Stop()
	pause := time.NewTimer(quiet)
	defer pause.Stop()
	count := newMinute(time.Now())
	for {
		k.lookOrTell(ctx)
		count.pass(ctx, k, time.Now())
		pause.Reset(quiet)
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			count.write(last, k, time.Now())
			return nil
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
		case <-sub.C():
		case <-tick.C:
		}
	}
}

func (k *Keeper) lookOrTell(ctx context.Context) {
	err := k.Look(ctx)
	k.turn <- struct{}{}
	defer func() { <-k.turn }()
	switch {
	case ctx.Err() != nil:
	case err != nil && !k.away:
		k.away = true
		k.Log.WarnContext(ctx, "flags cannot be read: the last ones stay", "error", err.Error())
	case err == nil && k.away:
		k.away = false
		k.Log.InfoContext(ctx, "flags are read again")
	}
}

// Look reads what changed since the last look. It is an error when something cannot be read; everything else is read
// all the same.
func (k *Keeper) Look(ctx context.Context) error {
	k.turn <- struct{}{}
	defer func() { <-k.turn }()
	return k.look(ctx)
}

// Await looks when an environment's set is older than a generation that somebody has heard of, from another node
// perhaps.
func (k *Keeper) Await(ctx context.Context, environment string, generation int64) {
	old := func() bool { s := k.Set(environment); return s != nil && s.Generation < generation }
	if !old() || k.DB == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-k.turn }()
	if !old() || time.Since(k.looked) < forced {
		return
	}
	_ = k.look(ctx) // Run tells
}

func (k *Keeper) look(ctx context.Context) error {
	k.looked = time.Now()
	generations, err := k.DB.FlagGenerations(ctx, k.App)
	if err != nil {
		return err
	}
	var errs []error
	for _, environment := range k.Environments {
		p, generation := k.places[environment], generations[environment]
		if have := p.set.Load(); have != nil && have.Generation == generation || generation > 0 && p.refused == generation {
			continue
		}
		if err := k.renew(ctx, environment, p); err != nil {
			errs = append(errs, fmt.Errorf("the flags of %s: %w", environment, err))
			continue
		}
		k.tell(environment)
	}
	if generation := generations[store.KeysGeneration]; k.keys.Load().generation != generation {
		if err := k.renewKeys(ctx, generation); err != nil {
			errs = append(errs, err)
		} else {
			k.tell(store.KeysGeneration)
		}
	}
	return errors.Join(errs...)
}

// renew reads the set of an environment and puts it in place, or refuses it.
func (k *Keeper) renew(ctx context.Context, environment string, p *place) error {
	raw, err := k.DB.FlagSet(ctx, k.App, environment, func(s *flag.Segment) bool { return !p.lists[s.Key].of(s) })
	if err != nil {
		return err
	}
	lists := map[string]list{}
	raw.Rules = map[string]json.RawMessage{}
	for i := range raw.Segments {
		s := &raw.Segments[i]
		if s.Listed == 0 {
			continue
		}
		l := p.lists[s.Key]
		if !l.of(s) {
			l = list{revision: s.Revision, updated: s.Updated}
			if l.rule, err = s.Rule(raw.Lists[s.Key]); err != nil {
				return err
			}
		}
		lists[s.Key], raw.Rules[s.Key] = l, l.rule
	}
	p.lists = lists
	set, err := compile(&raw, p.set.Load())
	if err != nil {
		p.refused = raw.Generation
		p.wrong.Store(true)
		k.refusals.Add(1)
		k.Log.ErrorContext(ctx, "a set of flags is refused: the last good one stays", "environment", environment,
			"generation", raw.Generation, "error", err.Error())
		return nil
	}
	p.set.Store(set)
	p.wrong.Store(false)
	return nil
}

// compile makes a set ready, with what stayed as it was in the one before, if there is one.
func compile(raw *flag.Set, before *Set) (*Set, error) {
	doc, err := raw.Document()
	if err != nil {
		return nil, err
	}
	last := new(flag.Snapshot)
	if before != nil {
		last = before.Snapshot
	}
	snapshot, err := last.Next(doc)
	if err != nil {
		return nil, err
	}
	return newSet(raw.Environment, raw.Generation, doc, snapshot, doc.JSON()), nil
}

func newSet(environment string, generation int64, doc *flag.Document, snapshot *flag.Snapshot, text []byte) *Set {
	s := &Set{
		Environment: environment, Generation: generation, Snapshot: snapshot, Document: text,
		Variants: make(map[string][]string, len(doc.Flags)), Timed: timed(doc),
	}
	for key, d := range doc.Flags {
		for name := range d.Variants {
			s.Variants[key] = append(s.Variants[key], name)
		}
	}
	sum := sha256.Sum256(s.Document)
	s.Digest = hex.EncodeToString(sum[:16])
	return s
}
