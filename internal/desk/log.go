package desk

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine"
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

// EventQuery selects events of the log.
type EventQuery struct {
	After, Before int64  // event numbers, exclusive
	Kind          string // exact, or a prefix that ends with a dot
	Subject       string
	Actor         string
	Environment   string
	Text          string // whole words of the sentence
	From, To      time.Time
	Limit         int
	Ascending     bool
}

// Events returns a page of the log, newest first unless asked otherwise. Events of
// environments that the actor may not see are left out.
func (d *Desk) Events(ctx context.Context, who access.Actor, q EventQuery) (api.EventPage, error) {
	page := api.EventPage{Items: []api.Event{}}
	if !who.MayAnywhere(access.ReadLog) {
		return page, d.check(ctx, who, access.ReadLog, access.Everywhere)
	}
	f := store.EventFilter{
		After: q.After, Before: q.Before, Kind: q.Kind, Subject: q.Subject, Actor: q.Actor, Environment: q.Environment,
		Text: q.Text,
		From: q.From, To: q.To, Limit: limited(q.Limit), Descending: !q.Ascending,
	}
	list, err := d.DB.Events(ctx, f)
	if err != nil {
		return page, err
	}
	for _, e := range list {
		if MayRead(who, e) {
			page.Items = append(page.Items, wire(e))
		}
	}
	if len(list) == f.Limit {
		page.Next = strconv.FormatInt(list[len(list)-1].Seq, 10)
	}
	return page, nil
}

// MayRead reports whether the actor may read an event: the log's permission in the
// event's environment, or anywhere for events that belong to none.
func MayRead(who access.Actor, e event.Event) bool {
	if e.Environment == "" {
		return who.MayAnywhere(access.ReadLog)
	}
	return who.May(access.ReadLog, e.Environment)
}

func wire(e event.Event) api.Event {
	return api.Event{
		Seq: e.Seq, At: e.At.UTC(), Kind: e.Kind, Actor: e.Actor, App: e.App, Environment: e.Environment, Subject: e.Subject,
		Sentence: e.Sentence, Data: e.Data, Hash: e.Hash,
	}
}

// VerifyLog walks the whole log and every approval's signatures.
func (d *Desk) VerifyLog(ctx context.Context, who access.Actor) (api.LogReport, error) {
	if !who.MayAnywhere(access.ReadLog) {
		return api.LogReport{}, d.check(ctx, who, access.ReadLog, access.Everywhere)
	}
	var v event.Verifier
	out := api.LogReport{OK: true}
	head, err := d.DB.Head(ctx)
	if err != nil {
		return out, err
	}
	out.Head = head.Hash
	err = d.DB.EachEvent(ctx, func(e event.Event) error {
		if e.Seq > head.Seq {
			return nil // came in while the log was walked
		}
		out.Events++
		if err := v.Next(e); err != nil && out.Problem == "" {
			out.OK, out.Problem = false, err.Error()
		}
		if e.Kind == "approval.voted" {
			d.verifyVote(e, &out)
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	if out.Problem == "" {
		if err := v.End(head); err != nil {
			out.OK, out.Problem = false, err.Error()
		}
	}
	if out.BadVotes > 0 && out.Problem == "" {
		out.OK, out.Problem = false, fmt.Sprintf("%d votes do not carry Slipway's signature", out.BadVotes)
	}
	return out, nil
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
	if err := d.Engine.ResolveIncident(ctx, who, id, in.Resolution); err != nil {
		return api.Incident{}, err
	}
	return d.Incident(ctx, who, id)
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
	id, err := d.Engine.ReportIssue(ctx, who, engine.Issue{Environment: in.Environment, Title: title,
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

func incidentOf(i incident.Incident) api.Incident {
	out := api.Incident{
		ID: i.ID, App: i.App, Title: i.Title, Severity: string(i.Severity), Criterion: i.Criterion, State: string(i.State),
		Opened:   i.Opened.UTC(),
		Resolved: instant(i.Resolved), Release: i.Release, Rollback: i.Rollback, ReviewDue: instant(i.ReviewDue),
		Timeline: []api.Event{},
	}
	switch {
	case i.State == incident.Resolved:
		out.Sentence = "Resolved: " + i.Resolution
	case i.Rollback != "":
		out.Sentence = fmt.Sprintf("%s, open: see its rollback.", i.Severity)
	default:
		out.Sentence = fmt.Sprintf("%s, open: %s.", i.Severity, i.Criterion)
	}
	return out
}
