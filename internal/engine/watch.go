package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/smoke"
	"github.com/slipwayhq/slipway/internal/store"
)

// longest is how far back evidence is read. The comparison's bound on false verdicts
// holds for one pass over everything since the first visitor, so this is long.
const longest = 2 * time.Hour

// verdict lets the guard judge a release that has visitors, and records what it
// says. Nil when nobody is exposed.
func (e *Engine) verdict(ctx context.Context, r release.Release, now time.Time) (*guard.Verdict, error) {
	rules, watched := r.Rules()
	if !watched {
		return nil, nil
	}
	ev, err := e.evidence(ctx, r, rules, now)
	if err != nil {
		return nil, err
	}
	v := e.goOn(r, rules, ev)
	if err := e.recordVerdict(ctx, r, ev, v); err != nil {
		e.complain(ctx, slog.LevelWarn, "record verdict", r.ID, err) // judging goes on without the record
	}
	return &v, nil
}

// evidence reads what was measured of both versions over the same seconds.
func (e *Engine) evidence(ctx context.Context, r release.Release, rules guard.Rules, now time.Time) (guard.Evidence,
	error) {
	ev := r.Watched(now)
	ev.Complete = e.Timeline.Watermark(now)
	stable, err := e.DB.Deployment(ctx, r.Previous)
	if err != nil {
		return ev, err
	}
	ev.StableVersion = stable.Version
	from := ev.Since
	if now.Sub(from) > longest {
		from = now.Add(-longest)
	}
	source := e.Timeline.Of(rules.Source)
	final := source.Watermark(now)
	ev.Width = source.Grid(r.Exposed.Add(-longest).Unix(), final, r.Deployment, r.Previous)
	ev.Complete = final / ev.Width * ev.Width
	ev.Canary = source.Spans(r.Deployment, from.Unix(), ev.Complete, ev.Width, metric.Compared()...)
	if r.Promoted.IsZero() && r.Share < 100 {
		ev.Stable = source.Spans(r.Previous, from.Unix(), ev.Complete, ev.Width, metric.Compared()...)
	}
	ev.Baseline = source.Sum(r.Previous, r.Exposed.Add(-longest).Unix(), r.Exposed.Unix(), metric.Compared()...)
	back := now.Add(-max(time.Minute, 20*rules.Health.Every))
	if ev.CanaryHealth, err = e.DB.ProbesOf(ctx, r.Deployment, maxTime(back, from)); err != nil {
		return ev, err
	}
	if r.Promoted.IsZero() {
		ev.StableHealth, err = e.DB.ProbesOf(ctx, r.Previous, back)
	}
	return ev, err
}

// pass is one release's judgement, and what was known of the stable version when it began.
type pass struct {
	mu         sync.Mutex
	used       time.Time
	learned    bool
	background judge.Background
	before     guard.Before
	pass       guard.Pass
}

// mostPasses bounds how many releases are judged on from memory; another one's is made anew from the evidence.
const mostPasses = 16

// goOn lets the guard go on where it was with the release.
func (e *Engine) goOn(r release.Release, rules guard.Rules, ev guard.Evidence) guard.Verdict {
	p := e.passOf(r.ID, ev.Now)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.learned && !r.Exposed.IsZero() {
		p.background, p.before = e.background(r, rules, ev.Width), e.before(r, rules, ev)
		p.learned = true
	}
	ev.Background, ev.Before = p.background, p.before
	if r.Promoted.IsZero() && r.Share < 100 {
		ev.Values = e.values(r, rules, ev.Now)
	}
	return p.pass.Evaluate(rules, ev)
}

func (e *Engine) passOf(id string, now time.Time) *pass {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.passes[id]
	if p == nil {
		if len(e.passes) >= mostPasses {
			oldest := ""
			for name, q := range e.passes {
				if oldest == "" || q.used.Before(e.passes[oldest].used) {
					oldest = name
				}
			}
			delete(e.passes, oldest)
		}
		p = &pass{}
		e.passes[id] = p
	}
	p.used = now
	return p
}

// valueSpan is how many seconds of custom metrics are judged together.
const valueSpan = 10

// values are the custom metrics of both versions since the first visitor: what is final by the watermark of who
// measures them, because the judge takes each span once and what came after it would be lost. A span in which the share
// changed is left out.
func (e *Engine) values(r release.Release, rules guard.Rules, now time.Time) []judge.Value {
	var out []judge.Value
	begin := (max(r.Exposed.Unix(), now.Add(-longest).Unix()) + valueSpan - 1) / valueSpan * valueSpan
	for _, m := range rules.Metrics {
		from := e.Timeline.Of(m.From)
		final := from.Watermark(now)
		for at := begin; at+valueSpan <= final; at += valueSpan {
			share, steady := r.ShareOver(at, at+valueSpan)
			if !steady {
				continue
			}
			v := judge.Value{
				Metric: m.Name, Second: at, Width: valueSpan, Share: share / 100,
				Canary: from.Value(r.Deployment, m.Name, at, at+valueSpan),
				Stable: from.Value(r.Previous, m.Name, at, at+valueSpan),
			}
			if v.Canary.N+v.Stable.N > 0 {
				out = append(out, v)
			}
		}
	}
	return out
}

// background is what the stable version's placebo slices showed before the first visitor of the release.
func (e *Engine) background(r release.Release, rules guard.Rules, width int64) judge.Background {
	bins := judge.ProductBins()
	h := judge.NewHistory(bins)
	counts := make([]uint32, bins.Count)
	from := r.Exposed.Add(-longest).Unix()
	source := e.Timeline.Of(rules.Source)
	for _, b := range source.Spans(r.Previous, from, r.Exposed.Unix(), width, metric.Compared()...) {
		clear(counts)
		t := judge.Tick{Second: b.Second, Width: b.Width, Stable: judge.Arm{
			Requests: b.Requests, Errors: b.Errors, Units: b.Units, Latency: bins.Fold(b.Latency, counts),
		}}
		if b.Slices != nil {
			t.SliceUnits, t.SliceSlow = &b.Slices.Units, &b.Slices.Slow
		}
		h.Add(&t)
	}
	b := h.Background()
	if rules.Source != "" {
		b.Block = 4 * width // the guard goes linear there; a block holds several buckets, because they overlap
	}
	return b
}

// before is what the stable version did before the first visitor of the release while it kept the limits.
func (e *Engine) before(r release.Release, rules guard.Rules, ev guard.Evidence) guard.Before {
	from, to := r.Exposed.Add(-longest).Unix(), r.Exposed.Unix()
	source := e.Timeline.Of(rules.Source)
	return guard.LastHealthy(rules, ev.Baseline, source.Spans(r.Previous, from, to, ev.Width, metric.Compared()...))
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// recordVerdict keeps every evaluation with its inputs, and logs those that say
// something new.
func (e *Engine) recordVerdict(ctx context.Context, r release.Release, ev guard.Evidence, v guard.Verdict) error {
	stable, canary := total(ev.Stable), total(ev.Canary)
	inputs := Evidence{
		Share: ev.Share, ShareSince: ev.ShareSince, Complete: ev.Complete, StableRequests: stable.Requests,
		StableErrors:   stable.Errors,
		CanaryRequests: canary.Requests, CanaryErrors: canary.Errors, StableHealth: last(ev.StableHealth),
		CanaryHealth: last(ev.CanaryHealth),
	}
	before, err := e.DB.LatestVerdict(ctx, r.ID)
	if err != nil {
		return err
	}
	if before != nil && v.Same(before.Verdict) {
		return e.DB.InsertVerdict(ctx, r.ID, v, marshal(inputs))
	}
	return e.DB.Write(ctx, func(tx *store.Tx) error {
		if err := tx.InsertVerdict(ctx, r.ID, v, marshal(inputs)); err != nil {
			return err
		}
		_, err := e.append(ctx, tx, event.Draft{
			Kind: "guard.verdict", Actor: "system:guard", App: r.App, Environment: r.Step().Environment, Subject: r.ID,
			Sentence: v.Sentence, Data: map[string]any{"verdict": v, "evidence": inputs},
		})
		return err
	})
}

func total(list []metric.Bucket) metric.Bucket {
	var b metric.Bucket
	for _, x := range list {
		b.Add(x)
	}
	return b
}

func last(list []guard.Probe) []guard.Probe { return list[max(0, len(list)-5):] }

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
			ctx, cancel := context.WithTimeout(ctx, rule.Timeout)
			defer cancel()
			id := smoke.Identity(ctx, e.Client, d.URL, rule.Path)
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
	now, err := e.now(ctx)
	if err != nil {
		return err
	}
	e.Timeline.Add(now, b)
	if len(b.Buckets)+len(b.Values) == 0 && e.DB.Dialect() != "postgres" {
		return nil // a heartbeat; no other node needs it
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
			e.Timeline.Add(b.Received, m) // as of then: a source that is gone is not waited for
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
