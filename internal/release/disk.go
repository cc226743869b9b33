package release

import (
	"fmt"
	"slices"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/fault"
)

// short holds a release while the database's disk is full: what room is left is for what lowers the risk. Nobody more
// gets it and nothing is promoted. It is still watched and taken back, and what is in production is still verified. It
// goes on by itself when there is room.
func (x *decider) short() bool {
	if x.f.Disk == "" {
		return false
	}
	then := &decider{r: x.r, f: x.f, d: x.d}
	then.r.States, then.r.Shares = slices.Clone(x.r.States), slices.Clone(x.r.Shares)
	then.d.Events, then.d.Effects = slices.Clip(x.d.Events), slices.Clip(x.d.Effects)
	if then.step(); then.lowers(x.r) {
		*x = *then
		return true
	}
	if x.r.State().Status == StepFailed {
		return true // a person decides, and can't before there is room
	}
	x.confirmed()
	at := ""
	if x.r.Share > 0 {
		at = " and stays at " + percent(x.r.Share)
	}
	x.wait(fmt.Sprintf("%s waits%s. %s It goes on by itself when there is room.", x.r.Version, at, x.f.Disk))
	return true
}

// lowers reports whether a decision takes something back, or looks at what is in production already.
func (x *decider) lowers(before Release) bool {
	if x.r.Phase == Undoing || x.r.Phase.Final() && x.r.Phase != Completed || x.d.Rollback != nil {
		return true
	}
	for _, e := range x.d.Effects {
		if a, ok := routeArgs(e); ok && a.Stable != before.Deployment && a.Share < before.Share {
			return true
		}
	}
	kind := before.Step().Kind
	return !before.Promoted.IsZero() && (kind == KindSmoke || kind == KindWatch)
}

// roomFor refuses the commands that let a release go on while the disk is full.
func (x *decider) roomFor(c Command) bool {
	if x.f.Disk == "" || c.Kind == Pause || c.Kind == Abort || c.Kind == SetTo {
		return true
	}
	x.d.Err = fault.New(fault.Unavailable, "disk_full", "%s %s", x.f.Disk, NoRoom)
	return false
}

// NoRoom says what becomes of a release while there is no room.
const NoRoom = "Until there is room a release can be paused, lowered and taken back, and can't go on."

// confirmed takes note of a share that was asked for before, and is in force by now. A promotion is taken note of by
// its own step.
func (x *decider) confirmed() {
	e := x.f.Effects[x.r.Effect]
	a, ok := routeArgs(e)
	if !ok || e.State != effect.Done || a.Stable == x.r.Deployment || a.Share == x.r.Share {
		return
	}
	x.setShare(a.Share, e.Ended, engineActor)
	if step := x.r.Step(); step.Kind == KindShare && step.Share == a.Share && x.r.Phase == Running {
		x.state(x.r.Cursor).Set, x.r.Effect = x.r.ShareSince, ""
	}
}
