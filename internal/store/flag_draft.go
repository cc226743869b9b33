package store

import (
	"context"

	"github.com/slipwayhq/slipway/internal/flag"
)

const (
	sqlInsertDraft = `INSERT INTO flag_drafts
		(id, version, doc, app, environment, flag, segment, release_id, state, created)
		VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9)`
	sqlUpdateDraft = `UPDATE flag_drafts SET version = version + 1, doc = $3, app = $4, environment = $5, flag = $6,
		segment = $7, release_id = $8, state = $9, created = $10 WHERE id = $1 AND version = $2`
	sqlDraft      = `SELECT version, doc FROM flag_drafts WHERE id = $1`
	sqlOpenDrafts = `SELECT version, doc FROM flag_drafts WHERE app = $1 AND state IN ('waiting', 'scheduled')
		ORDER BY created, id`
	sqlDraftsOfRelease = `SELECT version, doc FROM flag_drafts WHERE release_id = $1 AND state IN ('waiting', 'scheduled')
		ORDER BY created, id`
)

func flagDrafts() noun[flag.Draft] {
	return noun[flag.Draft]{
		name: "draft", insert: sqlInsertDraft, update: sqlUpdateDraft, read: sqlDraft,
		id:  func(d *flag.Draft) string { return d.ID },
		row: func(d *flag.Draft) *int64 { return &d.Row },
		copies: func(d *flag.Draft) []any {
			return []any{d.App, d.Environment, d.Flag, d.Segment, d.Release, string(d.State), Time{d.Created}}
		},
	}
}

// DraftFilter says which drafts are asked for. Empty fields ask for all.
type DraftFilter struct {
	App         string
	Environment string
	Flag        string
	State       []string // any of these
	Before      string   // cursor of the page, from the page before
	Limit       int      // 50 when 0, at most 1,000
}

func (f DraftFilter) clause() clause {
	var c clause
	c.is("app", f.App)
	c.is("environment", f.Environment)
	c.is("flag", f.Flag)
	c.in("state", f.State)
	return c
}

// InsertFlagDraft records a new draft.
func (tx *Tx) InsertFlagDraft(ctx context.Context, d *flag.Draft) error {
	return flagDrafts().add(ctx, tx, d)
}

// UpdateFlagDraft records a draft that was read before, and raises its Row.
func (tx *Tx) UpdateFlagDraft(ctx context.Context, d *flag.Draft) error {
	return flagDrafts().change(ctx, tx, d)
}

// FlagDraft returns the draft with the id.
func (r reads) FlagDraft(ctx context.Context, id string) (flag.Draft, error) {
	return flagDrafts().byID(ctx, r.run, id)
}

// FlagDrafts returns a page of drafts, newest first, and the cursor of the next.
func (r reads) FlagDrafts(ctx context.Context, f DraftFilter) ([]flag.Draft, string, error) {
	return page(ctx, r.run, flagDrafts(), "flag_drafts", f.clause(), f.Before, f.Limit)
}

// OpenFlagDrafts returns the app's drafts that wait, oldest first.
func (r reads) OpenFlagDrafts(ctx context.Context, app string) ([]flag.Draft, error) {
	return listOf(ctx, r.run, flagDrafts(), sqlOpenDrafts, app)
}

// FlagDraftsOf returns the drafts that wait for a release to succeed, oldest first.
func (r reads) FlagDraftsOf(ctx context.Context, release string) ([]flag.Draft, error) {
	return listOf(ctx, r.run, flagDrafts(), sqlDraftsOfRelease, release)
}
