// Package incidents is the part of the one writer that works at open incidents: it
// turns a flag off from one and looks whether that helped, and closes it.
//
// The kill switch, its record in the incident and what is to be looked at are one
// commit. Then the incident is work that is due: what programs are served, the smoke
// suite and the guard are asked, and incident.Decide says what follows. A crash in
// between leaves the work due, and an effect with a key that is tried again.
package incidents

import (
	"context"
	"fmt"
	"time"

	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/calendar"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/effect"
	"github.com/slipwayhq/slipway/internal/engine/flags"
	"github.com/slipwayhq/slipway/internal/event"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/flag"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/incident"
	"github.com/slipwayhq/slipway/internal/store"
	"github.com/slipwayhq/slipway/internal/strategy"
)

// Work is the kind of work that incidents are: they are looked at while what was done is not proven.
const Work = "incident"

// Prefix begins the ids of incidents.
const Prefix = "inc"

// mostTries is how often a change is made again because another writer was faster.
const mostTries = 8

// Serving is what programs are given of a flag now.
type Serving struct {
	Known      bool // this process serves flags
	Generation int64
	Variant    string // empty: the program's own fallback
	Everybody  bool   // no rule decides: nobody is given anything else
}

// Options are what the writer stands on.
type Options struct {
	DB       *store.DB
	Strategy *strategy.Strategy
	Flags    *flags.Writer
	Append   func(context.Context, *store.Tx, event.Draft) (event.Event, error)
	Effects  func(context.Context, *store.Tx, []effect.Effect, string) error // records them
	Verdict  func(rules guard.Rules, d deployment.Deployment, since, now time.Time) guard.Verdict
	Serves   func(environment, flag string) Serving
}

// Writer works at incidents.
type Writer struct{ Options }

// New returns a writer.
func New(opts Options) *Writer {
	if opts.Serves == nil {
		opts.Serves = func(string, string) Serving { return Serving{} }
	}
	return &Writer{opts}
}

// Order asks for a flag to be turned off because of an incident.
type Order struct {
	Incident    string
	Flag        string
	Environment string
	Reason      string
}

// TurnOff turns a flag off, and begins to look whether that helped. A flag that is off already is looked at all the
// same; one that is being looked at stays as it is.
func (w *Writer) TurnOff(ctx context.Context, who access.Actor, o Order) error {
	return again(ctx, func() error {
		return w.DB.Write(ctx, func(tx *store.Tx) error { return w.turnOff(ctx, tx, who, o) })
	})
}

func (w *Writer) turnOff(ctx context.Context, tx *store.Tx, who access.Actor, o Order) error {
	i, err := tx.Incident(ctx, o.Incident)
	if err != nil {
		return err
	}
	if i.State == incident.Resolved {
		return fault.New(fault.Conflict, "incident_resolved",
			"%s is resolved already. Turn the flag off by itself, or report a new problem.", i.Title)
	}
	out, err := w.Flags.DoIn(ctx, tx, who, flags.Order{Kind: flags.Off, Flag: o.Flag, Environment: o.Environment,
		Reason: o.Reason}, flags.How{})
	if err != nil || !out.Changed && i.Proving(o.Flag, o.Environment) {
		return err
	}
	f, err := w.begin(ctx, tx, i, o)
	if err != nil {
		return err
	}
	f.Actor, f.Already = who.ID, !out.Changed
	f.Sentence = fmt.Sprintf("%s turns %s off in %s because of this incident: %s", who.Name, f.Flag, f.Environment,
		o.Reason)
	if f.Already {
		f.Sentence = fmt.Sprintf("%s wants %s off in %s (%s). It is off there already%s: that is confirmed and checked "+
			"all the same.", who.Name, f.Flag, f.Environment, o.Reason, since(out.Before))
	}
	i.FlagsOff = append(i.FlagsOff, f)
	if err := tx.UpdateIncident(ctx, &i); err != nil {
		return err
	}
	if _, err := w.Append(ctx, tx, event.Draft{
		Kind: "incident.flag_off", Actor: who.ID, App: i.App, Environment: f.Environment, Subject: i.ID, Sentence: f.Sentence,
		Data: map[string]any{
			"flag": f.Flag, "revision": out.After.Revision, "already": f.Already, "reason": o.Reason, "key": f.Key,
		},
	}); err != nil {
		return err
	}
	return tx.Schedule(ctx, i.ID, Work, f.At)
}

// since says since when a flag is off, and why, where that is known.
func since(c flag.Config) string {
	if c.Since.IsZero() {
		return ""
	}
	out := ", since " + c.Since.UTC().Format("2006-01-02 15:04 MST")
	if c.Reason != "" {
		out += " (" + c.Reason + ")"
	}
	return out
}

// begin freezes what the flag's turning off is proven by.
func (w *Writer) begin(ctx context.Context, tx *store.Tx, i incident.Incident, o Order) (incident.FlagOff, error) {
	policy := w.Strategy.RollbackPolicy(o.Environment)
	f := incident.FlagOff{
		Key: fmt.Sprintf("%s/flag-off/%d", i.ID, len(i.FlagsOff)+1), Flag: o.Flag, Environment: o.Environment,
		Reason: o.Reason, At: tx.Now(), Suite: policy.Suite, Watch: policy.Watch, Rules: policy.Rules, Tries: policy.Tries,
		Retry: policy.Retry, Phase: incident.Confirming,
	}
	generations, err := tx.FlagGenerations(ctx, w.Strategy.App)
	if err != nil {
		return f, err
	}
	f.Generation = generations[o.Environment]
	states, err := tx.EnvironmentStates(ctx, w.Strategy.App)
	if err != nil {
		return f, err
	}
	for _, s := range states {
		if s.Name != o.Environment || s.Deployment == "" {
			continue
		}
		d, err := tx.Deployment(ctx, s.Deployment)
		if err != nil {
			return f, err
		}
		f.Deployment, f.Version, f.URL = d.ID, d.Version, d.URL
	}
	return f, nil
}

// Look moves the proofs of an incident until nothing changes, and says when to look again.
func (w *Writer) Look(ctx context.Context, id string) (time.Time, error) {
	for range 100 {
		var d incident.Decision
		err := again(ctx, func() (err error) {
			d, err = w.decide(ctx, id)
			return err
		})
		if err != nil || !d.Changed {
			return d.Next, err
		}
	}
	return time.Time{}, fault.New(fault.Internal, "incident_restless", "Incident %s does not come to rest.", id)
}

func (w *Writer) decide(ctx context.Context, id string) (incident.Decision, error) {
	i, err := w.DB.Incident(ctx, id)
	if err != nil {
		return incident.Decision{}, err
	}
	f, err := w.facts(ctx, i)
	if err != nil {
		return incident.Decision{}, err
	}
	d := incident.Decide(i, f)
	if !d.Changed {
		return d, nil
	}
	return d, w.DB.Write(ctx, func(tx *store.Tx) error {
		next := d.Incident
		if err := tx.UpdateIncident(ctx, &next); err != nil {
			return err
		}
		for _, e := range d.Events {
			if _, err := w.Append(ctx, tx, e); err != nil {
				return err
			}
		}
		if err := w.Effects(ctx, tx, d.Effects, i.Environment); err != nil {
			return err
		}
		return tx.Schedule(ctx, i.ID, Work, d.Next)
	})
}

// facts gathers what Decide may know.
func (w *Writer) facts(ctx context.Context, i incident.Incident) (incident.Facts, error) {
	f := incident.Facts{Effects: map[string]effect.Effect{}, Flags: map[string]incident.FlagFacts{}}
	var err error
	if f.Now, err = w.DB.Now(ctx); err != nil {
		return f, err
	}
	list, err := w.DB.EffectsOf(ctx, i.ID)
	if err != nil {
		return f, err
	}
	for _, x := range list {
		f.Effects[x.Key] = x
	}
	for _, o := range i.FlagsOff {
		if o.Phase == incident.Proven {
			continue
		}
		c, err := w.DB.FlagConfig(ctx, i.App, o.Environment, o.Flag)
		if err != nil && !fault.Is(err, fault.NotFound) { // nobody ever said what it does there: it is off
			return f, err
		}
		facts := incident.FlagFacts{On: c.On}
		facts.Off, facts.Serves = confirmed(w.Serves(o.Environment, o.Flag), c, o.Generation)
		if o.Phase == incident.Watching && o.Deployment != "" {
			v := w.Verdict(o.Rules, deployment.Deployment{ID: o.Deployment, Version: o.Version}, o.At, f.Now)
			facts.Verdict = &v
		}
		f.Flags[o.Key] = facts
	}
	return f, nil
}

// confirmed reports whether what is served is what the flag serves while it is off, and says what is served.
func confirmed(s Serving, c flag.Config, generation int64) (bool, string) {
	gets := "the program's own fallback"
	if s.Variant != "" {
		gets = "“" + s.Variant + "”"
	}
	switch {
	case !s.Known:
		return false, "This server serves no flags, or has not read them yet."
	case s.Generation < generation:
		return false, fmt.Sprintf("It serves generation %d still; the flag is off from generation %d on.", s.Generation,
			generation)
	case !s.Everybody:
		return false, fmt.Sprintf("Rules still decide who gets what (generation %d).", s.Generation)
	}
	return c.Off == s.Variant, fmt.Sprintf("Everybody gets %s (generation %d of the flags).", gets,
		s.Generation)
}

// Resolve closes an incident and sets the date of its review.
func (w *Writer) Resolve(ctx context.Context, who access.Actor, id, resolution string) error {
	return again(ctx, func() error {
		return w.DB.Write(ctx, func(tx *store.Tx) error { return w.resolve(ctx, tx, who, id, resolution) })
	})
}

func (w *Writer) resolve(ctx context.Context, tx *store.Tx, who access.Actor, id, resolution string) error {
	i, err := tx.Incident(ctx, id)
	if err != nil {
		return err
	}
	if i.State == incident.Resolved {
		return fault.New(fault.Conflict, "incident_resolved", "%s is resolved already.", i.Title)
	}
	now := tx.Now()
	i.State, i.Resolved, i.Resolution = incident.Resolved, now, resolution
	if days := incident.ReviewWithin(i.Severity); days > 0 {
		i.ReviewDue = calendar.AddBusinessDays(now, days, time.UTC)
	}
	if err := tx.UpdateIncident(ctx, &i); err != nil {
		return err
	}
	said := i
	said.FlagsOff = nil // each has its events
	_, err = w.Append(ctx, tx, event.Draft{
		Kind: "incident.resolved", Actor: who.ID, App: w.Strategy.App, Environment: i.Environment, Subject: i.ID,
		Sentence: fmt.Sprintf("%s resolves %q: %s", who.Name, i.Title, resolution), Data: said,
	})
	return err
}

// again runs f again when another writer was faster.
func again(ctx context.Context, f func() error) error {
	var err error
	for range mostTries {
		if err = f(); err == nil || ctx.Err() != nil || fault.ReasonOf(err) != "changed_meanwhile" {
			return err
		}
	}
	return err
}
