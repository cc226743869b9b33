// Package forge is the part of the engine that shows releases where their code is: at GitHub, as a check run of the
// commit, as a deployment with its statuses, and as the answer to jobs that wait at a deployment protection rule.
//
// What is to be seen there is drawn from the release, and written down in the commit that moved the release: one effect
// for each release, which a change renews. One node at a time shows it, by a row of work of its own. What was made at
// GitHub is looked for under the release's id before it is made, so that a lost answer and a crash make nothing twice.
// GitHub being away, or refusing, delays what is seen there and nothing else: no release waits for it, and people are
// told.
package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/github"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// Work is the kind of its work; an id is the key of an effect.
const Work = "github"

// Its times.
const (
	apart   = 3 * time.Second  // between two changes of one check run, but for its end
	asking  = 30 * time.Second // for one look
	look    = 30 * time.Second // at a job that waits, though nothing woke it
	refused = 5 * time.Minute  // after a refusal that only somebody's hand ends
	slowest = time.Minute      // between two tries of a GitHub that is away
	told    = 3                // tries in vain after which people are told
	given   = 24 * time.Hour   // after a release has ended, what could not be shown is given up
	waiting = 30 * 24 * time.Hour
)

// Options are what a Teller stands on.
type Options struct {
	DB       *store.DB
	Strategy *strategy.Strategy
	Client   *github.Client                       // nil: nothing is shown
	Address  string                               // of the pages that are linked to
	Use      func(ctx context.Context) github.Use // what the app is wanted for, and what came of its deliveries
	Write    func(ctx context.Context, f func(*store.Tx) error) error
	Append   func(ctx context.Context, tx *store.Tx, d event.Draft) (event.Event, error)
	Stable   func(ctx context.Context, tx *store.Tx) (string, error) // deployment that production runs
}

// Teller shows releases at GitHub.
type Teller struct {
	Options

	looking sync.Mutex // one asks at a time
	last    github.Report
	looked  time.Time
}

// New returns a Teller.
func New(o Options) *Teller { return &Teller{Options: o} }

// made is what is kept of what was made at GitHub.
type made struct {
	Commit string            `json:"commit,omitempty"`
	Check  int64             `json:"check,omitempty"`
	Places map[string]int64  `json:"places,omitempty"`
	Said   map[string]string `json:"said,omitempty"` // of a place: its state and words
}

// job is one that waits at a protection rule.
type job struct {
	Run         int64  `json:"run"`
	Environment string `json:"environment"`
	Commit      string `json:"commit"`
}

// Changed writes down how a release is to look now, in the commit that changed it.
func (t *Teller) Changed(ctx context.Context, tx *store.Tx, r release.Release) error {
	if t.Client == nil || r.Flag != nil || r.Commit == "" {
		return nil
	}
	stable, err := t.Stable(ctx, tx)
	if err != nil {
		return err
	}
	if err := t.renew(ctx, tx, r, stable); err != nil {
		return err
	}
	if !r.Promoted.IsZero() { // another one is in production by now, or no longer
		list, _, err := tx.Releases(ctx, store.ReleaseFilter{App: r.App, Limit: 10,
			Phase: []string{string(release.Completed)}})
		if err != nil {
			return err
		}
		for _, o := range list {
			if o.ID == r.ID || o.Flag != nil || o.Commit == "" {
				continue
			}
			if err := t.renew(ctx, tx, o, stable); err != nil {
				return err
			}
		}
	}
	return t.wake(ctx, tx, r.Commit)
}

// renew writes down the picture of a release, unless the same is written already.
func (t *Teller) renew(ctx context.Context, tx *store.Tx, r release.Release, stable string) error {
	args, err := json.Marshal(draw(r, stable, t.Address, t.Strategy.EnvironmentURL("production")))
	if err != nil {
		return fmt.Errorf("write the picture of %s: %w", r.ID, err)
	}
	at := tx.Now()
	x, err := tx.Effect(ctx, Work+"/"+r.ID)
	switch {
	case fault.Is(err, fault.NotFound):
		x = effect.Effect{Key: Work + "/" + r.ID, Subject: r.ID, Lane: Work, Kind: effect.Show, Args: args,
			State: effect.Pending, Retry: time.Second, Created: at}
		if _, err := tx.InsertEffect(ctx, &x); err != nil {
			return err
		}
		return tx.Schedule(ctx, x.Key, Work, at)
	case err != nil:
		return err
	case bytes.Equal(x.Args, args):
		return nil
	}
	if next := x.Ended.Add(apart); !r.Phase.Final() && next.After(at) {
		at = next
	}
	x.Args, x.State, x.Ended = args, effect.Pending, time.Time{}
	if err := tx.UpdateEffect(ctx, &x); err != nil {
		return err
	}
	return tx.Schedule(ctx, x.Key, Work, at)
}

// wake has the jobs looked at that wait for a commit, by its name or the beginning of it.
func (t *Teller) wake(ctx context.Context, tx *store.Tx, commit string) error {
	list, err := tx.EffectsPending(ctx)
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.Kind == effect.Answer && strings.HasPrefix(x.Subject, "commit:"+commit) {
			if err := tx.Schedule(ctx, x.Key, Work, tx.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Heard does what a webhook asks for: it writes down a job that waits, or has a check run shown again.
func (t *Teller) Heard(ctx context.Context, ev github.Event) error {
	g, ok := t.Strategy.GitHub()
	if !ok || t.Client == nil || !ev.Of(g.Repository) {
		return nil
	}
	return t.Write(ctx, func(tx *store.Tx) error {
		switch ev.Type {
		case github.Waiting:
			return t.asked(ctx, tx, ev, slices.Contains(g.Protection, ev.Environment))
		case github.Rerequested:
			return t.again(ctx, tx, ev.External)
		}
		return nil
	})
}

func (t *Teller) asked(ctx context.Context, tx *store.Tx, ev github.Event, ours bool) error {
	if !ours {
		return t.tell(ctx, tx, "github.unanswered", "commit:"+ev.Commit, fmt.Sprintf("A job at GitHub waits for %q, which "+
			"the strategy does not name under github.protection: nobody answers it.", ev.Environment))
	}
	args, err := json.Marshal(job{ev.Run, ev.Environment, ev.Commit})
	if err != nil {
		return fmt.Errorf("write down a job: %w", err)
	}
	x := effect.Effect{Key: keyOf(ev.Run, ev.Environment), Subject: "commit:" + ev.Commit,
		Lane: Work, Kind: effect.Answer, Args: args, State: effect.Pending, Retry: time.Second, Created: tx.Now()}
	fresh, err := tx.InsertEffect(ctx, &x)
	if err != nil {
		return err
	}
	if !fresh { // the run was started again: it waits again
		if x, err = tx.Effect(ctx, x.Key); err != nil || x.State == effect.Pending {
			return err
		}
		x.State, x.Ended, x.Attempts, x.Created = effect.Pending, time.Time{}, 0, tx.Now()
		x.Args = args
		if err := tx.UpdateEffect(ctx, &x); err != nil {
			return err
		}
	}
	if err := tx.Schedule(ctx, x.Key, Work, tx.Now()); err != nil {
		return err
	}
	return t.tell(ctx, tx, "github.asked", x.Subject, fmt.Sprintf(
		"A job at GitHub waits until Slipway has passed %.7s for %s.", ev.Commit, ev.Environment))
}

// again has everything of a release shown anew, as if nobody knew what stands at GitHub.
func (t *Teller) again(ctx context.Context, tx *store.Tx, id string) error {
	x, err := tx.Effect(ctx, Work+"/"+id)
	if fault.Is(err, fault.NotFound) || err == nil && x.Kind != effect.Show {
		return nil // a check run of another's
	}
	if err != nil {
		return err
	}
	x.State, x.Ended, x.Result = effect.Pending, time.Time{}, effect.Result{}
	if err := tx.UpdateEffect(ctx, &x); err != nil {
		return err
	}
	return tx.Schedule(ctx, x.Key, Work, tx.Now())
}

func (t *Teller) tell(ctx context.Context, tx *store.Tx, kind, subject, sentence string) error {
	_, err := t.Append(ctx, tx, event.Draft{Kind: kind, Actor: "system:engine", App: t.Strategy.App, Subject: subject,
		Sentence: sentence})
	return err
}

// Look tries an effect and records what came of it.
func (t *Teller) Look(ctx context.Context, key string) (time.Time, error) {
	if key == Work {
		return t.goRound(ctx)
	}
	x, err := t.DB.Effect(ctx, key)
	if err != nil || x.State != effect.Pending || t.Client == nil {
		return time.Time{}, err
	}
	asked, cancel := context.WithTimeout(ctx, asking)
	is, sentence, err := t.try(asked, x)
	cancel()
	if ctx.Err() != nil {
		return time.Time{}, ctx.Err() // stopped or lost the lease: whoever comes next tries again
	}
	now, clock := t.DB.Now(ctx)
	if clock != nil {
		return time.Time{}, clock
	}
	before := x.Attempts
	var next time.Time
	if data, failed := json.Marshal(is); failed == nil && x.Kind == effect.Show {
		x.Result.Data = data // also of a try that got half the way
	}
	switch {
	case err == nil && sentence == "":
		return now.Add(look), nil // a job that waits
	case err == nil:
		x.State, x.Ended, x.Attempts = effect.Done, now, 0
		x.Result.OK, x.Result.Sentence = true, sentence
	default:
		x.Attempts++
		x.Result.OK, x.Result.Sentence = false, fault.MessageOf(err)
		next = now.Add(pause(err, x.Attempts, now))
		if t.hopeless(ctx, x, now) {
			x.State, x.Ended, next = effect.Failed, now, time.Time{}
		}
	}
	return next, t.record(ctx, x, before)
}

// pause is how long after trouble it is tried again.
func pause(err error, attempts int, now time.Time) time.Duration {
	if r, ok := github.RefusalOf(err); ok && r.Until.After(now) {
		return r.Until.Sub(now)
	}
	switch fault.KindOf(err) {
	case fault.Denied, fault.Refused, fault.NotFound, fault.Invalid:
		return refused
	}
	return min(time.Second<<min(attempts-1, 10), slowest)
}

// hopeless reports whether nobody would look at it any more.
func (t *Teller) hopeless(ctx context.Context, x effect.Effect, now time.Time) bool {
	if x.Kind == effect.Answer {
		return now.Sub(x.Created) > waiting
	}
	r, err := t.DB.Release(ctx, x.Subject)
	return err == nil && r.Phase.Final() && now.Sub(r.Ended) > given
}

func (t *Teller) record(ctx context.Context, x effect.Effect, before int) error {
	return t.Write(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateEffect(ctx, &x); err != nil {
			return err
		}
		what := "how a release stands"
		if x.Kind == effect.Answer {
			what = "that a job may run"
			if x.State == effect.Done {
				if err := t.tell(ctx, tx, "github.answered", x.Subject, x.Result.Sentence); err != nil {
					return err
				}
			}
		}
		switch {
		case x.State == effect.Pending && x.Attempts == told:
			return t.tell(ctx, tx, "github.silent", x.Subject, fmt.Sprintf("GitHub could not be told %s; releases go on. %s",
				what, x.Result.Sentence))
		case x.State == effect.Failed:
			return t.tell(ctx, tx, "github.given_up", x.Subject, "GitHub was never told "+what+". "+x.Result.Sentence)
		case x.State == effect.Done && before >= told:
			return t.tell(ctx, tx, "github.answers", x.Subject, "GitHub has been told "+what+" again.")
		}
		return nil
	})
}

func (t *Teller) try(ctx context.Context, x effect.Effect) (made, string, error) {
	if x.Kind == effect.Answer {
		sentence, err := t.answer(ctx, x)
		return made{}, sentence, err
	}
	var p picture
	var is made
	if err := json.Unmarshal(x.Args, &p); err != nil {
		return is, "", fault.Wrap(err, fault.Invalid, "effect_malformed", "The arguments of %s cannot be read.", x.Key)
	}
	if len(x.Result.Data) > 0 {
		_ = json.Unmarshal(x.Result.Data, &is) // what can't be read is looked for
	}
	err := t.show(ctx, p, &is)
	return is, "It is shown at GitHub.", err
}

// show makes what stands at GitHub the picture.
func (t *Teller) show(ctx context.Context, p picture, is *made) error {
	g, _ := t.Strategy.GitHub()
	if len(is.Commit) < 40 {
		is.Commit = p.Commit
		if len(p.Commit) < 40 { // people give the short name
			var err error
			if is.Commit, err = t.Client.Commit(ctx, p.Commit); err != nil {
				return err
			}
		}
	}
	if g.Check {
		if err := t.showCheck(ctx, p, is); err != nil {
			return err
		}
	}
	if !g.Deployments {
		return nil
	}
	for _, d := range []*place{p.Staging, p.Production} {
		if d == nil {
			continue
		}
		if err := t.showPlace(ctx, p, *d, is); err != nil {
			return err
		}
	}
	return nil
}

func (t *Teller) showCheck(ctx context.Context, p picture, is *made) error {
	if is.Check == 0 {
		found, ok, err := t.Client.Run(ctx, is.Commit, p.Check.Name, p.Release)
		if err != nil {
			return err
		}
		if is.Check = found.ID; !ok {
			run := p.Check
			run.Commit = is.Commit
			created, err := t.Client.CreateRun(ctx, run)
			is.Check = created.ID
			return err
		}
	}
	return t.Client.UpdateRun(ctx, is.Check, p.Check)
}

func (t *Teller) showPlace(ctx context.Context, p picture, d place, is *made) error {
	if is.Places == nil {
		is.Places, is.Said = map[string]int64{}, map[string]string{}
	}
	says := d.Status.State + " " + d.Status.Description
	if is.Said[d.Environment] == says {
		return nil
	}
	if is.Places[d.Environment] == 0 {
		found, ok, err := t.Client.Deployment(ctx, is.Commit, d.Environment, p.Release)
		if err == nil && !ok {
			found, err = t.Client.CreateDeployment(ctx, github.Deployment{Commit: is.Commit, Environment: d.Environment,
				Payload: github.Payload{Release: p.Release}}, d.Environment == "production", d.Status.Description)
		}
		if err != nil {
			return err
		}
		is.Places[d.Environment] = found.ID
	}
	now, err := t.Client.Status(ctx, is.Places[d.Environment])
	if err != nil {
		return err
	}
	if now.State != d.Status.State || now.Description != github.Short(d.Status.Description) {
		if err := t.Client.AddStatus(ctx, is.Places[d.Environment], d.Status); err != nil {
			return err
		}
	}
	is.Said[d.Environment] = says
	return nil
}

// answer tells a waiting job what Slipway decided; no sentence: it goes on waiting.
func (t *Teller) answer(ctx context.Context, x effect.Effect) (string, error) {
	var j job
	if err := json.Unmarshal(x.Args, &j); err != nil {
		return "", fault.Wrap(err, fault.Invalid, "effect_malformed", "The arguments of %s cannot be read.", x.Key)
	}
	list, _, err := t.DB.Releases(ctx, store.ReleaseFilter{App: t.Strategy.App, Limit: 200})
	if err != nil {
		return "", err
	}
	verdict, why, named := judge(list, j.Commit, j.Environment)
	if verdict == wait {
		return "", nil
	}
	if named != j.Commit { // a commit whose name begins like another's is made in minutes: GitHub says which is meant
		if whole, err := t.Client.Commit(ctx, named); err != nil || whole != j.Commit {
			return "", err
		}
	}
	did := map[answer]string{approve: "lets", reject: "does not let"}[verdict]
	said := fmt.Sprintf("Slipway %s the job deploy %.7s to %s. %s", did, j.Commit, j.Environment, why)
	err = t.Client.Review(ctx, j.Run, j.Environment, verdict == approve, why)
	if r, ok := github.RefusalOf(err); ok && !r.App && (r.Status == http.StatusNotFound ||
		r.Status == http.StatusUnprocessableEntity && strings.Contains(strings.ToLower(r.Message), "pending")) {
		return said + " The job waits no longer: it was canceled, or had its answer already.", nil
	}
	return said, err
}
