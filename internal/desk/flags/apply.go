package flags

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	writer "github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/words"
)

// Apply makes what there is as a file says, or says what differs. All of the file is checked before anything of it is
// done; each step then is a change of its own, with its own permission, revision and, where the environment asks for
// it, approval.
func (d *Desk) Apply(ctx context.Context, who access.Actor, in api.ApplyFlags) (api.FlagPlan, error) {
	p, err := d.compare(ctx, who, in)
	if err != nil {
		return api.FlagPlan{}, err
	}
	if err := p.revives(); err != nil {
		return api.FlagPlan{}, err
	}
	out := api.FlagPlan{Steps: []api.FlagStep{}, Done: !in.DryRun}
	count := map[string]int{}
	for _, s := range p.steps {
		if s.do != nil {
			out.Drift = true
			if out.Done {
				s.Draft, s.Approval, err = s.do(ctx)
				if s.Done = err == nil; err != nil {
					s.Problem, out.Done = fault.MessageOf(err), false
				}
			}
		}
		count[s.What]++
		out.Steps = append(out.Steps, s.FlagStep)
	}
	out.Sentence = summed(count)
	if !out.Drift {
		out.Sentence = "Everything is as the file says."
	}
	return out, nil
}

// summed counts what a file does; what it does not do is not said.
func summed(count map[string]int) string {
	var parts []string
	for _, what := range []string{"create", "change", "restore", "archive"} {
		if n := count[what]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", n, what))
		}
	}
	switch n := count["unchanged"]; {
	case n == 1:
		parts = append(parts, "1 as it is")
	case n > 1:
		parts = append(parts, fmt.Sprintf("%d as they are", n))
	}
	return strings.Join(parts, ", ") + "."
}

// revives refuses a file that turns on what somebody turned off and said why, unless whoever applies it says so, and
// why: the file may be older than what was seen when it was turned off.
func (p *planner) revives() error {
	var names []string
	for _, s := range p.steps {
		if s.TurnsOn {
			names = append(names, s.Flag+" in "+s.Environment)
		}
	}
	switch {
	case p.in.DryRun || len(names) == 0 || p.in.TurnOn && p.in.Reason != "":
		return nil
	case p.in.TurnOn:
		return fault.New(fault.Invalid, "reason_required", "Say why %s may be on again: people see the reason.",
			strings.Join(names, ", "))
	}
	return fault.New(fault.Refused, "turned_off",
		"Nothing was done: the file turns on what somebody turned off: %s. Leave “on” out of the file, or say that it is "+
			"meant, and why.", strings.Join(names, ", ")).
		At(fault.API, "That is turn_on, with a reason.").
		At(fault.Command, "That is --turn-on, with --reason.")
}

// step is a part of a plan, and how it is done; nil when there is nothing to do.
type step struct {
	api.FlagStep
	do func(context.Context) (draft, approval string, err error)
}

// planner compares a file with what there is.
type planner struct {
	*Desk
	who    access.Actor
	in     api.ApplyFlags
	within []string // environments
	now    map[string]flag.Flag
	wanted map[string]flag.Flag
	sets   map[string]*flag.Set // by environment, as they will be
	before map[string]flag.Set  // as they are
	drafts []flag.Draft
	steps  []step
}

func (d *Desk) compare(ctx context.Context, who access.Actor, in api.ApplyFlags) (*planner, error) {
	p := &planner{
		Desk: d, who: who, in: in, now: map[string]flag.Flag{}, wanted: map[string]flag.Flag{},
		sets: map[string]*flag.Set{}, before: map[string]flag.Set{},
	}
	if err := d.anywhere(ctx, who, access.EditFlag); err != nil {
		return nil, err
	}
	if err := p.read(ctx); err != nil {
		return nil, err
	}
	for _, e := range in.File.Flags {
		if err := p.flag(ctx, e); err != nil {
			return nil, err
		}
	}
	for _, e := range in.File.Segments {
		for _, environment := range slices.Sorted(maps.Keys(e.Environments)) {
			if slices.Contains(p.within, environment) {
				if err := p.segment(ctx, e.Key, environment, e.Environments[environment]); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, e := range in.File.Flags {
		for _, environment := range slices.Sorted(maps.Keys(e.Environments)) {
			if slices.Contains(p.within, environment) {
				p.config(p.wanted[e.Key], environment, e.Environments[environment])
			}
		}
	}
	if in.Prune {
		p.prune()
	}
	return p, p.valid()
}

// read reads what there is in the environments that the file is about.
func (p *planner) read(ctx context.Context) error {
	named := map[string]bool{}
	for _, e := range p.in.File.Flags {
		for environment := range e.Environments {
			named[environment] = true
		}
	}
	for _, e := range p.in.File.Segments {
		for environment := range e.Environments {
			named[environment] = true
		}
	}
	for _, environment := range p.in.Environments {
		named[environment] = true
	}
	for _, environment := range slices.Sorted(maps.Keys(named)) {
		if len(p.in.Environments) > 0 && !slices.Contains(p.in.Environments, environment) {
			continue
		}
		if err := p.see(ctx, p.who, environment); err != nil {
			return err
		}
		set, err := p.DB.FlagSet(ctx, p.Strategy.App, environment, func(*flag.Segment) bool { return false })
		if err != nil {
			return err
		}
		next := set
		next.Flags, next.Configs, next.Segments = slices.Clone(set.Flags), slices.Clone(set.Configs),
			slices.Clone(set.Segments)
		next.Attributes = p.Strategy.Flags().Attributes
		p.within, p.before[environment], p.sets[environment] = append(p.within, environment), set, &next
	}
	list, err := p.DB.Flags(ctx, p.Strategy.App)
	if err != nil {
		return err
	}
	for _, f := range list {
		p.now[f.Key] = f
	}
	p.drafts, err = p.DB.OpenFlagDrafts(ctx, p.Strategy.App)
	return err
}

// flag plans what a flag is.
func (p *planner) flag(_ context.Context, e api.FlagEntry) error {
	if _, twice := p.wanted[e.Key]; twice {
		return fault.New(fault.Invalid, "flag_twice", "The flag %s is in the file twice.", e.Key)
	}
	create := api.CreateFlag{
		Key: e.Key, Kind: e.Kind, Description: e.Description, Owner: e.Owner, Tags: e.Tags, Variants: e.Variants,
		Client: e.Client, Permanent: e.Permanent, Expires: e.Expires, Bucketing: e.Bucketing,
	}
	next := fromRequest(create)
	writer.Complete(&next)
	next.App = p.Strategy.App
	if err := next.Validate(); err != nil {
		return err
	}
	p.wanted[e.Key] = next
	have, there := p.now[e.Key]
	s := step{FlagStep: api.FlagStep{What: "create", Flag: e.Key, Sentence: "It is new.", Changes: []api.Change{}}}
	switch {
	case !there:
		s.do = func(ctx context.Context) (string, string, error) {
			_, err := p.Create(ctx, p.who, create)
			return "", "", err
		}
	case have.Kind != next.Kind:
		return fault.New(fault.Conflict, "kind_differs", "%s is of kind %s; the file says %s. Take another key.", e.Key,
			have.Kind, next.Kind)
	default:
		if !have.Archived.IsZero() {
			p.steps = append(p.steps, step{FlagStep: api.FlagStep{What: "restore", Flag: e.Key, Sentence: "It is archived.",
				Changes: []api.Change{}}, do: func(ctx context.Context) (string, string, error) {
				_, err := p.Archive(ctx, p.who, e.Key, p.in.Reason, false)
				return "", "", err
			}})
			have.Archived = next.Archived
		}
		diff := words.DiffFlags(&have, &next)
		s.What, s.Sentence, s.Changes = "change", diff.Sentence, changes(diff)
		if len(diff.Changes) == 0 {
			s.What = "unchanged"
			break
		}
		s.do = func(ctx context.Context) (string, string, error) { return "", "", p.change(ctx, next, have.Row) }
	}
	p.steps = append(p.steps, s)
	for _, environment := range p.within {
		set := p.sets[environment]
		set.Flags = append(slices.DeleteFunc(set.Flags, func(o flag.Flag) bool { return o.Key == e.Key }), next)
	}
	return nil
}

// change makes a flag what the file says.
func (p *planner) change(ctx context.Context, f flag.Flag, _ int64) error {
	in := api.ChangeFlag{
		Description: &f.Description, Owner: &f.Owner, Tags: append([]string{}, f.Tags...),
		Variants: convert[[]api.FlagVariant](f.Variants), Client: &f.Client, Permanent: &f.Permanent, Expires: &f.Expires,
		Bucketing: f.Bucketing,
	}
	have := p.now[f.Key]
	if len(words.DiffFlags(&flag.Flag{Variants: have.Variants, Client: have.Client, Bucketing: have.Bucketing},
		&flag.Flag{Variants: f.Variants, Client: f.Client, Bucketing: f.Bucketing}).Changes) == 0 {
		in.Variants, in.Client, in.Bucketing = nil, nil, 0 // what reaches users needs more than the rest
	}
	_, err := p.Change(ctx, p.who, f.Key, in)
	return err
}

// segment plans a segment of an environment.
func (p *planner) segment(ctx context.Context, key, environment string, e api.SegmentSpec) error {
	set := p.sets[environment]
	i := slices.IndexFunc(set.Segments, func(s flag.Segment) bool { return s.Key == key })
	s := step{FlagStep: api.FlagStep{
		What: "create", Segment: key, Environment: environment, Sentence: "It is new.", Changes: []api.Change{},
	}}
	have := flag.Segment{App: p.Strategy.App, Key: key, Environment: environment}
	if i >= 0 {
		have = set.Segments[i]
	}
	next := have
	next.Description, next.Any = e.Description, convert[[][]flag.Condition](e.Any)
	next.By, next.Excluded = e.By, e.Excluded
	if err := next.Validate(p.Strategy.Flags().Attributes...); err != nil {
		return err
	}
	if i >= 0 {
		diff := words.DiffSegments(&have, &next)
		s.What, s.Sentence, s.Changes = "change", diff.Sentence, changes(diff)
		if set.Segments[i] = next; len(diff.Changes) == 0 {
			s.What = "unchanged"
		}
	} else {
		set.Segments = append(set.Segments, next)
	}
	if s.What != "unchanged" {
		s.do = func(ctx context.Context) (string, string, error) {
			out, err := p.PutSegment(ctx, p.who, key, environment, api.PutSegment{Description: e.Description, Any: e.Any,
				By: e.By, Excluded: e.Excluded, Reason: p.in.Reason, Revision: have.Revision})
			return out.Draft, out.Approval, err
		}
	}
	p.steps = append(p.steps, s)
	return p.members(ctx, have, e)
}

// members plans who is named in a segment.
func (p *planner) members(ctx context.Context, have flag.Segment, e api.SegmentSpec) error {
	if e.Members == nil {
		return nil
	}
	if err := flag.ValidateMembers(*e.Members); err != nil {
		return err
	}
	wanted := slices.Sorted(slices.Values(*e.Members))
	wanted = slices.Compact(wanted)
	if have.Revision > 0 && have.Listed == len(wanted) {
		there, err := p.DB.MembersAmong(ctx, have, wanted)
		if err != nil || len(there) == len(wanted) {
			return err
		}
	} else if have.Listed == 0 && len(wanted) == 0 {
		return nil
	}
	p.steps = append(p.steps, step{FlagStep: api.FlagStep{What: "change", Segment: have.Key, Environment: have.Environment,
		Sentence: fmt.Sprintf("It names other users: %d, before %d.", len(wanted), have.Listed), Changes: []api.Change{},
	}, do: func(ctx context.Context) (string, string, error) {
		out, err := p.ChangeMembers(ctx, p.who, have.Key, have.Environment, api.SegmentMembers{Add: wanted, Replace: true,
			Reason: p.in.Reason})
		return out.Draft, out.Approval, err
	}})
	return nil
}

// valid holds what would be there to the rules, so that nothing is done of a file that can't be done as a whole.
func (p *planner) valid() error {
	for _, environment := range p.within {
		for _, c := range p.sets[environment].Configs {
			if _, ours := p.wanted[c.Flag]; !ours {
				continue
			}
			if err := c.Validate(p.sets[environment]); err != nil {
				return fault.New(fault.Invalid, "flag_file_invalid", "%s in %s: %s", c.Flag, environment, fault.MessageOf(err))
			}
		}
	}
	return nil
}
