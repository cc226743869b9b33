package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// signsOf is what was measured when an incident is opened.
type signsOf struct {
	rate     float64
	requests uint64
	critical bool
	security bool
}

// openIncident is what an incident is opened with.
type openIncident struct {
	title       string
	environment string
	release     string
	rollback    string
	deployment  string
	actor       string // empty: Slipway itself
	signs       signsOf
	now         time.Time
}

// openIncident records an incident with a severity by the written criteria, and
// returns its id.
func (e *Engine) openIncident(ctx context.Context, tx *store.Tx, o openIncident) (string, error) {
	severity, criterion := incident.Classify(incident.Signs{
		Environment: o.environment, ErrorRate: o.signs.rate, Requests: o.signs.requests, Security: o.signs.security,
		Critical: o.signs.critical,
	})
	i := incident.Incident{
		ID: ident.New("inc", o.now), App: e.app(), Environment: o.environment, Title: o.title, Severity: severity,
		Criterion: criterion,
		State:     incident.Open, Release: o.release, Rollback: o.rollback, Deployment: o.deployment, Opened: o.now,
	}
	if err := tx.InsertIncident(ctx, &i); err != nil {
		return "", err
	}
	d := e.system("incident.opened", o.environment, i.ID, fmt.Sprintf("%s: %s (%s).", severity, o.title, criterion),
		map[string]any{"release": o.release, "rollback": o.rollback, "deployment": o.deployment})
	if o.actor != "" {
		d.Actor = o.actor
	}
	_, err := e.append(ctx, tx, d)
	return i.ID, err
}

// raiseIncident gives an open incident the severity that it has by now. It is never
// lowered: how bad it was at its worst is what the review asks.
func (e *Engine) raiseIncident(ctx context.Context, id string, signs signsOf) error {
	classify := func(i incident.Incident) (incident.Severity, string, bool) {
		severity, criterion := incident.Classify(incident.Signs{
			Environment: i.Environment, ErrorRate: signs.rate, Requests: signs.requests,
		})
		return severity, criterion, i.State == incident.Open && severity < i.Severity // SEV1 is the worst
	}
	i, err := e.DB.Incident(ctx, id)
	if err != nil {
		return err
	}
	if _, _, worse := classify(i); !worse {
		return nil
	}
	return e.DB.Write(ctx, func(tx *store.Tx) error {
		i, err := tx.Incident(ctx, id)
		if err != nil {
			return err
		}
		severity, criterion, worse := classify(i)
		if !worse {
			return nil
		}
		before := i.Severity
		i.Severity, i.Criterion = severity, criterion
		if err := tx.UpdateIncident(ctx, &i); err != nil {
			return err
		}
		_, err = e.append(ctx, tx, e.system("incident.raised", i.Environment, i.ID,
			fmt.Sprintf("%s is %s now, it was %s: %s.", i.Title, severity, before, criterion),
			map[string]any{"severity": severity, "before": before}))
		return err
	})
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
		o := openIncident{
			title: in.Title, environment: in.Environment, actor: who.ID, now: now,
			signs: signsOf{critical: in.Critical, security: in.Security},
		}
		for _, r := range active {
			if r.Share > 0 && (in.Environment == "production" || in.Environment == r.Step().Environment) {
				canary, o.release, o.deployment = r, r.ID, r.Deployment
			}
		}
		id, err = e.openIncident(ctx, tx, o)
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
