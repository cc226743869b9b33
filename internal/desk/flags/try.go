package flags

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/words"
)

// Try evaluates what a flag does in an environment, or would do, for sample users, as a program would.
func (d *Desk) Try(
	ctx context.Context, who access.Actor, key, environment string, in api.TryFlag,
) (api.FlagTrial, error) {
	out := api.FlagTrial{Items: []api.FlagResult{}}
	if err := d.see(ctx, who, environment); err != nil {
		return out, err
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
			c.Rules[i].ID = fmt.Sprintf("new-%d", i+1) // it gets its own when it is kept
		}
	}
	set, err := d.DB.FlagSet(ctx, d.Strategy.App, environment, func(string, int64) bool { return false })
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
	snapshot, err := compiled(set)
	if err != nil {
		return out, err
	}
	traced := set
	traced.Flags, traced.Configs = slices.Clone(set.Flags), slices.Clone(set.Configs)
	put(&traced, tracing(f, c), traceOf(c))
	trace, err := compiled(traced)
	if err != nil {
		return out, err
	}
	for _, attributes := range in.Contexts {
		user, _ := attributes["targetingKey"].(string)
		e := snapshot.Evaluate(key, flag.NewContext(user, attributes), now)
		rule := trace.Evaluate(key, flag.NewContext(user, attributes), now).Variant
		out.Items = append(out.Items, result(f, c, e, strings.TrimPrefix(rule, ruleVariant)))
	}
	return out, nil
}

// put gives a set a flag and its configuration in place of those that it has.
func put(set *flag.Set, f flag.Flag, c flag.Config) {
	set.Flags = append(slices.DeleteFunc(set.Flags, func(o flag.Flag) bool { return o.Key == f.Key }), f)
	set.Configs = append(slices.DeleteFunc(set.Configs, func(o flag.Config) bool { return o.Flag == f.Key }), c)
}

func compiled(set flag.Set) (*flag.Snapshot, error) {
	doc, err := set.Document()
	if err != nil {
		return nil, err
	}
	return flag.Compile(doc)
}

// ruleVariant begins the names of the variants by which rules are traced.
const ruleVariant = "rule-"

// tracing is a flag whose variants are the rules of its configuration, so that its evaluation says which one served.
func tracing(f flag.Flag, c flag.Config) flag.Flag {
	f.Kind = flag.String
	f.Variants = []flag.Variant{{Name: ruleVariant, Value: json.RawMessage(`""`)}}
	for _, r := range c.Rules {
		f.Variants = append(f.Variants, flag.Variant{Name: ruleVariant + r.ID, Value: json.RawMessage(`""`)})
	}
	return f
}

// traceOf is a configuration whose rules serve themselves.
func traceOf(c flag.Config) flag.Config {
	c.Off, c.Default, c.Targeting = ruleVariant, flag.Serve{Variant: ruleVariant}, nil
	c.Rules = slices.Clone(c.Rules)
	for i := range c.Rules {
		c.Rules[i].Serve = flag.Serve{Variant: ruleVariant + c.Rules[i].ID}
	}
	return c
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

func result(f flag.Flag, c flag.Config, e flag.Evaluation, rule string) api.FlagResult {
	out := api.FlagResult{Variant: e.Variant, Value: e.Value, Reason: string(e.Reason), Rule: rule}
	if e.Reason == flag.ErrorReason {
		out.Error, out.Rule = string(e.Code)+": "+e.Detail, ""
		out.Sentence = "It can't be evaluated: " + e.Detail + "."
		return out
	}
	gets := e.Variant
	if gets == "" {
		gets = "the program's own fallback"
	}
	i := slices.IndexFunc(c.Rules, func(r flag.Rule) bool { return r.ID == rule })
	switch {
	case !c.On:
		out.Sentence = "Gets " + gets + ": it is off."
	case len(c.Targeting) > 0:
		out.Sentence = "Gets " + gets + ", by the rule in flagd's language."
	case i >= 0:
		out.Sentence = fmt.Sprintf("Gets %s, by rule %d: %s", gets, i+1, words.Rule(&f, &c.Rules[i]))
	default:
		out.Sentence = "Gets " + gets + ": no rule serves this user."
	}
	return out
}
