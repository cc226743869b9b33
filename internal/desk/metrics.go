package desk

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/intake"
	"github.com/slipwayhq/slipway/internal/release"
	"github.com/slipwayhq/slipway/internal/store"
)

// PushMetrics takes custom metrics of an application. Values that cannot count are named in the receipt; the
// others count.
func (d *Desk) PushMetrics(ctx context.Context, who access.Actor, in api.PushMetrics) (api.MetricReceipt, error) {
	out := api.MetricReceipt{Refused: []api.MetricRefusal{}}
	if err := d.check(ctx, who, access.WriteMetric, "production"); err != nil {
		return out, err
	}
	if d.Intake == nil {
		return out, fault.New(fault.Unavailable, "metrics_off", "This Slipway takes no metrics.")
	}
	odd := func(c rune) bool { return c <= ' ' || c > '~' }
	if in.Source != "" && (in.Sequence == 0 || in.Sequence > math.MaxInt64 || strings.ContainsFunc(in.Source, odd)) {
		return out, fault.New(fault.Invalid, "metric_source_invalid",
			"A source is named in visible ASCII and numbers its batches from 1 to %d.", math.MaxInt64)
	}
	now, err := d.DB.Now(ctx)
	if err != nil {
		return out, err
	}
	if len(in.Values) == 0 {
		return out, fault.New(fault.Invalid, "metric_values_missing", "There is no value in the request.")
	}
	parts, wrong, err := d.metricParts(ctx, now, in.Values)
	if err != nil {
		return out, err
	}
	source := "app." + who.ID + "." + in.Source
	var whether []error
	if in.Source != "" {
		whether = d.Intake.Check(now, fmt.Sprintf("%s/%d", source, in.Sequence), parts)
	} else if whether, err = d.Intake.Take(now, parts); err != nil {
		return out, err
	}
	var values []metric.Value
	for i := range in.Values {
		err := wrong[i]
		if err == nil {
			if err, whether = whether[0], whether[1:]; err == nil {
				values = append(values, parts[0].Value)
			}
			parts = parts[1:]
		}
		if err == nil {
			out.Accepted++
			continue
		}
		out.Refused = append(out.Refused,
			api.MetricRefusal{Index: i, Reason: fault.ReasonOf(err), Detail: fault.MessageOf(err)})
	}
	if out.Accepted == 0 {
		first := out.Refused[0]
		return out, fault.New(fault.Invalid, first.Reason, "Nothing counts. Of the first value: %s", first.Detail)
	}
	if in.Source == "" {
		return out, nil
	}
	return out, d.Engine.Observe(ctx, metric.Batch{
		Source: source, Kind: metric.App, Sequence: in.Sequence, Sent: now,
		Complete: now.Add(-d.Intake.Late()).Unix(), Buckets: []metric.Bucket{}, Values: values,
	})
}

// metricParts reads the values of a request before any of them counts, and says of each whether it is wrong; an error
// is none of the sender's.
func (d *Desk) metricParts(ctx context.Context, now time.Time, in []api.MetricValue) ([]intake.Part, []error, error) {
	rules, known := d.metricRules(), map[string]deployment.Deployment{}
	var parts []intake.Part
	wrong := make([]error, len(in))
	for i, x := range in {
		p, err := d.metricValue(ctx, now, x, rules, known)
		if fault.Is(err, fault.Internal) || fault.Is(err, fault.Unavailable) {
			return nil, nil, err
		}
		if wrong[i] = err; err == nil {
			parts = append(parts, p)
		}
	}
	return parts, wrong, nil
}

// metricRules returns the custom metrics of every guard that watches a release.
func (d *Desk) metricRules() []guard.MetricRule {
	if d.Watched != nil {
		return d.Watched()
	}
	var out []guard.MetricRule
	for _, step := range d.Strategy.ReleasePlan().Steps {
		for _, m := range step.Rules.Metrics {
			if !slices.ContainsFunc(out, func(o guard.MetricRule) bool { return o.Name == m.Name }) {
				out = append(out, m)
			}
		}
	}
	return out
}

// metricValue turns a pushed value into sums of its deployment and second.
func (d *Desk) metricValue(ctx context.Context, now time.Time, x api.MetricValue, rules []guard.MetricRule,
	known map[string]deployment.Deployment,
) (p intake.Part, err error) {
	i := slices.IndexFunc(rules, func(r guard.MetricRule) bool { return r.Name == x.Metric })
	if i < 0 || rules[i].From != metric.App && rules[i].From != "" {
		d.Intake.Unknown(fmt.Sprintf("the metric %.64q", x.Metric))
		return p, fault.New(fault.Invalid, "metric_unknown",
			"The strategy's guard takes no metric %.64q from the application. It takes: %s.", x.Metric,
			taken(rules))
	}
	name := x.Deployment + "\x00" + x.Version
	dep, ok := known[name]
	if !ok {
		if dep, err = d.DeploymentOf(ctx, x.Deployment, x.Version); err != nil {
			d.Intake.Unknown(fmt.Sprintf("the deployment %.64q", cmp.Or(x.Deployment, x.Version)))
			return p, err
		}
		known[name] = dep
	}
	at := now
	if x.At != nil {
		at = *x.At
	}
	sums, err := intake.Event{
		Value: x.Value, N: x.N, Bad: x.Bad, Sum: x.Sum, SumSq: x.SumSq, Durations: x.Durations,
	}.Times(rules[i].Scale).Sums(rules[i].Metric)
	p = intake.Part{Value: metric.Value{Deployment: dep.ID, Metric: x.Metric, Second: at.Unix(), Sums: sums}}
	if x.Value != nil {
		p.Visitor, p.Worst = x.Visitor, rules[i].Worst && x.Visitor != ""
	}
	return p, err
}

// taken lists what applications may report.
func taken(rules []guard.MetricRule) string {
	var names []string
	for _, r := range rules {
		if r.From == metric.App || r.From == "" {
			names = append(names, r.Name)
		}
	}
	if len(names) == 0 {
		return "none; name it under metrics in the guard"
	}
	return strings.Join(names, ", ")
}

// Vital takes what a browser measured of a page, as a platform tells it. What no guard asks for, and what comes too
// late, is left out; the latter is counted.
func (d *Desk) Vital(now time.Time, deployment, name, device string, second int64, value float64) {
	rules := d.metricRules()
	i := slices.IndexFunc(rules, func(r guard.MetricRule) bool {
		return r.Name == name && r.Worst && (r.From == metric.App || r.From == "")
	})
	if i < 0 || d.Intake == nil {
		return
	}
	_ = d.Intake.Worst(now, deployment, name, device, second, value*cmp.Or(rules[i].Scale, 1))
}

// DeploymentOf finds a deployment by its id, by its platform's or its own build's id, or the newest of a version. An
// arm of a flag that is being raised counts as one.
func (d *Desk) DeploymentOf(ctx context.Context, id, version string) (deployment.Deployment, error) {
	unknown := fault.New(fault.NotFound, "deployment_unknown",
		"There is no deployment %.64q. List them: slipway deployment list.", cmp.Or(id, version))
	if id == "" && version == "" {
		return deployment.Deployment{}, fault.New(fault.Invalid, "deployment_missing",
			"A value needs its deployment or version: what is not known to be of one cannot be compared.")
	}
	if strings.HasPrefix(id, "flag:") {
		active, err := d.DB.ActiveReleases(ctx, d.Strategy.App)
		if err != nil {
			return deployment.Deployment{}, err
		}
		if slices.ContainsFunc(active, func(r release.Release) bool {
			return r.Flag != nil && (r.Deployment == id || r.Previous == id)
		}) {
			return deployment.Deployment{ID: id, App: d.Strategy.App}, nil
		}
		return deployment.Deployment{}, fault.New(fault.NotFound, "ramp_unknown",
			"No ramp has the arm %.128q now. Arms are named flag:ENVIRONMENT/KEY=VARIANT.", id)
	}
	if id != "" {
		dep, err := d.DB.Deployment(ctx, id)
		if fault.Is(err, fault.NotFound) {
			dep, err = d.DB.DeploymentByExternal(ctx, d.Strategy.App, id)
		}
		if err == nil && dep.App == d.Strategy.App {
			return dep, nil
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return dep, err
		}
	}
	list, _, err := d.DB.Deployments(ctx, d.Strategy.App, store.DeploymentFilter{Version: version, Limit: 100})
	if err != nil {
		return deployment.Deployment{}, err
	}
	i := slices.IndexFunc(list, func(x deployment.Deployment) bool { return slices.Contains(x.BuildIDs, id) })
	switch {
	case i >= 0:
		return list[i], nil
	case version == "" || len(list) == 0:
		return deployment.Deployment{}, unknown
	}
	return list[0], nil // its platform names deployments otherwise than Slipway
}

// Metrics says what arrives from where.
func (d *Desk) Metrics(ctx context.Context, who access.Actor) (api.Metrics, error) {
	out := api.Metrics{Metrics: []api.MetricInfo{}}
	if err := d.seeAny(ctx, who); err != nil {
		return out, err
	}
	for _, m := range d.metricRules() {
		info := api.MetricInfo{
			Name: m.Name, Kind: string(m.Kind), Unit: m.Unit, Better: "lower", Role: "decide", From: string(m.From),
		}
		if m.Higher {
			info.Better = "higher"
		}
		if m.Signal {
			info.Role = "signal"
		}
		out.Metrics = append(out.Metrics, info)
	}
	out.Sources = d.origins()
	return out, nil
}
