package desk

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/engine/incidents"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/store"
)

// IncidentQuery selects incidents.
type IncidentQuery struct {
	State  string // open or resolved; all when empty
	Cursor string
	Limit  int
}

// Incidents returns a page of incidents, newest first.
func (d *Desk) Incidents(ctx context.Context, who access.Actor, q IncidentQuery) (api.IncidentPage, error) {
	page := api.IncidentPage{Items: []api.Incident{}}
	if err := d.seeAny(ctx, who); err != nil {
		return page, err
	}
	list, next, err := d.DB.Incidents(ctx, store.IncidentFilter{App: d.Strategy.App, State: q.State, Before: q.Cursor,
		Limit: limited(q.Limit)})
	if err != nil {
		return page, err
	}
	for _, i := range list {
		if who.May(access.ViewEnvironment, i.Environment) {
			page.Items = append(page.Items, incidentOf(i))
		}
	}
	page.Next = next
	return page, nil
}

// Incident returns an incident with its timeline, which is read from the log.
func (d *Desk) Incident(ctx context.Context, who access.Actor, id string) (api.Incident, error) {
	i, err := d.DB.Incident(ctx, id)
	if err != nil {
		return api.Incident{}, err
	}
	if err := d.see(ctx, who, i.Environment); err != nil {
		return api.Incident{}, err
	}
	return d.incident(ctx, who, i)
}

// incident is an incident with its timeline: of each thing that it is about the newest
// events, because what counts is how it ended.
func (d *Desk) incident(ctx context.Context, who access.Actor, i incident.Incident) (api.Incident, error) {
	out := incidentOf(i)
	for _, subject := range []string{i.Release, i.Rollback, i.ID} {
		if subject == "" {
			continue
		}
		list, err := d.DB.Events(ctx, store.EventFilter{Subject: subject, Limit: 500, Descending: true})
		if err != nil {
			return out, err
		}
		for _, e := range list {
			if MayRead(who, e) && !strings.HasPrefix(e.Kind, "effect.") { // how it was done is in the log
				out.Timeline = append(out.Timeline, wire(e))
			}
		}
	}
	sortEvents(out.Timeline)
	return out, nil
}

// ResolveIncident closes an incident.
func (d *Desk) ResolveIncident(ctx context.Context, who access.Actor, id string, in api.ResolveIncident) (api.Incident,
	error) {
	i, err := d.DB.Incident(ctx, id)
	if err != nil {
		return api.Incident{}, err
	}
	if err := d.check(ctx, who, access.ManageIncident, i.Environment); err != nil {
		return api.Incident{}, err
	}
	if err := wellFormed(in); err != nil {
		return api.Incident{}, err
	}
	if err := d.Engine.Incidents.Resolve(ctx, who, id, in.Resolution); err != nil {
		return api.Incident{}, err
	}
	return d.Incident(ctx, who, id)
}

// TurnFlagOff turns a flag off because of an incident, and has it looked at whether that helped. It needs what turning
// the flag off by itself does.
func (d *Desk) TurnFlagOff(ctx context.Context, who access.Actor, id string, in api.TurnFlagOff) (api.Incident, error) {
	i, err := d.DB.Incident(ctx, id)
	if err != nil {
		return api.Incident{}, err
	}
	if err := d.see(ctx, who, i.Environment); err != nil {
		return api.Incident{}, err
	}
	if in.Environment == "" {
		in.Environment = i.Environment
	}
	if err := d.known(in.Environment); err != nil {
		return api.Incident{}, err
	}
	if err := d.check(ctx, who, access.SwitchFlag, in.Environment); err != nil {
		return api.Incident{}, err
	}
	if err := wellFormed(in); err != nil {
		return api.Incident{}, err
	}
	if err := d.Engine.Incidents.TurnOff(ctx, who, incidents.Order{Incident: id, Flag: in.Flag,
		Environment: in.Environment, Reason: in.Reason}); err != nil {
		return api.Incident{}, err
	}
	return d.Incident(ctx, who, id)
}

// lately is how long before an incident a flag's change may be for it to be suspected first.
const lately = 7 * 24 * time.Hour

// FlagSuspects are the flags that could be turned off to mend an incident, in its environment unless another is named.
func (d *Desk) FlagSuspects(ctx context.Context, who access.Actor, id, environment string) (api.FlagSuspects, error) {
	i, err := d.DB.Incident(ctx, id)
	if err != nil {
		return api.FlagSuspects{}, err
	}
	if err := d.see(ctx, who, i.Environment); err != nil {
		return api.FlagSuspects{}, err
	}
	return d.Flags.Suspects(ctx, who, cmp.Or(environment, i.Environment), i.Opened.Add(-lately))
}

// ReportIssue records a problem that a person noticed.
func (d *Desk) ReportIssue(ctx context.Context, who access.Actor, in api.ReportIssue) (api.Incident, error) {
	if in.Environment == "" {
		in.Environment = "production"
	}
	if err := d.check(ctx, who, access.ReportIssue, in.Environment); err != nil {
		return api.Incident{}, err
	}
	if err := d.known(in.Environment); err != nil {
		return api.Incident{}, err
	}
	if err := wellFormed(in); err != nil {
		return api.Incident{}, err
	}
	title := in.Title
	if in.Detail != "" {
		title += ": " + in.Detail
	}
	id, err := d.Engine.ReportIssue(ctx, who, engine.Issue{Environment: in.Environment, Title: event.Line(title),
		Critical: in.Critical, Security: in.Security})
	if err != nil {
		return api.Incident{}, err
	}
	i, err := d.DB.Incident(ctx, id) // whoever reports it may see what came of it
	if err != nil {
		return api.Incident{}, err
	}
	return d.incident(ctx, who, i)
}

// flagOff is a flag that was turned off, with what was found since.
func flagOff(f incident.FlagOff) api.FlagOff {
	found := func(f incident.Found) *api.FlagOffFound {
		if f.At.IsZero() {
			return nil
		}
		return &api.FlagOffFound{At: f.At.UTC(), Finding: string(f.Finding), Sentence: f.Sentence}
	}
	out := api.FlagOff{
		Flag: f.Flag, Environment: f.Environment, Reason: f.Reason, Actor: f.Actor, At: f.At.UTC(), Already: f.Already,
		Phase: string(f.Phase), Confirmed: found(f.Served), Smoked: found(f.Smoked), Watched: found(f.Watched),
		Sentence: f.Sentence,
	}
	if f.Phase != incident.Proven {
		out.Until = instant(f.At.Add(f.Watch))
	}
	return out
}

func incidentOf(i incident.Incident) api.Incident {
	out := api.Incident{
		ID: i.ID, App: i.App, Title: i.Title, Severity: string(i.Severity), Criterion: i.Criterion, State: string(i.State),
		Happened: i.Happened, Rule: i.Rule, ResolvedWhen: i.When,
		Opened:   i.Opened.UTC(),
		Resolved: instant(i.Resolved), Release: i.Release, Rollback: i.Rollback, ReviewDue: instant(i.ReviewDue),
		Environment: i.Environment, Timeline: []api.Event{}, FlagsOff: []api.FlagOff{},
	}
	for _, f := range i.FlagsOff {
		out.FlagsOff = append(out.FlagsOff, flagOff(f))
	}
	switch {
	case i.State == incident.Resolved:
		out.Sentence = event.Line("Resolved: " + i.Resolution)
	case i.Rollback != "":
		out.Sentence = i.Why() + " See its rollback for where that stands."
	default:
		out.Sentence = i.Why()
	}
	return out
}
