package desk

import (
	"strings"
	"testing"
	"time"

	"github.com/slipwayhq/slipway/api"
	"github.com/slipwayhq/slipway/internal/access"
	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/metric/intake"
)

// measured gives a world custom metrics of every kind.
func measured(w *world) access.Actor {
	w.Intake = intake.New(intake.Options{Kind: metric.App, Source: "app-test"})
	w.Watched = func() []guard.MetricRule {
		return []guard.MetricRule{
			{Metric: judge.Metric{Name: "conversion", Kind: judge.Rate, Higher: true, WorseBy: 0.1}, From: metric.App},
			{Metric: judge.Metric{Name: "abandonment", Kind: judge.Rate, Signal: true}, From: metric.App},
			{Metric: judge.Metric{Name: "basket", Kind: judge.Mean, Higher: true}, From: metric.App, Unit: "€"},
			{Metric: judge.Metric{Name: "lcp", Kind: judge.Durations}, From: metric.App, Unit: "ms"},
			{Metric: judge.Metric{Name: "cls", Kind: judge.Durations}, From: metric.App, Scale: 1000, Worst: true},
			{Metric: judge.Metric{Name: "memory", Kind: judge.Mean}, From: metric.Prometheus},
		}
	}
	return may(access.WriteMetric, "production")
}

func one(v float64) *float64 { return &v }

func TestPushedValuesBecomeSums(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		who := measured(w)
		got, err := w.PushMetrics(w.ctx, who, api.PushMetrics{Values: []api.MetricValue{
			{Metric: "conversion", Version: "v1", Value: one(1), Visitor: "a"},
			{Metric: "conversion", Version: "v1", Value: one(0), Visitor: "b"},
			{Metric: "conversion", Version: "v1", Value: one(0), Visitor: "b"}, // again
			{Metric: "conversion", Version: "v1", N: 10, Bad: 7},
			{Metric: "abandonment", Version: "v1", Value: one(1)},
			{Metric: "basket", Version: "v1", Value: one(30)},
			{Metric: "basket", Version: "v1", N: 2, Sum: 10, SumSq: 50},
			{Metric: "lcp", Version: "v1", Durations: []float64{1200, 2500}},
			{Metric: "memory", Version: "v1", Value: one(1)},
			{Metric: "nobody", Version: "v1", Value: one(1)},
			{Metric: "conversion", Version: "v9", Value: one(1)},
			{Metric: "conversion", Value: one(1)},
			{Metric: "conversion", Version: "v1", Value: one(0.5)},
			{Metric: "conversion", Version: "v1", N: 1, Bad: 2},
			{Metric: "basket", Version: "v1", N: 2, Sum: 10, SumSq: 1},
			{Metric: "lcp", Version: "v1", Durations: []float64{-1}},
		}})
		w.ok(err)
		reasons := map[int]string{}
		for _, r := range got.Refused {
			reasons[r.Index] = r.Reason
		}
		want := map[int]string{
			2: "metric_repeated", 8: "metric_unknown", 9: "metric_unknown", 10: "deployment_unknown", 11: "deployment_missing",
			12: "metric_value_invalid", 13: "metric_value_invalid", 14: "metric_value_invalid", 15: "metric_value_invalid",
		}
		if got.Accepted != 7 || len(reasons) != len(want) {
			t.Errorf("%d are accepted, refused are %v", got.Accepted, reasons)
		}
		for i, reason := range want {
			if reasons[i] != reason {
				t.Errorf("value %d: %q, want %q", i, reasons[i], reason)
			}
		}
		sums := map[string]judge.Sums{}
		b, _ := w.Intake.Collect(time.Now())
		for _, v := range b.Values {
			s := sums[v.Metric]
			s.N, s.Bad, s.Sum, s.SumSq = s.N+v.Sums.N, s.Bad+v.Sums.Bad, s.Sum+v.Sums.Sum, s.SumSq+v.Sums.SumSq
			sums[v.Metric] = s
		}
		if c := sums["conversion"]; c.N != 12 || c.Bad != 8 {
			t.Errorf("conversion: %d of %d did not buy, want 8 of 12", c.Bad, c.N)
		}
		if c := sums["abandonment"]; c.N != 1 || c.Bad != 1 {
			t.Errorf("abandonment: %d of %d left, want 1 of 1", c.Bad, c.N)
		}
		if m := sums["basket"]; m.N != 3 || m.Sum != 40 || m.SumSq != 950 {
			t.Errorf("basket: %+v", m)
		}
		if l := sums["lcp"]; l.N != 2 {
			t.Errorf("lcp: %d durations", l.N)
		}
	})
}

// CLS has no unit: 0.1 is taken for 100, and of a visitor only the worst page counts.
func TestLayoutShiftsAreScaled(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		who := measured(w)
		at := time.Now().Add(-50 * time.Second).Truncate(10 * time.Second)
		_, err := w.PushMetrics(w.ctx, who, api.PushMetrics{Values: []api.MetricValue{
			{Metric: "cls", Version: "v1", Value: one(0.02), Visitor: "a", At: &at},
			{Metric: "cls", Version: "v1", Value: one(0.1), Visitor: "a", At: &at},
			{Metric: "cls", Version: "v1", Value: one(0), Visitor: "b", At: &at},
		}})
		w.ok(err)
		b, _ := w.Intake.Collect(time.Now())
		if len(b.Values) != 1 || b.Values[0].Sums.N != 2 || b.Values[0].Sums.Hist.CountAbove(95) != 1 ||
			b.Values[0].Sums.Hist.CountAbove(105) != 0 {
			t.Errorf("%+v", b.Values)
		}
	})
}

func TestLateValuesAreRefusedInWords(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		who := measured(w)
		old := time.Now().Add(-3 * time.Minute)
		_, err := w.PushMetrics(w.ctx, who, api.PushMetrics{Values: []api.MetricValue{
			{Metric: "conversion", Version: "v1", Value: one(1), At: &old},
		}})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.MessageOf(err), "after 2m0s its time is final") {
			t.Errorf("a late value: %v", err)
		}
		if c := w.Intake.Counters(); c.Late != 1 {
			t.Errorf("%d are counted as late", c.Late)
		}
	})
}

func TestABatchOfASourceCountsOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		who := measured(w)
		in := api.PushMetrics{Source: "shop-1", Sequence: 7, Values: []api.MetricValue{
			{Metric: "conversion", Version: "v1", N: 10, Bad: 7},
		}}
		for range 3 {
			_, err := w.PushMetrics(w.ctx, who, in)
			w.ok(err)
		}
		list, err := w.DB.Batches(w.ctx, time.Now().Add(-time.Hour), 10)
		w.ok(err)
		if len(list) != 1 {
			t.Errorf("%d batches are kept, want 1", len(list))
		}
		in.Sequence = 0
		if _, err := w.PushMetrics(w.ctx, who, in); !fault.Is(err, fault.Invalid) {
			t.Errorf("a source without numbers: %v", err)
		}
	})
}

// A platform names deployments otherwise than Slipway: the id of the application's own build is known as well, and
// where that is unknown the version says which is meant.
func TestADeploymentIsFoundByWhatItsExporterSays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		begun, err := w.StartRelease(w.ctx, access.System("test"), api.StartRelease{
			Version: "v2", Commit: "c", Deployment: w.url, Unscheduled: "a test", BuildIDs: []string{"dpl-v2"},
		})
		w.ok(err)
		r := w.release(begun.ID)
		tests := []struct{ id, version, want string }{
			{r.Deployment, "", r.Deployment}, {"dpl-v2", "", r.Deployment}, {"dpl-v2", "v2", r.Deployment},
			{"pod-77", "v2", r.Deployment}, {"", "v2", r.Deployment}, {"pod-77", "", ""}, {"", "v9", ""}, {"dpl-v2", "v1", "v1"},
			{"", "", ""},
		}
		for _, tt := range tests {
			got, err := w.DeploymentOf(w.ctx, tt.id, tt.version)
			if got.ID != tt.want && got.Version != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("%q %q: %q %v, want %q", tt.id, tt.version, got.ID, err, tt.want)
			}
		}
	})
}

// A named batch of which nobody knows whether it arrived is sent again: it is answered alike, and counts once.
func TestABatchThatIsSentAgainCountsOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		who := measured(w)
		in := api.PushMetrics{Source: "shop", Sequence: 1, Values: []api.MetricValue{
			{Metric: "conversion", Version: "v1", Value: one(1), Visitor: "a"},
			{Metric: "conversion", Version: "v1", Value: one(0), Visitor: "b"},
		}}
		for range 2 {
			if got, err := w.PushMetrics(w.ctx, who, in); err != nil || got.Accepted != 2 {
				t.Errorf("%+v, %v", got, err)
			}
		}
		kept, err := w.DB.Batches(w.ctx, time.Time{}, 9)
		w.ok(err)
		if len(kept) != 1 {
			t.Errorf("it is kept %d times", len(kept))
		}
	})
}

// A number that can't be kept counts nowhere: else its source would seem to have told all that it ever will.
func TestABatchThatCannotBeKeptCountsNowhere(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		who := measured(w)
		in := api.PushMetrics{Source: "shop", Sequence: 1 << 63, Values: []api.MetricValue{
			{Metric: "conversion", Version: "v1", Value: one(1), Visitor: "a"},
		}}
		_, err := w.PushMetrics(w.ctx, who, in)
		observed := w.Engine.Observe(w.ctx, metric.Batch{Source: "edge-1", Sequence: 1 << 63})
		if !fault.Is(err, fault.Invalid) || !fault.Is(observed, fault.Invalid) ||
			len(w.Engine.Timeline.Sources(time.Now())) != 0 {
			t.Errorf("%v, %v: %+v", err, observed, w.Engine.Timeline.Sources(time.Now()))
		}
		in.Sequence = 1
		if got, err := w.PushMetrics(w.ctx, who, in); err != nil || got.Accepted != 1 {
			t.Errorf("the visitor of it counts as %+v, %v", got, err)
		}
	})
}
