package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/telemetry"
)

// problem is an api.Problem as huma wants its errors.
type problem struct {
	api.Problem
	wait time.Duration // for Retry-After
}

var (
	_ huma.StatusError       = (*problem)(nil)
	_ huma.ContentTypeFilter = (*problem)(nil)
	_ huma.HeadersError      = (*problem)(nil)
)

// Error returns the sentence for people.
func (p *problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *problem) GetStatus() int { return p.Status }

// ContentType says that a problem is application/problem+json.
func (p *problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders returns the headers that go with the problem.
func (p *problem) GetHeaders() http.Header {
	h := http.Header{"Cache-Control": {"no-store"}}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="slipway"`)
	}
	if p.wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.wait+time.Second-1)/time.Second)))
	}
	return h
}

// waiter is an error that says when to come again.
type waiter interface {
	error
	RetryAfter() time.Duration
}

// title is a kind in words, the same for all its problems.
func title(k fault.Kind) string {
	words := strings.ReplaceAll(string(k), "_", " ")
	switch k {
	case fault.Unknown:
		words = "not signed in"
	case fault.Internal:
		words = "internal error"
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// problemOf turns any error into what the caller may read of it.
func problemOf(ctx context.Context, err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if errors.Is(err, context.DeadlineExceeded) && fault.KindOf(err) == fault.Internal {
		err = fault.Wrap(err, fault.Unavailable, "too_slow", "That took too long. Try again.")
	}
	row := fault.RowOf(fault.KindOf(err))
	p := &problem{Problem: api.Problem{
		Type: "/problems/" + fault.ReasonOf(err), Title: title(row.Kind), Status: row.Status,
		Detail: fault.MessageAt(err, fault.API), Instance: telemetry.ID(ctx, telemetry.Request), Kind: string(row.Kind),
		Reason: fault.ReasonOf(err), Remedy: row.Remedy, ExitCode: row.Exit, Errors: []api.ProblemError{},
	}}
	if row.Kind == fault.Internal {
		p.Type, p.Reason = "/problems/internal", "internal"
		p.Detail = "Something went wrong inside Slipway. Its log says what, under " + p.Instance + "."
	} else if f, ok := errors.AsType[*fault.Error](err); ok {
		p.Command = f.Command()
		if own := f.Ways[fault.API]; own != "" {
			p.Remedy = strings.TrimSuffix(own, ".") // it is known better than for its kind
		}
		for _, field := range f.Fields {
			p.Errors = append(p.Errors, api.ProblemError{Location: field.Path, Message: field.Message})
		}
	}
	if w, ok := errors.AsType[waiter](err); ok {
		p.wait = w.RetryAfter()
	} else if row.Kind == fault.Limited || row.Kind == fault.Unavailable {
		p.wait = time.Second
	}
	return p
}

// logProblem writes down what the caller was not told, at the level of its kind.
func (s *Server) logProblem(ctx context.Context, operation string, err error) {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return // the caller went away
	}
	var level slog.Level
	kind := fault.KindOf(err)
	if lerr := level.UnmarshalText([]byte(fault.RowOf(kind).Level)); lerr != nil {
		level = slog.LevelError
	}
	s.Log.Log(ctx, level, "request failed", "operation", operation, "kind", string(kind),
		"reason", fault.ReasonOf(err), "error", err.Error())
}

// refuse answers with a problem from outside an operation.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.logProblem(r.Context(), r.Method+" "+cut(r.URL.Path, 120), err)
	writeProblem(w, problemOf(r.Context(), err))
}

func writeProblem(w http.ResponseWriter, p *problem) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.Problem)
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, r, fault.New(fault.NotFound, "no_such_address",
		"There is nothing at this address. /api lists what there is."))
}

// cut shortens s to at most n bytes.
func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
