package store

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/internal/release"
)

const (
	sqlInsertRelease = `INSERT INTO releases (id, version, doc, app, label, phase, active, deployment, created)
		VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8)`
	sqlUpdateRelease = `UPDATE releases SET version = version + 1, doc = $3, app = $4, label = $5, phase = $6,
		active = $7, deployment = $8, created = $9 WHERE id = $1 AND version = $2`
	sqlRelease           = `SELECT version, doc FROM releases WHERE id = $1`
	sqlActiveReleases    = `SELECT version, doc FROM releases WHERE app = $1 AND active = TRUE ORDER BY created, id`
	sqlAllActiveReleases = `SELECT version, doc FROM releases WHERE active = TRUE ORDER BY created, id`
)

func releases() noun[release.Release] {
	return noun[release.Release]{
		name: "release", insert: sqlInsertRelease, update: sqlUpdateRelease, read: sqlRelease,
		id:  func(r *release.Release) string { return r.ID },
		row: func(r *release.Release) *int64 { return &r.Row },
		copies: func(r *release.Release) []any {
			return []any{r.App, r.Version, string(r.Phase), !r.Phase.Final(), r.Deployment, Time{r.Created}}
		},
	}
}

// ReleaseFilter says which releases are asked for. Empty fields ask for all.
type ReleaseFilter struct {
	App     string
	Phase   []string // any of these
	Version string
	Before  string // cursor of the page, from the page before
	Limit   int    // 50 when 0, at most 1,000
}

// InsertRelease records a new release.
func (tx *Tx) InsertRelease(ctx context.Context, r *release.Release) error {
	return releases().add(ctx, tx, r)
}

// UpdateRelease records a release that was read before, and raises its Row.
func (tx *Tx) UpdateRelease(ctx context.Context, r *release.Release) error {
	return releases().change(ctx, tx, r)
}

// Release returns the release with the id.
func (r reads) Release(ctx context.Context, id string) (release.Release, error) {
	return releases().byID(ctx, r.run, id)
}

// Releases returns a page of releases, newest first, and the cursor of the next.
func (r reads) Releases(ctx context.Context, f ReleaseFilter) ([]release.Release, string, error) {
	return page(ctx, r.run, releases(), "releases", f.clause(), f.Before, f.Limit)
}

func (f ReleaseFilter) clause() clause {
	var c clause
	c.is("app", f.App)
	c.is("label", f.Version)
	c.in("phase", f.Phase)
	return c
}

// ActiveReleases returns the releases of the app (of all apps for "") that are on
// their way, oldest first.
func (r reads) ActiveReleases(ctx context.Context, app string) ([]release.Release, error) {
	return active(ctx, r.run, releases(), app, sqlActiveReleases, sqlAllActiveReleases)
}

// active runs the query for one app or, without one, that for all.
func active[T any](ctx context.Context, r runner, n noun[T], app, ofApp, ofAll string) ([]T, error) {
	query, args := ofAll, []any{}
	if app != "" {
		query, args = ofApp, []any{app}
	}
	out, err := all(ctx, r, n.scan, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list each active %s: %w", n.name, err)
	}
	return out, nil
}
