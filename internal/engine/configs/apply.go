package configs

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/provider"
	"github.com/slipwayhq/slipway/internal/store"
)

// Apply carries a Configure effect out: it makes the platform have a revision, and records that it has.
func (w *Writer) Apply(ctx context.Context, x effect.Effect) (effect.Result, error) {
	var a writeArgs
	if err := json.Unmarshal(x.Args, &a); err != nil {
		return effect.Result{}, fault.Wrap(err, fault.Invalid, "effect_malformed", "The arguments of %s cannot be read.",
			x.Key)
	}
	if !w.On() {
		return effect.Result{}, fault.New(fault.Invalid, "config_elsewhere", "No platform keeps variables any more.")
	}
	r, err := w.DB.Config(ctx, a.Revision)
	if err != nil {
		return effect.Result{}, err
	}
	out := effect.Result{OK: true}
	if r.State != configuration.Applied {
		if out.Sentence, err = w.write(ctx, r); err != nil {
			return effect.Result{}, err
		}
	}
	if a.Rebuild {
		b, err := w.rebuild(ctx, r)
		if err != nil {
			return effect.Result{}, err
		}
		out.Sentence = fmt.Sprintf("%s %s is being built with it: release it to have it served.", out.Sentence, b.External)
		out.Data, err = json.Marshal(map[string]string{"build": b.External, "version": b.Version})
		if err != nil {
			return effect.Result{}, fmt.Errorf("marshal a build: %w", err)
		}
	}
	return out, nil
}

// write makes the platform have a revision.
func (w *Writer) write(ctx context.Context, r configuration.Revision) (string, error) {
	if err := w.Kept(r.Environment); err != nil {
		return "", err
	}
	holder, free, err := w.claim(ctx, r)
	if err != nil {
		return "", err
	}
	defer free()
	live, err := w.DB.ConfigLive(ctx, r.App, r.Environment)
	if err != nil {
		return "", err
	}
	found, err := w.found(ctx, true)
	if err != nil {
		return "", err
	}
	place, err := w.place(found, r.Environment)
	if err != nil {
		return "", err
	}
	steps, lost := configuration.Plan(r, live.Marks, found.list, place, w.alike(r.Environment))
	if len(lost) > 0 {
		return "", fault.New(fault.Invalid, "config_value_lost", "Slipway never had the value of %s, and the platform has "+
			"another now: push a value for it.", strings.Join(lost, ", "))
	}
	if err := w.splitting(ctx, r, found, steps); err != nil {
		return "", err
	}
	if err := w.carry(ctx, r, holder, place, steps); err != nil {
		return "", err
	}
	if found, err = w.found(ctx, true); err != nil {
		return "", err
	}
	marks := configuration.MarksOf(r, found.list, place)
	if left := configuration.Drift(r, marks, found.list, place, w.alike(r.Environment)); len(left) > 0 {
		return "", fault.New(fault.Unavailable, "config_not_taken",
			"The platform took the variables and does not have them: it differs in %s.", keysOf(left))
	}
	return fmt.Sprintf("The platform has revision %d of the variables of %s (%d calls). What is built from now on has it.",
		r.Number, r.Environment, len(steps)), w.wrote(ctx, r, marks, found, place)
}

func keysOf(list []configuration.Difference) string {
	var keys []string
	for _, d := range list {
		keys = append(keys, d.Key)
	}
	return strings.Join(keys, ", ")
}

// newest refuses to go on once a later revision is wanted.
func (w *Writer) newest(ctx context.Context, r configuration.Revision) error {
	n, err := w.DB.ConfigNewest(ctx, r.App, r.Environment)
	if err == nil && n.ID != r.ID {
		err = fault.New(fault.Conflict, "stale_generation", "Revision %d is wanted; %d comes too late.", n.Number, r.Number)
	}
	return err
}

// claimed is how long a claim lasts unless it is held on to: longer than any one call.
const claimed = 2 * asking

// claim makes this the one place where variables are written, of any environment: a variable may hold for several.
// Another node, or this one with another revision, waits. A claim whose node died ends by itself.
func (w *Writer) claim(ctx context.Context, r configuration.Revision) (holder string, free func(), err error) {
	now, err := w.DB.Now(ctx)
	if err != nil {
		return "", nil, err
	}
	holder = newID(now)
	ok, err := w.DB.ClaimConfig(ctx, r.App, holder, now.Add(claimed), now)
	if err == nil && !ok {
		err = fault.New(fault.Unavailable, provider.UnderWay, "Another revision is being written; %d comes after it.",
			r.Number)
	}
	return holder, func() {
		_, _ = w.DB.HoldConfig(context.WithoutCancel(ctx), r.App, holder, time.Time{}) // it ends by itself as well
	}, err
}

// hold goes on holding a claim before a call. It refuses once a later revision is wanted, or another has the claim.
func (w *Writer) hold(ctx context.Context, r configuration.Revision, holder string) error {
	if err := w.newest(ctx, r); err != nil {
		return err
	}
	now, err := w.DB.Now(ctx)
	if err != nil {
		return err
	}
	ok, err := w.DB.HoldConfig(ctx, r.App, holder, now.Add(claimed))
	if err == nil && !ok {
		err = fault.New(fault.Unavailable, provider.UnderWay, "Another node took over while revision %d was written.",
			r.Number)
	}
	return err
}

// carry makes the calls of a plan, what is created in one.
func (w *Writer) carry(ctx context.Context, r configuration.Revision, holder string, place configuration.Place,
	steps []configuration.Step) error {
	var add []provider.Variable
	for _, s := range steps {
		if err := w.hold(ctx, r, holder); err != nil {
			return err
		}
		if err := w.call(ctx, r, place, s, &add); err != nil {
			return err
		}
	}
	if len(add) == 0 {
		return nil
	}
	if err := w.hold(ctx, r, holder); err != nil {
		return err
	}
	ask, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	return w.platform().AddVariables(ask, add...)
}

// call makes the one call of a step; what is created is only noted.
func (w *Writer) call(ctx context.Context, r configuration.Revision, p configuration.Place, s configuration.Step,
	add *[]provider.Variable) error {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	var err error
	v := provider.Variable{ID: s.Found.ID, Key: s.Variable.Key, Kind: string(s.Variable.Kind),
		Comment: fmt.Sprintf("slipway revision %d", r.Number)}
	if p.Custom != "" {
		v.Custom = []string{p.Custom}
	} else {
		v.Targets = []string{p.Target}
	}
	switch s.Do {
	case configuration.Drop:
		err = w.platform().DropVariable(ctx, s.Found.ID)
	case configuration.Narrow:
		targets, custom := s.Found.Elsewhere(p)
		err = w.platform().ChangeVariable(ctx, provider.Variable{ID: s.Found.ID, Targets: targets, Custom: custom})
	case configuration.Edit:
		if v.Value, err = w.value(ctx, s.Variable); err == nil {
			err = w.platform().ChangeVariable(ctx, v)
		}
	case configuration.Create:
		v.Value, err = w.value(ctx, s.Variable)
		*add = append(*add, v)
	}
	return err
}

// value is what a variable is to have.
func (w *Writer) value(ctx context.Context, v configuration.Variable) (string, error) {
	if v.Kind == configuration.Plain {
		return v.Value, nil
	}
	return w.Secrets.Open(ctx, v.Sealed)
}

// wrote records that the platform has a revision.
func (w *Writer) wrote(ctx context.Context, r configuration.Revision, marks map[string]configuration.Mark,
	found onPlatform, place configuration.Place) error {
	return w.Write(ctx, func(tx *store.Tx) error {
		live, err := tx.ConfigLive(ctx, r.App, r.Environment)
		if err != nil {
			return err
		}
		now := tx.Now()
		live = takes(live, found, place)
		live.Revision, live.ID, live.Marks, live.Drift, live.Since = r.Number, r.ID, marks, nil, time.Time{}
		live.Seen, live.Silent, live.Why = now, time.Time{}, ""
		if err := tx.PutConfigLive(ctx, live); err != nil {
			return err
		}
		if err := w.joined(ctx, tx, r, found); err != nil {
			return err
		}
		r.State, r.Written = configuration.Applied, now
		if err := tx.UpdateConfig(ctx, &r); err != nil {
			return err
		}
		return w.tell(ctx, tx, access.System("engine"), "config.written", r.Environment, r.ID, fmt.Sprintf(
			"The platform has revision %d of the variables of %s.", r.Number, r.Environment), nil)
	})
}

// rebuild has what production runs built again with a revision, and records the build. It is found again by the
// revision, so that a repeated try makes no second one.
func (w *Writer) rebuild(ctx context.Context, r configuration.Revision) (provider.Build, error) {
	d, err := w.stable(ctx)
	if err != nil {
		return provider.Build{}, err
	}
	ask, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	plain, _, _ := strings.Cut(d.Version, "+config.")
	b, err := w.Platform.Create(ask, provider.Order{From: d.External, Production: true, Release: r.ID, Config: r.Ref(),
		Commit: "", Version: fmt.Sprintf("%s+config.%d", plain, r.Number)})
	if err != nil {
		return b, err
	}
	_, err = w.Register(ctx, access.System("engine"), deployment.Deployment{Version: b.Version, Commit: b.Commit,
		URL: b.URL, Environment: "staging", External: b.External, BuildIDs: []string{b.External}, Config: r.Ref()})
	return b, err
}

func (w *Writer) stable(ctx context.Context) (deployment.Deployment, error) {
	states, err := w.DB.EnvironmentStates(ctx, w.Strategy.App)
	if err != nil {
		return deployment.Deployment{}, err
	}
	for _, s := range states {
		if s.Name == "production" && s.Deployment != "" {
			return w.DB.Deployment(ctx, s.Deployment)
		}
	}
	return deployment.Deployment{}, fault.New(fault.Invalid, "no_stable",
		"Production runs nothing that could be built again.")
}
