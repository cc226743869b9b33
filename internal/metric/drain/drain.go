// Package drain understands what a platform delivers of the requests that it served: log records and speed insights of
// Vercel's drains, and spans beside them.
//
// A request has many lines and counts once, by what is known best of how it ended: what the proxy gave to the
// visitor before what a function answered. Lines may come twice, late and in any order: merging them is taking the
// larger of two numbers, so that whatever arrives within Late gives the same sums. After that a second is final,
// because a verdict may rest on it, and what comes for it is counted as late and left out. A drain says nothing when
// nobody visits and nothing when it is broken: the watermark never passes what was told of last, so a drain that is
// behind holds it up and one that stops lets it stand, and the measurement is broken for whoever relies on it.
// Records have no durations. Those of spans are added where there are some; requests and errors are taken from the
// log as long as one is delivered.
//
// Memory is bounded, whatever is sent: requests are remembered for their lines' sake for minutes, and for less when
// there are more than maxRequests. Nothing here knows a signature or the store. A Drain is safe for concurrent use.
package drain

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/metric"
)

const (
	maxAhead    = 15               // seconds that the platform's clock may be ahead
	maxRequests = 1_500_000        // that are remembered
	remember    = 6 * time.Minute  // a request's later lines, where there is room
	heartbeat   = 5 * time.Second  // without traffic
	logged      = 10 * time.Minute // for which a log counts as drained after its last record
	maxKnown    = 1000             // names of deployments
)

// How long an answer about a deployment's name holds: one that nobody knows may be recorded in a moment.
const (
	foundFor   = time.Minute
	unknownFor = 5 * time.Second
)

// Options say what is read.
type Options struct {
	Source string        // unique per process
	Late   time.Duration // how long a record may take to arrive; 30 s when 0
	// Find returns the id of the deployment that the platform names so; empty when nobody knows or judges it.
	Find func(ctx context.Context, external string) (string, error)
	// Vital takes what a browser measured of a page (lcp, inp, cls, fcp, ttfb); nil: nobody asks for it.
	Vital    func(now time.Time, deployment, name, device string, second int64, value float64)
	Sampling []Rule // of the drain
}

// Counters say what came in.
type Counters struct {
	Rows      uint64    `json:"rows"`     // that were read
	Requests  uint64    `json:"requests"` // that count
	Vitals    uint64    `json:"vitals"`   // of browsers
	Late      uint64    `json:"late"`     // lines that came after their time was final
	Future    uint64    `json:"future"`   // the platform's clock is wrong
	Unknown   uint64    `json:"unknown"`  // lines of deployments that nobody knows or judges
	Broken    uint64    `json:"broken"`   // rows that are none
	Heard     time.Time `json:"heard"`    // when something was last delivered
	Complete  int64     `json:"complete"` // Unix second before which everything is final; 0 at first
	SlowestMS int64     `json:"slowest_ms"`
}

// request is what is known of one request.
type request struct {
	order  order
	weight int32
}

// cell names the sums of one deployment, class and second.
type cell struct {
	second int64
	place  uint8
	class  uint8
}

// place is a deployment that has a number.
type place struct {
	id   string
	used int64 // Unix second
}

// name is what was found out about the platform's name of a deployment.
type name struct {
	id    string
	until time.Time
}

// Drain adds up what is delivered.
type Drain struct {
	o    Options
	read reader

	mu       sync.Mutex
	names    map[string]name
	places   [maxPlaces]place
	requests map[uint64]request
	born     map[int64][]uint64 // requests by when they were first heard of
	oldest   int64              // of born; 0: none
	cells    map[cell]*sums
	details  map[uint64]detail // of requests that failed
	failed   map[failing]int64 // when visitors were last counted as failing
	logged   time.Time         // when the last record of a log came
	newest   int64             // Unix second of the newest that was told of
	sequence uint64
	sent     time.Time
	counters Counters
}

// New returns a Drain that has heard nothing.
func New(o Options) *Drain {
	if o.Late <= 0 {
		o.Late = 30 * time.Second
	}
	return &Drain{
		o: o, read: reader{seed: maphash.MakeSeed(), rules: o.Sampling, weights: weights(o.Sampling)},
		names: map[string]name{}, requests: map[uint64]request{}, born: map[int64][]uint64{}, cells: map[cell]*sums{},
		details: map[uint64]detail{}, failed: map[failing]int64{},
	}
}

// Take reads a delivery of log records or speed insights. A fault says why nothing, or not all of it, could be taken:
// it may be delivered again, what was taken counts once.
func (d *Drain) Take(ctx context.Context, now time.Time, body []byte) error {
	got, err := d.read.read(body)
	if err != nil {
		d.mu.Lock()
		d.counters.Broken++
		d.mu.Unlock()
		return err
	}
	ids := make([]string, len(got.names))
	for i, external := range got.names {
		if ids[i], err = d.find(ctx, now, external); err != nil {
			return err
		}
	}
	if err := d.put(now, got, ids); err != nil || d.o.Vital == nil {
		return err
	}
	for _, v := range got.vitals {
		if id := ids[v.name]; id != "" {
			d.o.Vital(now, id, v.metric, v.device, v.second, v.value)
		}
	}
	return nil
}

// find returns a deployment's id, from memory for a while.
func (d *Drain) find(ctx context.Context, now time.Time, external string) (string, error) {
	d.mu.Lock()
	known, ok := d.names[external]
	d.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.id, nil
	}
	id, err := d.o.Find(ctx, external)
	if err != nil {
		return "", err
	}
	known = name{id, now.Add(foundFor)}
	if id == "" {
		known.until = now.Add(unknownFor)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.names) >= maxKnown {
		clear(d.names)
	}
	d.names[external] = known
	return id, nil
}

// put merges what was read.
func (d *Drain) put(now time.Time, got *read, ids []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &d.counters
	c.Rows += got.rows
	c.Broken += got.broken
	c.Unknown += got.many
	places := make([]int, len(ids))
	for i, id := range ids {
		places[i] = d.placeOf(id, now)
	}
	if got.lines > 0 {
		d.logged = now
		d.alive(now, got.newest/1000)
	}
	for _, f := range got.facts {
		p := places[f.name]
		if p < 0 {
			c.Unknown++
			continue
		}
		if err := d.merge(now, f, p, got.spots); err != nil {
			return err
		}
	}
	for _, v := range got.vitals {
		if places[v.name] >= 0 {
			c.Vitals++
		} else {
			c.Unknown++
		}
	}
	return nil
}

// alive notes that something of a second was told.
func (d *Drain) alive(now time.Time, second int64) {
	d.counters.Heard = now
	if second <= now.Unix()+maxAhead {
		d.newest = max(d.newest, second)
	}
}

// final is the second before which nothing counts any more: Late ago, and not beyond what was told of last. A third of
// Late is left to what trails behind that.
func (d *Drain) final(now time.Time) int64 {
	trail := max(d.o.Late/3-now.Sub(d.counters.Heard), 0)
	told := d.newest + 1 - int64(trail/time.Second)
	return max(d.counters.Complete, min(now.Add(-d.o.Late).Unix(), told))
}

// merge takes what one line tells of its request.
func (d *Drain) merge(now time.Time, f fact, place int, spots []spot) error {
	o, final := f.order.in(place), d.final(now)
	had, known := d.requests[f.request]
	switch second := o.second(); {
	case known && (o < had.order || o == had.order && !f.detail(spots).more(d.details[f.request]) ||
		had.order.second() < final):
		return nil // nothing new, or it counts already
	case known && second < final:
		o = o.at(had.order) // its own time is final
	case known:
	case second < final:
		d.counters.Late++
		return nil
	case second > now.Unix()+maxAhead:
		d.counters.Future++
		return nil
	}
	if !known && !d.room(now) {
		return fault.New(fault.Limited, "drain_full", "More than %d requests came within %s.", maxRequests, d.o.Late)
	}
	if known {
		d.sums(had.order).add(had.order, -int64(had.weight))
		if had.order.counts() {
			d.taken(f.request, had)
		}
	} else {
		at := now.Unix()
		if d.oldest == 0 {
			d.oldest = at
		}
		d.born[at] = append(d.born[at], f.request)
		d.counters.Requests++
		d.counters.SlowestMS = max(d.counters.SlowestMS, now.UnixMilli()-o.ms())
	}
	d.requests[f.request] = request{o, f.weight}
	d.sums(o).add(o, int64(f.weight))
	if o.counts() {
		d.noted(f, o, spots)
	}
	return nil
}

func (d *Drain) sums(o order) *sums {
	return d.cell(cell{o.second(), uint8(o.place()), uint8(o >> placeBits & (1<<classBits - 1))})
}

func (d *Drain) cell(k cell) *sums {
	s := d.cells[k]
	if s == nil {
		s = &sums{deployment: d.places[k.place].id}
		d.cells[k] = s
	}
	return s
}

// room says whether one more request may be remembered, after letting go of the oldest whose time is final.
func (d *Drain) room(now time.Time) bool {
	if len(d.requests) < maxRequests {
		return true
	}
	d.forget(now.Unix()-int64(d.o.Late/time.Second)-maxAhead, maxRequests*7/8)
	return len(d.requests) < maxRequests
}

// forget lets go of requests that were first heard of before a second, down to a number of them.
func (d *Drain) forget(before int64, leave int) {
	for ; d.oldest != 0 && d.oldest < before && len(d.requests) > leave; d.oldest++ {
		for _, r := range d.born[d.oldest] {
			delete(d.requests, r)
			delete(d.details, r)
		}
		delete(d.born, d.oldest)
		if len(d.born) == 0 {
			d.oldest = -1 // and 0 with the step
		}
	}
}

// placeOf gives a deployment its number, -1 when it has none or there are too many.
func (d *Drain) placeOf(id string, now time.Time) int {
	if id == "" {
		return -1
	}
	free := -1
	for i, p := range d.places {
		if p.id == id {
			d.places[i].used = now.Unix()
			return i
		}
		// A number is given again when no request that bears it is remembered.
		if p.id == "" || p.used < now.Add(-2*remember).Unix() {
			free = i
		}
	}
	if free >= 0 {
		d.places[free] = place{id, now.Unix()}
	}
	return free
}

// Span takes requests that a deployment's own traces tell of.
func (d *Drain) Span(now time.Time, b metric.Bucket) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.logged) >= logged { // else a log that stops would go unnoticed
		d.alive(now, b.Second)
	}
	switch {
	case b.Second < d.final(now):
		d.counters.Late++
		return fault.New(fault.Refused, "metric_late", "It is older than %s: its time is final.", d.o.Late)
	case b.Second > now.Unix()+maxAhead || b.Width > 1:
		d.counters.Future++
		return fault.New(fault.Refused, "metric_of_the_future", "It is ahead of Slipway's clock.")
	}
	p := d.placeOf(b.Deployment, now)
	if p < 0 {
		d.counters.Unknown++
		return fault.New(fault.Limited, "drain_full", "Spans of more than %d deployments came.", maxPlaces)
	}
	class := max(slices.Index(metric.Classes(), b.Class), 0)
	d.cell(cell{b.Second, uint8(p), uint8(class)}).spans.Add(b)
	return nil
}

// Spans takes what one delivery of traces tells.
type Spans struct {
	d   *Drain
	ctx context.Context //nolint:containedctx // it lives as long as the delivery
	now time.Time
}

// Spans returns what takes the spans of one delivery.
func (d *Drain) Spans(ctx context.Context, now time.Time) *Spans { return &Spans{d, ctx, now} }

// Find returns the deployment that a resource names.
func (s *Spans) Find(external, _ string) (string, error) {
	id := ""
	if external != "" {
		var err error
		if id, err = s.d.find(s.ctx, s.now, external); err != nil {
			return "", err
		}
	}
	if id == "" {
		return "", fault.New(fault.NotFound, "deployment_unknown", "There is no deployment %.64q.", external)
	}
	return id, nil
}

// Put takes a span.
func (s *Spans) Put(b metric.Bucket) error { return s.d.Span(s.now, b) }

// Collect hands over what is final, or a heartbeat when one is due; false when there is nothing to say.
func (d *Drain) Collect(now time.Time) (metric.Batch, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(now.Add(-remember).Unix(), 0)
	if now.Sub(d.counters.Heard) > d.o.Late+heartbeat {
		return metric.Batch{}, false // silence is no good news
	}
	d.counters.Complete = d.final(now)
	b := metric.Batch{
		Source: d.o.Source, Kind: metric.Drain, Sent: now, Complete: d.counters.Complete,
		Buckets: d.finished(now.Sub(d.logged) < logged),
	}
	if len(b.Buckets) == 0 && now.Sub(d.sent) < heartbeat {
		return metric.Batch{}, false
	}
	d.sequence++
	d.sent, b.Sequence = now, d.sequence
	return b, true
}

// finished takes what is final out, in order.
func (d *Drain) finished(logged bool) []metric.Bucket {
	out := []metric.Bucket{}
	due := d.due()
	parts := d.parts(due)
	for _, k := range due {
		s := d.cells[k]
		delete(d.cells, k)
		b := s.bucket(logged)
		b.Deployment, b.Class, b.Second = s.deployment, metric.Classes()[k.class], k.second
		if logged {
			b.Units, b.Hurt = min(uint64(max(d.units(k, s)+scale/2, 0))/scale, b.Errors), s.hurts(b.Class)
			b.Slices = parts[k]
		}
		if b.Requests+b.Excluded+b.Latency.Count() > 0 {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b metric.Bucket) int {
		return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Deployment, b.Deployment),
			cmp.Compare(a.Class, b.Class))
	})
	return out
}

// Counters returns what came in.
func (d *Drain) Counters() Counters {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counters
}
