package configs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
)

// taken is what is taken over from the platform.
type taken struct {
	environment string
	found       onPlatform
	base        configuration.Revision
	live        configuration.Live
	values      bool // they are sealed; otherwise sums are kept only
	reason      string
}

// Pull takes what the platform has over as a revision, with the values that it tells.
func (w *Writer) Pull(ctx context.Context, who access.Actor, environment, reason string) (Outcome, error) {
	if err := w.Kept(environment); err != nil {
		return Outcome{}, err
	}
	base, err := w.DB.ConfigNewest(ctx, w.Strategy.App, environment)
	if err != nil {
		return Outcome{}, err
	}
	if base.State == configuration.Waiting {
		return Outcome{}, fault.New(fault.Conflict, "config_waiting", "Revision %d is being written.", base.Number)
	}
	live, err := w.DB.ConfigLive(ctx, w.Strategy.App, environment)
	if err != nil {
		return Outcome{}, err
	}
	found, err := w.found(ctx, true)
	if err != nil {
		return Outcome{}, err
	}
	return w.adopt(ctx, who, taken{environment, found, base, live, true, reason})
}

// adopt records what the platform has as a revision.
func (w *Writer) adopt(ctx context.Context, who access.Actor, t taken) (Outcome, error) {
	place, err := w.place(t.found, t.environment)
	if err != nil {
		return Outcome{}, err
	}
	d := &draft{environment: t.environment, base: t.base, fresh: map[string]string{}}
	held := 0
	for _, f := range configuration.Of(t.found.list, place) {
		old, known := t.base.Get(f.Key)
		v, err := w.take(ctx, who, d, t, f, old, known)
		if err != nil {
			return Outcome{}, err
		}
		if known && v.Held() && !old.Held() {
			held++
		}
		if f.Told {
			d.fresh[f.Key] = f.Value
		}
		d.vars = append(d.vars, v)
	}
	configuration.Sort(d.vars)
	out := Outcome{Changes: configuration.Diff(t.base.Variables, d.vars)}
	if out.Problems, err = w.problems(ctx, t.environment, d.vars, d.fresh); err != nil {
		return out, err
	}
	if t.base.Number > 0 && len(out.Changes) == 0 && held == 0 && t.base.State == configuration.Applied {
		return out, w.known(ctx, who, t, place)
	}
	out.Revision = configuration.Revision{Source: configuration.Adopted, Reason: t.reason}
	err = w.Write(ctx, func(tx *store.Tx) error {
		newest, err := tx.ConfigNewest(ctx, w.Strategy.App, t.environment)
		if err != nil {
			return err
		}
		if newest.Number != t.base.Number {
			return fault.New(fault.Conflict, "config_changed", "Revision %d came meanwhile: look again.", newest.Number)
		}
		if err := w.insert(ctx, tx, who, d, &out.Revision, configuration.Applied); err != nil {
			return err
		}
		live := takes(t.live, t.found, place)
		live.App, live.Environment, live.Revision, live.ID = w.Strategy.App, t.environment, out.Revision.Number,
			out.Revision.ID
		live.Marks, live.Drift, live.Seen, live.Why = configuration.MarksOf(out.Revision,
			t.found.list, place), nil, tx.Now(), ""
		live.Silent, live.Since = time.Time{}, time.Time{}
		return tx.PutConfigLive(ctx, live)
	})
	return out, err
}

// known takes note of what the team shares by now, where nothing else has changed.
func (w *Writer) known(ctx context.Context, who access.Actor, t taken, place configuration.Place) error {
	if len(t.live.Drift) == 0 {
		return nil
	}
	live := takes(t.live, t.found, place)
	live.Drift, live.Since = nil, time.Time{}
	return w.Write(ctx, func(tx *store.Tx) error {
		live.Seen = tx.Now()
		if err := tx.PutConfigLive(ctx, live); err != nil {
			return err
		}
		return w.tell(ctx, tx, who, "config.rejoined", live.Environment, live.ID, fmt.Sprintf("%s took note of what the "+
			"team shares with %s (%s).", who.Name, live.Environment, t.reason), nil)
	})
}

// take makes a variable of what the platform has. What is as it was keeps its age.
func (w *Writer) take(ctx context.Context, who access.Actor, d *draft, t taken, f configuration.Found,
	old configuration.Variable, known bool) (configuration.Variable, error) {
	same := false
	if known && f.Told {
		alike, sure := w.alike(t.environment)(old, f.Value)
		same = alike && sure
	} else if m, ok := t.live.Marks[f.Key]; known && ok {
		same = m.ID == f.ID && m.Updated.Equal(f.Updated)
	}
	if same && old.Kind == f.Kind && (old.Held() || !t.values || !f.Told) {
		return old, nil
	}
	by := f.By
	if by == "" {
		by = "unknown"
	}
	v := configuration.Variable{Key: f.Key, Kind: f.Kind, Since: f.Updated, By: by}
	var err error
	switch {
	case !f.Told:
	case f.Kind == configuration.Plain:
		v.Value = f.Value
	case t.values:
		if v, err = w.give(ctx, who, d, Set{Key: f.Key, Value: f.Value, Kind: f.Kind}, f.Updated); err == nil {
			v.By = by
		}
	default:
		var fresh bool
		if fresh, err = w.Secrets.Fresh(ctx); err == nil {
			v.Sum, err = w.Secrets.Vault.Sum(w.Strategy.App, name(t.environment, f.Key), f.Value, fresh)
		}
	}
	if same {
		v.Since, v.By = old.Since, old.By
	}
	return v, err
}

// Back brings an older revision back: its variables become a new revision, which is written. It returns the newest
// deployment that is known good and was built with that revision, if there is one: production can be given back to it
// without another build.
func (w *Writer) Back(ctx context.Context, who access.Actor, o Order, to int64) (Outcome, *deployment.Deployment,
	error) {
	base, live, err := w.base(ctx, o.Environment, o.Revision)
	if err != nil {
		return Outcome{}, nil, err
	}
	old, err := w.DB.ConfigNumber(ctx, w.Strategy.App, o.Environment, to)
	if err != nil {
		return Outcome{}, nil, err
	}
	d := &draft{environment: o.Environment, base: base}
	if err := w.revive(d, old, live); err != nil {
		return Outcome{}, nil, err
	}
	out := Outcome{Changes: configuration.Diff(base.Variables, d.vars)}
	if out.Problems, err = w.problems(ctx, o.Environment, d.vars, nil); err != nil {
		return out, nil, err
	}
	with, err := w.builtWith(ctx, old, o.Environment)
	if err != nil || o.Dry {
		return out, with, err
	}
	again := o.Rebuild && (with == nil || o.Insist)
	if len(out.Changes) == 0 && base.State == configuration.Applied && len(live.Drift) == 0 && !again {
		return out, with, nil // it is so already; what runs may still have other values
	}
	r := configuration.Revision{Source: configuration.Back, From: to, Reason: o.Reason}
	out.Revision, err = w.record(ctx, who, d, r, again)
	return out, with, err
}

// revive takes the variables of an old revision. One whose value is not here can only stay as it is.
func (w *Writer) revive(d *draft, old configuration.Revision, live configuration.Live) error {
	var never, forgotten []string
	for _, v := range old.Variables {
		now, ok := d.base.Get(v.Key)
		drifted := false
		for _, x := range live.Drift {
			drifted = drifted || x.Key == v.Key
		}
		same := ok && len(configuration.Diff([]configuration.Variable{v}, []configuration.Variable{now})) == 0
		switch {
		case v.Held():
		case same && !drifted:
			v = now
		case v.Forgotten:
			forgotten = append(forgotten, v.Key)
		default:
			never = append(never, v.Key)
		}
		d.vars = append(d.vars, v)
	}
	configuration.Sort(d.vars)
	var why []string
	if len(never) > 0 {
		why = append(why, fmt.Sprintf("Slipway never had the value of %s.", strings.Join(never, ", ")))
	}
	if len(forgotten) > 0 {
		why = append(why, fmt.Sprintf("The value of %s was deleted when no revision had needed it for %d days.",
			strings.Join(forgotten, ", "), int(Retention.Hours()/24)))
	}
	if len(why) == 0 {
		return nil
	}
	return fault.New(fault.Refused, "config_value_lost", "Revision %d can't be written again: %s", old.Number,
		strings.Join(why, " ")).
		At(fault.Page, "Give them values in the draft, or give production back to a deployment that was built with them.").
		At(fault.API, "Push values for them, or give production back to a deployment that was built with them.").
		At(fault.Command, "Push values for them (slipway config push), or give production back to a deployment that was "+
			"built with them (slipway rollback request).")
}

// builtWith returns the newest deployment that is known good and has a revision's variables, whichever revision it was
// built with by number.
func (w *Writer) builtWith(ctx context.Context, old configuration.Revision, environment string) (*deployment.Deployment,
	error) {
	if environment != "production" {
		return nil, nil
	}
	all, _, err := w.DB.Deployments(ctx, w.Strategy.App, store.DeploymentFilter{Limit: 200})
	if err != nil {
		return nil, fmt.Errorf("list deployments: %w", err)
	}
	for _, d := range all {
		if d.Verdict != deployment.Good || d.Config == "" || d.Preview {
			continue
		}
		_, id := configuration.Named(d.Config)
		if id == old.ID {
			return &d, nil
		}
		r, err := w.DB.Config(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(configuration.Diff(r.Variables, old.Variables)) == 0 {
			return &d, nil
		}
	}
	return nil, nil
}
