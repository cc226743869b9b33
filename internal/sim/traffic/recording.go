package traffic

import (
	"math"
	"math/rand/v2"

	"github.com/slipwayhq/slipway/internal/judge"
)

// Recording is what an application measured, second by second, to be played again at other shares. Both versions'
// seconds are put together: record one in which nothing was wrong with the changed version.
type Recording struct {
	from   judge.Bins // of the ticks
	at     []int      // where each of their bins lies among those that are played
	before []recorded // the seconds before the first visitor of the changed version
	list   []recorded
	bins   judge.Bins
}

// recorded is one second of both versions together.
type recorded struct {
	requests, errors, units, fresh int
	latency                        []uint32 // by the recorded bins
	slices, slow                   [judge.Slices]uint32
}

// NewRecording returns an empty Recording of ticks whose durations are counted by from. Bins are those in which it is
// played.
func NewRecording(from, bins judge.Bins) *Recording {
	r := &Recording{from: from, bins: bins}
	for i := range from.Count {
		middle := math.Log(from.Low) + math.Log(from.Ratio)*(float64(i)+0.5)
		at := int((middle - math.Log(bins.Low)) / math.Log(bins.Ratio))
		r.at = append(r.at, min(max(at, 0), bins.Count-1))
	}
	return r
}

// Add takes the next second. T is not kept.
func (r *Recording) Add(t *judge.Tick) {
	x := recorded{
		requests: int(t.Stable.Requests + t.Canary.Requests), errors: int(t.Stable.Errors + t.Canary.Errors),
		units: int(t.Stable.Units + t.Canary.Units), fresh: int(t.Stable.New + t.Canary.New),
	}
	x.errors, x.units = min(x.errors, x.requests), min(x.units, x.requests)
	for _, list := range [][]uint32{t.Stable.Latency, t.Canary.Latency} {
		for i, n := range list[:min(len(list), r.from.Count)] {
			if n > 0 && x.latency == nil {
				x.latency = make([]uint32, r.from.Count)
			}
			if n > 0 {
				x.latency[i] += n
			}
		}
	}
	if t.SliceUnits != nil {
		x.slices = *t.SliceUnits
	}
	if t.SliceSlow != nil {
		x.slow = *t.SliceSlow
	}
	if t.Second < 0 {
		r.before = append(r.before, x)
	} else {
		r.list = append(r.list, x)
	}
}

// Seconds is how long the recording is, without what came before the first visitor of the changed version.
func (r *Recording) Seconds() int { return len(r.list) }

// Replay plays a Recording. It is not safe for concurrent use.
type Replay struct {
	*Recording
	t    *Traffic // for its chance and its fault
	from int      // the second with which it begins
}

// Play begins with a second of the recording; after its last comes its first.
func (r *Recording) Play(f Fault, from int, seed uint64) *Replay {
	return &Replay{Recording: r, from: from, t: &Traffic{
		f: f.sane(), r: rand.New(rand.NewPCG(seed, 0x53)), bins: r.bins,
		canary: make([]uint32, r.bins.Count), stable: make([]uint32, r.bins.Count),
	}}
}

// Harm is what the fault did to the changed version's requests in the last second, on average.
func (p *Replay) Harm() (failed, slowed float64) { return p.t.Harm() }

// History calls f with the seconds before the first visitor; where none were recorded, with the recording itself.
func (p *Replay) History(f func(*judge.Tick)) {
	list := p.before
	if len(list) == 0 {
		list = p.list
	}
	var t judge.Tick
	for i := range list {
		p.deal(&list[i], int64(i-len(list)), 0, &t)
		f(&t)
	}
}

// Next deals a recorded second: each request, failure and duration goes to the changed version with the chance of the
// share, and there the fault is added.
func (p *Replay) Next(second int64, share float64, into *judge.Tick) {
	n := int64(len(p.list))
	p.deal(&p.list[((int64(p.from)+second)%n+n)%n], second, share, into)
}

func (p *Replay) deal(x *recorded, second int64, share float64, into *judge.Tick) {
	t := p.t
	clear(t.canary)
	clear(t.stable)
	t.failed, t.delayed = 0, 0
	part := func(n int) int { return t.binomial(n, share) }
	c := judge.Arm{Requests: uint64(part(x.requests)), Units: uint64(part(x.units)), New: uint64(part(x.fresh))}
	c.Units = min(c.Units, c.Requests)
	c.Errors = min(c.Units+uint64(part(max(x.errors-x.units, 0))), c.Requests)
	s := judge.Arm{Requests: uint64(x.requests) - c.Requests, New: uint64(x.fresh) - c.New}
	s.Errors = min(uint64(x.errors)-min(c.Errors, uint64(x.errors)), s.Requests)
	s.Units = min(uint64(x.units)-min(c.Units, uint64(x.units)), s.Requests)
	faulty := share > 0 && second >= t.f.Onset
	if faulty {
		p.fail(&c, x, share)
	}
	for i, n := range x.latency {
		if n == 0 {
			continue
		}
		mine := part(int(n))
		t.stable[p.at[i]] += n - uint32(mine)
		if !faulty {
			t.canary[p.at[i]] += uint32(mine)
			continue
		}
		p.slow(p.at[i], mine, second)
	}
	for i := range x.slices { // those that stayed
		t.units[i] = x.slices[i] - uint32(t.binomial(int(x.slices[i]), share))
		t.slowed[i] = x.slow[i] - uint32(t.binomial(int(x.slow[i]), share))
	}
	c.Latency, s.Latency = t.canary, t.stable
	*into = judge.Tick{Second: second, Share: share, Canary: c, Stable: s, SliceUnits: &t.units, SliceSlow: &t.slowed}
	if share == 0 {
		into.Share = math.NaN()
	}
}

// fail adds the fault's failures: so many times what was recorded in this second, and a part of all.
func (p *Replay) fail(c *judge.Arm, x *recorded, share float64) {
	t := p.t
	times := share * float64(x.units) * (t.f.Times - 1)
	more := uint64(t.poisson(times) + t.binomial(int(c.Requests), t.f.Points))
	c.Errors, c.Units = min(c.Errors+more, c.Requests), min(c.Units+more, c.Requests)
	t.failed = min(times+float64(c.Requests)*t.f.Points, float64(c.Requests))
	switch n := float64(c.Requests); {
	case t.f.Slower > 1 || t.f.Leak > 0:
		t.delayed = n
	case t.f.Route > 1:
		t.delayed = n / 10
	}
}

// slow puts n durations of a bin where the fault lets them be.
func (p *Replay) slow(bin, n int, second int64) {
	t := p.t
	later := func(factor float64) int {
		return min(bin+int(math.Round(math.Log(factor)/math.Log(t.bins.Ratio))), t.bins.Count-1)
	}
	factor := t.f.Slower * (1 + t.f.Leak*float64(second-t.f.Onset)/60)
	routed := 0
	if t.f.Route > 1 {
		routed = t.binomial(n, 0.1)
	}
	t.canary[later(factor)] += uint32(n - routed)
	t.canary[later(factor*t.f.Route)] += uint32(routed)
}

// Sum is all that was recorded after the first visitor of the changed version.
func (r *Recording) Sum() (requests, errors uint64, latency []uint32) {
	latency = make([]uint32, r.bins.Count)
	for i := range r.list {
		x := &r.list[i]
		requests, errors = requests+uint64(x.requests), errors+uint64(x.errors)
		for k, n := range x.latency {
			latency[r.at[k]] += n
		}
	}
	return requests, errors, latency
}
