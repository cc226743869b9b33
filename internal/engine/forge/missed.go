package forge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/github"
	"github.com/slipwayhq/slipway/internal/store"
)

// round is how often jobs are looked for of which Slipway was not told: GitHub does not deliver again what was in vain.
const round = 2 * time.Minute

// Begin has jobs looked for that began to wait while nobody was there to hear of it.
func (t *Teller) Begin(ctx context.Context, tx *store.Tx) error {
	if g, ok := t.Strategy.GitHub(); !ok || t.Client == nil || len(g.Protection) == 0 {
		return nil
	}
	return tx.Schedule(ctx, Work, Work, tx.Now())
}

// goRound looks for such jobs. What GitHub does not say now, it may say in the next round: its status names what is
// missing.
func (t *Teller) goRound(ctx context.Context) (time.Time, error) {
	g, ok := t.Strategy.GitHub()
	if !ok || t.Client == nil || len(g.Protection) == 0 {
		return time.Time{}, nil
	}
	asked, cancel := context.WithTimeout(ctx, asking)
	missed := t.missed(asked, g.Protection)
	cancel()
	for _, ev := range missed {
		if err := t.Heard(ctx, ev); err != nil {
			return time.Time{}, err
		}
	}
	now, err := t.DB.Now(ctx)
	return now.Add(round), err
}

// missed are the jobs that wait for an environment of ours and that nobody has written down, or not since their run was
// started again.
func (t *Teller) missed(ctx context.Context, ours []string) (out []github.Event) {
	runs, err := t.Client.WaitingRuns(ctx)
	if err != nil {
		return nil
	}
	g, _ := t.Strategy.GitHub()
	for _, r := range runs {
		fresh := slices.DeleteFunc(slices.Clone(ours), func(environment string) bool {
			x, err := t.DB.Effect(ctx, keyOf(r.ID, environment))
			before := err == nil && x.State != effect.Pending && x.Ended.Before(r.Started)
			return !before && !fault.Is(err, fault.NotFound)
		})
		if len(fresh) == 0 {
			continue
		}
		waits, err := t.Client.WaitsFor(ctx, r.ID)
		if err != nil {
			return out
		}
		for _, e := range fresh {
			if slices.Contains(waits, e) {
				out = append(out, github.Event{Type: github.Waiting, Repository: g.Repository, Environment: e, Run: r.ID,
					Commit: r.Commit})
			}
		}
	}
	return out
}

// keyOf is the key of the effect that answers a job.
func keyOf(run int64, environment string) string {
	return fmt.Sprintf("%s/job/%d/%s", Work, run, environment)
}
