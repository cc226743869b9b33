package app

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/intake"
	"github.com/slipwayhq/slipway/internal/metric/prometheus"
	"github.com/slipwayhq/slipway/internal/store"
)

// openSources makes what brings numbers beside the edge.
func (a *App) openSources() error {
	for into, kind := range map[**intake.Intake]metric.Kind{&a.custom: metric.App, &a.spans: metric.OTLP} {
		*into = intake.New(intake.Options{
			Kind: kind, Source: string(kind) + "-" + a.Engine.Node, Late: a.opts.Strategy.Late(kind),
		})
	}
	o := a.opts.Prometheus
	if named, ok := a.opts.Strategy.Prometheus(); o == nil && ok {
		o = &prometheus.Options{
			URL: named.URL, User: named.User, Every: named.Every, Timeout: named.Timeout, Lag: named.Lag,
		}
		for name, into := range map[string]*string{named.TokenEnv: &o.Token, named.PasswordEnv: &o.Password} {
			if name == "" {
				continue
			}
			if *into = os.Getenv(name); *into == "" {
				return fault.New(fault.Invalid, "secret_missing",
					"The strategy takes a secret for Prometheus from the environment variable %s, which is not set.", name)
			}
		}
	}
	if o == nil {
		return nil
	}
	var err error
	if a.prometheus, err = prometheus.New(*o); err != nil {
		return fmt.Errorf("prepare Prometheus: %w", err)
	}
	return nil
}

// gather hands what was pushed to the engine, once a second.
func (a *App) gather(ctx context.Context) error {
	for range every(ctx, time.Second) {
		now, err := a.DB.Now(ctx)
		for _, from := range []*intake.Intake{a.custom, a.spans} {
			if err != nil {
				break
			}
			if b, ok := from.Collect(now); ok {
				err = a.Engine.Observe(ctx, b)
			}
		}
		if a.drain != nil && err == nil {
			if b, ok := a.drain.Collect(now); ok {
				err = a.Engine.Observe(ctx, b)
			}
		}
		if err != nil && ctx.Err() == nil {
			a.opts.Log.Warn("keep what was pushed", "error", err)
		}
	}
	return nil
}

// askPrometheus asks for the windows that are due, and says once when that fails.
func (a *App) askPrometheus(ctx context.Context) error {
	told := false
	for range every(ctx, time.Second) {
		now, err := a.DB.Now(ctx)
		var targets []prometheus.Target
		if err == nil {
			targets, err = a.targets(ctx)
		}
		var batches []metric.Batch
		if err == nil {
			batches, err = a.prometheus.Collect(ctx, now, targets)
		}
		for _, b := range batches {
			if kept := a.Engine.Observe(ctx, b); kept != nil {
				err = kept
			}
		}
		if err != nil && !told && ctx.Err() == nil {
			a.opts.Log.Warn("ask Prometheus", "error", err)
		}
		told = err != nil || told && len(batches) == 0
	}
	return nil
}

// targets returns the versions that Prometheus is asked about: what is stable, so that its normal is known, and
// both of every release that has visitors.
func (a *App) targets(ctx context.Context) ([]prometheus.Target, error) {
	var out []prometheus.Target
	add := func(id, version string, rules guard.Rules) {
		t := prometheus.Target{Deployment: id, Version: version}
		if rules.Source == metric.Prometheus {
			t.Queries = rules.Queries
		}
		for _, m := range rules.Metrics {
			if m.From == metric.Prometheus {
				t.Metrics = append(t.Metrics,
					prometheus.Query{Name: m.Name, Kind: m.Kind, Higher: m.Higher, Query: m.Query})
			}
		}
		wanted := t.Queries.Requests != "" || len(t.Metrics) > 0
		if id != "" && wanted && !slices.ContainsFunc(out, func(o prometheus.Target) bool { return o.Deployment == id }) {
			out = append(out, t)
		}
	}
	active, err := a.DB.ActiveReleases(ctx, a.opts.Strategy.App)
	if err != nil {
		return nil, err
	}
	for _, r := range active {
		rules, watched := r.Rules()
		if !watched {
			continue
		}
		add(r.Deployment, r.Version, rules)
		if d, err := a.DB.Deployment(ctx, r.Previous); err == nil && r.Promoted.IsZero() {
			add(d.ID, d.Version, rules)
		}
	}
	states, err := a.DB.EnvironmentStates(ctx, a.opts.Strategy.App)
	i := slices.IndexFunc(states, func(s store.EnvironmentState) bool { return s.Name == "production" })
	if err != nil || i < 0 || states[i].Deployment == "" {
		return out, err
	}
	d, err := a.DB.Deployment(ctx, states[i].Deployment)
	if err != nil {
		return out, err
	}
	for _, step := range a.opts.Strategy.ReleasePlan().Steps {
		add(d.ID, d.Version, step.Rules)
	}
	return out, nil
}

// lasting writes a time as sentences have it: "0.4 s", "75 s", "6 min", "3 h".
func lasting(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(math.Round(d.Seconds()*10)/10, 'f', -1, 64) + " s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}

// sources says what arrives at this node. The status lists the edges by themselves.
func (a *App) sources() []api.MetricSource {
	out, now := []api.MetricSource{}, time.Now()
	for _, x := range []struct {
		kind metric.Kind
		from *intake.Intake
	}{{metric.App, a.custom}, {metric.OTLP, a.spans}} {
		c := x.from.Counters()
		s := api.MetricSource{
			Name: string(x.kind) + "-" + a.Engine.Node, Kind: string(x.kind), Accepted: c.Accepted, Late: c.Late,
			Dropped: c.Unknown + c.Future + c.Full, Sentence: "Nothing has arrived yet.",
		}
		if !c.Heard.IsZero() {
			s.Heard, s.Complete = stamp(c.Heard), stamp(time.Unix(c.Complete, 0))
			s.Sentence = "The slowest took " + lasting(time.Duration(c.SlowestMS)*time.Millisecond) + " to arrive."
			if c.Unknown > 0 {
				s.Sentence = fmt.Sprintf("%s; %d belonged to nothing that is known, the last to %s.",
					strings.TrimSuffix(s.Sentence, "."), c.Unknown, c.Stranger)
			}
		}
		if silent := now.Sub(c.Heard); silent > time.Minute {
			s.Trouble = true
			if !c.Heard.IsZero() {
				s.Sentence = fmt.Sprintf("Nothing has arrived for %s. %s", lasting(silent), s.Sentence)
			}
		}
		out = append(out, s)
	}
	if a.drain != nil {
		out = append(out, a.drainSource(now))
	}
	if a.stoodIn() {
		out = append(out, a.countsSource())
	}
	if a.prometheus != nil {
		p := a.prometheus.Status()
		s := api.MetricSource{
			Name: p.Source, Kind: string(metric.Prometheus), Accepted: p.Windows, Late: p.Late, Dropped: p.Blind,
			Trouble: p.Trouble != "", Sentence: p.Trouble,
		}
		if !p.Heard.IsZero() {
			s.Heard, s.Complete = stamp(p.Heard), stamp(time.Unix(p.Complete, 0))
		}
		if s.Sentence == "" {
			s.Sentence = fmt.Sprintf("%d windows of %s are measured; %d were not whole.", p.Windows, p.Every, p.Blind)
		}
		out = append(out, s)
	}
	return a.counted(out, now)
}

// counted adds what the timeline has counted of each source, and the edges.
func (a *App) counted(out []api.MetricSource, now time.Time) []api.MetricSource {
	for _, c := range a.timeline.Sources(now) {
		i := slices.IndexFunc(out, func(s api.MetricSource) bool { return s.Name == c.Name && s.Kind == string(c.Kind) })
		if i < 0 {
			s := api.MetricSource{Name: c.Name, Kind: string(c.Kind), Accepted: c.Batches, Late: c.Late, Trouble: c.Silent,
				Sentence: "Measurements arrive."}
			if s.Heard, s.Complete = stamp(c.Heard), stamp(time.Unix(c.Complete, 0)); c.Silent {
				s.Sentence = fmt.Sprintf("Nothing has arrived since %s.", c.Heard.Format("15:04:05"))
			}
			i, out = len(out), append(out, s)
		}
		out[i].Gap, out[i].Missing, out[i].Repeated = c.Gap, c.Missing, c.Duplicates
	}
	return out
}

// stamp returns nil for what has not been.
func stamp(t time.Time) *time.Time {
	if t.Unix() <= 0 {
		return nil
	}
	t = t.UTC()
	return &t
}
