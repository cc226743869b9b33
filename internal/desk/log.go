package desk

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/store"
)

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
		After: q.After, Before: q.Before, Kind: q.Kind, Subject: q.Subject, Actor: event.ActorOf(q.Actor),
		Environment: q.Environment, Text: q.Text,
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
	signers, err := d.signers(ctx)
	if err != nil {
		return out, err
	}
	err = d.DB.EachEvent(ctx, func(e event.Event) error {
		if e.Seq > head.Seq {
			return nil // came in while the log was walked
		}
		out.Events++
		if err := v.Next(e); err != nil && out.Problem == "" {
			out.OK, out.Problem = false, err.Error()
		}
		if e.Kind == "approval.voted" {
			verifyVote(e, signers, &out)
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
