package store

import (
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/fault"
)

const (
	sqlInsertConfig = `INSERT INTO config_revisions (id, version, doc, app, environment, number, state, created)
		VALUES ($1, 1, $2, $3, $4, $5, $6, $7)`
	sqlUpdateConfig = `UPDATE config_revisions SET version = version + 1, doc = $3, app = $4, environment = $5,
		number = $6, state = $7, created = $8 WHERE id = $1 AND version = $2`
	sqlConfig         = `SELECT version, doc FROM config_revisions WHERE id = $1`
	sqlConfigByNumber = `SELECT version, doc FROM config_revisions WHERE app = $1 AND environment = $2 AND number = $3`
	sqlConfigNewest   = `SELECT version, doc FROM config_revisions WHERE app = $1 AND environment = $2
		ORDER BY number DESC LIMIT 1`
	sqlConfigLive    = `SELECT version, doc FROM config_live WHERE app = $1 AND environment = $2`
	sqlPutConfigLive = `INSERT INTO config_live (app, environment, version, doc) VALUES ($1, $2, 1, $3)
		ON CONFLICT (app, environment) DO UPDATE SET version = config_live.version + 1, doc = excluded.doc
		WHERE config_live.version = $4`
	sqlConfigDraft    = `SELECT version, doc FROM config_drafts WHERE app = $1 AND environment = $2`
	sqlPutConfigDraft = `INSERT INTO config_drafts (app, environment, version, doc) VALUES ($1, $2, 1, $3)
		ON CONFLICT (app, environment) DO UPDATE SET version = config_drafts.version + 1, doc = excluded.doc
		WHERE config_drafts.version = $4`
	sqlDropConfigDraft = `DELETE FROM config_drafts WHERE app = $1 AND environment = $2 AND version = $3`
	sqlClaimConfig     = `INSERT INTO config_claims (app, holder, until) VALUES ($1, $2, $3)
		ON CONFLICT (app) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE config_claims.until < $4`
	sqlHoldConfig = `UPDATE config_claims SET until = $3 WHERE app = $1 AND holder = $2`
)

func configs() noun[configuration.Revision] {
	return noun[configuration.Revision]{
		name: "configuration", insert: sqlInsertConfig, update: sqlUpdateConfig, read: sqlConfig,
		id:  func(r *configuration.Revision) string { return r.ID },
		row: func(r *configuration.Revision) *int64 { return &r.Row },
		copies: func(r *configuration.Revision) []any {
			return []any{r.App, r.Environment, r.Number, string(r.State), Time{r.Created}}
		},
	}
}

// InsertConfig records a new revision of an environment's variables.
func (tx *Tx) InsertConfig(ctx context.Context, r *configuration.Revision) error {
	return configs().add(ctx, tx, r)
}

// UpdateConfig records what became of a revision that was read before.
func (tx *Tx) UpdateConfig(ctx context.Context, r *configuration.Revision) error {
	return configs().change(ctx, tx, r)
}

// Config returns the revision with the id.
func (r reads) Config(ctx context.Context, id string) (configuration.Revision, error) {
	return configs().byID(ctx, r.run, id)
}

// ConfigNumber returns a revision by its number. Faults: NotFound.
func (r reads) ConfigNumber(ctx context.Context, app, environment string, number int64) (configuration.Revision,
	error) {
	got, err := one(ctx, r.run, configs().scan, sqlConfigByNumber, app, environment, number)
	if err != nil {
		return configuration.Revision{}, fmt.Errorf("read revision %d of %s: %w", number, environment, err)
	}
	if got == nil {
		return configuration.Revision{}, fault.New(fault.NotFound, "not_found",
			"There is no revision %d of the variables of %s.", number, environment)
	}
	return *got, nil
}

// ConfigNewest returns the newest revision of an environment, with Number 0 where there is none.
func (r reads) ConfigNewest(ctx context.Context, app, environment string) (configuration.Revision, error) {
	got, err := one(ctx, r.run, configs().scan, sqlConfigNewest, app, environment)
	if err != nil || got == nil {
		return configuration.Revision{App: app, Environment: environment}, err
	}
	return *got, nil
}

// Configs returns a page of an environment's revisions, newest first, and the cursor of the next.
func (r reads) Configs(ctx context.Context, app, environment, before string, limit int) ([]configuration.Revision,
	string, error) {
	var c clause
	c.is("app", app)
	c.is("environment", environment)
	return page(ctx, r.run, configs(), "config_revisions", c, before, limit)
}

// ConfigLive returns what is known of an environment's variables on the platform; nothing with Row 0 before the first
// look.
func (r reads) ConfigLive(ctx context.Context, app, environment string) (configuration.Live, error) {
	live := noun[configuration.Live]{row: func(l *configuration.Live) *int64 { return &l.Row }}
	got, err := one(ctx, r.run, live.scan, sqlConfigLive, app, environment)
	if err != nil {
		return configuration.Live{}, fmt.Errorf("read the variables of %s: %w", environment, err)
	}
	if got == nil {
		return configuration.Live{App: app, Environment: environment}, nil
	}
	return *got, nil
}

// PutConfigLive records what is on the platform, over what was read before. Faults: Conflict when another node looked
// meanwhile.
func (tx *Tx) PutConfigLive(ctx context.Context, l configuration.Live) error {
	n, err := tx.run.exec(ctx, sqlPutConfigLive, l.App, l.Environment, JSON[configuration.Live]{l}, l.Row)
	if err != nil {
		return fmt.Errorf("put the variables of %s: %w", l.Environment, err)
	}
	if n == 0 {
		return fault.New(fault.Conflict, "changed_since", "The variables of %s were looked at meanwhile.", l.Environment)
	}
	return nil
}

// ConfigDraft returns what is gathered for an environment's next revision; nothing with Row 0 where nothing is.
func (r reads) ConfigDraft(ctx context.Context, app, environment string) (configuration.Draft, error) {
	draft := noun[configuration.Draft]{row: func(d *configuration.Draft) *int64 { return &d.Row }}
	got, err := one(ctx, r.run, draft.scan, sqlConfigDraft, app, environment)
	if err != nil {
		return configuration.Draft{}, fmt.Errorf("read the draft of %s: %w", environment, err)
	}
	if got == nil {
		return configuration.Draft{App: app, Environment: environment}, nil
	}
	return *got, nil
}

// PutConfigDraft keeps a draft over what was read before, or deletes it once nothing is in it. Faults: Conflict when
// somebody changed it meanwhile.
func (tx *Tx) PutConfigDraft(ctx context.Context, d configuration.Draft) error {
	var n int64
	var err error
	if len(d.Edits) > 0 {
		n, err = tx.run.exec(ctx, sqlPutConfigDraft, d.App, d.Environment, JSON[configuration.Draft]{d}, d.Row)
	} else {
		n, err = tx.run.exec(ctx, sqlDropConfigDraft, d.App, d.Environment, d.Row)
	}
	if err != nil {
		return fmt.Errorf("keep the draft of %s: %w", d.Environment, err)
	}
	if n == 0 {
		return fault.New(fault.Conflict, "changed_since", "The draft of %s was changed meanwhile.", d.Environment)
	}
	return nil
}

// ClaimConfig makes a holder the one that writes an application's variables, until a time. It reports false while
// another is.
func (s notes) ClaimConfig(ctx context.Context, app, holder string, until, now time.Time) (bool, error) {
	n, err := s.run.exec(ctx, sqlClaimConfig, app, holder, Time{until}, Time{now})
	if err != nil {
		return false, fmt.Errorf("claim the variables of %s: %w", app, err)
	}
	return n > 0, nil
}

// HoldConfig lets a holder write until another time; the zero time lets go. It reports false once another has it.
func (s notes) HoldConfig(ctx context.Context, app, holder string, until time.Time) (bool, error) {
	n, err := s.run.exec(ctx, sqlHoldConfig, app, holder, Time{until})
	if err != nil {
		return false, fmt.Errorf("hold the variables of %s: %w", app, err)
	}
	return n > 0, nil
}
