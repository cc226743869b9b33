package flags

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	writer "github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/words"
)

// config plans what a flag does in an environment.
func (p *planner) config(f flag.Flag, environment string, e api.ConfigEntry) {
	set := p.sets[environment]
	have := writer.First(f, environment)
	for _, place := range p.Strategy.Environments() {
		have.On = have.On || place.Name == environment && place.FlagsOn // as Create will make it
	}
	if i := slices.IndexFunc(set.Configs, func(c flag.Config) bool { return c.Flag == f.Key }); i >= 0 {
		have = set.Configs[i]
		set.Configs = slices.Delete(set.Configs, i, i+1)
	} else if _, there := p.now[f.Key]; there {
		have.On = false
	}
	put := api.PutFlagConfig{On: have.On, Off: e.Off, Needs: e.Needs, Rules: e.Rules, Default: e.Default,
		Targeting: e.Targeting, Reason: p.in.Reason, Revision: have.Revision}
	if e.On != nil {
		put.On = *e.On
	}
	next := domain(f.Key, environment, put)
	adopt(next.Rules, have.Rules)
	put.Rules = convert[[]api.FlagRule](next.Rules)
	diff := words.DiffConfigs(&f, &have, &next)
	s := step{FlagStep: api.FlagStep{What: "change", Flag: f.Key, Environment: environment, Sentence: diff.Sentence,
		Changes: changes(diff)}}
	if next.On && writer.Killed(have) {
		s.TurnsOn = true
		s.Sentence += fmt.Sprintf(" Somebody turned it off at %s (%s): this turns it on again.",
			have.Since.UTC().Format("2006-01-02 15:04 MST"), have.Reason)
	}
	for i := range next.Rules {
		if next.Rules[i].ID == "" {
			next.Rules[i].ID = newRule(i)
		}
	}
	next.App = p.Strategy.App
	set.Configs = append(set.Configs, next)
	if len(diff.Changes) == 0 {
		s.What = "unchanged"
		p.steps = append(p.steps, s)
		return
	}
	s.do = func(ctx context.Context) (string, string, error) {
		if d := p.waiting(f, environment, next); d.ID != "" {
			return d.ID, d.Request, nil
		}
		if have.Revision == 0 {
			put.Revision = 0 // it was created a moment ago
		}
		out, err := p.Put(ctx, p.who, f.Key, environment, put)
		return out.Draft, out.Approval, err
	}
	p.steps = append(p.steps, s)
}

// adopt gives rules without an id that of a rule that says the same, or else of one that serves the same users: so a
// rule whose share was changed is that rule still, for programs that report it and for those who read the history.
func adopt(rules, from []flag.Rule) {
	taken := map[string]bool{}
	for _, r := range rules {
		taken[r.ID] = true
	}
	says := func(r flag.Rule) string { return text(r.If) + text(r.Serve) + r.Description }
	does := func(r flag.Rule) string { return text(r.If) + text(r.Serve) }
	for _, same := range []func(flag.Rule) string{says, does, func(r flag.Rule) string { return text(r.If) }} {
		for i := range rules {
			for _, old := range from {
				if rules[i].ID == "" && !taken[old.ID] && same(rules[i]) == same(old) {
					rules[i].ID, taken[old.ID] = old.ID, true
				}
			}
		}
	}
}

func text(v any) string {
	out, _ := json.Marshal(v) // it came from JSON
	return string(out)
}

// waiting finds a draft that asks for the same already, so that a file that is applied every night asks once.
func (p *planner) waiting(f flag.Flag, environment string, next flag.Config) flag.Draft {
	for _, d := range p.drafts {
		var after flag.Config
		if d.Flag != f.Key || d.Environment != environment || d.State != flag.Waiting ||
			json.Unmarshal(d.After, &after) != nil {
			continue
		}
		wanted := next
		wanted.Rules = slices.Clone(next.Rules)
		for i := range wanted.Rules { // those that are new got their ids when they were proposed
			if i < len(after.Rules) && wanted.Rules[i].ID == newRule(i) {
				wanted.Rules[i].ID = after.Rules[i].ID
			}
		}
		if len(words.DiffConfigs(&f, &after, &wanted).Changes) == 0 {
			return d
		}
	}
	return flag.Draft{}
}

// prune plans to archive what is not in the file.
func (p *planner) prune() {
	var keys []string
	for key, f := range p.now {
		if _, ours := p.wanted[key]; !ours && f.Archived.IsZero() {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		p.steps = append(p.steps, step{FlagStep: api.FlagStep{What: "archive", Flag: key,
			Sentence: "It is not in the file.", Changes: []api.Change{}},
			do: func(ctx context.Context) (string, string, error) {
				_, err := p.Archive(ctx, p.who, key, p.in.Reason, true)
				return "", "", err
			}})
	}
}

// Export is everything that the actor may see, as a file that Apply takes. Who is named in segments is not in it.
func (d *Desk) Export(ctx context.Context, who access.Actor, environment string) (api.FlagFile, error) {
	out := api.FlagFile{Flags: []api.FlagEntry{}, Segments: []api.SegmentEntry{}}
	if err := d.anywhere(ctx, who, access.ViewEnvironment); err != nil {
		return out, err
	}
	within := d.visible(who)
	if environment != "" {
		if err := d.see(ctx, who, environment); err != nil {
			return out, err
		}
		within = []string{environment}
	}
	list, err := d.DB.Flags(ctx, d.Strategy.App)
	if err != nil {
		return out, err
	}
	configs, err := d.DB.FlagConfigs(ctx, d.Strategy.App, "")
	if err != nil {
		return out, err
	}
	at := map[string]int{}
	for _, f := range list {
		if !f.Archived.IsZero() {
			continue
		}
		at[f.Key] = len(out.Flags)
		out.Flags = append(out.Flags, entry(f))
	}
	for _, c := range configs {
		i, there := at[c.Flag]
		if !there || !slices.Contains(within, c.Environment) {
			continue
		}
		out.Flags[i].Environments[c.Environment] = configEntry(c)
	}
	out.Segments, err = d.exportSegments(ctx, within)
	return out, err
}

func (d *Desk) exportSegments(ctx context.Context, within []string) ([]api.SegmentEntry, error) {
	out := []api.SegmentEntry{}
	list, err := d.DB.Segments(ctx, d.Strategy.App, "")
	for _, s := range list { // by key
		if !slices.Contains(within, s.Environment) {
			continue
		}
		if len(out) == 0 || out[len(out)-1].Key != s.Key {
			out = append(out, api.SegmentEntry{Key: s.Key, Environments: map[string]api.SegmentSpec{}})
		}
		out[len(out)-1].Environments[s.Environment] = segmentSpec(s)
	}
	return out, err
}

// Document is what programs evaluate in an environment, in flagd's definition format, with the members of segments:
// they are people, so it needs flag:edit.
func (d *Desk) Document(ctx context.Context, who access.Actor, environment string) (json.RawMessage, error) {
	if environment == "" {
		return nil, fault.New(fault.Invalid, "environment_missing",
			"A document in flagd's format is of one environment: name it.")
	}
	if err := d.mayEdit(ctx, who, environment); err != nil {
		return nil, err
	}
	set, err := d.DB.FlagSet(ctx, d.Strategy.App, environment)
	if err != nil {
		return nil, err
	}
	doc, err := set.Document()
	if err != nil {
		return nil, err
	}
	return doc.JSON(), nil
}
