// Package foreign reads the flags of other systems.
//
// Read takes an export of LaunchDarkly, Unleash, GrowthBook, Flagsmith, Vercel Flags or
// flagd and makes flags, configurations for each environment and segments of it, with
// a report of everything that could not be said alike: what it was and what was done
// instead. A configuration of which a part is missing comes in switched off, so that an
// import never serves something else than the system it came from. Splits are the one
// difference that is always there: other systems hash otherwise, users are assigned anew.
package foreign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
)

// Source is the system that an export comes from.
type Source string

// The sources.
const (
	LaunchDarkly Source = "launchdarkly"
	Unleash      Source = "unleash"
	GrowthBook   Source = "growthbook"
	Flagsmith    Source = "flagsmith"
	Vercel       Source = "vercel"
	Flagd        Source = "flagd"
)

// Sources returns all sources, for help texts.
func Sources() []Source { return []Source{LaunchDarkly, Unleash, GrowthBook, Flagsmith, Vercel, Flagd} }

// Options say where an import goes.
type Options struct {
	App          string
	Environment  string            // of an export that is of one environment and does not name it
	Environments map[string]string // their names there → here; those that are missing keep theirs
	Only         bool              // leave out environments that Environments does not name
}

// Import is what an export became, in a form that Validate accepts.
type Import struct {
	Source   Source
	Flags    []flag.Flag
	Configs  []flag.Config // by flag and environment
	Segments []flag.Segment
	Lists    map[string]map[string][]string // members by environment and segment
	Entries  []Entry
}

// Entry is one thing that is not as it was.
type Entry struct {
	Flag        string `json:"flag,omitempty"`
	Segment     string `json:"segment,omitempty"`
	Environment string `json:"environment,omitempty"`
	What        string `json:"what"` // what the export says
	Done        string `json:"done"` // what was made of it
	Lost        bool   `json:"lost"` // users would get something else: the configuration came in switched off
}

// maxExport is the largest export that is read.
const maxExport = 64 << 20

// Read makes flags of an export.
func Read(source Source, text []byte, o Options) (*Import, error) {
	if len(text) > maxExport {
		return nil, fault.New(fault.Invalid, "export_too_large", "The export has %d bytes: at most %d; divide it.",
			len(text), maxExport)
	}
	readers := map[Source]func(*reader, []byte) error{
		LaunchDarkly: readLaunchDarkly, Unleash: readUnleash, GrowthBook: readGrowthBook,
		Flagsmith: readFlagsmith, Vercel: readVercel, Flagd: readFlagd,
	}
	read := readers[source]
	if read == nil {
		return nil, fault.New(fault.Invalid, "unknown_source", "%q is no system that can be imported: use one of %v.",
			source, Sources())
	}
	r := &reader{
		o: o, lost: map[string]bool{},
		out: &Import{Source: source, Lists: map[string]map[string][]string{}},
	}
	if err := read(r, bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))); err != nil {
		if _, ok := errors.AsType[*fault.Error](err); ok {
			return nil, err
		}
		return nil, fault.Wrap(err, fault.Invalid, "bad_export", "This is no export of %s that can be read: %v.", source, err)
	}
	r.finish()
	if len(r.out.Flags) == 0 && len(r.out.Entries) == 0 {
		return nil, fault.New(fault.Invalid, "bad_export", "There is no flag in this file: is it an export of %s?", source)
	}
	return r.out, nil
}

// reader collects an import.
type reader struct {
	o    Options
	out  *Import
	lost map[string]bool // places that lost a part of their meaning
}

// place is what an entry is about.
type place struct{ flag, segment, environment string }

func (p place) key() string { return p.flag + "\x00" + p.segment + "\x00" + p.environment }

// note reports what is otherwise and serves the same, or what a person should know.
func (r *reader) note(p place, what, done string) { r.entry(p, what, done, false) }

// lose reports what could not be said, so that the configuration must not be in force.
func (r *reader) lose(p place, what, done string) {
	r.lost[p.key()] = true
	r.entry(p, what, done, true)
}

func (r *reader) entry(p place, what, done string, lost bool) {
	e := Entry{p.flag, p.segment, p.environment, what, done, lost}
	if !slices.Contains(r.out.Entries, e) {
		r.out.Entries = append(r.out.Entries, e)
	}
}

// environment is the name here of an environment there; empty when it is left out.
func (r *reader) environment(theirs string) string {
	if ours, ok := r.o.Environments[theirs]; ok {
		return ours
	}
	if r.o.Only {
		return ""
	}
	if theirs == "" {
		theirs = r.o.Environment
	}
	if theirs == "" {
		theirs = "production"
	}
	return name(theirs)
}

func (r *reader) segment(environment string, g flag.Segment, list []string) {
	g.App, g.Environment, g.Listed, g.Revision = r.o.App, environment, len(list), 1
	r.out.Segments = append(r.out.Segments, g)
	if len(list) > 0 {
		if r.out.Lists[environment] == nil {
			r.out.Lists[environment] = map[string][]string{}
		}
		r.out.Lists[environment][g.Key] = list
	}
}

// finish switches off what lost a part, and leaves out what can't be kept, until all that is left is valid.
func (r *reader) finish() {
	for i := range r.out.Flags {
		r.out.Flags[i].App = r.o.App
		if r.out.Flags[i].Bucketing == 0 {
			r.out.Flags[i].Bucketing = 2
		}
	}
	for i := range r.out.Configs {
		c := &r.out.Configs[i]
		c.App, c.Revision = r.o.App, 1
		for j := range c.Rules {
			if c.Rules[j].ID == "" {
				c.Rules[j].ID = fmt.Sprintf("r%d", j+1)
			}
		}
		r.remarkSplits(c)
	}
	for range 4 { // flags, segments, configs, and what they left behind
		if r.valid() {
			break
		}
	}
	for changed := true; changed; { // what needs a flag that was switched off is switched off too
		changed = false
		for i := range r.out.Configs {
			changed = r.switchOff(&r.out.Configs[i]) || changed
		}
	}
	sort.SliceStable(r.out.Flags, func(i, j int) bool { return r.out.Flags[i].Key < r.out.Flags[j].Key })
	sort.SliceStable(r.out.Configs, func(i, j int) bool {
		a, b := r.out.Configs[i], r.out.Configs[j]
		return a.Flag+"\x00"+a.Environment < b.Flag+"\x00"+b.Environment
	})
	sort.SliceStable(r.out.Segments, func(i, j int) bool {
		a, b := r.out.Segments[i], r.out.Segments[j]
		return a.Key+"\x00"+a.Environment < b.Key+"\x00"+b.Environment
	})
}

// remarkSplits says of every split that comes from a system with another hash that users are assigned anew.
func (r *reader) remarkSplits(c *flag.Config) {
	splits := len(c.Default.Split) > 1
	for _, rule := range c.Rules {
		splits = splits || len(rule.Serve.Split) > 1
	}
	if splits && r.out.Source != Flagd {
		r.note(place{flag: c.Flag, environment: c.Environment}, "a percentage split",
			"the shares are the same, and users are assigned anew: "+string(r.out.Source)+" hashes otherwise")
	}
}

// switchOff turns a configuration off of which a part is missing, or a part of a segment that it asks for, or which
// needs a flag of which that is true.
func (r *reader) switchOff(c *flag.Config) bool {
	why := ""
	if r.lost[place{flag: c.Flag, environment: c.Environment}.key()] || r.lost[place{flag: c.Flag}.key()] {
		why = "a part of it could not be said"
	}
	for _, key := range c.Segments() {
		if r.lost[place{segment: key, environment: c.Environment}.key()] {
			why = "a part of segment " + key + " could not be said"
		}
	}
	for _, need := range c.Needs {
		if r.lost[place{flag: need.Flag, environment: c.Environment}.key()] || r.lost[place{flag: need.Flag}.key()] {
			why = "a part of " + need.Flag + ", which it needs, could not be said"
		}
	}
	if why == "" || !c.On {
		return false
	}
	c.On = false
	r.lose(place{flag: c.Flag, environment: c.Environment}, "it is on", "switched off, because "+why+
		": look at it, then turn it on")
	return true
}

// valid holds every environment to the rules of this house, and takes out what they refuse.
func (r *reader) valid() bool {
	refused := map[place][]string{}
	for _, environment := range r.environments() {
		err := r.set(environment).Validate()
		f, ok := errors.AsType[*fault.Error](err)
		if !ok {
			continue
		}
		for _, field := range f.Fields {
			p := placeOf(field.Path, environment)
			refused[p] = append(refused[p], field.Path+": "+field.Message)
		}
	}
	for p, why := range refused {
		slices.Sort(why)
		told := strings.Join(slices.Compact(why)[:min(3, len(slices.Compact(why)))], "; ")
		switch {
		case p.flag != "" && p.environment == "":
			r.lose(p, "flag "+p.flag, "left out: "+told)
			r.out.Flags = slices.DeleteFunc(r.out.Flags, func(f flag.Flag) bool { return f.Key == p.flag })
			r.out.Configs = slices.DeleteFunc(r.out.Configs, func(c flag.Config) bool { return c.Flag == p.flag })
		case p.segment != "":
			r.lose(p, "segment "+p.segment, "left out: "+told)
			r.out.Segments = slices.DeleteFunc(r.out.Segments, func(g flag.Segment) bool {
				return g.Key == p.segment && g.Environment == p.environment
			})
			delete(r.out.Lists[p.environment], p.segment)
		default:
			r.lose(p, "its configuration", "left out: "+told)
			r.out.Configs = slices.DeleteFunc(r.out.Configs, func(c flag.Config) bool {
				return c.Flag == p.flag && c.Environment == p.environment
			})
		}
	}
	return len(refused) == 0
}

// placeOf reads the beginning of a complaint's path: flags/KEY, configs/KEY or segments/KEY, whose keys may have dots.
func placeOf(path, environment string) place {
	kind, rest, _ := strings.Cut(path, "/")
	end := len(rest)
	for _, field := range []string{
		".key", ".kind", ".description", ".owner", ".tags", ".bucketing", ".variants", ".flag", ".off", ".reason", ".needs",
		".default", ".targeting", ".rules", ".by", ".any", ".excluded", ".members",
	} {
		if i := strings.LastIndex(rest, field); i >= 0 {
			end = min(end, i)
		}
	}
	switch key := rest[:end]; kind {
	case "flags":
		return place{flag: key}
	case "segments":
		return place{segment: key, environment: environment}
	default:
		return place{flag: key, environment: environment}
	}
}

func (r *reader) environments() []string {
	var all []string
	for _, c := range r.out.Configs {
		all = append(all, c.Environment)
	}
	for _, g := range r.out.Segments {
		all = append(all, g.Environment)
	}
	all = append(all, r.environment(""))
	slices.Sort(all)
	return slices.Compact(all)
}

func (r *reader) set(environment string) *flag.Set { return r.out.Set(environment) }

// Set is what was imported for one environment.
func (m *Import) Set(environment string) *flag.Set {
	s := &flag.Set{Environment: environment, Flags: m.Flags, Lists: m.Lists[environment], Generation: 1}
	if len(m.Flags) > 0 {
		s.App = m.Flags[0].App
	}
	for _, c := range m.Configs {
		if c.Environment == environment {
			s.Configs = append(s.Configs, c)
		}
	}
	for _, g := range m.Segments {
		if g.Environment == environment {
			s.Segments = append(s.Segments, g)
		}
	}
	return s
}

// Sentence sums an import up.
func (m *Import) Sentence() string {
	lost := 0
	for _, e := range m.Entries {
		if e.Lost {
			lost++
		}
	}
	count := func(n int, noun string) string {
		if n != 1 {
			noun += "s"
		}
		return fmt.Sprintf("%d %s", n, noun)
	}
	text := fmt.Sprintf("%s, %s and %s from %s; %s", count(len(m.Flags), "flag"), count(len(m.Configs), "configuration"),
		count(len(m.Segments), "segment"), m.Source, count(len(m.Entries), "remark"))
	if lost > 0 {
		text += fmt.Sprintf(", %d of them on what could not be said", lost)
	}
	return text + "."
}

// Detect guesses the system from the shape of an export; empty when none fits.
func Detect(text []byte) Source {
	var top struct {
		Items       []map[string]json.RawMessage
		Variations  json.RawMessage
		Definitions json.RawMessage
		Strategies  json.RawMessage `json:"featureStrategies"`
		States      json.RawMessage `json:"feature_states"`
		Features    json.RawMessage
		Flags       json.RawMessage
	}
	if json.Unmarshal(text, &top) != nil {
		return ""
	}
	switch {
	case isVercelLive(text):
		return Vercel
	case top.Variations != nil, len(top.Items) > 0 && top.Items[0]["variations"] != nil:
		return LaunchDarkly
	case top.Strategies != nil:
		return Unleash
	case top.Definitions != nil:
		return Vercel
	case top.States != nil:
		return Flagsmith
	case top.Features != nil:
		return GrowthBook
	case bytes.Contains(top.Flags, []byte(`"defaultVariant"`)):
		return Flagd
	case bytes.Contains(top.Flags, []byte(`"variations"`)):
		return LaunchDarkly
	}
	return ""
}
