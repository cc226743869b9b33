// Package flags is the part of the one writer that changes feature flags: what they
// are, what they do in each environment, and the segments that their rules share.
//
// Every change is an Order. It is planned on what is there (before, after, what
// differs, what is missing) and, when it holds, recorded in one commit: the row, its
// revision, the environment's generation and the event. The log gets sentences and
// counts, never the values of rules or the names of users: those are in revisions,
// which can be deleted.
package flags

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// production is where people depend on what is served: turning a flag off there needs a reason.
const production = "production"

// mostFlags is how many flags an application may have that are not archived.
const mostFlags = 5000

// Options are what the writer stands on.
type Options struct {
	DB       *store.DB
	Strategy *strategy.Strategy
	Append   func(context.Context, *store.Tx, event.Draft) (event.Event, error) // adds to the log and tells webhooks
	// Changed is told of an environment whose flags changed, and whether one was turned off; nil: nobody is.
	Changed func(ctx context.Context, tx *store.Tx, environment string, off bool) error
}

// Writer changes flags.
type Writer struct{ Options }

// New returns a writer.
func New(opts Options) *Writer { return &Writer{opts} }

// app is the application of the strategy.
func (w *Writer) app() string { return w.Strategy.App }

// by returns a draft of an event by a person or token.
func (w *Writer) by(who access.Actor, kind, environment, subject, sentence string, data any) event.Draft {
	return event.Draft{
		Kind: kind, Actor: who.ID, App: w.app(), Environment: environment, Subject: subject, Sentence: sentence, Data: data,
	}
}

// append adds an event and forgets where it stands in the log.
func (w *Writer) append(ctx context.Context, tx *store.Tx, d event.Draft) error {
	_, err := w.Append(ctx, tx, d)
	return err
}

// environments are the names of the strategy's environments, in the order of a release's way.
func (w *Writer) environments() []string {
	var out []string
	for _, e := range w.Strategy.Environments() {
		out = append(out, e.Name)
	}
	return out
}

func (w *Writer) known(environment string) error {
	if slices.Contains(w.environments(), environment) {
		return nil
	}
	return fault.New(fault.Invalid, "environment_unknown", "The strategy names no environment %.64q.", environment)
}

// Create makes a flag. It starts off, but on where the strategy lets new flags start on.
func (w *Writer) Create(ctx context.Context, who access.Actor, f flag.Flag) (flag.Flag, error) {
	Complete(&f)
	if err := f.Validate(); err != nil {
		return f, err
	}
	if err := w.spacious(); err != nil {
		return f, err
	}
	err := w.DB.Write(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		f.App, f.Created, f.Updated, f.CreatedBy = w.app(), now, now, who.ID
		if err := w.room(ctx, tx, f.Key); err != nil {
			return err
		}
		if err := tx.InsertFlag(ctx, &f); err != nil {
			return err
		}
		on := []string{}
		for _, e := range w.Strategy.Environments() {
			c := First(f, e.Name)
			c.On, c.Updated, c.By, c.Revision, c.Since = e.FlagsOn, now, who.ID, 1, now
			if c.On {
				on = append(on, e.Name)
			}
			sentence := who.Name + " creates it, " + onOff(c.On) + "."
			if err := w.record(ctx, tx, who, &c, change{sentence: sentence}); err != nil {
				return err
			}
		}
		where := "off everywhere"
		if len(on) > 0 {
			where = "on in " + listed(on) + ", off elsewhere"
		}
		return w.append(ctx, tx, w.by(who, "flag.created", "", subjectOf(f.Key),
			fmt.Sprintf("%s creates the flag %s (%s, %d variants): %s.", who.Name, f.Key, f.Kind, len(f.Variants), where),
			map[string]any{"kind": f.Kind, "variants": len(f.Variants), "on": on}))
	})
	return f, err
}

// room refuses a key that is taken, and one flag too many.
func (w *Writer) room(ctx context.Context, tx *store.Tx, key string) error {
	if slices.Contains([]string{"stale", "export", "import", "apply", "sync"}, key) {
		return fault.New(fault.Invalid, "key_reserved", "%q is a path of the API: take another key.", key)
	}
	list, err := tx.Flags(ctx, w.app())
	if err != nil {
		return err
	}
	used := 0
	for _, f := range list {
		switch {
		case f.Key == key && !f.Archived.IsZero():
			return fault.New(fault.Conflict, "flag_archived",
				"There was a flag %s, archived since %s. Restore it, or take another key.", key, f.Archived.Format(time.DateOnly))
		case f.Key == key:
			return fault.New(fault.Conflict, "flag_exists", "There is a flag %s already. Take another key.", key)
		case f.Archived.IsZero():
			used++
		}
	}
	if used >= mostFlags {
		return fault.New(fault.Refused, "too_many_flags", "There are %d flags: archive those that are done with first.", used)
	}
	return nil
}

// Complete gives a new flag what was left out.
func Complete(f *flag.Flag) {
	if f.Kind == "" {
		f.Kind = flag.Boolean
	}
	if f.Kind == flag.Boolean && len(f.Variants) == 0 {
		f.Variants = []flag.Variant{
			{Name: "on", Value: json.RawMessage("true")}, {Name: "off", Value: json.RawMessage("false")},
		}
	}
	if f.Bucketing == 0 {
		f.Bucketing = 2
	}
}

// First is what a flag does in an environment before anybody said so: off it serves false or nothing, on its first
// variant.
func First(f flag.Flag, environment string) flag.Config {
	c := flag.Config{App: f.App, Flag: f.Key, Environment: environment}
	for _, v := range f.Variants {
		if f.Kind == flag.Boolean && string(v.Value) == "false" && c.Off == "" {
			c.Off = v.Name
		}
		if c.Default.Variant == "" && (f.Kind != flag.Boolean || string(v.Value) == "true") {
			c.Default.Variant = v.Name
		}
	}
	if c.Default.Variant == "" && len(f.Variants) > 0 {
		c.Default.Variant = f.Variants[0].Name
	}
	return c
}

// config reads what a flag does in an environment; what it does before anybody said so has revision 0.
func (w *Writer) config(ctx context.Context, tx *store.Tx, f flag.Flag, environment string) (flag.Config, error) {
	c, err := tx.FlagConfig(ctx, w.app(), environment, f.Key)
	if fault.Is(err, fault.NotFound) {
		return First(f, environment), nil
	}
	return c, err
}

// Change changes what a flag is. A revision other than 0 must be the flag's present one.
func (w *Writer) Change(
	ctx context.Context, who access.Actor, key string, revision int64, edit func(*flag.Flag),
) (flag.Flag, error) {
	var out flag.Flag
	err := w.DB.Write(ctx, func(tx *store.Tx) error {
		f, err := tx.Flag(ctx, w.app(), key)
		if err != nil {
			return err
		}
		before := f
		if err := current(revision, f.Row, "The flag "+key); err != nil {
			return err
		}
		f.Variants, f.Tags = slices.Clone(f.Variants), slices.Clone(f.Tags)
		edit(&f)
		f.App, f.Key, f.Kind, f.Created, f.CreatedBy, f.Row = before.App, before.Key, before.Kind, before.Created,
			before.CreatedBy, before.Row
		what := w.differs(before, f)
		if out = f; what == "" {
			return nil
		}
		if err := w.spacious(); err != nil {
			return err
		}
		if err := w.unasked(ctx, tx, before, f); err != nil {
			return err
		}
		if err := w.stillServed(ctx, tx, f); err != nil {
			return err
		}
		f.Updated = tx.Now()
		if err := tx.UpdateFlag(ctx, &f); err != nil {
			return err
		}
		if err := w.raiseAll(ctx, tx); err != nil {
			return err
		}
		out = f
		return w.append(ctx, tx, w.by(who, "flag.changed", "", subjectOf(key),
			fmt.Sprintf("%s changes the flag %s: %s.", who.Name, key, what), map[string]any{"revision": f.Row}))
	})
	return out, err
}

// current refuses a change that was made on what is not there any more.
func current(seen, is int64, what string) error {
	if seen == 0 || seen == is {
		return nil
	}
	return fault.New(fault.Conflict, "changed_meanwhile",
		"%s was changed meanwhile: you saw revision %d, it is at %d. Read it again, then decide.", what, seen, is)
}

// stillServed refuses variants with which a configuration of the flag would not hold any more.
func (w *Writer) stillServed(ctx context.Context, tx *store.Tx, f flag.Flag) error {
	if err := f.Validate(); err != nil {
		return err
	}
	configs, err := tx.FlagConfigs(ctx, w.app(), f.Key)
	if err != nil {
		return err
	}
	for _, c := range configs {
		set, err := tx.FlagSet(ctx, w.app(), c.Environment, noLists)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(set.Flags, func(o flag.Flag) bool { return o.Key == f.Key })
		if i < 0 {
			return nil // it is archived
		}
		set.Flags[i] = f
		if err := c.Validate(&set); err != nil {
			return fault.New(fault.Conflict, "variant_in_use", "In %s it would not hold any more: %s", c.Environment,
				fault.MessageOf(err))
		}
	}
	return nil
}

// noLists leaves the members of segments where they are: rules only name segments.
func noLists(*flag.Segment) bool { return false }

// Archive takes a flag out of every snapshot; Restore brings it back as it was.
func (w *Writer) Archive(ctx context.Context, who access.Actor, key, reason string) (flag.Flag, error) {
	return w.shelve(ctx, who, key, reason, true)
}

// Restore brings an archived flag back: as it was, but off where turning it on needs approval.
func (w *Writer) Restore(ctx context.Context, who access.Actor, key, reason string) (flag.Flag, error) {
	return w.shelve(ctx, who, key, reason, false)
}

func (w *Writer) shelve(ctx context.Context, who access.Actor, key, reason string, away bool) (flag.Flag, error) {
	var out flag.Flag
	err := w.DB.Write(ctx, func(tx *store.Tx) error {
		f, err := tx.Flag(ctx, w.app(), key)
		if err != nil {
			return err
		}
		if out = f; f.Archived.IsZero() != away {
			return nil // it is there already
		}
		kind, word := "flag.restored", "restores"
		f.Updated, f.Archived = tx.Now(), time.Time{}
		if away {
			kind, word, f.Archived = "flag.archived", "archives", tx.Now()
			if err := w.unneeded(ctx, tx, key); err != nil {
				return err
			}
		}
		if err := tx.UpdateFlag(ctx, &f); err != nil {
			return err
		}
		if err := w.raiseAll(ctx, tx); err != nil {
			return err
		}
		if !away {
			if err := w.back(ctx, tx, who, key); err != nil {
				return err
			}
		}
		if err := w.reportAll(ctx, tx, key); err != nil {
			return err
		}
		out = f
		return w.append(ctx, tx, w.by(who, kind, "", subjectOf(key),
			fmt.Sprintf("%s %s the flag %s%s.", who.Name, word, key, because(reason)), map[string]any{"revision": f.Row}))
	})
	return out, err
}

// back turns a flag off that comes back, where turning it on needs approval, and refuses one that can't be evaluated
// any more: segments may have grown meanwhile.
func (w *Writer) back(ctx context.Context, tx *store.Tx, who access.Actor, key string) error {
	configs, err := tx.FlagConfigs(ctx, w.app(), key)
	if err != nil {
		return err
	}
	for _, c := range configs {
		if !c.On {
			continue
		}
		if len(w.asks(c.Environment)) == 0 {
			set, err := tx.FlagSet(ctx, w.app(), c.Environment, noLists)
			if err != nil {
				return err
			}
			if err := set.Fits(key); err != nil {
				return err
			}
			continue
		}
		c.On, c.Since, c.Reason = false, tx.Now(), "restored"
		c.Revision, c.Updated, c.By = c.Revision+1, tx.Now(), who.ID
		says := who.Name + " restores it, off."
		if err := w.record(ctx, tx, who, &c, change{reason: c.Reason, sentence: says}); err != nil {
			return err
		}
	}
	return nil
}

// unneeded refuses to archive what other flags ask for, or what is being raised.
func (w *Writer) unneeded(ctx context.Context, tx *store.Tx, key string) error {
	configs, err := tx.FlagConfigs(ctx, w.app(), "")
	if err != nil {
		return err
	}
	list, err := tx.Flags(ctx, w.app())
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, f := range list {
		gone[f.Key] = !f.Archived.IsZero()
	}
	for _, c := range configs {
		if c.Flag == key && c.Ramp != "" {
			return rampRunning(c)
		}
		needs := slices.ContainsFunc(c.Needs, func(n flag.Prerequisite) bool { return n.Flag == key })
		if needs && !gone[c.Flag] && c.Flag != key {
			return fault.New(fault.Conflict, "flag_needed", "%s needs %s in %s. Take that out first.", c.Flag, key,
				c.Environment)
		}
	}
	return nil
}

// raiseAll raises the generation of every environment: what a flag is holds in all of them.
func (w *Writer) raiseAll(ctx context.Context, tx *store.Tx) error {
	for _, e := range w.environments() {
		if err := w.raise(ctx, tx, e, false); err != nil {
			return err
		}
	}
	return nil
}

// raise raises the generation of an environment and tells who follows it.
func (w *Writer) raise(ctx context.Context, tx *store.Tx, environment string, off bool) error {
	if _, err := tx.RaiseGeneration(ctx, w.app(), environment); err != nil {
		return err
	}
	if w.Changed == nil {
		return nil
	}
	return w.Changed(ctx, tx, environment, off)
}

func subjectOf(key string) string { return "flag/" + key }
