package flag

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag/logic"
)

// Document is a set of definitions in flagd's format. What it does not know is dropped.
type Document struct {
	Flags      map[string]Definition
	Evaluators map[string]json.RawMessage // rules with a name, used as {"$ref":"name"}
	Metadata   map[string]any             // of all flags: strings, numbers and booleans

	order []string // of the evaluators, where they were read: one may use only those after it
}

// Definition is one flag of a document.
type Definition struct {
	State          string                     `json:"state"` // Enabled or Disabled
	Variants       map[string]json.RawMessage `json:"variants"`
	DefaultVariant *string                    `json:"defaultVariant"` // nil: what the code falls back to
	Targeting      json.RawMessage            `json:"targeting,omitempty"`
	Metadata       map[string]any             `json:"metadata,omitempty"` // stands before the document's
}

// The states of a definition.
const (
	Enabled  = "ENABLED"
	Disabled = "DISABLED"
)

// Keys of metadata that mean something to this house.
const (
	MetaClient    = "client"    // true: public keys may evaluate the flag
	MetaBucketing = "bucketing" // 3: fractional hashes as flagd's third version does
	MetaSet       = "flagSetId" // of the document: APP/ENVIRONMENT
	MetaVersion   = "version"   // of the document: its generation
)

// fields reads an object, and minds the case of its keys as encoding/json itself does not.
func fields(text []byte, path string) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil || m == nil {
		return nil, malformed(path, "an object")
	}
	return m, nil
}

func malformed(path, want string) error {
	return fault.New(fault.Invalid, "bad_flags", "%s is not %s.", path, want)
}

// take reads one field into what it belongs into; null and nothing leave it as it is.
func take(m map[string]json.RawMessage, key, path, want string, into any) error {
	raw, ok := m[key]
	if !ok || string(raw) == "null" {
		return nil
	}
	if json.Unmarshal(raw, into) != nil {
		return malformed(path+key, want)
	}
	return nil
}

// ParseDocument reads flagd's format: flags by key, or a list of flags with their keys.
func ParseDocument(text []byte) (*Document, error) {
	m, err := fields(text, "The document")
	if err != nil {
		if !json.Valid(text) {
			return nil, fault.New(fault.Invalid, "bad_flags", "The flag definitions are no JSON.")
		}
		return nil, err
	}
	d := &Document{Flags: map[string]Definition{}}
	if err := take(m, "$evaluators", "", "an object of rules", &d.Evaluators); err != nil {
		return nil, err
	}
	if err := take(m, "metadata", "", "an object", &d.Metadata); err != nil {
		return nil, err
	}
	d.order = logic.Keys(m["$evaluators"])
	flags := bytes.TrimSpace(m["flags"])
	if len(flags) > 0 && flags[0] == '[' {
		return d, d.parseList(flags)
	}
	byKey, err := fields(flags, "flags")
	if err != nil {
		return nil, err
	}
	for key, raw := range byKey {
		if d.Flags[key], err = parseDefinition(raw, "flags."+key); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// parseList reads the form of flagd's daemon. Of two flags with one key the later counts.
func (d *Document) parseList(text []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return malformed("flags", "a list")
	}
	for _, raw := range list {
		var key string
		m, err := fields(raw, "A flag of the list")
		if err != nil {
			return err
		}
		if err := take(m, "key", "A flag's ", "a text", &key); err != nil {
			return err
		}
		if key == "" {
			return fault.New(fault.Invalid, "bad_flags", "A flag of the list has no key.")
		}
		if d.Flags[key], err = parseDefinition(raw, "flags."+key); err != nil {
			return err
		}
	}
	return nil
}

func parseDefinition(raw json.RawMessage, path string) (Definition, error) {
	m, err := fields(raw, path)
	if err != nil {
		return Definition{}, err
	}
	path += "."
	var def Definition
	for _, f := range []struct {
		key, want string
		into      any
	}{
		{"state", "a text", &def.State},
		{"variants", "an object", &def.Variants},
		{"defaultVariant", "a text or null", &def.DefaultVariant},
		{"metadata", "an object", &def.Metadata},
	} {
		if err := take(m, f.key, path, f.want, f.into); err != nil {
			return def, err
		}
	}
	if t := m["targeting"]; len(t) > 0 && string(t) != "null" {
		def.Targeting = t
	}
	return def, nil
}

// evaluators are the names of the named rules in the order in which they apply.
func (d *Document) evaluators() []string {
	names := slices.Sorted(maps.Keys(d.Evaluators))
	if len(d.order) == len(names) && !slices.ContainsFunc(d.order, func(k string) bool { return d.Evaluators[k] == nil }) {
		return d.order
	}
	return logic.Order(names)
}

// JSON prints the document, the same text for the same document.
func (d *Document) JSON() []byte {
	text, err := d.MarshalJSON()
	if err != nil {
		return nil // not reached: its raw texts were JSON when they were read
	}
	return text
}

// MarshalJSON keeps the order of the evaluators, which matters where one uses another. It writes them as they are: an
// encoder would go through a list of a million ids again.
func (d *Document) MarshalJSON() ([]byte, error) {
	all := d.Flags
	if all == nil {
		all = map[string]Definition{}
	}
	flags, err := marshal(all)
	if err != nil {
		return nil, err
	}
	size := len(flags) + 1024
	for name, rule := range d.Evaluators {
		size += len(name) + len(rule) + 8
	}
	b := append(make([]byte, 0, size), `{"flags":`...)
	b = append(b, flags...)
	for i, name := range d.evaluators() {
		key, err := marshal(name)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			b = append(b, `,"$evaluators":{`...)
		} else {
			b = append(b, ',')
		}
		b = append(append(append(b, key...), ':'), d.Evaluators[name]...)
	}
	if len(d.Evaluators) > 0 {
		b = append(b, '}')
	}
	if len(d.Metadata) > 0 {
		metadata, err := marshal(d.Metadata)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"metadata":`...), metadata...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON is ParseDocument.
func (d *Document) UnmarshalJSON(text []byte) error {
	read, err := ParseDocument(text)
	if err != nil {
		return err
	}
	*d = *read
	return nil
}
