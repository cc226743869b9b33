package desk

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/deployment"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/store"
)

// maxNumber bounds what one pushed number may be: its square is summed and must stay finite.
const maxNumber = 1e15

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
	if in.Source != "" && (in.Sequence == 0 || strings.ContainsFunc(in.Source, odd)) {
		return out, fault.New(fault.Invalid, "metric_source_invalid",
			"A source is named in visible ASCII and numbers its batches from 1.")
	}
	now, err := d.DB.Now(ctx)
	if err != nil {
		return out, err
	}
	rules, known := d.metricRules(), map[string]deployment.Deployment{}
	var values []metric.Value
	for i, x := range in.Values {
		v, err := d.metricValue(ctx, now, x, rules, known)
		if err == nil && in.Source == "" {
			err = d.Intake.Value(now, v)
		} else if err == nil {
			if err = d.Intake.InTime(now, v.Second); err == nil {
				values = append(values, v)
			}
		}
		switch {
		case fault.Is(err, fault.Internal) || fault.Is(err, fault.Limited):
			return out, err
		case err != nil:
			out.Refused = append(out.Refused,
				api.MetricRefusal{Index: i, Reason: fault.ReasonOf(err), Detail: fault.MessageOf(err)})
		default:
			out.Accepted++
		}
	}
	if len(in.Values) == 0 {
		return out, fault.New(fault.Invalid, "metric_values_missing", "There is no value in the request.")
	}
	if out.Accepted == 0 {
		first := out.Refused[0]
		return out, fault.New(fault.Invalid, first.Reason, "Nothing counts. Of the first value: %s", first.Detail)
	}
	if in.Source == "" {
		return out, nil
	}
	return out, d.Engine.Observe(ctx, metric.Batch{
		Source: "app." + who.ID + "." + in.Source, Kind: metric.App, Sequence: in.Sequence, Sent: now,
		Complete: now.Add(-d.Intake.Late()).Unix(), Buckets: []metric.Bucket{}, Values: values,
	})
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
) (metric.Value, error) {
	i := slices.IndexFunc(rules, func(r guard.MetricRule) bool { return r.Name == x.Metric })
	if i < 0 || rules[i].From != metric.App && rules[i].From != "" {
		d.Intake.Unknown(1)
		return metric.Value{}, fault.New(fault.Invalid, "metric_unknown",
			"The strategy's guard takes no metric %.64q from the application.", x.Metric)
	}
	name := x.Deployment + "\x00" + x.Version
	dep, ok := known[name]
	if !ok {
		var err error
		if dep, err = d.DeploymentOf(ctx, x.Deployment, x.Version); err != nil {
			d.Intake.Unknown(1)
			return metric.Value{}, err
		}
		known[name] = dep
	}
	at := now
	if x.At != nil {
		at = *x.At
	}
	sums, err := sumsOf(rules[i].Metric, x)
	if err == nil && x.Visitor != "" && x.Value != nil && !d.Intake.First(x.Metric, dep.ID, x.Visitor) {
		err = fault.New(fault.Conflict, "metric_repeated", "This visitor was counted before.")
	}
	return metric.Value{Deployment: dep.ID, Metric: x.Metric, Second: at.Unix(), Sums: sums}, err
}

// DeploymentOf finds a deployment by its id, by the id that its own build has, or the newest of a version.
func (d *Desk) DeploymentOf(ctx context.Context, id, version string) (deployment.Deployment, error) {
	unknown := fault.New(fault.NotFound, "deployment_unknown", "There is no deployment %.64q.", cmp.Or(id, version))
	if id == "" && version == "" {
		return deployment.Deployment{}, fault.New(fault.Invalid, "deployment_missing",
			"A value needs its deployment or version: what is not known to be of one cannot be compared.")
	}
	if id != "" {
		dep, err := d.DB.Deployment(ctx, id)
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

// sumsOf reads an event or sums as the metric's kind wants them.
func sumsOf(m judge.Metric, x api.MetricValue) (judge.Sums, error) {
	wrong := func(format string, args ...any) (judge.Sums, error) {
		return judge.Sums{}, fault.New(fault.Invalid, "metric_value_invalid", format, args...)
	}
	if x.SumSq < 0 || x.SumSq > maxNumber*maxNumber {
		return wrong("%g is no sum of squares that can be added up.", x.SumSq)
	}
	list := append(slices.Clone(x.Durations), x.Sum)
	if x.Value != nil {
		list = append(list, *x.Value)
	}
	for _, v := range list {
		if math.IsNaN(v) || math.Abs(v) > maxNumber {
			return wrong("%g is beyond what can be added up.", v)
		}
	}
	sums := judge.Sums{N: x.N, Bad: x.Bad, Sum: x.Sum, SumSq: x.SumSq}
	switch {
	case x.Value != nil && (x.N > 0 || len(x.Durations) > 0):
		return wrong("It is one event (value) or sums (n), not both.")
	case m.Kind == judge.Rate && x.Value != nil:
		if *x.Value != 0 && *x.Value != 1 {
			return wrong("%s is a rate: value is 1 where it happened and 0 where it did not.", m.Name)
		}
		sums.N = 1
		if (*x.Value == 1) != m.Higher { // what is better when higher goes wrong by not happening
			sums.Bad = 1
		}
	case m.Kind == judge.Rate && (x.N == 0 || x.Bad > x.N):
		return wrong("%s is a rate: it needs n, and bad at most as large.", m.Name)
	case m.Kind == judge.Mean && x.Value != nil:
		sums.N, sums.Sum, sums.SumSq = 1, *x.Value, *x.Value**x.Value
	case m.Kind == judge.Mean && (x.N == 0 || x.SumSq*float64(x.N) < x.Sum*x.Sum*(1-1e-9)):
		return wrong("%s is a mean: it needs n, sum and sum_sq that belong together.", m.Name)
	case m.Kind == judge.Durations:
		if x.Value != nil {
			x.Durations = []float64{*x.Value}
		}
		if len(x.Durations) == 0 || slices.Min(x.Durations) < 0 {
			return wrong("%s is made of durations: it needs durations_ms, none below 0.", m.Name)
		}
		sums = judge.Sums{N: uint64(len(x.Durations))}
		for _, ms := range x.Durations {
			sums.Hist.AddCount(ms, 1)
		}
	}
	return sums, nil
}

// Metrics says what arrives from where.
func (d *Desk) Metrics(ctx context.Context, who access.Actor) (api.Metrics, error) {
	out := api.Metrics{Sources: []api.MetricSource{}, Metrics: []api.MetricInfo{}}
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
	if d.Sources != nil {
		out.Sources = append(out.Sources, d.Sources()...)
	}
	return out, nil
}
