// Package flag holds what a feature flag is, and decides who gets which variant.
//
// A Flag is the same in every environment: its key, kind and variants. A Config says
// what it does in one environment: whether it is on, its rules in order, and what
// everybody else gets. A Segment names a group of users that rules share. All of one
// environment is a Set. Set.Document turns it into flagd's definition format, which
// is the one form that is evaluated: by Compile and Snapshot.Evaluate here, at an
// edge, in the Go provider, and by flagd's own clients, with the same result.
// See docs/decisions/0019-flags.md.
package flag

import (
	"encoding/json"
	"time"
)

// Kind is the type of a flag's values. All variants of a flag have the same.
type Kind string

// The kinds. An object is a JSON object, never an array: OFREP carries no arrays.
const (
	Boolean Kind = "boolean"
	String  Kind = "string"
	Number  Kind = "number"
	Object  Kind = "object"
)

// Flag is what a flag is wherever it is used.
type Flag struct {
	App         string    `json:"app"`
	Key         string    `json:"key"` // letters, digits, - _ and ., at most 128; what code asks for
	Kind        Kind      `json:"kind"`
	Description string    `json:"description,omitempty"`
	Owner       string    `json:"owner,omitempty"` // a role or a person: who decides how it is rolled out
	Tags        []string  `json:"tags,omitempty"`
	Variants    []Variant `json:"variants"`            // at least one, in the order people see
	Client      bool      `json:"client,omitempty"`    // keys that are public, as in a browser, may evaluate it
	Permanent   bool      `json:"permanent,omitempty"` // never stale: a switch for operations, not a step of a rollout
	Expires     time.Time `json:"expires,omitzero"`    // the day after which its code should be gone
	Bucketing   int       `json:"bucketing"`           // version of flagd's fractional: 2 or 3; never changed silently
	Created     time.Time `json:"created"`
	CreatedBy   string    `json:"created_by,omitempty"`
	Updated     time.Time `json:"updated"`
	Archived    time.Time `json:"archived,omitzero"` // since when it is in no snapshot
	Row         int64     `json:"-"`                 // the row's version, compared at every update
}

// Variant is one of the values a flag can have.
type Variant struct {
	Name        string          `json:"name"`
	Value       json.RawMessage `json:"value"`
	Description string          `json:"description,omitempty"`
}

// Config is what a flag does in one environment.
type Config struct {
	App         string `json:"app"`
	Flag        string `json:"flag"`
	Environment string `json:"environment"`

	On     bool      `json:"on"`
	Off    string    `json:"off,omitempty"`    // variant served while it is off; empty: what the code falls back to
	Reason string    `json:"reason,omitempty"` // why it was switched last
	Since  time.Time `json:"since,omitzero"`   // when it was switched last

	Needs   []Prerequisite `json:"needs,omitempty"` // other flags that must serve a variant, or this one serves Off
	Rules   []Rule         `json:"rules,omitempty"` // the first whose conditions all hold decides
	Default Serve          `json:"default"`         // for everybody whom no rule serves
	// Targeting is a rule in flagd's own language that came from an import and does not fit into rules. It stands in
	// place of Rules; Default must then name a variant.
	Targeting json.RawMessage `json:"targeting,omitempty"`

	Ramp     string    `json:"ramp,omitempty"` // id of the release that raises its share; nobody else changes the share then
	Revision int64     `json:"revision"`       // rises with every change, from 1; history and reverts name it
	Updated  time.Time `json:"updated"`
	By       string    `json:"by,omitempty"` // actor of the last change
	Row      int64     `json:"-"`
}

// Prerequisite is another flag of the same environment that must serve one of the variants.
type Prerequisite struct {
	Flag     string   `json:"flag"`
	Variants []string `json:"variants"`
}

// Rule serves users for whom all its conditions hold.
type Rule struct {
	ID          string      `json:"id"` // unique in the config; kept when rules move
	Description string      `json:"description,omitempty"`
	If          []Condition `json:"if"` // all must hold; none: everybody
	Serve       Serve       `json:"serve"`
}

// Condition asks one thing of a user: attribute, operator and values, or membership of a segment.
type Condition struct {
	Attribute string `json:"attribute,omitempty"` // targetingKey, or a path with dots: plan, address.country
	Op        Op     `json:"op,omitempty"`
	Values    []any  `json:"values,omitempty"`  // one suffices; JSON scalars
	Segment   string `json:"segment,omitempty"` // instead of attribute, operator and values
	Not       bool   `json:"not,omitempty"`     // the opposite
}

// Op is how an attribute is compared with values. Every operator can be said in flagd's language.
type Op string

// The operators. A missing attribute satisfies none of them but Missing; Not turns that around.
const (
	Equals     Op = "equals"      // the same type and value as one of the values
	StartsWith Op = "starts_with" // strings
	EndsWith   Op = "ends_with"   // strings
	Contains   Op = "contains"    // the attribute, a string, has the value in it; or, a list, has it as an element
	Less       Op = "less"        // numbers, as are the next three; one value
	AtMost     Op = "at_most"     //
	More       Op = "more"        //
	AtLeast    Op = "at_least"    //
	Version    Op = "version"     // semantic versions; the value is an operator and a version: ">= 1.4.0", "^ 2"
	Before     Op = "before"      // now, or the attribute in Unix seconds, is before the value (RFC 3339)
	After      Op = "after"       // likewise, at or after
	Missing    Op = "missing"     // the attribute is not there or null; no values
)

// Serve is what users get: one variant, or a split of several.
type Serve struct {
	Variant string    `json:"variant,omitempty"`
	Split   []Portion `json:"split,omitempty"`
	By      string    `json:"by,omitempty"`   // attribute that is bucketed; empty: targetingKey
	Salt    string    `json:"salt,omitempty"` // of the buckets; empty: the flag's key. The same salt nests exposures
}

// Portion is a variant's part of a split.
type Portion struct {
	Variant string `json:"variant"`
	Weight  int    `json:"weight"` // relative to the sum of all; with 10,000 in all a point is 0.01 %
}

// Segment is a named group of users in one environment.
type Segment struct {
	App         string        `json:"app"`
	Key         string        `json:"key"`
	Environment string        `json:"environment"`
	Description string        `json:"description,omitempty"`
	Any         [][]Condition `json:"any,omitempty"` // in when all conditions of any group hold; no segments within
	By          string        `json:"by,omitempty"`  // attribute that the lists name; empty: targetingKey
	Listed      int           `json:"listed"`        // how many are named as in; the names are kept apart
	Excluded    []string      `json:"excluded,omitempty"`
	Revision    int64         `json:"revision"`
	Updated     time.Time     `json:"updated"`
	UpdatedBy   string        `json:"updated_by,omitempty"`
	Row         int64         `json:"-"`
}

// Set is all that decides about flags in one environment.
type Set struct {
	App, Environment string
	Generation       int64 // rises with every change in the environment
	Flags            []Flag
	Configs          []Config // of flags that are not archived; a flag without one is off
	Segments         []Segment
	Lists            map[string][]string        // members of segments by key
	Rules            map[string]json.RawMessage // of segments whose lists are not here, as Segment.Rule made them
	Attributes       []string                   // that rules may ask for; empty: any
}

// Percent is the part of users that get the variant, of those whom no rule serves.
func (s Serve) Percent(variant string) float64 {
	if len(s.Split) == 0 {
		if s.Variant == variant && variant != "" {
			return 100
		}
		return 0
	}
	sum, part := 0, 0
	for _, p := range s.Split {
		sum += max(p.Weight, 0)
		if p.Variant == variant {
			part += max(p.Weight, 0)
		}
	}
	if sum == 0 {
		return 0
	}
	return 100 * float64(part) / float64(sum)
}

// BucketSalt is what the keys of users are hashed with where no rule serves them.
func (c Config) BucketSalt() string {
	if c.Default.Salt != "" {
		return c.Default.Salt
	}
	return c.Flag
}
