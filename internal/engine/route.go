package engine

import (
	"context"
	"encoding/json"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

// PublishRoute stores a routing table for edges to follow and returns the table in
// force for the generation. A repeated try finds its own generation there and gets
// the table that was stored then, so that edges never see two of one number; an
// older generation is a Conflict stale_generation.
func (e *Engine) PublishRoute(ctx context.Context, app string, generation uint64, doc json.RawMessage) (json.RawMessage,
	error) {
	err := e.DB.Write(ctx, func(tx *store.Tx) error {
		have, stored, err := tx.Route(ctx, app)
		if err == nil && have == generation {
			doc = stored
			return nil
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		return tx.PutRoute(ctx, app, generation, doc)
	})
	return doc, err
}
