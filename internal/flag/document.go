package flag

import (
	"bytes"
	"encoding/json"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Document is a set of definitions in flagd's format. What it does not know is dropped.
type Document struct {
	Flags      map[string]Definition      `json:"flags"`
	Evaluators map[string]json.RawMessage `json:"$evaluators,omitempty"` // rules with a name, used as {"$ref":"name"}
	Metadata   map[string]any             `json:"metadata,omitempty"`    // of all flags: strings, numbers and booleans
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

// ParseDocument reads flagd's format: flags by key, or a list of flags with their keys.
func ParseDocument(text []byte) (*Document, error) {
	var raw struct {
		Flags      json.RawMessage            `json:"flags"`
		Evaluators map[string]json.RawMessage `json:"$evaluators"`
		Metadata   map[string]any             `json:"metadata"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "bad_flags", "The flag definitions are no JSON in flagd's format.")
	}
	d := &Document{Flags: map[string]Definition{}, Evaluators: raw.Evaluators, Metadata: raw.Metadata}
	if list := bytes.TrimSpace(raw.Flags); len(list) > 0 && list[0] == '[' {
		var flags []struct {
			Key string `json:"key"`
			Definition
		}
		if err := json.Unmarshal(list, &flags); err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "bad_flags", "The list of flags is not in flagd's format.")
		}
		for i, f := range flags {
			if f.Key == "" {
				return nil, fault.New(fault.Invalid, "bad_flags", "flags[%d] has no key.", i)
			}
			d.Flags[f.Key] = f.Definition
		}
		return d, nil
	}
	if raw.Flags == nil {
		return nil, fault.New(fault.Invalid, "bad_flags", "The document has no flags.")
	}
	if err := json.Unmarshal(raw.Flags, &d.Flags); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "bad_flags", "The flags are not in flagd's format.")
	}
	return d, nil
}

// JSON prints the document, the same text for the same document.
func (d *Document) JSON() []byte {
	text, err := json.Marshal(d)
	if err != nil {
		return nil // its raw texts were JSON when they were read
	}
	return text
}
