// Package traffic is a statistical model of an application's visitors: it says, second by second, what two versions
// of it would have measured. The judge is tested, measured and simulated with it.
//
//	requests    Poisson, at a rate that follows the day and drifts when the world says so
//	failures    of single requests, in runs of one visitor, or in bursts of one instance (one visitor slice)
//	durations   log-normal around p50 with the given p95, and a slow tail of one in sixty-four
//	shocks      incidents that hit both versions: failures times ten, durations times three
//	cold start  durations two and a half times as long after each rise of the share, for a minute
//	faults      of the changed version: failures, durations, a slow route, from a second on
//
// What hits both versions is drawn once for both. A Traffic is deterministic in its seed and allocates nothing for a
// tick.
package traffic

import (
	"math"
	"math/rand/v2"

	"github.com/slipwayhq/slipway/internal/judge"
)

// World describes an application and what happens to it.
type World struct {
	Rate   float64 `json:"rate"`        // requests a second, of both versions
	Errors float64 `json:"errors"`      // part of the requests that fails, 0 to 1
	P50    float64 `json:"p50_ms"`      // of the durations, milliseconds
	P95    float64 `json:"p95_ms"`      //
	Daily  float64 `json:"daily"`       // the busiest hour's rate divided by the quietest's; 0 or 1: always the same
	Bursts float64 `json:"bursts"`      // bad instances an hour: a twentieth of the visitors fails at 30 % for 10 to 30 s
	Drift  bool    `json:"drift"`       // load, failures and durations wander together
	Shocks float64 `json:"shocks"`      // incidents an hour that hit both versions, 3 to 6 minutes each
	Runs   bool    `json:"runs"`        // half of the failures come in runs of one visitor, eight on average
	Cold   bool    `json:"cold"`        // caches of both are cold after each rise of the share
	First  bool    `json:"cold_canary"` // the changed version's caches are cold at its first minute only
	Slow   float64 `json:"slow_nodes"`  // slow instances an hour: a twentieth of the visitors waits three times as long
	Mix    bool    `json:"mix"`         // a route that fails and is slow becomes popular, and unpopular again
	Sticky int     `json:"sticky"`      // so many heavy visitors make all the requests; 0: there are very many
	Skew   bool    `json:"skew"`        // the changed version's clock is a second late
	Retry  bool    `json:"retry"`       // who sees a failure tries again at once, up to three times
	Jobs   bool    `json:"jobs"`        // two of ten minutes: twice the load, five times the failures, three times as slow
	Crawls float64 `json:"crawls"`      // crawlers an hour: one visitor with half as many requests again, for two minutes
	Step   float64 `json:"step"`        // from the twentieth minute on a dependency fails: failures times this; 0 means 1
	Before float64 `json:"before"`      // before the first visitor failures were so many times as often; 0 means 1
}

// Fault is what is wrong with the changed version. The zero value is nothing.
type Fault struct {
	Times  float64 `json:"times"`   // so many times as many failures; 0 means 1
	Points float64 `json:"points"`  // and so many of all requests on top, 0 to 1
	Slower float64 `json:"slower"`  // durations times this; 0 means 1
	Route  float64 `json:"route"`   // one request in ten takes so many times as long; 0 means 1
	Leak   float64 `json:"leak"`    // durations grow by this part of themselves each minute
	Onset  int64   `json:"onset_s"` // seconds after the first visitor
}

// None says that nothing is wrong.
func (f Fault) None() bool {
	one := func(x float64) bool { return x == 0 || x == 1 }
	return one(f.Times) && one(f.Slower) && one(f.Route) && f.Points == 0 && f.Leak == 0
}

// Traffic makes the ticks of one world. It is not safe for concurrent use.
type Traffic struct {
	w    World
	f    Fault
	bins judge.Bins
	r    *rand.Rand

	wander        float64
	shockEnd      int64
	burst, slow   spell
	running       [2]int // visitors of the stable and the changed version who fail again and again
	crawl         spell
	unmeasured    bool
	share         float64
	rose          int64
	unlucky       float64   // sticky visitors: what part of the share the canary really got
	late          judge.Arm // what the changed version did a second ago
	canary        []uint32
	stable        []uint32
	units, slowed [judge.Slices]uint32
	start         float64 // hour of the day at second 0
	bound         int     // bin from which a request is slow
	failed        float64 // what the fault did to the last second
	delayed       float64
	normal        []float64
}

// spell is a stretch in which one slice is in trouble.
type spell struct {
	until  int64
	slice  int
	canary bool
}

// New returns the traffic of a world, counting durations by bins.
func New(w World, f Fault, bins judge.Bins, seed uint64) *Traffic {
	if !(w.P50 > 0) {
		w.P50 = 80
	}
	if !(w.P95 > w.P50) {
		w.P95 = w.P50 * 217 / 80
	}
	t := &Traffic{
		w: w, f: f.sane(), bins: bins, r: rand.New(rand.NewPCG(seed, 0x51)), canary: make([]uint32, bins.Count),
		stable: make([]uint32, bins.Count), shockEnd: math.MinInt64, unlucky: 1,
		normal: make([]float64, 4096),
	}
	t.burst.until, t.slow.until, t.crawl.until = math.MinInt64, math.MinInt64, math.MinInt64
	for i := range t.normal {
		t.normal[i] = math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/float64(len(t.normal))-1)
	}
	t.start = 24 * t.r.Float64()
	t.bound = t.bin(math.Log(w.P95))
	return t
}

// Fork returns a traffic that goes on from where this one is, by a chance of its own: what came before is shared.
func (t *Traffic) Fork(f Fault, seed uint64) *Traffic {
	out := *t
	out.f = f.sane()
	out.r = rand.New(rand.NewPCG(seed, 0x52))
	out.canary, out.stable = make([]uint32, t.bins.Count), make([]uint32, t.bins.Count)
	return &out
}

// Harm is what the fault did to the changed version's requests in the last second, on average: so many failed that
// would not have, and so many took longer.
func (t *Traffic) Harm() (failed, slowed float64) { return t.failed, t.delayed }

// sane fills in what is left out.
func (f Fault) sane() Fault {
	for _, x := range []*float64{&f.Times, &f.Slower, &f.Route} {
		if *x == 0 {
			*x = 1
		}
	}
	return f
}

// poisson draws a count.
func (t *Traffic) poisson(mean float64) int {
	switch {
	case !(mean > 0):
		return 0
	case mean > 30:
		return max(int(math.Round(mean+math.Sqrt(mean)*t.r.NormFloat64())), 0)
	}
	n, p, floor := 0, t.r.Float64(), math.Exp(-mean)
	for p > floor {
		p *= t.r.Float64()
		n++
	}
	return n
}

// binomial draws how many of n happen.
func (t *Traffic) binomial(n int, p float64) int {
	mean := float64(n) * p
	switch {
	case n <= 0 || !(p > 0):
		return 0
	case p >= 1:
		return n
	case mean > 30 && mean*(1-p) > 30:
		return min(max(int(math.Round(mean+math.Sqrt(mean*(1-p))*t.r.NormFloat64())), 0), n)
	case n > 50 && p < 0.1:
		return min(t.poissonBinomial(n, p), n)
	}
	c := 0
	for range n {
		if t.r.Float64() < p {
			c++
		}
	}
	return c
}

// poissonBinomial skips from one event to the next.
func (t *Traffic) poissonBinomial(n int, p float64) int {
	c, l := 0, math.Log1p(-p)
	for at := 0; ; c++ {
		at += 1 + int(math.Log(1-t.r.Float64())/l)
		if at > n {
			return c
		}
	}
}

func (t *Traffic) bin(logMS float64) int {
	x := (logMS - math.Log(t.bins.Low)) / math.Log(t.bins.Ratio)
	return min(max(int(x), 0), t.bins.Count-1)
}

// moment is what holds for both versions in a second.
type moment struct{ load, fails, slow, route float64 }

func (t *Traffic) moment(second int64) moment {
	m := moment{1, 1, 1, 0.1}
	if t.w.Daily > 1 {
		swing := math.Log(t.w.Daily) / 2
		m.load = math.Exp(swing * math.Sin(2*math.Pi*(t.start+float64(second)/3600)/24))
	}
	if t.w.Drift {
		t.wander += 0.02*t.r.NormFloat64() - 0.001*t.wander
		at, phase := float64(second), 7.3*t.start // a canary begins anywhere in it
		m.load *= math.Exp(0.5*math.Sin(at/600+phase) + 0.3*t.wander)
		m.fails *= math.Exp(0.7 * math.Sin(at/700+1+2*phase))
		m.slow *= math.Exp(0.3 * math.Sin(at/500+3*phase))
	}
	if t.w.Shocks > 0 {
		if second >= t.shockEnd && t.r.Float64() < t.w.Shocks/3600 {
			t.shockEnd = second + 180 + t.r.Int64N(180)
		}
		if second < t.shockEnd {
			m.fails, m.slow = m.fails*10, m.slow*3
		}
	}
	if t.w.Jobs && (second%600+600)%600 < 120 {
		m.load, m.fails, m.slow = 2*m.load, 5*m.fails, 3*m.slow
	}
	if t.w.Step > 0 && second >= 1200 {
		m.fails *= t.w.Step
	}
	if t.w.Before > 0 && second < 0 {
		m.fails *= t.w.Before
	}
	if t.w.Mix {
		m.route = 0.1 + 0.4*math.Max(0, math.Sin(float64(second)/400))
	}
	return m
}

// Next fills a tick with what happens in a second of which the changed version gets the share (0 to 1; before it has
// any, 0 and a negative second). The tick's slices belong to the Traffic and hold until the next call.
func (t *Traffic) Next(second int64, share float64, into *judge.Tick) {
	m := t.moment(second)
	if share > t.share {
		t.rose = second
		if t.w.Sticky > 0 {
			t.unlucky = float64(t.binomial(t.w.Sticky, share)) / (float64(t.w.Sticky) * share)
		}
	}
	t.share = share
	t.begin(&t.burst, t.w.Bursts, 10, 21, second)
	t.begin(&t.slow, t.w.Slow, 30, 90, second)
	real := min(share*t.unlucky, 1)
	rate := t.w.Rate * m.load
	clear(t.canary)
	clear(t.stable)
	t.units, t.slowed = [judge.Slices]uint32{}, [judge.Slices]uint32{}
	c := t.arm(true, t.poisson(rate*real), share, second, m)
	s := t.arm(false, t.poisson(rate*(1-real)), share, second, m)
	t.crawls(&c, &s, rate/2, t.w.Errors*m.fails, second)
	c.New = uint64(t.binomial(int(c.Requests), 0.1))
	s.New = uint64(t.binomial(int(s.Requests), 0.1))
	if t.w.Skew {
		c, t.late = t.late, c
	}
	*into = judge.Tick{Second: second, Share: share, Canary: c, Stable: s, SliceUnits: &t.units, SliceSlow: &t.slowed}
	if share == 0 {
		into.Share = math.NaN()
	}
	into.Canary.Latency, into.Stable.Latency = t.canary, t.stable
}

// crawls adds a crawler: one visitor, who is on one side for all of a wave and counts as failed once at most.
func (t *Traffic) crawls(c, s *judge.Arm, rate, fails float64, second int64) {
	if t.w.Crawls > 0 && second >= t.crawl.until && t.r.Float64() < t.w.Crawls/3600 {
		t.crawl = spell{second + 120, -1, t.r.Float64() < t.share}
	}
	if second >= t.crawl.until {
		return
	}
	n := t.poisson(rate)
	failed := t.binomial(n, min(fails, 1))
	if t.crawl.canary {
		s = c
	}
	s.Requests += uint64(n)
	s.Errors += uint64(failed)
	if failed > 0 && t.crawl.slice < 0 {
		t.crawl.slice = t.r.IntN(judge.Slices)
		if s.Units++; !t.crawl.canary {
			t.units[t.crawl.slice]++
		}
	}
}

func (t *Traffic) begin(s *spell, perHour float64, least, spread int64, second int64) {
	if perHour > 0 && second >= s.until && t.r.Float64() < perHour/3600 {
		*s = spell{second + least + t.r.Int64N(spread), t.r.IntN(judge.Slices), t.r.Float64() < t.share}
	}
}

// arm draws one version's second.
func (t *Traffic) arm(canary bool, n int, share float64, second int64, m moment) judge.Arm {
	fails, slow, route := min(t.w.Errors*m.fails, 1), m.slow, 1.0
	part := share
	if !canary {
		part = 1 - share
	}
	part = min(1, 1.0/judge.Slices/max(part, 1e-9)) // of this version's visitors that are in one slice
	if canary {
		t.failed, t.delayed = 0, 0
	}
	if canary && second >= t.f.Onset {
		t.harms(float64(n), fails, second)
		fails = min(fails*t.f.Times+t.f.Points, 1)
		slow *= t.f.Slower * (1 + t.f.Leak*float64(second-t.f.Onset)/60)
		route = t.f.Route
	}
	if since := second - t.rose; since < 60 && share > 0 && t.w.Cold {
		slow *= 1 + 1.5*math.Pow(0.5, float64(since)/30)
	} else if canary && t.w.First && second < 60 {
		slow *= 2.5
	}
	in := func(s spell) bool { return second < s.until && s.canary == canary }
	hit := 0
	if in(t.burst) {
		hit = t.binomial(t.binomial(n, part), 0.3)
	}
	spread := 1.0
	if t.w.Runs {
		spread = 0.5
	}
	if t.w.Mix { // the popular route fails three times as often
		fails = min(fails*(1-m.route)+3*fails*m.route, 1)
	}
	single := t.binomial(n, fails*spread)
	a := judge.Arm{Requests: uint64(n), Units: uint64(single + hit), Errors: uint64(single + hit)}
	if t.w.Runs { // who is in a run fails once a second
		runs := t.poisson(float64(n) * fails * 0.5 / 8)
		stays := &t.running[0]
		if canary {
			stays = &t.running[1]
		}
		*stays = t.binomial(*stays, 7.0/8) + runs
		a.Units += uint64(runs)
		a.Errors += uint64(*stays)
	}
	if t.w.Retry {
		more := uint64(t.binomial(3*int(a.Units), 0.6))
		a.Requests += more
		a.Errors += uint64(t.binomial(int(more), fails))
	}
	a.Errors, a.Units = min(a.Errors, a.Requests), min(a.Units, a.Requests)
	late := 0.0
	if in(t.slow) {
		late = part
	}
	if canary {
		t.durations(t.canary, n, slow, route, m.route, late, nil)
		return a
	}
	for range int(a.Units) - min(hit, int(a.Units)) {
		t.units[t.r.IntN(judge.Slices)]++
	}
	t.units[t.burst.slice] += uint32(hit)
	t.durations(t.stable, n, slow, route, m.route, late, &t.slowed)
	return a
}

// harms notes what the fault does to n requests of which a part would fail without it.
func (t *Traffic) harms(n, fails float64, second int64) {
	t.failed = n * (min(fails*t.f.Times+t.f.Points, 1) - fails)
	switch {
	case t.f.Slower > 1 || t.f.Leak > 0 && second > t.f.Onset:
		t.delayed = n
	case t.f.Route > 1:
		t.delayed = n * 102 / 1024
	}
}

// Unmeasured lets what follows have no durations, or have them again; those of slow instances are always there.
func (t *Traffic) Unmeasured(on bool) { t.unmeasured = on && t.w.Slow == 0 }

// durations draws n of them.
func (t *Traffic) durations(into []uint32, n int, slow, route, popular, late float64, slices *[judge.Slices]uint32) {
	if t.unmeasured {
		return
	}
	base := math.Log(t.w.P50*slow) - math.Log(t.bins.Low)
	sigma, per := math.Log(t.w.P95/t.w.P50)/1.645, 1/math.Log(t.bins.Ratio)
	extra, more := math.Log(route), math.Log(3.0)
	mix := 0.0
	if t.w.Mix {
		mix = popular
	}
	for range n {
		u := t.r.Uint64()
		x := base + sigma*t.normal[u&4095]
		if u>>12&63 == 0 {
			x++
		}
		if route != 1 && u>>20&1023 < 102 {
			x += extra
		}
		if late > 0 && float64(u>>32&1023) < 1024*late {
			x += more
		}
		if mix > 0 && float64(u>>44&1023) < 1024*mix {
			x += 0.7
		}
		bin := 0
		if x > 0 {
			bin = min(int(x*per), len(into)-1)
		}
		into[bin]++
		if slices != nil && bin >= t.bound {
			slice := int(u >> 54 % judge.Slices)
			if late > 0 && float64(u>>32&1023) < 1024*late {
				slice = t.slow.slice
			}
			slices[slice]++
		}
	}
}

// History draws the seconds before the first visitor of the changed version and returns what is learned from them.
func (t *Traffic) History(seconds int64) judge.Background {
	h := judge.NewHistory(t.bins)
	rate := t.w.Rate
	var tick judge.Tick
	for second := -seconds; second < 0; second++ {
		t.w.Rate = rate
		t.Next(second, 0, &tick)
		h.Add(&tick)
	}
	return h.Background()
}
