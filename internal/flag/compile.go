package flag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag/logic"
)

// Snapshot is a document made ready for evaluation. It never changes.
type Snapshot struct {
	flags    map[string]*compiled
	keys     []string
	metadata map[string]any
	named    logic.Kept
}

// compiled is one flag of a snapshot, with every answer that it can give.
type compiled struct {
	client    bool
	rule      *logic.Rule  // nil: fallback is the one answer
	fallback  Evaluation   // where the rule names no variant
	matches   []Evaluation // by the variant that the rule names, in order: a map of so few takes four times as much
	failed    Evaluation   // the rule could not be evaluated
	unmatched Evaluation   // the rule named a variant that is not there
}

// Compile makes a snapshot of the document, or says what is wrong with it and where. It is strict where flagd refuses a
// document. A rule that flagd can't understand is no fault here either: such a flag answers PARSE_ERROR, and Refused
// lists it.
func Compile(d *Document) (*Snapshot, error) { return new(Snapshot).Next(d) }

// Next makes the snapshot of another document, as Compile does. What both documents name alike it shares with s, which
// stays as it is.
func (s *Snapshot) Next(d *Document) (*Snapshot, error) {
	library, err := logic.NewLibrary(d.evaluators(), d.Evaluators, s.named)
	if err != nil {
		return nil, err
	}
	next := &Snapshot{flags: make(map[string]*compiled, len(d.Flags)), metadata: d.Metadata}
	next.keys = slices.Sorted(maps.Keys(d.Flags))
	metadata := shared{document: d.Metadata, own: map[string]map[string]any{}}
	var wrong []fault.Field
	for _, key := range next.keys {
		def := d.Flags[key]
		f, err := compile(library, key, def, metadata.with(def.Metadata))
		if err != nil {
			wrong = append(wrong, fault.Field{Path: "flags." + key, Message: fault.MessageOf(err)})
			continue
		}
		next.flags[key] = f
	}
	if len(wrong) > 0 {
		key := wrong[0].Path[len("flags."):]
		f := fault.New(fault.Invalid, "bad_flags", "The flag %s is wrong: %s", key, wrong[0].Message)
		f.Fields = wrong
		return nil, f
	}
	next.named = library.Kept()
	return next, nil
}

// shared is the metadata of a document's flags. Most have the same, so that it is kept once for all of them.
type shared struct {
	document map[string]any
	own      map[string]map[string]any // by what a flag says itself
}

// with is the document's metadata behind a flag's own.
func (s shared) with(own map[string]any) map[string]any {
	text, err := json.Marshal(own)
	all, ok := s.own[string(text)]
	if !ok || err != nil { // what is no JSON equals nothing
		all = make(map[string]any, len(s.document)+len(own))
		maps.Copy(all, s.document)
		maps.Copy(all, own)
		s.own[string(text)] = all
	}
	return all
}

func compile(library *logic.Library, key string, def Definition, meta map[string]any) (*compiled, error) {
	bad := func(format string, args ...any) error { return fault.New(fault.Invalid, "bad_flags", format, args...) }
	if def.State != Enabled && def.State != Disabled {
		return nil, bad("state must be ENABLED or DISABLED, not %q.", def.State)
	}
	if def.Variants == nil {
		return nil, bad("It has no variants.")
	}
	name := ""
	if def.DefaultVariant != nil {
		name = *def.DefaultVariant
	}
	if _, ok := def.Variants[name]; !ok && name != "" {
		return nil, bad("defaultVariant %q is none of the variants.", name)
	}
	version, err := bucketing(meta)
	if err != nil {
		return nil, err
	}
	f := &compiled{client: meta[MetaClient] == true}
	if def.State == Disabled {
		f.fallback = Evaluation{Reason: DisabledReason, Metadata: meta}
		return f, nil
	}
	values := make(map[string]json.RawMessage, len(def.Variants))
	var b bytes.Buffer
	for v, raw := range def.Variants {
		b.Reset()
		if err := json.Compact(&b, raw); err != nil {
			return nil, bad("The value of variant %q is no JSON.", v)
		}
		values[v] = bytes.Clone(b.Bytes()) // most are a few letters long, a buffer is not
	}
	f.fallback = Evaluation{Reason: DefaultReason, Metadata: meta}
	if name != "" {
		f.fallback.Variant, f.fallback.Value = name, values[name]
	}
	if !logic.Targets(def.Targeting) {
		if name != "" {
			f.fallback.Reason = Static
		}
		return f, nil
	}
	if f.rule, err = library.Compile(def.Targeting, "targeting", version); err != nil {
		return nil, err
	}
	f.answers(key, values, meta)
	return f, nil
}

// answers makes what the rule's outcomes mean.
func (f *compiled) answers(key string, values map[string]json.RawMessage, meta map[string]any) {
	f.matches = make([]Evaluation, 0, len(values))
	for _, v := range slices.Sorted(maps.Keys(values)) {
		f.matches = append(f.matches, Evaluation{Variant: v, Value: values[v], Reason: TargetingMatch, Metadata: meta})
	}
	wrong := func(code Code, format string, args ...any) Evaluation {
		return Evaluation{Reason: ErrorReason, Code: code, Detail: fmt.Sprintf(format, args...), Metadata: meta}
	}
	f.failed = wrong(General, "the targeting of flag '%s' can't be evaluated for this context", key)
	f.unmatched = wrong(General, "the targeting of flag '%s' named a variant that it doesn't have", key)
	if why := f.rule.Refused(); why != "" {
		f.rule, f.fallback = nil, wrong(ParseError, "flag '%s': %s", key, why)
	}
}

// bucketing is the version of fractional that metadata names, 2 when it names none.
func bucketing(meta map[string]any) (int, error) {
	switch v := meta[MetaBucketing]; v {
	case nil, 2, 2.0:
		return 2, nil
	case logic.Cbor, float64(logic.Cbor):
		return logic.Cbor, nil
	default:
		return 0, fault.New(fault.Invalid, "bad_flags", "metadata.bucketing must be 2 or 3, not %v.", v)
	}
}

// Keys are the flags' keys in order. They must not be changed.
func (s *Snapshot) Keys() []string { return s.keys }

// Client reports whether public keys may evaluate the flag.
func (s *Snapshot) Client(key string) bool {
	f := s.flags[key]
	return f != nil && f.client
}

// Metadata is the document's. It must not be changed.
func (s *Snapshot) Metadata() map[string]any { return s.metadata }

// Refused lists the flags whose targeting can't be understood, with the place: they answer PARSE_ERROR.
func (s *Snapshot) Refused() []fault.Field {
	var l []fault.Field
	for _, key := range s.keys {
		if f := s.flags[key]; f.fallback.Code == ParseError {
			l = append(l, fault.Field{Path: "flags." + key, Message: f.fallback.Detail})
		}
	}
	return l
}

// Context is who a flag is evaluated for. It never changes, and serves any number of evaluations, snapshots and
// goroutines.
type Context = logic.Context

// NewContext makes a context of a user's id, empty where nobody is known, and of attributes as encoding/json decodes
// them. The attributes are the context's from then on. An id stands before an attribute targetingKey.
func NewContext(targetingKey string, attributes map[string]any) *Context {
	return logic.NewContext(targetingKey, attributes)
}
