// Package configs is the part of the engine that keeps the environment variables of an application on a platform: it
// records every set of them as a revision, has revisions written, looks whether the platform still has what was written
// last, and brings older ones back.
//
// It writes for the engine, as the one writer's part: see [Options].Append. A revision is recorded with its effect in
// one commit and written to the platform afterwards. What is missing there is worked out anew before each try, so that
// a crash between two calls does no harm. No value is in an event, a fault or an effect's arguments.
package configs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/secrets"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// Work is the kind, and the id, of its work; Prefix begins the id of a revision.
const (
	Work   = "config"
	Prefix = "cfg"
)

// Options are what a Writer stands on.
type Options struct {
	DB       *store.DB
	Strategy *strategy.Strategy
	Platform provider.Platform // nil where variables are not ours to write
	Secrets  *secrets.Keeper
	Write    func(ctx context.Context, f func(*store.Tx) error) error
	Append   func(ctx context.Context, tx *store.Tx, d event.Draft) (event.Event, error)
	Effects  func(ctx context.Context, tx *store.Tx, list []effect.Effect, environment string) error
	Register func(ctx context.Context, who access.Actor, d deployment.Deployment) (deployment.Deployment, error)
	// File reads a list of variables that the strategy names; nil: there is none.
	File func(name string) ([]byte, error)
}

// Writer keeps variables.
type Writer struct{ Options }

// New returns a Writer.
func New(o Options) *Writer { return &Writer{o} }

// platform is what keeps the variables; nil where nothing does.
func (w *Writer) platform() provider.Configured {
	c, _ := w.Platform.(provider.Configured)
	return c
}

// On reports whether there are variables to keep.
func (w *Writer) On() bool { return w.platform() != nil }

// Environments are those whose variables are kept.
func (w *Writer) Environments() []string {
	out := []string{}
	for _, e := range w.Strategy.Environments() {
		if _, ok := configuration.Target(e.Name); (ok || e.Custom != "") && w.On() {
			out = append(out, e.Name)
		}
	}
	return out
}

// own is the name of the environment of the team's own, on the platform, that an environment has the variables of.
func (w *Writer) own(environment string) string {
	for _, e := range w.Strategy.Environments() {
		if e.Name == environment {
			return e.Custom
		}
	}
	return ""
}

// Place is the platform's own name of an environment.
func (w *Writer) Place(environment string) string {
	target, _ := configuration.Target(environment)
	return cmp.Or(w.own(environment), target)
}

// place returns where the platform keeps the variables of an environment.
func (w *Writer) place(there onPlatform, environment string) (configuration.Place, error) {
	if own := w.own(environment); own != "" {
		id := there.custom[own]
		if id == "" {
			return configuration.Place{}, fault.New(fault.Refused, "config_no_custom", "The platform has no environment of "+
				"the team's own that is named %s (environments.%s.custom): make it there, or name another.", own, environment)
		}
		return configuration.Place{Custom: id}, nil
	}
	target, _ := configuration.Target(environment)
	return configuration.Place{Target: target}, nil
}

// Kept refuses environments whose variables no platform keeps, with the reason.
func (w *Writer) Kept(environment string) error {
	_, ok := configuration.Target(environment)
	switch {
	case !w.On():
		return fault.New(fault.Refused, "config_elsewhere",
			"%s runs on no platform that keeps variables for it: they are set where it runs. slipway config check reads a file.",
			w.Strategy.App)
	case environment == "canary":
		return fault.New(fault.Refused, "config_shared", "A canary runs with the variables of production: change those.")
	case !ok && w.own(environment) == "":
		return fault.New(fault.Refused, "config_elsewhere", "The platform has no variables of its own for %.64q: there "+
			"are those of production, staging (preview there) and development, and of environments of the team's own that "+
			"the strategy names (environments.*.custom).", environment)
	}
	return nil
}

// How often the platform is looked at.
const (
	lookCalm = time.Minute
	lookSoon = 10 * time.Second
	asking   = 30 * time.Second
	recently = 5 * time.Minute // a webhook names who changed something for so long
)

// onPlatform is what the platform has.
type onPlatform struct {
	list, shared []configuration.Found
	custom       map[string]string // ids of environments of the team's own, by name; nil where none is asked for
	unread       string            // why shared variables can't be read
}

func (w *Writer) found(ctx context.Context, told bool) (onPlatform, error) {
	ask, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	got, err := w.platform().Variables(ask, told)
	if err != nil {
		return onPlatform{}, err
	}
	out := onPlatform{unread: got.Unread}
	for _, e := range w.Strategy.Environments() {
		if e.Custom != "" && out.custom == nil {
			if out.custom, err = w.platform().Custom(ask); err != nil {
				return onPlatform{}, err
			}
		}
	}
	for _, v := range got.List {
		to := &out.list
		if v.Shared {
			to = &out.shared
		}
		*to = append(*to, configuration.Found{ID: v.ID, Key: v.Key, Kind: configuration.Kind(v.Kind), Value: v.Value,
			Told: v.Told, Targets: v.Targets, Custom: v.Custom, Branch: v.Branch, By: v.By, Updated: v.Updated})
	}
	return out, nil
}

// name is what a variable's sums are bound to.
func name(environment, key string) string { return "config/" + environment + "/" + key }

// alike compares values with what is kept of variables.
func (w *Writer) alike(environment string) configuration.Alike {
	return func(v configuration.Variable, value string) (bool, bool) {
		if v.Kind == configuration.Plain {
			return v.Value == value, true
		}
		if v.Sum == "" {
			return false, false
		}
		alike, known, err := w.Secrets.Vault.Alike(w.Strategy.App, name(environment, v.Key), value, v.Sum)
		return alike, known && err == nil
	}
}

// Look compares what the platform has with the newest revision of each environment. The first look takes what is there
// as revision 1, of which only sums are kept.
func (w *Writer) Look(ctx context.Context, _ string) (time.Time, error) {
	if !w.On() {
		return time.Time{}, nil
	}
	now, err := w.DB.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	next := now.Add(lookCalm)
	writing, err := w.writing(ctx) // known before what is there is: see [unsplit]
	if err != nil {
		return next, err
	}
	found, failed := w.found(ctx, true)
	for _, environment := range w.Environments() {
		if failed != nil {
			err = w.silent(ctx, environment, failed, now)
		} else {
			var soon bool
			if soon, err = w.lookAt(ctx, environment, found, writing, now); soon {
				next = now.Add(lookSoon)
			}
		}
		if err != nil && !fault.Is(err, fault.Conflict) {
			return next, err
		}
	}
	return next, nil
}

// lookAt looks at one environment. It reports true while something is under way.
func (w *Writer) lookAt(ctx context.Context, environment string, found onPlatform, writing bool,
	now time.Time) (bool, error) {
	live, err := w.DB.ConfigLive(ctx, w.Strategy.App, environment)
	if err != nil {
		return false, err
	}
	newest, err := w.DB.ConfigNewest(ctx, w.Strategy.App, environment)
	if err != nil {
		return false, err
	}
	place, err := w.place(found, environment)
	if err != nil {
		return false, w.silent(ctx, environment, err, now)
	}
	switch {
	case newest.Number == 0:
		_, err := w.adopt(ctx, access.System("engine"), taken{environment: environment, found: found, base: newest,
			live: live, reason: "what the platform had when Slipway first looked"})
		if fault.ReasonOf(err) == "vault_key_missing" {
			return false, w.silent(ctx, environment, err, now)
		}
		return false, err
	case newest.State == configuration.Waiting:
		return true, w.settle(ctx, newest)
	case newest.State == configuration.Failed:
		return false, nil // it has a part of it, perhaps: that is nobody's drift
	}
	live, moved := unsplit(live, found, place, writing)
	drift := configuration.Drift(newest, live.Marks, found.list, place, w.alike(environment))
	next := shares(live, found, place)
	if moved || next.Unread != live.Unread || live.Taken == nil {
		next.Seen = time.Time{} // that is written down now
	}
	return false, w.seen(ctx, next, append(drift, configuration.SharedDrift(next.Taken, next.Shared)...), now)
}

// shares notes what the team shares with a place. What was never looked at before is taken for known; what can't be
// read stays as it was.
func shares(live configuration.Live, found onPlatform, place configuration.Place) configuration.Live {
	live.Unread = found.unread
	if found.unread != "" {
		return live
	}
	live.Shared = configuration.SharedOf(found.shared, place)
	if live.Taken == nil {
		live.Taken = configuration.Takes(live.Shared)
	}
	return live
}

// takes takes what the team shares with a place for known.
func takes(live configuration.Live, found onPlatform, place configuration.Place) configuration.Live {
	live.Taken = nil
	return shares(live, found, place)
}

// seen records how the platform differs, and whose doing that is.
func (w *Writer) seen(ctx context.Context, live configuration.Live, drift []configuration.Difference,
	now time.Time) error {
	same := configuration.SameDrift(live.Drift, drift)
	if same && live.Silent.IsZero() && now.Sub(live.Seen) < lookCalm {
		return nil
	}
	next := live
	next.Seen, next.Silent, next.Why, next.Drift = now, time.Time{}, "", drift
	if !same {
		next.Since, next.Author = now, author(live, drift, now)
	}
	return w.Write(ctx, func(tx *store.Tx) error {
		if err := tx.PutConfigLive(ctx, next); err != nil {
			return err
		}
		kind, sentence := "config.drifted", next.Sentence()
		switch {
		case same:
			return nil
		case len(drift) == 0:
			kind = "config.rejoined"
			sentence = fmt.Sprintf("The platform has the variables of %s as revision %d says again.", live.Environment,
				live.Revision)
		}
		return w.tell(ctx, tx, access.System("engine"), kind, live.Environment, live.ID, sentence, drift)
	})
}

// author names who changed a variable: by the platform's word of it, or, of one that is no more, by a webhook that came
// lately and was about it: others may be about what Slipway did itself.
func author(live configuration.Live, drift []configuration.Difference, now time.Time) string {
	var newest configuration.Difference
	for _, d := range drift {
		if d.Updated.After(newest.Updated) {
			newest = d
		}
	}
	about := slices.ContainsFunc(drift, func(d configuration.Difference) bool { return d.Key == live.Of })
	if live.By != "" && about && now.Sub(live.Heard) < recently {
		return cmp.Or(newest.By, live.By)
	}
	return newest.By
}

// silent notes since when the platform can't be read.
func (w *Writer) silent(ctx context.Context, environment string, cause error, now time.Time) error {
	live, err := w.DB.ConfigLive(ctx, w.Strategy.App, environment)
	if err != nil || !live.Silent.IsZero() && live.Why == fault.MessageOf(cause) {
		return err
	}
	live.Why = fault.MessageOf(cause)
	if live.Silent.IsZero() {
		live.Silent = now
	}
	return w.Write(ctx, func(tx *store.Tx) error { return tx.PutConfigLive(ctx, live) })
}

// settle records that a revision was given up, once its effect was.
func (w *Writer) settle(ctx context.Context, r configuration.Revision) error {
	x, err := w.DB.Effect(ctx, effectKey(r))
	if err != nil || x.State == effect.Pending || x.State == effect.Done {
		return err
	}
	r.State, r.Why = configuration.Failed, x.Result.Sentence
	if x.State == effect.Superseded {
		r.State = configuration.Replaced
	}
	return w.Write(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateConfig(ctx, &r); err != nil || r.State == configuration.Replaced {
			return err
		}
		return w.tell(ctx, tx, access.System("engine"), "config.failed", r.Environment, r.ID, fmt.Sprintf(
			"Revision %d of the variables of %s was not written: %s", r.Number, r.Environment, r.Why), nil)
	})
}

// Heard takes note that the platform told of a change of a variable, and has them looked at now.
func (w *Writer) Heard(ctx context.Context, who, key string) error {
	if !w.On() {
		return nil
	}
	return w.Write(ctx, func(tx *store.Tx) error {
		for _, environment := range w.Environments() {
			live, err := tx.ConfigLive(ctx, w.Strategy.App, environment)
			if err != nil {
				return err
			}
			if live.Row == 0 || who == "" {
				continue
			}
			live.By, live.Of, live.Heard = who, key, tx.Now()
			if err := tx.PutConfigLive(ctx, live); err != nil {
				return err
			}
		}
		return tx.Schedule(ctx, Work, Work, tx.Now())
	})
}

func (w *Writer) tell(ctx context.Context, tx *store.Tx, who access.Actor, kind, environment, subject, sentence string,
	data any) error {
	id := who.ID
	_, err := w.Append(ctx, tx, event.Draft{Kind: kind, Actor: id, App: w.Strategy.App, Environment: environment,
		Subject: cmp.Or(subject, environment), Sentence: sentence, Data: data})
	return err
}

func newID(now time.Time) string { return ident.New(Prefix, now) }

// At returns the revision that a build of production that was begun at a time has, as far as that is known.
func (w *Writer) At(ctx context.Context, begun time.Time) (string, error) {
	if !w.On() || begun.IsZero() {
		return "", nil
	}
	live, err := w.DB.ConfigLive(ctx, w.Strategy.App, "production")
	if err != nil || len(live.Drift) > 0 && live.Since.Add(-2*lookCalm).Before(begun) {
		return "", err // it may have been built with what somebody changed
	}
	list, _, err := w.DB.Configs(ctx, w.Strategy.App, "production", "", 50)
	if err != nil {
		return "", err
	}
	for _, r := range list {
		switch {
		case r.State == configuration.Replaced:
		case r.Created.After(begun):
			continue
		case r.State != configuration.Applied || r.Written.After(begun):
			return "", nil // it was being written
		default:
			return r.Ref(), nil
		}
	}
	return "", nil
}
