package intake

import (
	"math"
	"slices"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
)

// maxNumber bounds what one pushed number may be: its square is summed and must stay finite.
const maxNumber = 1e15

// Event is what an application says: one event (Value), or sums of many.
type Event struct {
	Value      *float64
	N, Bad     uint64
	Sum, SumSq float64
	Durations  []float64
}

// Times returns the event with its numbers multiplied, where a scale is given.
func (x Event) Times(scale float64) Event {
	if !(scale > 0) {
		return x
	}
	x.Durations = slices.Clone(x.Durations)
	for i := range x.Durations {
		x.Durations[i] *= scale
	}
	if x.Value != nil {
		v := *x.Value * scale
		x.Value = &v
	}
	return x
}

// Sums reads an event as the metric's kind wants it, or says in words why it cannot be one.
func (x Event) Sums(m judge.Metric) (judge.Sums, error) {
	wrong := func(format string, args ...any) (judge.Sums, error) {
		return judge.Sums{}, fault.New(fault.Invalid, "metric_value_invalid", format, args...)
	}
	if x.SumSq < 0 || x.SumSq > maxNumber*maxNumber {
		return wrong("%g is no sum of squares that can be added up.", x.SumSq)
	}
	list := append(slices.Clone(x.Durations), x.Sum)
	if x.Value != nil {
		list = append(list, *x.Value)
	}
	for _, v := range list {
		if math.IsNaN(v) || math.Abs(v) > maxNumber {
			return wrong("%g is beyond what can be added up.", v)
		}
	}
	sums := judge.Sums{N: x.N, Bad: x.Bad, Sum: x.Sum, SumSq: x.SumSq}
	switch {
	case x.Value != nil && (x.N > 0 || len(x.Durations) > 0):
		return wrong("It is one event (value) or sums (n), not both.")
	case m.Kind == judge.Rate && x.Value != nil:
		if *x.Value != 0 && *x.Value != 1 {
			return wrong("%s is a rate: value is 1 where it happened and 0 where it did not.", m.Name)
		}
		sums.N = 1
		if (*x.Value == 1) != m.Higher { // what is better when higher goes wrong by not happening
			sums.Bad = 1
		}
	case m.Kind == judge.Rate && (x.N == 0 || x.Bad > x.N):
		return wrong("%s is a rate: it needs n, and bad at most as large.", m.Name)
	case m.Kind == judge.Mean && x.Value != nil:
		sums.N, sums.Sum, sums.SumSq = 1, *x.Value, *x.Value**x.Value
	case m.Kind == judge.Mean && (x.N == 0 || x.SumSq*float64(x.N) < x.Sum*x.Sum*(1-1e-9)):
		return wrong("%s is a mean: it needs n, sum and sum_sq that belong together.", m.Name)
	case m.Kind == judge.Durations:
		if x.Value != nil {
			x.Durations = []float64{*x.Value}
		}
		if len(x.Durations) == 0 || slices.Min(x.Durations) < 0 {
			return wrong("%s is made of durations: it needs durations_ms, none below 0.", m.Name)
		}
		sums = judge.Sums{N: uint64(len(x.Durations))}
		for _, ms := range x.Durations {
			sums.Hist.AddCount(ms, 1)
		}
	}
	return sums, nil
}
