// Package mirror is the part of the engine that writes flags, one way, to a system that keeps flags of its own, and
// follows with them where the strategy asks for that.
//
// What is to be done is decided by flag/mirror, which compares what there is with what stands there. A person is shown
// that as a plan, and what is carried out is that plan: a flag that anybody changed in between, here or there, is
// refused by its name. Before the calls, the row of the environment and the log say what is written; afterwards what
// came of it. A crash in between is found by the next comparison, which knows what stands there.
// What somebody changes there by hand is never written over by itself: it is named, until a person has it written.
package mirror

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/mirror"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// Work is the kind of its work; an id is the kind, a slash and an environment.
const Work = "mirror"

// mostListed is the largest segment whose members are read: larger ones cannot be written out there.
const mostListed = 500

// Kept is what stands there, as it came.
type Kept struct {
	Environments []string
	Flags        []json.RawMessage
	Archived     []json.RawMessage
}

// Options are what a Mirror stands on.
type Options struct {
	DB       *store.DB
	Strategy *strategy.Strategy
	Read     func(ctx context.Context) (Kept, error) // nil: there is no such system
	Create   func(ctx context.Context, body json.RawMessage) (revision int64, err error)
	Edit     func(ctx context.Context, slug string, revision int64, body json.RawMessage) (int64, error)
	Write    func(ctx context.Context, f func(*store.Tx) error) error
	Append   func(ctx context.Context, tx *store.Tx, d event.Draft) (event.Event, error)
}

// Mirror writes flags to another system.
type Mirror struct{ Options }

// New returns a Mirror.
func New(o Options) *Mirror { return &Mirror{o} }

// Order says what is to stand there.
type Order struct {
	Environment string
	There       string // what it is called there; empty: as the strategy says, or as here
	Splits      bool   // percentages too
	Shared      bool   // values too that all environments there share
}

// Plan is what is to be done.
type Plan struct {
	Order
	Generation int64 // of the flags here
	Steps      []mirror.Step
}

// Writes are the steps that change something there.
func (p Plan) Writes() []mirror.Step {
	return slices.DeleteFunc(slices.Clone(p.Steps), func(s mirror.Step) bool {
		return s.Action != mirror.Create && s.Action != mirror.Change
	})
}

// Followed are the environments whose flags follow by themselves, in order.
func (m *Mirror) Followed() []string {
	v, ok := m.Strategy.Vercel()
	if !ok || m.Read == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(v.SyncFlags))
}

// Place is what an environment is called there unless somebody says otherwise.
func (m *Mirror) Place(environment string) string {
	v, _ := m.Strategy.Vercel()
	return cmp.Or(v.SyncFlags[environment], environment)
}

// Plan compares.
func (m *Mirror) Plan(ctx context.Context, o Order) (Plan, error) {
	if _, ok := m.Strategy.Vercel(); !ok || m.Read == nil {
		return Plan{}, fault.New(fault.Invalid, "no_vercel_flags",
			"The strategy names no project on Vercel to which flags could be written: add target.vercel.")
	}
	if o.There == "" {
		o.There = m.Place(o.Environment)
	}
	kept, err := m.Read(ctx)
	if err != nil {
		return Plan{}, err
	}
	if !slices.Contains(kept.Environments, o.There) {
		return Plan{}, fault.New(fault.Invalid, "vercel_environment",
			"Vercel has no environment %.64q for flags: it has %s.", o.There, strings.Join(kept.Environments, ", ")).
			At(fault.Page, "Say which in the strategy, as target.vercel.sync_flags.").
			At(fault.API, "Say which (as), or in the strategy, as target.vercel.sync_flags.").
			At(fault.Command, "Say which with --as, or in the strategy, as target.vercel.sync_flags.")
	}
	small := func(g *flag.Segment) bool { return g.Listed <= mostListed }
	set, err := m.DB.FlagSet(ctx, m.Strategy.App, o.Environment, small)
	if err != nil {
		return Plan{}, err
	}
	there := mirror.There{Environment: o.There, Environments: kept.Environments, Shared: o.Shared}
	for _, raw := range kept.Flags {
		var f mirror.Flag
		if err := json.Unmarshal(raw, &f); err != nil || f.Slug == "" || f.Revision == 0 {
			return Plan{}, fault.New(fault.Unavailable, "vercel_contract",
				"Vercel's answer about flags lacks a slug or a revision: nothing is written over what cannot be read.")
		}
		there.Flags = append(there.Flags, f)
	}
	for _, raw := range kept.Archived {
		var f struct{ Slug string }
		if err := json.Unmarshal(raw, &f); err == nil {
			there.Archived = append(there.Archived, f.Slug)
		}
	}
	p := Plan{Order: o, Generation: set.Generation}
	p.Steps, err = mirror.Compare(&set, there, mirror.Options{Splits: o.Splits})
	if err != nil {
		return Plan{}, fault.Wrap(err, fault.Unavailable, "vercel_contract", "What Vercel says of its flags cannot be read.")
	}
	return p, nil
}

// Begin has every environment looked at now.
func (m *Mirror) Begin(ctx context.Context, tx *store.Tx) error {
	for _, e := range m.Followed() {
		if err := tx.Schedule(ctx, Work+"/"+e, Work, tx.Now()); err != nil {
			return err
		}
	}
	return nil
}

// Changed has an environment looked at soon, and at once where something was turned off.
func (m *Mirror) Changed(ctx context.Context, tx *store.Tx, environment string, off bool) error {
	if !slices.Contains(m.Followed(), environment) {
		return nil
	}
	at := tx.Now()
	if !off {
		at = at.Add(batch)
	}
	return tx.Schedule(ctx, Work+"/"+environment, Work, at)
}

// Heard has the environments looked at now, because Vercel says that somebody changed a flag there, or a segment. Who
// it was stands beside the flag itself; of one that was dropped only this tells it. Slipway drops none.
func (m *Mirror) Heard(ctx context.Context, dropped, by string) error {
	if len(m.Followed()) == 0 {
		return nil
	}
	return m.Write(ctx, func(tx *store.Tx) error {
		for _, e := range m.Followed() {
			row, err := tx.Follower(ctx, m.Strategy.App, e)
			if err != nil {
				return err
			}
			if _, known := row.Known[dropped]; known && by != "" {
				row.Dropped = maps.Clone(row.Dropped)
				if row.Dropped == nil {
					row.Dropped = map[string]string{}
				}
				row.Dropped[dropped] = by
				if err := tx.PutFollower(ctx, &row); err != nil {
					return err
				}
			}
		}
		return m.Begin(ctx, tx)
	})
}

// Its times.
const (
	batch   = 2 * time.Second // in which changes are written together
	recheck = 5 * time.Minute // after which it is read again though nothing changed
	retry   = 10 * time.Second
	asking  = 2 * time.Minute // for one look
	lasting = 2 * time.Minute // trouble that may pass is told when it has not
)
