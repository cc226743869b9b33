// Package mirror says flags in the words of Vercel Flags, so that a project there decides as Slipway does.
//
// Say translates what a flag does in one environment. What cannot be said alike is not said: the result names the
// reason and the remedy. Compare holds what should stand at Vercel against what stands there, flag by flag; nothing
// that is only there is ever taken away. Vercel's evaluator was read for this (vercel/flags, vercel-flags-core), and
// what it makes of a missing attribute, or of one of another type, decides which operator is used.
//
// An attribute there belongs to a kind of entity: targetingKey is user.id, plan is user.plan, and cart.total is itself.
package mirror

import (
	"encoding/json"
	"strings"
)

// Flag is a flag as Vercel's API has it, as far as it decides.
type Flag struct {
	ID           string                     `json:"id,omitempty"`
	Slug         string                     `json:"slug"`
	Kind         string                     `json:"kind"`
	Description  string                     `json:"description,omitempty"`
	State        string                     `json:"state,omitempty"`
	Seed         uint32                     `json:"seed,omitempty"`
	Tags         []string                   `json:"tags,omitempty"`
	Variants     []json.RawMessage          `json:"variants"`
	Environments map[string]json.RawMessage `json:"environments"`
	Revision     int64                      `json:"revision,omitempty"`
	UpdatedBy    string                     `json:"updatedBy,omitempty"` // who made that revision, where Vercel says it
}

// Variant is one of a flag's values. What else stands beside it there is kept as it is.
type Variant struct {
	ID    string          `json:"id"`
	Label string          `json:"label,omitempty"`
	Value json.RawMessage `json:"value"`
}

// Config is what a flag does in one environment.
type Config struct {
	Revision    int64               `json:"revision"` // of what it stands in place of
	Active      bool                `json:"active"`
	Paused      Outcome             `json:"pausedOutcome"`
	Targets     map[string]struct{} `json:"targets"` // always none: rules say it
	Rules       []Rule              `json:"rules"`
	Fallthrough Outcome             `json:"fallthrough"`
	Reuse       Reuse               `json:"reuse"`
}

// Reuse says that another environment decides.
type Reuse struct {
	Active      bool   `json:"active"`
	Environment string `json:"environment"`
}

// Rule serves users for whom all conditions hold.
type Rule struct {
	ID         string      `json:"id"`
	Conditions []Condition `json:"conditions"`
	Outcome    Outcome     `json:"outcome"`
}

// Condition asks one thing of a user.
type Condition struct {
	Left  Entity `json:"lhs"`
	Cmp   string `json:"cmp"`
	Right any    `json:"rhs,omitempty"`
}

// Entity is an attribute of a kind of entity.
type Entity struct {
	Type      string `json:"type"`
	Kind      string `json:"kind"`
	Attribute string `json:"attribute"`
}

// List is the right side of oneOf and its kin.
type List struct {
	Type  string `json:"type"`
	Items []Item `json:"items"`
}

// Item is a string or a number of a list.
type Item struct {
	Value any `json:"value"`
}

// Regex is the right side of regex.
type Regex struct {
	Type    string `json:"type"`
	Pattern string `json:"pattern"`
	Flags   string `json:"flags"`
}

// Outcome is a variant, or a split by an attribute.
type Outcome struct {
	Type    string         `json:"type"`
	Variant string         `json:"variantId,omitempty"`
	Base    *Entity        `json:"base,omitempty"`
	Weights map[string]int `json:"weights,omitempty"`
	Default string         `json:"defaultVariantId,omitempty"` // for users who lack the attribute
}

func variant(name string) Outcome { return Outcome{Type: "variant", Variant: name} }

func list(values []any) List {
	l := List{Type: "list/inline"}
	for _, v := range values {
		l.Items = append(l.Items, Item{v})
	}
	return l
}

// contains is a regular expression for a text within another. The operator of that name is newer than some clients,
// which let it match nobody.
func contains(text string) Regex {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune(`\^$.*+?()[]{}|`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return Regex{Type: "regex", Pattern: b.String()}
}
