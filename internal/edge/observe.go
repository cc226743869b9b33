package edge

import (
	"cmp"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

// Observer counts what the deployments answered, per deployment, class and second,
// and hands out the finished seconds. It never blocks a request for longer than an
// addition, and it forgets the oldest seconds when nobody collects them.
type Observer struct {
	source string
	retain int

	mu       sync.Mutex
	seconds  map[int64]*second
	latest   *second // the one that was written to last
	complete int64   // every second before this is handed out
	sequence uint64
	dropped  uint64
	failing  map[failure64]int64 // when a visitor's failure was last counted as a unit
	pool     judge.Sketch        // durations of all versions in the minute that runs
	minute   int64
	slow     time.Duration // p95 of the minute before; 0 unknown
	risks    risks         // who was on a version that not everybody has, in the minute that runs
}

// failure64 is a visitor of a deployment who saw a failure.
type failure64 struct {
	deployment string
	visitor    uint64
}

// What counts one visitor's failures once, and how many such visitors are remembered at most. Beyond that every failure
// counts: so many failing visitors are no retries of a few.
const (
	unitSeconds = 60
	maxFailing  = 20000
)

// second holds the buckets of one second. There are few: a scan is cheaper than a map.
type second struct {
	at      int64
	buckets []*metric.Bucket
}

// sample is one thing to count.
type sample struct {
	deployment string
	class      metric.Class
	latency    time.Duration
	bytes      uint64
	status     int  // of an answer; 0 when only bytes or errors are added
	skew       bool // the answer is a sign of version skew
	first      bool // a visitor was assigned for the first time
	excluded   bool // counted as such and nowhere else
	visitor    string
	failure    failure
	ramps      []string // arms of flags that the visitor is counted for as well
	risk       bool     // the deployment is one that not everybody has
	rampRisks  uint32   // a bit for each of ramps, likewise
	retried    bool     // another deployment answers this request: no matter of any flag
}

// failure is how a deployment failed without giving a status.
type failure int

const (
	noFailure  failure = iota
	notReached         // no connection
	tooLate            // no answer in time
	broken             // a malformed or closed answer, before its header
	cut                // the body ended early; its request is counted already
)

func newObserver(source string, retain int) *Observer {
	return &Observer{source: source, retain: retain, seconds: map[int64]*second{}, failing: map[failure64]int64{}}
}

// record adds s to the second of now. A second that was handed out is final: what
// comes late, or on a clock that went back, counts in the first one that is not.
func (o *Observer) record(now time.Time, s sample) {
	at := now.Unix()
	o.mu.Lock()
	defer o.mu.Unlock()
	if counts := !s.excluded && (s.status != 0 || s.failure != noFailure && s.failure != cut); counts {
		o.pooled(at, s.latency)
	}
	o.add(at, s)
	for i, arm := range s.ramps {
		s.deployment, s.risk = arm, s.rampRisks&(1<<i) != 0
		o.add(at, s)
	}
}

// add counts s for one deployment or arm; o.mu is held.
func (o *Observer) add(at int64, s sample) {
	b := o.bucket(max(at, o.complete), s.deployment, s.class)
	if s.excluded {
		if s.status != 0 || s.failure != noFailure && s.failure != cut {
			b.Excluded++
		}
		return
	}
	b.Bytes += s.bytes
	if s.failure == cut {
		b.Errors++
		o.unit(b, at, s)
		return
	}
	if s.status == 0 && s.failure == noFailure {
		return
	}
	b.Requests++
	b.Latency.Add(s.latency)
	o.slice(b, s)
	if s.first {
		b.New++
	}
	if s.risk && slices.Contains(metric.Compared(), s.class) && o.risks.first(at/60, s.deployment, s.visitor) {
		b.Minutes++
	}
	switch {
	case s.failure == notReached:
		b.Errors++
		b.Connect++
	case s.failure == tooLate:
		b.Errors++
		b.Timeouts++
	case s.failure == broken, s.status >= 500:
		b.Errors++
	case s.status >= 400:
		b.Client++
		if s.skew {
			b.Skew++
		}
	}
	if s.failure != noFailure || s.status >= 500 {
		o.unit(b, at, s)
	}
}

// pooled takes the duration of a request, once for all that it counts for, to find out what is slow.
func (o *Observer) pooled(at int64, latency time.Duration) {
	if m := at / 60; m != o.minute {
		if o.slow = 0; o.pool.Count() >= 100 {
			o.slow = time.Duration(o.pool.Quantile(0.95) * float64(time.Millisecond))
		}
		o.minute, o.pool = m, judge.Sketch{}
	}
	o.pool.Add(latency)
}

// slice counts a request in its visitor's part, and whether it was slow: beyond the p95 of all versions in the minute
// before.
func (o *Observer) slice(b *metric.Bucket, s sample) {
	if b.Slices == nil {
		b.Slices = &metric.Slices{}
	}
	i := metric.SliceOf(s.visitor)
	b.Slices.Requests[i]++
	if o.slow > 0 && s.latency > o.slow {
		b.Slow++
		b.Slices.Slow[i]++
	}
}

// unit counts a failure, unless its visitor had one of the same deployment within the last minute.
func (o *Observer) unit(b *metric.Bucket, at int64, s sample) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.visitor)) // a hash takes everything
	key := failure64{s.deployment, h.Sum64()}
	if last, known := o.failing[key]; known && at-last < unitSeconds && at >= last {
		return
	}
	if len(o.failing) >= maxFailing {
		for k, last := range o.failing {
			if at-last >= unitSeconds {
				delete(o.failing, k)
			}
		}
	}
	if len(o.failing) < maxFailing {
		o.failing[key] = at
	}
	b.Units++
	if b.Slices == nil {
		b.Slices = &metric.Slices{}
	}
	b.Slices.Units[metric.SliceOf(s.visitor)]++
}

// bucket finds or makes a bucket; o.mu is held.
func (o *Observer) bucket(at int64, deployment string, class metric.Class) *metric.Bucket {
	sec := o.latest
	if sec == nil || sec.at != at {
		if sec = o.seconds[at]; sec == nil {
			o.makeRoom()
			sec = &second{at: at}
			o.seconds[at] = sec
		}
		o.latest = sec
	}
	for _, b := range sec.buckets {
		if b.Class == class && b.Deployment == deployment {
			return b
		}
	}
	b := &metric.Bucket{Deployment: deployment, Class: class, Second: at}
	sec.buckets = append(sec.buckets, b)
	return b
}

// makeRoom drops the oldest second when as many as allowed are waiting.
func (o *Observer) makeRoom() {
	if len(o.seconds) < o.retain {
		return
	}
	oldest := int64(-1)
	for at := range o.seconds {
		if oldest < 0 || at < oldest {
			oldest = at
		}
	}
	delete(o.seconds, oldest)
	o.dropped++
}

// Collect returns the seconds that finished before now and were not returned yet.
// It says false when no second has finished since the last call; a batch without
// buckets is a sign of life and says that there was no traffic. The caller owns
// the batch.
func (o *Observer) Collect(now time.Time) (metric.Batch, bool) {
	until := now.Unix()
	o.mu.Lock()
	defer o.mu.Unlock()
	if until <= o.complete {
		return metric.Batch{}, false
	}
	o.sequence++
	o.complete = until
	o.latest = nil
	batch := metric.Batch{
		Source: o.source, Sequence: o.sequence, Sent: now, Complete: until, Buckets: []metric.Bucket{},
	}
	for at, sec := range o.seconds {
		if at >= until {
			continue
		}
		for _, b := range sec.buckets {
			batch.Buckets = append(batch.Buckets, *b)
		}
		delete(o.seconds, at)
	}
	slices.SortFunc(batch.Buckets, func(a, b metric.Bucket) int {
		return cmp.Or(cmp.Compare(a.Second, b.Second), cmp.Compare(a.Deployment, b.Deployment),
			cmp.Compare(a.Class, b.Class))
	})
	return batch, true
}

// Dropped returns how many seconds were forgotten because nobody collected them.
func (o *Observer) Dropped() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}
