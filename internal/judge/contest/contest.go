// Package contest measures the judge: how often it takes a healthy version back, how soon it finds a faulty one, and
// what it costs, in simulated worlds, beside other ways to decide and beside the information limit.
//
// A cell is one world with one fault. Every judge of a cell sees the same ticks. `go run
// ./internal/judge/contest/cmd` prints the tables; the tests of this package hold a small part of them with fixed
// seeds.
package contest

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/slipwayhq/slipway/internal/judge"
	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

// hour is how long a canary is watched, and history how long its application was watched before.
const (
	hour    = 3600
	history = 3 * 3600
)

// Shares says how the share goes.
type Shares int

// The ways.
const (
	Steps    Shares = iota // 5, 10, 25 and 50 %, fifteen minutes each
	Five                   // 5 % throughout
	Adaptive               // as the judge says
)

// Cell is one thing to measure.
type Cell struct {
	Name   string
	World  traffic.World
	Fault  traffic.Fault
	Shares Shares
	Rivals bool // also ask the other judges
	Feed   Feed
}

// Result is how one judge did in one cell.
type Result struct {
	Judge    string  `json:"judge"`
	Runs     int     `json:"runs"`
	Back     float64 `json:"rolled_back"`   // part of the runs
	Upper    float64 `json:"upper"`         // one-sided 95 % limit of Back (Clopper and Pearson)
	Promoted float64 `json:"promoted"`      // likewise; only with Adaptive
	Median   float64 `json:"median_s"`      // to the decision; an hour when there was none
	P90      float64 `json:"p90_s"`         //
	Requests float64 `json:"requests"`      // of the canary by then, on average
	Harm     float64 `json:"harm"`          // failed requests that would not have failed, on average
	Limit    float64 `json:"limit"`         // the information limit in canary requests; 0 where there is none
	Late     float64 `json:"median_late_s"` // median after the fault began
}

// bins are those of the statistics' model.
func bins() judge.Bins { return judge.Bins{Low: 8, Ratio: 1.09, Count: 88} }

// run is one canary of one judge.
type run struct {
	at             int64
	back, promoted bool
	requests, harm float64
}

// Measure runs a cell with seeds from seed on.
func Measure(c Cell, runs int, seed uint64) []Result {
	names := []string{"slipway"}
	if c.Rivals {
		for name := range rivals() {
			names = append(names, name)
		}
		slices.Sort(names[1:])
		if c.Fault.Times > 1 {
			names = append(names, "oracle")
		}
	}
	return measure(c, names, runs, seed)
}

func measure(c Cell, names []string, n int, seed uint64) []Result {
	out := make([]Result, len(names))
	for k, list := range runs(c, names, n, seed) {
		out[k] = sum(c, names[k], list)
	}
	return out
}

// runs are n canaries for each judge.
func runs(c Cell, names []string, n int, seed uint64) [][]run {
	all := make([][]run, len(names))
	for i := range all {
		all[i] = make([]run, n)
	}
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				for k, r := range once(c, names, seed+uint64(i)) {
					all[k][i] = r
				}
			}
		})
	}
	wg.Wait()
	return all
}

// tolerable is below what the limit of the rate of false rollbacks must be.
const tolerable = 0.016

// Prove runs a healthy cell until it is proven that less than 1.6 % of its canaries are taken back, or most runs were
// made: it looks after each 300. The upper limit at each look is missed with a chance of 5 % divided by the number of
// looks there may be, so that all looks together miss it with 5 % at most, whenever it stops.
func Prove(c Cell, most int, seed uint64) Result {
	const each = 300
	looks := max(most/each, 1)
	c.Rivals = false
	var all []run
	for {
		all = append(all, runs(c, []string{"slipway"}, each, seed+uint64(len(all)))[0]...)
		r := sum(c, "slipway", all)
		r.Upper = judge.BinomialLimit(int(math.Round(r.Back*float64(r.Runs))), r.Runs, 0.05/float64(looks))
		if r.Upper <= tolerable || r.Runs >= looks*each {
			return r
		}
	}
}

// decider is a judge of a canary: what it does at the end of a tick.
type decider func(t *judge.Tick) judge.Move

func newDecider(c Cell, name string, background judge.Background) decider {
	if name == "slipway" {
		route := judge.Route{Adaptive: c.Shares == Adaptive}
		p := judge.NewPilot(judge.Settings{Bins: bins(), Background: background}, route)
		if c.Feed.ErrorsOnly {
			p.Judge().Doubt()
		}
		return p.Tick
	}
	var other rival = &oracle{ratio: c.Fault.Times}
	if open := rivals()[name]; open != nil {
		other = open()
	}
	return func(t *judge.Tick) judge.Move {
		if other.tick(t) {
			return judge.Move{Action: judge.RollBack}
		}
		return judge.Move{}
	}
}

// once runs one canary under the eyes of all judges until each has decided. With Adaptive shares there can be one only,
// because it steers.
func once(c Cell, names []string, seed uint64) []run {
	var (
		tr    = traffic.New(c.World, c.Fault, bins(), seed)
		out   = make([]run, len(names))
		all   = make([]decider, len(names))
		tick  judge.Tick
		share = 0.05
		spent run
	)
	var background judge.Background
	if slices.Contains(names, "slipway") { // the others learn nothing from what was before
		background = c.Feed.history(tr)
	}
	var sum wide
	for k, name := range names {
		all[k] = newDecider(c, name, background)
	}
	left := len(all)
	for second := int64(0); second < hour && left > 0; second++ {
		if c.Shares == Steps {
			share = [4]float64{0.05, 0.10, 0.25, 0.50}[second/900]
		}
		tr.Next(second, share, &tick)
		c.Feed.strip(&tick)
		spent.at = second + 1
		spent.requests += float64(tick.Canary.Requests)
		if second >= c.Fault.Onset {
			spent.harm += float64(tick.Canary.Requests) * (c.World.Errors*(max(c.Fault.Times, 1)-1) + c.Fault.Points)
		}
		told := &tick
		if c.Feed.Wide {
			told = &sum.sum
			if !sum.add(&tick) {
				continue
			}
		}
		for k, decide := range all {
			if decide == nil {
				continue
			}
			move := decide(told)
			out[k] = spent
			out[k].back = move.Action == judge.RollBack
			out[k].promoted = c.Shares == Adaptive && move.Action == judge.Promote
			if out[k].back || out[k].promoted {
				all[k] = nil
				left--
			} else if c.Shares == Adaptive && move.Next > 0 {
				share = move.Next
			}
		}
	}
	return out
}

func sum(c Cell, name string, runs []run) Result {
	r := Result{Judge: name, Runs: len(runs)}
	n := float64(len(runs))
	back, promoted := 0, 0
	at := make([]float64, len(runs))
	for i, x := range runs {
		at[i] = float64(x.at)
		if x.back {
			back++
		}
		if x.promoted {
			promoted++
		}
		r.Requests += x.requests / n
		r.Harm += x.harm / n
	}
	slices.Sort(at)
	r.Back, r.Promoted, r.Upper = float64(back)/n, float64(promoted)/n, judge.BinomialUpper(back, len(runs))
	r.Median, r.P90 = at[len(at)/2], at[len(at)*9/10]
	r.Late = r.Median - float64(c.Fault.Onset)
	if p := c.World.Errors*max(c.Fault.Times, 1) + c.Fault.Points; p > c.World.Errors && c.Shares == Five {
		r.Limit = judge.WaldLimit(c.World.Errors, p, 0.05, 0.01)
	}
	return r
}

// Cost is the mean time of one tick of the judge at a rate, in the middle of a canary.
func Cost(rate float64) time.Duration {
	tr := traffic.New(traffic.World{Rate: rate, Errors: 0.01}, traffic.Fault{}, bins(), 1)
	ticks := make([]judge.Tick, 200)
	for i := range ticks {
		tr.Next(int64(i), 0.05, &ticks[i])
		ticks[i].Canary.Latency = slices.Clone(ticks[i].Canary.Latency)
		ticks[i].Stable.Latency = slices.Clone(ticks[i].Stable.Latency)
		units := *ticks[i].SliceUnits
		ticks[i].SliceUnits, ticks[i].SliceSlow = &units, nil
	}
	j := judge.New(judge.Settings{Bins: bins()})
	const looks = 20000
	begin := time.Now()
	for i := range looks {
		t := ticks[i%len(ticks)]
		t.Second = int64(i)
		j.Tick(&t)
	}
	return time.Since(begin) / looks
}
