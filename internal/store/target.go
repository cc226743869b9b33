package store

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
)

const (
	sqlDeploymentByExternal = `SELECT version, doc FROM deployments WHERE app = $1 AND external = $2 AND external <> ''
		ORDER BY created DESC, id DESC LIMIT 1`
	sqlTarget    = `SELECT version, doc FROM targets WHERE app = $1`
	sqlPutTarget = `INSERT INTO targets (app, version, seen, doc) VALUES ($1, 1, $2, $3)
		ON CONFLICT (app) DO UPDATE SET version = targets.version + 1, seen = excluded.seen, doc = excluded.doc
		WHERE targets.version = $4`
)

// DeploymentByExternal returns the newest deployment that the platform names so.
func (r reads) DeploymentByExternal(ctx context.Context, app, external string) (deployment.Deployment, error) {
	got, err := one(ctx, r.run, deployments().scan, sqlDeploymentByExternal, app, external)
	if err != nil {
		return deployment.Deployment{}, fmt.Errorf("read deployment %s: %w", external, err)
	}
	if got == nil {
		return deployment.Deployment{}, fault.New(fault.NotFound, "not_found",
			"Slipway has no record of the deployment %s of %s.", external, app)
	}
	return *got, nil
}

// Target returns what the app's platform was last seen to serve; nothing with Row 0
// before the first look.
func (r reads) Target(ctx context.Context, app string) (deployment.Target, error) {
	targets := noun[deployment.Target]{row: func(t *deployment.Target) *int64 { return &t.Row }}
	got, err := one(ctx, r.run, targets.scan, sqlTarget, app)
	if err != nil {
		return deployment.Target{}, fmt.Errorf("read the target of %s: %w", app, err)
	}
	if got == nil {
		return deployment.Target{App: app}, nil
	}
	return *got, nil
}

// PutTarget records what the platform serves, over what was read before. Faults:
// Conflict when another node looked meanwhile.
func (tx *Tx) PutTarget(ctx context.Context, t deployment.Target) error {
	n, err := tx.run.exec(ctx, sqlPutTarget, t.App, Time{t.Seen}, JSON[deployment.Target]{t}, t.Row)
	if err != nil {
		return fmt.Errorf("put the target of %s: %w", t.App, err)
	}
	if n == 0 {
		return fault.New(fault.Conflict, "changed_since", "The target of %s was looked at meanwhile.", t.App)
	}
	return nil
}
