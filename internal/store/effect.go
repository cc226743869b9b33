package store

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/internal/effect"
)

const (
	sqlInsertEffect = `INSERT INTO effects (id, version, doc, subject, lane, kind, state, attempts, created)
		VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING`
	sqlUpdateEffect = `UPDATE effects SET version = version + 1, doc = $3, subject = $4, lane = $5, kind = $6, state = $7,
		attempts = $8, created = $9 WHERE id = $1 AND version = $2`
	sqlEffect         = `SELECT version, doc FROM effects WHERE id = $1`
	sqlEffectsOf      = `SELECT version, doc FROM effects WHERE subject = $1 ORDER BY created, id`
	sqlEffectsPending = `SELECT version, doc FROM effects WHERE state = 'pending' ORDER BY created, id`
	sqlUntriedInLane  = `SELECT version, doc FROM effects
		WHERE lane = $1 AND id <> $2 AND attempts = 0 AND state = 'pending' ORDER BY created, id`
)

func effects() noun[effect.Effect] {
	return noun[effect.Effect]{
		name: "effect", insert: sqlInsertEffect, update: sqlUpdateEffect, read: sqlEffect,
		id:  func(e *effect.Effect) string { return e.Key },
		row: func(e *effect.Effect) *int64 { return &e.Row },
		copies: func(e *effect.Effect) []any {
			return []any{e.Subject, e.Lane, string(e.Kind), string(e.State), int64(e.Attempts), Time{e.Created}}
		},
	}
}

// InsertEffect writes an effect down before it is tried. It reports false, and
// changes nothing, when the key was written down before.
func (tx *Tx) InsertEffect(ctx context.Context, e *effect.Effect) (bool, error) {
	n := effects()
	inserted, err := tx.run.exec(ctx, n.insert, append([]any{e.Key, JSON[effect.Effect]{*e}}, n.copies(e)...)...)
	if err != nil {
		return false, fmt.Errorf("insert effect %s: %w", e.Key, err)
	}
	if inserted == 0 {
		return false, nil
	}
	tx.bump(&e.Row, 1)
	return true, nil
}

// UpdateEffect records an effect that was read before, and raises its Row.
func (tx *Tx) UpdateEffect(ctx context.Context, e *effect.Effect) error {
	return effects().change(ctx, tx, e)
}

// Effect returns the effect with the key.
func (r reads) Effect(ctx context.Context, key string) (effect.Effect, error) {
	return effects().byID(ctx, r.run, key)
}

// EffectsOf returns the effects of a release or rollback, oldest first.
func (r reads) EffectsOf(ctx context.Context, subject string) ([]effect.Effect, error) {
	out, err := all(ctx, r.run, effects().scan, sqlEffectsOf, subject)
	if err != nil {
		return nil, fmt.Errorf("list effects of %s: %w", subject, err)
	}
	return out, nil
}

// EffectsPending returns every effect that is still to be done, oldest first.
func (r reads) EffectsPending(ctx context.Context) ([]effect.Effect, error) {
	out, err := all(ctx, r.run, effects().scan, sqlEffectsPending)
	if err != nil {
		return nil, fmt.Errorf("list pending effects: %w", err)
	}
	return out, nil
}

// SupersedeLane marks the pending effects of a lane, but one, that were never
// attempted, and returns their keys.
func (tx *Tx) SupersedeLane(ctx context.Context, lane, exceptKey string) ([]string, error) {
	untried, err := all(ctx, tx.run, effects().scan, sqlUntriedInLane, lane, exceptKey)
	if err != nil {
		return nil, fmt.Errorf("list effects of lane %s: %w", lane, err)
	}
	keys := []string{}
	for i := range untried {
		e := &untried[i]
		e.State, e.Ended = effect.Superseded, tx.now
		e.Result.Sentence = "A later one took its place before it was tried."
		if err := tx.UpdateEffect(ctx, e); err != nil {
			return nil, err
		}
		keys = append(keys, e.Key)
	}
	return keys, nil
}
