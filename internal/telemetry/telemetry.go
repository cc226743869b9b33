// Package telemetry is how Slipway tells its operators what it does: structured
// log lines and metrics.
//
// Every line carries the ids that its context holds (request, actor, release), so
// that one id finds everything about it. Metrics live in a registry of their own
// and are named slipway_<noun>_<unit>. There is no global logger and no global
// registry: app makes both and hands them out. Domain rooms log nothing.
package telemetry

import (
	"context"
	"io"
	"log/slog"
)

// The attributes that a context can carry into every line logged with it.
const (
	Request = "request_id"
	Actor   = "actor"
	Release = "release_id"
	Trace   = "trace_id"
)

type idsKey struct{}

// ids is an immutable list: each With makes a new head.
type ids struct {
	attr slog.Attr
	rest *ids
}

// With returns a context whose log lines carry the attribute. An empty value
// changes nothing.
func With(ctx context.Context, key, value string) context.Context {
	if value == "" {
		return ctx
	}
	rest, _ := ctx.Value(idsKey{}).(*ids)
	return context.WithValue(ctx, idsKey{}, &ids{slog.String(key, value), rest})
}

// ID returns the value that With gave the context for key, or "".
func ID(ctx context.Context, key string) string {
	for n, _ := ctx.Value(idsKey{}).(*ids); n != nil; n = n.rest {
		if n.attr.Key == key {
			return n.attr.Value.String()
		}
	}
	return ""
}

// NewLogger returns a logger that writes lines at level and above to w, as JSON or
// as text for people.
func NewLogger(w io.Writer, level slog.Leveler, json bool) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if json {
		return slog.New(Handler(slog.NewJSONHandler(w, opts)))
	}
	return slog.New(Handler(slog.NewTextHandler(w, opts)))
}

// Handler wraps h so that lines carry what With put into their context.
func Handler(h slog.Handler) slog.Handler { return handler{h} }

type handler struct{ next slog.Handler }

// Enabled asks the handler behind.
func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle adds the context's ids; the newest value of a key wins.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	seen := map[string]bool{}
	for n, _ := ctx.Value(idsKey{}).(*ids); n != nil; n = n.rest {
		if !seen[n.attr.Key] {
			seen[n.attr.Key] = true
			r.AddAttrs(n.attr)
		}
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs wraps what the handler behind returns.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler { return handler{h.next.WithAttrs(attrs)} }

// WithGroup wraps what the handler behind returns.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.next.WithGroup(name)} }
