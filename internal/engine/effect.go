package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/approval"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/configs"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/engine/incidents"
	"github.com/slipwayhq/slipway/internal/engine/target"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/probe"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/smoke"
	"github.com/slipwayhq/slipway/internal/store"
)

// routeOrder is what the log gives a Route effect beside its arguments.
type routeOrder struct {
	release.RouteArgs
	Generation uint64 `json:"generation"`
}

// recordEffects writes effects down before they are tried. Each has its event,
// whose number is the generation of a routing: it only rises.
func (e *Engine) recordEffects(ctx context.Context, tx *store.Tx, list []effect.Effect, environment string) error {
	for _, x := range list {
		ev, err := tx.Append(ctx, e.system("effect.recorded", environment, x.Subject,
			fmt.Sprintf("To do: %s (%s).", x.Kind, x.Key), map[string]any{"key": x.Key, "args": x.Args}))
		if err != nil {
			return err
		}
		work := workEffect
		if x.Kind == effect.Route {
			work = workRoute
			var o routeOrder
			if err := json.Unmarshal(x.Args, &o.RouteArgs); err != nil {
				return fmt.Errorf("read arguments of %s: %w", x.Key, err)
			}
			o.Generation = uint64(ev.Seq)
			x.Args = marshal(o)
			if err := e.supersede(ctx, tx, x, environment); err != nil {
				return err
			}
		}
		if _, err := tx.InsertEffect(ctx, &x); err != nil {
			return err
		}
		if err := tx.Schedule(ctx, x.Key, work, ev.At); err != nil {
			return err
		}
	}
	return nil
}

// supersede leaves out the routings that nobody tried before a newer one came.
func (e *Engine) supersede(ctx context.Context, tx *store.Tx, x effect.Effect, environment string) error {
	keys, err := tx.SupersedeLane(ctx, x.Lane, x.Key)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if _, err := tx.Append(ctx, e.system("effect.superseded", environment, x.Subject,
			fmt.Sprintf("Left out: %s. %s took its place.", key, x.Key), map[string]any{"key": key, "by": x.Key})); err != nil {
			return err
		}
	}
	return nil
}

// recordRequest writes an approval request, new or changed.
func (e *Engine) recordRequest(ctx context.Context, tx *store.Tx, q *approval.Request) error {
	if q == nil {
		return nil
	}
	if q.Row == 0 {
		return tx.InsertApproval(ctx, q)
	}
	return tx.UpdateApproval(ctx, q)
}

// carryOut tries an effect and records what came of it.
func (e *Engine) carryOut(ctx context.Context, key string) (time.Time, error) {
	x, err := e.DB.Effect(ctx, key)
	if err != nil {
		return time.Time{}, err
	}
	if x.State != effect.Pending {
		return time.Time{}, nil
	}
	try, cancel := context.WithTimeout(ctx, e.Pace.Effect)
	result, err := e.try(try, x)
	cancel()
	if ctx.Err() != nil {
		return time.Time{}, ctx.Err() // stopped or lost the lease: whoever comes next tries again
	}
	now, clock := e.now(ctx)
	if clock != nil {
		return time.Time{}, clock
	}
	told, away := x.Attempts > 0 || x.Result.Sentence != "", provider.IsAway(err)
	x.Attempts++
	x.Result = result
	var next time.Time
	switch {
	case (away || fault.ReasonOf(err) == provider.UnderWay) && now.Sub(x.Created) < e.Pace.Await:
		x.Attempts-- // the other side is at it, or can't be asked: that uses up no try
		x.Result = effect.Result{Sentence: fault.MessageOf(err)}
		next = now.Add(max(x.Retry, min(now.Sub(x.Created)/10, 10*time.Second)))
	case err == nil:
		x.State, x.Ended = effect.Done, now
	case fault.ReasonOf(err) == "stale_generation":
		x.State, x.Ended = effect.Superseded, now
		x.Result = effect.Result{Sentence: "a newer routing is in force"}
	case x.Tries > 0 && (x.Attempts >= x.Tries || fault.ReasonOf(err) == provider.Elsewhere ||
		fault.KindOf(err) == fault.Invalid):
		x.State, x.Ended = effect.Failed, now
		x.Result = effect.Result{Sentence: fault.MessageOf(err)}
	default:
		x.Result = effect.Result{Sentence: fault.MessageOf(err)}
		next = now.Add(min(x.Retry<<min(x.Attempts-1, 5), 30*time.Second))
	}
	if err != nil {
		level := slog.LevelWarn
		if x.State == effect.Pending && (told || x.Kind == effect.Notify) {
			level = slog.LevelDebug // told once, and again when it is given up
		}
		e.Log.Log(ctx, level, "carry out effect", "key", key, "attempt", x.Attempts, "state", x.State, "error", err)
	}
	return next, e.recordTry(ctx, x, told, away, now)
}

// recordTry writes the outcome of a try and wakes whoever waits for it. told says that the log knows of an earlier
// one, away that the other side could not be asked.
func (e *Engine) recordTry(ctx context.Context, x effect.Effect, told, away bool, now time.Time) error {
	return e.DB.Write(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateEffect(ctx, &x); err != nil {
			return err
		}
		if x.State == effect.Pending && (told || x.Kind == effect.Notify) {
			return nil // the first failure is in the log; repeating it tells nothing new, and a notice may be late
		}
		words := map[effect.State]string{
			effect.Done:       "Done",
			effect.Failed:     "Failed for good",
			effect.Superseded: "Left out",
			effect.Pending:    "Failed, is tried again",
		}
		if x.Attempts == 0 && !away {
			words[effect.Pending] = "Under way"
		}
		say := e.append
		if x.Kind == effect.Notify { // nobody is told of being told, or the telling has no end
			say = func(ctx context.Context, tx *store.Tx, d event.Draft) (event.Event, error) { return tx.Append(ctx, d) }
		}
		if _, err := say(ctx, tx, e.system("effect."+string(x.State), "", x.Subject,
			fmt.Sprintf("%s: %s (%s). %s", words[x.State], x.Kind, x.Key, x.Result.Sentence),
			map[string]any{"key": x.Key, "attempts": x.Attempts, "ok": x.Result.OK})); err != nil {
			return err
		}
		if x.Kind == effect.Notify {
			return nil
		}
		if x.Kind == effect.Route && e.Platform != nil { // from here on somebody else may change it
			if err := tx.Schedule(ctx, target.Work, target.Work, now); err != nil {
				return err
			}
		}
		return wakeSubject(ctx, tx, x.Subject, now)
	})
}

// wakeSubject has the release, rollback, draft or incident with the id looked at; other things,
// such as a deployment that was adopted, wait for nothing.
func wakeSubject(ctx context.Context, tx *store.Tx, id string, at time.Time) error {
	switch {
	case ident.Valid("rel", id):
		return tx.Schedule(ctx, id, workRelease, at)
	case ident.Valid("rbk", id):
		return tx.Schedule(ctx, id, workRollback, at)
	case ident.Valid(flags.DraftPrefix, id):
		return tx.Schedule(ctx, id, flags.Work, at)
	case ident.Valid(configs.Prefix, id):
		return tx.Schedule(ctx, configs.Work, configs.Work, at)
	case ident.Valid(incidents.Prefix, id):
		return tx.Schedule(ctx, id, incidents.Work, at)
	}
	return nil
}

// try carries one effect out.
func (e *Engine) try(ctx context.Context, x effect.Effect) (effect.Result, error) {
	switch x.Kind {
	case effect.Route:
		return e.tryRoute(ctx, x)
	case effect.Deploy:
		return e.tryDeploy(ctx, x)
	case effect.Smoke:
		return e.trySmoke(ctx, x)
	case effect.Ramp:
		return e.tryEnable(ctx, x)
	case effect.Configure:
		return e.Configs.Apply(ctx, x)
	case effect.Notify:
		return e.tryNotify(ctx, x)
	}
	return effect.Result{}, fault.New(fault.Invalid, "effect_unknown", "Slipway does not know the effect %q.", x.Kind)
}

func (e *Engine) tryRoute(ctx context.Context, x effect.Effect) (effect.Result, error) {
	o, err := argsOf[routeOrder](x)
	if err != nil {
		return effect.Result{}, err
	}
	if err := e.roomToRaise(ctx, x, o); err != nil {
		return effect.Result{}, err
	}
	if o.Flag != nil {
		return e.tryRamp(ctx, x, o)
	}
	r, err := e.routing(ctx, o)
	if err != nil {
		return effect.Result{}, err
	}
	r.Back = o.Ban != "" || ident.Valid("rbk", x.Subject)
	if r.Steps, err = e.Target.Steps(ctx, x.Subject); err != nil {
		return effect.Result{}, err
	}
	ctx, told := provider.WithNotes(ctx)
	if err := e.Provider.Route(ctx, x.Key, r); err != nil {
		return effect.Result{}, err
	}
	sentence := fmt.Sprintf("%s is stable, the canary has %g %%. %s", r.Stable.Version, r.Share, told())
	return effect.Result{OK: true, Sentence: strings.TrimSpace(sentence)}, nil
}

// routing turns ids into arms, with those whose sessions are still honored.
func (e *Engine) routing(ctx context.Context, o routeOrder) (provider.Routing, error) {
	r := provider.Routing{App: e.app(), Generation: o.Generation, Salt: o.Salt, Share: o.Share}
	stable, err := e.DB.Deployment(ctx, o.Stable)
	if err != nil {
		return r, err
	}
	if o.Ban == "" { // a way back does not wait for this
		stable = e.identify(ctx, stable)
	}
	r.Stable = arm(stable)
	if r.Ramps, err = e.ramps(ctx); err != nil {
		return r, err
	}
	if o.Canary != "" {
		canary, err := e.DB.Deployment(ctx, o.Canary)
		if err != nil {
			return r, err
		}
		a := arm(e.identify(ctx, canary))
		r.Canary = &a
	}
	all, _, err := e.DB.Deployments(ctx, e.app(), store.DeploymentFilter{Limit: 100})
	if err != nil {
		return r, err
	}
	now, err := e.now(ctx)
	if err != nil {
		return r, err
	}
	skew := e.Strategy.ReleasePlan().Timing.Skew
	for _, d := range all {
		if d.ID == o.Stable || d.ID == o.Canary || len(r.Retired) == 16 {
			continue
		}
		replaced := d.Replaced
		if replaced.IsZero() && !d.Promoted.IsZero() {
			replaced = now // by this routing: that is recorded when it is confirmed
		}
		a := arm(d)
		a.Until = replaced.Add(skew)
		a.Banned = d.ID == o.Ban || d.Verdict == deployment.Bad
		if d.ID == o.Ban || !replaced.IsZero() && now.Before(a.Until) {
			r.Retired = append(r.Retired, a)
		}
	}
	return r, nil
}

func arm(d deployment.Deployment) provider.Arm {
	return provider.Arm{ID: d.ID, Version: d.Version, URL: d.URL, External: d.External, BuildIDs: d.BuildIDs}
}

// silence is how long a deployment may take to answer before it counts as silent: what
// takes longer tells whoever waits nothing new.
const silence = 10 * time.Second

func (e *Engine) tryDeploy(ctx context.Context, x effect.Effect) (effect.Result, error) {
	a, err := argsOf[release.TargetArgs](x)
	if err != nil {
		return effect.Result{}, err
	}
	if err := e.Target.Await(ctx, a); err != nil {
		return effect.Result{}, err
	}
	id := smoke.Identity(ctx, e.Client, a.URL, a.Health, silence)
	if !id.OK {
		return effect.Result{}, fault.New(fault.Unavailable, "deployment_silent", "%s does not answer well: %s", a.URL,
			id.Sentence)
	}
	return effect.Result{OK: true, Sentence: fmt.Sprintf("%s answers (%s)", a.URL, probe.Round(id.Took))}, nil
}

func (e *Engine) trySmoke(ctx context.Context, x effect.Effect) (effect.Result, error) {
	a, err := argsOf[release.TargetArgs](x)
	if err != nil {
		return effect.Result{}, err
	}
	report := smoke.Run(ctx, e.Client, a.URL, e.Strategy.Suite(a.Suite), smoke.Options{Lookup: e.Env})
	return effect.Result{OK: report.OK, Sentence: report.Sentence, Data: marshal(report)}, nil
}

// argsOf reads an effect's arguments.
func argsOf[T any](x effect.Effect) (T, error) {
	var a T
	if err := json.Unmarshal(x.Args, &a); err != nil {
		return a, fault.Wrap(err, fault.Invalid, "effect_malformed", "The arguments of %s cannot be read.", x.Key)
	}
	return a, nil
}
