package metric

import (
	"cmp"
	"slices"

	"github.com/slipwayhq/slipway/internal/judge"
)

// putValue adds one value of a custom metric. What belongs to the same seconds is one sum, so that memory grows with
// time and not with what is sent.
func (t *Timeline) putValue(now int64, v Value) {
	byMetric := t.values[v.Deployment]
	list, known := byMetric[v.Metric]
	switch {
	case v.Second < t.final && v.Second >= now-t.keep:
		t.counters.Late += v.Sums.N
		return
	case v.Second < now-t.keep || v.Second > now+maxAhead || v.Metric == "" || v.Width > MaxWidth,
		byMetric == nil && !t.roomForValues(now), !known && len(byMetric) >= maxMetrics:
		t.counters.Refused++
		return
	case byMetric == nil:
		byMetric = map[string][]Value{}
		t.values[v.Deployment] = byMetric
	}
	v.Width = max(v.Width, 1)
	i, found := slices.BinarySearchFunc(list, v, bySpan)
	if found {
		list[i].Sums.Add(v.Sums)
	} else {
		v.Sums.Hist = v.Sums.Hist.Clone() // the batch is the caller's
		list = slices.Insert(list, i, v)
	}
	if old := valuesBefore(list, now-t.keep); old > len(list)/4 {
		list = slices.Clone(list[old:])
	}
	byMetric[v.Metric] = list
}

// roomForValues says whether one more deployment may have values, after letting go of those that have none any more.
func (t *Timeline) roomForValues(now int64) bool {
	if len(t.values) < maxDeployments {
		return true
	}
	for id, byMetric := range t.values {
		for name, list := range byMetric {
			if len(list) == 0 || list[len(list)-1].Second < now-t.keep {
				delete(byMetric, name)
			}
		}
		if len(byMetric) == 0 {
			delete(t.values, id)
		}
	}
	return len(t.values) < maxDeployments
}

func bySpan(a, b Value) int {
	return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Width, b.Width))
}

// valuesBefore is how many of a list begin before a second.
func valuesBefore(list []Value, second int64) int {
	i, _ := slices.BinarySearchFunc(list, Value{Second: second}, bySpan)
	return i
}

// Value returns the sums of a deployment's custom metric from a second up to before another.
func (t *Timeline) Value(deployment, name string, from, to int64) judge.Sums {
	t.mu.Lock()
	defer t.mu.Unlock()
	var sum judge.Sums
	list := t.values[deployment][name]
	for i := valuesBefore(list, from); i < len(list) && list[i].Second < to; i++ {
		sum.Add(list[i].Sums)
	}
	return sum
}
