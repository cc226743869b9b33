package flags

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/store"
)

// Kind is what an order asks for.
type Kind string

// The kinds of order.
const (
	Put     Kind = "put"     // the configuration, as a whole
	On      Kind = "on"      //
	Off     Kind = "off"     // the kill switch: always possible
	Rollout Kind = "rollout" // the share of a variant where no rule serves
	Revert  Kind = "revert"  // what an earlier revision said, as a new one
	Promote Kind = "promote" // what the flag serves in another environment; whether it is on stays
)

// Order is a change of what a flag does in an environment. It can wait, and means the same when it is made.
type Order struct {
	Kind        Kind   `json:"kind"`
	Flag        string `json:"flag"`
	Environment string `json:"environment"`
	Revision    int64  `json:"revision,omitempty"` // of what was seen; 0: whatever is there
	Reason      string `json:"reason,omitempty"`

	Config  flag.Config `json:"config,omitzero"`   // of Put
	Share   float64     `json:"share,omitempty"`   // of Rollout, in percent
	Variant string      `json:"variant,omitempty"` // of Rollout; empty: the one that means on, or the first
	Against string      `json:"against,omitempty"` // of Rollout; empty: the one that means off, or the last
	To      int64       `json:"to,omitempty"`      // of Revert
	From    string      `json:"from,omitempty"`    // of Promote
	Exactly bool        `json:"exactly,omitempty"` // Config is what comes of it, whatever the kind: it was approved

	release string // that sets the share of the flag that it raises
}

// Outcome is what an order did, or would do.
type Outcome struct {
	Flag          flag.Flag
	Before, After flag.Config
	Set           flag.Set // that it was planned on, without lists
	Missing       []string // segments and flags that the environment lacks
	Sentence      string
	Changed       bool
	Done          bool
	Draft         flag.Draft // that waits; with an id unless it was done at once
}

// Switches reports whether it turns the flag on or off.
func (o Outcome) Switches() bool { return o.Before.On != o.After.On }

// Edits reports whether it changes anything beside on and off.
func (o Outcome) Edits() bool {
	before := o.Before
	before.On = o.After.On
	return !same(before, o.After)
}

// How says how an order is to be carried out.
type How struct {
	Dry   bool                // only say what it would do
	Allow func(Outcome) error // asked on what is there then: the desk checks permissions in it; nil allows
	When  When
}

// Do carries an order out. What needs an approval, or is for later, becomes a draft.
func (w *Writer) Do(ctx context.Context, who access.Actor, o Order, how How) (Outcome, error) {
	var out Outcome
	err := w.DB.Write(ctx, func(tx *store.Tx) (err error) {
		out, err = w.DoIn(ctx, tx, who, o, how)
		return err
	})
	return out, err
}

// DoIn is Do in the transaction of whoever decided it.
func (w *Writer) DoIn(ctx context.Context, tx *store.Tx, who access.Actor, o Order, how How) (Outcome, error) {
	if err := w.known(o.Environment); err != nil {
		return Outcome{}, err
	}
	out, err := w.plan(ctx, tx, who, o)
	if err != nil || how.Dry {
		return out, err
	}
	if how.Allow != nil {
		if err := how.Allow(out); err != nil {
			return out, err
		}
	}
	if err := permits(o, out); err != nil {
		return out, err
	}
	if w.holds(out, o.Environment) || how.When.waits() {
		err = w.postpone(ctx, tx, who, o, &out, how.When)
		return out, err
	}
	err = w.carryOut(ctx, tx, who, o, &out)
	return out, err
}

// spacious refuses what may not be recorded while the disk is full.
func (w *Writer) spacious() error {
	room := w.DB.Room()
	if !room.Full() {
		return nil
	}
	return room.Refuse("Until there is room a flag can only be turned off.")
}

// carryOut records what was planned.
func (w *Writer) carryOut(ctx context.Context, tx *store.Tx, who access.Actor, o Order, out *Outcome) error {
	if out.Done = true; !out.Changed {
		return nil
	}
	if out.After.On && o.release == "" { // a release's share: see release.Facts.Disk
		if err := w.spacious(); err != nil {
			out.Done = false
			return err
		}
	}
	c := &out.After
	c.Revision, c.Updated, c.By = out.Before.Revision+1, tx.Now(), who.ID
	if c.On != out.Before.On {
		c.Reason, c.Since = o.Reason, tx.Now()
	}
	if err := w.record(ctx, tx, who, c, change{reason: o.Reason, sentence: out.Sentence}); err != nil {
		return err
	}
	return w.append(ctx, tx, w.by(who, eventOf(o, *out), o.Environment, subjectOf(o.Flag), out.Sentence, map[string]any{
		"revision": c.Revision, "on": c.On, "rules": len(c.Rules), "reason": o.Reason,
	}))
}

// eventOf is the kind of event that an order becomes.
func eventOf(o Order, out Outcome) string {
	switch {
	case o.Kind == Revert:
		return "flag.reverted"
	case o.Kind == Promote:
		return "flag.promoted"
	case out.Switches():
		return "flag.switched"
	}
	return "flag.changed"
}

// change is what a revision says beside the document.
type change struct {
	reason   string
	sentence string
	effect   string // key of the effect that made it
}

// record writes a configuration, its revision and the environment's generation.
func (w *Writer) record(ctx context.Context, tx *store.Tx, who access.Actor, c *flag.Config, ch change) error {
	write := tx.UpdateFlagConfig
	if c.Row == 0 {
		write = tx.InsertFlagConfig
	}
	if err := write(ctx, c); err != nil {
		return err
	}
	doc, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("marshal the configuration of %s: %w", c.Flag, err)
	}
	if err := tx.InsertRevision(ctx, store.ConfigSubject(c.App, c.Environment, c.Flag), store.FlagRevision{
		Revision: c.Revision, At: c.Updated, Actor: who.ID, Name: who.Name, Reason: ch.reason, Sentence: ch.sentence,
		Effect: ch.effect, Doc: doc,
	}); err != nil {
		return err
	}
	if err := w.raise(ctx, tx, c.Environment, !c.On && c.Revision > 1 && c.Since.Equal(c.Updated)); err != nil {
		return err
	}
	if c.Environment == production {
		if err := w.reportAll(ctx, tx, c.Flag); err != nil {
			return err
		}
	}
	return w.wake(ctx, tx, c.Environment, c.Flag, "")
}

// plan says what an order would make of what is there. It changes nothing.
func (w *Writer) plan(ctx context.Context, tx *store.Tx, who access.Actor, o Order) (Outcome, error) {
	f, err := tx.Flag(ctx, w.app(), o.Flag)
	if err != nil {
		return Outcome{}, err
	}
	if !f.Archived.IsZero() {
		return Outcome{}, fault.New(fault.Conflict, "flag_archived", "%s is archived since %s. Restore it first.", f.Key,
			f.Archived.Format(time.DateOnly))
	}
	out := Outcome{Flag: f, Missing: []string{}}
	if out.Before, err = w.config(ctx, tx, f, o.Environment); err != nil {
		return out, err
	}
	if err := w.seen(ctx, tx, o, out.Before); err != nil {
		return out, err
	}
	if out.Set, err = tx.FlagSet(ctx, w.app(), o.Environment, noLists); err != nil {
		return out, err
	}
	out.Set.Attributes = w.Strategy.Flags().Attributes
	if out.After, err = w.apply(ctx, tx, o, &out); err != nil {
		return out, err
	}
	named(&out.After, tx.Now())
	out.Changed = !same(out.Before, out.After)
	// Turning it off mends whatever is wrong with it, and a ramp can always be undone.
	undone := o.Kind == Off || o.release != "" && o.release == out.Before.Ramp
	if len(out.Missing) == 0 && !undone {
		if err := out.After.Validate(&out.Set); err != nil {
			return out, err
		}
		if err := fits(out.Set, out.After); err != nil {
			return out, err
		}
	}
	out.Sentence = sentence(who, o, f, out)
	return out, nil
}

// fits refuses a configuration with which the set could not be evaluated.
func fits(set flag.Set, c flag.Config) error {
	set.Configs = append(slices.Clone(set.Configs), c) // the last one counts
	return set.Fits(c.Flag)
}

// permits refuses what must not be done although it could be planned.
func permits(o Order, out Outcome) error {
	switch {
	case len(out.Missing) > 0:
		return fault.New(fault.Refused, "missing_in_target", "%s lacks %s. Make %s first.", o.Environment,
			listed(out.Missing), them(len(out.Missing)))
	case out.Before.On && !out.After.On && o.Environment == production && o.Reason == "":
		return fault.New(fault.Invalid, "reason_required",
			"Say why %s is turned off in %s: people see the reason, and it stays with the flag.", o.Flag, o.Environment)
	case out.Before.Ramp != "" && out.Changed && o.Kind != Off:
		return rampRunning(out.Before)
	}
	return comesOn(out.Before, out.After, o.Reason, time.Time{})
}

// Killed reports whether somebody turned the flag off and said why, as production asks of whoever does. It comes on
// again only with a reason, whatever turns it on.
func Killed(c flag.Config) bool { return !c.On && c.Reason != "" }

// comesOn is asked of everything that turns a flag on. It refuses what was asked for before somebody turned the flag
// off, whatever was said then, and to turn on without a reason what was turned off with one: the kill switch wins.
func comesOn(before, after flag.Config, reason string, asked time.Time) error {
	switch {
	case before.On || !after.On:
	case !asked.IsZero() && before.Since.After(asked):
		return fault.New(fault.Refused, "turned_off", "it was turned off after this was asked for%s", because(before.Reason))
	case Killed(before) && reason == "":
		return fault.New(fault.Invalid, "reason_required",
			"%s was turned off in %s%s. Say why it may be on again: people see the reason.", before.Flag, before.Environment,
			because(before.Reason))
	}
	return nil
}

func rampRunning(c flag.Config) error {
	return fault.New(fault.Conflict, "ramp_running",
		"The release %s raises %s in %s: until it ends only it, and off, may change what is served. Abort that "+
			"release, or turn the flag off, to end it.", c.Ramp, c.Flag, c.Environment)
}

// seen refuses an order that was made on a revision that is not the present one, and says who changed what since.
func (w *Writer) seen(ctx context.Context, tx *store.Tx, o Order, c flag.Config) error {
	if o.Revision == 0 || o.Revision == c.Revision {
		return nil
	}
	what := ""
	last, err := tx.Revision(ctx, store.ConfigSubject(w.app(), o.Environment, o.Flag), c.Revision)
	if err == nil {
		what = fmt.Sprintf(" At %s: %s", last.At.UTC().Format("2006-01-02 15:04 MST"), last.Sentence)
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	return fault.New(fault.Conflict, "changed_meanwhile",
		"%s in %s is at revision %d, you saw %d.%s Read it again, then decide.", o.Flag, o.Environment, c.Revision,
		o.Revision, what)
}

// apply makes the next configuration from the present one.
func (w *Writer) apply(ctx context.Context, tx *store.Tx, o Order, out *Outcome) (flag.Config, error) {
	f, c := out.Flag, out.Before
	if o.Exactly {
		return serving(c, o.Config, o.Config.On), nil
	}
	switch o.Kind {
	case On:
		c.On = true
	case Off:
		c.On = false
	case Put:
		return serving(c, o.Config, o.Config.On), nil
	case Rollout:
		return roll(o, f, c)
	case Revert:
		v, err := tx.Revision(ctx, store.ConfigSubject(w.app(), o.Environment, o.Flag), o.To)
		if err != nil {
			return c, err
		}
		var old flag.Config
		if err := json.Unmarshal(v.Doc, &old); err != nil {
			return c, fmt.Errorf("read revision %d of %s: %w", o.To, o.Flag, err)
		}
		return serving(c, old, old.On), nil
	case Promote:
		if err := w.known(o.From); err != nil {
			return c, err
		}
		if o.From == o.Environment {
			return c, fault.New(fault.Invalid, "same_environment", "Promote from one environment to another: both are %s.",
				o.From)
		}
		from, err := w.config(ctx, tx, f, o.From)
		next, lacks := flag.Promote(from, c, &out.Set)
		out.Missing = append(out.Missing, lacks...)
		return next, err
	default:
		return c, fault.New(fault.Invalid, "order_unknown", "A flag can't be told to %.32q.", o.Kind)
	}
	return c, nil
}

// serving is c with what another configuration serves.
func serving(c, from flag.Config, on bool) flag.Config {
	c.On, c.Off, c.Needs, c.Rules, c.Default = on, from.Off, from.Needs, from.Rules, from.Default
	c.Targeting = from.Targeting
	return c
}

// points is the sum of a rollout's split: one is 0.01 %.
const points = 10_000

// decidedByRule is why the share of a flag can't be set.
func decidedByRule(c flag.Config) error {
	return fault.New(fault.Conflict, "raw_targeting",
		"%s in %s is decided by a rule in flagd's language: its share is in there. Put rules in its place first.", c.Flag,
		c.Environment)
}

// roll makes the default a split with the raised variant first, so that whoever has it keeps it while the share rises.
func roll(o Order, f flag.Flag, c flag.Config) (flag.Config, error) {
	variant, against := sides(f, o.Variant, o.Against)
	switch {
	case math.IsNaN(o.Share) || o.Share < 0 || o.Share > 100:
		return c, fault.New(fault.Invalid, "share_invalid", "A share is between 0 and 100 percent, not %g.", o.Share)
	case variant == against:
		return c, fault.New(fault.Invalid, "one_variant", "A rollout needs two different variants: %s has %d.", f.Key,
			len(f.Variants))
	case len(c.Targeting) > 0:
		return c, decidedByRule(c)
	}
	weight := int(math.Round(o.Share * points / 100))
	split := []flag.Portion{{Variant: variant, Weight: weight}, {Variant: against, Weight: points - weight}}
	c.Default = flag.Serve{Split: split, By: c.Default.By, Salt: c.Default.Salt}
	return c, nil
}

// sides are the variant that is raised and the one that the others get.
func sides(f flag.Flag, variant, against string) (string, string) {
	pick := func(value string, i int) string {
		for _, v := range f.Variants {
			if f.Kind == flag.Boolean && string(v.Value) == value {
				return v.Name
			}
		}
		if len(f.Variants) == 0 {
			return ""
		}
		return f.Variants[i].Name
	}
	return cmp.Or(variant, pick("true", 0)), cmp.Or(against, pick("false", max(len(f.Variants)-1, 0)))
}

// named gives rules without an id one.
func named(c *flag.Config, now time.Time) {
	c.Rules = slices.Clone(c.Rules)
	for i := range c.Rules {
		if c.Rules[i].ID == "" {
			c.Rules[i].ID = ident.New("rule", now)
		}
	}
}

// same reports whether two configurations do the same.
func same(a, b flag.Config) bool { return string(served(a)) == string(served(b)) }

// served is all of a configuration that says what it does.
func served(c flag.Config) []byte {
	c.Reason, c.Since, c.Revision, c.Updated, c.By = "", time.Time{}, 0, time.Time{}, ""
	text, _ := json.Marshal(c) // it came from JSON or from the API, and goes into it
	return text
}
