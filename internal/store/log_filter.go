package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/event"
)

// EventFilter says which events of the log are asked for. Empty fields ask for all.
type EventFilter struct {
	After       int64 // numbers above
	Before      int64 // numbers below; 0 for no bound
	Subject     string
	Kind        string // exact, or a prefix that ends with a dot: "release."
	Actor       string
	Environment string
	App         string
	Text        string    // whole words that the sentence holds, in any order, in any case
	From, To    time.Time // at or after From, before To
	Limit       int       // 50 when 0, at most 1,000
	Descending  bool      // newest first
}

// Events returns the events that the filter asks for, oldest first or descending.
func (r reads) Events(ctx context.Context, f EventFilter) ([]event.Event, error) {
	conditions := f.conditions()
	driver, err := r.rarest(ctx, conditions)
	if err != nil {
		return nil, fmt.Errorf("choose an index: %w", err)
	}
	query, args := f.query(conditions, driver)
	got, err := all(ctx, r.run, scanEvent, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return got, nil
}

// condition asks for a text in a column of events, or for a word of the sentence.
type condition struct{ column, text string }

const word = "word" // the column of a condition on event_words

// conditions returns what the filter asks for, the rarest first as a rule.
func (f EventFilter) conditions() []condition {
	out := []condition{{"subject", f.Subject}}
	for _, w := range words(f.Text) {
		out = append(out, condition{word, w})
	}
	out = append(out, condition{"actor", f.Actor})
	if prefix, ok := strings.CutSuffix(f.Kind, "."); ok {
		out = append(out, condition{"family", family(prefix)})
	} else {
		out = append(out, condition{"kind", f.Kind})
	}
	out = append(out, condition{"environment", f.Environment}, condition{"app", f.App})
	set := out[:0]
	for _, c := range out {
		if c.text != "" {
			set = append(set, c)
		}
	}
	return set
}

// countTo bounds how many entries of an index are counted to compare conditions.
const countTo = 2000

// rarest returns the index of the condition that lets the fewest events through, as
// far as counting a little can tell.
func (r reads) rarest(ctx context.Context, conditions []condition) (int, error) {
	best, least := 0, int64(countTo)
	if len(conditions) == 1 {
		return 0, nil
	}
	for i, c := range conditions {
		if c.column == "app" {
			continue // it lets everything through in nearly every installation
		}
		n, err := one(ctx, r.run, value[int64], countQuery(c.column), c.text)
		if err != nil {
			return 0, err
		}
		if *n < least {
			best, least = i, *n
		}
	}
	return best, nil
}

func countQuery(column string) string {
	table := "events"
	if column == word {
		table = "event_words"
	}
	return fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 AS hit FROM %s WHERE %s = $1 LIMIT %d) AS hits",
		table, column, countTo)
}

// paired reports whether an index begins with both columns.
func paired(a, b string) bool {
	switch a + " " + b {
	case "actor environment", "environment actor", "actor family", "family actor",
		"family environment", "environment family":
		return true
	}
	return false
}

// query makes the statement. The driver's condition, and one that shares an index
// with it, are left to the planner; the others are hidden from it by COALESCE,
// because SQLite, which keeps no statistics here, picks the wrong index as readily as
// the right one. PostgreSQL likes to walk the whole log backward until it
// has found enough: the zero that is added to the number, in the indexes too, keeps
// the primary key from offering that.
func (f EventFilter) query(conditions []condition, driver int) (string, []any) {
	var c clause
	from, seq, pair := "events e", "e.seq", false
	for i, k := range conditions {
		switch {
		case i == driver && k.column == word:
			from, seq = "event_words w JOIN events e ON e.seq = w.seq + 0", "w.seq"
			c.and("w.word = ?", k.text)
		case k.column == word:
			c.and("EXISTS (SELECT 1 FROM event_words x WHERE x.word = ? AND x.seq = e.seq)", k.text)
		case i == driver:
			seq = "e.seq + 0"
			c.and("e."+k.column+" = ?", k.text)
		case !pair && paired(k.column, conditions[driver].column):
			pair = true
			c.and("e."+k.column+" = ?", k.text)
		default:
			c.and("COALESCE(e."+k.column+" = ?, FALSE)", k.text)
		}
	}
	if prefix, ok := strings.CutSuffix(f.Kind, "."); ok && strings.Contains(prefix, ".") {
		c.and("COALESCE(e.kind >= ? AND e.kind < ?, FALSE)", f.Kind, prefix+"/") // '/' follows '.'
	}
	f.bounds(&c, seq)
	order := " ORDER BY " + seq
	if f.Descending {
		order += " DESC"
	}
	c.args = append(c.args, limited(f.Limit))
	return "SELECT " + eventColumns + " FROM " + from + c.String() + order + " LIMIT $" + strconv.Itoa(len(c.args)), c.args
}

// bounds adds the limits of number and time. Time never runs backward along the
// log, so that a time is a number.
func (f EventFilter) bounds(c *clause, seq string) {
	if f.After > 0 {
		c.and(seq+" > ?", f.After)
	}
	if f.Before > 0 {
		c.and(seq+" < ?", f.Before)
	}
	if !f.From.IsZero() {
		c.and(seq+" >= COALESCE((SELECT s.seq FROM events s WHERE s.at >= ? ORDER BY s.at, s.seq LIMIT 1), "+
			"9223372036854775807)", Time{f.From})
	}
	if !f.To.IsZero() {
		c.and(seq+" <= COALESCE((SELECT s.seq FROM events s WHERE s.at < ? ORDER BY s.at DESC, s.seq DESC LIMIT 1), 0)",
			Time{f.To})
	}
}
