package configs

import (
	"context"
	"fmt"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

// EditOrder changes what is gathered for an environment's next revision.
type EditOrder struct {
	Environment string
	Set         []Set
	Remove      []string
	Undo        []string // variables that the draft leaves alone again
	Seen        string   // id of the draft that was seen; empty: whatever it is
}

// Edit changes the draft of an environment. Values are sealed at once; nothing is written to the platform.
func (w *Writer) Edit(ctx context.Context, who access.Actor, o EditOrder) (configuration.Draft, error) {
	if err := w.DB.Room().Err(); err != nil && len(o.Set) > 0 {
		return configuration.Draft{}, err
	}
	base, _, err := w.base(ctx, o.Environment, 0)
	if err != nil {
		return configuration.Draft{}, err
	}
	old, err := w.draftAs(ctx, o.Environment, o.Seen)
	if err != nil {
		return old, err
	}
	next, d := old, &draft{environment: o.Environment, base: base, fresh: map[string]string{}}
	for _, key := range o.Undo {
		next = next.Without(key)
	}
	for _, key := range o.Remove {
		if _, there := base.Get(key); there {
			next = next.With(configuration.Amendment{Variable: configuration.Variable{Key: key}, Remove: true})
		} else if _, drafted := next.Get(key); drafted {
			next = next.Without(key)
		} else {
			return old, fault.New(fault.NotFound, "variable_unknown", "%s has no variable %.80q.", o.Environment, key)
		}
	}
	for _, s := range o.Set {
		next = next.Without(s.Key)
	}
	d.base.Variables = next.Over(base.Variables)
	if err := w.change(ctx, who, d, Order{Environment: o.Environment, Set: o.Set}); err != nil {
		return old, err
	}
	for _, s := range o.Set {
		v, _ := configuration.Revision{Variables: d.vars}.Get(s.Key)
		if was, there := base.Get(s.Key); !there || was != v { // else that is what it is already
			next = next.With(configuration.Amendment{Variable: v})
		}
	}
	return w.keepDraft(ctx, who, old, next, d)
}

// draftAs returns the draft that somebody saw. Faults: Conflict when it is another by now.
func (w *Writer) draftAs(ctx context.Context, environment, seen string) (configuration.Draft, error) {
	old, err := w.DB.ConfigDraft(ctx, w.Strategy.App, environment)
	if err == nil && seen != "" && seen != old.ID {
		err = fault.New(fault.Conflict, "draft_changed", "The draft of %s is another by now. Look at it, then decide again.",
			environment)
	}
	return old, err
}

// keepDraft keeps a changed draft with what it seals, and lets go of what it does not need any more.
func (w *Writer) keepDraft(ctx context.Context, who access.Actor, old, next configuration.Draft,
	d *draft) (configuration.Draft, error) {
	if old.Row == 0 && len(next.Edits) == 0 {
		return next, nil
	}
	err := w.Write(ctx, func(tx *store.Tx) error {
		next.ID, next.Base, next.Changed = newID(tx.Now()), d.base.Number, tx.Now()
		next.Author, next.Name = who.ID, who.Name
		for _, s := range d.sealed {
			if _, needed := sealedBy(next.Edits)[s.Name]; !needed {
				continue
			}
			if err := tx.PutSealed(ctx, w.Strategy.App, s); err != nil {
				return err
			}
		}
		if err := w.letGo(ctx, tx, old, next); err != nil {
			return err
		}
		kind, sentence := "config.drafted", fmt.Sprintf("%s drafted a change of the variables of %s: it %s. Nothing is "+
			"written yet.", who.Name, next.Environment, edits(next))
		if len(next.Edits) == 0 {
			kind, sentence = "config.discarded", fmt.Sprintf("%s discarded the draft of the variables of %s.", who.Name,
				next.Environment)
		}
		return w.tell(ctx, tx, who, kind, next.Environment, "", sentence, nil)
	})
	next.Row++
	if len(next.Edits) == 0 {
		next = configuration.Draft{App: next.App, Environment: next.Environment}
	}
	return next, err
}

// letGo puts a draft over another, whose sealed values go where nothing has them any more.
func (w *Writer) letGo(ctx context.Context, tx *store.Tx, old, next configuration.Draft) error {
	needed := sealedBy(next.Edits)
	for name := range sealedBy(old.Edits) {
		if _, ok := needed[name]; ok {
			continue
		}
		if err := tx.DeleteSealed(ctx, w.Strategy.App, name); err != nil {
			return err
		}
	}
	return tx.PutConfigDraft(ctx, next)
}

func sealedBy(list []configuration.Amendment) map[string]struct{} {
	out := map[string]struct{}{}
	for _, e := range list {
		if e.Variable.Sealed != "" {
			out[e.Variable.Sealed] = struct{}{}
		}
	}
	return out
}

// edits says what a draft does, by name.
func edits(d configuration.Draft) string {
	var list []configuration.Change
	for _, e := range d.Edits {
		c := configuration.Change{Key: e.Variable.Key, What: configuration.Changed}
		if e.Remove {
			c.What = configuration.Removed
		}
		list = append(list, c)
	}
	return configuration.Words(list)
}

// Discard lets go of a draft and of the values that were sealed for it.
func (w *Writer) Discard(ctx context.Context, who access.Actor, environment, seen string) error {
	if err := w.Kept(environment); err != nil {
		return err
	}
	old, err := w.draftAs(ctx, environment, seen)
	if err != nil {
		return err
	}
	if old.Row == 0 {
		return fault.New(fault.NotFound, "draft_none", "Nothing is drafted for %s.", environment)
	}
	next := old
	next.Edits = nil
	_, err = w.keepDraft(ctx, who, old, next, &draft{})
	return err
}

// Drafted returns the draft of an environment with what applying it would come to.
func (w *Writer) Drafted(ctx context.Context, environment string) (configuration.Draft, Outcome, error) {
	if err := w.Kept(environment); err != nil {
		return configuration.Draft{}, Outcome{}, err
	}
	next, err := w.DB.ConfigDraft(ctx, w.Strategy.App, environment)
	if err != nil || next.Row == 0 {
		return next, Outcome{Changes: []configuration.Change{}}, err
	}
	base, err := w.DB.ConfigNewest(ctx, w.Strategy.App, environment)
	if err != nil {
		return next, Outcome{}, err
	}
	vars := next.Over(base.Variables)
	out := Outcome{Changes: configuration.Diff(base.Variables, vars)}
	out.Problems, err = w.problems(ctx, environment, vars, nil)
	return next, out, err
}

// ApplyDraft makes the draft that was seen the next revision and has it written to the platform. The draft is gone
// then.
func (w *Writer) ApplyDraft(ctx context.Context, who access.Actor, o Order, seen string) (Outcome, error) {
	base, live, err := w.base(ctx, o.Environment, o.Revision)
	if err != nil {
		return Outcome{}, err
	}
	next, err := w.draftAs(ctx, o.Environment, seen)
	if err != nil {
		return Outcome{}, err
	}
	if next.Row == 0 {
		return Outcome{}, fault.New(fault.NotFound, "draft_none", "Nothing is drafted for %s.", o.Environment)
	}
	d := &draft{environment: o.Environment, base: base, vars: next.Over(base.Variables), applied: &next}
	return w.pushed(ctx, who, o, d, live)
}
