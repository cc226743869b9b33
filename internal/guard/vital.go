package guard

import (
	"cmp"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Vital is what browsers measure and an application forwards, one of Vitals, in milliseconds, CLS as it is. A
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

// Vitals lists what browsers measure, by the names that guards have for it.
func Vitals() []string { return []string{"lcp", "inp", "cls", "fcp", "ttfb"} }

// Weights say how the total evidence is divided, in any unit: only their ratios count. The zero value leaves it to the
// judge.
type Weights struct {
	Errors    float64 `json:"errors"`
	Latency   float64 `json:"latency"`
	WebVitals float64 `json:"web_vitals"` // of all that decide together, which divide it by their own weights
	Metrics   float64 `json:"metrics"`    // likewise of the other custom metrics
}

// weigh hands the weights on: the judge knows custom metrics, and not which of them browsers measure.
func (r Rules) weigh(s *judge.Settings) {
	group := func(i int) int { return map[bool]int{true: 1}[r.Metrics[i].Worst] }
	have := [2]float64{r.Weights.Metrics, r.Weights.WebVitals}
	sum := [2]float64{}
	for i := range s.Metrics {
		m := &s.Metrics[i]
		if !(m.Weight > 0) {
			m.Weight = 1
		}
		if !m.Signal {
			sum[group(i)] += m.Weight
		}
	}
	s.Weights = judge.Weights{Errors: r.Weights.Errors, Latency: r.Weights.Latency}
	for i, x := range have {
		if sum[i] > 0 {
			s.Weights.Metrics += x
		}
	}
	for i := range s.Metrics {
		m := &s.Metrics[i]
		switch g := group(i); {
		case m.Signal:
		case have[g] > 0:
			m.Weight *= have[g] / sum[g]
		default: // what has no weight takes nothing back
			m.Signal = true
		}
	}
}
