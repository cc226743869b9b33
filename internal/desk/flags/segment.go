package flags

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	writer "github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/words"
	"github.com/slipwayhq/slipway/internal/store"
)

// Segments returns the segments of an environment, or of all that the actor may see.
func (d *Desk) Segments(ctx context.Context, who access.Actor, environment string) ([]api.Segment, error) {
	out := []api.Segment{}
	if err := d.anywhere(ctx, who, access.ViewEnvironment); err != nil {
		return out, err
	}
	if environment != "" {
		if err := d.see(ctx, who, environment); err != nil {
			return out, err
		}
	}
	list, err := d.DB.Segments(ctx, d.Strategy.App, environment)
	if err != nil {
		return out, err
	}
	configs, err := d.DB.FlagConfigs(ctx, d.Strategy.App, "")
	if err != nil {
		return out, err
	}
	for _, s := range list {
		if who.May(access.ViewEnvironment, s.Environment) {
			out = append(out, wireSegment(s, configs))
		}
	}
	return out, nil
}

// Segment returns a segment of an environment.
func (d *Desk) Segment(ctx context.Context, who access.Actor, key, environment string) (api.Segment, error) {
	if err := d.see(ctx, who, environment); err != nil {
		return api.Segment{}, err
	}
	s, err := d.DB.Segment(ctx, d.Strategy.App, environment, key)
	if err != nil {
		return api.Segment{}, err
	}
	configs, err := d.DB.FlagConfigsIn(ctx, d.Strategy.App, environment)
	return wireSegment(s, configs), err
}

func wireSegment(s flag.Segment, configs []flag.Config) api.Segment {
	in := flag.Set{}
	for _, c := range configs {
		if c.Environment == s.Environment {
			in.Configs = append(in.Configs, c)
		}
	}
	return api.Segment{
		Key: s.Key, Environment: s.Environment, Description: s.Description, Any: convert[[][]api.FlagCondition](s.Any),
		By: s.By, Listed: s.Listed, Excluded: s.Excluded, Uses: in.SegmentUses(s.Key), Revision: s.Revision,
		Updated: s.Updated.UTC(), UpdatedBy: s.UpdatedBy,
		Sentence: words.Segment(&s),
	}
}

// PutSegment makes or changes a segment.
func (d *Desk) PutSegment(
	ctx context.Context, who access.Actor, key, environment string, in api.PutSegment,
) (api.Segment, error) {
	if err := d.mayEdit(ctx, who, environment); err != nil {
		return api.Segment{}, err
	}
	return d.changeSegment(ctx, who, writer.SegmentOrder{
		Key: key, Environment: environment, Revision: in.Revision, Reason: in.Reason, Put: &flag.Segment{
			Description: in.Description, Any: convert[[][]flag.Condition](in.Any), By: in.By, Excluded: in.Excluded,
		},
	})
}

// RevertSegment brings back what an earlier revision of a segment said, as a new one. Its list stays: revisions count
// who was named, and do not name them.
func (d *Desk) RevertSegment(
	ctx context.Context, who access.Actor, key, environment string, in api.RevertFlag,
) (api.Segment, error) {
	if err := d.mayEdit(ctx, who, environment); err != nil {
		return api.Segment{}, err
	}
	if _, err := d.DB.Segment(ctx, d.Strategy.App, environment, key); err != nil {
		return api.Segment{}, err
	}
	old, err := d.DB.Revision(ctx, store.SegmentSubject(d.Strategy.App, environment, key), in.To)
	if err != nil {
		return api.Segment{}, err
	}
	var was flag.Segment
	if err := json.Unmarshal(old.Doc, &was); err != nil {
		return api.Segment{}, fmt.Errorf("read revision %d of segment %s: %w", in.To, key, err)
	}
	reason := fmt.Sprintf("back to revision %d", in.To)
	if in.Reason != "" {
		reason += ": " + in.Reason
	}
	return d.changeSegment(ctx, who, writer.SegmentOrder{
		Key: key, Environment: environment, Revision: in.Revision, Reason: reason,
		Put: &flag.Segment{Description: was.Description, Any: was.Any, By: was.By, Excluded: was.Excluded},
	})
}

func (d *Desk) changeSegment(
	ctx context.Context, who access.Actor, o writer.SegmentOrder,
) (api.Segment, error) {
	out, err := d.Engine.Flags.ChangeSegment(ctx, who, o, writer.When{})
	if err != nil {
		return api.Segment{}, err
	}
	configs, err := d.DB.FlagConfigsIn(ctx, d.Strategy.App, o.Environment)
	s := wireSegment(out.Segment, configs)
	s.Draft, s.Approval = out.Draft.ID, out.Draft.Request
	return s, err
}

func (d *Desk) mayEdit(ctx context.Context, who access.Actor, environment string) error {
	if err := d.known(environment); err != nil {
		return err
	}
	return d.check(ctx, who, access.EditFlag, environment)
}

// DeleteSegment forgets a segment that no flag asks for, and returns what it was.
func (d *Desk) DeleteSegment(
	ctx context.Context, who access.Actor, key, environment, reason string,
) (api.Segment, error) {
	if err := d.mayEdit(ctx, who, environment); err != nil {
		return api.Segment{}, err
	}
	was, err := d.Segment(ctx, who, key, environment)
	if err != nil {
		return was, err
	}
	return was, d.Engine.Flags.DeleteSegment(ctx, who, environment, key, reason)
}

// mostMembers is how many members of a segment one page has at most.
const mostMembers = 10_000

// Members returns a page of the users that a segment names. They are people: it needs flag:edit.
func (d *Desk) Members(
	ctx context.Context, who access.Actor, key, environment, cursor string, limit int,
) (api.MemberPage, error) {
	out := api.MemberPage{Items: []string{}}
	if err := d.mayEdit(ctx, who, environment); err != nil {
		return out, err
	}
	s, err := d.DB.Segment(ctx, d.Strategy.App, environment, key)
	if err != nil {
		return out, err
	}
	most := 1000
	if limit > 0 {
		most = min(limit, mostMembers)
	}
	list, err := d.DB.SegmentMembers(ctx, s, cursor, most+1)
	if err != nil {
		return out, err
	}
	if len(list) > most {
		list = list[:most]
		out.Next = list[most-1]
	}
	out.Items = list
	return out, nil
}

// ChangeMembers adds and removes users that a segment names.
func (d *Desk) ChangeMembers(
	ctx context.Context, who access.Actor, key, environment string, in api.SegmentMembers,
) (api.Segment, error) {
	if err := d.mayEdit(ctx, who, environment); err != nil {
		return api.Segment{}, err
	}
	o := writer.SegmentOrder{Key: key, Environment: environment, Reason: in.Reason}
	whole := in.Replace || len(d.Strategy.Flags().Approve[environment]) > 0 // one change, or people approve it as one
	for {
		m := writer.Members{Add: in.Add, Remove: in.Remove, Replace: in.Replace}
		if !whole {
			m.Add, in.Add = cut(in.Add)
			m.Remove, in.Remove = cut(in.Remove)
		}
		o.Members = &m
		out, err := d.changeSegment(ctx, who, o)
		if err != nil || whole || len(in.Add)+len(in.Remove) == 0 {
			return out, err
		}
	}
}

// membersAtATime is how many members one commit adds: others wait for it.
const membersAtATime = 20_000

func cut(list []string) (now, later []string) {
	n := min(len(list), membersAtATime)
	return list[:n], list[n:]
}
