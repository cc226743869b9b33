package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/store"
)

// span is the length of a rolled-up sample in seconds, and minute that of older ones and of what is known no finer.
const (
	span   = 10
	minute = 60
)

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
	if err := e.rollUp(ctx, now); err != nil {
		return next, fmt.Errorf("roll up samples: %w", err)
	}
	old := now.Add(-e.Pace.KeepRows)
	prunes := []func(context.Context, time.Time) (int64, error){
		e.DB.PruneProbes, e.DB.PruneVerdicts, e.DB.PruneFailures, e.DB.PruneIdempotent, e.DB.PruneEdges,
	}
	for _, prune := range prunes {
		if _, err := prune(ctx, old); err != nil {
			return next, fmt.Errorf("prune what is too old: %w", err)
		}
	}
	if _, err := e.DB.PruneSessions(ctx, now); err != nil {
		return next, fmt.Errorf("prune sessions: %w", err)
	}
	if err := e.Configs.Forget(ctx, now); err != nil && !fault.Is(err, fault.Conflict) {
		return next, fmt.Errorf("forget values of variables: %w", err)
	}
	return next, nil
}

// sampleKey names a sample.
type sampleKey struct {
	deployment   string
	class        string // as it is kept
	second, span int64
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
	beside := e.Strategy.Beside()
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
			if err := fold(sums, batches[n], e.Strategy.Measured(), beside); err != nil {
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

// fold adds a batch's buckets to the sums of their spans: of the one kind of sources that sees all requests, and apart
// from it of those beside it that a guard may go by. A wide bucket counts where it ends.
func fold(sums map[sampleKey]*metric.Bucket, b store.Batch, from metric.Kind, beside []metric.Kind) error {
	var m metric.Batch
	if err := json.Unmarshal(b.Body, &m); err != nil {
		return fmt.Errorf("read batch %s/%d: %w", b.Source, b.Sequence, err)
	}
	kind := cmp.Or(m.Kind, metric.Edge)
	if kind == from {
		kind = ""
	} else if !slices.Contains(beside, kind) {
		return nil // it saw the same requests, and nobody goes by it
	}
	for _, x := range m.Buckets {
		k := sampleKey{x.Deployment, x.Class.Kept(kind), x.Second, span}
		if x.Width > span {
			k.second, k.span = x.Second+x.Width-1, minute
		}
		k.second -= k.second % k.span
		if sums[k] == nil {
			sums[k] = &metric.Bucket{Deployment: x.Deployment, Class: x.Class, Second: k.second}
		}
		sums[k].Add(x)
	}
	return nil
}

func (e *Engine) addToSample(ctx context.Context, tx *store.Tx, k sampleKey, s *metric.Bucket) error {
	return addToSample(ctx, tx, store.Sample{
		App: e.app(), Deployment: k.deployment, Class: k.class, Second: k.second, Span: k.span,
	}, s)
}

// addToSample adds sums to a sample, which may be there already.
func addToSample(ctx context.Context, tx *store.Tx, at store.Sample, s *metric.Bucket) error {
	known, err := tx.SampleAt(ctx, at)
	if err != nil {
		return err
	}
	if known != nil {
		b, err := bucketOf(*known)
		if err != nil {
			return err
		}
		s.Add(b)
	}
	at.Doc = marshal(s)
	return tx.PutSample(ctx, at)
}

func bucketOf(s store.Sample) (metric.Bucket, error) {
	var b metric.Bucket
	if err := json.Unmarshal(s.Doc, &b); err != nil {
		return b, fmt.Errorf("read sample of %s at %d: %w", s.Deployment, s.Second, err)
	}
	return b, nil
}

// longer is a roll-up of samples: those of one length that are old enough become longer ones.
type longer struct {
	from, to int64         // seconds
	after    time.Duration // this old
}

// rollUps are the roll-ups, and how long the longest samples are kept.
func (e *Engine) rollUps() (list []longer, kept time.Duration) {
	const day = 24 * time.Hour
	return []longer{{span, minute, e.Pace.KeepRows}, {minute, 3600, 30 * day}}, 396 * day // thirteen months
}

// windowsAtOnce is how many windows are rolled up in one keeping of the house; the rest is for the next.
const windowsAtOnce = 500

// rollUp makes longer samples of those that are old, and lets go of the oldest.
func (e *Engine) rollUp(ctx context.Context, now time.Time) error {
	list, kept := e.rollUps()
	for _, l := range list {
		before := now.Add(-l.after).Unix()
		for range windowsAtOnce {
			oldest, err := e.DB.OldestSample(ctx, l.from)
			if err != nil {
				return err
			}
			window := oldest - oldest%l.to
			if oldest == 0 || window+l.to > before {
				break
			}
			if err := e.rollWindow(ctx, l, window); err != nil {
				return err
			}
		}
	}
	_, err := e.DB.PruneSamples(ctx, list[len(list)-1].to, now.Add(-kept).Unix())
	return err
}

// rollWindow rolls all samples up that begin in one longer span, in one commit: each is counted in the longer sample or
// by itself, at every moment. What comes later for the same span is added in the same way.
func (e *Engine) rollWindow(ctx context.Context, l longer, window int64) error {
	return e.DB.Write(ctx, func(tx *store.Tx) error {
		list, err := tx.SamplesIn(ctx, l.from, window, window+l.to)
		if err != nil {
			return err
		}
		for i := 0; i < len(list); {
			at := list[i]
			at.Second, at.Span = window, l.to
			sum := metric.Bucket{Deployment: at.Deployment, Class: metric.Class(at.Class), Second: window, Width: l.to}
			for ; i < len(list) && list[i].App == at.App && list[i].Deployment == at.Deployment &&
				list[i].Class == at.Class; i++ {
				b, err := bucketOf(list[i])
				if err != nil {
					return err
				}
				sum.Add(b)
			}
			if err := addToSample(ctx, tx, at, &sum); err != nil {
				return err
			}
		}
		_, err = tx.PruneSamples(ctx, l.from, window+l.to)
		return err
	})
}
