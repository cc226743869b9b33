package guard

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/slipwayhq/slipway/internal/metric"
)

// world is a small simulation: requests of both versions second by second.
type world struct {
	rng   *rand.Rand
	t0    int64
	rate  float64                    // requests a second, both versions
	share func(second int64) float64 // meant, in percent
	real  func(second int64) float64 // that requests follow; nil: as meant
	fails func(second int64) (canary, stable float64)
	slow  func(second int64) (canary, stable float64) // factor on 80 ms
	ill   func(second int64) (canary, stable bool)    // of health
}

func newWorld(seed uint64) *world {
	return &world{
		rng: rand.New(rand.NewPCG(seed, 7)), t0: 1_800_000_000, rate: 100,
		share: func(int64) float64 { return 5 },
		fails: func(int64) (float64, float64) { return 0.01, 0.01 },
		slow:  func(int64) (float64, float64) { return 1, 1 },
		ill:   func(int64) (bool, bool) { return false, false },
	}
}

func (w *world) poisson(mean float64) int {
	n := 0
	for ; mean > 0; mean -= 50 { // in parts that do not underflow
		part := min(mean, 50)
		p := math.Exp(-part)
		for u, s, i := w.rng.Float64(), p, 0; u > s && i < 500; n++ {
			i++
			p *= part / float64(i)
			s += p
		}
	}
	return n
}

func (w *world) bucket(id string, second int64, mean, fails, slow float64) metric.Bucket {
	b := metric.Bucket{Deployment: id, Second: second}
	for range w.poisson(mean) {
		b.Requests++
		if w.rng.Float64() < fails {
			b.Errors++
		}
		ms := 80 * slow * math.Exp(w.rng.NormFloat64()*0.6)
		b.Latency.Add(time.Duration(ms * float64(time.Millisecond)))
	}
	return b
}

// evidence runs the world for n seconds.
func (w *world) evidence(n int64) Evidence {
	ev := Evidence{Since: time.Unix(w.t0, 0), Version: "v2", StableVersion: "v1"}
	ev.Baseline = w.bucket("v1", 0, 5000, 0.01, 1)
	for range 4 {
		ev.Baseline.Add(w.bucket("v1", 0, 500, 0.01, 1))
	}
	last := -1.0
	for i := range n {
		share := w.share(i)
		if share != last {
			ev.Shares = append(ev.Shares, ShareChange{At: time.Unix(w.t0+i, 0), Share: share})
			last = share
		}
		w.second(&ev, i, share)
	}
	w.at(&ev, n)
	return ev
}

func (w *world) second(ev *Evidence, i int64, share float64) {
	if w.real != nil {
		share = w.real(i)
	}
	fc, fs := w.fails(i)
	sc, ss := w.slow(i)
	second := w.t0 + i
	ev.Canary = append(ev.Canary, w.bucket("v2", second, w.rate*share/100, fc, sc))
	if share < 100 {
		ev.Stable = append(ev.Stable, w.bucket("v1", second, w.rate*(1-share/100), fs, ss))
	}
	if i%5 == 0 {
		ic, is := w.ill(i)
		at := time.Unix(second, 0)
		ev.CanaryHealth = append(ev.CanaryHealth, Probe{At: at, Deployment: "v2", OK: !ic, Detail: "HTTP 503"})
		ev.StableHealth = append(ev.StableHealth, Probe{At: at, Deployment: "v1", OK: !is, Detail: "HTTP 503"})
	}
}

// at ends the evidence after n seconds: what a look at that moment would see.
func (w *world) at(ev *Evidence, n int64) {
	ev.Complete = w.t0 + n
	ev.Now = time.Unix(w.t0+n, 0)
	for _, c := range ev.Shares {
		if !c.At.After(ev.Now.Add(-time.Nanosecond)) {
			ev.Share, ev.ShareSince = c.Share, c.At
		}
	}
}
