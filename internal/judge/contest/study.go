package contest

import (
	"slices"

	"github.com/slipwayhq/slipway/internal/sim/traffic"
)

// Published is a figure of the study that the judge was designed from (the project's statistics, sections 1.3 to 1.7),
// for a cell and the judges in it. Measuring them again shows that the rivals here are as strong as those there.
type Published struct {
	Cell    Cell
	Says    string // what is measured
	Value   func(r Result) float64
	Figures map[string]float64 // by the name of the judge
}

// Study are published figures at 100 requests a second and 1 % errors.
func Study() []Published {
	back := func(r Result) float64 { return 100 * r.Back }
	median := func(r Result) float64 { return r.Median }
	requests := func(r Result) float64 { return r.Requests }
	columns := []string{"thresholds", "mann-whitney", "peeking z", "multinomial", "multinomial grid", "sequential KS",
		"mSPRT", "asymptotic", "oracle"}
	none := -1.0
	row := func(name, says string, value func(r Result) float64, set func(w *traffic.World), f traffic.Fault, s Shares,
		figures ...float64) Published {
		w := traffic.World{Rate: 100, Errors: 0.01}
		set(&w)
		p := Published{Cell: Cell{Name: name, World: w, Fault: f, Shares: s}, Says: says, Value: value,
			Figures: map[string]float64{}}
		for i, x := range figures {
			if x != none {
				p.Figures[columns[i]] = x
			}
		}
		return p
	}
	healthy := func(name string, set func(w *traffic.World), figures ...float64) Published {
		return row(name, "% taken back", back, set, traffic.Fault{}, Steps, figures...)
	}
	found := func(name string, f traffic.Fault, figures ...float64) Published {
		return row(name, "median s", median, func(*traffic.World) {}, f, Steps, figures...)
	}
	return []Published{
		healthy("healthy, plain", func(*traffic.World) {}, 100, 0.3, 29, 0, 0, 0, 0, 0),
		healthy("healthy, drift", func(w *traffic.World) { w.Drift = true }, 100, 0, 72.3, 0.7, 0, 51, 38.3, 39.7),
		healthy("healthy, incident", func(w *traffic.World) { w.Shocks = 2 }, 100, 0.3, 89.7, 0, 0.3, 82, 60.3, 75.3),
		healthy("healthy, visitors", func(w *traffic.World) { w.Runs = true }, 100, 1, 74, 68, 53, 0, 26.7, 44.7),
		healthy("healthy, cold", func(w *traffic.World) { w.Cold = true }, 100, 1, 100, 0, 0, 100, 0, 0),
		healthy("healthy, instance", func(w *traffic.World) { w.Bursts = 6 }, 100, 1, 46.7, 16.3, 13, 0, 4.7, 11.3),
		found("2x", traffic.Fault{Times: 2}, 300, 600, 80, 368, none, none, 1070, 480, 212),
		found("5x", traffic.Fault{Times: 5}, 300, 600, 20, 32, none, none, 240, 70, 24),
		found("10 % slower", traffic.Fault{Slower: 1.1}, 540, 600, 40, none, none, 505),
		found("25 % slower", traffic.Fault{Slower: 1.25}, 480, 600, 10, none, none, 105),
		found("twice as slow", traffic.Fault{Slower: 2}, 300, 600, 10, none, none, 20),
		found("slow route x3", traffic.Fault{Route: 3}, 300, 600, 40, none, none, 550),
		row("2x at 5 %", "canary requests", requests, func(*traffic.World) {}, traffic.Fault{Times: 2}, Five,
			none, none, 780, 2031, 1666, none, 6989, 2655, 1336),
		row("5x at 5 %", "canary requests", requests, func(*traffic.World) {}, traffic.Fault{Times: 5}, Five,
			none, none, 77, 173, 174, none, 1190, 369, 142),
	}
}

// Again measures a published figure with the judges that it names.
func (p Published) Again(runs int, seed uint64) []Result {
	var names []string
	for name := range p.Figures {
		names = append(names, name)
	}
	slices.Sort(names)
	return measure(p.Cell, names, runs, seed)
}
