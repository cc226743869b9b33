package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

const (
	sqlInsertRevision = `INSERT INTO flag_revisions (subject, revision, at, actor, doc) VALUES ($1, $2, $3, $4, $5)`
	sqlRevision       = `SELECT revision, at, actor, doc FROM flag_revisions WHERE subject = $1 AND revision = $2`
	sqlRevisions      = `SELECT revision, at, actor, doc FROM flag_revisions WHERE subject = $1 AND revision < $2
		ORDER BY revision DESC LIMIT $3`
	sqlDeleteRevisions = `DELETE FROM flag_revisions WHERE subject = $1 AND revision < $2`
)

// FlagRevision is what a configuration or a segment was after a change.
type FlagRevision struct {
	Revision int64           `json:"-"`
	At       time.Time       `json:"-"`
	Actor    string          `json:"-"`
	Name     string          `json:"name"` // of the actor, as it was then
	Reason   string          `json:"reason,omitempty"`
	Sentence string          `json:"sentence"`
	Effect   string          `json:"effect,omitempty"` // key of the effect that made it
	Doc      json.RawMessage `json:"doc"`              // a flag.Config or a flag.Segment
}

// ConfigSubject names the revisions of a flag's configuration.
func ConfigSubject(app, environment, key string) string {
	return "flag/" + app + "/" + environment + "/" + key
}

// SegmentSubject names the revisions of a segment.
func SegmentSubject(app, environment, key string) string {
	return "segment/" + app + "/" + environment + "/" + key
}

// InsertRevision keeps what something is after a change.
func (tx *Tx) InsertRevision(ctx context.Context, subject string, v FlagRevision) error {
	_, err := tx.run.exec(ctx, sqlInsertRevision, subject, v.Revision, Time{v.At}, v.Actor, JSON[FlagRevision]{v})
	if err != nil {
		return fmt.Errorf("insert revision %d of %s: %w", v.Revision, subject, err)
	}
	return nil
}

// Revision returns one revision of something.
func (r reads) Revision(ctx context.Context, subject string, revision int64) (FlagRevision, error) {
	got, err := one(ctx, r.run, scanRevision, sqlRevision, subject, revision)
	if err != nil {
		return FlagRevision{}, fmt.Errorf("read revision %d of %s: %w", revision, subject, err)
	}
	if got == nil {
		return FlagRevision{}, notFound("revision", fmt.Sprint(revision))
	}
	return *got, nil
}

// Revisions returns the revisions of something, newest first: those before a number (0: all), up to limit.
func (r reads) Revisions(ctx context.Context, subject string, before int64, limit int) ([]FlagRevision, error) {
	if before <= 0 {
		before = 1 << 62
	}
	out, err := all(ctx, r.run, scanRevision, sqlRevisions, subject, before, limited(limit))
	if err != nil {
		return nil, fmt.Errorf("list revisions of %s: %w", subject, err)
	}
	return out, nil
}

// DeleteRevisions forgets what something was before a revision.
func (tx *Tx) DeleteRevisions(ctx context.Context, subject string, before int64) error {
	if _, err := tx.run.exec(ctx, sqlDeleteRevisions, subject, before); err != nil {
		return fmt.Errorf("delete revisions of %s: %w", subject, err)
	}
	return nil
}

func scanRevision(rows *sql.Rows, v *FlagRevision) error {
	var doc JSON[FlagRevision]
	var at Time
	var revision int64
	var actor string
	if err := rows.Scan(&revision, &at, &actor, &doc); err != nil {
		return err
	}
	*v = doc.V
	v.Revision, v.At, v.Actor = revision, at.Time, actor
	return nil
}
