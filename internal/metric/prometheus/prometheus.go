// Package prometheus is the source that asks a Prometheus server what versions did.
//
// It asks for windows: aligned to Every, a Lag behind, so that all scrapes of a window have arrived. A window
// counts only when every version under watch was measured in it; a window with an absent, stale or impossible
// series, a warning or a partial answer is blind: it has no bucket and does not move the watermark, until a later
// window is whole again. What was missed while Prometheus was away is asked for afterwards.
//
// A template without $window selects counters: their raw samples are fetched and the differences taken here, which
// gives whole numbers, sees resets, and counts the first error of a process. A template with $window is an
// expression whose fractional increases are rounded so that sums stay right to one half. Durations are spread
// evenly within each bucket, so a quantile is as exact as the buckets are narrow.
package prometheus

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipwayhq/slipway/internal/fault"
	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/metric"
)

const (
	maxBack    = 30 * time.Minute // further back nothing is asked for after an outage
	maxWindows = 20               // windows in one round, so that an answer stays small
	heartbeat  = 5 * time.Second
	pause      = 5 * time.Second // after a round that brought nothing
)

// Options say where Prometheus is and how it is asked.
type Options struct {
	URL            string        // e.g. http://127.0.0.1:9090, with a path where it has one
	Token          string        // sent as a bearer token
	User, Password string        // sent as basic authentication, without Token
	Every          time.Duration // length of a window; 15 s when 0, whole seconds
	Timeout        time.Duration // of one question; 5 s when 0
	Lag            time.Duration // how long scrapes may take to arrive; 15 s when 0
	Back           time.Duration // how far back the first round asks; 10 min when 0
}

// Target is one version under watch.
type Target struct {
	Deployment, Version string
	Queries             metric.Queries // the zero value: only Metrics are wanted
	Metrics             []Query
}

// Query is a custom metric. A rate is a quotient: what happened / how often it could have. A mean is a value that
// is read once in each window. Durations are a histogram by le, in seconds.
type Query struct {
	Name   string
	Kind   judge.Kind
	Higher bool // for a rate: what happened is good
	Query  string
}

// Status says how asking goes.
type Status struct {
	Source   string        `json:"source"`
	Heard    time.Time     `json:"heard"`    // of the last good answer
	Complete int64         `json:"complete"` // Unix second before which everything is final; 0 at first
	Windows  uint64        `json:"windows"`  // that were measured
	Blind    uint64        `json:"blind"`    // that were given up
	Late     uint64        `json:"late"`     // that an outage took
	Every    time.Duration `json:"every"`
	Trouble  string        `json:"trouble"` // why the last round brought nothing, in words; empty when it did
}

// Source asks one Prometheus. It is safe for concurrent use.
type Source struct {
	o    Options
	base *url.URL
	http *http.Client

	told atomic.Pointer[Status]

	mu     sync.Mutex // of a round
	done   int64      // end of the last window that is final
	beat   time.Time  // of the last batch
	wait   time.Time  // Prometheus asked to be left alone until then
	carry  map[string]float64
	phase  map[string]float64
	status Status
}

// New returns a source, or a fault of kind Invalid that says what is wrong with its settings.
func New(o Options) (*Source, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
		return nil, fault.New(fault.Invalid, "prometheus_url_invalid",
			"The address of Prometheus must look like http://127.0.0.1:9090, without a user or a query.")
	}
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&o.Every, 15*time.Second)
	set(&o.Timeout, 5*time.Second)
	set(&o.Lag, 15*time.Second)
	set(&o.Back, 10*time.Minute)
	o.Every = max(o.Every.Truncate(time.Second), time.Second)
	s := &Source{o: o, base: u, carry: map[string]float64{}, phase: map[string]float64{}}
	s.status.Source, s.status.Every = s.Name(), o.Every
	s.http = &http.Client{Timeout: o.Timeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != u.Host || r.URL.Scheme != u.Scheme || len(via) > 3 {
			return http.ErrUseLastResponse // credentials go nowhere else
		}
		return nil
	}}
	return s, nil
}

// nameOf tells two servers apart in a source's name, without their address.
func nameOf(u *url.URL) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(u.Host + u.Path)) // it cannot fail
	return fmt.Sprintf("%08x", h.Sum32())
}

// Name is the name of the source's batches. It is the same on every node and after a restart, and a window's
// number is its place in time: two nodes that ask for the same window deliver it once.
func (s *Source) Name() string { return fmt.Sprintf("prometheus-%s-%s", nameOf(s.base), s.o.Every) }

// Status returns how asking goes.
func (s *Source) Status() Status {
	if t := s.told.Load(); t != nil {
		return *t
	}
	return Status{Source: s.Name(), Every: s.o.Every}
}

// Collect asks for the windows that are due and returns a batch for each one that was measured, oldest first, or a
// heartbeat when none is due or none could be measured. The error says why nothing came, in words and without a
// secret; the batches beside it still count.
func (s *Source) Collect(ctx context.Context, now time.Time, targets []Target) ([]metric.Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		t := s.status
		s.told.Store(&t)
	}()
	every := int64(s.o.Every / time.Second)
	last := now.Add(-s.o.Lag).Unix() / every * every
	s.begin(last, every)
	if len(targets) == 0 || now.Before(s.wait) || last <= s.done {
		return s.alive(now), nil
	}
	s.forget(targets)
	to := min(last, s.done+maxWindows*every)
	readings := make([]reading, len(targets))
	var err error
	for i, t := range targets {
		if readings[i], err = s.read(ctx, t, s.done, to, every); err != nil {
			s.status.Trouble = fault.MessageOf(err)
			s.wait = now.Add(min(s.o.Every, pause))
			if again, ok := retryAfter(err); ok {
				s.wait = now.Add(again)
			}
			return s.alive(now), err
		}
	}
	s.status.Heard, s.status.Trouble = now, ""
	batches := s.deliver(now, targets, readings, to, every)
	if len(batches) == 0 {
		err = fault.New(fault.Unavailable, "prometheus_blind", "%s", s.why(targets, readings))
		s.status.Trouble = fault.MessageOf(err)
		if to < last { // a whole round is blind and more is behind it: it is given up, and what is behind it asked at once
			s.give(uint64(to-s.done) / uint64(every))
			s.done = to
		} else {
			s.wait = now.Add(min(s.o.Every, pause))
		}
		return s.alive(now), err
	}
	s.beat = now
	return batches, nil
}

// begin sets where the first window is, and gives up what an outage took.
func (s *Source) begin(last, every int64) {
	back := int64(s.o.Back/time.Second) / every * every
	if s.done == 0 {
		s.done = last - back
	}
	if oldest := last - int64(maxBack/time.Second)/every*every; s.done < oldest {
		s.status.Late += uint64(oldest-s.done) / uint64(every)
		s.done = oldest
	}
}

// deliver makes batches of the whole windows up to the last one; blind windows before a whole one are passed over.
func (s *Source) deliver(now time.Time, targets []Target, readings []reading, to, every int64) []metric.Batch {
	var out []metric.Batch
	first := s.done
	for end := first + every; end <= to; end += every {
		i := int((end-first)/every) - 1
		whole := true
		for _, r := range readings {
			whole = whole && r.whole(i)
		}
		if !whole {
			continue
		}
		b := metric.Batch{
			Source: s.status.Source, Kind: metric.Prometheus, Sequence: uint64(end / every), Sent: now, Complete: end,
			Buckets: []metric.Bucket{},
		}
		for k, t := range targets {
			s.fill(&b, t, readings[k].windows[i], end-every, every)
		}
		s.give(uint64(end-every-s.done) / uint64(every))
		s.done = end
		s.status.Windows++
		out = append(out, b)
	}
	s.status.Complete = s.done
	return out
}

func (s *Source) give(windows uint64) { s.status.Blind += windows }

// alive returns a heartbeat when one is due: the last batch's number again, so that it counts nothing.
func (s *Source) alive(now time.Time) []metric.Batch {
	if now.Sub(s.beat) < heartbeat {
		return nil
	}
	s.beat = now
	every := int64(s.o.Every / time.Second)
	return []metric.Batch{{
		Source: s.status.Source, Kind: metric.Prometheus, Sequence: uint64(s.done / every), Sent: now,
		Complete: s.status.Complete, Buckets: []metric.Bucket{},
	}}
}

// why says what is missing in the newest window.
func (s *Source) why(targets []Target, readings []reading) string {
	for i, r := range readings {
		if n := len(r.windows); n > 0 && r.windows[n-1].blind != "" {
			return fmt.Sprintf("Prometheus has nothing whole of %s: %s.", targets[i].Version, r.windows[n-1].blind)
		}
	}
	return "Prometheus has no window in which every version was measured."
}
