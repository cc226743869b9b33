package desk

import (
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
)

// Where the edge can't see who has which variant, the application sends numbers of the arms itself: while they are
// compared, and of no others.
func TestAnApplicationReportsTheArmsOfARamp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		who, all := measured(w), access.System("test")
		_, err := w.Flags.Create(w.ctx, all, api.CreateFlag{Key: "checkout"})
		w.ok(err)
		_, err = w.Flags.Rollout(w.ctx, all, "checkout", "production", api.RolloutFlag{Percent: 0})
		w.ok(err)
		_, err = w.Flags.Switch(w.ctx, all, "checkout", "production", true, api.SwitchFlag{})
		w.ok(err)
		const on, off = "flag:production/checkout=on", "flag:production/checkout=off"
		if _, err := w.DeploymentOf(w.ctx, on, ""); fault.ReasonOf(err) != "ramp_unknown" {
			t.Errorf("before the ramp: %v", err)
		}
		r, err := w.StartRamp(w.ctx, all, "checkout", "production", api.RampFlag{
			Steps: []float64{50, 100}, BakeSeconds: 3600,
		})
		w.ok(err)
		got, err := w.PushMetrics(w.ctx, who, api.PushMetrics{Values: []api.MetricValue{
			{Metric: "conversion", Deployment: on, N: 10, Bad: 7},
			{Metric: "conversion", Deployment: off, N: 10, Bad: 1},
			{Metric: "conversion", Deployment: "flag:production/checkout=blue", N: 10, Bad: 1},
		}})
		w.ok(err)
		if got.Accepted != 2 || len(got.Refused) != 1 || got.Refused[0].Reason != "ramp_unknown" {
			t.Errorf("pushed: %+v", got)
		}
		if r.Flag == nil || r.Flag.Key != "checkout" {
			t.Errorf("it is no ramp: %+v", r)
		}
		b, _ := w.Intake.Collect(time.Now().Add(time.Hour))
		arms := map[string]uint64{}
		for _, v := range b.Values {
			arms[v.Deployment] += uint64(v.Sums.N)
		}
		if len(arms) != 2 || arms[on] != 10 || arms[off] != 10 {
			t.Errorf("counted: %v", arms)
		}
	})
}
