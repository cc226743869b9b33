package openfeature

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
)

// snapshot is what flags were at one generation. It never changes.
type snapshot struct {
	*flag.Snapshot
	document   *flag.Document
	text       []byte // of the document, as it came
	etag       string
	set        string // application and environment
	generation int64
	kept       bool // it came from the file
	values     map[string]map[string]*served
}

// served is a variant of a flag with its value, read once, and how often it was served.
type served struct {
	value any // of an object nil: everybody gets one of their own
	count *counter
}

// read makes a snapshot of a document, or says why it can't be used.
func (p *Provider) read(text []byte, etag string) (*snapshot, error) {
	d, err := flag.ParseDocument(text)
	if err != nil {
		return nil, err
	}
	s := &snapshot{document: d, text: text, etag: etag, values: make(map[string]map[string]*served, len(d.Flags))}
	if s.set, _ = d.Metadata[flag.MetaSet].(string); s.set == "" {
		return nil, fault.New(fault.Invalid, "flags_nameless", "The flag definitions do not say whose they are.")
	}
	if s.generation, err = strconv.ParseInt(fmt.Sprint(d.Metadata[flag.MetaVersion]), 10, 64); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "flags_nameless", "The flag definitions do not say their generation.")
	}
	if s.Snapshot, err = flag.Compile(d); err != nil {
		return nil, err
	}
	for key, f := range d.Flags {
		s.values[key] = make(map[string]*served, len(f.Variants)+1)
		s.values[key][""] = &served{count: p.usage.counter(key, "")}
		for variant, raw := range f.Variants {
			v := &served{count: p.usage.counter(key, variant)}
			if err := json.Unmarshal(raw, &v.value); err != nil {
				return nil, fault.Wrap(err, fault.Invalid, "bad_flags", "The variant %s of %s is no JSON.", variant, key)
			}
			if _, object := v.value.(map[string]any); object {
				v.value = nil
			}
			s.values[key][variant] = v
		}
	}
	return s, nil
}

// take makes s the flags in force and says what changed, or refuses it: flags of another environment, and flags that
// are older than those in force, as a server has them that was left behind.
func (p *Provider) take(s *snapshot) ([]string, error) {
	was := p.current.Load()
	switch {
	case was == nil:
	case was.set != s.set && !was.kept:
		return nil, fault.New(fault.Conflict, "flags_of_others",
			"The server sent the flags of %s, not of %s: they are refused.", s.set, was.set)
	case was.set == s.set && s.generation < was.generation:
		where := ""
		if p.file != "" {
			where = ", after removing " + p.file
		}
		return nil, fault.New(fault.Conflict, "flags_older",
			"The server sent flags of generation %d, which is older than %d: they are refused. "+
				"If its database was restored, start this program anew%s.", s.generation, was.generation, where)
	}
	p.current.Store(s)
	if was == nil {
		return nil, nil
	}
	return changed(was.document, s.document), nil
}

// changed are the keys of the flags that differ between two documents, in order.
func changed(a, b *flag.Document) []string {
	var evaluators []string
	for n := range both(a.Evaluators, b.Evaluators) {
		if !bytes.Equal(a.Evaluators[n], b.Evaluators[n]) {
			evaluators = append(evaluators, n)
		}
	}
	out := []string{}
	for key := range both(a.Flags, b.Flags) {
		before, was := a.Flags[key]
		after, is := b.Flags[key]
		x, _ := json.Marshal(before) // it came from JSON
		y, _ := json.Marshal(after)
		asks := slices.ContainsFunc(evaluators, func(n string) bool {
			name, _ := json.Marshal(n)
			return bytes.Contains(after.Targeting, name)
		})
		if was != is || asks || !bytes.Equal(x, y) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// both are the keys of either map, each once.
func both[V any](a, b map[string]V) map[string]struct{} {
	out := make(map[string]struct{}, len(a))
	for k := range maps.Keys(a) {
		out[k] = struct{}{}
	}
	for k := range maps.Keys(b) {
		out[k] = struct{}{}
	}
	return out
}
