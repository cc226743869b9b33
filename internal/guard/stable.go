package guard

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// Mode is what the changed version is held to.
type Mode string

// The modes.
const (
	Comparison   Mode = "comparison"    // to the stable version at the same time, and to the limits
	BrokenStable Mode = "broken_stable" // to the limits and to what the stable version did while it kept them
	Alone        Mode = "alone"         // to the limits: everybody has it
)

// Before is what is known of the stable version before the changed one had visitors.
type Before struct {
	Healthy metric.Bucket `json:"healthy"`       // sums of the time in which it kept its limits
	Until   int64         `json:"until"`         // Unix second after the last of that time; 0: there was none
	Ill     int64         `json:"ill,omitempty"` // Unix second since which it is beyond a limit; 0: it is not
}

// LastHealthy looks through the stable version's seconds before a change for the time in which it kept its limits.
// Normal is their sum.
func LastHealthy(r Rules, normal metric.Bucket, bs []metric.Bucket) Before {
	w := newStableWatch(r.sane(), normal, Before{})
	for i := range bs {
		w.add(&bs[i])
	}
	w.settle()
	return Before{Healthy: w.healthy, Until: w.until, Ill: w.ill}
}

// How the watch on the stable version works: a share of the limit that it must come below to be well again, how many
// windows it must stay so, and the length of the parts in which healthy time is put by.
const (
	wellBelow   = 0.8
	wellWindows = 3
	partSeconds = 10
	farthest    = 1 << 50 // a second beyond is none
)

// stableWatch knows whether the stable version keeps the limits of the strategy, second by second: it is well; ill
// while its last window is beyond a limit; and broken when that lasts as long as the limit asks for, a window at
// least. It is well again at once after an illness that passed, and after a breakdown when it kept well within the
// limits for three windows. So a mode that rests on it does not flap. What it was when well is put by.
type stableWatch struct {
	begun  bool
	rules  Rules
	window time.Duration
	normal metric.Bucket
	limit  struct{ critical, spike, slow float64 } // 0: none
	fed    int64                                   // every second before this is known
	ring   []stableSecond                          // of the last window, oldest first
	sum    stableSecond

	ill      int64 // since when; 0 while it is well
	noticed  int64 // the second in which that was known
	broken   bool
	wellFrom int64     // while ill: since when it is within the limits again; 0
	spans    []illness // of the last seconds that came

	healthy metric.Bucket
	until   int64
	parts   []metric.Bucket // well, but not for a window yet
}

// illness is a stretch of time; to is 0 while it lasts.
type illness struct{ from, to int64 }

type stableSecond struct {
	second                   int64
	requests, errors, failed uint64 // failed: seconds with an error
	durations, slow          uint64
}

func newStableWatch(r Rules, normal metric.Bucket, before Before) stableWatch {
	w := stableWatch{begun: true, normal: normal, healthy: before.Healthy, until: before.Until}
	if w.ill, w.noticed = before.Ill, before.Ill; w.ill > 0 {
		w.spans = append(w.spans, illness{from: math.MinInt64})
	}
	w.healthy.Latency = before.Healthy.Latency.Clone()
	w.holdTo(r)
	return w
}

// holdTo takes the limits of rules.
func (w *stableWatch) holdTo(r Rules) {
	w.rules = r
	w.window = max(r.Window, fewestSeconds*time.Second) // in a shorter one no limit can be broken
	w.limit.critical, w.limit.spike, w.limit.slow = r.ErrorRate.Critical, 0, slowLimit(r.LatencyP95, w.normal)
	if c := (count{}); r.ErrorRate.Spike > 0 {
		if c.add(w.normal); c.requests >= normalRequests {
			w.limit.spike = r.ErrorRate.Spike * max(c.rate(), normalFloor)
		}
	}
}

// add takes one more second. Seconds come in order; one that comes again is left out.
func (w *stableWatch) add(b *metric.Bucket) {
	if b.Second < w.fed || b.Second > farthest || b.Second < -farthest {
		return
	}
	w.fed = b.Second + b.Covers()
	// In a shorter window no limit can be broken.
	w.window = max(w.rules.Window, time.Duration(fewestSeconds*min(b.Covers(), metric.MaxWidth))*time.Second)
	s := stableSecond{second: b.Second, requests: min(b.Requests, most), durations: b.Latency.Count()}
	s.errors = min(b.Errors, s.requests)
	if s.errors > 0 {
		s.failed = 1
	}
	if w.limit.slow > 0 && s.durations > 0 {
		s.slow = b.Latency.CountAbove(w.limit.slow)
	}
	w.ring = append(w.ring, s)
	w.sum.plus(s)
	first := 0
	for w.ring[first].second <= s.second-seconds(w.window) {
		w.sum.minus(w.ring[first])
		first++
	}
	w.ring = w.ring[first:]
	w.judge(s.second)
	w.keep(b)
}

func (s *stableSecond) plus(o stableSecond) {
	s.requests, s.errors, s.failed = s.requests+o.requests, s.errors+o.errors, s.failed+o.failed
	s.durations, s.slow = s.durations+o.durations, s.slow+o.slow
}

func (s *stableSecond) minus(o stableSecond) {
	s.requests, s.errors, s.failed = s.requests-o.requests, s.errors-o.errors, s.failed-o.failed
	s.durations, s.slow = s.durations-o.durations, s.slow-o.slow
}

// judge moves the state by what the window shows. Silence says nothing.
func (w *stableWatch) judge(second int64) {
	ill, wait := w.beyond()
	switch {
	case ill && w.ill == 0:
		w.ill, w.noticed, w.wellFrom = w.began(), second, 0
		w.parts = nil
		w.spans = append(w.spans, illness{from: second})
	case ill:
		w.wellFrom = 0
		w.broken = w.broken || second-w.noticed >= seconds(wait)
	case w.ill == 0 || !w.within():
		if w.ill > 0 {
			w.wellFrom = 0
		}
	case w.wellFrom == 0:
		w.wellFrom = second
		if !w.broken {
			w.recovered(second)
		}
	case second-w.wellFrom >= wellWindows*seconds(w.window):
		w.recovered(second)
	}
}

func (w *stableWatch) recovered(second int64) {
	w.ill, w.noticed, w.wellFrom, w.broken = 0, 0, 0, false
	w.spans[len(w.spans)-1].to = second
}

// beyond says whether the window breaks a limit, and how long that must last before the version is called broken: as
// long as the limit says, and a window at least.
func (w *stableWatch) beyond() (ill bool, wait time.Duration) {
	s, window := w.sum, w.window
	wait = 1 << 62
	if s.requests >= fewestRequests && s.errors >= fewestErrors && s.failed >= fewestSeconds {
		rate := float64(s.errors) / float64(s.requests)
		if w.limit.critical > 0 && rate > w.limit.critical {
			ill, wait = true, min(wait, max(w.rules.ErrorRate.For, window))
		}
		if w.limit.spike > 0 && rate >= w.limit.spike {
			ill, wait = true, min(wait, window)
		}
	}
	if w.limit.slow > 0 && s.durations >= fewestDurations && float64(s.slow) > slowPart*float64(s.durations) {
		ill, wait = true, min(wait, max(w.rules.LatencyP95.For, window))
	}
	return ill, wait
}

// within says whether the window keeps all limits with room to spare.
func (w *stableWatch) within() bool {
	s := w.sum
	rate := float64(s.errors)
	for _, l := range []float64{w.limit.critical, w.limit.spike} {
		if l > 0 && rate > wellBelow*l*float64(s.requests) {
			return false
		}
	}
	return s.requests >= fewestRequests &&
		(w.limit.slow <= 0 || float64(s.slow) <= wellBelow*slowPart*float64(s.durations))
}

// began is the second of the window from which on most is beyond the limit: where the sum of what is beyond it,
// counted back from now, is largest.
func (w *stableWatch) began() int64 {
	limit := w.limit.critical
	if limit <= 0 || w.limit.spike > 0 && w.limit.spike < limit {
		limit = w.limit.spike
	}
	from := w.ring[len(w.ring)-1].second
	var errors, slow, mostErrors, mostSlow float64
	for _, s := range slices.Backward(w.ring) {
		errors += float64(s.errors) - float64(limit*float64(s.requests))
		slow += float64(s.slow) - float64(slowPart*float64(s.durations))
		if limit > 0 && errors > mostErrors {
			mostErrors, from = errors, s.second
		}
		if w.limit.slow > 0 && slow > mostSlow {
			mostSlow, from = slow, s.second
		}
	}
	return from
}

// keep puts healthy time by, a window late: what led to an illness is not among it.
func (w *stableWatch) keep(b *metric.Bucket) {
	if w.ill > 0 {
		return
	}
	if n := len(w.parts); n == 0 || b.Second >= w.parts[n-1].Second+partSeconds {
		w.parts = append(w.parts, metric.Bucket{Second: b.Second})
	}
	lean := metric.Bucket{Requests: min(b.Requests, most), Units: b.Units, Latency: b.Latency}
	lean.Errors = min(b.Errors, lean.Requests)
	w.parts[len(w.parts)-1].Add(lean)
	for len(w.parts) > 0 && w.parts[0].Second+partSeconds <= b.Second-seconds(w.window) {
		w.putBy()
	}
}

// putBy moves the oldest part to what is known to be healthy.
func (w *stableWatch) putBy() {
	w.until = w.parts[0].Second + partSeconds
	w.healthy.Add(w.parts[0])
	w.parts = w.parts[1:]
}

// settle takes all of what is well, at the end of a history.
func (w *stableWatch) settle() {
	for len(w.parts) > 0 {
		w.putBy()
	}
}

// illAt says whether the stable version was known to be ill in a second.
func (w *stableWatch) illAt(second int64) bool {
	for _, s := range w.spans {
		if second >= s.from && (s.to == 0 || second < s.to) {
			return true
		}
	}
	return false
}

// watchStable feeds the pass's watch on the stable version with its new seconds.
func (x *exam) watchStable(bs []metric.Bucket) {
	w := &x.pass.stable
	switch {
	case !w.begun:
		before := x.before()
		*w = newStableWatch(x.rules, before.Healthy, before)
	case !reflect.DeepEqual(w.rules, x.rules):
		w.holdTo(x.rules)
	}
	w.spans = slices.DeleteFunc(w.spans, func(s illness) bool { return s.to != 0 && s.to < w.fed-10*metric.MaxWidth })
	for i := range bs {
		w.add(&bs[i])
	}
	x.mode = Comparison
	switch {
	case x.alone():
		x.mode = Alone
	case w.broken:
		x.mode = BrokenStable
	}
}

// usual is what the stable version did while it kept its limits, where that was seen, and else in the last period: what
// was broken of late is no normal.
func (x *exam) usual() metric.Bucket {
	if h := x.ev.Before.Healthy; h.Requests >= normalRequests {
		return h
	}
	return x.ev.Baseline
}

// before is what the evidence knows of the time before; without it, the last normal period, if that kept the limits.
func (x *exam) before() Before {
	b, base := x.ev.Before, x.ev.Baseline
	if b.Until != 0 || b.Ill != 0 || base.Requests < normalRequests {
		return b
	}
	c := count{}
	c.add(base)
	if l := x.rules.ErrorRate.Critical; l > 0 && c.rate() > l {
		return b
	}
	if l := x.rules.LatencyP95.Critical; l > 0 && base.Latency.Count() > 0 && base.Latency.Quantile(0.95) > l {
		return b
	}
	return Before{Healthy: base, Until: x.start}
}

// instead says what the changed version is held to while the stable one is broken.
func (x *exam) instead() string {
	w := &x.pass.stable
	s := fmt.Sprintf("%s itself is broken since %s: %s is held to the limits", capital(x.name(stable)), clock(w.ill),
		x.name(canary))
	if w.healthy.Requests < normalRequests {
		return s + "."
	}
	return fmt.Sprintf("%s and to what %s did until %s.", s, x.name(stable), clock(w.until))
}

func clock(second int64) string { return time.Unix(second, 0).UTC().Format("15:04") + " UTC" }
