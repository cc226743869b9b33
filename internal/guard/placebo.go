package guard

import (
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// counted gives the judge what the source knows of visitors. Of a drain that stops telling them apart it is told that
// nobody does: from then on each failure stands for itself, in blocks.
func (x *exam) counted(t *judge.Tick, of pair) {
	drained, arms := x.pass.settings.Shared, [2]*judge.Arm{&t.Canary, &t.Stable}
	for i, b := range [2]*metric.Bucket{of.canary, of.stable} {
		switch {
		case b == nil || x.rules.Source != "" && !drained:
		case b.Slices == nil && drained && b.Errors > 0:
			x.pass.j.Doubt()
			t.Visitors = false
			return
		case b.Slices != nil:
			t.Visitors = true
			if drained {
				arms[i].Units = b.Slices.Visitors()
			}
			if i == 1 {
				t.SliceUnits, t.SliceSlow = &b.Slices.Units, &b.Slices.Slow
			}
		}
	}
	if drained { // which knows nothing of slow ones
		t.SliceSlow = nil
	}
}
