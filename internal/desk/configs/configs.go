// Package configs is the part of the desk that serves environment variables: who may see and change them where, and how
// they are told. Seeing needs the environment, changing deployment:manage there; a value is told of plain ones only.
//
// It changes nothing itself: orders go to the engine.
package configs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/configuration"
	"github.com/slipwayhq/slipway/internal/engine"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// Desk serves variables.
type Desk struct {
	DB       *store.DB
	Engine   *engine.Engine
	Strategy *strategy.Strategy
}

// check lets the actor through or records the denial and returns it.
func (d *Desk) check(ctx context.Context, who access.Actor, p access.Permission, environment string) error {
	err := who.Check(p, environment)
	if err == nil {
		return nil
	}
	if e := d.Engine.Denied(ctx, who, p, environment); e != nil {
		return e
	}
	return err
}

// On reports whether a platform keeps variables.
func (d *Desk) On() bool { return d.Engine.Configs.On() }

// Configs returns the variables of every environment that the actor may see; none where no platform keeps any.
func (d *Desk) Configs(ctx context.Context, who access.Actor) ([]api.Config, error) {
	out := []api.Config{}
	if !who.MayAnywhere(access.ViewEnvironment) {
		return out, d.check(ctx, who, access.ViewEnvironment, access.Everywhere)
	}
	for _, environment := range d.Engine.Configs.Environments() {
		if !who.May(access.ViewEnvironment, environment) {
			continue
		}
		c, err := d.config(ctx, who, environment)
		if err != nil {
			return out, err
		}
		out = append(out, c)
	}
	return out, nil
}

// Config returns what is known of an environment's variables.
func (d *Desk) Config(ctx context.Context, who access.Actor, environment string) (api.Config, error) {
	if err := d.see(ctx, who, environment); err != nil {
		return api.Config{}, err
	}
	return d.config(ctx, who, environment)
}

func (d *Desk) see(ctx context.Context, who access.Actor, environment string) error {
	if err := d.check(ctx, who, access.ViewEnvironment, environment); err != nil {
		return err
	}
	return d.Engine.Configs.Kept(environment)
}

func (d *Desk) config(ctx context.Context, who access.Actor, environment string) (api.Config, error) {
	out := api.Config{Environment: environment, Place: d.Engine.Configs.Place(environment), Shared: []api.ConfigShared{},
		Drift: []api.ConfigDrift{}, Problems: []api.ConfigProblem{},
		Actions: []api.Action{}}
	now, err := d.DB.Now(ctx)
	if err != nil {
		return out, err
	}
	live, err := d.DB.ConfigLive(ctx, d.Strategy.App, environment)
	if err != nil {
		return out, err
	}
	newest, err := d.DB.ConfigNewest(ctx, d.Strategy.App, environment)
	if err != nil {
		return out, err
	}
	out.Written, out.Seen = live.Revision, instant(live.Seen)
	out.Drift, out.Unread = drift(live.Drift), live.Unread
	for _, x := range live.Shared {
		out.Shared = append(out.Shared, api.ConfigShared{Key: x.Key, Kind: string(x.Kind), By: x.By, At: instant(x.Updated),
			Hidden: has(newest, x.Key)})
	}
	if newest.Number > 0 {
		r := revision(newest)
		r.Variables = variables(newest.Variables)
		out.Newest = &r
	}
	if err := d.listed(ctx, &out, newest); err != nil {
		return out, err
	}
	out.Trouble, out.Sentence, out.Since = sentence(live, newest, out.Problems, now)
	if environment == "production" {
		if out.Running, err = d.running(ctx, live); err != nil {
			return out, err
		}
	}
	if who.May(access.ManageDeployment, environment) {
		out.Actions = append(out.Actions, api.Action{Name: "push"}, api.Action{Name: "pull"}, api.Action{Name: "rollback"})
	}
	return out, nil
}

func has(r configuration.Revision, key string) bool {
	_, ok := r.Get(key)
	return ok
}

func drift(list []configuration.Difference) []api.ConfigDrift {
	out := []api.ConfigDrift{}
	for _, x := range list {
		out = append(out, api.ConfigDrift{Key: x.Key, What: x.What, By: x.By, At: instant(x.Updated),
			Shared: x.Shared})
	}
	return out
}

// listed says what the list of variables complains of.
func (d *Desk) listed(ctx context.Context, out *api.Config, newest configuration.Revision) error {
	m, _, ok := d.Engine.Configs.Manifest(out.Environment)
	if !ok || newest.Number == 0 {
		out.Manifest = m.Name
		return nil
	}
	out.Manifest = m.Name
	list, err := d.Engine.Configs.Problems(ctx, newest)
	if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Refused) {
		list, err = []configuration.Problem{{Sentence: fault.MessageOf(err)}}, nil
	}
	out.Problems = problems(list)
	return err
}

func problems(list []configuration.Problem) []api.ConfigProblem {
	out := []api.ConfigProblem{}
	for _, p := range list {
		out = append(out, api.ConfigProblem(p))
	}
	return out
}

// sentence says how an environment's variables stand.
func sentence(live configuration.Live, newest configuration.Revision, wrong []api.ConfigProblem, now time.Time) (bool,
	string, *time.Time) {
	switch {
	case !live.Silent.IsZero():
		return true, "The platform's variables can't be read: " + live.Why, instant(live.Silent)
	case newest.Number == 0:
		return false, "The platform's variables were not looked at yet.", nil
	case newest.State == configuration.Failed:
		return true, fmt.Sprintf("Revision %d was not written, or only in part: %s", newest.Number, newest.Why),
			instant(newest.Created)
	case newest.State == configuration.Waiting:
		return false, fmt.Sprintf("Revision %d is being written.", newest.Number), nil
	case len(live.Drift) > 0:
		return true, live.Sentence(), instant(live.Since)
	case now.Sub(live.Seen) > 5*time.Minute:
		return true, "The platform's variables were not looked at for a while: does the engine run?", instant(live.Seen)
	case len(wrong) > 0:
		return true, wrong[0].Sentence, nil
	}
	return false, fmt.Sprintf("The platform has revision %d.", live.Revision), nil
}

// running says with which variables the stable version was built.
func (d *Desk) running(ctx context.Context, live configuration.Live) (*api.ConfigRunning, error) {
	states, err := d.DB.EnvironmentStates(ctx, d.Strategy.App)
	if err != nil {
		return nil, err
	}
	for _, s := range states {
		if s.Name != "production" || s.Deployment == "" {
			continue
		}
		x, err := d.DB.Deployment(ctx, s.Deployment)
		if err != nil {
			return nil, err
		}
		out := &api.ConfigRunning{Version: x.Version, Sentence: "It is not known with which variables " + x.Version +
			" was built."}
		if out.Revision, _ = configuration.Named(x.Config); out.Revision == 0 {
			return out, nil
		}
		out.Behind = out.Revision != live.Revision
		out.Sentence = fmt.Sprintf("%s runs with revision %d.", x.Version, out.Revision)
		if out.Behind {
			out.Sentence += fmt.Sprintf(" The platform has %d: what is built from now on has that.", live.Revision)
		}
		return out, nil
	}
	return nil, nil
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func revision(r configuration.Revision) api.ConfigRevision {
	return api.ConfigRevision{ID: r.ID, Environment: r.Environment, Number: r.Number, Source: r.Source, From: r.From,
		Author: r.Name, Reason: r.Reason, State: string(r.State), Why: r.Why, Created: r.Created.UTC(),
		Written: instant(r.Written), Deployments: []string{}, Variables: []api.ConfigVariable{}}
}

func variable(v configuration.Variable) api.ConfigVariable {
	return api.ConfigVariable{Key: v.Key, Kind: string(v.Kind), Value: v.Value, Held: v.Held(), Since: v.Since.UTC(),
		By: v.By}
}

func variables(list []configuration.Variable) []api.ConfigVariable {
	out := []api.ConfigVariable{}
	for _, v := range list {
		out = append(out, variable(v))
	}
	return out
}

func differences(list []configuration.Change) []api.ConfigDifference {
	out := []api.ConfigDifference{}
	for _, c := range list {
		x := api.ConfigDifference{Key: c.Key, What: c.What}
		if c.Old != nil {
			v := variable(*c.Old)
			x.Old = &v
		}
		if c.New != nil {
			v := variable(*c.New)
			x.New = &v
		}
		out = append(out, x)
	}
	return out
}

// Revisions returns a page of revisions, newest first.
func (d *Desk) Revisions(ctx context.Context, who access.Actor, environment, cursor string, limit int) (api.ConfigPage,
	error) {
	out := api.ConfigPage{Items: []api.ConfigRevision{}}
	if err := d.see(ctx, who, environment); err != nil {
		return out, err
	}
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	list, next, err := d.DB.Configs(ctx, d.Strategy.App, environment, cursor, limit)
	if err != nil {
		return out, err
	}
	with, err := d.builtWith(ctx)
	if err != nil {
		return out, err
	}
	for i, r := range list {
		x := revision(r)
		x.Deployments = append(x.Deployments, with[r.ID]...)
		var before configuration.Revision
		switch {
		case i+1 < len(list):
			before = list[i+1]
		case r.Number > 1:
			if before, err = d.DB.ConfigNumber(ctx, d.Strategy.App, environment, r.Number-1); err != nil {
				return out, err
			}
		}
		x.Sentence = "It " + configuration.Words(configuration.Diff(before.Variables, r.Variables)) + "."
		out.Items = append(out.Items, x)
	}
	out.Next = next
	return out, nil
}

// builtWith are the versions that are known to be built with each revision.
func (d *Desk) builtWith(ctx context.Context) (map[string][]string, error) {
	list, _, err := d.DB.Deployments(ctx, d.Strategy.App, store.DeploymentFilter{Limit: 200})
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, x := range list {
		if _, id := configuration.Named(x.Config); id != "" {
			out[id] = append(out[id], x.Version)
		}
	}
	return out, nil
}

// Revision returns a revision with its variables.
func (d *Desk) Revision(ctx context.Context, who access.Actor, environment string, number int64) (api.ConfigRevision,
	error) {
	if err := d.see(ctx, who, environment); err != nil {
		return api.ConfigRevision{}, err
	}
	r, err := d.DB.ConfigNumber(ctx, d.Strategy.App, environment, number)
	if err != nil {
		return api.ConfigRevision{}, err
	}
	out := revision(r)
	out.Variables = variables(r.Variables)
	with, err := d.builtWith(ctx)
	out.Deployments = append(out.Deployments, with[r.ID]...)
	return out, err
}

// Diff says how two revisions differ.
func (d *Desk) Diff(ctx context.Context, who access.Actor, environment string, from, to int64) (api.ConfigDiff, error) {
	if err := d.see(ctx, who, environment); err != nil {
		return api.ConfigDiff{}, err
	}
	if to == 0 {
		r, err := d.DB.ConfigNewest(ctx, d.Strategy.App, environment)
		if err != nil {
			return api.ConfigDiff{}, err
		}
		to = r.Number
	}
	if from == 0 {
		from = max(to-1, 1)
	}
	a, err := d.DB.ConfigNumber(ctx, d.Strategy.App, environment, from)
	if err != nil {
		return api.ConfigDiff{}, err
	}
	b, err := d.DB.ConfigNumber(ctx, d.Strategy.App, environment, to)
	if err != nil {
		return api.ConfigDiff{}, err
	}
	changes := configuration.Diff(a.Variables, b.Variables)
	return api.ConfigDiff{From: from, To: to, Changes: differences(changes), Sentence: fmt.Sprintf(
		"Against revision %d, revision %d %s.", from, to, configuration.Words(changes))}, nil
}

// reasoned refuses an order without a reason.
func reasoned(reason string) error {
	if strings.TrimSpace(reason) == "" {
		return fault.New(fault.Invalid, "reason_required", "Say why: whoever looks for a cause later reads it.")
	}
	return nil
}
