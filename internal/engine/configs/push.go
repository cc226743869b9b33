package configs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

// Set gives a variable a value.
type Set struct {
	Key   string
	Value string
	Kind  configuration.Kind // empty: as it is, or sensitive
}

// Order asks for a change of an environment's variables.
type Order struct {
	Environment string
	Set         []Set
	Remove      []string
	Reason      string
	Revision    int64 // that was seen; 0: whatever is newest
	Over        bool  // goes over what somebody changed on the platform, and over new complaints of the list of variables
	Dry         bool  // nothing is done
	Rebuild     bool  // what production runs is built again with it
	Insist      bool  // of Rebuild: also where a deployment is there that was built with it
}

// Outcome is what an order came to.
type Outcome struct {
	Revision configuration.Revision // Number 0 where nothing was done
	Changes  []configuration.Change
	Problems []configuration.Problem // of the list of variables, as it will be
}

// draft is a revision on its way.
type draft struct {
	environment string
	base        configuration.Revision
	vars        []configuration.Variable
	sealed      []store.Sealed
	fresh       map[string]string    // values that came with the order
	applied     *configuration.Draft // becomes the revision and is gone then
}

// Push records a changed set of variables and has it written to the platform.
func (w *Writer) Push(ctx context.Context, who access.Actor, o Order) (Outcome, error) {
	base, live, err := w.base(ctx, o.Environment, o.Revision)
	if err != nil {
		return Outcome{}, err
	}
	d := &draft{environment: o.Environment, base: base, fresh: map[string]string{}}
	if err := w.change(ctx, who, d, o); err != nil {
		return Outcome{}, err
	}
	return w.pushed(ctx, who, o, d, live)
}

// pushed records what an order made of the variables, unless something speaks against it.
func (w *Writer) pushed(ctx context.Context, who access.Actor, o Order, d *draft, live configuration.Live) (Outcome,
	error) {
	if len(live.Drift) > 0 && !o.Over && !o.Dry {
		return Outcome{}, fault.New(fault.Refused, "config_drifted",
			"%s", live.Sentence()).
			At(fault.Page, "Take that over first, or tick “Write it all the same”.").
			At(fault.API, "Take that over first (pull), or go over it (over).").
			At(fault.Command, "Take that over first (slipway config pull -e %s), or go over it (--over).", o.Environment)
	}
	base, out := d.base, Outcome{Changes: configuration.Diff(d.base.Variables, d.vars)}
	var err error
	if out.Problems, err = w.problems(ctx, o.Environment, d.vars, d.fresh); err != nil {
		return out, err
	}
	if o.Dry {
		return out, nil
	}
	if err := w.DB.Room().Err(); err != nil {
		return out, err // going back is recorded on what is left: see [Writer.Back]
	}
	if err := w.valid(ctx, o, base, out.Problems); err != nil {
		return out, err
	}
	if len(out.Changes) == 0 && base.State == configuration.Applied && len(live.Drift) == 0 {
		return out, fault.New(fault.Refused, "config_same", "That is what the variables of %s are already.", o.Environment)
	}
	r := configuration.Revision{Source: configuration.Push, Reason: o.Reason}
	out.Revision, err = w.record(ctx, who, d, r, o.Rebuild)
	return out, err
}

// base is what a change begins from.
func (w *Writer) base(ctx context.Context, environment string, seen int64) (configuration.Revision, configuration.Live,
	error) {
	var live configuration.Live
	if err := w.Kept(environment); err != nil {
		return configuration.Revision{}, live, err
	}
	base, err := w.DB.ConfigNewest(ctx, w.Strategy.App, environment)
	if err != nil {
		return base, live, err
	}
	if live, err = w.DB.ConfigLive(ctx, w.Strategy.App, environment); err != nil {
		return base, live, err
	}
	switch {
	case base.Number == 0 && live.Why != "":
		return base, live, fault.New(fault.Unavailable, "config_unread", "The variables of %s were never read: %s",
			environment, live.Why)
	case base.Number == 0:
		return base, live, fault.New(fault.Unavailable, "config_unread", "The variables of %s were not looked at yet.",
			environment)
	case seen != 0 && seen != base.Number:
		return base, live, fault.New(fault.Conflict, "config_changed",
			"Revision %d is not the newest: %s made %d (%s). Look at it, then decide again.", seen, base.Name, base.Number,
			base.Reason)
	}
	return base, live, nil
}

// change works an order into a draft.
func (w *Writer) change(ctx context.Context, who access.Actor, d *draft, o Order) error {
	now, err := w.DB.Now(ctx)
	if err != nil {
		return err
	}
	keep := map[string]configuration.Variable{}
	for _, v := range d.base.Variables {
		keep[v.Key] = v
	}
	for _, key := range o.Remove {
		if _, ok := keep[key]; !ok {
			return fault.New(fault.NotFound, "variable_unknown", "%s has no variable %.80q.", o.Environment, key)
		}
		delete(keep, key)
	}
	live, err := w.DB.ConfigLive(ctx, w.Strategy.App, o.Environment)
	if err != nil {
		return err
	}
	for _, s := range o.Set {
		old, known := keep[s.Key]
		if live.Shares(s.Key) && !known {
			return fault.New(fault.Refused, "variable_shared", "The team shares %s with this project: change it where the team "+
				"keeps it. One of the project's own with its name would hide it.", s.Key)
		}
		if s.Kind == "" {
			s.Kind = old.Kind
		}
		if s.Kind == "" {
			s.Kind = usual(o.Environment)
		}
		if err := check(o.Environment, s); err != nil {
			return err
		}
		d.fresh[s.Key] = s.Value
		if alike, sure := w.alike(o.Environment)(old, s.Value); known && alike && sure && old.Kind == s.Kind && old.Held() {
			continue
		}
		v, err := w.give(ctx, who, d, s, now)
		if err != nil {
			return err
		}
		keep[s.Key] = v
	}
	for _, v := range keep {
		d.vars = append(d.vars, v)
	}
	configuration.Sort(d.vars)
	if len(d.vars) > configuration.MostVariables {
		return fault.New(fault.Invalid, "variables_many", "An environment has at most %d variables.",
			configuration.MostVariables)
	}
	return nil
}

// usual is the kind of a variable of which nothing else was said: what need not be read again is not.
func usual(environment string) configuration.Kind {
	if environment == "development" {
		return configuration.Encrypted // the platform takes no others there
	}
	return configuration.Sensitive
}

func check(environment string, s Set) error {
	if err := configuration.CheckName(s.Key); err != nil {
		return err
	}
	if s.Kind == configuration.Sensitive && environment == "development" {
		return fault.New(fault.Refused, "variable_kind", "%s: the platform takes no sensitive variable for development. Use "+
			"encrypted.", s.Key)
	}
	return configuration.CheckValue(s.Key, s.Kind, s.Value)
}

// give makes a variable of a value: sealed, unless it may be seen.
func (w *Writer) give(ctx context.Context, who access.Actor, d *draft, s Set, now time.Time) (configuration.Variable,
	error) {
	v := configuration.Variable{Key: s.Key, Kind: s.Kind, Since: now, By: who.Name}
	if s.Kind == configuration.Plain {
		v.Value = s.Value
		return v, nil
	}
	var err error
	v.Sealed = name(d.environment, s.Key) + "/" + newID(now)
	box, err := w.Secrets.Seal(ctx, who, v.Sealed, s.Value)
	if err != nil {
		return v, err
	}
	box.Since = now
	d.sealed = append(d.sealed, box)
	v.Sum, err = w.Secrets.Vault.Sum(w.Strategy.App, name(d.environment, s.Key), s.Value, false)
	return v, err
}

// valid refuses what the list of variables complains of, and did not before.
func (w *Writer) valid(ctx context.Context, o Order, base configuration.Revision,
	problems []configuration.Problem) error {
	if o.Over || len(problems) == 0 {
		return nil
	}
	before, err := w.problems(ctx, o.Environment, base.Variables, nil)
	if err != nil {
		return err
	}
	var words []string
	for _, p := range problems {
		if !slices.Contains(before, p) {
			words = append(words, p.Sentence)
		}
	}
	if len(words) == 0 {
		return nil
	}
	return fault.New(fault.Refused, "config_invalid", "Nothing was written: %s", strings.Join(words, " ")).
		At(fault.Page, "Correct it, or tick “Write it all the same”.").
		At(fault.API, "Correct it, or go over it (over).").
		At(fault.Command, "Correct it, or go over it (--over).")
}

// effectKey is the key of the effect that writes a revision.
func effectKey(r configuration.Revision) string { return r.ID + "/write" }

// writeArgs are the arguments of a Configure effect.
type writeArgs struct {
	Revision string `json:"revision"`
	Rebuild  bool   `json:"rebuild,omitempty"`
}

// record writes a revision down with its secrets and its effect.
func (w *Writer) record(ctx context.Context, who access.Actor, d *draft, r configuration.Revision,
	rebuild bool) (configuration.Revision, error) {
	args := func() []byte {
		return fmt.Appendf(nil, `{"revision":%q,"rebuild":%t}`, r.ID, rebuild)
	}
	err := w.Write(ctx, func(tx *store.Tx) error {
		newest, err := tx.ConfigNewest(ctx, w.Strategy.App, d.environment)
		if err != nil {
			return err
		}
		if newest.Number != d.base.Number {
			return fault.New(fault.Conflict, "config_changed", "%s made revision %d meanwhile (%s). Look at it, then decide "+
				"again.", newest.Name, newest.Number, newest.Reason)
		}
		if newest.State == configuration.Waiting {
			newest.State = configuration.Replaced
		}
		if err := tx.UpdateConfig(ctx, &newest); err != nil { // also for [Writer.Forget], which goes by what is newest
			return err
		}
		if err := w.insert(ctx, tx, who, d, &r, configuration.Waiting); err != nil {
			return err
		}
		if _, err := tx.SupersedeLane(ctx, lane(d.environment), effectKey(r)); err != nil {
			return err
		}
		return w.Effects(ctx, tx, []effect.Effect{{
			Key: effectKey(r), Subject: r.ID, Lane: lane(d.environment), Kind: effect.Configure, Args: args(),
			State: effect.Pending, Tries: 20, Retry: 2 * time.Second, Created: tx.Now(),
		}}, d.environment)
	})
	return r, err
}

func lane(environment string) string { return "config/" + environment }

// insert writes a revision with what it seals, and tells of it by names only.
func (w *Writer) insert(ctx context.Context, tx *store.Tx, who access.Actor, d *draft, r *configuration.Revision,
	state configuration.State) error {
	now := tx.Now()
	r.ID, r.App, r.Environment, r.Number = newID(now), w.Strategy.App, d.environment, d.base.Number+1
	r.Author, r.Name, r.State, r.Created, r.Variables, r.Row = who.ID, who.Name, state, now, d.vars, 0
	if state == configuration.Applied {
		r.Written = now
	}
	for _, s := range d.sealed {
		if err := tx.PutSealed(ctx, w.Strategy.App, s); err != nil {
			return err
		}
	}
	if d.applied != nil {
		gone := *d.applied
		gone.Edits = nil
		if err := tx.PutConfigDraft(ctx, gone); err != nil {
			return err
		}
	}
	if err := tx.InsertConfig(ctx, r); err != nil {
		return err
	}
	changes := configuration.Diff(d.base.Variables, d.vars)
	kind := map[string]string{configuration.Push: "config.pushed", configuration.Back: "config.back",
		configuration.Adopted: "config.adopted"}[r.Source]
	data := map[string]any{"number": r.Number, "from": r.From, "reason": r.Reason, "changes": names(changes)}
	return w.tell(ctx, tx, who, kind, d.environment, r.ID, fmt.Sprintf("%s made revision %d of the variables of %s (%s): "+
		"it %s.", who.Name, r.Number, d.environment, r.Reason, configuration.Words(changes)), data)
}

func names(changes []configuration.Change) []map[string]string {
	out := []map[string]string{}
	for _, c := range changes {
		out = append(out, map[string]string{"key": c.Key, "what": c.What})
	}
	return out
}

// Manifest returns the list of variables of an environment; false where the strategy names none.
func (w *Writer) Manifest(environment string) (configuration.Manifest, []configuration.Problem, bool) {
	for _, e := range w.Strategy.Environments() {
		if e.Name != environment || e.Variables == "" || w.File == nil {
			continue
		}
		text, err := w.File(e.Variables)
		if err != nil {
			return configuration.Manifest{Name: e.Variables}, []configuration.Problem{{Sentence: fmt.Sprintf(
				"%s, which lists the variables of %s, can't be read where Slipway runs.", e.Variables, environment)}}, true
		}
		m, bad := configuration.ParseManifest(e.Variables, text)
		return m, bad, true
	}
	return configuration.Manifest{}, nil, false
}

// Problems says what is wrong with the newest variables of an environment.
func (w *Writer) Problems(ctx context.Context, r configuration.Revision) ([]configuration.Problem, error) {
	return w.problems(ctx, r.Environment, r.Variables, nil)
}

func (w *Writer) problems(ctx context.Context, environment string, vars []configuration.Variable,
	fresh map[string]string) ([]configuration.Problem, error) {
	m, bad, ok := w.Manifest(environment)
	if !ok {
		return []configuration.Problem{}, nil
	}
	var given []configuration.Given
	for _, v := range vars {
		g := configuration.Given{Key: v.Key, Value: v.Value, Known: v.Kind == configuration.Plain}
		if s, ok := fresh[v.Key]; ok {
			g.Value, g.Known = s, true
		}
		if _, asked := m.Get(v.Key); asked && !g.Known && v.Sealed != "" {
			s, err := w.Secrets.Open(ctx, v.Sealed)
			if err != nil {
				return nil, err
			}
			g.Value, g.Known = s, true
		}
		given = append(given, g)
	}
	live, err := w.DB.ConfigLive(ctx, w.Strategy.App, environment)
	if err != nil {
		return nil, err
	}
	for _, s := range live.Shared { // the project's own come first, and count
		given = append(given, configuration.Given{Key: s.Key})
	}
	return append(bad, m.Check(environment, given)...), nil
}
