package store

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
)

const (
	sqlPublication    = `SELECT version, doc FROM flag_publications WHERE id = $1`
	sqlPublications   = `SELECT version, doc FROM flag_publications WHERE app = $1 ORDER BY id`
	sqlPutPublication = `INSERT INTO flag_publications (id, version, app, doc) VALUES ($1, 1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET version = flag_publications.version + 1, doc = excluded.doc
		WHERE flag_publications.version = $4`
)

func publications() noun[flag.Publication] {
	return noun[flag.Publication]{name: "publication", row: func(p *flag.Publication) *int64 { return &p.Row }}
}

// Publication returns what of an environment's flags stands where a platform serves visitors; nothing with Row 0
// before the first look.
func (r reads) Publication(ctx context.Context, app, environment string) (flag.Publication, error) {
	got, err := one(ctx, r.run, publications().scan, sqlPublication, app+"/"+environment)
	if err != nil {
		return flag.Publication{}, fmt.Errorf("read what is published of %s: %w", environment, err)
	}
	if got == nil {
		return flag.Publication{App: app, Environment: environment}, nil
	}
	return *got, nil
}

// Publications returns those of an app, by environment.
func (r reads) Publications(ctx context.Context, app string) ([]flag.Publication, error) {
	return listOf(ctx, r.run, publications(), sqlPublications, app)
}

// PutPublication records a publication over what was read before, and raises its Row. Faults: Conflict when another
// node was at it meanwhile.
func (tx *Tx) PutPublication(ctx context.Context, p *flag.Publication) error {
	n, err := tx.run.exec(ctx, sqlPutPublication, p.App+"/"+p.Environment, p.App, JSON[flag.Publication]{*p}, p.Row)
	if err != nil {
		return fmt.Errorf("put what is published of %s: %w", p.Environment, err)
	}
	if n == 0 {
		return fault.New(fault.Conflict, "changed_since", "The flags of %s were published meanwhile.", p.Environment)
	}
	was := p.Row
	tx.undo = append(tx.undo, func() { p.Row = was })
	p.Row++
	return nil
}
