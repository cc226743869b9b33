// Package past knows what a version did while it kept its limits, and whether it keeps them now.
//
// The guard holds a changed version to that past while the stable version itself is broken. A Watch takes the seconds
// of one version in order; it is a bounded sum of them, reads no clock, and says the same of the same seconds however
// they are cut into looks.
package past

import (
	"math"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// What a limit needs before it can be broken: so many requests, errors, different seconds with an error, or durations.
const (
	FewestRequests  = 20
	FewestErrors    = 5
	FewestSeconds   = 3
	FewestDurations = 60
)

// SlowPart is the part of the requests beyond a p95, and Most bounds a claimed count, so that sums cannot overflow.
const (
	SlowPart = 0.05
	Most     = 1 << 40
)

// Limits are what a version is held to. A zero limit is none.
type Limits struct {
	Critical    float64       // error rate
	CriticalFor time.Duration // how long it must be beyond it
	Spike       float64       // error rate that is a spike
	Slow        float64       // milliseconds that 95 % of the requests must be answered within
	SlowFor     time.Duration
	Window      time.Duration // over which rates are taken
}

// Known is what is known of a version up to some second.
type Known struct {
	Healthy metric.Bucket `json:"healthy"`       // sums of the time in which it kept its limits
	Until   int64         `json:"until"`         // Unix second after the last of that time; 0: there was none
	Ill     int64         `json:"ill,omitempty"` // Unix second since which it is beyond a limit; 0: it is not
}

// Look goes through the seconds of a version and says what is known of it at their end.
func Look(l Limits, bs []metric.Bucket) Known {
	w := New(l, Known{})
	w.Feed(l, bs)
	w.settle()
	return w.Known
}

// How a watch works: the part of a limit below which a version is well again, how many windows it must stay there, and
// the length of the parts in which healthy time is put by.
const (
	wellBelow   = 0.8
	wellWindows = 3
	partSeconds = 10
	farthest    = 1 << 50 // a second beyond is none
)

// Watch knows whether a version keeps its limits, second by second: it is well; ill while its last window is beyond a
// limit; and broken when that lasts as long as the limit asks for, a window at least. It is well again at once after an
// illness that passed, and after a breakdown when it kept well within the limits for three windows. So a mode that
// rests on it does not flap. What it was when well is put by.
type Watch struct {
	Known
	limits Limits
	window time.Duration
	fed    int64    // every second before this is known
	ring   []second // of the last window, oldest first
	sum    second

	noticed  int64 // the second in which that was known
	broken   bool
	wellFrom int64     // while ill: since when it is within the limits again; 0
	spans    []illness // of the last seconds that came

	parts []metric.Bucket // well, but not for a window yet
}

// illness is a stretch of time; to is 0 while it lasts.
type illness struct{ from, to int64 }

type second struct {
	second                   int64
	requests, errors, failed uint64 // failed: seconds with an error
	durations, slow          uint64
}

// New returns a watch that goes on from what was known before.
func New(l Limits, k Known) *Watch {
	w := &Watch{limits: l, Known: k}
	w.Healthy.Latency = k.Healthy.Latency.Clone()
	if w.noticed = k.Ill; k.Ill > 0 {
		w.spans = append(w.spans, illness{from: math.MinInt64})
	}
	return w
}

// Feed takes the next seconds, and the limits that hold now.
func (w *Watch) Feed(l Limits, bs []metric.Bucket) {
	w.limits = l
	w.spans = slices.DeleteFunc(w.spans, func(s illness) bool { return s.to != 0 && s.to < w.fed-10*metric.MaxWidth })
	for i := range bs {
		w.add(&bs[i])
	}
}

// Broken says whether the version has been beyond a limit for as long as the limit asks.
func (w *Watch) Broken() bool { return w.broken }

// add takes one more second. Seconds come in order; one that comes again is left out.
func (w *Watch) add(b *metric.Bucket) {
	if b.Second < w.fed || b.Second > farthest || b.Second < -farthest {
		return
	}
	w.fed = b.Second + b.Covers()
	// In a shorter window no limit can be broken.
	w.window = max(w.limits.Window, time.Duration(FewestSeconds*min(b.Covers(), metric.MaxWidth))*time.Second)
	s := second{second: b.Second, requests: min(b.Requests, Most), durations: b.Latency.Count()}
	s.errors = min(b.Errors, s.requests)
	if s.errors > 0 {
		s.failed = 1
	}
	if w.limits.Slow > 0 && s.durations > 0 {
		s.slow = b.Latency.CountAbove(w.limits.Slow)
	}
	w.ring = append(w.ring, s)
	w.sum.plus(s)
	first := 0
	for w.ring[first].second <= s.second-whole(w.window) {
		w.sum.minus(w.ring[first])
		first++
	}
	w.ring = w.ring[first:]
	w.judge(s.second)
	w.keep(b)
}

func (s *second) plus(o second) {
	s.requests, s.errors, s.failed = s.requests+o.requests, s.errors+o.errors, s.failed+o.failed
	s.durations, s.slow = s.durations+o.durations, s.slow+o.slow
}

func (s *second) minus(o second) {
	s.requests, s.errors, s.failed = s.requests-o.requests, s.errors-o.errors, s.failed-o.failed
	s.durations, s.slow = s.durations-o.durations, s.slow-o.slow
}

// judge moves the state by what the window shows. Silence says nothing.
func (w *Watch) judge(now int64) {
	ill, wait := w.beyond()
	switch {
	case ill && w.Ill == 0:
		w.Ill, w.noticed, w.wellFrom = w.began(), now, 0
		w.parts = nil
		w.spans = append(w.spans, illness{from: now})
	case ill:
		w.wellFrom = 0
		w.broken = w.broken || now-w.noticed >= whole(wait)
	case w.Ill == 0 || !w.within():
		if w.Ill > 0 {
			w.wellFrom = 0
		}
	case w.wellFrom == 0:
		w.wellFrom = now
		if !w.broken {
			w.recovered(now)
		}
	case now-w.wellFrom >= wellWindows*whole(w.window):
		w.recovered(now)
	}
}

func (w *Watch) recovered(now int64) {
	w.Ill, w.noticed, w.wellFrom, w.broken = 0, 0, 0, false
	w.spans[len(w.spans)-1].to = now
}

// beyond says whether the window breaks a limit, and how long that must last before the version is called broken: as
// long as the limit says, and a window at least.
func (w *Watch) beyond() (ill bool, wait time.Duration) {
	s, window := w.sum, w.window
	wait = 1 << 62
	if s.requests >= FewestRequests && s.errors >= FewestErrors && s.failed >= FewestSeconds {
		rate := float64(s.errors) / float64(s.requests)
		if w.limits.Critical > 0 && rate > w.limits.Critical {
			ill, wait = true, min(wait, max(w.limits.CriticalFor, window))
		}
		if w.limits.Spike > 0 && rate >= w.limits.Spike {
			ill, wait = true, min(wait, window)
		}
	}
	if w.limits.Slow > 0 && s.durations >= FewestDurations && float64(s.slow) > SlowPart*float64(s.durations) {
		ill, wait = true, min(wait, max(w.limits.SlowFor, window))
	}
	return ill, wait
}

// within says whether the window keeps all limits with room to spare.
func (w *Watch) within() bool {
	s := w.sum
	rate := float64(s.errors)
	for _, l := range []float64{w.limits.Critical, w.limits.Spike} {
		if l > 0 && rate > wellBelow*l*float64(s.requests) {
			return false
		}
	}
	return s.requests >= FewestRequests &&
		(w.limits.Slow <= 0 || float64(s.slow) <= wellBelow*SlowPart*float64(s.durations))
}

// began is the second of the window from which on most is beyond the limit: where the sum of what is beyond it,
// counted back from now, is largest.
func (w *Watch) began() int64 {
	limit := w.limits.Critical
	if limit <= 0 || w.limits.Spike > 0 && w.limits.Spike < limit {
		limit = w.limits.Spike
	}
	from := w.ring[len(w.ring)-1].second
	var errors, slow, mostErrors, mostSlow float64
	for _, s := range slices.Backward(w.ring) {
		errors += float64(s.errors) - float64(limit*float64(s.requests))
		slow += float64(s.slow) - float64(SlowPart*float64(s.durations))
		if limit > 0 && errors > mostErrors {
			mostErrors, from = errors, s.second
		}
		if w.limits.Slow > 0 && slow > mostSlow {
			mostSlow, from = slow, s.second
		}
	}
	return from
}

// keep puts healthy time by, a window late: what led to an illness is not among it.
func (w *Watch) keep(b *metric.Bucket) {
	if w.Ill > 0 {
		return
	}
	if n := len(w.parts); n == 0 || b.Second >= w.parts[n-1].Second+partSeconds {
		w.parts = append(w.parts, metric.Bucket{Second: b.Second})
	}
	lean := metric.Bucket{Requests: min(b.Requests, Most), Units: b.Units, Latency: b.Latency}
	lean.Errors = min(b.Errors, lean.Requests)
	w.parts[len(w.parts)-1].Add(lean)
	for len(w.parts) > 0 && w.parts[0].Second+partSeconds <= b.Second-whole(w.window) {
		w.putBy()
	}
}

// putBy moves the oldest part to what is known to be healthy.
func (w *Watch) putBy() {
	w.Until = w.parts[0].Second + partSeconds
	w.Healthy.Add(w.parts[0])
	w.parts = w.parts[1:]
}

// settle takes all of what is well, at the end of a history.
func (w *Watch) settle() {
	for len(w.parts) > 0 {
		w.putBy()
	}
}

// IllAt says whether the stable version was known to be ill in a second.
func (w *Watch) IllAt(second int64) bool {
	for _, s := range w.spans {
		if second >= s.from && (s.to == 0 || second < s.to) {
			return true
		}
	}
	return false
}

func whole(d time.Duration) int64 { return int64(d / time.Second) }
