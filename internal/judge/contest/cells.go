package contest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

// backgrounds are the worlds in which nothing is wrong with the canary: those of the statistics and some of our own.
func backgrounds() []struct {
	name string
	set  func(w *traffic.World)
} {
	return []struct {
		name string
		set  func(w *traffic.World)
	}{
		{"plain", func(*traffic.World) {}},
		{"drift", func(w *traffic.World) { w.Drift = true }},
		{"incident", func(w *traffic.World) { w.Shocks = 2 }},
		{"visitors", func(w *traffic.World) { w.Runs = true }},
		{"cold", func(w *traffic.World) { w.Cold = true }},
		{"instance", func(w *traffic.World) { w.Bursts = 6 }},
		{"instance-rare", func(w *traffic.World) { w.Bursts = 1 }},
		{"all-shared", func(w *traffic.World) { w.Drift, w.Shocks, w.Runs, w.Cold = true, 2, true, true }},
		{"daily", func(w *traffic.World) { w.Daily = 6 }},
		{"slow-nodes", func(w *traffic.World) { w.Slow = 6 }},
		{"route-mix", func(w *traffic.World) { w.Mix = true }},
		{"sticky", func(w *traffic.World) { w.Sticky = 400 }},
		{"cold-canary", func(w *traffic.World) { w.First = true }},
		{"clock-skew", func(w *traffic.World) { w.Skew = true }},
		{"retry-storm", func(w *traffic.World) { w.Retry, w.Shocks = true, 2 }},
		{"jobs", func(w *traffic.World) { w.Jobs = true }},
		{"crawlers", func(w *traffic.World) { w.Crawls = 6 }},
		{"dependency", func(w *traffic.World) { w.Step = 5 }},
		{"other-history", func(w *traffic.World) { w.Before = 0.2 }},
		{"few-sticky", func(w *traffic.World) { w.Sticky = 100 }},
		{"everything", func(w *traffic.World) {
			w.Drift, w.Shocks, w.Runs, w.Cold, w.Bursts, w.Daily = true, 2, true, true, 3, 4
		}},
	}
}

// feeds are the ways to tell the judge less than Slipway's edge does.
func feeds() map[string]Feed {
	return map[string]Feed{
		"no history": {NoHistory: true}, "no slices": {NoSlices: true}, "no slices of slow visitors": {NoSlow: true},
		"errors only": {ErrorsOnly: true}, "ten seconds a tick": {Wide: true},
		"no history, no slices": {NoHistory: true, NoSlices: true},
	}
}

// Fed are healthy cells in which the judge is told less, and such of hardly any traffic.
func Fed() []Cell {
	var out []Cell
	for name, f := range feeds() {
		for _, b := range backgrounds() {
			if !slices.Contains([]string{"plain", "all-shared", "visitors", "instance", "slow-nodes", "sticky"}, b.name) {
				continue
			}
			w := traffic.World{Rate: 100, Errors: 0.01}
			b.set(&w)
			out = append(out, Cell{Name: fmt.Sprintf("%s, 1 %%, 100/s, %s", b.name, name), World: w, Feed: f})
		}
	}
	for _, b := range backgrounds() {
		w := traffic.World{Rate: 0.5, Errors: 0.05}
		b.set(&w)
		out = append(out, Cell{Name: b.name + ", 5 %, 0.5/s", World: w})
	}
	slices.SortFunc(out, func(a, b Cell) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Healthy are the cells in which every rollback is false.
func Healthy(rivals bool) []Cell {
	var out []Cell
	for _, rate := range []float64{10, 100, 1000} {
		for _, p := range []float64{0.001, 0.01, 0.05} {
			for _, b := range backgrounds() {
				w := traffic.World{Rate: rate, Errors: p}
				b.set(&w)
				out = append(out, Cell{Name: fmt.Sprintf("%s, %g %%, %g/s", b.name, 100*p, rate), World: w, Rivals: rivals})
			}
		}
	}
	return out
}

// Goal is a cell with what it must reach.
type Goal struct {
	ID    string
	Cell  Cell
	Says  string // what is measured, in words
	Value func(r Result) float64
	Most  float64 // of Value
}

// Goals are those of the statistics, section 4, that a cell can show.
func Goals() []Goal {
	requests := func(r Result) float64 { return r.Requests }
	median := func(r Result) float64 { return r.Median }
	times := func(r Result) float64 { return r.Requests / r.Limit }
	masked := func(r Result) float64 { return (r.Median - 75) * 5 } // requests after the cold start, at 100/s and 5 %
	late := func(r Result) float64 { return r.Late }
	harm := func(r Result) float64 { return r.Harm }
	promoted := func(r Result) float64 { return 100 * r.Promoted }
	world := func(rate, p float64) traffic.World { return traffic.World{Rate: rate, Errors: p} }
	noisy := traffic.World{Rate: 100, Errors: 0.01, Drift: true, Shocks: 2, Runs: true, Cold: true}
	bursts := traffic.World{Rate: 100, Errors: 0.01, Bursts: 6}
	errs := func(r float64) traffic.Fault { return traffic.Fault{Times: r} }
	five := func(name string, w traffic.World, f traffic.Fault) Cell {
		return Cell{Name: name, World: w, Fault: f, Shares: Five, Rivals: true}
	}
	steps := func(name string, w traffic.World, f traffic.Fault) Cell {
		return Cell{Name: name, World: w, Fault: f, Rivals: f.Times > 1}
	}
	climb := func(name string, w traffic.World, f traffic.Fault) Cell {
		return Cell{Name: name, World: w, Fault: f, Shares: Adaptive}
	}
	half := traffic.Fault{Points: 0.5}
	return []Goal{
		{"G2", five("2x at 1 %", world(100, 0.01), errs(2)), "canary requests", requests, 1900},
		{"G3", five("5x at 1 %", world(100, 0.01), errs(5)), "canary requests", requests, 185},
		{"G3", five("10x at 1 %", world(100, 0.01), errs(10)), "canary requests", requests, 55},
		{"G3", five("+50 points at 1 %", world(100, 0.01), half), "canary requests", requests, 10},
		{"G4", five("2x at 0.1 %", world(1000, 0.001), errs(2)), "times the limit", times, 1.5},
		{"G4", five("5x at 0.1 %", world(1000, 0.001), errs(5)), "times the limit", times, 1.5},
		{"G4", five("2x at 5 %", world(100, 0.05), errs(2)), "times the limit", times, 1.7},
		{"G4", five("5x at 5 %", world(100, 0.05), errs(5)), "times the limit", times, 1.8},
		{"G5", steps("2x, noisy", noisy, errs(2)), "median s", median, 500},
		{"G6", steps("5x, bad instances", bursts, errs(5)), "median s", median, 100},
		{"G7", steps("3x after 30 min", world(100, 0.01), traffic.Fault{Times: 3, Onset: 1800}), "median s after it began",
			late, 60},
		{"G8", five("10 % slower", world(100, 0.01), traffic.Fault{Slower: 1.1}),
			"canary requests after the cold start", masked, 1100},
		{"G8", five("25 % slower", world(100, 0.01), traffic.Fault{Slower: 1.25}),
			"canary requests after the cold start", masked, 225},
		{"G8", five("slow route x3", world(100, 0.01), traffic.Fault{Route: 3}), "median s", median, 200},
		{"G10", climb("healthy, 100/s", world(100, 0.01), traffic.Fault{}), "median s to promote", median, 200},
		{"G10", climb("healthy, 10/s", world(10, 0.01), traffic.Fault{}), "median s to promote", median, 950},
		{"G10", climb("3x, 100/s", world(100, 0.01), errs(3)), "promoted %", promoted, 0.5},
		{"G10", climb("2x, 100/s", world(100, 0.01), errs(2)), "promoted %", promoted, 5},
		{"G10", climb("3x, 10/s", world(10, 0.01), errs(3)), "promoted %", promoted, 0.5},
		{"G10", climb("2x, 10/s", world(10, 0.01), errs(2)), "promoted %", promoted, 5},
		{"G11", five("2x, harm", world(100, 0.01), errs(2)), "failed requests too many", harm, 21.4},
		{"G11", five("5x, harm", world(100, 0.01), errs(5)), "failed requests too many", harm, 8.3},
		{"G11", five("10x, harm", world(100, 0.01), errs(10)), "failed requests too many", harm, 5.6},
	}
}
