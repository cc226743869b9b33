// Package target is the part of the engine that follows a platform: what production serves there by the platform's own
// word, the builds that it keeps, and what other people change by its means.
//
// It writes for the engine, as the one writer's part: see [Options].Append.
package target

import (
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/ident"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/rollback"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// The kinds of its work.
const (
	Work      = "target"
	WorkBuild = "build"
)

// Options are what a Watcher stands on.
type Options struct {
	DB          *store.DB
	Strategy    *strategy.Strategy
	Platform    provider.Platform // nil where the target is none: then nothing is done
	WorkRelease string            // kind of the work that looks at releases
	Write       func(ctx context.Context, f func(*store.Tx) error) error
	Append      func(ctx context.Context, tx *store.Tx, d event.Draft) (event.Event, error)
	Stable      func(ctx context.Context, tx *store.Tx) (deployment.Deployment, error)
	Register    func(ctx context.Context, who access.Actor, d deployment.Deployment) (deployment.Deployment, error)
	// Config returns the revision of the variables that a build has, as far as that is known.
	Config func(ctx context.Context, b provider.Build) (string, error)
}

// Watcher follows a platform.
type Watcher struct{ Options }

// New returns a Watcher.
func New(o Options) *Watcher { return &Watcher{o} }

// system returns a draft of an event by Slipway itself, about production.
func (w *Watcher) system(kind, subject, sentence string, data any) event.Draft {
	return event.Draft{Kind: kind, Actor: "system:engine", App: w.Strategy.App, Environment: "production",
		Subject: subject, Sentence: sentence, Data: data}
}

// How often a platform is asked what production serves.
const (
	lookExposed = 10 * time.Second // while a release has visitors
	lookCalm    = time.Minute
	silentLong  = 2 * time.Minute // after which people are told that the platform does not answer
)

// wanted is what was routed last, in the platform's ids.
type wanted struct {
	stable, canary string
	id, serves     string // Slipway's id of the stable one, and its version
	lost           bool   // the stable one was deleted
	share          float64
	release        string    // that has visitors; empty: none
	version        string    // of the release
	moving         bool      // a routing is under way: what is served is not settled
	since          time.Time // when Slipway's last change was done: what is older is no other hand's
}

// Look compares what production serves, by the platform's own word, with what was routed last. A difference
// that no routing of ours explains is somebody else's change: it is recorded with its author, holds the release that
// has visitors, and is adopted where there is none.
func (w *Watcher) Look(ctx context.Context, _ string) (time.Time, error) {
	if w.Platform == nil {
		return time.Time{}, nil
	}
	now, err := w.DB.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	known, err := w.DB.Target(ctx, w.Strategy.App)
	if err != nil {
		return time.Time{}, err
	}
	before, err := w.wanted(ctx)
	if err != nil {
		return time.Time{}, err
	}
	next := now.Add(lookCalm)
	if before.release != "" || before.moving {
		next = now.Add(lookExposed)
	}
	ask, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	s, err := w.Platform.Serving(ask)
	if err != nil {
		return now.Add(lookExposed), w.silent(ctx, known, err, now)
	}
	after, err := w.wanted(ctx)
	if err != nil {
		return next, err
	}
	if s.Busy || before.moving || before != after {
		return now.Add(lookExposed / 5), nil // an answer from the middle of a change says nothing
	}
	if now.Sub(known.Seen) >= lookCalm {
		_ = w.seek(ask, before) // who does not answer is asked again; what is gone is seen by the next look
	}
	f := before.differs(s, author(known, s, before, now))
	switch {
	case before.stable == "":
		return next, w.adopt(ctx, known, s, f.who, now)
	case f.who == somebody && known.Drift != f.what && known.Suspect != f.what:
		return now.Add(lookExposed / 5), w.suspect(ctx, known, f)
	case before.release == "" && s.Stable != before.stable && s.Stable != "":
		return next, w.adopt(ctx, known, s, f.who, now)
	}
	return next, w.seen(ctx, known, s, f, before.lost, now)
}

// foreign is a change of production that no routing explains.
type foreign struct {
	who  string // empty: it is nobody's
	what string // empty: there is none
}

func (f foreign) String() string {
	if f.who == "" {
		return f.what
	}
	return f.who + " " + f.what + ", and not through Slipway."
}

// wanted works out what was routed last.
func (w *Watcher) wanted(ctx context.Context) (wanted, error) {
	var out wanted
	pending, err := w.DB.EffectsPending(ctx)
	if err != nil {
		return out, err
	}
	for _, x := range pending {
		out.moving = out.moving || x.Kind == effect.Route
	}
	back, err := w.DB.ActiveRollbacks(ctx, w.Strategy.App)
	if err != nil {
		return out, err
	}
	for _, b := range back {
		out.moving = out.moving || b.Phase == rollback.Executing && b.Environment == "production"
	}
	states, err := w.DB.EnvironmentStates(ctx, w.Strategy.App)
	if err != nil {
		return out, err
	}
	for _, s := range states {
		if s.Name == "production" && s.Deployment != "" {
			d, err := w.DB.Deployment(ctx, s.Deployment)
			if err != nil {
				return out, err
			}
			out.stable, out.id, out.serves, out.lost = d.External, d.ID, d.Version, !d.Gone.IsZero()
			out.since = s.Since
		}
	}
	active, err := w.DB.ActiveReleases(ctx, w.Strategy.App)
	if err != nil {
		return out, err
	}
	for _, r := range active {
		if r.Flag != nil || r.Routes == 0 {
			continue
		}
		out.release, out.version = r.ID, r.Version
		out.moving = out.moving || r.Phase == release.Undoing || r.Routing() && r.State().Status != release.StepFailed
		if r.Share > 0 && r.Promoted.IsZero() {
			if out.canary, err = w.external(ctx, r.Deployment); err != nil {
				return out, err
			}
			out.share = r.Share
			if r.ShareSince.After(out.since) {
				out.since = r.ShareSince
			}
		}
	}
	if out.share >= 100 { // everybody has it: a platform calls that stable
		out.stable, out.canary, out.share, out.lost = out.canary, "", 0, false
	}
	return out, nil
}

func (w *Watcher) external(ctx context.Context, id string) (string, error) {
	d, err := w.DB.Deployment(ctx, id)
	return d.External, err
}

// differs says how what is served differs from what is wanted; nothing when it doesn't.
func (w wanted) differs(s provider.Serving, who string) foreign {
	stable, canary, share := s.Stable, s.Canary, s.Share
	if share >= 100 && canary != "" {
		stable, canary, share = canary, "", 0
	}
	var what string
	switch {
	case stable != w.stable && stable == w.canary:
		what = "gave everybody " + w.version
	case stable != w.stable:
		what = "made " + stable + " what everybody gets"
	case w.lost:
		what = "deleted " + w.serves + ", which everybody gets"
	case canary != w.canary && canary == "":
		what = "took " + w.version + " back"
	case canary != w.canary:
		what = "shows visitors " + canary
	case s.Gone != "" && s.Gone == w.canary:
		what = "deleted " + w.version
	case share != w.share:
		what = fmt.Sprintf("gave %s %g %% of the visitors, not %g %%", w.version, share, w.share)
	case s.Paused:
		return foreign{what: fmt.Sprintf("A gate of the platform's own has paused %s at %g %%: it goes on when somebody "+
			"lets it go on there.", w.version, w.share)}
	default:
		return foreign{}
	}
	return foreign{who, what}
}

// attributable is how long before a difference was seen a change may have been made that is said to be its cause.
const attributable = 5 * time.Minute

// author names who changed the target: by the change that the platform told of last. That may be one of Slipway's own,
// which comes late and bears the name of whomever the token is of: so it names somebody only for what it made of
// production, and only when it is newer than what Slipway did last.
func author(known deployment.Target, s provider.Serving, w wanted, now time.Time) string {
	h, first := known.Hand, now
	if known.Foreign != "" {
		first = known.Since
	}
	if h.By != "" && made(h, s, w) && h.At.After(w.since) && first.Sub(h.At) < attributable {
		return h.By
	}
	return somebody
}

// somebody is who changed production when nothing says who it was.
const somebody = "Somebody"

// made says whether what is served is what a change made of it.
func made(h deployment.Hand, s provider.Serving, w wanted) bool {
	switch {
	case h.Gone != "":
		return h.Gone == s.Gone || w.lost && h.Gone == w.stable
	case h.Canary != "":
		return h.Canary == s.Canary && h.Share == s.Share
	}
	// To make what is stable stable takes the canary away, and is nobody's doing while it is there.
	return h.Stable != "" && h.Stable == s.Stable && (h.Stable != w.stable || s.Canary == "")
}

// suspect notes a change of which it is not known whose it is, and tells nobody of it yet: what the platform does is
// seen at once, and who did it comes a moment later. The next look tells it either way.
func (w *Watcher) suspect(ctx context.Context, known deployment.Target, f foreign) error {
	t := known
	t.App, t.Suspect = w.Strategy.App, f.what
	return w.record(ctx, known, t, func(*store.Tx) error { return nil })
}

// seen records what the platform serves, and whose change that is. A change is told once: that the platform says only
// later who it was makes no other change of it.
func (w *Watcher) seen(ctx context.Context, known deployment.Target, s provider.Serving, f foreign, lost bool,
	now time.Time) error {
	t := known
	serves(&t, s, now)
	t.App, t.Foreign, t.Drift, t.Suspect, t.Lost = w.Strategy.App, f.String(), f.what, "", lost
	same := t.Drift == known.Drift && known.Foreign != ""
	switch {
	case same && f.who == somebody:
		t.Foreign = known.Foreign
	case !same && t.Foreign != known.Foreign:
		t.Since = now
	}
	return w.record(ctx, known, t, func(tx *store.Tx) error {
		if known.Told {
			if err := w.tell(ctx, tx, "target.answers", "The platform answers again.", t); err != nil {
				return err
			}
		}
		switch {
		case t.Foreign == known.Foreign:
			return nil
		case t.Foreign == "":
			return w.tell(ctx, tx, "target.rejoined", "Production serves again what was routed.", t)
		case same:
			return w.tell(ctx, tx, "target.named", "It is known by now who it was: "+t.Foreign, t)
		}
		return w.tell(ctx, tx, "target.changed", t.Foreign, t)
	})
}

// serves takes note of an answer.
func serves(t *deployment.Target, s provider.Serving, now time.Time) {
	t.Stable, t.Canary, t.Share, t.Pinned, t.Paused = s.Stable, s.Canary, s.Share, s.Pinned, s.Paused
	t.Seen, t.Silent, t.Why, t.Told = now, time.Time{}, "", false
}

// silent notes since when the platform does not answer, and tells people once when that lasts.
func (w *Watcher) silent(ctx context.Context, known deployment.Target, cause error, now time.Time) error {
	t := known
	t.App, t.Why = w.Strategy.App, fault.MessageOf(cause)
	if t.Silent.IsZero() {
		t.Silent = now
	}
	long := now.Sub(t.Silent) >= silentLong && !t.Told
	t.Told = t.Told || long
	return w.record(ctx, known, t, func(tx *store.Tx) error {
		if !long {
			return nil
		}
		return w.tell(ctx, tx, "target.silent", fmt.Sprintf("What the platform serves has not been known for %.0f "+
			"minutes: %s Visitors keep what they have, and nothing is promoted meanwhile.", silentLong.Minutes(), t.Why), t)
	})
}

// record writes what was seen, with its events, and wakes who waits for it. What is as it was is written once a
// minute at most.
func (w *Watcher) record(ctx context.Context, known, t deployment.Target, tell func(*store.Tx) error) error {
	same := known
	same.Seen = t.Seen
	if known.Row > 0 && same == t && t.Seen.Sub(known.Seen) < lookCalm {
		return nil
	}
	return w.Write(ctx, func(tx *store.Tx) error {
		if err := tx.PutTarget(ctx, t); err != nil {
			return err
		}
		if err := tell(tx); err != nil {
			return err
		}
		if t.Foreign == known.Foreign {
			return nil
		}
		active, err := tx.ActiveReleases(ctx, t.App)
		if err != nil {
			return err
		}
		for _, r := range active {
			if err := tx.Schedule(ctx, r.ID, w.WorkRelease, t.Seen); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *Watcher) tell(ctx context.Context, tx *store.Tx, kind, sentence string, t deployment.Target) error {
	_, err := w.Append(ctx, tx, w.system(kind, w.Strategy.App, sentence, t))
	return err
}

// adopt takes what the platform serves as the stable version: at the first look as known good, since visitors
// are on it, and later, when somebody changed it by the platform's own means, as what it is: promoted, by others, and
// never verified here.
func (w *Watcher) adopt(ctx context.Context, known deployment.Target, s provider.Serving, who string,
	now time.Time) error {
	ask, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	b, err := w.Platform.Find(ask, provider.Ref{External: s.Stable})
	if err != nil {
		return err
	}
	if b.Config, err = w.configOf(ctx, b); err != nil {
		return err
	}
	t := known
	serves(&t, s, now)
	t.App, t.Foreign, t.Drift, t.Suspect, t.Lost = w.Strategy.App, "", "", "", false
	return w.Write(ctx, func(tx *store.Tx) error {
		if err := tx.PutTarget(ctx, t); err != nil {
			return err
		}
		old, err := w.Stable(ctx, tx)
		first := fault.ReasonOf(err) == "no_stable"
		if err != nil && !first {
			return err
		}
		d, err := w.recordServed(ctx, tx, b, first, now)
		if err != nil {
			return err
		}
		if err := tx.SetEnvironment(ctx, store.EnvironmentState{App: d.App, Name: "production", Deployment: d.ID,
			Since: now}); err != nil {
			return err
		}
		if first {
			return w.tellAdopted(ctx, tx, w.system("deployment.adopted", d.ID, fmt.Sprintf(
				"%s (%s) runs in production; Slipway takes it as the stable version.", d.Version, d.External), d))
		}
		if old.Replaced = now; old.ID != d.ID {
			if err := tx.UpdateDeployment(ctx, &old); err != nil {
				return err
			}
		}
		return w.tellAdopted(ctx, tx, w.system("target.adopted", d.ID, fmt.Sprintf(
			"%s put %s (%s) in the place of %s, and not through Slipway. It is the stable version now; nothing here has "+
				"verified it.", who, d.Version, d.External, old.Version), d))
	})
}

func (w *Watcher) tellAdopted(ctx context.Context, tx *store.Tx, d event.Draft) error {
	_, err := w.Append(ctx, tx, d)
	return err
}

// recordServed records the deployment that is served, new or known.
func (w *Watcher) recordServed(ctx context.Context, tx *store.Tx, b provider.Build, first bool,
	now time.Time) (deployment.Deployment, error) {
	d, err := tx.DeploymentByExternal(ctx, w.Strategy.App, b.External)
	fresh := fault.Is(err, fault.NotFound)
	if err != nil && !fresh {
		return d, err
	}
	if fresh {
		d = deployment.Deployment{
			ID: ident.New("dep", now), App: w.Strategy.App, Version: b.Version, Commit: b.Commit, URL: b.URL,
			External: b.External, BuildIDs: []string{b.External}, Verdict: deployment.Unknown, Created: now,
			Config: b.Config,
		}
	}
	d.Environment, d.Promoted, d.Replaced = "production", now, time.Time{}
	if first {
		d.Verdict, d.Verified = deployment.Good, now
		d.Why = "it was running in production when Slipway was set up"
	}
	if fresh {
		return d, tx.InsertDeployment(ctx, &d)
	}
	return d, tx.UpdateDeployment(ctx, &d)
}

// Foreign is what somebody else has production serve in a release's place, and whether that is a build that was
// deleted. A platform that does not answer is no reason: what was routed is still served, by all that is known.
func (w *Watcher) Foreign(ctx context.Context, r release.Release) (what string, lost bool, err error) {
	if w.Platform == nil || r.Flag != nil || r.Routes == 0 {
		return "", false, nil
	}
	t, err := w.DB.Target(ctx, r.App)
	if err != nil || t.Seen.Before(r.ShareSince) {
		return "", false, err // seen before the last routing of ours was confirmed
	}
	return t.Foreign, t.Lost, nil
}

// Heard takes note that the platform told of a change, and of a build, where there is one, and has the target and the
// build looked at now. Deliveries come in any order: what was told of a newer change stays.
func (w *Watcher) Heard(ctx context.Context, h deployment.Hand, build string) error {
	return w.Write(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		if h.By != "" {
			t, err := tx.Target(ctx, w.Strategy.App)
			if err != nil {
				return err
			}
			if h.At.IsZero() {
				h.At = now
			}
			if !h.At.Before(t.Hand.At) {
				t.Hand = h
				if err := tx.PutTarget(ctx, t); err != nil {
					return err
				}
			}
			if err := w.name(ctx, tx, h); err != nil {
				return err
			}
		}
		if build != "" {
			if err := tx.Schedule(ctx, BuildPrefix+build, WorkBuild, now); err != nil {
				return err
			}
		}
		return tx.Schedule(ctx, Work, Work, now)
	})
}
