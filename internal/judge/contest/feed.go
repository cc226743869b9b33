package contest

import (
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

// Feed says how the judge is told what happens. The zero value is how Slipway's edge does it: every second, visitors
// counted, slices of failing and of slow visitors, three hours of history.
type Feed struct {
	NoHistory  bool
	NoSlices   bool // visitors are counted, but by nobody's hash
	NoSlow     bool // slices of failing visitors only: what `slipway judge stream` documents
	ErrorsOnly bool // nobody counts visitors
	Wide       bool // ten seconds a tick
}

// strip takes away what is not told.
func (f Feed) strip(t *judge.Tick) {
	if f.NoSlow || f.NoSlices || f.ErrorsOnly {
		t.SliceSlow = nil
	}
	if f.NoSlices || f.ErrorsOnly {
		t.SliceUnits, t.Visitors = nil, !f.ErrorsOnly
	}
	if f.ErrorsOnly {
		t.Canary.Units, t.Stable.Units = t.Canary.Errors, t.Stable.Errors
	}
}

// history lets time pass before the first visitor, and says what is known of it.
func (f Feed) history(tr *traffic.Traffic) judge.Background {
	h := judge.NewHistory(bins())
	var t judge.Tick
	tr.Unmeasured(true) // how slow it was before decides nothing
	for second := int64(-history); second < 0; second++ {
		tr.Next(second, 0, &t)
		if f.strip(&t); !f.NoHistory {
			h.Add(&t)
		}
	}
	tr.Unmeasured(false)
	return h.Background()
}

// wide sums ticks to one of ten seconds, which is ready when it returns true.
type wide struct {
	sum    judge.Tick
	units  [judge.Slices]uint32
	slow   [judge.Slices]uint32
	c, s   []uint32
	filled int64
}

func (w *wide) add(t *judge.Tick) bool {
	if w.filled == 10 || w.c == nil {
		w.c, w.s, w.filled = make([]uint32, len(t.Canary.Latency)), make([]uint32, len(t.Stable.Latency)), 0
		w.units, w.slow = [judge.Slices]uint32{}, [judge.Slices]uint32{}
		w.sum = judge.Tick{Second: t.Second, Width: 10, Share: t.Share, Visitors: t.Visitors}
		w.sum.Canary.Latency, w.sum.Stable.Latency = w.c, w.s
	}
	for _, x := range [2]struct {
		into *judge.Arm
		of   judge.Arm
	}{{&w.sum.Canary, t.Canary}, {&w.sum.Stable, t.Stable}} {
		x.into.Requests += x.of.Requests
		x.into.Errors += x.of.Errors
		x.into.Units += x.of.Units
		x.into.New += x.of.New
		for i, n := range x.of.Latency {
			x.into.Latency[i] += n
		}
	}
	if t.SliceUnits != nil {
		w.sum.SliceUnits = &w.units
		for i, n := range t.SliceUnits {
			w.units[i] += n
		}
	}
	if t.SliceSlow != nil {
		w.sum.SliceSlow = &w.slow
		for i, n := range t.SliceSlow {
			w.slow[i] += n
		}
	}
	w.filled++
	return w.filled == 10
}
