package flags_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
)

// wide is a list of conditions of which each becomes thousands of expressions.
func wide(n int) []flag.Condition {
	values := make([]any, flag.MaxValues)
	for i := range values {
		values[i] = fmt.Sprintf("%d", i)
	}
	out := make([]flag.Condition, n)
	for i := range out {
		out[i] = flag.Condition{Attribute: "plan", Op: flag.StartsWith, Values: values}
	}
	return out
}

func TestNoChangeMakesASetThatCannotBeEvaluated(t *testing.T) {
	each(t, plain, func(t *testing.T, w *world) {
		const env = "staging"
		w.create("checkout")
		put := func(rules ...flag.Rule) error {
			_, err := w.Do(w.ctx, ada(), flags.Order{Kind: flags.Put, Flag: "checkout", Environment: env,
				Config: flag.Config{On: true, Rules: rules, Default: flag.Serve{Variant: "off"}}}, flags.How{})
			return err
		}
		huge := flag.Rule{ID: "r1", If: wide(flag.MaxConditions), Serve: flag.Serve{Variant: "on"}}
		w.refused(put(huge), fault.Invalid, "flags_too_large")
		segment := func(n int) error {
			_, err := w.ChangeSegment(w.ctx, ada(), flags.SegmentOrder{Environment: env, Key: "beta",
				Put: &flag.Segment{Any: [][]flag.Condition{wide(n)}}}, flags.When{})
			return err
		}
		w.ok(segment(10))
		asks := flag.Rule{ID: "r1", If: []flag.Condition{{Segment: "beta"}}, Serve: flag.Serve{Variant: "on"}}
		w.ok(put(asks))
		w.refused(segment(flag.MaxConditions), fault.Invalid, "flags_too_large")
		set, err := w.DB.FlagSet(w.ctx, "shop", env)
		w.ok(err)
		doc, err := set.Document()
		w.ok(err)
		if _, err := flag.Compile(doc); err != nil {
			t.Errorf("what was kept cannot be evaluated: %v", err)
		}
		_, err = w.Archive(w.ctx, ada(), "checkout", "")
		w.ok(err)
		w.ok(segment(flag.MaxConditions)) // nobody asks for it
		_, err = w.Restore(w.ctx, ada(), "checkout", "")
		w.refused(err, fault.Invalid, "flags_too_large")
	})
}

func TestASegmentThatAProposalAsksForIsNotReplacedUnseen(t *testing.T) {
	each(t, asking, func(t *testing.T, w *world) {
		const env = "production"
		w.create("checkout")
		w.segment("staff", env)
		_, err := w.Do(w.ctx, ada(), flags.Order{Kind: flags.Put, Flag: "checkout", Environment: env,
			Config: flag.Config{On: true, Default: flag.Serve{Variant: "off"}, Rules: []flag.Rule{
				{ID: "r1", If: []flag.Condition{{Segment: "staff"}}, Serve: flag.Serve{Variant: "on"}},
			}}}, flags.How{})
		w.ok(err)
		// Deleted and made anew it would be another one than the approver has seen.
		w.refused(w.DeleteSegment(w.ctx, ada(), env, "staff", ""), fault.Conflict, "segment_used")
	})
}

func TestAChangeThatWasNoneWhenItWasScheduledStillNeedsApproval(t *testing.T) {
	each(t, asking, func(t *testing.T, w *world) {
		const env = "production"
		e, stop := w.node(asking)
		defer stop()
		w.create("checkout")
		on := flags.Order{Kind: flags.On, Flag: "checkout", Environment: env, Reason: "launch"}
		out, err := w.Do(w.ctx, ada(), on, flags.How{})
		w.ok(err)
		w.ok(w.vote(e, pia(), out.Draft.Request, true))
		w.ended(out.Draft.ID, flag.Applied)
		out, err = w.Do(w.ctx, ada(), on, flags.How{When: flags.When{At: time.Now().Add(time.Second)}})
		w.ok(err)
		_, err = w.Do(w.ctx, pia(), flags.Order{Kind: flags.Off, Flag: "checkout", Environment: env, Reason: "broken"},
			flags.How{})
		w.ok(err)
		d := w.ended(out.Draft.ID, flag.Failed)
		if w.config("checkout", env).On || !strings.Contains(d.Why, "approval") {
			t.Errorf("turned on again without approval: %s", d.Why)
		}
	})
}

func TestWhatAnOffFlagServesIsNotChangedWithoutApproval(t *testing.T) {
	each(t, asking, func(t *testing.T, w *world) {
		const env = "production"
		w.create("checkout")
		_, err := w.Change(w.ctx, ada(), "checkout", 0, func(f *flag.Flag) { f.Variants[0].Value = []byte("false") })
		w.ok(err) // it is off, and nobody proposes anything else
		change := func(i int, value string) error {
			_, err := w.Change(w.ctx, ada(), "checkout", 0, func(f *flag.Flag) { f.Variants[i].Value = []byte(value) })
			return err
		}
		w.refused(change(1, "true"), fault.Refused, "approval_needed") // off serves it to everybody
		_, err = w.Do(w.ctx, ada(), flags.Order{Kind: flags.On, Flag: "checkout", Environment: env}, flags.How{})
		w.ok(err)
		w.refused(change(0, "true"), fault.Refused, "approval_needed") // people look at a proposal to serve it
	})
}

func TestAFlagIsTurnedOffWhateverElseIsWrongWithIt(t *testing.T) {
	const narrow = plain + "flags: {attributes: [country]}\n"
	each(t, plain, func(t *testing.T, w *world) {
		w.create("checkout")
		order := flags.Order{Kind: flags.Put, Flag: "checkout", Environment: "staging",
			Config: flag.Config{On: true, Default: flag.Serve{Variant: "off"}, Rules: []flag.Rule{{
				ID: "r1", If: []flag.Condition{{Attribute: "plan", Op: flag.Equals, Values: []any{"pro"}}},
				Serve: flag.Serve{Variant: "on"},
			}}}}
		_, err := w.Do(w.ctx, ada(), order, flags.How{})
		w.ok(err)
		share := func(w *world, percent float64, held bool) {
			t.Helper()
			w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
				_, err := w.SetShare(w.ctx, tx, access.System("engine"), flags.Raise{
					Effect: fmt.Sprint("effect ", percent), Release: "rel_1", Flag: "checkout", Environment: "staging",
					Share: percent, Held: held,
				})
				return err
			}))
		}
		share(w, 5, true)
		later := newWorld(t, w.DB, narrow) // the strategy names other attributes by now
		share(later, 0, false)             // the guard takes it back
		order.Config.Off = "off"
		_, err = later.Do(w.ctx, ada(), order, flags.How{})
		w.refused(err, fault.Invalid, "flag_config_invalid")
		_, err = later.Do(w.ctx, ada(), flags.Order{Kind: flags.Off, Flag: "checkout", Environment: "staging"}, flags.How{})
		w.ok(err)
		if later.config("checkout", "staging").On {
			t.Error("it is still on")
		}
	})
}

func TestAFlagThatIsOnIsNotShownToPagesWithoutApproval(t *testing.T) {
	each(t, asking, func(t *testing.T, w *world) {
		w.create("checkout")
		show := func(yes bool) error {
			_, err := w.Change(w.ctx, ada(), "checkout", 0, func(f *flag.Flag) { f.Client = yes })
			return err
		}
		w.done(flags.Order{Kind: flags.On, Flag: "checkout", Environment: "staging"})
		w.ok(show(true)) // nobody is asked there
		w.ok(show(false))
		_, err := w.Do(w.ctx, ada(), flags.Order{Kind: flags.On, Flag: "checkout", Environment: "production"}, flags.How{})
		w.ok(err)
		w.refused(show(true), fault.Refused, "approval_needed") // people look at a proposal that is for servers
		later := newWorld(t, w.DB, plain)
		later.done(flags.Order{Kind: flags.On, Flag: "checkout", Environment: "production"})
		w.refused(show(true), fault.Refused, "approval_needed")
		w.ok(w.DB.Write(w.ctx, func(tx *store.Tx) error {
			f, err := tx.Flag(w.ctx, "shop", "checkout")
			if err != nil {
				return err
			}
			f.Client = true
			return tx.UpdateFlag(w.ctx, &f)
		}))
		w.ok(show(false)) // hiding it is always possible
	})
}
