package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/client"
	"github.com/slipwayhq/slipway/internal/fault"
)

// failure is an error as a program reads it with --json: one line, the last one of standard error. Standard output
// holds an answer or nothing, so that what reads it never meets an error there.
type failure struct {
	Kind     string  `json:"kind"`     // what the caller can do about it, as in the table of exit codes
	Reason   string  `json:"reason"`   // stable word for the cause
	Sentence string  `json:"sentence"` // what people read
	Remedy   string  `json:"remedy"`   // what to do about this kind of error
	Places   []place `json:"places"`   // complaints about single places of what was given
	Request  string  `json:"request,omitempty"`
	ExitCode int     `json:"exit_code"`
}

// place is what is wrong at one place: a field of the request, a key of a file, a command.
type place struct {
	Place    string `json:"place"`
	Sentence string `json:"sentence"`
}

// interrupted is the exit code of a command that was stopped, and the word for it.
const (
	interrupted     = 130
	interruptedWord = "interrupted"
)

// failureOf reads an error, whoever made it.
func failureOf(err error) failure {
	if p, ok := errors.AsType[*client.Problem](err); ok {
		row := fault.RowOf(fault.Kind(p.Kind)) // what is not Slipway's answer says no remedy, and might say any code
		out := failure{Kind: p.Kind, Reason: p.Reason, Sentence: cmp.Or(p.Command, p.Message),
			Remedy: cmp.Or(p.Remedy, row.Remedy), Request: p.Request, ExitCode: p.ExitCode, Places: []place{}}
		if out.ExitCode < 1 || out.ExitCode > 255 {
			out.ExitCode = row.Exit
		}
		for _, f := range p.Fields {
			out.Places = append(out.Places, place{f.Location, f.Message})
		}
		return out
	}
	if errors.Is(err, context.Canceled) {
		return failure{Kind: interruptedWord, Reason: interruptedWord, Sentence: interruptedWord, Places: []place{},
			Remedy: "run it again", ExitCode: interrupted}
	}
	row := fault.RowOf(fault.KindOf(err))
	out := failure{Kind: string(row.Kind), Reason: fault.ReasonOf(err), Sentence: err.Error(), Remedy: row.Remedy,
		ExitCode: row.Exit, Places: []place{}}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		out.Sentence = fault.MessageAt(f, fault.Command)
		for _, x := range f.Fields {
			out.Places = append(out.Places, place{x.Path, x.Message})
		}
	}
	return out
}

// Report writes an error, for people or as JSON, and returns its exit code.
func Report(w io.Writer, err error, asJSON bool) int {
	f := failureOf(err)
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(f)
		return f.ExitCode
	}
	say(w, "slipway: %s\n", f.Sentence)
	p, ok := errors.AsType[*client.Problem](err)
	if !ok {
		return f.ExitCode // the sentence has the places and the remedy
	}
	for _, at := range f.Places {
		if strings.Contains(f.Sentence, at.Sentence) {
			continue // it has been said
		}
		say(w, "  %s: %s\n", at.Place, at.Sentence)
	}
	if p.Remedy != "" && p.Command == "" { // else the sentence says it, in the words of the command line
		say(w, "What to do: %s.\n", f.Remedy)
	}
	if f.Request != "" && (f.Kind == string(fault.Internal) || f.Kind == string(fault.Unavailable)) {
		say(w, "Slipway's log has more under %s.\n", f.Request)
	}
	return f.ExitCode
}

// asksJSON reports whether a command line asks for JSON, also where it can't be read otherwise.
func asksJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}
