package mirror

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/flag"
)

// Action is what is to be done about a flag.
type Action string

// The actions.
const (
	Create Action = "create" // it is not there yet
	Change Action = "change" // it decides otherwise there
	Same   Action = "same"   // it decides alike
	Unsaid Action = "unsaid" // it cannot be said alike: what stands there stays as it is
	Absent Action = "absent" // the program's own fallback is served here, and it is not there: that is the same
	Theirs Action = "theirs" // it is only there: it stays
)

// Step is what is to be done about one flag, and why.
type Step struct {
	Flag     string          `json:"flag"`
	Action   Action          `json:"action"`
	Revision int64           `json:"revision,omitempty"` // of the flag there, 0 where it is not
	By       string          `json:"by,omitempty"`       // who made that revision, where Vercel says it
	Differs  []string        `json:"differs,omitempty"`  // what a change changes
	Stands   string          `json:"stands,omitempty"`   // what it does there now
	Static   bool            `json:"static,omitempty"`   // one variant for everybody, although it has more to say here
	Assumes  []string        `json:"assumes,omitempty"`
	Notes    []string        `json:"notes,omitempty"`
	Why      string          `json:"why,omitempty"`
	Remedy   string          `json:"remedy,omitempty"`
	Command  string          `json:"command,omitempty"` // that does it on the command line
	Body     json.RawMessage `json:"-"`                 // of the call that creates or changes it
}

// There is what stands at Vercel.
type There struct {
	Environment  string   // that follows
	Environments []string // all that the project has
	Flags        []Flag
	Archived     []string // slugs of flags that are archived there
	Shared       bool     // values that all environments there share may be changed
}

// Compare says for each flag what is to be done, in the order of their keys.
func Compare(set *flag.Set, there There, o Options) ([]Step, error) {
	theirs := map[string]*Flag{}
	for i := range there.Flags {
		theirs[there.Flags[i].Slug] = &there.Flags[i]
	}
	var steps []Step
	for i := range set.Flags {
		f := &set.Flags[i]
		if !f.Archived.IsZero() {
			continue
		}
		step, err := there.step(f.Key, Say(set, f, o), theirs[f.Key])
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
		delete(theirs, f.Key)
	}
	for key, have := range theirs {
		steps = append(steps, Step{Flag: key, Action: Theirs, Revision: have.Revision,
			Stands: stands(have.Environments[there.Environment])})
	}
	slices.SortFunc(steps, func(a, b Step) int { return cmp.Compare(a.Flag, b.Flag) })
	return steps, nil
}

// step compares one flag with what stands there.
func (at There) step(key string, s Said, have *Flag) (Step, error) {
	step := Step{Flag: key, Static: s.Static, Assumes: s.Assumes, Notes: s.Notes, Why: s.Why, Remedy: s.Remedy,
		Command: s.Command}
	if have == nil {
		switch {
		case slices.Contains(at.Archived, key):
			step.Action, step.Why, step.Remedy = Unsaid, "it is archived at Vercel", "restore it there, or archive it here too"
			step.Command = ""
		case s.Fallback:
			step.Action, step.Why, step.Remedy, step.Command = Absent, "", "", ""
		case s.Config == nil:
			step.Action = Unsaid
		default:
			step.Action = Create
			return step, at.create(&step, key, s)
		}
		return step, nil
	}
	step.Revision, step.By, step.Stands = have.Revision, have.UpdatedBy, stands(have.Environments[at.Environment])
	switch {
	case s.Config == nil:
		step.Action = Unsaid
	case have.Kind != s.Kind:
		step.Action, step.Why = Unsaid, fmt.Sprintf("it is a %s there, and a %s here", have.Kind, s.Kind)
		step.Command = ""
		step.Remedy = "use another key, or delete the flag there"
	default:
		return step, at.change(&step, s, have)
	}
	return step, nil
}

// create makes the body that creates a flag. In the other environments it is paused.
func (at There) create(step *Step, key string, s Said) error {
	f := Flag{Slug: key, Kind: s.Kind, Description: s.Description, Tags: s.Tags, Seed: s.Seed, State: "active",
		Environments: map[string]json.RawMessage{}}
	for _, v := range s.Variants {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		f.Variants = append(f.Variants, text)
	}
	idle := Config{Paused: s.Config.Paused, Fallthrough: s.Config.Paused, Rules: []Rule{},
		Targets: map[string]struct{}{}}
	var others []string
	for _, name := range at.Environments {
		if name != at.Environment {
			others = append(others, name)
		}
	}
	for _, name := range append(others, at.Environment) {
		c := &idle
		if name == at.Environment {
			c = s.Config
		}
		text, err := json.Marshal(c)
		if err != nil {
			return err
		}
		f.Environments[name] = text
	}
	if len(others) > 0 {
		step.Notes = append(step.Notes, fmt.Sprintf("in %s it is paused, and serves %s", strings.Join(others, " and "),
			idle.Paused.Variant))
	}
	var err error
	step.Body, err = json.Marshal(f)
	return err
}

// change makes the body that changes a flag, if it decides otherwise.
func (at There) change(step *Step, s Said, have *Flag) error {
	ids, variants, differs, shared, err := united(s.Variants, have.Variants)
	if err != nil {
		return err
	}
	if len(shared) > 0 && !at.Shared && len(at.Environments) > 1 {
		step.Action, step.Differs = Unsaid, differs
		step.Why = strings.Join(shared, ", ") + " has another value there, and all environments at Vercel share it"
		step.Remedy = "write it to all of them, or add a variant of another name here"
		step.Command = "slipway flag sync vercel --shared"
		return nil
	}
	next := *s.Config
	next.renamed(ids)
	var was struct {
		Revision int64
		Paused   Outcome `json:"pausedOutcome"`
	}
	if raw := have.Environments[at.Environment]; raw != nil {
		if err := json.Unmarshal(raw, &was); err != nil {
			return err
		}
		if s.Off == "" && was.Paused.Variant != "" { // nobody here says what a pause serves
			next.Paused = was.Paused
		}
	}
	next.Revision = was.Revision
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	step.Differs = append(differs, differences(have.Environments[at.Environment], text, s.Off != "")...)
	if len(step.Differs) == 0 {
		step.Action, step.Differs = Same, nil
		return nil
	}
	step.Action = Change
	body := map[string]any{"environments": map[string]json.RawMessage{at.Environment: text}}
	if len(differs) > 0 {
		body["variants"] = variants
	}
	step.Body, err = json.Marshal(body)
	return err
}

// united are the variants there with ours among them: what has the same name or value is the same, what is only there
// stays. ids are ours → theirs, shared the variants of which the value changes, for every environment of the flag.
func united(ours []Variant, theirs []json.RawMessage) (
	ids map[string]string, all []json.RawMessage, differs, shared []string, err error,
) {
	ids, all = map[string]string{}, slices.Clone(theirs)
	have := make([]Variant, len(theirs))
	for i, raw := range theirs {
		if err = json.Unmarshal(raw, &have[i]); err != nil {
			return nil, nil, nil, nil, err
		}
	}
	for _, v := range ours {
		at := slices.IndexFunc(have, func(h Variant) bool { return h.ID == v.ID })
		if at < 0 {
			at = slices.IndexFunc(have, func(h Variant) bool {
				return same(h.Value, v.Value) && !slices.ContainsFunc(ours, func(o Variant) bool { return o.ID == h.ID })
			})
		}
		if at >= 0 && same(have[at].Value, v.Value) {
			ids[v.ID] = have[at].ID
			continue
		}
		ids[v.ID] = v.ID
		if at < 0 {
			text, e := json.Marshal(v)
			if e != nil {
				return nil, nil, nil, nil, e
			}
			all, differs = append(all, text), append(differs, "variant "+v.ID+" is new")
			continue
		}
		var whole map[string]json.RawMessage // with its label and description
		if err = json.Unmarshal(all[at], &whole); err != nil {
			return nil, nil, nil, nil, err
		}
		whole["value"] = v.Value
		if all[at], err = json.Marshal(whole); err != nil {
			return nil, nil, nil, nil, err
		}
		shared = append(shared, v.ID)
		differs = append(differs, fmt.Sprintf("variant %s is %.40s, in all environments of the flag", v.ID, v.Value))
	}
	return ids, all, differs, shared, nil
}

// renamed names the variants as they are named there.
func (c *Config) renamed(ids map[string]string) {
	of := func(o Outcome) Outcome {
		if o.Variant != "" {
			o.Variant = cmp.Or(ids[o.Variant], o.Variant)
		}
		if o.Default != "" {
			o.Default = cmp.Or(ids[o.Default], o.Default)
		}
		weights := map[string]int{}
		for name, w := range o.Weights {
			weights[cmp.Or(ids[name], name)] += w
		}
		if len(weights) > 0 {
			o.Weights = weights
		}
		return o
	}
	c.Paused, c.Fallthrough, c.Rules = of(c.Paused), of(c.Fallthrough), slices.Clone(c.Rules)
	for i := range c.Rules {
		c.Rules[i].Outcome = of(c.Rules[i].Outcome)
	}
}

// decided is what of a configuration there decides, and nothing of what only people see.
type decided struct {
	Active      bool
	Paused      any
	Reuse       string
	Targets     any
	Rules       []any
	Fallthrough any
}

func decides(raw json.RawMessage) decided {
	var c struct {
		Active      bool
		Reuse       Reuse
		Paused      any `json:"pausedOutcome"`
		Targets     map[string]map[string]map[string][]any
		Rules       []map[string]any
		Fallthrough any
	}
	_ = json.Unmarshal(raw, &c) // what cannot be read differs from everything
	d := decided{Active: c.Active, Paused: c.Paused, Fallthrough: c.Fallthrough}
	if c.Reuse.Active {
		d.Reuse = c.Reuse.Environment
	}
	targets := map[string]any{}
	for variant, kinds := range c.Targets {
		for kind, attributes := range kinds {
			for attribute, list := range attributes {
				if len(list) > 0 {
					targets[variant+" "+kind+" "+attribute] = bare(list)
				}
			}
		}
	}
	if len(targets) > 0 {
		d.Targets = targets
	}
	for _, r := range c.Rules {
		delete(r, "id")
		d.Rules = append(d.Rules, bare(r))
	}
	return d
}

// bare is a value without what decides nothing: notes and labels, and options that are off.
func bare(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			switch {
			case name == "label" || name == "note" || name == "description":
			case name == "cmpOptions" && !strings.Contains(fmt.Sprint(inner), "true"):
			case name == "type" && inner == "list":
				out[name] = "list/inline"
			default:
				out[name] = bare(inner)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = bare(v[i])
		}
		return out
	}
	return v
}

// differences are what decides otherwise, in words. What a pause serves counts where it is paused, or somebody says it.
func differences(was, next json.RawMessage, pauses bool) []string {
	if was == nil {
		return []string{"it has nothing to say there yet"}
	}
	a, b := decides(was), decides(next)
	var out []string
	say := func(differs bool, format string, args ...any) {
		if differs {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	state := map[bool]string{true: "on", false: "paused"}
	say(a.Active != b.Active, "%s → %s", state[a.Active], state[b.Active])
	say((pauses || !b.Active) && !reflect.DeepEqual(a.Paused, b.Paused), "paused: %s → %s", served(a.Paused),
		served(b.Paused))
	if !b.Active {
		return out
	}
	say(a.Reuse != b.Reuse, "it follows %s no longer", a.Reuse)
	say(!reflect.DeepEqual(a.Targets, b.Targets), "users who are named there one by one are not named here")
	switch differ := !reflect.DeepEqual(a.Rules, b.Rules); {
	case len(a.Rules) == len(b.Rules):
		say(differ, "%s, which say otherwise", count(len(a.Rules), "rule"))
	default:
		say(differ, "%s → %s", count(len(a.Rules), "rule"), count(len(b.Rules), "rule"))
	}
	say(!reflect.DeepEqual(a.Fallthrough, b.Fallthrough), "everybody else: %s → %s", served(a.Fallthrough),
		served(b.Fallthrough))
	return out
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// served is an outcome in words.
func served(outcome any) string {
	o, _ := outcome.(map[string]any)
	switch o["type"] {
	case "variant":
		return fmt.Sprint(o["variantId"])
	case "split":
		weights, _ := o["weights"].(map[string]any)
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(weights)) {
			parts = append(parts, fmt.Sprintf("%s %v", name, weights[name]))
		}
		return strings.Join(parts, " : ")
	case nil:
		return "nothing"
	}
	return fmt.Sprint(o["type"])
}

// stands is what a flag does in an environment there, in words.
func stands(raw json.RawMessage) string {
	if raw == nil {
		return ""
	}
	d := decides(raw)
	switch {
	case !d.Active:
		return "paused, serves " + served(d.Paused)
	case d.Reuse != "":
		return "follows " + d.Reuse
	case len(d.Rules) > 0 || d.Targets != nil:
		return fmt.Sprintf("on, %s, else %s", count(len(d.Rules), "rule"), served(d.Fallthrough))
	}
	return "on, serves " + served(d.Fallthrough)
}
