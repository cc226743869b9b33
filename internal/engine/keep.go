package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/store"
)

// span is the length of a rolled-up sample in seconds.
const span = 10

// keep rolls old batches up into samples and lets go of what is too old.
func (e *Engine) keep(ctx context.Context, _ string) (time.Time, error) {
	now, err := e.now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	next := now.Add(e.Pace.Roll)
	if err := e.roll(ctx, now.Add(-e.Pace.KeepRaw)); err != nil {
		return next, fmt.Errorf("roll up observations: %w", err)
	}
	old := now.Add(-e.Pace.KeepRows)
	prunes := []func(context.Context, time.Time) (int64, error){
		e.DB.PruneSamples, e.DB.PruneProbes, e.DB.PruneVerdicts, e.DB.PruneFailures, e.DB.PruneIdempotent, e.DB.PruneEdges,
	}
	for _, prune := range prunes {
		if _, err := prune(ctx, old); err != nil {
			return next, fmt.Errorf("prune what is too old: %w", err)
		}
	}
	if _, err := e.DB.PruneSessions(ctx, now); err != nil {
		return next, fmt.Errorf("prune sessions: %w", err)
	}
	return next, nil
}

// sampleKey names a sample.
type sampleKey struct {
	deployment string
	class      metric.Class
	second     int64
}

// rolled is how many batches are rolled up in one commit.
const rolled = 2000

// roll turns batches received before the time into samples.
func (e *Engine) roll(ctx context.Context, before time.Time) error {
	for limit := rolled; ; {
		n, whole, err := e.rollSome(ctx, before, limit)
		switch {
		case err != nil || whole:
			return err
		case n == 0:
			limit *= 2 // so many share one instant
		}
	}
}

// rollSome rolls up to limit batches up in one commit, so that nothing is counted twice
// and nothing is lost. What shares an instant is taken together or not at all, because
// batches are let go of by their time. It says how many it took and whether that was all.
func (e *Engine) rollSome(ctx context.Context, before time.Time, limit int) (n int, whole bool, err error) {
	err = e.DB.Write(ctx, func(tx *store.Tx) error {
		batches, err := tx.Batches(ctx, time.Time{}, limit)
		if err != nil {
			return err
		}
		end := before
		n, whole = 0, len(batches) < limit || !batches[limit-1].Received.Before(before)
		if !whole {
			end = batches[limit-1].Received
		}
		sums := map[sampleKey]*metric.Bucket{}
		for ; n < len(batches) && batches[n].Received.Before(end); n++ {
			if err := fold(sums, batches[n]); err != nil {
				return err
			}
		}
		if n == 0 {
			return nil
		}
		for k, s := range sums {
			if err := e.addToSample(ctx, tx, k, s); err != nil {
				return err
			}
		}
		_, err = tx.PruneBatches(ctx, end)
		return err
	})
	return n, whole, err
}

// fold adds a batch's buckets to the sums of their spans.
func fold(sums map[sampleKey]*metric.Bucket, b store.Batch) error {
	var m metric.Batch
	if err := json.Unmarshal(b.Body, &m); err != nil {
		return fmt.Errorf("read batch %s/%d: %w", b.Source, b.Sequence, err)
	}
	if m.Kind != "" && m.Kind != metric.Edge {
		return nil // samples are the edge's: another kind saw the same requests
	}
	for _, x := range m.Buckets {
		k := sampleKey{x.Deployment, x.Class, x.Second - x.Second%span}
		if sums[k] == nil {
			sums[k] = &metric.Bucket{Deployment: x.Deployment, Class: x.Class, Second: k.second}
		}
		sums[k].Add(x)
	}
	return nil
}

func (e *Engine) addToSample(ctx context.Context, tx *store.Tx, k sampleKey, s *metric.Bucket) error {
	at := time.Unix(k.second, 0)
	known, err := tx.SamplesOf(ctx, e.app(), at, at.Add(time.Second), k.deployment)
	if err != nil {
		return err
	}
	for _, old := range known {
		if old.Class != string(k.class) || old.Span != span {
			continue
		}
		var b metric.Bucket
		if err := json.Unmarshal(old.Doc, &b); err != nil {
			return fmt.Errorf("read sample of %s at %d: %w", k.deployment, k.second, err)
		}
		s.Add(b)
	}
	return tx.PutSample(ctx, store.Sample{
		App: e.app(), Deployment: k.deployment, Class: string(k.class), Second: k.second, Span: span, Doc: marshal(s),
	})
}
