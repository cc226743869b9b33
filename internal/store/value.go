package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipwayhq/slipway/internal/fault"
)

// Time is an instant as the database keeps it: BIGINT microseconds since 1970, in
// UTC. The zero time is 0, so that the first microsecond of 1970 cannot be kept.
type Time struct{ time.Time }

// Value returns the microseconds.
func (t Time) Value() (driver.Value, error) {
	if t.IsZero() {
		return int64(0), nil
	}
	return t.UnixMicro(), nil
}

// Scan reads the microseconds.
func (t *Time) Scan(src any) error {
	n, ok := src.(int64)
	switch {
	case !ok:
		return fmt.Errorf("scan instant: %T is no number of microseconds", src)
	case n == 0:
		t.Time = time.Time{}
	default:
		t.Time = time.UnixMicro(n).UTC()
	}
	return nil
}

// JSON is a value as the database keeps it: TEXT that is never queried into.
type JSON[T any] struct{ V T }

// Value returns the JSON text.
func (j JSON[T]) Value() (driver.Value, error) {
	b, err := json.Marshal(j.V)
	if err != nil {
		return nil, fmt.Errorf("marshal %T: %w", j.V, err)
	}
	return string(b), nil
}

// Scan reads the JSON text.
func (j *JSON[T]) Scan(src any) error {
	var b []byte
	switch s := src.(type) {
	case string:
		b = []byte(s)
	case []byte:
		b = s
	default:
		return fmt.Errorf("scan document: %T is no text", src)
	}
	if err := json.Unmarshal(b, &j.V); err != nil {
		return fmt.Errorf("unmarshal %T: %w", j.V, err)
	}
	return nil
}

// checkText refuses text that only one of the engines would keep: PostgreSQL
// refuses NUL and broken UTF-8, SQLite keeps both.
func checkText(args []any) error {
	for _, a := range args {
		s, ok := a.(string)
		switch {
		case !ok:
		case strings.IndexByte(s, 0) >= 0:
			return fault.New(fault.Invalid, "nul_in_text", "The text %q holds a NUL character, which cannot be kept.", clip(s))
		case !utf8.ValidString(s):
			return fault.New(fault.Invalid, "text_not_utf8", "The text %q is not UTF-8.", clip(s))
		}
	}
	return nil
}

func clip(s string) string { return s[:min(len(s), 60)] }

// signed returns u as the BIGINT that the database keeps.
func signed(what string, u uint64) (int64, error) {
	if u > math.MaxInt64 {
		return 0, fault.New(fault.Invalid, "number_too_large", "The %s %d is too large.", what, u)
	}
	return int64(u), nil
}

// raw returns JSON as the text that is kept: compact, "" for none.
func raw(doc json.RawMessage) (string, error) {
	if len(doc) == 0 {
		return "", nil
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return "", fault.Wrap(err, fault.Invalid, "not_json", "The document is not JSON.")
	}
	return string(b), nil
}

func message(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}
