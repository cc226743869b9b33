package code

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flag/words"
)

// The kinds of step, in the order in which they are taken.
const (
	PutSegment    = "segment"   // made or changed
	CreateFlag    = "create"    //
	RestoreFlag   = "restore"   // it was archived
	ChangeFlag    = "change"    // what it is; twice, where variants come and others go
	Configure     = "configure" // what it does in an environment
	ArchiveFlag   = "archive"   // of Prune
	DeleteSegment = "delete"    // of Prune
)

// Step is one thing to do, so that what there is becomes what the file says.
type Step struct {
	Do          string   `json:"do"`
	Flag        string   `json:"flag,omitempty"`
	Segment     string   `json:"segment,omitempty"`
	Environment string   `json:"environment,omitempty"`
	Changes     []string `json:"changes"`        // in words
	Held        string   `json:"held,omitempty"` // why something of it is left as it is

	New     flag.Flag    `json:"-"`
	Config  Config       `json:"-"`
	Group   flag.Segment `json:"-"`
	Idle    bool         `json:"-"` // all of it is held
	Version int64        `json:"-"` // of what it was compared with; 0: there was nothing
}

// Options say how far a comparison goes.
type Options struct {
	Environments []string // that are looked at; empty: all that the file speaks of
	Prune        bool     // what the file does not name goes
	TurnOn       bool     // also what was turned off with a reason
}

// Compare says what must be done so that what there is becomes what is wanted. It refuses what would not hold.
func Compare(want, have *File, o Options) ([]Step, error) {
	c := &comparison{want: want, have: have, o: o}
	for _, g := range want.Segments {
		if c.looks(g.Environment) {
			c.segment(g)
		}
	}
	var late []Step // changes that take variants away
	for _, f := range want.Flags {
		last, err := c.flag(f)
		if err != nil {
			return nil, err
		}
		late = append(late, last...)
	}
	for _, f := range want.Flags {
		for _, config := range f.Configs {
			if err := c.configure(f, config); err != nil {
				return nil, err
			}
		}
	}
	c.steps = append(c.steps, late...)
	if o.Prune {
		c.prune()
	}
	slices.SortStableFunc(c.steps, func(a, b Step) int { return rank(a) - rank(b) })
	return c.steps, nil
}

func rank(s Step) int {
	order := []string{PutSegment, CreateFlag, RestoreFlag, ChangeFlag, Configure, "", ArchiveFlag, DeleteSegment}
	if s.Do == ChangeFlag && s.Version < 0 {
		return slices.Index(order, "")
	}
	return slices.Index(order, s.Do)
}

type comparison struct {
	want, have *File
	o          Options
	steps      []Step
}

func (c *comparison) looks(environment string) bool {
	return len(c.o.Environments) == 0 || slices.Contains(c.o.Environments, environment)
}

func (f *File) flag(key string) *Flag {
	i := slices.IndexFunc(f.Flags, func(x Flag) bool { return x.Key == key })
	if i < 0 {
		return nil
	}
	return &f.Flags[i]
}

func (f *File) segment(key, environment string) *flag.Segment {
	i := slices.IndexFunc(f.Segments, func(g flag.Segment) bool { return g.Key == key && g.Environment == environment })
	if i < 0 {
		return nil
	}
	return &f.Segments[i]
}

func (f *Flag) config(environment string) *Config {
	i := slices.IndexFunc(f.Configs, func(x Config) bool { return x.Environment == environment })
	if i < 0 {
		return nil
	}
	return &f.Configs[i]
}

func said(d words.Difference) []string {
	out := []string{}
	for _, ch := range d.Changes {
		out = append(out, ch.Words)
	}
	return out
}

func (c *comparison) segment(g flag.Segment) {
	before := c.have.segment(g.Key, g.Environment)
	s := Step{Do: PutSegment, Segment: g.Key, Environment: g.Environment, Group: g}
	if before == nil {
		s.Changes = []string{"made: " + words.Segment(&g)}
		c.steps = append(c.steps, s)
		return
	}
	s.Group.Listed, s.Version = before.Listed, before.Revision
	if s.Changes = said(words.DiffSegments(before, &s.Group)); len(s.Changes) > 0 {
		c.steps = append(c.steps, s)
	}
}

// flag compares what a flag is. It returns what must be done when its configurations are changed already.
func (c *comparison) flag(f Flag) ([]Step, error) {
	before := c.have.flag(f.Key)
	if before == nil {
		c.steps = append(c.steps, Step{Do: CreateFlag, Flag: f.Key, New: f.Flag,
			Changes: []string{fmt.Sprintf("made: %s, %d variants", f.Kind, len(f.Variants))}})
		return nil, nil
	}
	if before.Kind != f.Kind {
		return nil, fault.New(fault.Invalid, "kind_fixed",
			"%s is of kind %s and the file says %s: a flag's kind stays. Give the new one another key.", f.Key, before.Kind, f.Kind)
	}
	if !before.Archived.IsZero() {
		c.steps = append(c.steps, Step{Do: RestoreFlag, Flag: f.Key, Changes: []string{"back from the archive"}})
	}
	after := f.Flag
	after.Variants = sameText(before.Variants, f.Variants)
	diff := said(words.DiffFlags(&before.Flag, &after))
	if len(diff) == 0 {
		return nil, nil
	}
	step := Step{Do: ChangeFlag, Flag: f.Key, New: after, Changes: diff, Version: before.Row}
	wide := after
	wide.Variants = slices.Clone(after.Variants)
	for _, v := range before.Variants {
		if !slices.ContainsFunc(after.Variants, func(x flag.Variant) bool { return x.Name == v.Name }) {
			wide.Variants = append(wide.Variants, v)
		}
	}
	if len(wide.Variants) == len(after.Variants) {
		c.steps = append(c.steps, step)
		return nil, nil
	}
	if len(wide.Variants) > len(before.Variants) { // some come, some go: in between there are all
		c.steps = append(c.steps, Step{Do: ChangeFlag, Flag: f.Key, New: wide, Version: before.Row,
			Changes: []string{"the new variants, beside those that go"}})
	}
	step.Version = -1 // at the end, at whatever revision it is then
	return []Step{step}, nil
}

// sameText gives values that mean the same as before the text of before.
func sameText(before, after []flag.Variant) []flag.Variant {
	out := slices.Clone(after)
	for i := range out {
		j := slices.IndexFunc(before, func(v flag.Variant) bool { return v.Name == out[i].Name })
		if j >= 0 && bytes.Equal(normal(before[j].Value), normal(out[i].Value)) {
			out[i].Value = before[j].Value
		}
	}
	return out
}

// normal is a JSON text in the form that only its meaning decides.
func normal(raw json.RawMessage) []byte {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return raw
	}
	out, _ := json.Marshal(v) // it came from JSON
	return out
}

// configure compares what a flag does in an environment.
func (c *comparison) configure(f Flag, want Config) error {
	if !c.looks(want.Environment) {
		return nil
	}
	s := Step{Do: Configure, Flag: f.Key, Environment: want.Environment}
	before := &Config{Config: flag.Config{Flag: f.Key, Environment: want.Environment}}
	if known := c.have.flag(f.Key); known != nil {
		if there := known.config(want.Environment); there != nil {
			before, s.Version = there, there.Revision
		}
	}
	after := want
	after.Rules = Named(want.Rules, before.Rules)
	if !want.Switched {
		after.On = before.On
	}
	if bytes.Equal(normal(before.Targeting), normal(after.Targeting)) {
		after.Targeting = before.Targeting
	}
	if want.Switched && want.On && !before.On && before.Reason != "" && !c.o.TurnOn {
		after.On = false
		s.Held = fmt.Sprintf("it stays off, because somebody turned it off (%s); --turn-on turns it on", before.Reason)
	}
	set := c.set(want.Environment)
	if err := checkable(after.Config).Validate(set); err != nil {
		return fault.New(fault.Invalid, "flags_file_invalid", "%s in %s: %s", f.Key, want.Environment, fault.MessageOf(err))
	}
	s.Config = after
	was, is := checkable(before.Config), checkable(after.Config)
	s.Changes = said(words.DiffConfigs(&f.Flag, &was, &is))
	s.Idle = len(s.Changes) == 0
	if before.Ramp != "" && !s.Idle {
		s.Held, s.Idle = "the release "+before.Ramp+" raises it: nothing else changes it until it ends", true
	}
	if len(s.Changes) > 0 || s.Held != "" {
		c.steps = append(c.steps, s)
	}
	return nil
}

// checkable gives rules that will get an id when they are made one that passes for it.
func checkable(c flag.Config) flag.Config {
	c.Rules = slices.Clone(c.Rules)
	for i := range c.Rules {
		if c.Rules[i].ID == "" {
			c.Rules[i].ID = fmt.Sprintf("rule-%d-of-the-file", i+1)
		}
	}
	return c
}

// set is what an environment will have.
func (c *comparison) set(environment string) *flag.Set {
	s := &flag.Set{Environment: environment}
	add := func(f *Flag) {
		s.Flags = append(s.Flags, f.Flag)
		if config := f.config(environment); config != nil {
			s.Configs = append(s.Configs, checkable(config.Config))
		}
	}
	for i := range c.want.Flags {
		add(&c.want.Flags[i])
	}
	for i := range c.have.Flags {
		if f := &c.have.Flags[i]; c.want.flag(f.Key) == nil && f.Archived.IsZero() {
			add(f)
		}
	}
	for _, from := range []*File{c.want, c.have} {
		for _, g := range from.Segments {
			if g.Environment == environment && !slices.ContainsFunc(s.Segments, func(x flag.Segment) bool { return x.Key == g.Key }) {
				s.Segments = append(s.Segments, g)
			}
		}
	}
	return s
}

// prune takes away what the file does not name.
func (c *comparison) prune() {
	for _, f := range c.have.Flags {
		if len(c.o.Environments) == 0 && c.want.flag(f.Key) == nil && f.Archived.IsZero() { // it would go everywhere
			c.steps = append(c.steps, Step{Do: ArchiveFlag, Flag: f.Key, Changes: []string{"archived: the file does not name it"}})
		}
	}
	for _, g := range c.have.Segments {
		if c.looks(g.Environment) && c.want.segment(g.Key, g.Environment) == nil {
			c.steps = append(c.steps, Step{Do: DeleteSegment, Segment: g.Key, Environment: g.Environment,
				Changes: []string{fmt.Sprintf("deleted with its list of %d: the file does not name it", g.Listed)}})
		}
	}
}
