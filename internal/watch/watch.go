// Package watch looks at releases that have visitors: it gathers what was measured, lets the guard judge it, and keeps
// what was judged.
//
// Evidence is read from the Timeline once, when its second is final, and stored with the verdict in one row. What was
// judged is never judged differently: a node that takes a release over goes on from the rows, to the last bit. Only
// whoever holds the release's lease looks; when two do all the same, one row number is given once and the other look
// counts for nothing. This room reads; the engine writes what it is handed.
package watch

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/guard/record"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// History is how far back before the first visitor the stable version's normal period is looked for, and how long a
// Timeline keeps what nobody has judged yet.
const History = 2 * time.Hour

// Watcher looks at releases. It is safe for concurrent use.
type Watcher struct {
	DB       *store.DB
	Timeline *metric.Timeline
	Log      *slog.Logger

	mu     sync.Mutex
	passes map[string]*pass // by release
}

// New returns a Watcher that has looked at nothing.
func New(db *store.DB, t *metric.Timeline, log *slog.Logger) *Watcher {
	return &Watcher{DB: db, Timeline: t, Log: log, passes: map[string]*pass{}}
}

// Look is what is to be recorded of a look.
type Look struct {
	Number   int64
	Verdict  guard.Verdict
	Evidence []byte
	Summary  Evidence
	New      bool // it says something else than the one before
}

// Evidence summarizes what a verdict was made from, for the log.
type Evidence struct {
	Share          float64       `json:"share"`
	ShareSince     time.Time     `json:"share_since"`
	Complete       int64         `json:"complete"`
	StableRequests uint64        `json:"stable_requests"`
	StableErrors   uint64        `json:"stable_errors"`
	CanaryRequests uint64        `json:"canary_requests"`
	CanaryErrors   uint64        `json:"canary_errors"`
	StableHealth   []guard.Probe `json:"stable_health"`
	CanaryHealth   []guard.Probe `json:"canary_health"`
}

// pass is one release's judgement in memory.
type pass struct {
	used time.Time // under the Watcher's mutex

	mu sync.Mutex
	at *standing // nil: to be made from the rows
}

// standing is where a judgement stands.
type standing struct {
	reading
	said   guard.Verdict
	known  guard.Evidence   // the last look's, for what is found out once
	values map[string]int64 // by custom metric: what begins before this second was judged
}

// mostPasses bounds how many releases are judged on from memory; another one's pass is made again from its rows.
const mostPasses = 16

func (w *Watcher) passOf(id string, now time.Time) *pass {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.passes[id]
	if p == nil {
		if len(w.passes) >= mostPasses {
			oldest := ""
			for name, q := range w.passes {
				if oldest == "" || q.used.Before(w.passes[oldest].used) {
					oldest = name
				}
			}
			delete(w.passes, oldest)
		}
		p = &pass{}
		w.passes[id] = p
	}
	p.used = now
	return p
}

// Forget lets go of what is known of a release in memory.
func (w *Watcher) Forget(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.passes, id)
}

// Look looks at a release under its rules and hands the result to keep, which stores it. What was not stored was not
// judged: when keep fails the pass is made again from the rows at the next look. The effects are the release's, read
// after now was.
func (w *Watcher) Look(ctx context.Context, r release.Release, rules guard.Rules, effects map[string]effect.Effect,
	now time.Time, keep func(Look) error) (*guard.Verdict, error) {
	p := w.passOf(r.ID, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		at, err := w.resume(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		p.at = at
	}
	v, err := w.look(ctx, p.at, r, rules, effects, now, keep)
	if err != nil {
		p.at = nil
		return nil, err
	}
	return &v, nil
}

// look gathers, judges and hands over.
func (w *Watcher) look(ctx context.Context, at *standing, r release.Release, rules guard.Rules,
	effects map[string]effect.Effect, now time.Time, keep func(Look) error) (guard.Verdict, error) {
	ev, err := w.evidence(ctx, at, r, rules, effects, now)
	if err != nil {
		return guard.Verdict{}, err
	}
	reader := at.tape.Clone()
	row, err := at.tape.Pack(rules, ev)
	if err != nil {
		return guard.Verdict{}, err
	}
	// What is judged is what was stored, read again: it can't be anything else later.
	if rules, ev, err = reader.Unpack(row); err != nil {
		return guard.Verdict{}, err
	}
	v := at.pass.Evaluate(rules, ev)
	look := Look{
		Number: at.look + 1, Verdict: v, Evidence: row, Summary: summary(&at.pass, ev),
		New: at.look == 0 || !v.Same(at.said),
	}
	if err := keep(look); err != nil {
		return v, err
	}
	at.look, at.said = look.Number, v
	at.took(ev)
	w.judged(rules.Source, ev)
	return v, nil
}

// judged closes the seconds that were judged where they were taken from: what comes of them there is late. A source
// that was silent is not closed with them, because how far it has told says how long it has been silent; what it tells
// of them later was taken by the pass before.
func (w *Watcher) judged(source metric.Kind, ev guard.Evidence) {
	w.Timeline.Of(cmp.Or(ev.From, source)).Judged(ev.Complete)
}

// took notes what a look was given.
func (at *standing) took(ev guard.Evidence) {
	for _, x := range ev.Values {
		at.values[x.Metric] = max(at.values[x.Metric], x.Second+x.Width)
	}
	ev.Canary, ev.Stable, ev.Values = nil, nil, nil
	at.known = ev
}

func summary(p *guard.Pass, ev guard.Evidence) Evidence {
	canary, stable := p.Totals()
	last := func(list []guard.Probe) []guard.Probe { return list[max(0, len(list)-5):] }
	return Evidence{
		Share: ev.Share, ShareSince: ev.ShareSince, Complete: ev.Complete,
		StableRequests: stable.Requests, StableErrors: stable.Errors,
		CanaryRequests: canary.Requests, CanaryErrors: canary.Errors,
		StableHealth: last(ev.StableHealth), CanaryHealth: last(ev.CanaryHealth),
	}
}

// resume goes through what was stored of a release. Where a row can't be read the pass begins anew after the last one
// that can't: a canary must not go unwatched because of a broken row.
func (w *Watcher) resume(ctx context.Context, id string) (*standing, error) {
	at := &standing{values: map[string]int64{}}
	var source metric.Kind
	_, err := at.rows(ctx, w.DB, id, math.MaxInt64, func(row store.Look) error {
		if record.Begins(row.Evidence) {
			at.values = map[string]int64{}
		}
		if rules, ev, err := at.read(row); err == nil {
			source = rules.Source
			at.pass.Feed(rules, ev)
			at.took(ev)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if at.lost != nil {
		w.Log.Error("stored evidence can't be read: the comparison begins anew", "release", id, "look", at.look,
			"error", at.lost)
		return &standing{reading: reading{look: at.look}, values: map[string]int64{}}, nil
	}
	w.judged(source, at.known)
	return at, w.lastSaid(ctx, id, at)
}

// lastSaid reads what was said last.
func (w *Watcher) lastSaid(ctx context.Context, id string, at *standing) error {
	if at.look == 0 {
		return nil
	}
	last, err := w.DB.LatestVerdict(ctx, id)
	if fault.ReasonOf(err) == "document_broken" {
		return nil // it is told once more
	}
	if last != nil {
		at.said = last.Verdict
	}
	return err
}
