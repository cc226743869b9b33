package watch

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/guard/record"
	"github.com/slipwayhq/slipway/internal/store"
)

// reading goes through the rows of a release, to go on from them or to make their verdicts again.
type reading struct {
	look int64 // the last one that was read
	tape record.Tape
	pass guard.Pass
	lost error // why the last row, or one before it, can't be read: what comes now can't be judged
}

// page is how many rows are read at once.
const page = 200

// rows hands over up to limit rows after the last one, and returns how many.
func (x *reading) rows(ctx context.Context, db *store.DB, id string, limit int64,
	each func(store.Look) error) (int64, error) {
	for done := int64(0); ; {
		want := min(page, limit-done)
		if want <= 0 {
			return done, nil
		}
		list, err := db.Looks(ctx, id, x.look, int(want))
		if err != nil {
			return done, err
		}
		for _, row := range list {
			if err := each(row); err != nil {
				return done, err
			}
			x.look = row.Look
			done++
		}
		if int64(len(list)) < want {
			return done, nil
		}
	}
}

// read reads a row's evidence. One that begins anew begins the pass anew.
func (x *reading) read(row store.Look) (guard.Rules, guard.Evidence, error) {
	if record.Begins(row.Evidence) {
		x.tape, x.pass, x.lost = record.Tape{}, guard.Pass{}, nil
	}
	if x.lost != nil {
		return guard.Rules{}, guard.Evidence{}, x.lost
	}
	rules, ev, err := x.tape.Unpack(row.Evidence)
	if err != nil {
		x.lost = fmt.Errorf("look %d: %w", row.Look, err)
	}
	return rules, ev, x.lost
}
