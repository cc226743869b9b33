package store

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
)

const (
	sqlInsertDeployment = `INSERT INTO deployments (id, version, doc, app, label, url, environment, verdict, promoted,
		created, external) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	sqlUpdateDeployment = `UPDATE deployments SET version = version + 1, doc = $3, app = $4, label = $5, url = $6,
		environment = $7, verdict = $8, promoted = $9, created = $10, external = $11 WHERE id = $1 AND version = $2`
	sqlDeployment      = `SELECT version, doc FROM deployments WHERE id = $1`
	sqlDeploymentByURL = `SELECT version, doc FROM deployments WHERE app = $1 AND label = $2 AND url = $3`
)

func deployments() noun[deployment.Deployment] {
	return noun[deployment.Deployment]{
		name: "deployment", insert: sqlInsertDeployment, update: sqlUpdateDeployment, read: sqlDeployment,
		id:  func(d *deployment.Deployment) string { return d.ID },
		row: func(d *deployment.Deployment) *int64 { return &d.Row },
		copies: func(d *deployment.Deployment) []any {
			return []any{d.App, d.Version, d.URL, d.Environment, string(d.Verdict), Time{d.Promoted}, Time{d.Created},
				d.External}
		},
	}
}

// DeploymentFilter says which deployments are asked for. Empty fields ask for all.
type DeploymentFilter struct {
	Version     string
	Environment string // where it was last put
	Before      string // cursor of the page, from the page before
	Limit       int    // 50 when 0, at most 1,000
}

// InsertDeployment records a new deployment. A version runs at an address once.
func (tx *Tx) InsertDeployment(ctx context.Context, d *deployment.Deployment) error {
	return deployments().add(ctx, tx, d)
}

// UpdateDeployment records a deployment that was read before, and raises its Row.
func (tx *Tx) UpdateDeployment(ctx context.Context, d *deployment.Deployment) error {
	return deployments().change(ctx, tx, d)
}

// Deployment returns the deployment with the id.
func (r reads) Deployment(ctx context.Context, id string) (deployment.Deployment, error) {
	return deployments().byID(ctx, r.run, id)
}

// Deployments returns a page of the app's deployments (of all apps for ""), newest
// first, and the cursor of the next.
func (r reads) Deployments(
	ctx context.Context, app string, f DeploymentFilter,
) ([]deployment.Deployment, string, error) {
	return page(ctx, r.run, deployments(), "deployments", f.clause(app), f.Before, f.Limit)
}

func (f DeploymentFilter) clause(app string) clause {
	var c clause
	c.is("app", app)
	c.is("label", f.Version)
	c.is("environment", f.Environment)
	return c
}

// DeploymentByURL returns the deployment of the app's version at an address.
func (r reads) DeploymentByURL(ctx context.Context, app, version, url string) (deployment.Deployment, error) {
	got, err := one(ctx, r.run, deployments().scan, sqlDeploymentByURL, app, version, url)
	if err != nil {
		return deployment.Deployment{}, fmt.Errorf("read deployment of %s at %s: %w", version, url, err)
	}
	if got == nil {
		return deployment.Deployment{}, fault.New(fault.NotFound, "not_found",
			"There is no deployment of %s %s at %s.", app, version, url)
	}
	return *got, nil
}
