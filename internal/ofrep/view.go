package ofrep

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/flagset"
)

// view is a set with everything prepared that its answers consist of.
type view struct {
	set      *flagset.Set
	entries  []entry
	clients  []*entry // those that public keys may evaluate
	all      []*entry
	by       map[string]*entry
	metadata []byte // of the set
	event    []byte // that tells streams of this set
	shown    []byte // the same for public keys
	mark     string // of the set, for public keys: it confirms no guess of what is in it
	etag     []string

	packing sync.Once
	packed  []byte // the document with gzip
}

// entry is a flag of a view.
type entry struct {
	key      string
	client   bool
	head     []byte // {"key":"…"
	own      []byte // the flag's own metadata and the end, for a list that has the set's beside it
	whole    []byte // all of its metadata and the end
	variants map[string]*flagset.Counter
	fallback *flagset.Counter

	fixed   []byte // the whole item of a list, where it is the same for everybody
	counter *flagset.Counter
}

// view returns the prepared newest set of an environment; nil when there is none.
func (d *Door) view(environment string) *view {
	set := d.Flags.Set(environment)
	if set == nil {
		return nil
	}
	if v, ok := d.views.Load(environment); ok && v.(*view).set == set { //nolint:forcetypeassert // nothing else is in it
		return v.(*view) //nolint:forcetypeassert // likewise
	}
	v := prepare(set, d.Flags.Usage, d.sign("what public keys see of "+set.Digest))
	d.views.Store(environment, v)
	return v
}

func prepare(set *flagset.Set, usage *flagset.Usage, mark string) *view {
	s := set.Snapshot
	keys := s.Keys()
	v := &view{
		set: set, entries: make([]entry, len(keys)), by: make(map[string]*entry, len(keys)),
		all: make([]*entry, 0, len(keys)), metadata: metadata(s.Metadata(), nil),
	}
	generation := strconv.FormatInt(set.Generation, 10)
	tag := `"` + generation + "-" + set.Digest + `"`
	v.etag = []string{tag}
	v.mark = mark
	event := func(tag string) []byte {
		return []byte("id: " + generation + "\nevent: message\n" + `data: {"type":"refetchEvaluation","etag":` +
			strconv.Quote(tag) + "}\n\n")
	}
	v.event, v.shown = event(tag), event(`"`+generation+"-"+mark+`"`)
	nobody, now := flag.NewContext("", nil), time.Now()
	for i, key := range keys {
		e := &v.entries[i]
		first := s.Evaluate(key, nobody, now)
		e.key, e.client = key, s.Client(key)
		e.head = appendString([]byte(`{"key":`), key)
		e.own = ending(metadata(first.Metadata, s.Metadata()))
		e.whole = ending(metadata(first.Metadata, nil))
		e.fallback = usage.Counter(set.Environment, key, "")
		e.variants = make(map[string]*flagset.Counter, len(set.Variants[key]))
		for _, name := range set.Variants[key] {
			e.variants[name] = usage.Counter(set.Environment, key, name)
		}
		if first.Reason == flag.Static || first.Reason == flag.DisabledReason {
			e.fixed = e.append(nil, &first, e.own, false)
			e.counter = e.count(first.Variant)
		}
		v.all = append(v.all, e)
		v.by[key] = e
		if e.client {
			v.clients = append(v.clients, e)
		}
	}
	return v
}

// news is the event that tells the caller of this set.
func (v *view) news(public bool) []byte {
	if public {
		return v.shown
	}
	return v.event
}

// visible are the flags that the caller may evaluate.
func (v *view) visible(public bool) []*entry {
	if public {
		return v.clients
	}
	return v.all
}

// find returns a flag that the caller may evaluate.
func (v *view) find(key string, public bool) *entry {
	e := v.by[key]
	if e == nil || public && !e.client {
		return nil
	}
	return e
}

func (e *entry) count(variant string) *flagset.Counter {
	if c := e.variants[variant]; c != nil {
		return c
	}
	return e.fallback
}

// append writes what the flag is for somebody. Public keys are not told what is wrong with a rule.
func (e *entry) append(out []byte, got *flag.Evaluation, tail []byte, public bool) []byte {
	out = append(out, e.head...)
	if got.Reason == flag.ErrorReason {
		out = append(out, `,"errorCode":`...)
		out = appendString(out, string(got.Code))
		if got.Detail != "" && !public {
			out = append(out, `,"errorDetails":`...)
			out = appendString(out, got.Detail)
		}
		return append(out, tail...)
	}
	out = append(out, `,"reason":"`...)
	out = append(out, got.Reason...)
	out = append(out, '"')
	if got.Variant != "" {
		out = append(out, `,"variant":`...)
		out = appendString(out, got.Variant)
	}
	if len(got.Value) > 0 {
		out = append(out, `,"value":`...)
		out = append(out, got.Value...)
	}
	return append(out, tail...)
}

// metadata prints the scalars of a flag's or a set's metadata, without those that the set says alike; nil for none.
func metadata(m, set map[string]any) []byte {
	some := map[string]any{}
	for k, v := range m {
		switch v.(type) {
		case string, bool, float64:
			if v != set[k] {
				some[k] = v
			}
		}
	}
	if len(some) == 0 {
		return nil
	}
	out, err := json.Marshal(some)
	if err != nil {
		return nil
	}
	return out
}

// ending is metadata as the end of an item.
func ending(metadata []byte) []byte {
	if metadata == nil {
		return []byte{'}'}
	}
	return append(append([]byte(`,"metadata":`), metadata...), '}')
}

// gzip returns the document packed.
func (v *view) gzip() []byte {
	v.packing.Do(func() {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(v.set.Document); err == nil && z.Close() == nil {
			v.packed = b.Bytes()
		}
	})
	return v.packed
}

// appendString writes s as a JSON string.
func appendString(out []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		out = append(out, '"')
		out = append(out, s...)
		return append(out, '"')
	}
	text, err := json.Marshal(s)
	if err != nil {
		return append(out, `""`...)
	}
	return append(out, text...)
}
