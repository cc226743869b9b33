package desk

import (
	"context"
	"encoding/json"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Desk serves people and machines.
type Desk struct{}

// ReleaseQuery selects releases.
type ReleaseQuery struct {
	Phase   string
	Version string
	Cursor  string
	Limit   int
}

// IncidentQuery selects incidents.
type IncidentQuery struct {
	State  string
	Cursor string
	Limit  int
}

// EventQuery selects events of the log.
type EventQuery struct {
	After, Before                           int64
	Kind, Subject, Actor, Environment, Text string
	From, To                                time.Time
	Limit                                   int
	Ascending                               bool
}

func notBuilt() error { return fault.New(fault.Unavailable, "not_built", "This part is being built.") }

// Status is described in the design.
func (d *Desk) Status(ctx context.Context, who access.Actor) (api.Status, error) {
	return api.Status{}, notBuilt()
}

// Environments is described in the design.
func (d *Desk) Environments(ctx context.Context, who access.Actor) ([]api.Environment, error) {
	return nil, notBuilt()
}

// Me is described in the design.
func (d *Desk) Me(ctx context.Context, who access.Actor) (api.Me, error) {
	return api.Me{}, notBuilt()
}

// Releases is described in the design.
func (d *Desk) Releases(ctx context.Context, who access.Actor, q ReleaseQuery) (api.ReleasePage, error) {
	return api.ReleasePage{}, notBuilt()
}

// Release is described in the design.
func (d *Desk) Release(ctx context.Context, who access.Actor, id string) (api.Release, error) {
	return api.Release{}, notBuilt()
}

// Canary is described in the design.
func (d *Desk) Canary(ctx context.Context, who access.Actor, id string) (api.Canary, error) {
	return api.Canary{}, notBuilt()
}

// StartRelease is described in the design.
func (d *Desk) StartRelease(ctx context.Context, who access.Actor, in api.StartRelease) (api.Release, error) {
	return api.Release{}, notBuilt()
}

// Act is described in the design.
func (d *Desk) Act(ctx context.Context, who access.Actor, id, action string, in api.ReleaseAction) (api.Release, error) {
	return api.Release{}, notBuilt()
}

// Checks is described in the design.
func (d *Desk) Checks(ctx context.Context, who access.Actor, version string) ([]api.Check, error) {
	return nil, notBuilt()
}

// ReportCheck is described in the design.
func (d *Desk) ReportCheck(ctx context.Context, who access.Actor, in api.ReportCheck) (api.Check, error) {
	return api.Check{}, notBuilt()
}

// Approvals is described in the design.
func (d *Desk) Approvals(ctx context.Context, who access.Actor, state string) ([]api.Approval, error) {
	return nil, notBuilt()
}

// Approval is described in the design.
func (d *Desk) Approval(ctx context.Context, who access.Actor, id string) (api.Approval, error) {
	return api.Approval{}, notBuilt()
}

// Decide is described in the design.
func (d *Desk) Decide(ctx context.Context, who access.Actor, id string, approve bool, in api.Decision) (api.Approval, error) {
	return api.Approval{}, notBuilt()
}

// Rollbacks is described in the design.
func (d *Desk) Rollbacks(ctx context.Context, who access.Actor, cursor string, limit int) (api.RollbackPage, error) {
	return api.RollbackPage{}, notBuilt()
}

// Rollback is described in the design.
func (d *Desk) Rollback(ctx context.Context, who access.Actor, id string) (api.Rollback, error) {
	return api.Rollback{}, notBuilt()
}

// PlanRollback is described in the design.
func (d *Desk) PlanRollback(ctx context.Context, who access.Actor, environment string) (api.RollbackPlan, error) {
	return api.RollbackPlan{}, notBuilt()
}

// RequestRollback is described in the design.
func (d *Desk) RequestRollback(ctx context.Context, who access.Actor, in api.RequestRollback) (api.Rollback, error) {
	return api.Rollback{}, notBuilt()
}

// ActRollback is described in the design.
func (d *Desk) ActRollback(ctx context.Context, who access.Actor, id, action string, in api.RollbackAction) (api.Rollback, error) {
	return api.Rollback{}, notBuilt()
}

// Deployments is described in the design.
func (d *Desk) Deployments(ctx context.Context, who access.Actor, environment string) ([]api.Deployment, error) {
	return nil, notBuilt()
}

// RegisterDeployment is described in the design.
func (d *Desk) RegisterDeployment(ctx context.Context, who access.Actor, in api.NewDeployment) (api.Deployment, error) {
	return api.Deployment{}, notBuilt()
}

// Incidents is described in the design.
func (d *Desk) Incidents(ctx context.Context, who access.Actor, q IncidentQuery) (api.IncidentPage, error) {
	return api.IncidentPage{}, notBuilt()
}

// Incident is described in the design.
func (d *Desk) Incident(ctx context.Context, who access.Actor, id string) (api.Incident, error) {
	return api.Incident{}, notBuilt()
}

// ResolveIncident is described in the design.
func (d *Desk) ResolveIncident(ctx context.Context, who access.Actor, id string, in api.ResolveIncident) (api.Incident, error) {
	return api.Incident{}, notBuilt()
}

// ReportIssue is described in the design.
func (d *Desk) ReportIssue(ctx context.Context, who access.Actor, in api.ReportIssue) (api.Incident, error) {
	return api.Incident{}, notBuilt()
}

// Events is described in the design.
func (d *Desk) Events(ctx context.Context, who access.Actor, q EventQuery) (api.EventPage, error) {
	return api.EventPage{}, notBuilt()
}

// VerifyLog is described in the design.
func (d *Desk) VerifyLog(ctx context.Context, who access.Actor) (api.LogReport, error) {
	return api.LogReport{}, notBuilt()
}

// Users is described in the design.
func (d *Desk) Users(ctx context.Context, who access.Actor) ([]api.User, error) {
	return nil, notBuilt()
}

// CreateUser is described in the design.
func (d *Desk) CreateUser(ctx context.Context, who access.Actor, in api.NewUser) (api.User, error) {
	return api.User{}, notBuilt()
}

// ChangeUser is described in the design.
func (d *Desk) ChangeUser(ctx context.Context, who access.Actor, id string, in api.ChangeUser) (api.User, error) {
	return api.User{}, notBuilt()
}

// Tokens is described in the design.
func (d *Desk) Tokens(ctx context.Context, who access.Actor) ([]api.Token, error) {
	return nil, notBuilt()
}

// CreateToken is described in the design.
func (d *Desk) CreateToken(ctx context.Context, who access.Actor, in api.NewToken) (api.Token, error) {
	return api.Token{}, notBuilt()
}

// RevokeToken is described in the design.
func (d *Desk) RevokeToken(ctx context.Context, who access.Actor, id string) (api.Token, error) {
	return api.Token{}, notBuilt()
}

// Roles is described in the design.
func (d *Desk) Roles(ctx context.Context, who access.Actor) ([]api.Role, error) {
	return nil, notBuilt()
}

// EdgeTable returns the routing table for edges.
func (d *Desk) EdgeTable(ctx context.Context, who access.Actor) (uint64, json.RawMessage, error) {
	return 0, nil, notBuilt()
}

// EdgeObserve takes an edge's observations.
func (d *Desk) EdgeObserve(ctx context.Context, who access.Actor, edge string, generation uint64, b metric.Batch) error {
	return notBuilt()
}
