package flags

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	writer "github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/words"
	"github.com/slipwayhq/slipway/internal/store"
)

// Schedule has a change made at a time, or after a release has succeeded in the environment.
func (d *Desk) Schedule(
	ctx context.Context, who access.Actor, key, environment string, in api.ScheduleFlag,
) (api.FlagChange, error) {
	o := writer.Order{Flag: key, Environment: environment, Revision: in.Revision, Reason: in.Reason}
	asked := 0
	if in.On != nil {
		o.Kind = writer.Off
		if *in.On {
			o.Kind = writer.On
		}
		asked++
	}
	if in.Config != nil {
		o.Kind, o.Config = writer.Put, domain(key, environment, *in.Config)
		if in.Config.Revision != 0 {
			o.Revision = in.Config.Revision
		}
		asked++
	}
	if in.Rollout != nil {
		o.Kind, o.Share, o.Variant, o.Against = writer.Rollout, in.Rollout.Percent, in.Rollout.Variant, in.Rollout.Against
		asked++
	}
	when := writer.When{Release: in.AfterRelease}
	if in.At != nil {
		when.At = *in.At
	}
	switch {
	case asked != 1:
		return api.FlagChange{}, fault.New(fault.Invalid, "change_unclear",
			"Name exactly one change: on, config or rollout.")
	case (in.At == nil) == (in.AfterRelease == ""):
		return api.FlagChange{}, fault.New(fault.Invalid, "time_unclear", "Say when: at a time, or after_release.")
	case in.At != nil && time.Until(*in.At) > farthest:
		return api.FlagChange{}, fault.New(fault.Invalid, "time_far", "A change is scheduled for a year ahead at most.")
	}
	return d.order(ctx, who, o, writer.How{When: when})
}

// farthest is how far ahead a change may be scheduled.
const farthest = 366 * 24 * time.Hour

// DraftQuery selects drafts.
type DraftQuery struct {
	Environment, Flag string
	State             string // waiting, scheduled, applied, refused, discarded, failed; open: the first two
	Cursor            string
	Limit             int
}

// Drafts returns a page of drafts, newest first.
func (d *Desk) Drafts(ctx context.Context, who access.Actor, q DraftQuery) (api.FlagDraftPage, error) {
	out := api.FlagDraftPage{Items: []api.FlagDraft{}}
	if err := d.anywhere(ctx, who, access.ViewEnvironment); err != nil {
		return out, err
	}
	f := store.DraftFilter{App: d.Strategy.App, Environment: q.Environment, Flag: q.Flag, Before: q.Cursor, Limit: 50}
	if q.Limit > 0 {
		f.Limit = min(q.Limit, 200)
	}
	switch q.State {
	case "":
	case "open":
		f.State = []string{string(flag.Waiting), string(flag.Scheduled)}
	default:
		f.State = []string{q.State}
	}
	list, next, err := d.DB.FlagDrafts(ctx, f)
	if err != nil {
		return out, err
	}
	out.Next = next
	for _, draft := range list {
		if !who.May(access.ViewEnvironment, draft.Environment) {
			continue
		}
		item, err := d.draft(ctx, draft)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

// Draft returns one draft.
func (d *Desk) Draft(ctx context.Context, who access.Actor, id string) (api.FlagDraft, error) {
	in, err := d.DB.FlagDraft(ctx, id)
	if err != nil {
		return api.FlagDraft{}, err
	}
	if err := d.see(ctx, who, in.Environment); err != nil {
		return api.FlagDraft{}, err
	}
	return d.draft(ctx, in)
}

func (d *Desk) draft(ctx context.Context, in flag.Draft) (api.FlagDraft, error) {
	out := api.FlagDraft{
		ID: in.ID, Flag: in.Flag, Segment: in.Segment, Environment: in.Environment, State: string(in.State),
		At: instant(in.At), AfterRelease: in.Release, Author: in.Name, Reason: in.Reason, Sentence: in.Sentence, Why: in.Why,
		Changes: []api.Change{}, Approval: in.Request, Created: in.Created.UTC(),
	}
	if len(in.Before) == 0 {
		return out, nil // of a list of users there is no difference to show
	}
	var err error
	if in.Segment != "" {
		out.Changes, err = between(in.Before, in.After, words.DiffSegments)
		return out, err
	}
	f, err := d.DB.Flag(ctx, d.Strategy.App, in.Flag)
	if err != nil {
		return out, err
	}
	out.Changes, err = between(in.Before, in.After, func(a, b *flag.Config) words.Difference {
		return words.DiffConfigs(&f, a, b)
	})
	return out, err
}

// Discard takes a draft back: its author may, and whoever may change the same.
func (d *Desk) Discard(ctx context.Context, who access.Actor, id, reason string) (api.FlagDraft, error) {
	in, err := d.DB.FlagDraft(ctx, id)
	if err != nil {
		return api.FlagDraft{}, err
	}
	if err := d.see(ctx, who, in.Environment); err != nil {
		return api.FlagDraft{}, err
	}
	if who.User == "" || in.User != who.User {
		if err := d.check(ctx, who, access.EditFlag, in.Environment); err != nil {
			return api.FlagDraft{}, err
		}
	}
	if in, err = d.Engine.Flags.Discard(ctx, who, id, reason); err != nil {
		return api.FlagDraft{}, err
	}
	return d.draft(ctx, in)
}

// between reads two documents and says what is different.
func between[T any](before, after json.RawMessage, differ func(a, b *T) words.Difference) ([]api.Change, error) {
	var a, b T
	if err := json.Unmarshal(before, &a); err != nil {
		return nil, fmt.Errorf("read what was there before: %w", err)
	}
	if err := json.Unmarshal(after, &b); err != nil {
		return nil, fmt.Errorf("read what was there after: %w", err)
	}
	return changes(differ(&a, &b)), nil
}
