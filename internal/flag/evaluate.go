package flag

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/flag/logic"
)

// Reason says why a flag has its value, in OpenFeature's words.
type Reason string

// The reasons. A split is a TargetingMatch, as in flagd.
const (
	Static         Reason = "STATIC"          // it has no targeting
	TargetingMatch Reason = "TARGETING_MATCH" // its targeting named the variant
	DefaultReason  Reason = "DEFAULT"         // its targeting named none
	DisabledReason Reason = "DISABLED"
	ErrorReason    Reason = "ERROR" // Code and Detail say which
)

// Code says what kind of error an evaluation ended with, in OpenFeature's words.
type Code string

// The codes.
const (
	NotFound   Code = "FLAG_NOT_FOUND"
	ParseError Code = "PARSE_ERROR"
	General    Code = "GENERAL"
)

// Evaluation is what a flag is for somebody. What it points to belongs to the snapshot and must not be changed.
type Evaluation struct {
	Variant  string          // empty with no Value
	Value    json.RawMessage // nil: the program's own fallback
	Reason   Reason
	Code     Code   // empty unless Reason is ErrorReason
	Detail   string // of the error, for people
	Metadata map[string]any
}

// Evaluate decides what the flag is for c at now. It may be called from many goroutines.
func (s *Snapshot) Evaluate(key string, c *Context, now time.Time) Evaluation {
	f := s.flags[key]
	switch {
	case f == nil:
		return Evaluation{Reason: ErrorReason, Code: NotFound, Detail: "there is no such flag", Metadata: s.metadata}
	case f.rule == nil:
		return f.fallback
	}
	if c == nil {
		c = NewContext("", nil)
	}
	variant, outcome := f.rule.Run(c, key, now.Unix())
	switch outcome {
	case logic.None:
		return f.fallback
	case logic.Named:
		i, ok := slices.BinarySearchFunc(f.matches, variant, func(e Evaluation, name string) int {
			return strings.Compare(e.Variant, name)
		})
		if ok {
			return f.matches[i]
		}
		return f.unmatched
	}
	return f.failed
}
