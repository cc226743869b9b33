package incidents

import (
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/store"
)

// system is who opens and raises incidents where no person does.
const system = "system:engine"

// Opening is what an incident is opened with.
type Opening struct {
	Title       string
	Environment string
	Release     string
	Rollback    string
	Deployment  string
	Actor       string // empty: Slipway itself
	Cause       incident.Cause
	Signs       incident.Signs // that were measured
	Now         time.Time
}

// Open records an incident with a severity by the written criteria, and returns its id.
func (w *Writer) Open(ctx context.Context, tx *store.Tx, o Opening) (string, error) {
	o.Signs.Environment = o.Environment
	severity, criterion := incident.Classify(o.Cause.Signs(o.Signs))
	i := incident.Incident{
		ID: ident.New(Prefix, o.Now), App: w.Strategy.App, Environment: o.Environment, Title: o.Title, Severity: severity,
		Criterion: criterion, Happened: o.Cause.Happened(), When: o.Cause.ResolvedWhen(o.Environment),
		State: incident.Open, Release: o.Release, Rollback: o.Rollback, Deployment: o.Deployment, Opened: o.Now,
	}
	if o.Cause.Finding != nil {
		i.Rule = o.Cause.Finding.Rule
	}
	if err := tx.InsertIncident(ctx, &i); err != nil {
		return "", err
	}
	d := event.Draft{
		Kind: "incident.opened", Actor: system, App: i.App, Environment: i.Environment, Subject: i.ID, Sentence: i.Opening(),
		Data: map[string]any{
			"release": o.Release, "rollback": o.Rollback, "deployment": o.Deployment, "severity": severity,
			"criterion": criterion, "happened": i.Happened, "rule": i.Rule, "resolved_when": i.When,
		},
	}
	if o.Actor != "" {
		d.Actor = o.Actor
	}
	_, err := w.Append(ctx, tx, d)
	return i.ID, err
}

// Raise gives an open incident the severity that it has by now. It is never lowered: how bad it was at its worst is
// what the review asks.
func (w *Writer) Raise(ctx context.Context, id string, signs incident.Signs) error {
	classify := func(i incident.Incident) (incident.Severity, string, bool) {
		signs.Environment = i.Environment
		severity, criterion := incident.Classify(signs)
		return severity, criterion, i.State == incident.Open && severity < i.Severity // SEV1 is the worst
	}
	i, err := w.DB.Incident(ctx, id)
	if err != nil {
		return err
	}
	if _, _, worse := classify(i); !worse {
		return nil
	}
	return w.DB.Write(ctx, func(tx *store.Tx) error {
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
		_, err = w.Append(ctx, tx, event.Draft{
			Kind: "incident.raised", Actor: system, App: i.App, Environment: i.Environment, Subject: i.ID,
			Sentence: fmt.Sprintf("%s is %s now, it was %s: %s.", i.Title, severity, before, criterion),
			Data:     map[string]any{"severity": severity, "before": before},
		})
		return err
	})
}
