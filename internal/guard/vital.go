package guard

import (
	"cmp"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Vital is what browsers measure and an application forwards: lcp, inp, cls or ttfb, in milliseconds, CLS as it is. A
// visitor's pages within ten seconds count once, by the worst. CLS is multiplied, so that bins that are made for
// milliseconds tell its values apart: 0.1 is taken for 100. A tolerance of 0 means 10 %.
func Vital(name string, worseBy, weight float64, signal bool) MetricRule {
	r := MetricRule{
		Metric: judge.Metric{
			Name: name, Kind: judge.Durations, WorseBy: cmp.Or(worseBy, 0.1), Weight: weight, Signal: signal,
		},
		Unit: "ms", From: metric.App, Worst: true,
	}
	if name == "cls" {
		r.Unit, r.Scale = "", 1000
	}
	return r
}
