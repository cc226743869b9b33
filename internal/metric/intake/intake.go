// Package intake gathers what applications push and hands it over as batches.
//
// What comes in is added up by deployment, metric and second, and leaves about once a second, so that a thousand
// events are one write. The watermark is Late behind: until then a value may arrive, after that it is refused,
// because a verdict may rest on its second already. When nobody has pushed for a while the watermark stands still:
// silence is no good news. Memory is bounded; what does not fit is refused, with the time to wait. Nothing here
// knows a permission or the store. An Intake is safe for concurrent use.
package intake

import (
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

const (
	maxPending  = 20_000 // different sums that wait to be handed over
	maxAhead    = 60     // seconds a sender's clock may be ahead
	maxVisitors = 50_000 // remembered twice over
	heartbeat   = 5 * time.Second
	worstSpan   = 10 // seconds in which only a visitor's largest number counts
	worstWait   = 20 // seconds that one waits for a larger, or Late where that is less
)

// Options say what is gathered.
type Options struct {
	Kind   metric.Kind
	Source string        // unique per process
	Late   time.Duration // how long a value may take to arrive; 2 min when 0
}

// Counters say what came in.
type Counters struct {
	Accepted  uint64    `json:"accepted"`
	Late      uint64    `json:"late"`     // came after their time was final
	Future    uint64    `json:"future"`   // a sender's clock is wrong
	Unknown   uint64    `json:"unknown"`  // of a deployment or metric that nobody knows
	Stranger  string    `json:"stranger"` // what the last of them called itself
	Full      uint64    `json:"full"`     // too much at once
	Repeated  uint64    `json:"repeated"` // the same visitor again
	Heard     time.Time `json:"heard"`    // when something was last pushed
	Complete  int64     `json:"complete"` // Unix second before which everything is final; 0 at first
	SlowestMS int64     `json:"slowest_ms"`
}

// of is one visitor's numbers of one metric in one span.
type of struct {
	deployment, metric string
	second             int64
	visitor            uint64
}

type key struct {
	deployment, name string // of a class or a metric
	second, width    int64
}

// Intake gathers.
type Intake struct {
	o Options

	mu       sync.Mutex
	buckets  map[key]*metric.Bucket
	values   map[key]*metric.Value
	worst    map[of]float64       // what waits for a larger one
	visitors [2]map[uint64]uint64 // who was counted, and in which batch
	sequence uint64
	sent     time.Time
	counters Counters
}

// New returns an empty Intake.
func New(o Options) *Intake {
	if o.Late <= 0 {
		o.Late = 2 * time.Minute
	}
	return &Intake{
		o: o, buckets: map[key]*metric.Bucket{}, values: map[key]*metric.Value{}, worst: map[of]float64{},
		visitors: [2]map[uint64]uint64{{}, {}},
	}
}

// Late is how old a value may be.
func (i *Intake) Late() time.Duration { return i.o.Late }

// InTime notes that something of a second came and says whether it may still count: nil, or a fault in words.
func (i *Intake) InTime(now time.Time, second int64) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.inTime(now, second)
}

func (i *Intake) inTime(now time.Time, second int64) error {
	i.counters.Heard = now
	switch {
	case second < max(i.counters.Complete, now.Add(-i.o.Late).Unix()):
		i.counters.Late++
		return fault.New(fault.Refused, "metric_late",
			"It is %s old: after %s its time is final, and a verdict may rest on it.",
			now.Sub(time.Unix(second, 0)).Round(time.Second), i.o.Late)
	case second > now.Unix()+maxAhead:
		i.counters.Future++
		return fault.New(fault.Refused, "metric_of_the_future", "It is %s ahead of Slipway's clock: set the sender's clock.",
			time.Unix(second, 0).Sub(now).Round(time.Second))
	}
	i.counters.SlowestMS = max(i.counters.SlowestMS, now.Sub(time.Unix(second, 0)).Milliseconds())
	return nil
}

// Value takes what one deployment showed of a custom metric.
func (i *Intake) Value(now time.Time, v metric.Value) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.inTime(now, v.Second); err != nil {
		return err
	}
	return i.value(v)
}

// Worst takes one number of a visitor, of which only the largest within ten seconds counts: a page that reports its
// layout shift three times has one.
func (i *Intake) Worst(now time.Time, deployment, name, visitor string, second int64, number float64) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.inTime(now, second); err != nil {
		return err
	}
	return i.larger(deployment, name, visitor, second, number)
}

// larger keeps the largest number of a visitor. The Intake is locked.
func (i *Intake) larger(deployment, name, visitor string, second int64, number float64) error {
	k := of{deployment, name, second / worstSpan * worstSpan, hash(visitor)}
	had, again := i.worst[k]
	if !again {
		if err := i.room(1); err != nil {
			return err
		}
	}
	i.worst[k] = max(had, number)
	i.counters.Accepted++
	return nil
}

// settle counts what waited for a larger number long enough, at the last of its seconds: that is not final yet, however
// short Late is, and everything that may still come of these seconds has come.
func (i *Intake) settle(now int64) {
	wait := min(worstWait, int64(i.o.Late/time.Second))
	for k, number := range i.worst {
		last := k.second + worstSpan - 1
		if last+wait >= now {
			continue
		}
		v := metric.Value{Deployment: k.deployment, Metric: k.metric, Second: last, Sums: judge.Sums{N: 1}}
		v.Sums.Hist.AddCount(number, 1)
		delete(i.worst, k)
		_ = i.value(v) // there is room: its own
		i.counters.Accepted--
	}
}

func (i *Intake) value(v metric.Value) error {
	k := key{v.Deployment, v.Metric, v.Second, v.Width}
	into := i.values[k]
	if into == nil {
		if err := i.room(1); err != nil {
			return err
		}
		into = &metric.Value{Deployment: v.Deployment, Metric: v.Metric, Second: v.Second, Width: v.Width}
		i.values[k] = into
	}
	into.Sums.Add(v.Sums)
	i.counters.Accepted++
	return nil
}

// Bucket takes requests of one deployment and class.
func (i *Intake) Bucket(now time.Time, b metric.Bucket) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.inTime(now, b.Second+b.Covers()-1); err != nil { // a wide one comes when it is over
		return err
	}
	k := key{b.Deployment, string(b.Class), b.Second, b.Width}
	into := i.buckets[k]
	if into == nil {
		if err := i.room(1); err != nil {
			return err
		}
		into = &metric.Bucket{Deployment: b.Deployment, Class: b.Class, Second: b.Second, Width: b.Width}
		i.buckets[k] = into
	}
	into.Add(b)
	i.counters.Accepted++
	return nil
}

// room refuses what may be so many sums more than fit.
func (i *Intake) room(more int) error {
	if len(i.buckets)+len(i.values)+len(i.worst)+more <= maxPending {
		return nil
	}
	i.counters.Full++
	return fault.New(fault.Limited, "metrics_full", "Too much is waiting to be kept. Send it again in a few seconds.")
}

// Unknown counts what belongs to nothing that Slipway knows, and keeps what it was, for people.
func (i *Intake) Unknown(what string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.counters.Unknown++
	i.counters.Stranger = what
}

// Collect hands over what came since, or a heartbeat when one is due; false when there is nothing to say.
func (i *Intake) Collect(now time.Time) (metric.Batch, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.settle(now.Unix())
	empty := len(i.buckets) == 0 && len(i.values) == 0
	silent := now.Sub(i.counters.Heard) > i.o.Late
	if empty && (silent || now.Sub(i.sent) < heartbeat) {
		return metric.Batch{}, false
	}
	i.sequence++
	i.sent = now
	i.counters.Complete = max(i.counters.Complete, now.Add(-i.o.Late).Unix())
	b := metric.Batch{
		Source: i.o.Source, Kind: i.o.Kind, Sequence: i.sequence, Sent: now, Complete: i.counters.Complete,
		Buckets: make([]metric.Bucket, 0, len(i.buckets)),
	}
	for _, k := range i.buckets {
		b.Buckets = append(b.Buckets, *k)
	}
	for _, v := range i.values {
		b.Values = append(b.Values, *v)
	}
	clear(i.buckets)
	clear(i.values)
	return b, true
}

// Counters returns what came in.
func (i *Intake) Counters() Counters {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.counters
}

// Busy returns how long to wait before sending more, 0 when there is room: before there is none, for who does
// not know before how much a request holds (see Take).
func (i *Intake) Busy() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.buckets)+len(i.values)+len(i.worst) < maxPending*4/5 {
		return 0
	}
	return 2 * time.Second
}
