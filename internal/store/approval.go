package store

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/internal/approval"
)

const (
	sqlInsertApproval = `INSERT INTO approvals (id, version, doc, app, subject, state, created)
		VALUES ($1, 1, $2, $3, $4, $5, $6)`
	sqlUpdateApproval = `UPDATE approvals SET version = version + 1, doc = $3, app = $4, subject = $5, state = $6,
		created = $7 WHERE id = $1 AND version = $2`
	sqlApproval         = `SELECT version, doc FROM approvals WHERE id = $1`
	sqlOpenApprovals    = `SELECT version, doc FROM approvals WHERE app = $1 AND state = 'open' ORDER BY created, id`
	sqlAllOpenApprovals = `SELECT version, doc FROM approvals WHERE state = 'open' ORDER BY created, id`
	sqlApprovalsOf      = `SELECT version, doc FROM approvals WHERE subject = $1 ORDER BY created, id`
)

func approvals() noun[approval.Request] {
	return noun[approval.Request]{
		name: "approval request", insert: sqlInsertApproval, update: sqlUpdateApproval, read: sqlApproval,
		id:  func(r *approval.Request) string { return r.ID },
		row: func(r *approval.Request) *int64 { return &r.Row },
		copies: func(r *approval.Request) []any {
			return []any{r.Subject.App, r.Subject.ID, string(r.State), Time{r.Opened}}
		},
	}
}

// InsertApproval records a new request.
func (tx *Tx) InsertApproval(ctx context.Context, r *approval.Request) error {
	return approvals().add(ctx, tx, r)
}

// UpdateApproval records a request that was read before, and raises its Row.
func (tx *Tx) UpdateApproval(ctx context.Context, r *approval.Request) error {
	return approvals().change(ctx, tx, r)
}

// Approval returns the request with the id.
func (r reads) Approval(ctx context.Context, id string) (approval.Request, error) {
	return approvals().byID(ctx, r.run, id)
}

// ApprovalsOpen returns the open requests of the app (of all apps for ""), oldest
// first.
func (r reads) ApprovalsOpen(ctx context.Context, app string) ([]approval.Request, error) {
	return active(ctx, r.run, approvals(), app, sqlOpenApprovals, sqlAllOpenApprovals)
}

// ApprovalsOf returns every request about the release or rollback, oldest first.
func (r reads) ApprovalsOf(ctx context.Context, subject string) ([]approval.Request, error) {
	out, err := all(ctx, r.run, approvals().scan, sqlApprovalsOf, subject)
	if err != nil {
		return nil, fmt.Errorf("list approval requests of %s: %w", subject, err)
	}
	return out, nil
}
