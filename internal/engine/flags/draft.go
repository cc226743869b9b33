package flags

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// Work is the kind of work that drafts are: they are looked at when their time has come or something they wait for
// has happened.
const Work = "flag"

// DraftPrefix begins the ids of drafts.
const DraftPrefix = "fdr"

// When says when a change is made: at once when nothing is said.
type When struct {
	At      time.Time
	Release string // id of the release after whose success in the environment
}

func (n When) waits() bool { return !n.At.IsZero() || n.Release != "" }

// asks are the approvals that a change in an environment needs.
func (w *Writer) asks(environment string) []approval.Rule {
	return w.Strategy.Flags().Approve[environment]
}

// holds reports whether a change waits for approval. Turning a flag off never does.
func (w *Writer) holds(out Outcome, environment string) bool {
	kill := out.Switches() && !out.After.On && !out.Edits()
	return len(w.asks(environment)) > 0 && out.Changed && !kill
}

// postpone keeps a change of a configuration as a draft.
func (w *Writer) postpone(
	ctx context.Context, tx *store.Tx, who access.Actor, o Order, out *Outcome, when When,
) error {
	d := flag.Draft{Flag: o.Flag, Environment: o.Environment, Base: o.Revision, Reason: o.Reason, Sentence: out.Sentence}
	held := w.holds(*out, o.Environment)
	if held || o.Kind == Put {
		d.Base = out.Before.Revision // exactly this was seen
	}
	if held { // what is approved is what is made, whatever the order would make of it later
		o.Exactly, o.Config = true, out.After
	}
	o.Revision = d.Base
	var err error
	if d.Order, err = json.Marshal(o); err != nil {
		return fmt.Errorf("marshal the order for %s: %w", o.Flag, err)
	}
	if d.Before, err = json.Marshal(out.Before); err == nil {
		d.After, err = json.Marshal(out.After)
	}
	if err != nil {
		return fmt.Errorf("marshal the configuration of %s: %w", o.Flag, err)
	}
	out.Draft, err = w.keep(ctx, tx, who, d, when, held)
	return err
}

// keep records a new draft, with its request when it waits for approval.
func (w *Writer) keep(
	ctx context.Context, tx *store.Tx, who access.Actor, d flag.Draft, when When, held bool,
) (flag.Draft, error) {
	now := tx.Now()
	if !when.At.IsZero() && when.At.Before(now) {
		return d, fault.New(fault.Invalid, "time_past", "%s is over. Name a time to come.",
			when.At.UTC().Format(time.RFC3339))
	}
	if err := w.goesOn(ctx, tx, when.Release); err != nil {
		return d, err
	}
	d.ID, d.App, d.State, d.At, d.Release, d.Created = ident.New(DraftPrefix, now), w.app(), flag.Scheduled, when.At,
		when.Release, now
	d.Actor, d.User, d.Name = who.ID, who.User, who.Name
	next := now
	if !d.At.IsZero() {
		next = d.At
	}
	says := "waits for " + d.At.UTC().Format("2006-01-02 15:04 MST")
	if d.Release != "" {
		says = "waits for the release " + d.Release
	}
	if held {
		q := w.request(d, now)
		if err := tx.InsertApproval(ctx, &q); err != nil {
			return d, err
		}
		d.State, d.Request, next = flag.Waiting, q.ID, q.Subject.Expires
		says = "waits for " + approval.Describe(q.Rules)
		if err := w.append(ctx, tx, w.by(who, "approval.opened", d.Environment, d.ID,
			fmt.Sprintf("%s asks for %s: %s.", who.Name, approval.Describe(q.Rules), q.Subject.Action),
			map[string]any{"request": q.ID, "hash": q.Hash})); err != nil {
			return d, err
		}
	}
	if err := tx.InsertFlagDraft(ctx, &d); err != nil {
		return d, err
	}
	if err := w.append(ctx, tx, w.by(who, "flag.proposed", d.Environment, d.ID,
		fmt.Sprintf("A change of %s in %s by %s %s%s.", whatOf(d), d.Environment, who.Name, says, because(d.Reason)),
		map[string]any{"draft": d.ID, "flag": d.Flag, "segment": d.Segment, "base": d.Base})); err != nil {
		return d, err
	}
	return d, tx.Schedule(ctx, d.ID, Work, next)
}

// goesOn refuses to wait for a release that has ended.
func (w *Writer) goesOn(ctx context.Context, tx *store.Tx, id string) error {
	if id == "" {
		return nil
	}
	r, err := tx.Release(ctx, id)
	if err != nil {
		return err
	}
	if r.Phase.Final() {
		return fault.New(fault.Conflict, "release_ended", "The release of %s has ended: nothing comes after it any more.",
			r.Version)
	}
	return nil
}

// request asks for approval of exactly this change: its order, and the revision that it was made for.
func (w *Writer) request(d flag.Draft, now time.Time) approval.Request {
	sum := sha256.Sum256(d.Order)
	evidence := map[string]string{
		"change": d.Sentence, "made for": fmt.Sprintf("revision %d", d.Base), "when": "as soon as it is approved",
	}
	if !d.At.IsZero() {
		evidence["when"] = d.At.UTC().Format(time.RFC3339)
	}
	if d.Release != "" {
		evidence["when"] = "after " + d.Release + " succeeds in " + d.Environment
	}
	if d.Reason != "" {
		evidence["reason"] = d.Reason
	}
	return approval.New(ident.New("apr", now), approval.Subject{
		Kind: "flag", ID: d.ID, Action: "Change " + whatOf(d) + " in " + d.Environment, App: d.App,
		Environment: d.Environment, Plan: hex.EncodeToString(sum[:]), Evidence: evidence,
		Expires: now.Add(w.Strategy.Flags().Expires),
	}, w.asks(d.Environment), d.User, now)
}

// whatOf is what a draft changes.
func whatOf(d flag.Draft) string {
	if d.Segment != "" {
		return "the segment " + d.Segment
	}
	return "the flag " + d.Flag
}

// Look moves a draft when what it waits for has come, and says when to look again.
func (w *Writer) Look(ctx context.Context, id string) (time.Time, error) {
	var next time.Time
	err := w.DB.Write(ctx, func(tx *store.Tx) error {
		d, err := tx.FlagDraft(ctx, id)
		if err != nil || d.State.Final() {
			return err
		}
		if d.State == flag.Waiting {
			if next, err = w.decided(ctx, tx, &d); err != nil || d.State != flag.Scheduled {
				return err
			}
		}
		next, err = w.due(ctx, tx, &d)
		return err
	})
	return next, err
}

// decided looks at the request of a draft that waits for approval.
func (w *Writer) decided(ctx context.Context, tx *store.Tx, d *flag.Draft) (time.Time, error) {
	q, err := tx.Approval(ctx, d.Request)
	if err != nil {
		return time.Time{}, err
	}
	now := tx.Now()
	switch q.State {
	case approval.Approved:
		d.State = flag.Scheduled
		return time.Time{}, nil
	case approval.Open:
		moved, err := w.moved(ctx, tx, *d)
		if err != nil {
			return time.Time{}, err
		}
		switch {
		case moved != "":
			q = q.Void(moved, now)
			err = w.end(ctx, tx, slipway(), d, flag.Failed, moved)
		case !now.Before(q.Subject.Expires):
			q = q.Expire(now)
			err = w.end(ctx, tx, slipway(), d, flag.Rejected, "nobody decided in time")
		default:
			return q.Subject.Expires, nil
		}
		if err != nil {
			return time.Time{}, err
		}
		return time.Time{}, tx.UpdateApproval(ctx, &q)
	}
	why := q.Why
	for _, v := range q.Votes {
		if !v.Approve {
			why = v.Name + " rejects it" + because(v.Reason)
		}
	}
	return time.Time{}, w.end(ctx, tx, slipway(), d, flag.Rejected, why)
}

// moved says that a draft was made for what is not there any more; empty when it is.
func (w *Writer) moved(ctx context.Context, tx *store.Tx, d flag.Draft) (string, error) {
	var is int64
	if d.Segment != "" {
		s, err := w.segment(ctx, tx, d.Environment, d.Segment)
		if err != nil {
			return "", err
		}
		is = s.Revision
	} else {
		c, err := tx.FlagConfig(ctx, w.app(), d.Environment, d.Flag)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return "", err
		}
		is = c.Revision
	}
	if is == d.Base {
		return "", nil
	}
	return fmt.Sprintf("it was made for revision %d, and %s is at %d by now", d.Base, whatOf(d), is), nil
}

// due makes the change of a draft whose time has come.
func (w *Writer) due(ctx context.Context, tx *store.Tx, d *flag.Draft) (time.Time, error) {
	wait, err := w.release(ctx, tx, d)
	if err != nil || d.State.Final() {
		return time.Time{}, err
	}
	if wait || d.At.After(tx.Now()) {
		return d.At, tx.UpdateFlagDraft(ctx, d) // it may have been approved just now
	}
	who, err := w.author(ctx, tx, *d)
	switch {
	case err != nil:
	case d.Segment != "":
		err = w.makeSegment(ctx, tx, who, *d)
	default:
		err = w.make(ctx, tx, who, *d)
	}
	switch k := fault.KindOf(err); k {
	case "":
		d.State, d.Ended = flag.Applied, tx.Now()
		if err := tx.UpdateFlagDraft(ctx, d); err != nil || d.Release == "" {
			return time.Time{}, err
		}
		return time.Time{}, w.append(ctx, tx, w.by(who, "release.flag", d.Environment, d.Release,
			fmt.Sprintf("After its success in %s: %s", d.Environment, d.Sentence), map[string]any{"draft": d.ID}))
	case fault.Conflict, fault.Refused, fault.Invalid, fault.NotFound, fault.Denied:
		return time.Time{}, w.end(ctx, tx, slipway(), d, flag.Failed,
			strings.TrimSuffix(fault.MessageOf(err), "."))
	}
	return time.Time{}, err
}

// release reports whether a draft still waits for its release, and ends it with one that comes to nothing.
func (w *Writer) release(ctx context.Context, tx *store.Tx, d *flag.Draft) (bool, error) {
	if d.Release == "" {
		return false, nil
	}
	r, err := tx.Release(ctx, d.Release)
	if err != nil || r.Passed(d.Environment) {
		return false, err
	}
	if r.Phase.Final() || r.Phase == release.Undoing {
		return true, w.end(ctx, tx, slipway(), d, flag.Discarded, "the release of "+r.Version+" came to nothing")
	}
	return true, nil
}

// make carries out the order of a draft, under the name of who asked for it.
func (w *Writer) make(ctx context.Context, tx *store.Tx, who access.Actor, d flag.Draft) error {
	var o Order
	if err := json.Unmarshal(d.Order, &o); err != nil {
		return fmt.Errorf("read the order of %s: %w", d.ID, err)
	}
	out, err := w.plan(ctx, tx, who, o)
	if err != nil {
		return err
	}
	if err := permits(o, out); err != nil {
		return err
	}
	for _, p := range o.Needs(out) {
		if err := who.Check(p, d.Environment); err != nil {
			return err
		}
	}
	if d.Request == "" && w.holds(out, d.Environment) { // it was none, or nobody had to be asked, when it was scheduled
		return fault.New(fault.Refused, "approval_needed", "it needs approval by now: propose it again")
	}
	if err := comesOn(out.Before, out.After, o.Reason, d.Created); err != nil {
		return err
	}
	out.Sentence += asWas(d)
	return w.carryOut(ctx, tx, who, o, &out)
}

// asWas says why a change is made now.
func asWas(d flag.Draft) string {
	switch {
	case d.Release != "":
		return " It was to follow the release " + d.Release + "."
	case !d.At.IsZero():
		return " It was scheduled for this time."
	}
	return " It was approved."
}

// end records that a draft came to nothing.
func (w *Writer) end(
	ctx context.Context, tx *store.Tx, who access.Actor, d *flag.Draft, state flag.DraftState, why string,
) error {
	d.State, d.Why, d.Ended = state, why, tx.Now()
	if err := tx.UpdateFlagDraft(ctx, d); err != nil {
		return err
	}
	return w.append(ctx, tx, w.by(who, "flag.dropped", d.Environment, d.ID,
		fmt.Sprintf("The change of %s in %s that %s asked for is not made: %s.", whatOf(*d), d.Environment, d.Name, why),
		map[string]any{"draft": d.ID, "state": state}))
}

func slipway() access.Actor { return access.System("engine") }

// Discard takes a draft back.
func (w *Writer) Discard(ctx context.Context, who access.Actor, id, reason string) (flag.Draft, error) {
	var d flag.Draft
	err := w.DB.Write(ctx, func(tx *store.Tx) error {
		var err error
		if d, err = tx.FlagDraft(ctx, id); err != nil {
			return err
		}
		if d.State.Final() {
			return fault.New(fault.Conflict, "draft_ended", "This change is %s already.", d.State)
		}
		if d.Request != "" {
			q, err := tx.Approval(ctx, d.Request)
			if err != nil {
				return err
			}
			if q.State == approval.Open {
				q = q.Void("it was taken back", tx.Now())
				if err := tx.UpdateApproval(ctx, &q); err != nil {
					return err
				}
			}
		}
		return w.end(ctx, tx, who, &d, flag.Discarded, who.Name+" takes it back"+because(reason))
	})
	return d, err
}

// wake has the drafts looked at that wait for approval and were made for what changes now.
func (w *Writer) wake(ctx context.Context, tx *store.Tx, environment, key, segment string) error {
	open, err := tx.OpenFlagDrafts(ctx, w.app())
	if err != nil {
		return err
	}
	for _, d := range open {
		if d.State == flag.Waiting && d.Environment == environment && d.Flag == key && d.Segment == segment {
			if err := tx.Schedule(ctx, d.ID, Work, tx.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}

// After has the changes made that are to follow a release, where it has succeeded, or dropped when it came to nothing.
func (w *Writer) After(ctx context.Context, tx *store.Tx, r release.Release) error {
	list, err := tx.FlagDraftsOf(ctx, r.ID)
	if err != nil {
		return err
	}
	for _, d := range list {
		if d.State == flag.Scheduled && (r.Passed(d.Environment) || r.Phase.Final()) {
			if err := tx.Schedule(ctx, d.ID, Work, tx.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}
