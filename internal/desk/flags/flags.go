// Package flags is the part of the desk that serves feature flags: it checks who may
// do what in which environment, records denials, turns what the store holds into
// wire types with their sentences, and hands changes to the engine's writer.
package flags

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/engine"
	writer "github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// Desk serves people and machines that ask about flags.
type Desk struct {
	DB       *store.DB
	Engine   *engine.Engine
	Strategy *strategy.Strategy
	// Live asks a platform for the flags that it keeps of the application; nil: there is none.
	Live func(context.Context) (json.RawMessage, error)

	shelf shelf
}

// check lets the actor through or records the denial and returns it.
func (d *Desk) check(ctx context.Context, who access.Actor, p access.Permission, environment string) error {
	return d.denied(ctx, who, p, environment, who.Check(p, environment))
}

// denied records a denial, if err is one, and returns it.
func (d *Desk) denied(ctx context.Context, who access.Actor, p access.Permission, environment string, err error) error {
	if !fault.Is(err, fault.Denied) {
		return err
	}
	if e := d.Engine.Denied(ctx, who, p, environment); e != nil {
		return e // a denial that cannot be recorded is no answer at all
	}
	return err
}

// anywhere lets everybody through who holds a permission in at least one environment.
func (d *Desk) anywhere(ctx context.Context, who access.Actor, p access.Permission) error {
	if who.MayAnywhere(p) {
		return nil
	}
	return d.check(ctx, who, p, access.Everywhere)
}

// visible are the environments that the actor may see, in the order of a release's way.
func (d *Desk) visible(who access.Actor) []string {
	out := []string{}
	for _, e := range d.Strategy.Environments() {
		if who.May(access.ViewEnvironment, e.Name) {
			out = append(out, e.Name)
		}
	}
	return out
}

// known refuses an environment that the strategy does not name.
func (d *Desk) known(environment string) error {
	for _, e := range d.Strategy.Environments() {
		if e.Name == environment {
			return nil
		}
	}
	return fault.New(fault.Invalid, "environment_unknown", "The strategy names no environment %.64q.", environment)
}

// see lets those through who may see an environment that there is.
func (d *Desk) see(ctx context.Context, who access.Actor, environment string) error {
	if err := d.known(environment); err != nil {
		return err
	}
	return d.check(ctx, who, access.ViewEnvironment, environment)
}

// Query selects flags. Empty fields ask for all.
type Query struct {
	Text        string // in the key, description or owner
	Tag         string
	State       string // on, off, ramping, stale or archived; archived flags are shown for this only
	Environment string // where State is asked; empty: anywhere
	Cursor      string // of the page, from the page before
	Limit       int    // 50 when 0, at most 200
}

// Flags returns a page of flags by key.
func (d *Desk) Flags(ctx context.Context, who access.Actor, q Query) (api.FlagPage, error) {
	page := api.FlagPage{Items: []api.Flag{}}
	if err := d.anywhere(ctx, who, access.ViewEnvironment); err != nil {
		return page, err
	}
	if q.Environment != "" {
		if err := d.see(ctx, who, q.Environment); err != nil {
			return page, err
		}
	}
	var err error
	if page.Published, err = d.Published(ctx, who, time.Now()); err != nil {
		return page, err
	}
	if page.Synced, err = d.Synced(ctx, who, time.Now()); err != nil {
		return page, err
	}
	list, configs, err := d.all(ctx)
	if err != nil {
		return page, err
	}
	k, err := d.seen(ctx, "")
	if err != nil {
		return page, err
	}
	if places := d.visible(who); q == (Query{Limit: q.Limit, Cursor: q.Cursor}) && len(places) > 0 {
		page.Sentence = k.tally(list, configs, places[len(places)-1])
	}
	most := 50
	if q.Limit > 0 {
		most = min(q.Limit, 200)
	}
	places := d.visible(who)
	for _, f := range list {
		if f.Key <= q.Cursor || !q.text(f) || !q.state(f, configs[f.Key], places, k) {
			continue
		}
		if len(page.Items) == most {
			page.Next = page.Items[most-1].Key
			break
		}
		page.Items = append(page.Items, d.wire(who, f, configs[f.Key], k))
	}
	return page, nil
}

func (q Query) text(f flag.Flag) bool {
	text := strings.ToLower(f.Key + "\n" + f.Description + "\n" + f.Owner)
	return strings.Contains(text, strings.ToLower(q.Text)) && (q.Tag == "" || slices.Contains(f.Tags, q.Tag))
}

// state reports whether a flag is as asked for, in what the actor may see.
func (q Query) state(f flag.Flag, configs []flag.Config, places []string, k seen) bool {
	anyIs := func(is func(flag.Config) bool) bool {
		return slices.ContainsFunc(configs, func(c flag.Config) bool {
			return (q.Environment == "" || c.Environment == q.Environment) && slices.Contains(places, c.Environment) && is(c)
		})
	}
	switch {
	case q.State == "archived":
		return !f.Archived.IsZero()
	case !f.Archived.IsZero():
		return false
	case q.State == "on":
		return anyIs(func(c flag.Config) bool { return c.On })
	case q.State == "off":
		return !anyIs(func(c flag.Config) bool { return c.On })
	case q.State == "ramping":
		return anyIs(func(c flag.Config) bool { return c.Ramp != "" })
	case q.State == "stale":
		return k.stale(f, configs) != ""
	}
	return true
}

// Flag returns a flag with what it does where the actor may look.
func (d *Desk) Flag(ctx context.Context, who access.Actor, key string) (api.Flag, error) {
	if err := d.anywhere(ctx, who, access.ViewEnvironment); err != nil {
		return api.Flag{}, err
	}
	return d.flag(ctx, who, key)
}

func (d *Desk) flag(ctx context.Context, who access.Actor, key string) (api.Flag, error) {
	f, err := d.DB.Flag(ctx, d.Strategy.App, key)
	if err != nil {
		return api.Flag{}, err
	}
	configs, err := d.DB.FlagConfigs(ctx, d.Strategy.App, key)
	if err != nil {
		return api.Flag{}, err
	}
	k, err := d.seen(ctx, key)
	if err != nil {
		return api.Flag{}, err
	}
	out := d.wire(who, f, configs, k)
	out.Synced, err = d.flagSynced(ctx, who, f)
	return out, err
}

// Config returns what a flag does in an environment.
func (d *Desk) Config(ctx context.Context, who access.Actor, key, environment string) (api.FlagConfig, error) {
	if err := d.see(ctx, who, environment); err != nil {
		return api.FlagConfig{}, err
	}
	f, err := d.DB.Flag(ctx, d.Strategy.App, key)
	if err != nil {
		return api.FlagConfig{}, err
	}
	c, err := d.config(ctx, f, environment)
	return wireConfig(f, c), err
}

func (d *Desk) config(ctx context.Context, f flag.Flag, environment string) (flag.Config, error) {
	c, err := d.DB.FlagConfig(ctx, d.Strategy.App, environment, f.Key)
	if fault.Is(err, fault.NotFound) {
		return writer.First(f, environment), nil
	}
	return c, err
}

// Create makes a flag, off where the strategy does not say otherwise.
func (d *Desk) Create(ctx context.Context, who access.Actor, in api.CreateFlag) (api.Flag, error) {
	if err := d.anywhere(ctx, who, access.EditFlag); err != nil {
		return api.Flag{}, err
	}
	if _, err := d.Engine.Flags.Create(ctx, who, fromRequest(in)); err != nil {
		return api.Flag{}, err
	}
	return d.flag(ctx, who, in.Key)
}

// fromRequest is a flag as somebody asked for it.
func fromRequest(in api.CreateFlag) flag.Flag {
	f := flag.Flag{
		Key: in.Key, Kind: flag.Kind(in.Kind), Description: in.Description, Owner: in.Owner, Tags: in.Tags,
		Client: in.Client, Permanent: in.Permanent, Variants: convert[[]flag.Variant](in.Variants), Bucketing: in.Bucketing,
	}
	if in.Expires != nil {
		f.Expires = *in.Expires
	}
	return f
}

// Change changes what a flag is. What reaches users needs flag:edit wherever the flag is on.
func (d *Desk) Change(ctx context.Context, who access.Actor, key string, in api.ChangeFlag) (api.Flag, error) {
	if err := d.anywhere(ctx, who, access.EditFlag); err != nil {
		return api.Flag{}, err
	}
	if in.Variants != nil || in.Bucketing != 0 || in.Client != nil {
		if err := d.whereOn(ctx, who, key); err != nil {
			return api.Flag{}, err
		}
	}
	_, err := d.Engine.Flags.Change(ctx, who, key, in.Revision, func(f *flag.Flag) {
		set(&f.Description, in.Description)
		set(&f.Owner, in.Owner)
		set(&f.Client, in.Client)
		set(&f.Permanent, in.Permanent)
		set(&f.Expires, in.Expires)
		if in.Tags != nil {
			f.Tags = in.Tags
		}
		if in.Variants != nil {
			f.Variants = convert[[]flag.Variant](in.Variants)
		}
		if in.Bucketing != 0 {
			f.Bucketing = in.Bucketing
		}
	})
	if err != nil {
		return api.Flag{}, err
	}
	return d.flag(ctx, who, key)
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// whereOn asks for flag:edit in every environment in which the flag is on, and in one at least.
func (d *Desk) whereOn(ctx context.Context, who access.Actor, key string) error {
	configs, err := d.DB.FlagConfigs(ctx, d.Strategy.App, key)
	if err != nil {
		return err
	}
	for _, c := range configs {
		if !c.On {
			continue
		}
		if err := d.check(ctx, who, access.EditFlag, c.Environment); err != nil {
			return err
		}
	}
	return d.anywhere(ctx, who, access.EditFlag)
}

// Archive takes a flag out of every snapshot; with away false it brings it back.
func (d *Desk) Archive(ctx context.Context, who access.Actor, key, reason string, away bool) (api.Flag, error) {
	if err := d.whereOn(ctx, who, key); err != nil {
		return api.Flag{}, err
	}
	shelve := d.Engine.Flags.Archive
	if !away {
		shelve = d.Engine.Flags.Restore
	}
	if _, err := shelve(ctx, who, key, reason); err != nil {
		return api.Flag{}, err
	}
	return d.flag(ctx, who, key)
}

// convert gives a value the type that says the same on the wire.
func convert[T any](v any) T {
	var out T
	text, err := json.Marshal(v)
	if err == nil {
		_ = json.Unmarshal(text, &out) // the two types have the same tags: see TestWireTypesSayTheSame
	}
	return out
}

// instant returns nil for the zero time, as the API leaves it out.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
