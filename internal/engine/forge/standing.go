package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/github"
	"github.com/slipwayhq/slipway/internal/store"
)

// Standing is what is known of GitHub without asking it.
type Standing struct {
	Behind   int       // releases that do not stand there as they are, because a try was in vain
	Why      string    // of the newest of them, or of an answer
	Unheard  int       // jobs that could not be told what was decided
	Jobs     []Job     // that wait for Slipway
	Answered time.Time // when GitHub last answered this node; zero: not since it started
}

// Job is a job of GitHub Actions that waits.
type Job struct {
	Run         int64
	Environment string
	Commit      string
	Since       time.Time
	Why         string // it waits
}

// Standing returns what is known. A Teller without a client knows nothing.
func (t *Teller) Standing(ctx context.Context) (Standing, error) {
	if t.Client == nil {
		return Standing{}, nil
	}
	out := Standing{Answered: t.Client.Answered()}
	list, err := t.DB.EffectsPending(ctx)
	if err != nil {
		return out, err
	}
	for _, x := range list {
		if x.Lane != Work {
			continue
		}
		vain := x.Attempts > 0 && !x.Result.OK
		if vain {
			out.Why = x.Result.Sentence
		}
		switch {
		case x.Kind == effect.Show && vain:
			out.Behind++
		case x.Kind == effect.Answer:
			var j job
			if err := json.Unmarshal(x.Args, &j); err != nil {
				return out, fmt.Errorf("read the job %s: %w", x.Key, err)
			}
			if vain {
				out.Unheard++
			}
			out.Jobs = append(out.Jobs, Job{Run: j.Run, Environment: j.Environment, Commit: j.Commit, Since: x.Created})
		}
	}
	if len(out.Jobs) == 0 {
		return out, nil
	}
	known, _, err := t.DB.Releases(ctx, store.ReleaseFilter{App: t.Strategy.App, Limit: 200})
	for i, j := range out.Jobs {
		verdict, why, _ := judge(known, j.Commit, j.Environment)
		if out.Jobs[i].Why = why; verdict != wait {
			out.Jobs[i].Why = "Its answer is on the way. " + why
		}
	}
	return out, err
}

// once is for how long what GitHub said of the app is not asked again, however many look.
const once = 10 * time.Second

// Access asks GitHub what is there of what the strategy needs. Several who ask at once are told the same.
func (t *Teller) Access(ctx context.Context) github.Report {
	t.looking.Lock()
	defer t.looking.Unlock()
	if t.Client == nil || t.Use == nil || time.Since(t.looked) < once {
		return t.last
	}
	t.last = t.Client.Look(ctx, t.Use(ctx))
	t.looked = time.Now()
	return t.last
}

// Retry has everything tried at once that waits for GitHub: the app's key was changed.
func (t *Teller) Retry(ctx context.Context) error {
	t.looking.Lock()
	t.looked = time.Time{}
	t.looking.Unlock()
	return t.Write(ctx, func(tx *store.Tx) error {
		list, err := tx.EffectsPending(ctx)
		for _, x := range list {
			if x.Lane == Work {
				err = tx.Schedule(ctx, x.Key, Work, tx.Now())
			}
			if err != nil {
				return err
			}
		}
		return err
	})
}
