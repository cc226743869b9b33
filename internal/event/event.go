// Package event is the record of the one log.
//
// Every change of state is an event: who did what to which thing, when, with what
// effect, in a sentence and as data. Events are numbered without gaps and chained:
// each holds the hash of the one before it, so that an altered, missing or
// reordered record shows when the chain is walked again.
package event

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Event is one record of the log.
type Event struct {
	Seq         int64           `json:"seq"`
	At          time.Time       `json:"at"` // microseconds, UTC
	Kind        string          `json:"kind"`
	Actor       string          `json:"actor"` // user:ada, token:ci, system:guard, system:engine …
	App         string          `json:"app"`
	Environment string          `json:"environment,omitempty"`
	Subject     string          `json:"subject"` // id of the thing it is about
	Sentence    string          `json:"sentence"`
	Data        json.RawMessage `json:"data,omitempty"`
	Prev        string          `json:"prev"` // hash of the event before
	Hash        string          `json:"hash"`
}

// Draft is an event before it has its place in the log.
type Draft struct {
	Kind        string
	Actor       string
	App         string
	Environment string
	Subject     string
	Sentence    string
	Data        any // marshaled when it is recorded; nil for none
}

// Genesis is the hash before the first event.
const Genesis = "slipway"

// Seal gives the draft its number, time and place in the chain.
func (d Draft) Seal(seq int64, at time.Time, prev string) (Event, error) {
	e := Event{
		Seq: seq, At: at.UTC().Truncate(time.Microsecond), Kind: d.Kind, Actor: d.Actor, App: d.App,
		Environment: d.Environment, Subject: d.Subject, Sentence: Line(d.Sentence), Prev: prev,
	}
	if d.Data != nil {
		b, err := json.Marshal(d.Data)
		if err != nil {
			return Event{}, fmt.Errorf("marshal data of event %s: %w", d.Kind, err)
		}
		e.Data = b
	}
	e.Hash = e.Sum()
	return e, nil
}

// Line is a text on one line, in the order in which it is read: a reason that somebody gives must not look like
// another's sentence below theirs. NUL stays in it: the store refuses that.
func Line(text string) string {
	breaks := func(r rune) bool {
		return r != 0 && unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
	}
	if !strings.ContainsFunc(text, breaks) {
		return text
	}
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if breaks(r) {
			return ' '
		}
		return r
	}, text)), " ")
}

// Sum computes the hex SHA-256 of all fields but Hash. Fields are length-prefixed,
// so that no two different events have the same text.
func (e Event) Sum() string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "slipway event v1\n%d\n%d\n", e.Seq, e.At.UnixMicro())
	for _, f := range []string{e.Kind, e.Actor, e.App, e.Environment, e.Subject, e.Sentence, string(e.Data), e.Prev} {
		_, _ = fmt.Fprintf(h, "%d:%s\n", len(f), f)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Head is the end of the log: the last event's number and hash.
type Head struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// Verifier walks a log and says where it was tampered with. The zero value stands
// before the first event.
type Verifier struct {
	seq  int64
	hash string
}

// Next checks the event that follows. The error names the place and what is wrong.
func (v *Verifier) Next(e Event) error {
	prev := v.hash
	if v.seq == 0 {
		prev = Genesis
	}
	switch {
	case e.Seq > v.seq+1:
		return fmt.Errorf("event %d is missing: the log goes from %d to %d", v.seq+1, v.seq, e.Seq)
	case e.Seq <= v.seq:
		return fmt.Errorf("event %d stands after event %d", e.Seq, v.seq)
	case e.Hash != e.Sum():
		return fmt.Errorf("event %d was altered: its content does not match its hash", e.Seq)
	case e.Prev != prev:
		return fmt.Errorf("event %d does not follow event %d: one of them was replaced", e.Seq, v.seq)
	}
	v.seq, v.hash = e.Seq, e.Hash
	return nil
}

// End checks that the log ends where its head says.
func (v *Verifier) End(h Head) error {
	if h.Seq != v.seq {
		return fmt.Errorf("the log ends at event %d but its head says %d: the last %d are missing", v.seq, h.Seq, h.Seq-v.seq)
	}
	if v.seq > 0 && h.Hash != v.hash {
		return fmt.Errorf("the last event %d is not the one the head names", v.seq)
	}
	return nil
}
