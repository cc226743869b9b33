package flag

import (
	"maps"
	"slices"
)

// Snapshot is a document made ready for evaluation. It never changes.
type Snapshot struct {
	flags    map[string]*compiled
	keys     []string
	metadata map[string]any
}

// compiled is one flag of a snapshot.
type compiled struct {
	disabled bool
	client   bool
	fixed    Evaluation // what it is without targeting
	metadata map[string]any
}

// Compile makes a snapshot of the document, or says what is wrong with it and where.
func Compile(d *Document) (*Snapshot, error) {
	s := &Snapshot{flags: make(map[string]*compiled, len(d.Flags)), metadata: d.Metadata}
	for key, def := range d.Flags {
		meta := maps.Clone(d.Metadata)
		if meta == nil {
			meta = map[string]any{}
		}
		maps.Copy(meta, def.Metadata)
		f := &compiled{disabled: def.State == Disabled, client: meta[MetaClient] == true, metadata: meta}
		f.fixed = Evaluation{Reason: Static, Metadata: meta}
		if v := def.DefaultVariant; v != nil {
			f.fixed.Variant, f.fixed.Value = *v, def.Variants[*v]
		} else {
			f.fixed.Reason = DefaultReason
		}
		s.flags[key] = f
	}
	s.keys = slices.Sorted(maps.Keys(s.flags))
	return s, nil
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

// Context is who a flag is evaluated for. It never changes and serves any number of evaluations.
type Context struct {
	targetingKey string
	attributes   map[string]any
}

// NewContext makes a context of a user's id, empty where nobody is known, and of attributes as encoding/json decodes
// them. The attributes are the context's from then on.
func NewContext(targetingKey string, attributes map[string]any) *Context {
	return &Context{targetingKey: targetingKey, attributes: attributes}
}
