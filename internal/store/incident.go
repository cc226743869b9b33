package store

import (
	"context"

	"github.com/slipwayhq/slipway/internal/incident"
)

const (
	sqlInsertIncident = `INSERT INTO incidents (id, version, doc, app, environment, state, severity, created)
		VALUES ($1, 1, $2, $3, $4, $5, $6, $7)`
	sqlUpdateIncident = `UPDATE incidents SET version = version + 1, doc = $3, app = $4, environment = $5, state = $6,
		severity = $7, created = $8 WHERE id = $1 AND version = $2`
	sqlIncident = `SELECT version, doc FROM incidents WHERE id = $1`
)

func incidents() noun[incident.Incident] {
	return noun[incident.Incident]{
		name: "incident", insert: sqlInsertIncident, update: sqlUpdateIncident, read: sqlIncident,
		id:  func(i *incident.Incident) string { return i.ID },
		row: func(i *incident.Incident) *int64 { return &i.Row },
		copies: func(i *incident.Incident) []any {
			return []any{i.App, i.Environment, string(i.State), string(i.Severity), Time{i.Opened}}
		},
	}
}

// IncidentFilter says which incidents are asked for. Empty fields ask for all.
type IncidentFilter struct {
	App    string
	State  string
	Before string // cursor of the page, from the page before
	Limit  int    // 50 when 0, at most 1,000
}

// InsertIncident records a new incident.
func (tx *Tx) InsertIncident(ctx context.Context, i *incident.Incident) error {
	return incidents().add(ctx, tx, i)
}

// UpdateIncident records an incident that was read before, and raises its Row.
func (tx *Tx) UpdateIncident(ctx context.Context, i *incident.Incident) error {
	return incidents().change(ctx, tx, i)
}

// Incident returns the incident with the id.
func (r reads) Incident(ctx context.Context, id string) (incident.Incident, error) {
	return incidents().byID(ctx, r.run, id)
}

// Incidents returns a page of incidents, newest first, and the cursor of the next.
func (r reads) Incidents(ctx context.Context, f IncidentFilter) ([]incident.Incident, string, error) {
	return page(ctx, r.run, incidents(), "incidents", f.clause(), f.Before, f.Limit)
}

func (f IncidentFilter) clause() clause {
	var c clause
	c.is("app", f.App)
	c.is("state", f.State)
	return c
}
