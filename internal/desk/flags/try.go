package flags

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/flag"
)

// Try evaluates what a flag does in an environment, or would do, for sample users, as a program would. What it does
// everybody may ask who sees the environment: at 3 a.m. it must be known what a user gets. A configuration of one's own
// can ask for any segment, and would tell who is in its list: that is for those who may see the list.
func (d *Desk) Try(
	ctx context.Context, who access.Actor, key, environment string, in api.TryFlag,
) (api.FlagTrial, error) {
	out := api.FlagTrial{Items: []api.FlagResult{}}
	if err := d.see(ctx, who, environment); err != nil {
		return out, err
	}
	if in.Config != nil {
		if err := d.check(ctx, who, access.EditFlag, environment); err != nil {
			return out, err
		}
	}
	f, err := d.DB.Flag(ctx, d.Strategy.App, key)
	if err != nil {
		return out, err
	}
	now, err := d.DB.Now(ctx)
	if err != nil {
		return out, err
	}
	c, err := d.config(ctx, f, environment)
	if err != nil {
		return out, err
	}
	if in.Config != nil {
		c = domain(key, environment, *in.Config)
	}
	for i := range c.Rules {
		if c.Rules[i].ID == "" {
			c.Rules[i].ID = newRule(i)
		}
	}
	set, err := d.DB.FlagSet(ctx, d.Strategy.App, environment, func(*flag.Segment) bool { return false })
	if err != nil {
		return out, err
	}
	f.Archived = time.Time{}
	put(&set, f, c)
	if err := c.Validate(&set); err != nil {
		return out, err
	}
	if err := d.membersOf(ctx, &set, in.Contexts); err != nil {
		return out, err
	}
	trial, err := set.Try(key)
	if err != nil {
		return out, err
	}
	var users []*flag.Context
	for _, attributes := range in.Contexts {
		user, _ := attributes["targetingKey"].(string)
		users = append(users, flag.NewContext(user, attributes))
		o := trial.For(users[len(users)-1], now)
		item := api.FlagResult{
			Variant: o.Variant, Value: o.Value, Reason: string(o.Reason), Error: string(o.Code), Rule: o.Rule,
			Sentence: o.Sentence,
		}
		out.Items = append(out.Items, item)
	}
	out.Nanos = trial.Cost(users, now, time.Now)
	return out, nil
}

// newRule is the id of a rule without one, until it is kept and gets its own.
func newRule(i int) string { return fmt.Sprintf("new-%d", i+1) }

// put gives a set a flag and its configuration in place of those that it has.
func put(set *flag.Set, f flag.Flag, c flag.Config) {
	set.Flags = append(slices.DeleteFunc(set.Flags, func(o flag.Flag) bool { return o.Key == f.Key }), f)
	set.Configs = append(slices.DeleteFunc(set.Configs, func(o flag.Config) bool { return o.Flag == f.Key }), c)
}

// membersOf reads which of the sample users the segments name: a segment may name a million others.
func (d *Desk) membersOf(ctx context.Context, set *flag.Set, contexts []map[string]any) error {
	for _, s := range set.Segments {
		if s.Listed == 0 || len(set.SegmentUses(s.Key)) == 0 {
			continue
		}
		var names []string
		for _, c := range contexts {
			if name, ok := attribute(c, s.By).(string); ok {
				names = append(names, name)
			}
		}
		found, err := d.DB.MembersAmong(ctx, s, names)
		if err != nil {
			return err
		}
		set.Lists[s.Key] = found
	}
	return nil
}

// attribute finds a path with dots; empty is the targeting key.
func attribute(c map[string]any, path string) any {
	if path == "" {
		path = "targetingKey"
	}
	var v any = c
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}
