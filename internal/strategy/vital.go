package strategy

import "github.com/slipwayhq/slipway/internal/strategy/document"

// vital is one of the measures of browsers, which the application pushes by its name in small letters.
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
