package engine

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine/incidents"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// causeOf says what the incident of a release that was taken back is about.
func (e *Engine) causeOf(ctx context.Context, tx *store.Tx, r release.Release,
	ask release.Ask) (incident.Cause, error) {
	c := incident.Cause{Version: r.Version, Share: r.Reached, Why: ask.Trigger, Finding: ask.Finding}
	if r.Flag != nil {
		c.Flag = r.Flag.Key
		return c, nil
	}
	before, err := tx.Deployment(ctx, r.Previous)
	if fault.Is(err, fault.NotFound) {
		return c, nil
	}
	c.Back = before.Version
	return c, err
}

// Issue is a problem that a person reports.
type Issue struct {
	Environment string
	Title       string
	Critical    bool
	Security    bool
}

// ReportIssue opens an incident for a problem that a person reports. A critical one
// takes a running canary back, or asks for a rollback of production when a release
// is watched there: when it was reported for where that release has its visitors.
func (e *Engine) ReportIssue(ctx context.Context, who access.Actor, in Issue) (string, error) {
	var id string
	var canary release.Release
	err := e.DB.Write(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		active, err := tx.ActiveReleases(ctx, e.app())
		if err != nil {
			return err
		}
		o := incidents.Opening{
			Title: in.Title, Environment: in.Environment, Actor: who.ID, Now: now,
			Cause: incident.Cause{Why: who.Name + " reports a problem"},
			Signs: incident.Signs{Critical: in.Critical, Security: in.Security},
		}
		for _, r := range active {
			if r.Share > 0 && (in.Environment == "production" || in.Environment == r.Step().Environment) {
				canary, o.Release, o.Deployment = r, r.ID, r.Deployment
			}
		}
		id, err = e.Incidents.Open(ctx, tx, o)
		return err
	})
	if err != nil || !in.Critical && !in.Security || canary.ID == "" {
		return id, err
	}
	why := fmt.Sprintf("%s reports: %s", who.Name, in.Title)
	if canary.Promoted.IsZero() {
		return id, e.Command(ctx, canary.ID, release.Command{Kind: release.Abort, Actor: who.ID, User: who.User,
			Name: who.Name, Reason: why}, 0)
	}
	_, err = e.RequestRollback(ctx, who, "production", why, "")
	if fault.Is(err, fault.Conflict) {
		err = nil // one is under way already
	}
	return id, err
}
