package world

import (
	"testing"

	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

// BenchmarkCanary is one healthy release of the default strategy: forty minutes beside the stable version, ten as the
// only one, and thirty minutes of watching production, at 100 requests a second.
func BenchmarkCanary(b *testing.B) {
	const text = "app: shop\ntarget: {selfhost: {stable: \"http://127.0.0.1:9\"}}\n"
	for i := range b.N {
		if o := Run(trial(b, text, traffic.World{Rate: 100, Errors: 0.01}, traffic.Fault{}, uint64(i))); o.End != Promoted {
			b.Fatal(o)
		}
	}
}
