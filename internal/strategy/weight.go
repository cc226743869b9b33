package strategy

import (
	"maps"
	"slices"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/metric"
)

// divided is how the guard divides the total evidence; nothing where the file leaves it to the judge.
func (g guardSpec) divided() guard.Weights {
	w := g.Weights
	return guard.Weights{Errors: w["errors"], Latency: w["latency"], WebVitals: w["web_vitals"], Metrics: w["metrics"]}
}

// weighed complains about weights that are none, and about what decides and has none.
func (c checker) weighed(name string, g guardSpec) {
	here := at("guards", name, "weights")
	if len(g.Weights) == 0 {
		if c.written("guards", name, "weights") {
			c.at(here, "nothing has a weight", "write for example {errors: 0.7, latency: 0.3}, or leave weights out")
		}
		return
	}
	decides := map[string]bool{
		"errors":     g.ErrorRate.Compare.WorseBy > 0,
		"latency":    g.LatencyP95.Compare.WorseBy > 0 && !c.unmeasured(g),
		"web_vitals": anyDecides(g.WebVitals, func(v vital) string { return v.Role }),
		"metrics":    anyDecides(g.Metrics, func(m metricSpec) string { return m.Role }),
	}
	for _, key := range slices.Sorted(maps.Keys(g.Weights)) {
		w, path := g.Weights[key], append(slices.Clone(here), key)
		switch _, known := decides[key]; {
		case !known:
			c.at(path, "nothing is compared by that name",
				"there are errors, latency, web_vitals and metrics; one metric has its own weight, such as weight: 2x")
		case !(w > 0 && w <= 1e6):
			c.at(path, "a weight is above 0, and at most 1000000",
				"leave out of the comparison what must not count: compare: off, or role: signal")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(decides)) {
		if _, ok := g.Weights[key]; decides[key] && !ok {
			c.at(here, key+" may take a version back, and has no weight", "add "+key+": 0.2, or another share of the evidence")
		}
	}
	if !slices.Contains(slices.Collect(maps.Values(decides)), true) {
		c.at(here, "nothing that is compared has a weight", "compare something, or leave weights out")
	}
}

func anyDecides[T any](list map[string]T, role func(T) string) bool {
	for _, x := range list {
		if role(x) != "signal" {
			return true
		}
	}
	return false
}

// unmeasured says that nobody measures durations where the guard's numbers come from.
func (c checker) unmeasured(g guardSpec) bool {
	switch metric.Kind(g.Source) {
	case metric.Prometheus:
		return g.Prometheus.Latency == ""
	case metric.Drain:
		return !c.file.Sources.Drain.Traces
	}
	return false
}
