package follow

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

// Snapshot is what flags were at one generation. It never changes.
type Snapshot struct {
	*flag.Snapshot
	Document   *flag.Document
	Text       []byte // of the document, as it came
	ETag       string
	Set        string // application and environment
	Generation int64
	kept       bool // it came from the file
}

// read makes a snapshot of a document, or says why it can't be used. It shares with the one before, if there is one.
func read(text []byte, etag string, before *Snapshot) (*Snapshot, error) {
	d, err := flag.ParseDocument(text)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{Document: d, Text: text, ETag: etag}
	if s.Set, _ = d.Metadata[flag.MetaSet].(string); s.Set == "" {
		return nil, fault.New(fault.Invalid, "flags_nameless", "The flag definitions do not say whose they are.")
	}
	if s.Generation, err = strconv.ParseInt(fmt.Sprint(d.Metadata[flag.MetaVersion]), 10, 64); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "flags_nameless", "The flag definitions do not say their generation.")
	}
	last := new(flag.Snapshot)
	if before != nil {
		last = before.Snapshot
	}
	s.Snapshot, err = last.Next(d)
	return s, err
}

// take makes s the flags in force and says what changed, or refuses it: flags of another environment, and flags that
// are older than those in force, as a server has them that was left behind.
func (f *Follower) take(s *Snapshot) error {
	was := f.current.Load()
	switch {
	case was == nil:
	case was.Set != s.Set && !was.kept:
		return fault.New(fault.Conflict, "flags_of_others",
			"The server sent the flags of %s, not of %s: they are refused.", s.Set, was.Set)
	case was.Set == s.Set && s.Generation < was.Generation:
		where := ""
		if f.o.File != "" {
			where = ", after removing " + f.o.File
		}
		return fault.New(fault.Conflict, "flags_older",
			"The server sent flags of generation %d, which is older than %d: they are refused. "+
				"If its database was restored, start this program anew%s.", s.Generation, was.Generation, where)
	}
	f.current.Store(s)
	var keys []string
	if was != nil {
		keys = changed(was.Document, s.Document)
	}
	f.o.Took(s, keys)
	return nil
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
