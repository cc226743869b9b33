package strategy

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// A stand-in goes with a drain, and guards that begin as the default one and go by another source have none.
func TestAStandInGoesWithADrain(t *testing.T) {
	t.Parallel()
	s, err := Parse("slipway.yaml", []byte(`app: shop
target: {vercel: {project: shop, canary: rolling}}
guards:
  default: {fallback: observability, blind_undo: 10m}
  sent: {source: otlp, blind_undo: off}
`))
	if err != nil {
		t.Fatal(err)
	}
	r := s.rules("default")
	if r.Source != metric.Drain || r.Fallback != metric.Observability || r.BlindUndo != 10*time.Minute {
		t.Errorf("default: %+v", r)
	}
	if r := s.rules("sent"); r.Fallback != "" || r.BlindUndo != 0 {
		t.Errorf("sent: %+v", r)
	}
}
