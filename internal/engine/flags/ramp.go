package flags

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
)

// Raise is what a release that raises a flag asks of it.
type Raise struct {
	Effect      string // key of the effect: the same key again changes nothing
	Release     string
	Flag        string
	Environment string
	Variant     string  // empty: the one that means on, or the first
	Against     string  // empty: the one that means off, or the last
	Share       float64 // percent
	Held        bool    // the release goes on: nobody else may change the share
	On          bool    // the flag is turned on, where it is off
	Seen        int64   // revision that whoever asks for it saw; 0: whatever is there
	Reason      string
}

// remembered is how many revisions are looked through for an effect that was carried out before.
const remembered = 100

// SetShare sets the share of a flag that a release raises, in the transaction of whoever decided it. It does so once
// for an effect's key. A flag that is off stays off: whoever turned it off wins.
func (w *Writer) SetShare(ctx context.Context, tx *store.Tx, who access.Actor, r Raise) (flag.Config, error) {
	past, err := tx.Revisions(ctx, store.ConfigSubject(w.app(), r.Environment, r.Flag), 0, remembered)
	if err != nil {
		return flag.Config{}, err
	}
	if r.Effect != "" && slices.ContainsFunc(past, func(v store.FlagRevision) bool { return v.Effect == r.Effect }) {
		return tx.FlagConfig(ctx, w.app(), r.Environment, r.Flag)
	}
	o := Order{Kind: Rollout, Flag: r.Flag, Environment: r.Environment, Share: r.Share, Variant: r.Variant,
		Against: r.Against, Revision: r.Seen, Reason: r.Reason, release: r.Release}
	out, err := w.plan(ctx, tx, who, o)
	if err != nil {
		return out.Before, err
	}
	if out.Before.Ramp != "" && out.Before.Ramp != r.Release {
		return out.Before, rampRunning(out.Before)
	}
	if len(out.Missing) > 0 {
		return out.Before, fault.New(fault.Refused, "missing_in_target", "%s lacks %s.", r.Environment, listed(out.Missing))
	}
	c := out.After
	if c.Ramp = ""; r.Held {
		c.Ramp = r.Release
	}
	if r.On { // a ramp begins
		c.On = true
		if err := comesOn(out.Before, c, r.Reason, time.Time{}); err != nil {
			return out.Before, err
		}
		if r.Reason = cmp.Or(r.Reason, "a ramp begins"); !out.Before.On {
			c.Reason, c.Since = r.Reason, tx.Now()
		}
	}
	if same(out.Before, c) && r.Effect == "" {
		return out.Before, nil
	}
	c.Revision, c.Updated, c.By = out.Before.Revision+1, tx.Now(), who.ID
	says := who.Name + " changes " + r.Flag + " in " + r.Environment + ": " + summary(out.Before, c) +
		because(r.Reason) + "."
	if err := w.record(ctx, tx, who, &c, change{reason: r.Reason, sentence: says, effect: r.Effect}); err != nil {
		return out.Before, err
	}
	return c, w.append(ctx, tx, w.by(who, "flag.ramped", r.Environment, subjectOf(r.Flag), says, map[string]any{
		"revision": c.Revision, "release": r.Release, "share": r.Share, "effect": r.Effect,
	}))
}
