package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/smoke"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/watch"
)

// verdict lets the guard judge a release that has visitors, and records what it says with what it was given. Nil when
// nobody is exposed. Only a look does that, under the release's lease; a command goes by what was said last.
func (e *Engine) verdict(ctx context.Context, r release.Release, f release.Facts, look bool) (*guard.Verdict, error) {
	rules, watched := r.Rules()
	if !watched {
		e.watch.Forget(r.ID)
		return nil, nil
	}
	if !look {
		return e.said(ctx, r, f.Now)
	}
	v, err := e.watch.Look(ctx, r, rules, f.Effects, f.Now, func(l watch.Look) error { return e.recordVerdict(ctx, r, l) })
	return v, stale(err)
}

// oldVerdict is the age from which a verdict says nothing of now.
const oldVerdict = time.Minute

// said is the last verdict at the present share.
func (e *Engine) said(ctx context.Context, r release.Release, now time.Time) (*guard.Verdict, error) {
	last, err := e.DB.LatestVerdict(ctx, r.ID)
	if err != nil || last == nil || last.Verdict.At.Before(r.ShareSince) || now.Sub(last.Verdict.At) > oldVerdict {
		return nil, err
	}
	return &last.Verdict, nil
}

// recordVerdict keeps every verdict with its evidence, and logs those that say something new.
func (e *Engine) recordVerdict(ctx context.Context, r release.Release, l watch.Look) error {
	if !l.New {
		return e.DB.InsertVerdict(ctx, r.ID, l.Number, l.Verdict, l.Evidence)
	}
	return e.DB.Write(ctx, func(tx *store.Tx) error {
		if err := tx.InsertVerdict(ctx, r.ID, l.Number, l.Verdict, l.Evidence); err != nil {
			return err
		}
		_, err := e.append(ctx, tx, event.Draft{
			Kind: "guard.verdict", Actor: "system:guard", App: r.App, Environment: r.Step().Environment, Subject: r.ID,
			Sentence: l.Verdict.Sentence, Data: map[string]any{"verdict": l.Verdict, "evidence": l.Summary},
		})
		return err
	})
}

// probeHealth looks at the health of both versions of a watched release.
func (e *Engine) probeHealth(ctx context.Context, id string) (time.Time, error) {
	r, err := e.DB.Release(ctx, id[len("health/"):])
	if err != nil {
		return time.Time{}, err
	}
	rules, watched := r.Rules()
	if !watched || rules.Health.Path == "" || rules.Health.Every <= 0 {
		return time.Time{}, nil
	}
	started, err := e.now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	targets := []deployment.Deployment{{ID: r.Deployment, URL: r.URL}}
	if r.Promoted.IsZero() && r.PreviousURL != "" {
		targets = append(targets, deployment.Deployment{ID: r.Previous, URL: r.PreviousURL})
	}
	probes := e.probeAll(ctx, targets, rules.Health, started)
	err = e.DB.Write(ctx, func(tx *store.Tx) error {
		for _, p := range probes {
			if err := tx.InsertProbe(ctx, r.App, p); err != nil {
				return err
			}
			if !p.OK {
				if err := tx.Schedule(ctx, r.ID, workRelease, p.At); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return started.Add(rules.Health.Every), err
}

func (e *Engine) probeAll(ctx context.Context, targets []deployment.Deployment, rule guard.HealthRule,
	at time.Time) []guard.Probe {
	out := make([]guard.Probe, len(targets))
	var g errgroup.Group
	for i, d := range targets {
		g.Go(func() error {
			id := smoke.Identity(ctx, e.Client, d.URL, rule.Path, rule.Timeout)
			out[i] = guard.Probe{At: at, Deployment: d.ID, OK: id.OK, Took: id.Took, Detail: id.Sentence}
			return nil
		})
	}
	_ = g.Wait() // probes report what was wrong in their result
	return out
}

// Observe takes a batch of an edge: it is counted now, and kept so that a restart
// and other nodes know of it.
func (e *Engine) Observe(ctx context.Context, b metric.Batch) error {
	if b.Sequence > math.MaxInt64 { // what can't be kept must not count: its source would seem to have told everything
		return fault.New(fault.Invalid, "number_too_large", "The sequence %d is too large.", b.Sequence)
	}
	now, err := e.now(ctx)
	if err != nil {
		return err
	}
	e.Timeline.Add(now, b)
	if len(b.Buckets)+len(b.Values) == 0 && e.DB.Dialect() != "postgres" {
		return nil // a heartbeat; no other node needs it
	}
	if e.DB.Room().Full() {
		return nil // it is judged by what was taken in above; the reserve is for what is decided
	}
	body, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("marshal batch: %w", err)
	}
	_, err = e.DB.InsertBatch(
		ctx,
		store.Batch{Source: b.Source, Sequence: b.Sequence, Received: now, Complete: b.Complete,
			Body: body},
	)
	return err
}

// EdgeSeen records what an edge serves.
func (e *Engine) EdgeSeen(ctx context.Context, name string, generation uint64) error {
	now, err := e.now(ctx)
	if err != nil {
		return err
	}
	return e.DB.PutEdge(ctx, store.EdgeSeen{Name: name, Generation: generation, Seen: now})
}

// readBatches feeds the timeline with what was stored since.
func (e *Engine) readBatches(ctx context.Context, since time.Time) error {
	for {
		list, err := e.DB.Batches(ctx, since, 500)
		if err != nil {
			return err
		}
		for _, b := range list {
			var m metric.Batch
			if err := json.Unmarshal(b.Body, &m); err != nil {
				return fmt.Errorf("read batch %s/%d: %w", b.Source, b.Sequence, err)
			}
			e.Timeline.Follow(b.Received, m) // as of then: a source that is gone is not waited for
			since = maxTime(since, b.Received)
		}
		if len(list) < 500 {
			return nil
		}
	}
}

// followBatches brings what edges delivered to other nodes. It reads a little of
// the past again each time, because commits become visible out of order.
func (e *Engine) followBatches(ctx context.Context) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := e.now(ctx)
		if err == nil {
			err = e.readBatches(ctx, now.Add(-5*time.Second))
		}
		if err != nil && ctx.Err() == nil {
			e.complain(ctx, slog.LevelWarn, "follow observations", "", err)
		}
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
