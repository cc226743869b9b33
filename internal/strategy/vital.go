package strategy

import (
	"cmp"

	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// vital is one of the measures of browsers. The application pushes it (POST /api/v1/metrics) by its name in small
// letters, as the browser gives it: milliseconds, and CLS as it is.
type vital struct {
	WorseBy document.Percent `yaml:"worse_by" doc:"How much worse is tolerated; 10% when nothing is said."`
	Role    string           `yaml:"role" doc:"A signal only holds; decide when nothing is said." enum:"decide,signal"`
	Weight  document.Factor  `yaml:"weight" doc:"Weight beside other custom metrics; 1x when nothing is said."`
}

// Expand returns the long form of a vital: lcp: 15%.
func (*vital) Expand(n *document.Node) *document.Node {
	if n.Form == document.Scalar {
		return document.Wrap("worse_by", n)
	}
	return n
}

// Short describes the short form of a vital.
func (*vital) Short() map[string]any { return (*document.Percent)(nil).Schema() }

// shift is what CLS is multiplied by, so that bins that are made for milliseconds tell its values apart: from 0.0005,
// and 0.1 is taken for 100.
const shift = 1000

// rule is the vital as the guard takes it. A visitor's pages within ten seconds count once, by the worst.
func (v vital) rule(name string) guard.MetricRule {
	r := guard.MetricRule{
		Metric: judge.Metric{
			Name: name, Kind: judge.Durations, WorseBy: cmp.Or(float64(v.WorseBy), 0.1), Weight: float64(v.Weight),
			Signal: v.Role == "signal",
		},
		Unit: "ms", From: metric.App, Worst: true,
	}
	if name == "cls" {
		r.Unit, r.Scale = "", shift
	}
	return r
}
