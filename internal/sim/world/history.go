package world

import (
	"github.com/slipwayhq/slipway/internal/guard"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
	"github.com/slipwayhq/slipway/internal/release"
)

// History collects what was measured of the stable version before the first visitor of the changed one.
type History struct {
	learned *judge.History
	counts  []uint32
	all     metric.Bucket
	seconds []metric.Bucket
}

// NewHistory returns an empty History.
func NewHistory() *History {
	bins := judge.ProductBins()
	return &History{learned: judge.NewHistory(bins), counts: make([]uint32, bins.Count)}
}

// Add takes a second; those before Epoch are negative.
func (h *History) Add(t *judge.Tick) {
	b := Bucket(stable, Epoch().Unix()+t.Second, t.Stable, t.SliceUnits, t.SliceSlow)
	if b.Requests > 0 {
		h.seconds = append(h.seconds, b)
	}
	h.all.Add(b)
	clear(h.counts)
	x := *t
	x.Stable.Latency = judge.ProductBins().Fold(b.Latency, h.counts)
	h.learned.Add(&x)
}

// Before sums it up for a plan.
func (h *History) Before(p release.Plan) Before {
	return Before{
		Background: h.learned.Background(), Baseline: h.all, Healthy: guard.LastHealthy(rules(p), h.all, h.seconds),
	}
}

// rules are the guard's limits at the first share of a plan.
func rules(p release.Plan) guard.Rules {
	if list := p.Shares(); len(list) > 0 {
		return list[0].Rules
	}
	return guard.DefaultRules()
}

// Bucket is one version's second as a source delivers it. It shares nothing with the arm.
func Bucket(deployment string, second int64, a judge.Arm, units, slow *[judge.Slices]uint32) metric.Bucket {
	n := used(a.Latency)
	return bucket(deployment, second, a, append(make([]uint32, 0, n), a.Latency[:n]...), units, slow)
}

// used is how many counts there are up to the last one that is not 0.
func used(counts []uint32) int {
	n := len(counts)
	for n > 0 && counts[n-1] == 0 {
		n--
	}
	return n
}

func bucket(deployment string, second int64, a judge.Arm, counts []uint32, units, slow *[judge.Slices]uint32,
) metric.Bucket {
	b := metric.Bucket{
		Deployment: deployment, Second: second, Requests: a.Requests, Errors: a.Errors, Units: a.Units, New: a.New,
		Minutes: a.New, // a simulated visitor asks ten times, within a minute
		Slow:    a.Slow, Latency: judge.SketchOf(counts),
	}
	if units != nil {
		b.Slices = &metric.Slices{Units: *units}
		if slow != nil {
			b.Slices.Slow = *slow
		}
	}
	return b
}
