package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/checklist"
	"github.com/slipwayhq/slipway/internal/fault"
)

const (
	sqlSetEnvironment = `INSERT INTO environments (app, name, version, deployment, release_id, since)
		VALUES ($1, $2, 1, $3, $4, $5)
		ON CONFLICT (app, name) DO UPDATE SET version = environments.version + 1, deployment = excluded.deployment,
		release_id = excluded.release_id, since = excluded.since`
	sqlEnvironments = `SELECT app, name, deployment, release_id, since, version FROM environments
		WHERE app = $1 ORDER BY name`

	sqlPutCheck = `INSERT INTO checks (app, label, name, version, at, doc) VALUES ($1, $2, $3, 1, $4, $5)
		ON CONFLICT (app, label, name) DO UPDATE SET version = checks.version + 1, at = excluded.at, doc = excluded.doc`
	sqlChecks = `SELECT version, doc FROM checks WHERE app = $1 AND label = $2 ORDER BY name`

	sqlRoute       = `SELECT generation, doc, version FROM routes WHERE app = $1`
	sqlInsertRoute = `INSERT INTO routes (app, version, generation, doc) VALUES ($1, 1, $2, $3)`
	sqlUpdateRoute = `UPDATE routes SET version = version + 1, generation = $3, doc = $4 WHERE app = $1 AND version = $2`
)

// EnvironmentState is what runs in an environment of an app.
type EnvironmentState struct {
	App        string    `json:"app"`
	Name       string    `json:"name"`
	Deployment string    `json:"deployment"` // id
	Release    string    `json:"release"`    // id of the release that put it there
	Since      time.Time `json:"since"`
	Row        int64     `json:"-"`
}

// SetEnvironment records what runs in an environment from now on.
func (tx *Tx) SetEnvironment(ctx context.Context, s EnvironmentState) error {
	if _, err := tx.run.exec(ctx, sqlSetEnvironment, s.App, s.Name, s.Deployment, s.Release, Time{s.Since}); err != nil {
		return fmt.Errorf("set environment %s of %s: %w", s.Name, s.App, err)
	}
	return nil
}

// EnvironmentStates returns what runs in the app's environments, by name.
func (r reads) EnvironmentStates(ctx context.Context, app string) ([]EnvironmentState, error) {
	out, err := all(ctx, r.run, func(rows *sql.Rows, s *EnvironmentState) error {
		var since Time
		err := rows.Scan(&s.App, &s.Name, &s.Deployment, &s.Release, &since, &s.Row)
		s.Since = since.Time
		return err
	}, sqlEnvironments, app)
	if err != nil {
		return nil, fmt.Errorf("list environments of %s: %w", app, err)
	}
	return out, nil
}

// PutCheck records what was reported for an item of a version; the last report counts.
func (tx *Tx) PutCheck(ctx context.Context, c checklist.Result) error {
	_, err := tx.run.exec(ctx, sqlPutCheck, c.App, c.Version, c.Name, Time{c.At}, JSON[checklist.Result]{c})
	if err != nil {
		return fmt.Errorf("put check %s of %s: %w", c.Name, c.Version, err)
	}
	return nil
}

// Checks returns what was reported for the app's version, by name.
func (r reads) Checks(ctx context.Context, app, version string) ([]checklist.Result, error) {
	checks := noun[checklist.Result]{row: func(c *checklist.Result) *int64 { return &c.Row }}
	out, err := all(ctx, r.run, checks.scan, sqlChecks, app, version)
	if err != nil {
		return nil, fmt.Errorf("list checks of %s %s: %w", app, version, err)
	}
	return out, nil
}

// route is a row of the routing table.
type route struct {
	generation, version int64
	doc                 string
}

func scanRoute(rows *sql.Rows, t *route) error { return rows.Scan(&t.generation, &t.doc, &t.version) }

// PutRoute records the app's routing table. The same again changes nothing; an older
// generation, or another table of the same one, is a Conflict stale_generation.
func (tx *Tx) PutRoute(ctx context.Context, app string, generation uint64, doc json.RawMessage) error {
	g, err := signed("generation", generation)
	if err != nil {
		return err
	}
	text, err := raw(doc)
	if err != nil {
		return err
	}
	have, err := one(ctx, tx.run, scanRoute, sqlRoute, app)
	if err != nil {
		return fmt.Errorf("read route of %s: %w", app, err)
	}
	switch {
	case have == nil:
		_, err = tx.run.exec(ctx, sqlInsertRoute, app, g, text)
	case g == have.generation && bytes.Equal([]byte(text), []byte(have.doc)):
		return nil
	case g <= have.generation:
		return fault.New(fault.Conflict, "stale_generation",
			"The routing table of %s is at generation %d already; %d comes too late.", app, have.generation, g)
	default:
		var n int64
		if n, err = tx.run.exec(ctx, sqlUpdateRoute, app, have.version, g, text); err == nil && n == 0 {
			return changed("routing table", "of "+app)
		}
	}
	if err != nil {
		return fmt.Errorf("put route of %s: %w", app, err)
	}
	return nil
}

// Route returns the app's routing table and its generation.
func (r reads) Route(ctx context.Context, app string) (uint64, json.RawMessage, error) {
	got, err := one(ctx, r.run, scanRoute, sqlRoute, app)
	if err != nil {
		return 0, nil, fmt.Errorf("read route of %s: %w", app, err)
	}
	if got == nil {
		return 0, nil, notFound("routing table of", app)
	}
	return uint64(got.generation), message(got.doc), nil
}
