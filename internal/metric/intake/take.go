package intake

import (
	"hash/fnv"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Part is one value of a request.
type Part struct {
	Value   metric.Value
	Visitor string // who counts once, or with Worst with the largest number; empty: nobody is known
	Worst   bool
}

// Take takes the values of a request, and says of each whether it counts. Without room for all of them it takes none:
// what is refused in the middle of a request can't be sent again without counting the rest twice.
func (i *Intake) Take(now time.Time, parts []Part) ([]error, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.room(len(parts)); err != nil {
		return nil, err
	}
	return i.each(now, "", parts, func(p Part) error {
		if p.Worst {
			return i.larger(p.Value.Deployment, p.Value.Metric, p.Visitor, p.Value.Second, p.Value.Sums.Hist.Mean())
		}
		return i.value(p.Value)
	}), nil
}

// Check says of each value of a batch that is kept elsewhere whether it counts. The same batch, sent again, is told the
// same of its visitors: it counts once by its name.
func (i *Intake) Check(now time.Time, batch string, parts []Part) []error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.each(now, batch, parts, func(Part) error { return nil })
}

// each takes what is in time, and of each visitor one value. The Intake is locked.
func (i *Intake) each(now time.Time, batch string, parts []Part, take func(Part) error) []error {
	out, here := make([]error, len(parts)), map[uint64]bool{}
	for n, p := range parts {
		err := i.inTime(now, p.Value.Second)
		if err == nil && p.Visitor != "" && !p.Worst {
			who := hash(p.Value.Metric, p.Value.Deployment, p.Visitor)
			if here[who] || !i.first(who, hash(batch), batch != "") {
				i.counters.Repeated++
				err = fault.New(fault.Conflict, "metric_repeated", "This visitor was counted before.")
			}
			here[who] = true
		}
		if err == nil {
			err = take(p)
		}
		out[n] = err
	}
	return out
}

// first reports whether a visitor's event is the first of its kind that is remembered, or was so in the same named
// batch: a visitor who buys twice is converted once. About the last hundred thousand are. The Intake is locked.
func (i *Intake) first(who, batch uint64, named bool) bool {
	for _, m := range i.visitors {
		if in, again := m[who]; again {
			return named && in == batch
		}
	}
	if len(i.visitors[0]) >= maxVisitors {
		i.visitors[1], i.visitors[0] = i.visitors[0], map[uint64]uint64{}
	}
	i.visitors[0][who] = batch
	return true
}

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write(append([]byte(p), 0)) // it cannot fail
	}
	return h.Sum64()
}
