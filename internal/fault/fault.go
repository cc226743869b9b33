// Package fault is the one error table of Slipway.
//
// A fault says what the caller can do about a failure (its Kind), which
// documented reason it is (Reason, a stable snake_case word) and what a person
// should read (Message). Everything that shows an error, over HTTP, on the
// command line or in the log, derives its form from the kind through this table,
// so that one failure reads the same wherever it surfaces.
//
// An error that is no fault is Internal: people see a sentence and an id, the
// chain stays in the log.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what a caller can do about a fault.
type Kind string

// The kinds of fault. Anything else is Internal.
const (
	Invalid     Kind = "invalid"     // the request is wrong: correct it
	NotFound    Kind = "not_found"   // there is no such thing: look for another
	Conflict    Kind = "conflict"    // somebody was faster: read again, then decide
	Unknown     Kind = "unknown"     // nobody is signed in: sign in
	Denied      Kind = "denied"      // this person may not: ask one who may
	Refused     Kind = "refused"     // a rule of the strategy says no: satisfy it
	Limited     Kind = "limited"     // too many requests: wait
	Unavailable Kind = "unavailable" // something needed is away: try again
	Internal    Kind = "internal"    // a defect of Slipway: report it
)

// Row is a kind's line in the table.
type Row struct {
	Kind   Kind
	Status int    // HTTP status
	Exit   int    // exit code of the command line
	Level  string // slog level: debug, info, warn or error
	Remedy string // what the caller can do, for documents and help texts
}

// Table returns the rows for every kind, in the order of their exit codes.
func Table() []Row {
	return []Row{
		{Internal, 500, 1, "error", "report it, with the id where one is named"},
		{Invalid, 422, 2, "debug", "correct the request: the message names the place"},
		{NotFound, 404, 3, "debug", "list what there is and name another"},
		{Conflict, 409, 4, "info", "read the present state, then decide again"},
		{Denied, 403, 5, "warn", "ask somebody whose role holds the permission"},
		{Refused, 412, 6, "info", "do what the message asks for; a rule of the strategy may be skipped by a named approver"},
		{Unavailable, 503, 7, "warn", "try again later"},
		{Unknown, 401, 8, "info", "sign in, or send a token"},
		{Limited, 429, 9, "info", "wait for the time that the message or Retry-After names"},
	}
}

// RowOf returns the table's row for a kind; an unlisted kind gets Internal's.
func RowOf(k Kind) Row {
	rows := Table()
	for _, r := range rows {
		if r.Kind == k {
			return r
		}
	}
	return rows[0]
}

// Error is a failure that a caller can act upon.
type Error struct {
	Kind    Kind
	Reason  string // stable snake_case word, the last part of the problem type
	Message string // a sentence for people: what, where and how to mend it
	Fields  []Field
	Ways    map[Surface]string // what to do about it where it is read, beside the message: see [Error.At]
	Err     error              // the cause, for the log only; may be nil
}

// Field is a complaint about one place of the input.
type Field struct {
	Path    string `json:"path"`    // e.g. body.version
	Message string `json:"message"` // what is wrong there
}

// Error returns the message, and the cause behind it when there is one.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns a fault whose message is formatted like fmt.Sprintf.
func New(k Kind, reason, format string, args ...any) *Error {
	return &Error{Kind: k, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Wrap is New with a cause that only the log shows.
func Wrap(err error, k Kind, reason, format string, args ...any) *Error {
	e := New(k, reason, format, args...)
	e.Err = err
	return e
}

// ReasonRequired is the fault of somebody who did not say why; ask is the question to them, without a period.
func ReasonRequired(ask string) *Error {
	return New(Invalid, "reason_required", "%s: the reason goes into the log.", ask).
		At(Command, "It is given with --reason.")
}

// Surface is where a fault is read. What mends it has another name on each.
type Surface string

// The surfaces.
const (
	Page    Surface = "page"
	Command Surface = "command" // the command line
	API     Surface = "api"
)

// At adds a sentence that says what to do at one surface, in its own words: a flag of a command is of no use on a page.
func (e *Error) At(s Surface, format string, args ...any) *Error {
	if e.Ways == nil {
		e.Ways = map[Surface]string{}
	}
	e.Ways[s] = fmt.Sprintf(format, args...)
	return e
}

// MessageAt is MessageOf with what is to be done at a surface. It is the message alone where nothing more was said for
// that surface.
func MessageAt(err error, s Surface) string {
	message := MessageOf(err)
	if f, ok := errors.AsType[*Error](err); ok && f.Ways[s] != "" {
		message += " " + f.Ways[s]
	}
	return message
}

// Command is the whole in the words of the command line; empty where they are those of everybody.
func (e *Error) Command() string {
	if e.Ways[Command] == "" {
		return ""
	}
	return MessageAt(e, Command)
}

// KindOf returns the kind of the first fault in err's chain, Internal for any
// other error and the empty kind for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if f, ok := errors.AsType[*Error](err); ok {
		return f.Kind
	}
	return Internal
}

// ReasonOf returns the reason of the first fault in err's chain, or "internal".
func ReasonOf(err error) string {
	if f, ok := errors.AsType[*Error](err); ok {
		return f.Reason
	}
	return "internal"
}

// Is reports whether err's chain holds a fault of kind k.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// MessageOf returns what people may read of err: a fault's own message without
// its cause, or a general sentence for an internal error.
func MessageOf(err error) string {
	if f, ok := errors.AsType[*Error](err); ok {
		return f.Message
	}
	return "Something went wrong inside Slipway."
}
