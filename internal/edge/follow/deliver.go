package follow

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// deliver collects and posts observations until ctx ends. It goes on collecting
// while the control plane is away, so that what is lost is the oldest.
func (f *Follower) deliver(ctx context.Context) {
	tick := time.NewTicker(f.opts.Every)
	defer tick.Stop()
	waiting := &backlog{limit: f.opts.Backlog}
	retry := f.newRetry()
	var notBefore time.Time
	for {
		select {
		case <-ctx.Done():
			f.lastDelivery(ctx, waiting)
			return
		case <-tick.C:
		}
		f.collect(waiting, time.Now())
		if time.Now().Before(notBefore) {
			continue
		}
		if f.flush(ctx, waiting) {
			retry.reset()
		} else {
			notBefore = time.Now().Add(retry.next())
		}
	}
}

// lastDelivery hands over the running second too, and gives up after a moment.
func (f *Follower) lastDelivery(ctx context.Context, waiting *backlog) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	f.collect(waiting, time.Now().Add(time.Second))
	f.flush(ctx, waiting)
}

func (f *Follower) collect(waiting *backlog, now time.Time) {
	batch, ok := f.edge.Observer().Collect(now)
	if !ok {
		return
	}
	if dropped := waiting.push(batch); dropped > 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.lost += dropped
	}
}

// flush posts the backlog, oldest first, and reports whether it is empty.
func (f *Follower) flush(ctx context.Context, waiting *backlog) bool {
	for len(waiting.batches) > 0 && ctx.Err() == nil {
		err := f.post(ctx, waiting.batches[0])
		rejected := errors.Is(err, errRejected)
		if err != nil && !rejected {
			return false
		}
		if rejected {
			f.opts.Log.Error("control rejects observations", "sequence", waiting.batches[0].Sequence, "err", err)
		}
		waiting.batches = waiting.batches[1:]
	}
	return len(waiting.batches) == 0
}

// post delivers one batch. Delivering it again does no harm: it is named by its
// source and sequence.
func (f *Follower) post(ctx context.Context, batch metric.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if err := errors.Join(json.NewEncoder(z).Encode(batch), z.Close()); err != nil {
		return fmt.Errorf("encode batch %d: %w: %w", batch.Sequence, errRejected, err)
	}
	req, err := f.request(ctx, http.MethodPost, ObservationsPath, &buf)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := f.opts.Client.Do(req)
	if err != nil {
		return fmt.Errorf("deliver batch %d: %w", batch.Sequence, err)
	}
	discard(resp)
	switch code := resp.StatusCode; {
	case code < 300:
		return nil
	case code == http.StatusBadRequest, code == http.StatusConflict,
		code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return fmt.Errorf("deliver batch %d: %w: %s", batch.Sequence, errRejected, resp.Status)
	}
	return fmt.Errorf("deliver batch %d: control answers %s", batch.Sequence, resp.Status)
}
