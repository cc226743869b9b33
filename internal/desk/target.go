package desk

import (
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/release"
)

// late is when a platform was not looked at for so long that what is known of it may be old.
const late = 3 * time.Minute

// target is what the platform serves, by its own word; nil behind our own edge.
func (d *Desk) target(ctx context.Context, now time.Time) (*api.Target, error) {
	v, ok := d.Strategy.Vercel()
	if !ok {
		return nil, nil
	}
	t, err := d.DB.Target(ctx, d.Strategy.App)
	if err != nil {
		return nil, err
	}
	out := &api.Target{Kind: "vercel", Project: v.Project, Team: v.Team, Way: v.Canary, Share: t.Share, Pinned: t.Pinned,
		Seen: instant(t.Seen)}
	if out.Stable, err = d.targetArm(ctx, t.Stable); err != nil {
		return nil, err
	}
	if t.Canary != "" {
		arm, err := d.targetArm(ctx, t.Canary)
		if err != nil {
			return nil, err
		}
		out.Canary = &arm
	}
	out.Trouble, out.Sentence, out.Since = targetSentence(t, *out, now)
	out.Remedy = targetRemedy(t, v.Drift)
	return out, nil
}

func (d *Desk) targetArm(ctx context.Context, external string) (api.TargetArm, error) {
	out := api.TargetArm{ID: external}
	dep, err := d.DB.DeploymentByExternal(ctx, d.Strategy.App, external)
	if err == nil {
		out.Version = dep.Version
	}
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	return out, err
}

// targetSentence says what is served, or what is wrong with that.
func targetSentence(t deployment.Target, out api.Target, now time.Time) (trouble bool, say string, since *time.Time) {
	switch {
	case t.Row == 0:
		return false, "Vercel was not looked at yet.", nil
	case !t.Silent.IsZero():
		return true, "What Vercel serves is not known: " + t.Why, instant(t.Silent)
	case t.Foreign != "":
		return true, t.Foreign, instant(t.Since)
	case now.Sub(t.Seen) > late:
		return true, "Vercel was not looked at for a while: does the engine run?", instant(t.Seen)
	case out.Canary != nil:
		return false, fmt.Sprintf("%s has %g %% of the visitors, %s the rest.", armName(*out.Canary), t.Share,
			armName(out.Stable)), nil
	case t.Pinned:
		return false, armName(out.Stable) + " has everybody. New builds do not reach production by themselves.", nil
	}
	return false, armName(out.Stable) + " has everybody.", nil
}

// targetRemedy says what becomes of trouble, and what a person can do.
func targetRemedy(t deployment.Target, drift string) string {
	switch {
	case !t.Silent.IsZero():
		return "Visitors keep what Vercel served last, and nothing is promoted. Releases go on by themselves when it " +
			"answers. What the token or the project lacks: slipway check --target."
	case t.Lost:
		return "Visitors of the stable version get nothing. slipway rollback plan says what production can go back to; " +
			"nothing is put back by itself."
	case t.Foreign != "" && drift == release.DriftUndo:
		return "The release goes back by itself, as target.vercel.drift says."
	case t.Foreign != "" && t.Paused:
		return "Let the rolling release go on, on Vercel's page of the project, and the release goes on too; or take it " +
			"back: slipway release abort."
	case t.Foreign != "":
		return "The release waits for a person: slipway release abort takes it back, slipway release retry routes it again " +
			"as planned."
	}
	return ""
}

func armName(a api.TargetArm) string {
	if a.Version != "" {
		return a.Version
	}
	return a.ID
}
