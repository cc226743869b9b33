package store

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
)

const (
	sqlFollower    = `SELECT version, doc FROM flag_followers WHERE id = $1`
	sqlFollowers   = `SELECT version, doc FROM flag_followers WHERE app = $1 ORDER BY id`
	sqlPutFollower = `INSERT INTO flag_followers (id, version, app, doc) VALUES ($1, 1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET version = flag_followers.version + 1, doc = excluded.doc
		WHERE flag_followers.version = $4`
)

func followers() noun[flag.Follower] {
	return noun[flag.Follower]{name: "follower", row: func(f *flag.Follower) *int64 { return &f.Row }}
}

// Follower returns what of an environment's flags stands in the other system; nothing with Row 0 before the first look.
func (r reads) Follower(ctx context.Context, app, environment string) (flag.Follower, error) {
	got, err := one(ctx, r.run, followers().scan, sqlFollower, app+"/"+environment)
	if err != nil {
		return flag.Follower{}, fmt.Errorf("read what follows the flags of %s: %w", environment, err)
	}
	if got == nil {
		return flag.Follower{App: app, Environment: environment}, nil
	}
	return *got, nil
}

// Followers returns those of an app, by environment.
func (r reads) Followers(ctx context.Context, app string) ([]flag.Follower, error) {
	return listOf(ctx, r.run, followers(), sqlFollowers, app)
}

// PutFollower records it over what was read before, and raises its Row. Faults: Conflict when somebody else was at it
// meanwhile.
func (tx *Tx) PutFollower(ctx context.Context, f *flag.Follower) error {
	n, err := tx.run.exec(ctx, sqlPutFollower, f.App+"/"+f.Environment, f.App, JSON[flag.Follower]{*f}, f.Row)
	if err != nil {
		return fmt.Errorf("put what follows the flags of %s: %w", f.Environment, err)
	}
	if n == 0 {
		return fault.New(fault.Conflict, "changed_since",
			"The flags of %s are being written by somebody else. Look again in a moment.", f.Environment)
	}
	was := f.Row
	tx.undo = append(tx.undo, func() { f.Row = was })
	f.Row++
	return nil
}
