package guard

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// TestOneVisitorWhoTriesAgainTakesNothingBack has visitors counted on both versions. At five requests a second
// eight failures of one visitor are ten times the normal rate; of eight visitors they are a fault.
func TestOneVisitorWhoTriesAgainTakesNothingBack(t *testing.T) {
	t.Parallel()
	rules := DefaultRules()
	rules.Health = HealthRule{}
	for _, test := range []struct {
		name  string
		lasts int64                     // seconds in all; the failures begin at 40
		units func(second int64) uint64 // of the canary's one failure a second
		want  Action
	}{
		{"one visitor", 60, func(second int64) uint64 {
			if second == 40 {
				return 1
			}
			return 0
		}, Hold},
		{"visitors of a burst", 60, func(int64) uint64 { return 1 }, Hold},
		{"a visitor each", 110, func(int64) uint64 { return 1 }, Undo},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(3)
			ev := w.evidence(test.lasts)
			for i := range ev.Stable {
				b := &ev.Stable[i]
				b.Units, b.Slices = b.Errors, &metric.Slices{}
				b.Slices.Units[i%len(b.Slices.Units)] = uint32(b.Errors)
			}
			for i := range ev.Canary {
				b := &ev.Canary[i]
				b.Errors, b.Units = 0, 0
				if second := b.Second - w.t0; second >= 40 {
					b.Requests, b.Errors, b.Units = max(b.Requests, 1), 1, test.units(second)
				}
			}
			ev.ShareSince = time.Unix(w.t0, 0)
			v := Evaluate(rules, ev)
			if v.Action != test.want {
				t.Errorf("%s: %s: %s", v.Action, v.Word, v.Sentence)
			}
		})
	}
}
